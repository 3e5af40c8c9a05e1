/* The types of elements in files, and their conversion: widened to float when read, rounded when
 * written.
 *
 * Bits are passed as numbers; readers and writers of files handle the byte order. A NaN stays a
 * NaN, with as much of its payload as fits. / */
#ifndef CLATTN_CLI_ELEMENT_H
#define CLATTN_CLI_ELEMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum npy_type {
  NPY_F4,
  NPY_F8,
  NPY_F2,   /* IEEE binary16, "half" */
  NPY_BF16, /* the upper half of a float; NumPy has no such type, so .npy files hold it as '<u2' */
  NPY_BOOL, /* one byte, 0 or 1 */
  NPY_I4,   /* whole numbers: only integers.h reads them */
  NPY_I8
} npy_type;

size_t element_bytes(npy_type type);
const char *element_name(npy_type type); /* "f4", "bfloat16", ... */

/* Converts to float, exactly except for f8, which is rounded to nearest; whole numbers are not converted. False for a
 * finite f8 beyond FLT_MAX and for a bool that is neither 0 nor 1. */
bool element_widen(npy_type type, uint64_t bits, float *element);

/* The bits of the nearest value, ties to even; inf beyond the largest. The type is NPY_F4,
 * NPY_F2 or NPY_BF16. */
uint32_t element_round(npy_type type, float element);

#endif
