// See include/cmpi.h. A message of MPI has at most INT_MAX elements, and the offsets of the collective functions are
// ints as well. So long messages go in pieces: broadcasts piece by piece, everything else as single messages between
// pairs of ranks, of which MPI allows any number at a time.

#ifdef MOHAWK_MPI

#include "cmpi.h"

#include <limits.h>
#include <mpi.h>
#include <stdlib.h>
#include <string.h>

// The bytes that one call of MPI sends at most; less than INT_MAX.
static size_t piece = (size_t)1 << 30;

// How many messages of cmpi_send can be on their way.
enum { pending_limit = 8 };

#define TRY(call)                                                                                                      \
  do {                                                                                                                 \
    int code_ = (call);                                                                                                \
    if (code_ != MPI_SUCCESS) return code_;                                                                            \
  } while (0)

int cmpi_init(void) {
  int provided = 0;
  // Before MPI_Init errors are fatal whatever is asked for; the launcher then says what failed.
  TRY(MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided));
  if (provided < MPI_THREAD_FUNNELED) return MPI_ERR_OTHER;
  return MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
}

static int settle(int slot);

int cmpi_finalize(void) {
  for (int slot = 0; slot < pending_limit; slot++) TRY(settle(slot));
  return MPI_Finalize();
}

void cmpi_abort(int status) {
  int started = 0;
  if (MPI_Initialized(&started) == MPI_SUCCESS && started) MPI_Abort(MPI_COMM_WORLD, status);
  _Exit(status);
}

int cmpi_rank(int *rank) { return MPI_Comm_rank(MPI_COMM_WORLD, rank); }
int cmpi_size(int *size) { return MPI_Comm_size(MPI_COMM_WORLD, size); }

static void copy_text(const char *from, char *text, size_t capacity) {
  size_t count = strcspn(from, "\n,");
  if (capacity == 0) return;
  if (count > capacity - 1) count = capacity - 1;
  memcpy(text, from, count);
  text[count] = 0;
}

int cmpi_library(char *text, size_t capacity) {
  char version[MPI_MAX_LIBRARY_VERSION_STRING];
  int length = 0;
  TRY(MPI_Get_library_version(version, &length));
  for (char *c = version; *c; c++) {
    if (*c == '\t') *c = ' ';
  }
  copy_text(version, text, capacity);
  return MPI_SUCCESS;
}

void cmpi_error_text(int code, char *text, size_t capacity) {
  char words[MPI_MAX_ERROR_STRING];
  int length = 0;
  if (MPI_Error_string(code, words, &length) != MPI_SUCCESS) strcpy(words, "unknown error of MPI");
  copy_text(words, text, capacity);
}

void cmpi_cut_messages(size_t bytes) { piece = bytes; }

int cmpi_barrier(void) { return MPI_Barrier(MPI_COMM_WORLD); }

int cmpi_broadcast(void *bytes, size_t count, int root) {
  char *next = bytes;
  while (count > 0) {
    size_t now = count < piece ? count : piece;
    TRY(MPI_Bcast(next, (int)now, MPI_BYTE, root, MPI_COMM_WORLD));
    next += now;
    count -= now;
  }
  return MPI_SUCCESS;
}

// ## Messages between pairs
//
// All messages of one exchange are begun, then waited for.

struct messages {
  MPI_Request *requests;
  int count, capacity;
};

static int add(struct messages *all, void *bytes, size_t count, int other, int sends) {
  char *next = bytes;
  while (count > 0) {
    size_t now = count < piece ? count : piece;
    if (all->count == all->capacity) {
      int capacity = 2 * all->capacity + 16;
      MPI_Request *requests = realloc(all->requests, (size_t)capacity * sizeof *requests);
      if (!requests) return MPI_ERR_NO_MEM;
      all->requests = requests;
      all->capacity = capacity;
    }
    // Messages between two ranks with one tag arrive in the order in which they were sent, so that pieces fit.
    MPI_Request *request = all->requests + all->count;
    TRY(sends ? MPI_Isend(next, (int)now, MPI_BYTE, other, 0, MPI_COMM_WORLD, request)
              : MPI_Irecv(next, (int)now, MPI_BYTE, other, 0, MPI_COMM_WORLD, request));
    all->count++;
    next += now;
    count -= now;
  }
  return MPI_SUCCESS;
}

static int wait_for(struct messages *all, int code) {
  if (code == MPI_SUCCESS) code = MPI_Waitall(all->count, all->requests, MPI_STATUSES_IGNORE);
  free(all->requests);
  return code;
}

