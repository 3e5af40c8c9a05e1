/* The second kernels of fused attention: split and stream join the results of their parts. */
#include "catalog/fused.h"

#include <limits.h>

#include "problem/facts.h"
#include "problem/kernel_arguments.h"
#include "problem/shape.h"
#include "base/sizes.h"

#include "../../kernels/common/parts.h"

/* ---- split ------------------------------------------------------------------------------------------------------- */

/* value: LOCAL_X, ITEM_ROWS, TILE_DEPTH, PART_KEYS, GROUPS */
enum { SPLIT_ITEM_ROWS = 1, SPLIT_PART_KEYS = 3, SPLIT_GROUPS = 4 };

/* Blocks of rows of a KV head. */
static size_t split_blocks(const int *value, const clattn_problem *problem) {
  return clattn_groups_of(clattn_rows_of_kv_head(problem), SPLIT_LOCAL_Y * (size_t)value[SPLIT_ITEM_ROWS]);
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

const clattn_post_process clattn_post_process_split = {
    .function = "join", .grouped = true, .workspace = split_workspace, .size = split_join, .launch = split_launch};

/* ---- stream ------------------------------------------------------------------------------------------------------ */

/* value: PARTS, HEADS */
static size_t stream_workspace(const int *value, const clattn_problem *problem) {
  return problem->batch * problem->heads * problem->query_len * (size_t)value[0] * (problem->value_dim + 2);
}

static void stream_join(const int *value, const clattn_problem *seen, size_t size[3]) {
  (void)value;
  size[0] = seen->batch * seen->heads;
  size[1] = seen->query_len;
  size[2] = 1;
}

static void stream_launch(const int *value, const clattn_problem *seen, size_t size[3]) {
  size[0] = seen->batch * clattn_groups_of(clattn_kv_heads(seen), (size_t)value[1]);
  size[1] = clattn_groups_of(seen->key_len, (size_t)part_len((int)seen->key_len, value[0]));
  size[2] = clattn_groups_of(clattn_rows_of_kv_head(seen), STREAM_ROWS);
}

const clattn_post_process clattn_post_process_stream = {
    .function = "join", .workspace = stream_workspace, .size = stream_join, .launch = stream_launch};

const clattn_post_process *clattn_post_process_of(const clattn_kernel *row) {
  return row->post_process;
}
