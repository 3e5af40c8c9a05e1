/* Companions of the fused kernels. */
#include "fused.h"

#include <limits.h>
#include <string.h>

#include "kernel_arguments.h"
#include "shape.h"

#include "../kernels/common/parts.h"

/* ---- split ------------------------------------------------------------------------------------------------------- */

/* value: LOCAL_X, ITEM_ROWS, TILE_DEPTH, PART_KEYS, GROUPS */
enum { SPLIT_ITEM_ROWS = 1, SPLIT_PART_KEYS = 3, SPLIT_GROUPS = 4, SPLIT_LOCAL_Y = 4 };

/* Blocks of rows of a key head. */
static size_t split_blocks(const int *value, const clattn_problem *problem) {
  const size_t rows = problem->heads / clattn_kv_heads(problem) * problem->query_len;
  const size_t block = SPLIT_LOCAL_Y * (size_t)value[SPLIT_ITEM_ROWS];
  return (rows + block - 1) / block;
}

static size_t split_parts(const int *value, const clattn_problem *problem, size_t keys) {
  const size_t blocks = problem->batch * clattn_kv_heads(problem) * split_blocks(value, problem);
  return (size_t)parts_of(blocks < INT_MAX ? (int)blocks : INT_MAX, (int)keys, value[SPLIT_GROUPS],
                          value[SPLIT_PART_KEYS]);
}

static size_t split_workspace(const int *value, const clattn_problem *problem) {
  return problem->batch * problem->heads * problem->query_len * split_parts(value, problem, clattn_most_keys(problem)) *
         (problem->value_dim + 2);
}

static void split_join(const int *value, const clattn_problem *seen, size_t size[3]) {
  (void)value;
  size[0] = seen->batch * seen->heads * seen->query_len * seen->value_dim;
  size[1] = size[2] = 1;
}

static void split_launch(const int *value, const clattn_problem *seen, size_t size[3]) {
  size[0] = seen->batch * clattn_kv_heads(seen);
  size[1] = split_blocks(value, seen);
  size[2] = split_parts(value, seen, seen->key_len);
}

/* ---- which row has which ----------------------------------------------------------------------------------------- */

static const clattn_companion companions[] = {{.row = "split",
                                               .function = "join",
                                               .grouped = true,
                                               .workspace = split_workspace,
                                               .size = split_join,
                                               .launch = split_launch}};

const clattn_companion *clattn_companion_of(const clattn_kernel *row) {
  for (size_t i = 0; i < sizeof companions / sizeof companions[0]; ++i)
    if (row->stage == CLATTN_STAGE_FUSED && strcmp(companions[i].row, row->name) == 0) return &companions[i];
  return NULL;
}
