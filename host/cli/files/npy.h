/* Reads and writes NumPy's .npy files.
 *
 * The reader accepts format versions 1.0, 2.0 and 3.0, elements '<f4', '>f4', '<f8', '>f8',
 * '<f2', '>f2' or '|b1', '<u2' as the bits of bfloat16, C or Fortran order and 0 to 4
 * dimensions, and always delivers float in C order. It trusts no byte of the file. It refuses
 * everything that numpy.load refuses with allow_pickle=False, and also: other element types, a
 * bool that is neither 0 nor 1, bytes after the data, a key given twice, unusual spellings of
 * the header, a header of more than 10,000 bytes.
 *
 * It does not read pipes or standard input; npz.h reads archives of such files. / */
#ifndef CLATTN_NPY_H
#define CLATTN_NPY_H

#include <stddef.h>

#include "cli/files/array.h"

/* All calls fill `message` (may be NULL) on failure: path, what is wrong, which value, what is allowed. */

/* Fills *out; free it with array_free. After a failure it is empty and nothing needs to be freed. f8 is rounded to the
 * nearest float, the others are widened exactly; NaN and Inf are kept. */
file_status npy_read(const char *path, array *out, char *message, size_t message_size);

/* The same from the beginning of a source of that many bytes. After a failure *out may have data to free. */
file_status npy_read_source(byte_source *source, uint64_t bytes, array *out, const reporter *to);

/* Writes version 1.0, '<f4', '<f2' or, for bfloat16, '<u2', to a second file that is then
 * renamed to `path`, so that readers never see half a file. Elements are rounded as
 * element_round does. After a failure `path` is unchanged and the second file is removed. `data`
 * may be NULL when the shape has no elements, `shape` when rank is 0. */
file_status npy_write(const char *path, npy_type type, const float *data, const size_t *shape, int rank, char *message,
                      size_t message_size);

/* Tries whether npy_write could write to `path`, by making the second file and removing it. */
file_status npy_try_write(const char *path, char *message, size_t message_size);

#endif
