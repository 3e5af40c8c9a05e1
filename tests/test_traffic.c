/* What kernels read, write and compute in theory, compared with counts by hand for small cases, and
 * conclusions from it. */
#include <math.h>
#include <string.h>

#include "catalog/catalog.h"
#include "../kernels/common/matrix_units.h"
#include "../kernels/common/parts.h"
#include "cli/ladder/prediction.h"
#include "support.h"
#include "catalog/traffic.h"

/* In floats, except for the operations. */
typedef struct counts {
  double flops, read, strided, written, scattered, local_read, local_written;
} counts;

/* cmocka's own compares floats. */
#define assert_close(a, b) assert_true(fabs((a) - (b)) < 1e-9)

static void assert_counts(const clattn_traffic *t, const counts *c) {
  assert_close(t->flops, c->flops);
  assert_close(t->global_read / 4.0, c->read);
  assert_close(t->global_strided / 4.0, c->strided);
  assert_close(t->global_written / 4.0, c->written);
  assert_close(t->global_scattered / 4.0, c->scattered);
  assert_close(t->local_read / 4.0, c->local_read);
  assert_close(t->local_written / 4.0, c->local_written);
}

static const clattn_kernel *row_of(clattn_stage stage, const char *name) {
  const clattn_kernel *row = clattn_catalog_find(stage, name, strlen(name));
  assert_non_null(row);
  return row;
}

static clattn_problem attention(size_t queries, size_t keys, size_t heads, size_t head_dim, size_t value_dim) {
  clattn_problem p = CLATTN_PROBLEM_INIT;
  p.source = CLATTN_SOURCE_QKV;
  p.query_len = queries;
  p.key_len = keys;
  p.heads = heads;
  p.head_dim = head_dim;
  p.value_dim = value_dim;
  return p;
}

/* For one attention kernel. */
typedef struct counted {
  clattn_stage stage;
  const char *name;
  int value[CLATTN_TILES_MOST];
  size_t queries, keys, heads, head_dim, value_dim;
  counts expected;
} counted;

