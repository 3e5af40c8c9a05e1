/* Which work-items accessed which word of an array, in one phase of the first work-group. */
#ifndef CLATTN_ACCESS_CELLS_H
#define CLATTN_ACCESS_CELLS_H

#include "recorder/launch.h"

enum { ITEMS_MOST = 1024 };

/* A set of work-items. */
typedef struct items {
  uint64_t bits[ITEMS_MOST / 64];
} items;

typedef struct cell {
  items loaded, stored;
} cell;

/* One cell per word, to be freed; NULL without memory. */
cell *cells_of(const launch *launch, size_t phase, size_t index, size_t *count);

size_t items_count(const items *items);
/* The n-th item of the set. */
size_t items_at(const items *items, size_t n);
bool cell_is_touched(const cell *cell);

#endif
