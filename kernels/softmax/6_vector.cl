/* softmax, rung 6: explicit vectors, no barriers (target: CPU). Formula and arguments as in rung 1.
 *
 * One work-item, a work-group of its own, computes ITEM_ROWS rows one after another, 16 keys at a time: the maximum,
 * then exps, stored in the result, and their sum, then each exp times 1 / sum. All three passes hit the cache.
 *
 * Wins on CPU devices. Loses on GPUs: a work-group of one leaves all but one lane idle.
 */
#ifndef ITEM_ROWS
#define ITEM_ROWS 16 /* 1 ... 64; a single row is little work for a launch */
#endif
#include "common/softmax.cl"

float16 live_exp16(float16 score, float largest) {
  return select(exp(score - largest), (float16)MASKED_WEIGHT, score == -INFINITY);
}

float16 live_weight16(float16 e, float inverse) {
  return select(e * inverse, e, as_int16(e) == MASKED_BITS);
}

float largest_of(global const float *from, int key_len, int whole, float sink) {
  float16 largest16 = -INFINITY;
  for (int j = 0; j < whole; j += 16) largest16 = fmax(largest16, vload16(0, from + j));
  float lanes[16];
  vstore16(largest16, 0, lanes);
  float largest = sink;
  for (int lane = 0; lane < 16; ++lane) largest = fmax(largest, lanes[lane]);
  for (int j = whole; j < key_len; ++j) largest = fmax(largest, from[j]);
  return largest;
}

/* Stores exp of all scores in `to` and returns their sum. */
float sum_of(global const float *from, int key_len, int whole, float largest, global float *to) {
  float16 sum16 = 0.0f;
  for (int j = 0; j < whole; j += 16) {
    const float16 e = live_exp16(vload16(0, from + j), largest);
    sum16 += e;
    vstore16(e, 0, to + j);
  }
  /* A tree over the lanes. It avoids .lo + .hi because oclgrind 21.10 fails on the shuffles that these compile to. */
  float lanes[16];
  vstore16(sum16, 0, lanes);
  for (int half_size = 8; half_size > 0; half_size /= 2)
    for (int lane = 0; lane < half_size; ++lane) lanes[lane] += lanes[lane + half_size];
  float sum = lanes[0];
  for (int j = whole; j < key_len; ++j) {
    to[j] = live_exp(from[j], largest);
    sum += to[j];
  }
  return sum;
}

kernel __attribute__((reqd_work_group_size(1, 1, 1))) void softmax(global const float *scores, global float *weights,
                                                                   const softmax_rows r, global const float *sinks,
                                                                   global float *lse) {
  const int row0 = get_global_id(0) * ITEM_ROWS, row_end = min(row0 + ITEM_ROWS, r.rows);
  const int whole = r.key_len / 16 * 16;
  for (int row = row0; row < row_end; ++row) {
    global const float *from = scores + (size_t)row * r.key_len;
    global float *to = weights + (size_t)row * r.key_len;
    const float sink = sink_of(r, sinks, row);
    const float largest = largest_of(from, r.key_len, whole, sink);
    const float sum = sum_of(from, r.key_len, whole, largest, to) + sink_exp(sink, largest);
    const float inverse = 1.0f / sum;
    for (int j = 0; j < whole; j += 16) vstore16(live_weight16(vload16(0, to + j), inverse), 0, to + j);
    for (int j = whole; j < r.key_len; ++j) to[j] = live_weight(to[j], sum);
    store_lse(r, lse, row, largest, sum);
  }
}
