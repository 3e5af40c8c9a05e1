/* Who touched which word of a place, in one phase of the first work-group. */
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

/* One for each word; malloc'ed, NULL without memory. */
cell *cells_of(const launch *launch, size_t phase, size_t index, size_t *count);

size_t items_count(const items *items);
/* The n-th of them. */
size_t items_at(const items *items, size_t n);
bool cell_is_touched(const cell *cell);

#endif