static const counted by_hand[] = {
    /* 2 x 3 results of 4 products each; all 24 reads of K are one row apart */
    {CLATTN_STAGE_SCORES, "naive", {0}, 2, 3, 1, 4, 4, {.flops = 48, .read = 48, .strided = 24, .written = 6}},
    /* V's reads are not */
    {CLATTN_STAGE_CONTEXT, "naive", {0}, 2, 4, 1, 9, 3, {.flops = 48, .read = 48, .written = 6}},
    /* each head has 2 tiles of 8 x 8 and one step: 128 floats to local memory, 16 from it for each
     * of 64 work-items */
    {CLATTN_STAGE_SCORES,
     "tiled",
     {8},
     8,
     16,
     2,
     8,
     8,
     {.flops = 4096, .read = 512, .written = 256, .local_read = 4096, .local_written = 512}},
    /* 9 rows take 2 tiles; the 7 unused rows of the second are computed as well */
    {CLATTN_STAGE_CONTEXT,
     "tiled",
     {8},
     9,
     8,
     1,
     8,
     8,
     {.flops = 2048, .read = 72 + 128, .written = 72, .local_read = 1024 + 1024, .local_written = 256}},
    /* one block of 16 x 8: each of 64 work-items reads a float of K and 2 of Q for each of 8 terms,
     * although only 9 rows of Q exist */
    {CLATTN_STAGE_SCORES,
     "column",
     {8, 2},
     9,
     8,
     1,
     8,
     8,
     {.flops = 2048, .read = 72 + 64, .written = 72, .local_read = 64 * 8 * 3, .local_written = 128 + 64}},
    /* one block of 32 x 32, one step: the same counts as for register */
    {CLATTN_STAGE_SCORES,
     "wide",
     {8, 8, 4, 4, 8},
     32,
     32,
     1,
     8,
     8,
     {.flops = 16384, .read = 512, .written = 1024, .local_read = 64 * 8 * 8, .local_written = 512}},
    /* one block of 16 x 16, one step; the flag: 1 float in, 64 out */
    {CLATTN_STAGE_CONTEXT,
     "register",
     {8, 8, 2, 2, 8},
     16,
     8,
     1,
     8,
     16,
     {.flops = 4096, .read = 256, .written = 256, .local_read = 64 * 8 * 4 + 64, .local_written = 256 + 1}},
    /* 5 rows count as 8; two strips, of which the second adds to the first */
    {CLATTN_STAGE_SCORES,
     "panel",
     {64, 4, 1, 64},
     5,
     16,
     1,
     128,
     1,
     {.flops = 32768, .read = 2048 + 1024 + 80, .written = 160, .local_read = 4096, .local_written = 2048}},
    {CLATTN_STAGE_SOFTMAX, "naive", {0}, 2, 5, 1, 1, 1, {60, 30, 30, 10, 10, 0, 0}},
    /* two trees over 32: 31 pairs each, and the root is read by all */
    {CLATTN_STAGE_SOFTMAX,
     "tiled",
     {32},
     1,
     64,
     1,
     1,
     1,
     {.flops = 384, .read = 192, .written = 64, .local_read = 188, .local_written = 126}},
    {CLATTN_STAGE_SOFTMAX, "online", {0}, 2, 5, 1, 1, 1, {70, 20, 20, 10, 10, 0, 0}},
    /* one tree, of pairs */
    {CLATTN_STAGE_SOFTMAX,
     "pairs",
     {32},
     1,
     64,
     1,
     1,
     1,
     {.flops = 448, .read = 128, .written = 64, .local_read = 188, .local_written = 126}},
    /* 128 values in registers, 32 keys beyond them */
    {CLATTN_STAGE_SOFTMAX,
     "register",
     {32, 4},
     1,
     160,
     1,
     1,
     1,
     {.flops = 384 + 128 + 192, .read = 128 + 96, .written = 160, .local_read = 188, .local_written = 126}},
    /* the same registers; each of two sub-groups writes two floats, which all 64 work-items read */
    {CLATTN_STAGE_SOFTMAX,
     "subgroup",
     {64, 4},
     1,
     288,
     1,
     1,
     1,
     {.flops = 768 + 256 + 192, .read = 256 + 96, .written = 288, .local_read = 256, .local_written = 4}},
    {CLATTN_STAGE_SOFTMAX, "vector", {16}, 3, 32, 1, 1, 1, {.flops = 384, .read = 288, .written = 192}},
    /* for each of 2 keys q and the result (3 + 5), then k and v; then the result once more */
    {CLATTN_STAGE_FUSED, "online", {0}, 1, 2, 2, 3, 5, {108, 74, 74, 40, 40, 0, 0}},
    {CLATTN_STAGE_FUSED, "online", {0}, 1, 2, 1, 3, 5, {54, 37, 21, 20, 20, 0, 0}},
    /* three scores for each key: 6 x 3 of q and k; the formula's 9, and 5 sums */
    {CLATTN_STAGE_FUSED, "row", {0}, 1, 2, 1, 3, 5, {2 * (18 + 10 + 9), 2 * 28, 2 * 14, 15, 15, 0, 0}},
    /* one tile of queries, one of keys: Q, K, V, scores and weights of 64 floats each */
    {CLATTN_STAGE_FUSED,
     "tiled",
     {8},
     8,
     8,
     1,
     8,
     8,
     {.flops = 1216 + 1728, .read = 192, .written = 64, .local_read = 2048 + 512, .local_written = 320}},
    /* Q, K (128 each), V (256), maxima, flag, weights, sums; read: products, maxima and flag,
     * values, sums */
    {CLATTN_STAGE_FUSED,
     "register",
     {8, 8, 1, 1, 16},
     8,
     8,
     1,
     16,
     32,
     {.flops = 64 * (32 + 2 + 3 + 1 + 4 + 64 + 8),
      .read = 128 + 128 + 256,
      .written = 256,
      .local_read = 2048 + 512 + 64 + 2560 + 512,
      .local_written = 128 + 128 + 256 + 64 + 1 + 64 + 64}},
    /* as register, but neither maxima nor sums pass through local memory */
    {CLATTN_STAGE_FUSED,
     "subgroup",
     {8, 8, 1, 1, 16},
     8,
     8,
     1,
     16,
     32,
     {.flops = 64 * (32 + 2 + 3 + 1 + 4 + 64 + 8),
      .read = 128 + 128 + 256,
      .written = 256,
      .local_read = 2048 + 64 + 2560,
      .local_written = 128 + 128 + 256 + 1 + 64}},
    /* 2 key tiles for 16 queries: Q and copies of K and V, then scores, maxima, weights and sums of
     * each lane, and the lane's other values */
    {CLATTN_STAGE_FUSED,
     "vector",
     {1, 4, 4, 64, 16, KEYS_FROM_COPY},
     16,
     8,
     1,
     8,
     8,
     {.flops = 16 * (8 + 8 * 16 + 8 * (1 + 14 + 16) + 8),
      .read = 128 + 64 + 64,
      .written = 128,
      .local_read = 16 * (2 * 8 + 2 + 8 + 2 * 8 + 8 + 16) + 64 + 64 + 16 * 3 + 16 * 4 + 5,
      .local_written = 64 + 64 + 16 * (16 + 8 + 2 + 8 + 8) + 16 * 5 + 16 * 2}},
    {CLATTN_STAGE_FUSED,
     "stream",
     {8, 1},
     1,
     64,
     1,
     16,
     16,
     {.flops = 64 * (32 + 16 + 32) + 64 * 18 + 16 + 36,
      .read = 16 + 64 * 32 + 19,
      .written = 18 + 16,
      .local_read = 64 * 16 + 3 * 64 + 64 + 16 + 16 + 34 + 18,
      .local_written = 16 + 34 + 3 * 64 + 16 + 16 + 34}},
};

