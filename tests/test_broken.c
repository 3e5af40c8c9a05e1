/* Tests the checker: kernels are broken on purpose, and the checker must reject every one of them.
 *
 * Each case copies the kernels, replaces one piece of text in one file, and runs from the copy. A
 * case fails if its text is no longer in the file, because it would test nothing. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

#define FOLDER "broken_kernels"
#define MATRIX_FILE "common/fused_matrix.cl"
/* In plain OpenCL C where the device has no such unit. Without a number: NVIDIA's. */
#define SMALL_MATRIX "fused=matrix:SUB_GROUPS=2:BLOCK_KEYS=16"
#define DPAS_MATRIX SMALL_MATRIX ":MATRIX_UNIT=4"
#define WMMA_MATRIX SMALL_MATRIX ":MATRIX_UNIT=5"
#define MFMA_MATRIX SMALL_MATRIX ":MATRIX_UNIT=7"
#define SMALL_REGISTER "fused=register:ITEM_ROWS=2:ITEM_KEYS=2:LOCAL_Y=8:TILE_DEPTH=16"
#define TWO_ROW_TILES "fused=matrix:SUB_GROUPS=2:ROW_TILES=2:BLOCK_KEYS=16"
#define PRODUCT_FILE "common/product_matrix.cl"
#define PRODUCT "project=matrix:GROUPS_DOWN=1:GROUPS_ACROSS=2:GROUP_ROWS=16:GROUP_COLS=16:TILE_DEPTH=32"

typedef struct broken {
  const char *name;
  const char *file;
  const char *find, *replace;
  const char *kernels;               /* the kernel selection that runs the file */
  clattn_tensor wrong;               /* the first tensor that must be rejected */
  void (*change)(clattn_problem *p); /* changes that the problem needs, or NULL */
  void (*adjust)(support_case *c);   /* changes that the inputs need, or NULL */
} broken;

/* ---- problems that reveal the error ------------------------------------------------------------------------------ */

static void causal(clattn_problem *p) {
  p->causal = true;
}

static void large_scale(clattn_problem *p) {
  p->scale_mode = CLATTN_SCALE_GIVEN;
  p->scale = 300.0f;
}

static void softcapped(clattn_problem *p) {
  p->softcap = 2.0f;
}

static void with_alibi(clattn_problem *p) {
  p->alibi = true;
}

static void window_left(clattn_problem *p) {
  p->window_left = 20;
}

static void grouped(clattn_problem *p) {
  p->heads = 4;
  p->kv_heads = 2;
}

static void with_sinks(clattn_problem *p) {
  p->sinks = true;
}

static void biased(clattn_problem *p) {
  p->biases = CLATTN_BIAS_Q;
}

/* One mask for each sequence of the batch, shared by its heads. */
static void masked(clattn_problem *p, clattn_mask mask) {
  p->batch = 2;
  p->mask = mask;
  p->mask_shape[0] = p->batch;
  p->mask_shape[1] = 1;
  p->mask_shape[2] = p->query_len;
  p->mask_shape[3] = p->key_len;
}

static void float_mask(clattn_problem *p) {
  masked(p, CLATTN_MASK_FLOAT);
}

static void softcapped_and_masked(clattn_problem *p) {
  masked(p, CLATTN_MASK_FLOAT);
  p->softcap = 2.0f;
}

static void bool_mask(clattn_problem *p) {
  masked(p, CLATTN_MASK_BOOL);
}

/* v is given, so that it can contain a NaN. */
static void masked_and_given(clattn_problem *p) {
  masked(p, CLATTN_MASK_BOOL);
  p->source = CLATTN_SOURCE_QKV;
  p->model_dim = 0;
}

static void given_halves(clattn_problem *p) {
  p->source = CLATTN_SOURCE_QKV;
  p->model_dim = 0;
  p->type = CLATTN_F16;
}

static void nan_at_a_masked_key(support_case *c) {
  const clattn_problem *p = &c->problem;
  unsigned char *allowed = (unsigned char *)support_tensor(c, CLATTN_MASK);
  for (size_t row = 0; row < p->batch * p->query_len; ++row) allowed[row * p->key_len + 7] = 0;
  support_tensor(c, CLATTN_V)[7 * p->heads * p->value_dim + 3] = NAN;
}

static void given(clattn_problem *p) {
  p->source = CLATTN_SOURCE_QKV;
  p->model_dim = 0;
}

/* Scores are 0 for some keys and -1000 or less for all others. */
static void one_key_counts(support_case *c, size_t counts) {
  const clattn_problem *p = &c->problem;
  const size_t columns = p->heads * p->head_dim;
  float *q = support_tensor(c, CLATTN_Q), *k = support_tensor(c, CLATTN_K);
  for (size_t i = 0; i < p->query_len * columns; ++i) q[i] = 1.0f;
  for (size_t i = 0; i < p->key_len * columns; ++i) k[i] = i / columns == counts ? 0.0f : -200.0f;
}

static void only_the_first_counts(support_case *c) {
  const size_t columns = c->problem.heads * c->problem.value_dim;
  float *v = support_tensor(c, CLATTN_V);
  one_key_counts(c, 0);
  for (size_t i = columns; i < c->problem.key_len * columns; ++i) v[i] = 3e38f;
}

static void only_the_last_counts(support_case *c) {
  const size_t last = (c->problem.key_len - 1) * c->problem.heads * c->problem.value_dim;
  float *v = support_tensor(c, CLATTN_V);
  one_key_counts(c, c->problem.key_len - 1);
  for (size_t i = 0; i < last; ++i) v[i] = 3e38f;
}

static void nan_where_nothing_counts(support_case *c) {
  one_key_counts(c, 0);
  support_tensor(c, CLATTN_V)[7 * c->problem.heads * c->problem.value_dim + 3] = NAN;
}

static void largest_softcap(clattn_problem *p) {
  p->softcap = 3e38f;
}

static void shorter_keys(clattn_problem *p) {
  p->lengths = CLATTN_LENGTHS_KEYS;
}

static void half_the_keys(support_case *c) {
  static const int32_t lengths[] = {66};
  c->inputs.key_lengths = lengths;
}

/* Sinks that exceed every score. */
static void large_sinks(support_case *c) {
  for (size_t head = 0; head < c->problem.heads; ++head) support_tensor(c, CLATTN_SINKS)[head] = 300.0f;
}

static void rotated(clattn_problem *p) {
  p->rotary = CLATTN_ROTARY_HALVES;
  p->rotary_dim = 66;
}

static void cached(clattn_problem *p) {
  p->batch = 2;
  p->cache.capacity = 300;
}

static void paged(clattn_problem *p) {
  cached(p);
  p->cache.page_len = 16;
}

static void cached_bytes(clattn_problem *p) {
  cached(p);
  p->cache.type = CLATTN_CACHE_I8_TOKEN;
}

static void grouped_bytes(clattn_problem *p) {
  cached_bytes(p);
  grouped(p);
  p->value_dim = 64; /* whole vectors */
}

static void cached_nibbles(clattn_problem *p) {
  cached(p);
  p->head_dim = 96;
  p->value_dim = 64;
  p->cache.type = CLATTN_CACHE_Q4;
}

static void cached_bfloat16(clattn_problem *p) {
  cached(p);
  p->cache.type = CLATTN_CACHE_BF16;
}

/* Half arithmetic. Scores are small, so that their errors do not hide those of the values. */
static void half_products(clattn_problem *p) {
  given_halves(p);
  p->query_len = p->key_len = 37;
  p->head_dim = 24;
  p->value_dim = 12;
  p->math = CLATTN_MATH_STORED;
}

/* The same, projected from x. */
static void stored_projections(clattn_problem *p) {
  const clattn_problem from_x = *p;
  half_products(p);
  p->source = CLATTN_SOURCE_X;
  p->model_dim = from_x.model_dim;
}

static void half_products_masked(clattn_problem *p) {
  half_products(p);
  masked(p, CLATTN_MASK_BOOL);
}

/* Scores are 0 for the first key, and -scale for all others. */
static void nearly_the_next(clattn_problem *p) {
  half_products(p);
  p->scale_mode = CLATTN_SCALE_GIVEN;
  p->scale = 0.68546194f;
}

static void nearly_the_next_bfloat16(clattn_problem *p) {
  nearly_the_next(p);
  p->type = CLATTN_BF16;
}

