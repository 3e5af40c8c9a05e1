/* Whole numbers from a .npy file: '<i4', '>i4', '<i8' or '>i8', in C order, each within 32 bits. All else is as in
 * npy.h. */
#ifndef CLATTN_CLI_INTEGERS_H
#define CLATTN_CLI_INTEGERS_H

#include "cli/files/array.h"

typedef struct integers {
  int32_t *data; /* row-major; not NULL after reading */
  size_t count;
  size_t shape[ARRAY_MOST_DIMENSIONS];
  int rank;
} integers;

/* Fills *out; free its data. After a failure it is empty, and the message says what is wrong. */
file_status integers_read(const char *path, integers *out, char *message, size_t message_size);

#endif