static void counted_by_hand(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof by_hand / sizeof by_hand[0]; ++i) {
    const counted *c = &by_hand[i];
    const clattn_problem p = attention(c->queries, c->keys, c->heads, c->head_dim, c->value_dim);
    const clattn_traffic t = clattn_stage_traffic(row_of(c->stage, c->name), c->value, &p, c->stage, 16, c->queries);
    print_message("%s %s\n", clattn_stage_name(c->stage), c->name);
    assert_counts(&t, &c->expected);
  }
}

/* Two query heads share a KV head: their 2 rows form one block. 32 keys are two parts of one tile;
 * both load the queries. */
static void split(void **state) {
  (void)state;
  static const int value[] = {16, 1, 32, 16, 128};
  clattn_problem p = attention(1, 32, 2, 16, 16);
  p.kv_heads = 1;
  const clattn_traffic t =
      clattn_stage_traffic(row_of(CLATTN_STAGE_FUSED, "split"), value, &p, CLATTN_STAGE_FUSED, 0, 1);
  assert_close(t.global_read / 4.0, 64.0 + 32.0 * 32.0 + 32.0 * 8.0);
  assert_close(t.global_written / 4.0, 2.0 * 2.0 * 18.0 + 32.0);
  assert_true(t.global_strided == 0.0 && t.local_read > 0.0 && t.local_written > 0.0);
}

/* Two blocks of 64 queries read keys and values each for themselves, or both from the copy that their
 * work-group has made. */
static void copies(void **state) {
  (void)state;
  enum { QUERIES = 128, KEYS = 256, DIM = 32 };
  int value[] = {4, 4, 4, 64, QUERIES, KEYS_FROM_PLACE};
  const clattn_kernel *vector = row_of(CLATTN_STAGE_FUSED, "vector");
  const clattn_problem p = attention(QUERIES, KEYS, 2, DIM, DIM);
  const clattn_traffic place = clattn_stage_traffic(vector, value, &p, CLATTN_STAGE_FUSED, QUERIES, 0);
  value[5] = KEYS_FROM_COPY;
  const clattn_traffic copy = clattn_stage_traffic(vector, value, &p, CLATTN_STAGE_FUSED, QUERIES, 0);
  assert_close(place.global_read / 4.0, 2.0 * (QUERIES * DIM + 2.0 * KEYS * 2.0 * DIM));
  assert_close(copy.global_read / 4.0, 2.0 * (QUERIES * DIM + KEYS * 2.0 * DIM));
  assert_close((copy.local_written - place.local_written) / 4.0, 2.0 * KEYS * 2.0 * DIM);
  assert_close((copy.local_read - place.local_read) / 4.0, 2.0 * 2.0 * KEYS * 2.0 * DIM);
}

/* Three results from the same x. Work-items that are neighbours in a column read and write rows far
 * apart; neighbours in a row read W^T, but not W, with a stride. */
