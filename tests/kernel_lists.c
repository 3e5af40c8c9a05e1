/* Lists of kernels, from the catalogue. */
#include "kernel_lists.h"

#include <stdio.h>
#include <string.h>

bool kernel_is_ours(const clattn_kernel *row) {
  return !row->library && !row->matrix_unit;
}

bool kernel_has_tiles(const clattn_kernel *row) {
  return kernel_is_ours(row) && row->tile[0].name != NULL;
}

bool kernel_needs_little(const clattn_kernel *row) {
  return kernel_is_ours(row) && (row->needs & ~(unsigned)CLATTN_NEEDS_LOCAL_MEMORY) == 0;
}

static bool is_for_gpus(const clattn_kernel *row) {
  return row->target == CLATTN_TARGET_GPU && !row->few_rows && kernel_needs_little(row);
}

bool kernel_is_default_of_gpus(const clattn_kernel *row) {
  const clattn_kernel *other;
  for (size_t i = 0; (other = clattn_catalog_at(i)) != NULL; ++i)
    if (other->stage == row->stage && is_for_gpus(other) && other->priority > row->priority) return false;
  return is_for_gpus(row);
}

/* ---- tile sizes -------------------------------------------------------------------------------------------------- */

static size_t valid_count(const clattn_tile *tile) {
  size_t count = 0;
  while (count < CLATTN_VALID_MOST && tile->valid[count] != 0) ++count;
  return count;
}

/* How often a kernel is in a list: with SIZES_TURNED as often as the tile with the most values
 * has values. */
static size_t times_of(const clattn_kernel *row, kernel_sizes sizes) {
  size_t most = 0;
  if (sizes != SIZES_TURNED) return 1;
  for (size_t t = 0; row->tile[t].name != NULL; ++t)
    if (valid_count(&row->tile[t]) > most) most = valid_count(&row->tile[t]);
  return most;
}

static int small_value(const clattn_tile *tile) {
  int best = 0;
  for (size_t v = 0; v < valid_count(tile); ++v)
    if (tile->valid[v] > 1 && (best == 0 || tile->valid[v] < best)) best = tile->valid[v];
  return best;
}

/* Tiles begin at different values, so that large ones meet small ones. */
static int turned_value(const clattn_tile *tile, size_t t, size_t turn) {
  return tile->valid[(turn + t) % valid_count(tile)];
}

static void write_choice(clattn_stage stage, const clattn_kernel *row, kernel_sizes sizes, size_t turn, char *text) {
  size_t used = (size_t)snprintf(text, KERNEL_LIST_TEXT, "%s=%s", clattn_stage_name(stage), row->name);
  for (size_t t = 0; sizes != SIZES_PLANNED && row->tile[t].name != NULL; ++t) {
    const clattn_tile *tile = &row->tile[t];
    used += (size_t)snprintf(text + used, KERNEL_LIST_TEXT - used, ":%s=%d", tile->name,
                             sizes == SIZES_SMALL ? small_value(tile) : turned_value(tile, t, turn));
  }
}

/* ---- lists ------------------------------------------------------------------------------------------------------- */

bool kernel_list_stage(clattn_stage stage, size_t n, const kernel_filter *filter, char text[KERNEL_LIST_TEXT]) {
  const clattn_kernel *row;
  for (size_t i = 0; (row = clattn_catalog_at(i)) != NULL; ++i) {
    if (row->stage != clattn_stage_kernels(stage) || !filter->wanted(row)) continue;
    const size_t times = times_of(row, filter->sizes);
    if (n < times) {
      write_choice(stage, row, filter->sizes, n, text);
      return true;
    }
    n -= times;
  }
  return false;
}

static size_t length_of(clattn_stage stage, const kernel_filter *filter) {
  char text[KERNEL_LIST_TEXT];
  size_t count = 0;
  while (kernel_list_stage(stage, count, filter, text)) ++count;
  return count;
}

bool kernel_list_staged(size_t n, const kernel_filter *filter, char text[KERNEL_LIST_TEXT]) {
  static const clattn_stage stages[] = {CLATTN_STAGE_PROJECT, CLATTN_STAGE_SCORES, CLATTN_STAGE_SOFTMAX,
                                        CLATTN_STAGE_CONTEXT, CLATTN_STAGE_OUTPUT};
  bool first = false;
  size_t used = 0;
  text[0] = '\0';
  for (size_t s = 0; s < sizeof stages / sizeof stages[0]; ++s) {
    char own[KERNEL_LIST_TEXT];
    const size_t length = length_of(stages[s], filter);
    if (length == 0 || !kernel_list_stage(stages[s], n % length, filter, own)) continue;
    first = first || n < length;
    used += (size_t)snprintf(text + used, KERNEL_LIST_TEXT - used, "%s%s", used > 0 ? "," : "", own);
  }
  return first;
}
