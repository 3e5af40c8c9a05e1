/* An array read from a file: always float, in C order, with 0 to 4 dimensions. */
#ifndef CLATTN_CLI_ARRAY_H
#define CLATTN_CLI_ARRAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "cli/files/element.h"
#include "cli/files/file.h"

#define ARRAY_MOST_DIMENSIONS 4
#define ARRAY_TUPLE_SIZE 96 /* a tuple of four 20-digit numbers */

typedef struct array {
  float *data;                         /* row-major, without padding; not NULL after reading, even without elements */
  size_t count;                        /* number of elements: the product of the shape, 1 for rank 0 */
  size_t shape[ARRAY_MOST_DIMENSIONS]; /* as many entries as rank; the others are 0 */
  int rank;
  npy_type type; /* of the elements in the file */
} array;

/* Frees the data and empties the array; NULL and an empty array are fine. */
void array_free(array *a);

/* ---- for readers and writers of files -------------------------------------------------------------------------- */

/* *count becomes the product of the shape; false if no memory could hold so many elements of
 * item_bytes. As in NumPy this is also checked when another dimension is 0. */
bool array_count(const size_t *shape, int rank, size_t item_bytes, size_t *count);

/* Writes the values as Python writes a tuple: "()", "(3,)", "(3, 4)". */
void array_format_tuple(char text[ARRAY_TUPLE_SIZE], const size_t *values, int rank);

/* The order of bytes and elements in the file. */
typedef struct array_layout {
  bool big_endian;
  bool fortran_order;
} array_layout;

/* Allocates the data and reads it. The caller has set the other fields and checked that the source
 * is long enough. */
file_status array_read(array *a, byte_source *source, array_layout layout, const reporter *to);

#endif
