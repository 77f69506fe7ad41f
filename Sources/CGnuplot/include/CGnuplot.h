// # gnuplot-iostream, seen from C
//
// gnuplot-iostream is a C++ header that turns containers into gnuplot data. Swift cannot import its class, so these
// four functions stand between the two: open a script, append text, append a block of numbers, close. They never
// throw and never print. The only caller is Sources/Plots/ScriptWriter.swift.

#ifndef CGNUPLOT_H
#define CGNUPLOT_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/// A gnuplot script that is being written.
typedef struct cgnuplot_script cgnuplot_script;

/// Opens the file at `path` for writing and empties it if it exists.
///
/// Returns NULL on failure and then sets `*message` to text that the caller frees with `free`.
cgnuplot_script *cgnuplot_open(const char *path, char **message);

/// Appends `text` unchanged.
///
/// Returns NULL, or a message that the caller frees with `free`.
char *cgnuplot_text(cgnuplot_script *script, const char *text);

/// Appends the named datablock `$name << e … e`, seven significant digits a number.
///
/// `values` is row-major with `columns` numbers in each row. `rows[i]` is the number of rows in block i of `blocks`. An
/// empty line separates two blocks, which gnuplot draws as a gap. NaN is written as `nan`.
/// Returns NULL, or a message that the caller frees with `free`.
char *cgnuplot_data(cgnuplot_script *script, const char *name, const double *values, size_t columns,
                    const size_t *rows, size_t blocks);

/// Flushes, closes the file and frees `script`, which must not be used again whatever is returned.
///
/// Returns NULL, or a message that the caller frees with `free`: the file is then incomplete (a full disk).
char *cgnuplot_close(cgnuplot_script *script);

#ifdef __cplusplus
}
#endif

#endif