static void projections(void **state) {
  (void)state;
  static const int value[] = {8, 8, 2, 2, 8};
  clattn_problem p = support_problem(16, 8, 16);
  const clattn_kernel *naive = row_of(CLATTN_STAGE_PROJECT, "naive"),
                      *coalesced = row_of(CLATTN_STAGE_PROJECT, "coalesced"),
                      *registers = row_of(CLATTN_STAGE_PROJECT, "register");
  const counts blocks = {
      .flops = 3 * 4096, .read = 3 * 256, .written = 3 * 256, .local_read = 3 * 64 * 8 * 4, .local_written = 3 * 256};
  clattn_traffic t = clattn_stage_traffic(registers, value, &p, CLATTN_STAGE_PROJECT, 0, 0);
  assert_counts(&t, &blocks);
  t = clattn_stage_traffic(coalesced, value, &p, CLATTN_STAGE_PROJECT, 0, 0);
  assert_true(t.flops == 3.0 * 2.0 * 16.0 * 16.0 * 8.0 && t.global_strided == 0.0 && t.global_scattered == 0.0);
  t = clattn_stage_traffic(naive, value, &p, CLATTN_STAGE_PROJECT, 0, 0);
  assert_close(t.global_strided, t.global_read / 2.0);
  assert_close(t.global_scattered, t.global_written);
  p.layout = CLATTN_LAYOUT_XWT;
  t = clattn_stage_traffic(coalesced, value, &p, CLATTN_STAGE_PROJECT, 0, 0);
  assert_close(t.global_strided, t.global_read / 2.0);
}

/* 7 rows count as 12. 65 columns take three tiles, each with a panel for itself; panels are packed
 * for two tiles side by side, so for a fourth as well. */
static void tiles_side_by_side(void **state) {
  (void)state;
  static const int value[] = {64, 6, 2, 64, 2};
  const clattn_problem p = support_problem(7, 8, 65);
  const counts expected = {.flops = 3 * 2 * 12 * 96 * 8,
                           .read = 3 * (65 * 8 + 3 * 12 * 8),
                           .written = 3 * 7 * 65,
                           .local_read = 3 * 2 * 96 * 8,
                           .local_written = 3 * 128 * 8};
  const clattn_traffic t =
      clattn_stage_traffic(row_of(CLATTN_STAGE_PROJECT, "panel"), value, &p, CLATTN_STAGE_PROJECT, 0, 0);
  assert_counts(&t, &expected);
}

/* One sub-group has 16 x 32 results and 64 terms at a time. 17 rows take two of them, 65 columns three, 65 terms two
 * tiles. Of floats each tile has three parts, of two bytes an element, and there are six products; of halves one. */
static void projection_in_a_matrix_unit(void **state) {
  (void)state;
  static const int value[] = {MATRIX_MMA_16, 1, 1, 16, 32, 64};
  clattn_problem p = support_problem(17, 65, 65);
  const double tiles = 3 * 2 * 3 * 2, elements = tiles * 64 * (16 + 32), results = tiles * 16 * 32;
  counts expected = {.flops = 6 * 2 * results * 64 + results,
                     .read = 3 * (3 * 17 * 65 + 2 * 65 * 65),
                     .written = 3 * 17 * 65,
                     .local_read = 3 * elements / 2 + tiles * 32,
                     .local_written = 3 * elements / 2 + tiles + tiles / 2};
  const clattn_kernel *matrix = row_of(CLATTN_STAGE_PROJECT, "matrix");
  clattn_traffic t = clattn_stage_traffic(matrix, value, &p, CLATTN_STAGE_PROJECT, 0, 0);
  assert_counts(&t, &expected);
  p.type = CLATTN_F16;
  expected.flops = 2 * results * 64 + results;
  expected.local_read -= 2 * elements / 2;
  expected.local_written -= 2 * elements / 2;
  t = clattn_stage_traffic(matrix, value, &p, CLATTN_STAGE_PROJECT, 0, 0);
  assert_counts(&t, &expected);
}

/* An output in halves has no room for the sums of the first of two strips: they lie beside the panels, as wide as a
 * tile. */
