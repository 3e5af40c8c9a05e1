/* Where a head begins, and which keys a query may see. Included by the kernels of scores and context.
 *
 * Strides count elements: (batch, head, row, 1). A "pair" is one (batch, head), numbered batch * heads + head; with the
 * strides of (batch, rows, heads*dim), the layout in which a projection leaves its result, nothing has to be moved
 * before attention reads it.
 */
#ifndef CAUSAL
#define CAUSAL 0 /* 1: query i sees keys 0 ... i */
#endif

size_t head_offset(ulong4 stride, int pair, int heads) {
  const int batch = pair / heads, head = pair - batch * heads;
  return batch * stride.x + head * stride.y;
}

/* Keys 0 ... live_keys-1 are live for this query, the others are masked. */
int live_keys(int query, int key_len) {
#if CAUSAL
  return min(query + 1, key_len);
#else
  return key_len;
#endif
}
