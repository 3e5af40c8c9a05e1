/* The second kernels of fused attention: split, matsplit and stream join the results of their parts. */
#include "catalog/fused.h"

#include <limits.h>

#include "problem/facts.h"
#include "problem/kernel_arguments.h"
#include "problem/shape.h"
#include "problem/tensors.h"
#include "base/sizes.h"

#include "../../kernels/common/matrix_units.h"
#include "../../kernels/common/parts.h"

/* ---- split ------------------------------------------------------------------------------------------------------- */

/* value: LOCAL_X, ITEM_ROWS, TILE_DEPTH, PART_KEYS, GROUPS */
enum { SPLIT_ITEM_ROWS = 1, SPLIT_PART_KEYS = 3, SPLIT_GROUPS = 4 };

/* What their tile values say of a division into parts. */
typedef struct split_sizes {
  size_t rows; /* of a block */
  int part_keys, groups;
} split_sizes;

static split_sizes split_sizes_of(const int *value) {
  return (split_sizes){SPLIT_LOCAL_Y * (size_t)value[SPLIT_ITEM_ROWS], value[SPLIT_PART_KEYS], value[SPLIT_GROUPS]};
}

/* Blocks of rows of a KV head. */
static size_t split_blocks(const split_sizes *sizes, const clattn_problem *problem) {
  return clattn_groups_of(clattn_rows_of_kv_head(problem), sizes->rows);
}

static size_t split_parts(const split_sizes *sizes, const clattn_problem *problem, size_t keys) {
  const size_t blocks = problem->batch * clattn_kv_heads(problem) * split_blocks(sizes, problem);
  return (size_t)parts_of(blocks < INT_MAX ? (int)blocks : INT_MAX, (int)keys, sizes->groups, sizes->part_keys);
}

static size_t workspace_of_parts(const split_sizes *sizes, const clattn_problem *problem) {
  return problem->batch * problem->heads * problem->query_len * split_parts(sizes, problem, clattn_most_keys(problem)) *
         (problem->value_dim + 2);
}

static void launch_parts(const split_sizes *sizes, const clattn_problem *seen, size_t size[3]) {
  size[0] = seen->batch * clattn_kv_heads(seen);
  size[1] = split_blocks(sizes, seen);
  size[2] = split_parts(sizes, seen, seen->key_len);
}

static size_t split_workspace(const int *value, const clattn_problem *problem, size_t units) {
  const split_sizes sizes = split_sizes_of(value);
  (void)units;
  return workspace_of_parts(&sizes, problem);
}

static void split_join(const int *value, const clattn_problem *seen, size_t units, size_t size[3]) {
  (void)value;
  (void)units;
  size[0] = seen->batch * seen->heads * seen->query_len * seen->value_dim;
  size[1] = size[2] = 1;
}

static void split_launch(const int *value, const clattn_problem *seen, size_t units, size_t size[3]) {
  const split_sizes sizes = split_sizes_of(value);
  (void)units;
  launch_parts(&sizes, seen, size);
}

const clattn_post_process clattn_post_process_split = {
    .function = "join", .grouped = true, .workspace = split_workspace, .size = split_join, .launch = split_launch};

/* ---- in a matrix unit ------------------------------------------------------------------------------------------- */

/* value: MATRIX_UNIT, SUB_GROUPS, ROW_TILES, BLOCK_KEYS, PART_KEYS, GROUPS */
static split_sizes matrix_sizes_of(const int *value) {
  return (split_sizes){(size_t)value[1] * (size_t)value[2] * (size_t)MATRIX_ROWS(value[0]), value[4], value[5]};
}

static size_t matrix_workspace(const int *value, const clattn_problem *problem, size_t units) {
  const split_sizes sizes = matrix_sizes_of(value);
  (void)units;
  return workspace_of_parts(&sizes, problem);
}

static void matrix_launch(const int *value, const clattn_problem *seen, size_t units, size_t size[3]) {
  const split_sizes sizes = matrix_sizes_of(value);
  (void)units;
  launch_parts(&sizes, seen, size);
}

