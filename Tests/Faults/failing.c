/* A disk that fails once.

   Loaded before the C library (LD_PRELOAD), this counts the calls by which a program changes files, and lets one of them
   fail: the call number FAULT_AT, from 1, of the program named FAULT_PROGRAM; with FAULT_STAYS set also all after it, as
   on a disk that is full. Writes count if they go to a regular file, so that terminals and pipes stay as they are; of
   many in a row to one file, such as the rows of a figure, the first, second, fourth, eighth and so on, or with
   FAULT_EACH set each.
   What cannot be removed stays, and is no half file: `unlink` never fails here. The file FAULT_MARK appears when a call
   has failed. Used by faults.py. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_long calls;
static long fails_at;
static int stays, each;

__attribute__((constructor)) static void begin(void) {
  const char *program = getenv("FAULT_PROGRAM"), *at = getenv("FAULT_AT");
  if (!program || !at || strcmp(program, program_invocation_short_name)) return;
  fails_at = atol(at);
  stays = getenv("FAULT_STAYS") != NULL;
  each = getenv("FAULT_EACH") != NULL;
}

/* Whether this call is one that fails, with `error` in errno. */
static int fails(int error) {
  if (!fails_at) return 0;
  long call = atomic_fetch_add(&calls, 1) + 1;
  if (call != fails_at && !(stays && call > fails_at)) return 0;
  const char *mark = getenv("FAULT_MARK");
  if (mark && call == fails_at) {
    long file = syscall(SYS_openat, AT_FDCWD, mark, O_WRONLY | O_CREAT, 0666);
    if (file >= 0) syscall(SYS_close, file);
  }
  errno = error;
  return 1;
}

/* Whether a write to this file is one of those that count. */
static int write_counts(int file) {
  static atomic_ulong last, in_a_row;
  struct stat status;
  if (fstat(file, &status) != 0 || !S_ISREG(status.st_mode)) return 0;
  if (atomic_exchange(&last, status.st_ino) != status.st_ino) in_a_row = 0;
  unsigned long place = ++in_a_row;
  /* A disk that is full refuses every write. */
  return each || (stays && fails_at && calls >= fails_at) || (place & (place - 1)) == 0;
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t write(int file, const void *bytes, size_t count) {
  if (write_counts(file) && fails(ENOSPC)) return -1;
  return NEXT(write)(file, bytes, count);
}

ssize_t pwrite(int file, const void *bytes, size_t count, off_t place) {
  if (write_counts(file) && fails(ENOSPC)) return -1;
  return NEXT(pwrite)(file, bytes, count, place);
}

ssize_t writev(int file, const struct iovec *parts, int count) {
  if (write_counts(file) && fails(ENOSPC)) return -1;
  return NEXT(writev)(file, parts, count);
}

int fsync(int file) {
  if (fails(EIO)) return -1;
  return NEXT(fsync)(file);
}

int ftruncate(int file, off_t length) {
  if (fails(ENOSPC)) return -1;
  return NEXT(ftruncate)(file, length);
}

int rename(const char *from, const char *to) {
  if (fails(EACCES)) return -1;
  return NEXT(rename)(from, to);
}

int mkdir(const char *path, mode_t mode) {
  if (fails(EACCES)) return -1;
  return NEXT(mkdir)(path, mode);
}

/* Only files that are made or written count. */
#define OPENS(name, given)                                              \
  mode_t mode = 0;                                                          \
  if (flags & O_CREAT) {                                                    \
    va_list rest;                                                           \
    va_start(rest, flags);                                                  \
    mode = va_arg(rest, mode_t);                                            \
    va_end(rest);                                                           \
  }                                                                         \
  if ((flags & (O_WRONLY | O_RDWR | O_CREAT)) && strncmp(path, "/dev/", 5) && fails(ENOSPC)) return -1; \
  return NEXT(name) given;

int open(const char *path, int flags, ...) { OPENS(open, (path, flags, mode)) }
int open64(const char *path, int flags, ...) { OPENS(open64, (path, flags, mode)) }
int openat(int folder, const char *path, int flags, ...) { OPENS(openat, (folder, path, flags, mode)) }

/* gnuplot writes its pictures through a stream, whose writes do not pass through `write`. */
#include <stdio.h>
size_t fwrite(const void *bytes, size_t size, size_t count, FILE *stream) {
  if (write_counts(fileno(stream)) && fails(ENOSPC)) return 0;
  return NEXT(fwrite)(bytes, size, count, stream);
}

int fputs(const char *text, FILE *stream) {
  if (write_counts(fileno(stream)) && fails(ENOSPC)) return EOF;
  return NEXT(fputs)(text, stream);
}

FILE *fopen(const char *path, const char *mode) {
  if (mode[0] != 'r' && fails(ENOSPC)) return NULL;
  return NEXT(fopen)(path, mode);
}
