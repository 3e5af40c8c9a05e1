/* Companions of the fused kernels. */
#include "fused.h"

#include <string.h>

#include "shape.h"

static size_t groups_of(size_t elements, size_t of_group) {
  return (elements + of_group - 1) / of_group;
}

/* ---- panel: keys are packed before ------------------------------------------------------------------------------- */

/* value: ITEM_ROWS, ROWS, VECTORS, STRIP */
static size_t panel_keys(const int *value) {
  return (size_t)value[2] * 16;
}

/* As find_packed in kernels/fused/4_panel.cl has it. */
static size_t panel_workspace(const int *value, const clattn_problem *p) {
  const size_t panels = groups_of(clattn_most_keys(p), panel_keys(value)), keys = panels * panel_keys(value);
  const size_t columns = groups_of(p->value_dim, 16) * 16;
  const size_t values = clattn_tensor_strides(p, CLATTN_V).row != columns ? keys * columns : 0;
  return p->batch * clattn_kv_heads(p) * (keys * p->head_dim + values + groups_of(keys / 16, 16) * 16);
}

static void panel_size(const int *value, const clattn_problem *seen, size_t size[3]) {
  size[0] = groups_of(seen->key_len, panel_keys(value)) * (size_t)value[2];
  size[1] = seen->batch;
  size[2] = 1;
}

static const clattn_companion companions[] = {{"panel", "pack", true, panel_workspace, panel_size}};

const clattn_companion *clattn_companion_of(const clattn_kernel *row) {
  for (size_t i = 0; i < sizeof companions / sizeof companions[0]; ++i)
    if (row->stage == CLATTN_STAGE_FUSED && strcmp(companions[i].row, row->name) == 0) return &companions[i];
  return NULL;
}
