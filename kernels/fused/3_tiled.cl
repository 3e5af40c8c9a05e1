/* fused, rung 3: work-items share tiles of K and V in local memory (target: GPU). Formula and arguments as in rung 1.
 *
 * One work-group processes TILE query rows of a pair and goes through their keys, TILE at a time:
 *
 *               head_dim                keys               value_dim
 *            +------------+          +-------+          +------------+
 *      rows  |     Q      |    rows  |   #   |    keys  |     V      |    1. K and V of these keys into local memory
 *            +------------+          +-------+          +------------+    2. work-item (x, y): the score of row y and
 *            +------------+        scores, then                              key x
 *      keys  |     K      |           weights                             3. the maximum of the row so far, the weight
 *            +------------+                                               4. work-item (x, y): columns x, x + TILE ...
 *                                                                            of row y's context, over all these keys
 *
 * A barrier separates the steps, because each step reads what other work-items wrote in the step before. The work-items
 * keep the sums of their row from tile to tile, and shrink them when a later tile holds a larger score.
 *
 * A masked key, known by its weight (common/masked.cl), is skipped, not multiplied: a NaN in its value does not spread.
 *
 * Cost: each element of K and V is read once for TILE rows, not once for each row. Local memory must hold TILE rows of
 * Q, K and V. Wins over rung 2 on GPUs. Loses on CPU devices because of the barriers; loses to rung 4, because it reads
 * two words of local memory for each multiply-add.
 */
#ifndef TILE
#define TILE 16 /* 8, 16 */
#endif
#include "common/fused.cl"
#include "common/group.cl"

#define ITEM_VALUES ((VALUE_DIM + TILE - 1) / TILE)

/* The extra column: without it, the work-items of a row, each at a different key, would all read one memory bank. */
typedef float vector_row[HEAD_DIM + 1];
typedef float value_row[VALUE_DIM];

/* Loads rows first ... first + TILE - 1 of q or k, stored as `type`, whose row 0 is at `at`; rows from `end` on are 0.
 */
void load_vectors(int type, global const void *from, size_t at, size_t stride, int first, int end,
                  local vector_row *tile) {
  const int x = get_local_id(0), y = get_local_id(1);
  for (int c = x; c < HEAD_DIM; c += TILE)
    tile[y][c] = first + y < end ? load_stored(type, from, at + (first + y) * stride + c) : 0.0f;
}

void load_values(global const void *from, size_t at, size_t stride, int first, int end, local value_row *tile) {
  const int x = get_local_id(0), y = get_local_id(1);
  for (int c = x; c < VALUE_DIM; c += TILE)
    tile[y][c] = first + y < end ? load_stored(V_TYPE, from, at + (first + y) * stride + c) : 0.0f;
}

kernel __attribute__((reqd_work_group_size(TILE, TILE, 1))) void
fused(global const void *q, global const void *k, global const void *v, global void *context, const attention a,
      global const int *sequences, global const void *mask, global const float *slopes, global const float *sinks,
      global float *lse, global float *workspace) {
  local float q_tile[TILE][HEAD_DIM + 1], k_tile[TILE][HEAD_DIM + 1], v_tile[TILE][VALUE_DIM];
  local float scores[TILE][TILE + 1], weights[TILE][TILE + 1];
  const int x = get_local_id(0), y = get_local_id(1), pair = group_id(0);
  const int row0 = group_id(1) * TILE, row = row0 + y;
  sequence s;
  find_sequence(a, sequences, pair, &s);
  row_view view;
  view_row(a, s, row, mask, slopes, &view);
  const int row_end = min(row0 + TILE, s.query_len), headroom = headroom_of(s.key_len);
  const size_t k_head = key_offset(a, a.k, s), v_head = key_offset(a, a.v, s);

  float largest = head_sink(sinks, s), sum = sink_part(largest, headroom);
  float out[ITEM_VALUES];
#pragma unroll
  for (int i = 0; i < ITEM_VALUES; ++i) out[i] = 0.0f;
  load_vectors(Q_TYPE, q, query_offset(a, a.q, s), a.q.row, row0, row_end, q_tile);

  /* The tile's first row gives the first visible key, its last row the last. */
  const int end = row0 < row_end ? end_key(a, s, row_end - 1) : 0;
  for (int key0 = first_key(a, s, row0); key0 < end; key0 += TILE) {
    load_vectors(K_TYPE, k, k_head, a.k.row, key0, end, k_tile);
    load_values(v, v_head, a.v.row, key0, end, v_tile);
    barrier(CLK_LOCAL_MEM_FENCE); /* the tiles are complete before anyone reads them */

    float score = 0.0f;
    for (int c = 0; c < HEAD_DIM; ++c) score = fma(q_tile[y][c], k_tile[x][c], score);
    score = row < row_end ? finish_score(a, view, key0 + x, score * a.scale) : -INFINITY;
    scores[y][x] = score;
    barrier(CLK_LOCAL_MEM_FENCE); /* the scores of the row are stored */

    float larger = largest;
    for (int i = 0; i < TILE; ++i) larger = fmax(larger, scores[y][i]);
    weights[y][x] = score == -INFINITY ? MASKED_WEIGHT : live_part(score, larger, headroom);
    const float factor = larger > largest ? shrink(largest, larger) : 1.0f;
    /* exercise rescale: the row's maximum has grown from largest to larger: what must shrink? */
    largest = larger;
    sum *= factor;
#pragma unroll
    for (int i = 0; i < ITEM_VALUES; ++i) out[i] *= factor;
    /* end of exercise */
    barrier(CLK_LOCAL_MEM_FENCE); /* the weights of the row are stored */

    for (int key = 0; key < TILE; ++key) {
      const float weight = weights[y][key];
      if (is_masked(weight)) continue;
      sum += weight;
#pragma unroll
      for (int i = 0; i < ITEM_VALUES; ++i) {
        const int c = x + i * TILE;
        if (c < VALUE_DIM) out[i] = fma(weight, v_tile[key][c], out[i]);
      }
    }
    barrier(CLK_LOCAL_MEM_FENCE); /* everyone has read the tiles before they are overwritten */
  }

  const size_t at = query_offset(a, a.context, s) + row * a.context.row;
#pragma unroll
  for (int i = 0; i < ITEM_VALUES; ++i) {
    const int c = x + i * TILE;
    if (row < row_end && c < VALUE_DIM)
      store_stored(a.context_type, sum == 0.0f ? 0.0f : out[i] / sum, context, at + c);
  }
  if (x == 0 && row < a.query_len) store_fused_lse(a, lse, pair, row, largest, sum, headroom);
}