static void half_products_causal(clattn_problem *p) {
  half_products(p);
  p->causal = true;
}

static void half_products_with_sinks(clattn_problem *p) {
  half_products(p);
  p->sinks = true;
}

static void half_products_grouped(clattn_problem *p) {
  half_products(p);
  p->heads = 4;
  p->kv_heads = 2;
  p->query_len = 3;
}

/* Rows that are read element by element. */
static void odd_products_masked(clattn_problem *p) {
  half_products_masked(p);
  p->value_dim = 13;
}

/* In a matrix unit, whose sums have no headroom of their own. */
static void bfloat16_products(clattn_problem *p) {
  half_products(p);
  p->type = CLATTN_BF16;
}

static void set_halves(support_case *c, clattn_tensor tensor, uint16_t bits) {
  uint16_t *half = (uint16_t *)(void *)support_tensor(c, tensor);
  for (size_t i = 0; i < c->bytes[tensor] / sizeof *half; ++i) half[i] = (uint16_t)((half[i] & 0x8000) | bits);
}

static void enormous_bfloat16s(support_case *c) {
  set_halves(c, CLATTN_V, 0x7F70); /* 3.2e38 */
}

static void operands_of_100(support_case *c) {
  set_halves(c, CLATTN_Q, 0x5640);
  set_halves(c, CLATTN_K, 0x5640);
}

/* Only keys are too large. */
static void keys_of_2000(support_case *c) {
  set_halves(c, CLATTN_Q, 0x5400); /* 64 */
  set_halves(c, CLATTN_K, 0x67D0);
}

static void values_of_30000(support_case *c) {
  set_halves(c, CLATTN_Q, 0);
  set_halves(c, CLATTN_V, 0x7753);
  memset(support_tensor(c, CLATTN_V), 0x77, c->bytes[CLATTN_V]); /* all alike, so that they add up */
}

static void half_nan_at_a_masked_key(support_case *c) {
  const clattn_problem *p = &c->problem;
  unsigned char *allowed = (unsigned char *)support_tensor(c, CLATTN_MASK);
  for (size_t row = 0; row < p->batch * p->query_len; ++row) allowed[row * p->key_len + 7] = 0;
  ((uint16_t *)(void *)support_tensor(c, CLATTN_V))[7 * p->heads * p->value_dim + 3] = 0x7E00;
}

static void half_infinity(support_case *c) {
  ((uint16_t *)(void *)support_tensor(c, CLATTN_V))[7 * c->problem.value_dim + 3] = 0x7C00;
}

/* The weights of all keys but the first are 0.503857, just below the next half and the next bfloat16. */
static void all_but_the_first(support_case *c) {
  const clattn_problem *p = &c->problem;
  const size_t columns = p->heads * p->head_dim;
  const bool half = p->type == CLATTN_F16;
  uint16_t *q = (uint16_t *)(void *)support_tensor(c, CLATTN_Q), *k = (uint16_t *)(void *)support_tensor(c, CLATTN_K),
           *v = (uint16_t *)(void *)support_tensor(c, CLATTN_V);
  const uint16_t one = half ? 0x3C00 : 0x3F80;
  for (size_t i = 0; i < p->query_len * columns; ++i) q[i] = i % p->head_dim == 0 ? one : 0;
  for (size_t i = 0; i < p->key_len * columns; ++i)
    k[i] = i % p->head_dim == 0 && i >= columns ? (uint16_t)(one | 0x8000) : 0;
  for (size_t i = 0; i < p->key_len * p->heads * p->value_dim; ++i) v[i] = one;
}

static void cached_halves(clattn_problem *p) {
  cached(p);
  p->cache.type = CLATTN_CACHE_F16;
}

static void bfloat16(clattn_problem *p) {
  p->type = CLATTN_BF16;
}

static void projected_halves(clattn_problem *p) {
  p->output_dim = 67;
  p->type = CLATTN_F16;
}

static void projected_bfloat16(clattn_problem *p) {
  p->output_dim = 67;
  p->type = CLATTN_BF16;
}

static void infinity_in_x(support_case *c) {
  support_tensor(c, CLATTN_X)[7] = INFINITY;
}

/* Its nearest bfloat16 is infinite; the results are not. */
static void large_number_in_x(support_case *c) {
  static const clattn_tensor matrices[] = {CLATTN_WQ, CLATTN_WK, CLATTN_WV};
  const size_t columns = c->problem.heads * c->problem.head_dim;
  support_tensor(c, CLATTN_X)[7] = 3.4e38f;
  for (size_t i = 0; i < sizeof matrices / sizeof matrices[0]; ++i)
    for (size_t column = 0; column < columns; ++column)
      support_tensor(c, matrices[i])[7 * columns + column] = i == 0 && column == 0 ? 1e-38f : 0.0f;
}

/* ---- the ways to break a kernel ---------------------------------------------------------------------------------- */

