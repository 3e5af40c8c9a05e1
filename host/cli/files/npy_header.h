/* The header of a .npy file, read and written: a part of npy.c on its own. */
#ifndef CLATTN_CLI_NPY_HEADER_H
#define CLATTN_CLI_NPY_HEADER_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "cli/files/array.h"

#define NPY_WRITTEN_HEADER_SIZE 256 /* the keys, a tuple and the padding */

typedef struct npy_header {
  npy_type type;
  array_layout layout;
  int rank; /* may be above ARRAY_MOST_DIMENSIONS while it is parsed */
  size_t shape[ARRAY_MOST_DIMENSIONS];
} npy_header;

/* Reads from the beginning of the file to where the data starts. */
file_status npy_header_read(FILE *file, npy_header *h, uint64_t *data_start, const reporter *to);

/* Fills the text with all that comes before the data, in little-endian order, and returns its length. */
size_t npy_header_format(char text[NPY_WRITTEN_HEADER_SIZE], npy_type type, const size_t *shape, int rank);

#endif
