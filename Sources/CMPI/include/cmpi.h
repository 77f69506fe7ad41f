// The part of MPI that `Communication` uses, as plain functions over bytes.
//
// MPI's handles (MPI_COMM_WORLD, MPI_BYTE, MPI_Op) are macros, which Swift cannot import, and differ from one MPI to
// another. Here they stay inside. All functions act on all ranks of the program and have to be called by all of
// them, except cmpi_abort. Sizes and offsets are in bytes and may be above 2^31, the limit of an int.
//
// Each function returns 0, or the error code of MPI, for which cmpi_error_text has words: an error is returned and
// does not end the program. They are there only in a build with the package trait MPI.

#ifndef CMPI_H
#define CMPI_H

#include <stddef.h>

// Starts MPI, for calls from one thread at a time; to be called once, by the thread that makes all other calls.
int cmpi_init(void);
// Ends MPI; the program goes on.
int cmpi_finalize(void);
// Ends all ranks at once with an exit status; may be called from any thread, and before
// cmpi_init, when it ends this rank. Does not return.
void cmpi_abort(int status);

// The number of this rank, counted from 0, and the number of all ranks.
int cmpi_rank(int *rank);
int cmpi_size(int *size);
// The name and version of the library, such as "Open MPI v4.1.4", at most `capacity` bytes with the closing zero.
int cmpi_library(char *text, size_t capacity);
// What an error code means, at most `capacity` bytes with the closing zero.
void cmpi_error_text(int code, char *text, size_t capacity);

// Cuts what is sent into messages of at most so many bytes, 1 to 2^30: for tests, by all ranks and before the first
// message. Without it they have 2^30.
void cmpi_cut_messages(size_t bytes);
// Waits until all ranks have called it.
int cmpi_barrier(void);
// Copies `count` bytes of rank `root` to all ranks.
int cmpi_broadcast(void *bytes, size_t count, int root);
// Every rank gets what all ranks give: rank r gives `mine`, of counts[r] bytes, which goes to all + offsets[r].
int cmpi_allgather(const void *mine, void *all, const size_t *counts, const size_t *offsets);
// The same for rank `root` alone; `all` is not used on other ranks.
int cmpi_gather(const void *mine, void *all, const size_t *counts, const size_t *offsets, int root);
// Every rank sends bytes of its own to every other: out + out_offsets[q] goes to rank q, and what rank q sends here
// goes to in + in_offsets[q].
int cmpi_alltoall(
    const void *out, const size_t *out_counts, const size_t *out_offsets, void *in, const size_t *in_counts,
    const size_t *in_offsets);

// Sends `count` bytes to rank `other`. The bytes are copied, and the call does not wait until they are received, unless
// eight earlier messages are still on their way.
int cmpi_send(const void *bytes, size_t count, int other);
// Waits for the next `count` bytes that rank `other` has sent here with cmpi_send.
int cmpi_receive(void *bytes, size_t count, int other);

#endif
