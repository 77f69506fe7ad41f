/* What the compiler notes while it builds: which line uses or declares what.
 *
 * libIndexStore.so of the toolchain reads such notes. It is opened when it is needed, since no header comes with it. */

#ifndef CINDEXSTORE_H
#define CINDEXSTORE_H

#include <stdbool.h>
#include <stdint.h>

/* A name in a source file: an absolute path, a line and a column from 1, the declaration it means by its USR and its
 * name, and whether it declares it here. */
typedef void (*cindexstore_visit)(void *context, const char *file, unsigned line, unsigned column, const char *usr,
                                  const char *name, bool declares);

/* Calls `visit` for every name in the sources below a folder that the notes in `store` know, in no order, some more than
 * once. Returns NULL, or a sentence about what went wrong, which the caller frees. */
char *cindexstore_each(const char *library, const char *store, const char *folder, cindexstore_visit visit,
                       void *context);

#endif
