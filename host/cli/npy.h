/* Reads and writes NumPy's .npy files for the command-line program.
 *
 * The reader takes format versions 1.0, 2.0 and 3.0, elements '<f4', '>f4', '<f8' or '>f8', C or Fortran order and 0 to
 * 4 dimensions, and always delivers float in C order. It trusts no byte of the file: whatever numpy.load refuses with
 * allow_pickle=False is refused here too, and so is some of what numpy.load takes: other element types, bytes after the
 * data, a key given twice, unusual spellings of the header, a header of more than 10,000 bytes.
 *
 * It does not read .npz archives, pipes or standard input, and it maps no file into memory.
 */
#ifndef CLATTN_NPY_H
#define CLATTN_NPY_H

#include <stddef.h>

#define NPY_MOST_DIMENSIONS 4

typedef enum npy_status {
  NPY_OK = 0,
  NPY_CANNOT_OPEN,    /* missing, not allowed, or not a regular file */
  NPY_READ_FAILED,    /* the file was opened, but reading it failed */
  NPY_NOT_NPY,        /* the first bytes are not those of a .npy file */
  NPY_BAD_HEADER,     /* the header is not what NumPy would write */
  NPY_UNSUPPORTED,    /* fine for NumPy, but of a version, element type or rank that is not handled here */
  NPY_TRUNCATED,      /* the file ends too early */
  NPY_TRAILING_BYTES, /* the file goes on after the data */
  NPY_TOO_LARGE,      /* the header is too long, or no memory could hold the shape */
  NPY_OUT_OF_RANGE,   /* a finite f8 that a float cannot hold */
  NPY_OUT_OF_MEMORY,  /* malloc failed */
  NPY_WRITE_FAILED    /* the file could not be created, written or given its name */
} npy_status;

typedef struct npy_array {
  float *data;                       /* row-major, without padding; after NPY_OK not NULL, even without elements */
  size_t count;                      /* of elements: the product of the shape, 1 for rank 0 */
  size_t shape[NPY_MOST_DIMENSIONS]; /* as many entries as rank; the others are 0 */
  int rank;
} npy_array;

/* Both calls fill `message` (may be NULL) on failure: path, what is wrong, which value, what is allowed. */

/* Fills *array; free it with npy_free. After a failure it is empty and nothing needs to be freed. f8 is rounded to the
 * nearest float; NaN and Inf are kept. */
npy_status npy_read(const char *path, npy_array *array, char *message, size_t message_size);

/* Writes version 1.0, f4 in the byte order of this machine, to `path`.part, which then takes the name `path`: a reader
 * never sees half a file. After a failure `path` is as it was and `path`.part is gone. `data` may be NULL when the
 * shape has no elements, `shape` when rank is 0. */
npy_status npy_write(const char *path, const float *data, const size_t *shape, int rank, char *message,
                     size_t message_size);

/* Whether npy_write could write to `path`, found out by trial under the temporary name; nothing stays behind. */
npy_status npy_try_write(const char *path, char *message, size_t message_size);

/* Frees the data and empties the array; NULL and an empty array are fine. */
void npy_free(npy_array *array);

#endif