static void stored_projection(void **state) {
  (void)state;
  static const int value[] = {64, 6, 2, 64, 2};
  clattn_problem p = support_problem(7, 8, 65);
  p.output_dim = 20;
  const clattn_kernel *panel = row_of(CLATTN_STAGE_PROJECT, "panel"), *naive = row_of(CLATTN_STAGE_PROJECT, "naive");
  counts expected = {.flops = 2 * 12 * 32 * 65,
                     .read = 20 * 65 + 12 * 65 + 7 * 20,
                     .written = 2 * 7 * 20,
                     .local_read = 2 * 32 * 65,
                     .local_written = 64 * 65};
  const clattn_traffic floats = clattn_stage_traffic(panel, value, &p, CLATTN_STAGE_OUTPUT, 0, 0);
  assert_counts(&floats, &expected);
  const clattn_traffic plain = clattn_stage_traffic(naive, value, &p, CLATTN_STAGE_OUTPUT, 0, 0);
  p.type = CLATTN_BF16;
  expected.read -= 7 * 20;
  expected.written = 7 * 20 / 2.0;
  expected.local_read += 7 * 32;
  expected.local_written += 7 * 32;
  const clattn_traffic halves = clattn_stage_traffic(panel, value, &p, CLATTN_STAGE_OUTPUT, 0, 0);
  assert_counts(&halves, &expected);
  assert_close(clattn_stage_traffic(naive, value, &p, CLATTN_STAGE_OUTPUT, 0, 0).global_written, plain.global_written);
  assert_close(clattn_stage_traffic(panel, value, &p, CLATTN_STAGE_PROJECT, 0, 0).global_written, 3 * 7 * 65 * 4.0);
}

/* Scores in blocks of rows take several launches, each of which starts its tiles anew. */
static void blocks_of_rows(void **state) {
  (void)state;
  static const int value[] = {8};
  const clattn_kernel *tiled = row_of(CLATTN_STAGE_SCORES, "tiled");
  const clattn_problem p = attention(12, 16, 1, 8, 8), head = attention(8, 16, 1, 8, 8),
                       tail = attention(4, 16, 1, 8, 8);
  const clattn_traffic all = clattn_stage_traffic(tiled, value, &p, CLATTN_STAGE_SCORES, 0, 8);
  const clattn_traffic first = clattn_stage_traffic(tiled, value, &head, CLATTN_STAGE_SCORES, 0, 8);
  const clattn_traffic rest = clattn_stage_traffic(tiled, value, &tail, CLATTN_STAGE_SCORES, 0, 8);
  assert_close(all.global_read, first.global_read + rest.global_read);
  assert_close(all.local_read, first.local_read + rest.local_read);
}

static void every_rung_has_a_formula(void **state) {
  (void)state;
  const clattn_kernel *row;
  for (size_t i = 0; (row = clattn_catalog_at(i)) != NULL; ++i) {
    const bool computes =
        row->stage == CLATTN_STAGE_PROJECT || (row->stage >= CLATTN_STAGE_SCORES && row->stage <= CLATTN_STAGE_FUSED);
    if (computes && row->rung > 0 && row->traffic == NULL)
      fail_msg("%s %s has no traffic formula", clattn_stage_name(row->stage), row->name);
  }
}

/* Only fused kernels read halves as they are stored; they store them, too. Where a kernel accumulates in the context,
 * that remains floats. */
static void halves(void **state) {
  (void)state;
  static const int value[] = {8};
  clattn_problem p = attention(8, 16, 2, 8, 4);
  const clattn_kernel *tiled = row_of(CLATTN_STAGE_FUSED, "tiled"), *online = row_of(CLATTN_STAGE_FUSED, "online"),
                      *scores = row_of(CLATTN_STAGE_SCORES, "naive");
  const clattn_traffic t32 = clattn_stage_traffic(tiled, value, &p, CLATTN_STAGE_FUSED, 0, 0);
  const clattn_traffic o32 = clattn_stage_traffic(online, value, &p, CLATTN_STAGE_FUSED, 0, 0);
  const clattn_traffic s32 = clattn_stage_traffic(scores, value, &p, CLATTN_STAGE_SCORES, 0, 8);
  for (int type = CLATTN_F16; type <= CLATTN_BF16; ++type) {
    p.type = (clattn_type)type;
    const clattn_traffic t = clattn_stage_traffic(tiled, value, &p, CLATTN_STAGE_FUSED, 0, 0);
    const clattn_traffic o = clattn_stage_traffic(online, value, &p, CLATTN_STAGE_FUSED, 0, 0);
    const clattn_traffic s = clattn_stage_traffic(scores, value, &p, CLATTN_STAGE_SCORES, 0, 8);
    assert_close(t.global_read, t32.global_read / 2.0);
    assert_close(t.global_written, t32.global_written / 2.0);
    assert_close(o.global_written, o32.global_written);
    assert_close(t.local_read, t32.local_read);
    const double context = 4.0 * 2.0 * 8.0 * (16.0 + 1.0) * 4.0; /* read back once per key, and once to be divided */
    assert_close(o.global_read, (o32.global_read - context) / 2.0 + context);
    assert_close(s.global_read, s32.global_read);
  }
}

