/* Helpers for computing sizes. */
#ifndef CLATTN_SIZES_H
#define CLATTN_SIZES_H

#include <stddef.h>

static inline size_t clattn_smaller(size_t a, size_t b) {
  return a < b ? a : b;
}

static inline size_t clattn_larger(size_t a, size_t b) {
  return a > b ? a : b;
}

/* The number of groups of `group_size` elements that hold all elements; the last may be partly
 * empty. */
static inline size_t clattn_groups_of(size_t elements, size_t group_size) {
  return (elements + group_size - 1) / group_size;
}

#endif