const clattn_post_process clattn_post_process_matrix_split = {
    .function = "join", .grouped = true, .workspace = matrix_workspace, .size = split_join, .launch = matrix_launch};

/* ---- stream ------------------------------------------------------------------------------------------------------ */

/* value: HEADS, UNIT_GROUPS */
enum { STREAM_HEADS, STREAM_UNIT_GROUPS };

/* How the work is divided. */
typedef struct stream_division {
  size_t heads;  /* KV heads that a work-group processes */
  size_t blocks; /* work-groups for each part of the keys: of the heads of all sequences, */
  size_t rows;   /* and of the rows of each */
  size_t parts;  /* of the keys, each at least a strip; one part needs no post-process */
} stream_division;

/* Whether so many work-groups keep 4 of 5 compute units busy until the end. */
static bool fills(size_t groups, size_t units) {
  return 5 * groups >= 4 * clattn_groups_of(groups, units) * units;
}

/* Where the heads of a key lie side by side, HEADS of them together are read in the order of memory, up to twice as
 * fast as one alone. That gains more than the post-process costs, which parts need. Where a head's keys follow each
 * other, one head alone is read in order. */
static size_t stream_heads(const int *value, const clattn_problem *problem) {
  const clattn_strides k = clattn_tensor_strides(problem, CLATTN_K);
  const size_t heads = clattn_kv_heads(problem), blocks = clattn_groups_of(heads, (size_t)value[STREAM_HEADS]);
  return k.head > k.row ? 1 : clattn_groups_of(heads, blocks);
}

/* As many parts as give every compute unit UNIT_GROUPS work-groups, or more where otherwise units would idle at the
 * end. A problem with fewer keys never gets more parts than a longer one. */
static stream_division stream_divide(const int *value, const clattn_problem *problem, size_t keys, size_t units) {
  const size_t strips = clattn_larger(clattn_groups_of(keys, STREAM_STRIP), 1);
  stream_division d = {.heads = stream_heads(value, problem)};
  d.blocks = problem->batch * clattn_groups_of(clattn_kv_heads(problem), d.heads);
  d.rows = clattn_groups_of(clattn_rows_of_kv_head(problem), STREAM_ROWS);
  for (size_t most = (size_t)value[STREAM_UNIT_GROUPS] * units; d.parts < strips; most += units) {
    d.parts = clattn_larger(most / (d.blocks * d.rows), 1);
    if (fills(d.blocks * d.rows * d.parts, units)) break;
  }
  d.parts = clattn_smaller(d.parts, strips);
  return d;
}

static size_t stream_workspace(const int *value, const clattn_problem *problem, size_t units) {
  const stream_division d = stream_divide(value, problem, clattn_most_keys(problem), units);
  return problem->batch * problem->heads * problem->query_len * d.parts * (problem->value_dim + 2);
}

static void stream_tell(const int *value, const clattn_problem *seen, size_t units, attention *a) {
  const stream_division d = stream_divide(value, seen, seen->key_len, units);
  a->parts = (cl_int)d.parts;
  a->kv_heads_together = (cl_int)d.heads;
}

static void stream_join(const int *value, const clattn_problem *seen, size_t units, size_t size[3]) {
  const stream_division d = stream_divide(value, seen, seen->key_len, units);
  size[0] = d.parts > 1 ? seen->batch * seen->heads : 0;
  size[1] = seen->query_len;
  size[2] = 1;
}

static void stream_launch(const int *value, const clattn_problem *seen, size_t units, size_t size[3]) {
  const stream_division d = stream_divide(value, seen, seen->key_len, units);
  size[0] = d.blocks;
  size[1] = clattn_groups_of(seen->key_len, (size_t)part_len((int)seen->key_len, (int)d.parts));
  size[2] = d.rows;
}

const clattn_post_process clattn_post_process_stream = {.function = "join",
                                                        .workspace = stream_workspace,
                                                        .size = stream_join,
                                                        .launch = stream_launch,
                                                        .tell = stream_tell};

const clattn_post_process *clattn_post_process_of(const clattn_kernel *row) {
  return row->post_process;
}
