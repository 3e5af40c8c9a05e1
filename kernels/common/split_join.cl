/* What rungs of fused that divide a row's keys into parts share: where a part begins, and the post-process. Include
 * common/fused.cl and common/parts.h first; compile with BLOCK_ROWS, BLOCK_KEYS, PART_KEYS and GROUPS.
 *
 * Workspace: for each row and part, VALUE_DIM values of o, then m and s, as in common/fused.cl. A part whose keys are
 * all masked has s = 0.
 */
#ifndef SPLIT_HEADROOM
#define SPLIT_HEADROOM(keys) headroom_of(keys) /* of the sums in the workspace */
#endif
#define PART_FLOATS (VALUE_DIM + 2)

/* The number of parts. */
int parts_here(const attention a) {
  const int blocks = (a.group * a.query_len + BLOCK_ROWS - 1) / BLOCK_ROWS;
  return parts_of(a.all_pairs / a.group * blocks, a.key_len, GROUPS, PART_KEYS);
}

/* Keys of a part: whole tiles, or up to the last key that a row sees. */
typedef struct key_part {
  int first, end;
} key_part;

/* The sequence's first row gives the first visible key, its last row the last. */
void find_part(const attention a, const sequence s, int number, int parts, key_part *part) {
  const int first = first_key(a, s, 0), end = s.query_len > 0 ? end_key(a, s, s.query_len - 1) : 0;
  const int tiles = (max(end - first, 0) + parts * BLOCK_KEYS - 1) / (parts * BLOCK_KEYS);
  part->first = first + number * tiles * BLOCK_KEYS;
  part->end = min(part->first + tiles * BLOCK_KEYS, end);
}

/* Where the sums of a row's part go; `head` is counted from the first of pair `pair0`. */
global float *part_of_row(const attention a, global float *workspace, int pair0, int head, int row, int number,
                          int parts) {
  const size_t line = (size_t)(pair0 + head) * a.query_len + row;
  return workspace + (line * parts + number) * PART_FLOATS;
}

/* The post-process. The first dimension numbers all work-items (pair, row, value column). */
kernel void join(global const void *q, global const void *k, global const void *v, global void *context,
                 const attention a, global const int *sequences, global const void *mask, global const float *slopes,
                 global const float *sinks, global float *lse, global const float *workspace,
                 global const void *k_scales, global const void *v_scales, global const int *table) {
  const size_t line = get_global_id(0) / VALUE_DIM;
  const int c = get_global_id(0) - line * VALUE_DIM, pair = line / a.query_len, row = line - (size_t)pair * a.query_len;
  if (pair >= a.all_pairs) return;
  sequence s;
  find_sequence(a, sequences, pair, &s);
  const int headroom = SPLIT_HEADROOM(s.key_len), parts = parts_here(a);
  global const float *from = workspace + line * parts * PART_FLOATS;
  const float sink = head_sink(sinks, s);
  if (row >= s.query_len) { /* past the end of its sequence */
    if (c == 0) store_fused_lse(a, lse, pair, row, sink, sink_part(sink, headroom), headroom);
    return;
  }

  float largest = sink;
  for (int p = 0; p < parts; ++p) largest = fmax(largest, from[p * PART_FLOATS + VALUE_DIM]);
  float sum = sink == -INFINITY ? 0.0f : live_part(sink, largest, headroom), out = 0.0f;
  for (int p = 0; p < parts; ++p) {
    global const float *o = from + p * PART_FLOATS;
    if (o[VALUE_DIM + 1] == 0.0f) continue; /* all its keys are masked: its o does not count */
    const float factor = shrink(o[VALUE_DIM], largest);
    sum = fma(factor, o[VALUE_DIM + 1], sum);
    out = fma(factor, o[c], out);
  }
  store_stored(a.context_type, sum == 0.0f ? 0.0f : out / sum, context,
               query_offset(a, a.context, s) + row * a.context.row + c);
  if (c == 0) store_fused_lse(a, lse, pair, row, largest, sum, headroom);
}
