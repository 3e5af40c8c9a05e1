/* Reads and writes the header of a .npy file, for npy.c. */
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
  int rank; /* may exceed ARRAY_MOST_DIMENSIONS during parsing */
  size_t shape[ARRAY_MOST_DIMENSIONS];
  bool integers; /* set before reading: whole numbers are wanted, and nothing else; else all else */
} npy_header;

/* Reads from the beginning of the file to the start of the data; *h is zeros but for `integers`. */
file_status npy_header_read(byte_source *source, npy_header *h, const reporter *to);

/* Counts the elements, each of `bytes` bytes in memory. Refuses a shape that memory cannot hold, and data that are more
 * or less than the shape needs; the source, of file_bytes, is at their start. */
file_status npy_header_count(const npy_header *h, size_t bytes, const byte_source *source, uint64_t file_bytes,
                             size_t *count, const reporter *to);

/* Fills the text with everything before the data, for little-endian order, and returns its
 * length. */
size_t npy_header_format(char text[NPY_WRITTEN_HEADER_SIZE], npy_type type, const size_t *shape, int rank);

#endif
