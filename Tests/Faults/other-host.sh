#!/usr/bin/env bash
# What ssh would do for mpirun, where the hosts are network namespaces of this machine: runs a command on one of them.
# The name of a host is its address; its namespace is named after the last part.
set -euo pipefail
host=$1
shift
exec ip netns exec "mohawk-${host##*.}" bash -c "$*"