static const broken cases[] = {
    {"all zeros", "scores/1_naive.cl", "sum * a.scale", "0.0f", "scores=naive", CLATTN_SCALED, NULL, NULL},
    {"NaN", "context/1_naive.cl", "*to = sum;", "*to = NAN;", "context=naive", CLATTN_CONTEXT, NULL, NULL},
    {"the last column is not written", "project/3_tiled.cl", "if (column < r.columns && row < p.rows)",
     "if (column < r.columns - 1 && row < p.rows)", "project=tiled", CLATTN_Q, NULL, NULL},
    {"tail guard missing: writes into the next row", "project/3_tiled.cl", "if (column < r.columns && row < p.rows)",
     "if (column < r.columns + 1 && row < p.rows - 1)", "project=tiled", CLATTN_Q, NULL, NULL},
    {"the tail of a panel is not written", "common/product_panel.cl",
     "for (int column = 0; column < columns; ++column) to[", "for (int column = 0; column < columns - 1; ++column) to[",
     "project=panel:STRIP=64", CLATTN_Q, NULL, NULL},
    {"softmax over columns", "softmax/1_naive.cl", "to[j] = live_weight", "weights[row + j * r.key_len] = live_weight",
     "softmax=naive", CLATTN_WEIGHTS, NULL, NULL},
    {"scale off by 0.1 %", "scores/1_naive.cl", "sum * a.scale", "sum * (a.scale * 1.001f)", "scores=naive",
     CLATTN_SCALED, NULL, NULL},
    {"mask off by one", "common/attention.cl", "a.right + 1", "a.right + 2", "scores=naive,context=naive",
     CLATTN_SCORES, causal, NULL},
    {"mask one too short", "common/attention.cl", "a.right + 1", "a.right", "scores=naive,context=naive", CLATTN_SCORES,
     causal, NULL},
    {"no maximum subtracted", "common/softmax.cl", "exp(score - largest)", "exp(score)", "softmax=naive",
     CLATTN_WEIGHTS, large_scale, NULL},
    {"not divided by the sum", "softmax/1_naive.cl", "live_weight(live_exp(from[j], largest), sum)",
     "live_exp(from[j], largest)", "softmax=naive", CLATTN_WEIGHTS, NULL, NULL},
    {"the last key is forgotten in the sum", "softmax/1_naive.cl",
     "j < r.key_len; ++j) sum +=", "j < r.key_len - 1; ++j) sum +=", "softmax=naive", CLATTN_WEIGHTS, NULL, NULL},
    {"weights off by 1e-5", "common/softmax.cl", "e / sum;", "e / sum * 1.00001f;", "softmax=naive", CLATTN_WEIGHTS,
     NULL, NULL},
    {"tail of a vector row is forgotten", "softmax/6_vector.cl", "sum += to[j];", "", "softmax=vector", CLATTN_WEIGHTS,
     NULL, NULL},
    {"barrier missing before reading", "common/product_tiled.cl", "barrier(CLK_LOCAL_MEM_FENCE); /* the tiles",
     "/* the tiles", "scores=tiled", CLATTN_SCALED, NULL, NULL},
    {"barrier missing before local memory is used again", "common/join.cl",
     "barrier(CLK_LOCAL_MEM_FENCE); /* everyone has", "/* everyone has", "softmax=tiled", CLATTN_WEIGHTS, NULL, NULL},
    {"transposed K", "scores/1_naive.cl", "key_row[c]", "k[c * a.k.row + key]", "scores=naive", CLATTN_SCALED, NULL,
     NULL},
    {"transposed W", "project/1_naive.cl", "W_TRANSPOSED ? column", "!W_TRANSPOSED ? column", "project=naive", CLATTN_Q,
     NULL, NULL},
    {"every head reads the first", "common/attention.cl", "s.head * stride.head", "0 * stride.head",
     "scores=naive,context=naive", CLATTN_SCALED, NULL, NULL},
    {"the first key is forgotten", "context/1_naive.cl", "int key = first_key(a, s, row)",
     "int key = 1 + first_key(a, s, row)", "context=naive", CLATTN_CONTEXT, NULL, NULL},
    {"one term is forgotten", "common/product_register.cl", "k < TILE_DEPTH; ++k) {\n    float b_value",
     "k < TILE_DEPTH - 1; ++k) {\n    float b_value", "project=register", CLATTN_Q, NULL, NULL},
    {"the last row is not written", "project/1_naive.cl", "row >= p.rows", "row >= p.rows - 1", "project=naive",
     CLATTN_Q, NULL, NULL},
    {"each column reads the next one's weights", "project/1_naive.cl", "term * r.w_row + column",
     "term * r.w_row + (column + 1) % r.columns", "project=naive", CLATTN_Q, NULL, NULL},
    {"transposed X", "project/2_coalesced.cl", "x[(size_t)row * p.model_dim + term]",
     "x[(size_t)term * p.model_dim + row]", "project=coalesced", CLATTN_Q, NULL, NULL},
    {"the last term is forgotten", "project/2_coalesced.cl", "term < p.model_dim; ++", "term < p.model_dim - 1; ++",
     "project=coalesced", CLATTN_Q, NULL, NULL},
    {"barrier missing before a column's tiles are read", "common/product_column.cl",
     "barrier(CLK_LOCAL_MEM_FENCE); /* the tiles", "/* the tiles", "project=column", CLATTN_Q, NULL, NULL},
    {"rows of a column change places", "common/product_column.cl", "a_tile[y + r * TILE][k]",
     "a_tile[y + (r ^ 1) * TILE][k]", "project=column", CLATTN_Q, NULL, NULL},
    {"a block of visible keys is skipped", "scores/3_column.cl", "row0, row0 + BLOCK_ROWS", "row0, row0 + TILE",
     "scores=column", CLATTN_SCORES, causal, NULL},
    {"barrier missing before wide tiles are read", "common/product_wide.cl",
     "barrier(CLK_LOCAL_MEM_FENCE); /* the tiles", "/* the tiles", "project=wide", CLATTN_Q, NULL, NULL},
    {"the third of four is the second", "common/product_wide.cl", "to[2 * tile_row] = four.z",
     "to[2 * tile_row] = four.y", "project=wide", CLATTN_Q, NULL, NULL},
    {"the tail of four columns is not written", "common/fours.cl", "if (left > 1) to[1]", "if (left > 2) to[1]",
     "project=wide", CLATTN_Q, NULL, NULL},
    {"keys after the end of the sequence are not masked", "scores/5_wide.cl", "key + 2 < key_len ?", "key + 2 >= 0 ?",
     "scores=wide", CLATTN_SCALED, shorter_keys, half_the_keys},
    {"online: the sum does not shrink", "common/online.cl", "pair.y * shrink(pair.x, largest) + live_exp",
     "pair.y + live_exp", "softmax=online", CLATTN_WEIGHTS, NULL, NULL},
    {"online: the first key is forgotten", "softmax/2_online.cl", "j = 0; j < r.key_len; ++j) pair",
     "j = 1; j < r.key_len; ++j) pair", "softmax=online", CLATTN_WEIGHTS, NULL, NULL},
    {"pairs joined without their maxima", "common/online.cl", "b.y * shrink(b.x, largest)", "b.y", "softmax=pairs",
     CLATTN_WEIGHTS, NULL, NULL},
    {"barrier missing between levels of the tree of pairs", "softmax/4_pairs.cl",
     "barrier(CLK_LOCAL_MEM_FENCE); /* a level", "/* a level", "softmax=pairs", CLATTN_WEIGHTS, NULL, NULL},
    {"every work-item adds the sink", "softmax/4_pairs.cl", "if (me == 0) pair", "pair", "softmax=pairs",
     CLATTN_WEIGHTS, with_sinks, NULL},
    {"sub-groups: the last one's maximum is forgotten", "softmax/7_subgroup.cl",
     "i < (int)get_num_sub_groups(); ++i) joined = fmax", "i < (int)get_num_sub_groups() - 1; ++i) joined = fmax",
     "softmax=subgroup", CLATTN_WEIGHTS, large_scale, NULL},
    {"sub-groups: the first one's sum counts for all", "softmax/7_subgroup.cl", "joined += part[i]",
     "joined += part[0]", "softmax=subgroup:LOCAL_X=256", CLATTN_WEIGHTS, NULL, NULL},
    {"sub-groups: every work-item adds the sink", "softmax/7_subgroup.cl", "me == 0 ? sink_exp(sink, largest) : 0.0f",
     "sink_exp(sink, largest)", "softmax=subgroup", CLATTN_WEIGHTS, with_sinks, NULL},
    {"a strip replaces instead of adding", "context/4_panel.cl", "key0 > begin", "0", "context=panel:STRIP=64",
     CLATTN_CONTEXT, NULL, NULL},
    {"products rounded to half", "context/1_naive.cl", "sum = fma(weights_row[key]",
     "sum = fma((float)(int)(weights_row[key] * 4096.0f) / 4096.0f", "context=naive", CLATTN_CONTEXT, NULL, NULL},
    {"mask applied before the softcap", "common/attention.cl", "if (a.until == UNTIL_SOFTCAPPED) return score;",
     "if (a.until == UNTIL_SOFTCAPPED) return score;\n"
     "  if (view.bias) return a.softcap * tanh((scaled + view.bias[key * a.mask_key]) / a.softcap);",
     "scores=naive", CLATTN_SCORES, softcapped_and_masked, NULL},
    {"softcap forgotten", "common/attention.cl",
     "!PLAIN_SCORES && a.softcap > 0.0f ? softcapped(scaled, a.softcap) : scaled", "scaled", "scores=naive",
     CLATTN_SOFTCAPPED, softcapped, NULL},
    {"sign of ALiBi wrong", "common/attention.cl", "score -= view.slope", "score += view.slope", "scores=naive",
     CLATTN_SCORES, with_alibi, NULL},
    {"left side of the window off by one", "common/attention.cl", "s.position - a.left", "s.position - a.left + 1",
     "scores=naive", CLATTN_SCORES, window_left, NULL},
    {"left side of the window one too wide", "common/attention.cl", "s.position - a.left", "s.position - a.left - 1",
     "scores=naive", CLATTN_SCORES, window_left, NULL},
    {"grouped heads read the wrong KV head", "common/attention.cl", "s.head / a.group", "s.head % (a.heads / a.group)",
     "scores=naive", CLATTN_SCALED, grouped, NULL},
    {"sink forgotten", "common/softmax.cl", "return sinks ? sinks[(r.first + row) / r.query_len % r.heads] : -INFINITY",
     "return -INFINITY", "softmax=naive", CLATTN_WEIGHTS, with_sinks, NULL},
    {"every head has the first one's sink", "common/softmax.cl", "sinks[(r.first + row) / r.query_len % r.heads]",
     "sinks[0]", "softmax=naive", CLATTN_WEIGHTS, with_sinks, NULL},
    {"no log in the log-sum-exp", "common/softmax.cl", "largest + log(sum)", "largest + sum", "softmax=naive",
     CLATTN_LSE, NULL, NULL},
    {"bias of the wrong column", "common/projection.cl", "r.bias[column]", "r.bias[r.columns - 1 - column]",
     "project=naive", CLATTN_Q, biased, NULL},
    {"key length ignored", "common/attention.cl", "s->key_len = at[SEQUENCE_KEY_LEN]", "s->key_len = a.key_len",
     "scores=naive", CLATTN_SCALED, shorter_keys, half_the_keys},
    {"sign of the rotation wrong", "rotary/1_naive.cl", "const float2 turn = vload2(",
     "const float2 turn = (float2)(1.0f, -1.0f) * vload2(", "rotary=naive", CLATTN_Q, rotated, NULL},
    {"pairs of the rotation swapped", "rotary/1_naive.cl", "r.interleaved ?", "!r.interleaved ?", "rotary=naive",
     CLATTN_Q, rotated, NULL},
    {"rotated by the next position", "rotary/1_naive.cl", ": (size_t)row)", ": (size_t)(row + 1) % r.rows)",
     "rotary=naive", CLATTN_Q, rotated, NULL},
    {"appended one row too far", "cache/1_naive.cl", "s[SEQUENCE_KEY_LEN] - s[SEQUENCE_NEW_LEN] + row :",
     "s[SEQUENCE_KEY_LEN] - s[SEQUENCE_NEW_LEN] + row + 1 :", "cache=naive", CLATTN_CACHED_K, cached, NULL},
    {"page table ignored", "cache/1_naive.cl", "place = place_of(c, table, batch, token)",
     "place = c.append ? place_of(c, table, batch, token) : batch * c.capacity + token", "cache=naive", CLATTN_CACHED_K,
     paged, NULL},
    {"scale of the bytes off by 1 %", "common/cached.cl", "v.at + c] * v.scale", "v.at + c] * (v.scale * 1.01f)",
     "cache=naive", CLATTN_CACHED_K, cached_bytes, NULL},
    {"bytes truncated instead of rounded", "cache/1_naive.cl", "convert_char_sat_rte(", "convert_char_sat_rtz(",
     "cache=naive", CLATTN_CACHED_K, cached_bytes, NULL},
    {"bfloat16 truncated in the cache", "common/stored.cl", "bits + 0x7fff + (bits >> 16 & 1)", "bits", "cache=naive",
     CLATTN_CACHED_K, cached_bfloat16, NULL},
    {"bfloat16 truncated instead of rounded", "common/stored.cl", "bits + 0x7fff + (bits >> 16 & 1)", "bits",
     "convert=naive", CLATTN_OUTPUT, bfloat16, NULL},
    {"vectors of bfloat16 truncated instead of rounded", "common/stored.cl", "bits + 0x7fff + (upper & 1)", "bits",
     "convert=vector", CLATTN_OUTPUT, bfloat16, NULL},
    {"elements that fill no vector are not converted", "convert/2_vector.cl", "i < c.count; ++i)", "i < first; ++i)",
     "convert=vector", CLATTN_Q, bfloat16, NULL},
    {"the head chooses the mask, not the batch", "common/attention.cl", "s.batch * a.mask.batch",
     "s.head * a.mask.batch", "scores=naive", CLATTN_SCORES, float_mask, NULL},
    {"boolean mask inverted", "common/attention.cl", "!view.allowed[", "view.allowed[", "scores=naive", CLATTN_SCORES,
     bool_mask, NULL},
    {"masked weights multiplied instead of left out", "context/1_naive.cl", "if (!is_masked(weights_row[key])) sum",
     "sum", "context=naive", CLATTN_CONTEXT, masked_and_given, nan_at_a_masked_key},
    {"exps have a floor", "common/softmax.cl", ": exp(score - largest)", ": fmax(exp(score - largest), FLT_MIN)",
     "softmax=naive", CLATTN_WEIGHTS, large_scale, NULL},
    {"weights have a floor", "common/softmax.cl", "e / sum;", "fmax(e / sum, FLT_MIN);", "softmax=register",
     CLATTN_WEIGHTS, large_scale, NULL},
    {"vectors of exps have a floor", "softmax/6_vector.cl", "select(exp(score - largest)",
     "select(fmax(exp(score - largest), (float16)FLT_MIN)", "softmax=vector", CLATTN_WEIGHTS, large_scale, NULL},
    {"traced exps have a floor", "trace/softmax.cl", "0.0f : e;", "0.0f : fmax(e, FLT_MIN);", "exps=naive", CLATTN_EXPS,
     large_scale, NULL},
    {"weights of 0 taken for masked keys", "common/masked.cl", "as_int(weight) == MASKED_BITS", "weight == 0.0f",
     "context=naive", CLATTN_CONTEXT, given, nan_where_nothing_counts},
    {"a panel leaves out weights of 0", "context/4_panel.cl", "!is_masked(weights[r][key])", "weights[r][key] != 0.0f",
     "context=panel", CLATTN_CONTEXT, given, nan_where_nothing_counts},
    {"the quotient of a softcap is lost", "common/attention.cl", "fabs(x) < softcap * 0x1p-12f ? x :",
     "fabs(x / softcap) < FLT_MIN ? 0.0f :", "scores=naive", CLATTN_SOFTCAPPED, largest_softcap, NULL},
    {"products scaled", "trace/products.cl", "*to = sum;", "*to = sum * a.scale;", "products=naive", CLATTN_PRODUCTS,
     NULL, NULL},
    {"the last term of a product is forgotten", "trace/products.cl", "c < a.head_dim;", "c < a.head_dim - 1;",
     "products=naive", CLATTN_PRODUCTS, NULL, NULL},
    {"products of keys after the end of the sequence", "trace/products.cl", "|| key >= s.key_len", "", "products=naive",
     CLATTN_PRODUCTS, shorter_keys, half_the_keys},
    {"exps of a maximum without the sink", "trace/softmax.cl", "float largest = sink;", "float largest = at[0];",
     "exps=naive", CLATTN_EXPS, with_sinks, large_sinks},
    {"exps off by 1e-5", "trace/softmax.cl", "sum += at[j];", "sum += at[j];\n    at[j] *= 1.00001f;", "exps=naive",
     CLATTN_EXPS, NULL, NULL},
    {"row maximum of the first key", "trace/softmax.cl", "row_max[r.first + row] = largest",
     "row_max[r.first + row] = at[0]", "exps=naive", CLATTN_ROW_MAX, NULL, NULL},
    {"row sum without the last key", "trace/softmax.cl", "sum += at[j];", "sum += j < r.key_len - 1 ? at[j] : 0.0f;",
     "exps=naive", CLATTN_ROW_SUM, NULL, NULL},
    {"row sum without the sink", "trace/softmax.cl", "float sum = sink_exp(sink, largest)", "float sum = 0.0f",
     "exps=naive", CLATTN_ROW_SUM, with_sinks, NULL},
    {"fused: the formula without its maximum", "fused/1_row.cl", "sum += live_exp(score_of(a, in, key), largest)",
     "sum += exp(score_of(a, in, key))", "fused=row", CLATTN_LSE, NULL, NULL},
    {"fused: not divided by the sum", "fused/1_row.cl", "live_weight(live_exp(score_of(a, in, key), largest), sum)",
     "live_exp(score_of(a, in, key), largest)", "fused=row", CLATTN_CONTEXT, NULL, NULL},
    {"fused: masked values multiplied", "fused/1_row.cl", "if (is_masked(weight)) continue;", "", "fused=row",
     CLATTN_CONTEXT, masked_and_given, nan_at_a_masked_key},
    {"fused: a row's sum does not shrink", "fused/2_online.cl", "sum = sum * factor + part", "sum = sum + part",
     "fused=online", CLATTN_LSE, large_scale, NULL},
    {"fused: log-sum-exp without the headroom", "common/fused.cl", "log(ldexp(sum, headroom))", "log(sum)",
     "fused=online", CLATTN_LSE, NULL, NULL},
    {"fused: the maximum covers only the first key", "fused/3_tiled.cl", "i < TILE; ++i) larger", "i < 1; ++i) larger",
     "fused=tiled", CLATTN_LSE, large_scale, NULL},
    {"fused: barrier missing before scores are read", "fused/3_tiled.cl", "barrier(CLK_LOCAL_MEM_FENCE); /* the scores",
     "/* the scores", "fused=tiled", CLATTN_LSE, NULL, NULL},
    {"fused: sum does not shrink", "common/fused_block.cl", "sums->sum[r] *= factor;", "", SMALL_REGISTER, CLATTN_LSE,
     NULL, NULL},
    {"fused: context does not shrink", "common/fused_block.cl", "sums->context[r][i] *= factor", "", SMALL_REGISTER,
     CLATTN_CONTEXT, NULL, NULL},
    {"fused: barrier missing before weights are read", "common/fused_block.cl",
     "row_barrier(memory.in_step); /* the row's", "/* the row's", SMALL_REGISTER, CLATTN_CONTEXT, NULL, NULL},
    {"fused: barrier missing before maxima are read", "common/fused_block.cl", "barrier(CLK_LOCAL_MEM_FENCE); /* V is",
     "/* V is", SMALL_REGISTER, CLATTN_LSE, NULL, NULL},
    {"fused: a tile that some see taken for one that all do", "common/fused_block.cl",
     "is_seen(span, b.first_row, key0 + BLOCK_KEYS - 1)", "1", SMALL_REGISTER, CLATTN_LSE, causal, NULL},
    {"fused: keys behind the last are seen", "common/fused_block.cl", "(key < b.key_end) & ", "", SMALL_REGISTER,
     CLATTN_LSE, NULL, NULL},
    {"fused: every work-item of a row adds the sink", "common/fused_block.cl",
     "get_local_id(0) == 0 ? sink_part(sink, headroom) : 0.0f", "sink_part(sink, headroom)", SMALL_REGISTER, CLATTN_LSE,
     with_sinks, NULL},
    {"fused: masked weights multiplied", "common/products_float.cl", "if (!is_masked(weight))", "", SMALL_REGISTER,
     CLATTN_CONTEXT, masked_and_given, nan_at_a_masked_key},
    {"fused: weights have a floor", "common/fused.cl", "exp_below_0(score - largest) * ldexp(1.0f, -headroom)",
     "fmax(exp_below_0(score - largest) * ldexp(1.0f, -headroom), FLT_MIN)", "fused=online", CLATTN_CONTEXT, given,
     only_the_first_counts},
    {"fused: sums shrink to a floor", "common/fused.cl", "exp_below_0(largest - larger)",
     "fmax(exp_below_0(largest - larger), FLT_MIN)", "fused=tiled", CLATTN_CONTEXT, given, only_the_last_counts},
    {"fused: powers have a floor", "common/exp2.cl", "float16 exp2_below_16(float16 x, float16 above) {",
     "float16 exp2_below_16(float16 any, float16 above) {\n  const float16 x = fmax(any, above - 126.0f);",
     "fused=vector:STRIP=64", CLATTN_CONTEXT, given, only_the_first_counts},
    {"fused: parts of powers have a floor", "common/exp2.cl", "float16 exp2_16(float16 x) {",
     "float16 exp2_16(float16 any) {\n  const float16 x = fmax(any, -126.0f);", "fused=stream:UNIT_GROUPS=8",
     CLATTN_CONTEXT, given, only_the_first_counts},
    {"fused: weights of 0 taken for masked keys", "common/vector_block.cl", "as_int16(weight) == MASKED_BITS",
     "weight == 0.0f", "fused=vector:STRIP=64", CLATTN_CONTEXT, given, nan_where_nothing_counts},
    {"fused: weights of 0 taken for masked keys in parts", "common/masked.cl", "as_int(weight) == MASKED_BITS",
     "weight == 0.0f", "fused=split:PART_KEYS=32", CLATTN_CONTEXT, given, nan_where_nothing_counts},
    {"fused: the last part is forgotten", "common/split_join.cl", "p < parts; ++p) {", "p < parts - 1; ++p) {",
     "fused=split:PART_KEYS=32", CLATTN_LSE, NULL, NULL},
    {"fused: parts joined without their maxima", "common/split_join.cl", "= shrink(o[VALUE_DIM], largest)", "= 1.0f",
     "fused=split:PART_KEYS=32", CLATTN_LSE, NULL, NULL},
    {"fused: heads of a group write to one place", "fused/6_split.cl", "of_row.head - s.head, row", "0, row",
     "fused=split:PART_KEYS=32", CLATTN_LSE, grouped, NULL},
    {"fused: a sub-group's first maximum counts for all", "common/exchange_sub_groups.cl", "sub_group_reduce_max(mine)",
     "sub_group_broadcast(mine, 0)", "fused=subgroup", CLATTN_LSE, large_scale, NULL},
    {"fused: each lane of a sub-group has a sum of its own", "common/exchange_sub_groups.cl",
     "sub_group_reduce_add(mine)", "mine", "fused=subsplit", CLATTN_LSE, NULL, NULL},
    {"fused: sums of earlier strips do not shrink", "common/vector_block.cl", "b.sums[v] *= factor;", "",
     "fused=vector:STRIP=64", CLATTN_LSE, large_scale, NULL},
    {"fused: values of earlier strips do not shrink", "common/vector_block.cl", "b.values[c * VECTORS + v] *= factor",
     "", "fused=vector:STRIP=64", CLATTN_CONTEXT, large_scale, NULL},
    {"fused: a vector's last queries see no more than its first", "fused/5_vector.cl", "(end[i * 16 + 15] - keys.key0",
     "(end[i * 16] - keys.key0", "fused=vector:STRIP=64", CLATTN_LSE, causal, NULL},
    {"fused: the row sees one key too many", "common/vector_block.cl", "key < b.end[v0 + v]", "key <= b.end[v0 + v]",
     "fused=vector:STRIP=64", CLATTN_LSE, causal, NULL},
    {"fused: a tile that some see taken for one that all do", "common/vector_block.cl",
     "s.key0 + at + TILE_KEYS <= all_end", "1", "fused=vector:STRIP=64", CLATTN_LSE, causal, NULL},
    {"fused: all lanes of a vector take its first query", "fused/5_vector.cl", "row_of_lane(b, lane + i) * a.q.row",
     "row_of_lane(b, lane) * a.q.row", "fused=vector:STRIP=64", CLATTN_LSE, NULL, NULL},
    {"fused: the rows of a mask are not told apart", "common/vector_block.cl",
     "allowed[row_of_lane(b, v * 16 + i) * a.mask.row", "allowed[b.row0 * a.mask.row", "fused=vector:STRIP=64",
     CLATTN_LSE, bool_mask, NULL},
    {"fused: dims that fill no tile are left out", "common/vector_block.cl", "if (VALUE_DIM % TILE_DIMS != 0)",
     "if (0)", "fused=vector:STRIP=64", CLATTN_CONTEXT, NULL, NULL},
    {"fused: masked values are never left out", "fused/5_vector.cl", "if (needs_care(b)) {", "if (0) {",
     "fused=vector:STRIP=64", CLATTN_CONTEXT, masked_and_given, nan_at_a_masked_key},
    {"fused: weights of the natural exponent", "fused/5_vector.cl", "folded = a.scale * LOG2_E", "folded = a.scale",
     "fused=vector:STRIP=64", CLATTN_LSE, NULL, NULL},
    {"fused: a distance of ALiBi from the first row", "common/vector_block.cl", "fabs(positions - key)",
     "fabs(positions.s0 - key)", "fused=vector:STRIP=64", CLATTN_LSE, with_alibi, NULL},
    {"fused: the last number of a widened row is forgotten", "fused/5_vector.cl", "c < columns; ++c) to",
     "c < columns - 1; ++c) to", "fused=vector:STRIP=64", CLATTN_LSE, given_halves, NULL},
    {"fused: a coefficient off by 1 %", "common/exp2.cl", "0.240221202f", "0.242623414f", "fused=vector:STRIP=64",
     CLATTN_LSE, NULL, NULL},
    {"fused: two rows change places when turned around", "common/transpose.cl", "row[i + 4] = (float8)(a.s4,",
     "row[i + 4] = (float8)(a.s3,", "fused=vector:STRIP=64", CLATTN_LSE, NULL, NULL},
    {"fused: every block has the first one's repetitions", "fused/5_vector.cl", "i == 0 ? all.lead : 0", "all.lead",
     "fused=vector:VECTORS=1:STRIP=64:KEYS_FROM=2", CLATTN_LSE, NULL, NULL},
    {"fused: values copied from the first strip", "fused/5_vector.cl", "copy_rows(V_TYPE, v, v_at + key0 * a.v.row",
     "copy_rows(V_TYPE, v, v_at", "fused=vector:VECTORS=1:STRIP=64:KEYS_FROM=2", CLATTN_CONTEXT, NULL, NULL},
    {"fused: a part without its last strip", "fused/7_stream.cl", "min(begin + len, s.key_len)",
     "min(begin + len, s.key_len) - 1", "fused=stream:UNIT_GROUPS=8", CLATTN_LSE, NULL, NULL},
    {"fused: every row is the first query", "fused/7_stream.cl", "*query = r - member * a.query_len", "*query = 0",
     "fused=stream:UNIT_GROUPS=8", CLATTN_LSE, NULL, NULL},
    {"fused: values' columns that fill no vector are left out", "fused/7_stream.cl",
     "key < from.keys && WHOLE_VECTORS * 16 < VALUE_DIM", "0", "fused=stream:UNIT_GROUPS=8", CLATTN_CONTEXT, NULL,
     NULL},
    {"fused: sums of earlier strips do not shrink with the total", "fused/7_stream.cl", "b.weights[line] * factor",
     "b.weights[line]", "fused=stream:UNIT_GROUPS=8", CLATTN_LSE, large_scale, NULL},
    {"fused: sums of a strip are counted again in the next", "fused/7_stream.cl", "b.sums[i] = 0.0f;", "",
     "fused=stream:UNIT_GROUPS=8", CLATTN_CONTEXT, NULL, NULL},
    {"fused: all lines of a tile take the first head's keys", "fused/7_stream.cl", "(kind == ONE_HEAD ? 0 : i)", "0",
     "fused=stream:UNIT_GROUPS=8", CLATTN_LSE, NULL, NULL},
    {"fused: two lanes of a tile change places", "common/lanes.cl", "ab.s4, ab.s5, cd.s4, cd.s5",
     "cd.s4, cd.s5, ab.s4, ab.s5", "fused=stream:UNIT_GROUPS=8", CLATTN_LSE, NULL, NULL},
    {"fused: a strip's keys stay in their page for too long", "fused/7_stream.cl", "if (++token < page_len)",
     "if (++token <= page_len)", "fused=stream", CLATTN_LSE, paged, NULL},
    {"fused: values come from another key's row", "fused/7_stream.cl", "row_of(b, from.key0 + key)",
     "row_of(b, from.key0)", "fused=stream", CLATTN_CONTEXT, paged, NULL},
    {"fused: a tile has the places of the one before", "common/fused_block.cl", "key0 + BLOCK_KEYS, memory.places",
     "key0, memory.places", "fused=split", CLATTN_LSE, paged, NULL},
    {"fused: a cache of halves read as floats", "common/stored.cl", "if (type == STORED_F16) return vload_half16",
     "if (0) return vload_half16", "fused=stream", CLATTN_LSE, cached_halves, NULL},
    {"fused: a byte has its neighbour's scale", "common/cached.cl", "scales)[at / dim]", "scales)[at / dim ^ 1]",
     "fused=stream", CLATTN_LSE, cached_bytes, NULL},
    {"fused: the last two rows of a head are one", "fused/7_stream.cl", "add_rows(b, weights, from, to, 2)",
     "add_rows(b, weights, from, to, 1)", "fused=stream", CLATTN_CONTEXT, grouped_bytes, NULL},
    {"largest nibble taken as 7", "cache/1_naive.cl", "largest / -8.0f", "largest / -7.0f", "cache=naive",
     CLATTN_CACHED_K, cached_nibbles, NULL},
    {"nibbles truncated instead of rounded", "cache/1_naive.cl", "8.0f) + 8.5f", "8.0f) + 8.0f", "cache=naive",
     CLATTN_CACHED_K, cached_nibbles, NULL},
    {"halves of a group change places", "common/cached.cl", "byte >> (uint)c / 16 % 2 * 4",
     "byte >> (1 - (uint)c / 16 % 2) * 4", "cache=naive", CLATTN_CACHED_K, cached_nibbles, NULL},
    {"fused: halves of a group change places", "common/cached.cl", "bytes >> (uint)c / 16 % 2 * 4",
     "bytes >> (1 - (uint)c / 16 % 2) * 4", "fused=stream", CLATTN_LSE, cached_nibbles, NULL},
    {"fused: a group has the first one's scale", "common/cached.cl", "vload_half((uint)c / Q4_GROUP, v.scales)",
     "vload_half(0, v.scales)", "fused=split", CLATTN_LSE, cached_nibbles, NULL},
    {"output: the sums of earlier strips are forgotten", "project/7_panel.cl", "if (before) sum[v] = kept[v] + sum[v]",
     "if (!last) sum[v] = kept[v] + sum[v]", "output=panel:STRIP=64", CLATTN_OUTPUT, projected_halves, NULL},
    {"output: tiles of rows share the place of their sums", "project/7_panel.cl", "((row - row0 + i) * TILES",
     "(i * TILES", "output=panel:STRIP=64", CLATTN_OUTPUT, projected_halves, NULL},
    {"output: the tail of a row of halves is not written", "project/7_panel.cl",
     "column < columns; ++column) store_stored", "column < columns - 1; ++column) store_stored", "output=panel",
     CLATTN_OUTPUT, projected_halves, NULL},
    {"output: two halves in one place", "project/6_wide.cl", "four.y, out, at + 1", "four.y, out, at + 2",
     "output=wide", CLATTN_OUTPUT, projected_halves, NULL},
    {"output: halves truncated instead of rounded", "common/stored.cl", "vstore_half_rte(", "vstore_half_rtz(",
     "output=tiled", CLATTN_OUTPUT, projected_halves, NULL},
    {"output: bfloat16 truncated instead of rounded", "common/stored.cl", "(bits + 0x7fff + (upper & 1)) >> 16",
     "upper", "output=panel", CLATTN_OUTPUT, projected_bfloat16, NULL},
    {"half: a chain without its odd columns", "common/products_half.cl", "(float)chain[r][c].y, scale", "0.0f, scale",
     "fused=register", CLATTN_LSE, half_products, NULL},
    {"half: the last chain of a row is lost", "common/products_half.cl", "d0 < DEPTH_VECTORS; d0 += CHAIN_VECTORS",
     "d0 + CHAIN_VECTORS <= DEPTH_VECTORS; d0 += CHAIN_VECTORS", "fused=register", CLATTN_LSE, half_products, NULL},
    {"half: a chain is not begun anew", "common/products_half.cl", "(float)chain[r][c].x, scale, product[r][c]",
     "(float)chain[r][c].x, scale, 0.0f", "fused=subgroup", CLATTN_LSE, half_products, NULL},
    {"half: large operands are multiplied in half", "common/products_half.cl", "LARGEST_OPERAND 90.0f",
     "LARGEST_OPERAND 1000.0f", "fused=register", CLATTN_LSE, half_products, operands_of_100},
    {"half: large operands are not noticed", "common/fused_block.cl", "if (HALF_PRODUCTS && care)", "if (0)",
     "fused=register", CLATTN_LSE, half_products, keys_of_2000},
    {"half: large values are multiplied in half", "common/products_half.cl", "LARGEST_VALUE 8000.0f",
     "LARGEST_VALUE 60000.0f", "fused=register", CLATTN_CONTEXT, half_products, values_of_30000},
    {"half: all keys have the weights of the first four", "common/products_half.cl", "(key0 + k) / 4]", "k / 4]",
     "fused=split", CLATTN_CONTEXT, half_products, NULL},
    {"half: the headroom is forgotten", "common/products_half.cl", "fma(in_float(chain[r]), (float4)(factor),",
     "fma(in_float(chain[r]), (float4)(1.0f),", "fused=register", CLATTN_CONTEXT, half_products, NULL},
    {"half: a key of a chain has its neighbour's weight", "common/products_half.cl", "(half4)(weight.z)",
     "(half4)(weight.w)", "fused=register", CLATTN_CONTEXT, half_products, NULL},
    {"half: a masked key's value is multiplied", "common/products_half.cl", "if (is_masked(weight)) continue;", "",
     "fused=register", CLATTN_CONTEXT, half_products_masked, half_nan_at_a_masked_key},
    {"half: a query in a tile has another scale", "common/products_half.cl", "(half)values.w",
     "(half)(1.1f * values.w)", "fused=subsplit", CLATTN_LSE, half_products, NULL},
    {"matrix: all sub-groups have the first one's queries", MATRIX_FILE, "(row_tile - done) * UNIT_ROWS", "0",
     "fused=matrix:SUB_GROUPS=2:BLOCK_KEYS=32", CLATTN_LSE, half_products, NULL},
    {"matrix: context does not shrink", MATRIX_FILE,
     "if (key == 0) scale_rows(sums[t].shrink, &sums[t].context[n + i]);", ";", SMALL_MATRIX, CLATTN_CONTEXT,
     half_products, NULL},
    {"matrix: a row's sum is one lane's", MATRIX_FILE, "row_sum(unit, sums->sum[r])", "sums->sum[r]", SMALL_MATRIX,
     CLATTN_LSE, half_products, NULL},
    {"matrix: all keys have the weights of the first", MATRIX_FILE, "weight[t] + key / UNIT_COLUMNS", "weight[t]",
     "fused=matrix:SUB_GROUPS=2:BLOCK_KEYS=32", CLATTN_CONTEXT, half_products, NULL},
    {"matrix: both row tiles have the scores of the first", MATRIX_FILE, "multiply_add(unit, query[t][d]",
     "multiply_add(unit, query[0][d]", TWO_ROW_TILES, CLATTN_LSE, half_products, NULL},
    {"matrix: both row tiles have the weights of the first", MATRIX_FILE, "multiply_add(unit, left[t]",
     "multiply_add(unit, left[0]", TWO_ROW_TILES, CLATTN_CONTEXT, half_products, NULL},
    {"matrix: masked keys are not noticed", MATRIX_FILE, "!isfinite(total) || ", "", SMALL_MATRIX, CLATTN_CONTEXT,
     half_products_masked, half_nan_at_a_masked_key},
    {"matrix: a row has the exponents of the row above", MATRIX_FILE, "const float exponent = sums->largest[r]",
     "const float exponent = sums->largest[0]", SMALL_MATRIX, CLATTN_LSE, half_products, NULL},
    {"matrix: a masked key's value is multiplied", MATRIX_FILE, "!is_masked(of_row)", "1", SMALL_MATRIX, CLATTN_CONTEXT,
     half_products_masked, half_nan_at_a_masked_key},
    {"matrix: a value that is not finite is lost", MATRIX_FILE, "found |= replace_others", "replace_others",
     SMALL_MATRIX, CLATTN_CONTEXT, half_products, half_infinity},
    {"matrix: a NaN stays in the tile", MATRIX_FILE, "if (other) *values = 0;", "", "fused=matrix:BLOCK_KEYS=16",
     CLATTN_CONTEXT, odd_products_masked, half_nan_at_a_masked_key},
    {"matrix: the last dims of a query are lost", MATRIX_FILE, "d < DEPTH_STEPS", "d < DEPTH_STEPS - 1", SMALL_MATRIX,
     CLATTN_LSE, half_products, NULL},
    {"matrix: bfloat16s without headroom", MATRIX_FILE, "BFLOAT16 ? headroom_of(s.key_len) : 0", "0", SMALL_MATRIX,
     CLATTN_CONTEXT, bfloat16_products, enormous_bfloat16s},
    {"matrix: weights have the bits of a bfloat16", "common/matrix_unit.cl", "vstore_half_rte(value,",
     "vstore_half_rte(as_float(as_uint(value) & 0xffff0000),", SMALL_MATRIX, CLATTN_CONTEXT, half_products, NULL},
    {"matrix: weights truncated instead of rounded", "common/matrix_unit.cl", "vstore_half_rte(value,",
     "vstore_half_rtz(value,", SMALL_MATRIX, CLATTN_CONTEXT, nearly_the_next, all_but_the_first},
    {"matrix: weights truncated to bfloat16", "common/matrix_unit.cl", "float_to_bfloat16(value)",
     "as_uint(value) >> 16", SMALL_MATRIX, CLATTN_CONTEXT, nearly_the_next_bfloat16, all_but_the_first},
    {"matrix: sums begin at 1", MATRIX_FILE, "score[t][n].value[i] = 0.0f;", "score[t][n].value[i] = 1.0f;",
     SMALL_MATRIX, CLATTN_LSE, half_products_masked, NULL},
    {"matrix: every step takes the first dims of the keys", MATRIX_FILE, "UNIT_COLUMNS * KEY_ROW + d * UNIT_DEPTH",
     "UNIT_COLUMNS * KEY_ROW", SMALL_MATRIX, CLATTN_LSE, half_products, NULL},
    {"matrix: a row shrinks by its neighbour's factor", "common/matrix_unit.cl",
     "sum->value[i] *= factor[MATRIX_LANE_ROW(MATRIX_UNIT, i)]", "sum->value[i] *= factor[0]", SMALL_MATRIX,
     CLATTN_CONTEXT, half_products, NULL},
    {"matrix: a row is joined from the wrong lanes", "common/matrix_unit_software.cl", "values[unit.lane ^ bit]",
     "values[unit.lane ^ 1]", SMALL_MATRIX, CLATTN_LSE, half_products, NULL},
    {"matrix: transposed V", "common/matrix_unit_software.cl",
     "right_depth(MATRIX_UNIT, unit.lane, i) * row + right_row(MATRIX_UNIT, unit.lane, i)",
     "right_row(MATRIX_UNIT, unit.lane, i) * row + right_depth(MATRIX_UNIT, unit.lane, i)", SMALL_MATRIX,
     CLATTN_CONTEXT, half_products, NULL},
    {"matrix: a fragment's second half is its first", "common/matrix_unit_software.cl", "sums[i / SUM_VALUES]",
     "sums[0]", SMALL_MATRIX, CLATTN_CONTEXT, half_products, NULL},
    {"matrix: rows of weights change places", "common/matrix_units.h", "i / 2 * 8 : lane % MATRIX_ROWS",
     "(1 - i / 2) * 8 : lane % MATRIX_ROWS", SMALL_MATRIX, CLATTN_CONTEXT, half_products, NULL},
    {"matrix: log-sum-exp of products without their scale", MATRIX_FILE, "largest * scale.left", "largest",
     SMALL_MATRIX, CLATTN_LSE, half_products, NULL},
    {"matrix: columns behind the last are not 0", MATRIX_FILE, "fetch(type, rows.from, at + c) : (chunk)(0)",
     "fetch(type, rows.from, at + c) : (chunk)(0x3c00)", SMALL_MATRIX, CLATTN_LSE, half_products, NULL},
    {"matrix: barrier missing before fragments are read", "common/matrix_unit_software.cl",
     "barrier(CLK_LOCAL_MEM_FENCE); /* both", "/* both", SMALL_MATRIX, CLATTN_LSE, half_products, NULL},
    {"matrix: barrier missing before queries are read", MATRIX_FILE, "barrier(CLK_LOCAL_MEM_FENCE); /* they are",
     "/* they are", SMALL_MATRIX, CLATTN_LSE, half_products, NULL},
    {"matrix: a step's products replace the sum", "common/matrix_unit_software.cl", "sum->value[i] += product",
     "sum->value[i] = product", DPAS_MATRIX, CLATTN_LSE, half_products, NULL},
    {"matrix: a key has its neighbour's weight", "common/matrix_unit_software.cl",
     "[2 * i + odd] = to_operand(sums[0].value[i])", "[2 * i + odd] = to_operand(other)", WMMA_MATRIX, CLATTN_CONTEXT,
     half_products, NULL},
    {"matrix: keys behind the last are seen", MATRIX_FILE, "(key < b.key_end) & ", "", MFMA_MATRIX, CLATTN_LSE,
     half_products, NULL},
    {"matrix: a tile that some see taken for one that all do", MATRIX_FILE,
     "is_seen(span, b.first_row, key0 + BLOCK_KEYS - 1)", "1", MFMA_MATRIX, CLATTN_LSE, half_products_causal, NULL},
    {"matrix: every lane of a row adds the sink", MATRIX_FILE, "is_first_of_row(unit) ? scale.no_sum : 0.0f",
     "scale.no_sum", MFMA_MATRIX, CLATTN_LSE, half_products_with_sinks, NULL},
    {"project: a step of the depth is multiplied twice", PRODUCT_FILE, "DEPTH_ROW + step * UNIT_DEPTH", "DEPTH_ROW",
     PRODUCT, CLATTN_Q, NULL, NULL},
    {"project: a matrix unit multiplies by w transposed", PRODUCT_FILE, "load_right_across(unit", "load_right(unit",
     PRODUCT, CLATTN_Q, NULL, NULL},
    {"project: parts of x change places", PRODUCT_FILE, "(part * lines + line)", "((parts - 1 - part) * lines + line)",
     PRODUCT, CLATTN_Q, NULL, NULL},
    {"project: the products of the smallest parts are left out", PRODUCT_FILE, "LAST_PRODUCT 2", "LAST_PRODUCT 1",
     PRODUCT, CLATTN_Q, NULL, NULL},
    {"project: the third part of w is left out", PRODUCT_FILE, "b >= B_PARTS", "b >= B_PARTS - 1", PRODUCT, CLATTN_Q,
     NULL, NULL},
    {"project: barrier missing before a matrix unit reads", PRODUCT_FILE,
     "barrier(CLK_LOCAL_MEM_FENCE);      /* the tiles", "/* the tiles", PRODUCT, CLATTN_Q, NULL, NULL},
    {"project: only the last tile counts", PRODUCT_FILE, "total[r][c].value[i] += sum", "total[r][c].value[i] = sum",
     PRODUCT, CLATTN_Q, NULL, NULL},
    {"project: an infinity is lost", PRODUCT_FILE, "if (tiles.others[turn])", "if (0)", PRODUCT, CLATTN_Q, NULL,
     infinity_in_x},
    {"project: a large number is split", PRODUCT_FILE, "0x1p60f", "INFINITY", PRODUCT, CLATTN_Q, NULL,
     large_number_in_x},
    {"project: the last row of a matrix unit is not written", "project/8_matrix.cl", "row < p.rows &&",
     "row < p.rows - 1 &&", PRODUCT, CLATTN_Q, NULL, NULL},
    {"output: bfloat16s of a matrix unit have one part", "project/8_matrix.cl", "A_PARTS X_PARTS", "A_PARTS 1",
     "output=matrix:GROUPS_DOWN=1:GROUP_ROWS=16:GROUP_COLS=16", CLATTN_OUTPUT, projected_halves, NULL},
    {"matrix: heads of a group have one place in the workspace", "fused/12_matsplit.cl", "of_row.head - s.head, row",
     "0, row", "fused=matsplit:BLOCK_KEYS=16:PART_KEYS=16", CLATTN_LSE, half_products_grouped, NULL},
    {"matrix: parts joined by products without their scale", "fused/12_matsplit.cl", "largest[r] * scale.left",
     "largest[r]", "fused=matsplit:BLOCK_KEYS=16:PART_KEYS=16", CLATTN_LSE, half_products_grouped, NULL},
    {"matrix: all lines have the queries of the first head", MATRIX_FILE, "rows.at + head * rows.head", "rows.at",
     "fused=matsplit:BLOCK_KEYS=16:PART_KEYS=16", CLATTN_LSE, half_products_grouped, NULL},
    {"matrix: stored projections are truncated", "common/stored.cl", "vstore_half_rte(value, i",
     "vstore_half_rtz(value, i", SMALL_MATRIX ",project=panel", CLATTN_Q, stored_projections, NULL},
    {"matrix: the last column of a projection is not stored", "project/7_panel.cl",
     "column < columns; ++column) store_stored", "column < columns - 1; ++column) store_stored",
     SMALL_MATRIX ",project=panel", CLATTN_Q, stored_projections, NULL},
    {"matrix: floats of a projection are truncated", "common/stored.cl", "vstore_half16_rte(", "vstore_half16_rtz(",
     SMALL_MATRIX ",project=naive", CLATTN_Q, stored_projections, NULL},
    {"fused: the last part is not joined", "fused/7_stream.cl", "part < parts; ++part) {",
     "part < parts - 1; ++part) {", "fused=stream:UNIT_GROUPS=8", CLATTN_LSE, NULL, NULL},
};