int cmpi_alltoall(
    const void *out, const size_t *out_counts, const size_t *out_offsets, void *in, const size_t *in_counts,
    const size_t *in_offsets) {
  int rank = 0, size = 0;
  TRY(cmpi_rank(&rank));
  TRY(cmpi_size(&size));
  struct messages all = {0};
  int code = MPI_SUCCESS;
  // Each rank begins with its neighbour, so that not all of them send to rank 0 first.
  for (int step = 1; step < size && code == MPI_SUCCESS; step++) {
    int from = (rank - step + size) % size;
    code = add(&all, (char *)in + in_offsets[from], in_counts[from], from, 0);
  }
  for (int step = 1; step < size && code == MPI_SUCCESS; step++) {
    int to = (rank + step) % size;
    code = add(&all, (char *)out + out_offsets[to], out_counts[to], to, 1);
  }
  if (out_counts[rank] > 0) memcpy((char *)in + in_offsets[rank], (char *)out + out_offsets[rank], out_counts[rank]);
  return wait_for(&all, code);
}

int cmpi_gather(const void *mine, void *all, const size_t *counts, const size_t *offsets, int root) {
  int rank = 0, size = 0;
  TRY(cmpi_rank(&rank));
  TRY(cmpi_size(&size));
  struct messages messages = {0};
  int code = MPI_SUCCESS;
  if (rank == root) {
    for (int from = 0; from < size && code == MPI_SUCCESS; from++) {
      if (from != root) code = add(&messages, (char *)all + offsets[from], counts[from], from, 0);
    }
    if (counts[rank] > 0) memcpy((char *)all + offsets[rank], mine, counts[rank]);
  } else {
    code = add(&messages, (void *)mine, counts[rank], root, 1);
  }
  return wait_for(&messages, code);
}

// ## Messages that nobody waits for
//
// Their tag distinguishes them from those of an exchange.

static struct {
  MPI_Request request;
  void *bytes;
} pending[pending_limit];
static int next_pending;

// Waits until a message has left, and frees its bytes.
static int settle(int slot) {
  if (!pending[slot].bytes) return MPI_SUCCESS;
  int code = MPI_Wait(&pending[slot].request, MPI_STATUS_IGNORE);
  free(pending[slot].bytes);
  pending[slot].bytes = NULL;
  return code;
}

int cmpi_send(const void *bytes, size_t count, int other) {
  const char *next = bytes;
  while (count > 0) {
    size_t now = count < piece ? count : piece;
    int slot = next_pending;
    TRY(settle(slot));
    void *copy = malloc(now);
    if (!copy) return MPI_ERR_NO_MEM;
    memcpy(copy, next, now);
    pending[slot].bytes = copy;
    TRY(MPI_Isend(copy, (int)now, MPI_BYTE, other, 1, MPI_COMM_WORLD, &pending[slot].request));
    next_pending = (slot + 1) % pending_limit;
    next += now;
    count -= now;
  }
  return MPI_SUCCESS;
}

int cmpi_receive(void *bytes, size_t count, int other) {
  char *next = bytes;
  while (count > 0) {
    size_t now = count < piece ? count : piece;
    TRY(MPI_Recv(next, (int)now, MPI_BYTE, other, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
    next += now;
    count -= now;
  }
  return MPI_SUCCESS;
}

// Whether the counts and offsets of all ranks are ints, and no message is too long for one call.
static int fits(const size_t *counts, const size_t *offsets, int size) {
  for (int rank = 0; rank < size; rank++) {
    if (counts[rank] > piece || offsets[rank] > INT_MAX) return 0;
  }
  return 1;
}

int cmpi_allgather(const void *mine, void *all, const size_t *counts, const size_t *offsets) {
  int rank = 0, size = 0;
  TRY(cmpi_rank(&rank));
  TRY(cmpi_size(&size));
  if (!fits(counts, offsets, size)) {
    // The libraries' own algorithms send less over slow links, but cannot be used here: each rank broadcasts its part.
    if (counts[rank] > 0) memmove((char *)all + offsets[rank], mine, counts[rank]);
    for (int from = 0; from < size; from++) TRY(cmpi_broadcast((char *)all + offsets[from], counts[from], from));
    return MPI_SUCCESS;
  }
  int *int_counts = malloc(2 * (size_t)size * sizeof *int_counts);
  if (!int_counts) return MPI_ERR_NO_MEM;
  int *int_offsets = int_counts + size;
  for (int from = 0; from < size; from++) {
    int_counts[from] = (int)counts[from];
    int_offsets[from] = (int)offsets[from];
  }
  int code = MPI_Allgatherv(mine, (int)counts[rank], MPI_BYTE, all, int_counts, int_offsets, MPI_BYTE, MPI_COMM_WORLD);
  free(int_counts);
  return code;
}

#else

// Without the package trait MPI nothing calls these functions, and there are no headers to compile them with.
typedef int cmpi_is_absent;

#endif
