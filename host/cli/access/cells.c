/* Sets of work-items, word by word. */
#include "cli/access/cells.h"

#include <stdlib.h>

static void add(items *set, uint32_t item) {
  if (item < ITEMS_MOST) set->bits[item / 64] |= (uint64_t)1 << (item % 64);
}

static bool has(const items *set, size_t item) {
  return (set->bits[item / 64] >> (item % 64) & 1) != 0;
}

cell *cells_of(const launch *l, size_t phase, size_t index, size_t *count) {
  *count = (l->place[index].bytes + WORD_BYTES - 1) / WORD_BYTES;
  cell *cells = calloc(*count + 1, sizeof *cells);
  if (cells == NULL) return NULL;
  for (size_t i = 0; i < l->first_count; ++i) {
    const touch *t = &l->first[i];
    if (t->phase != phase || t->place != index) continue;
    for (uint64_t w = t->offset / WORD_BYTES; w <= (t->offset + t->bytes - 1) / WORD_BYTES; ++w)
      add(t->store ? &cells[w].stored : &cells[w].loaded, t->item);
  }
  return cells;
}

size_t items_count(const items *set) {
  size_t count = 0;
  for (size_t i = 0; i < ITEMS_MOST; ++i) count += has(set, i);
  return count;
}

size_t items_at(const items *set, size_t n) {
  size_t i = 0;
  for (;; ++i)
    if (has(set, i) && n-- == 0) return i;
}

bool cell_is_touched(const cell *c) {
  for (size_t i = 0; i < ITEMS_MOST / 64; ++i)
    if ((c->loaded.bits[i] | c->stored.bits[i]) != 0) return true;
  return false;
}