static clattn_problem problem_for(const broken *b) {
  clattn_problem p = support_problem(
      133, 133, 67); /* large enough to see a wrong W, with more tokens than head_dim; no tile size divides it */
  p.heads = 2;
  if (b->change != NULL) b->change(&p);
  return p;
}

/* With a cache there are two runs, because the first run's keys matter, too. Stops at a rejected
 * run. */
static clattn_check_report run(clattn_device *device, const broken *b) {
  clattn_plan_options options = SUPPORT_STAGED;
  options.kernel_dir = FOLDER;
  options.kernels = b->kernels;
  options.trace = strncmp(b->kernels, "products=", 9) == 0 || strncmp(b->kernels, "exps=", 5) == 0;
  if (strncmp(b->kernels, "fused=", 6) == 0) options.pipeline = CLATTN_PIPELINE_FUSED;
  const clattn_problem p = problem_for(b);
  const bool has_cache = p.cache.capacity != 0;
  clattn_plan *plan = NULL;
  clattn_cache *cache = NULL;
  clattn_check_report report = CLATTN_CHECK_REPORT_INIT;
  report.passed = true;
  clattn_error error;
  assert_ok(clattn_plan_create(device, &p, &options, &plan, &error), &error);
  if (has_cache) assert_ok(clattn_cache_create(device, &p, NULL, NULL, &cache, &error), &error);
  for (int i = 0; i < (has_cache ? 2 : 1) && report.passed; ++i) {
    clattn_problem seen = p;
    support_case c;
    if (has_cache)
      assert_ok(clattn_cache_problem(cache, &p, &(clattn_inputs){.size = sizeof(clattn_inputs), .cache = cache}, &seen,
                                     &error),
                &error);
    support_allocate(&c, &seen, 17);
    c.inputs.cache = cache;
    support_want(&c, plan);
    if (b->adjust != NULL) b->adjust(&c);
    assert_ok(clattn_plan_run(plan, &c.inputs, &c.outputs, NULL, &error), &error);
    support_check_guards(&c);
    assert_ok(clattn_check(plan, &c.inputs, &c.outputs, NULL, &report, &error), &error);
    support_free(&c);
  }
  clattn_plan_destroy(plan);
  clattn_cache_destroy(cache);
  return report;
}