static void only_of_plain_problems(void **state) {
  (void)state;
  static const int value[] = {8};
  const clattn_kernel *tiled = row_of(CLATTN_STAGE_SCORES, "tiled");
#define UNKNOWN(change)                                                                                                \
  do {                                                                                                                 \
    clattn_problem p = attention(8, 8, 1, 8, 8);                                                                       \
    change;                                                                                                            \
    const clattn_traffic t = clattn_stage_traffic(tiled, value, &p, CLATTN_STAGE_SCORES, 0, 8);                        \
    assert_true(t.flops == 0.0 && t.global_read == 0.0 && t.local_written == 0.0);                                     \
  } while (0)
  UNKNOWN(p.causal = true);
  UNKNOWN(p.window_left = 3);
  UNKNOWN(p.softcap = 1.0f);
  UNKNOWN(p.cache.capacity = 16);
#undef UNKNOWN
}

/* ---- the prediction ---------------------------------------------------------------------------------------------- */

static void what_takes_longest_decides(void **state) {
  (void)state;
  const clattn_peaks peaks = {.size = sizeof(clattn_peaks),
                              .multiply_add = {100.0, 90.0},
                              .read = {10.0, 9.0},
                              .copy = {8.0, 7.0},
                              .strided = {1.0, 0.9},
                              .local = {20.0, 19.0}};
  static const struct {
    clattn_traffic traffic;
    double seconds;
    prediction_limit limit;
  } cases[] = {
      {{.flops = 500.0, .global_read = 40.0}, 5.0, LIMIT_ARITHMETIC},
      {{.flops = 300.0, .global_read = 40.0}, 4.0, LIMIT_MEMORY},
      {{.flops = 1.0, .global_read = 40.0, .global_written = 16.0}, 2.4 + 4.0, LIMIT_MEMORY},
      {{.flops = 1.0, .global_read = 8.0, .global_written = 16.0}, 3.0, LIMIT_MEMORY},
      {{.flops = 1.0, .global_read = 40.0, .global_strided = 10.0}, 10.0, LIMIT_STRIDED},
      {{.flops = 1.0, .global_written = 5.0, .global_scattered = 5.0}, 5.0, LIMIT_STRIDED},
      {{.flops = 1.0, .local_read = 80.0, .local_written = 20.0}, 5.0, LIMIT_LOCAL},
      {{.flops = 0.0}, 0.0, LIMIT_NONE},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    const prediction p = predict(&cases[i].traffic, &peaks, peaks.multiply_add);
    assert_close(p.seconds, cases[i].seconds);
    assert_int_equal(p.limit, cases[i].limit);
    assert_true((limit_name(p.limit)[0] != '\0') == (p.limit != LIMIT_NONE));
  }
  /* In a matrix unit ten times as fast, memory is the limit. */
  const prediction p = predict(&cases[0].traffic, &peaks, (clattn_rate){1000.0, 1000.0});
  assert_close(p.seconds, 4.0);
  assert_int_equal(p.limit, LIMIT_MEMORY);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(counted_by_hand),
      cmocka_unit_test(split),
      cmocka_unit_test(copies),
      cmocka_unit_test(projections),
      cmocka_unit_test(tiles_side_by_side),
      cmocka_unit_test(projection_in_a_matrix_unit),
      cmocka_unit_test(stored_projection),
      cmocka_unit_test(blocks_of_rows),
      cmocka_unit_test(every_rung_has_a_formula),
      cmocka_unit_test(halves),
      cmocka_unit_test(only_of_plain_problems),
      cmocka_unit_test(what_takes_longest_decides),
  };
  return cmocka_run_group_tests_name("traffic", tests, NULL, NULL);
}
