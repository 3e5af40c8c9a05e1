/* Reads and writes NumPy's .npy files for the command-line program.
 *
 * The reader takes format versions 1.0, 2.0 and 3.0, elements '<f4', '>f4', '<f8', '>f8', '<f2', '>f2' or '|b1', '<u2'
 * as the bits of bfloat16, C or Fortran order and 0 to 4 dimensions, and always delivers float in C order. It trusts no
 * byte of the file: whatever numpy.load refuses with allow_pickle=False is refused here too, and so is some of what
 * numpy.load takes: other element types, a bool of neither 0 nor 1, bytes after the data, a key given twice, unusual
 * spellings of the header, a header of more than 10,000 bytes.
 *
 * It does not read .npz archives, pipes or standard input, and it maps no file into memory.
 */
#ifndef CLATTN_NPY_H
#define CLATTN_NPY_H

#include <stddef.h>

#include "cli/files/array.h"

/* All calls fill `message` (may be NULL) on failure: path, what is wrong, which value, what is allowed. */

/* Fills *out; free it with array_free. After a failure it is empty and nothing needs to be freed. f8 is rounded to the
 * nearest float, the others are widened exactly; NaN and Inf are kept. */
file_status npy_read(const char *path, array *out, char *message, size_t message_size);

/* Writes version 1.0, '<f4', '<f2' or, for bfloat16, '<u2', to a file beside `path` that then takes its name: a reader
 * never sees half a file. Elements are rounded as element_round does. After a failure `path` is as it was and the other
 * is gone. `data` may be NULL when the shape has no elements, `shape` when rank is 0. */
file_status npy_write(const char *path, npy_type type, const float *data, const size_t *shape, int rank, char *message,
                      size_t message_size);

/* Whether npy_write could write to `path`, found out by making a file beside it; nothing stays behind. */
file_status npy_try_write(const char *path, char *message, size_t message_size);

#endif