/* Runs from the folder. True if the check failed and rejected `wrong` first. */
static bool is_rejected(clattn_device *device, const broken *b) {
  const clattn_check_report report = run(device, b);
  for (size_t i = 0; i < report.count; ++i)
    if (!report.check[i].passed) return report.check[i].tensor == b->wrong && !report.passed;
  return false;
}

/* Whether the device has what the kernel needs: sub-groups, and half arithmetic for some problems. */
static bool has_needs(const clattn_device *device, const broken *b) {
  const char *equals = strchr(b->kernels, '=');
  for (int s = 0; s < CLATTN_STAGE_COUNT; ++s) {
    const char *stage = clattn_stage_name((clattn_stage)s);
    if (strlen(stage) != (size_t)(equals - b->kernels) || strncmp(stage, b->kernels, strlen(stage)) != 0) continue;
    const clattn_kernel *row = clattn_catalog_find((clattn_stage)s, equals + 1, strcspn(equals + 1, ":,"));
    assert_non_null(row);
    const clattn_problem p = problem_for(b);
    const bool halves = p.math == CLATTN_MATH_STORED && (row->forms & CLATTN_FORM_HALF_PRODUCTS) != 0;
    const unsigned needs = row->needs | (halves ? (unsigned)CLATTN_NEEDS_HALF : 0);
    return clattn_needs_met(needs, clattn_device_get_info(device), NULL) == CLATTN_OK;
  }
  fail_msg("'%s' names no stage", b->kernels);
  return false;
}

/* The unchanged kernel must pass with the same problem, so that the check does not reject
 * everything. */
static void is_noticed(void **state) {
  const broken *b = *state;
  clattn_device *device = support_device();
  if (!has_needs(device, b)) {
    print_message("%-45s skipped: the device cannot run %s\n", b->name, b->kernels);
    clattn_device_close(device);
    skip();
  }
  support_copy_kernels(FOLDER);
  const clattn_check_report unbroken = run(device, b);
  assert_passed(&unbroken, b->name);
  support_break_kernel(FOLDER, b->file, b->find, b->replace);
  const bool rejected = is_rejected(device, b);
  print_message("%-45s %s\n", b->name, rejected ? "rejected" : "NOT REJECTED");
  assert_true(rejected);
  assert_int_equal(system("rm -rf " FOLDER), 0);
  clattn_device_close(device);
}

/* A matrix unit in plain OpenCL C takes a compiler seconds: three of four of its kernels only with CLATTN_LONG=1. */
static bool is_in_form(size_t i) {
  return support_is_long() || i % 4 == 0 || strncmp(cases[i].name, "matrix: ", strlen("matrix: ")) != 0;
}

int main(int argc, char **argv) {
  enum { CASES = sizeof cases / sizeof cases[0] };
  struct CMUnitTest tests[CASES];
  size_t count = 0;
  for (size_t i = 0; i < CASES; ++i)
    if (is_in_form(i))
      tests[count++] =
          (struct CMUnitTest){.name = cases[i].name, .test_func = is_noticed, .initial_state = (void *)&cases[i]};
  return support_run_group("broken", tests, count, NULL, NULL, argc, argv);
}
