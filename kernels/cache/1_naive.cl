/* cache, rung 1: writes keys or values into the cache, or reads them out of it. One work-item moves one vector.
 *
 *     for (each new token t of sequence b) for (each head) cache[place(b, before + t)][head] = (cache's type)x[t][head]
 *     for (each token j of sequence b)     for (each head) floats[b][j][head] = (float)cache[place(b, j)][head]
 *
 *     place(b, j) = b * capacity + j, or with pages: table[b][j / page_len] * page_len + j % page_len
 *
 * A cache of bytes stores round(element / scale), -127 ... 127. The scale belongs to a token and head and is stored
 * with them (the vector's largest element / 127), or the caller gives one scale for each head.
 *
 * stored (places, heads, dim), scales (places, heads) or (heads), table (batch, table_width) or NULL. The work-item's
 * number is (head, token, batch).
 */
#include "common/stored.cl"
#include "common/cached.cl"

size_t place_of(const cache_move c, global const int *table, int batch, int token) {
  if (c.page_len == 0) return batch * c.capacity + token;
  return place_in_pages(table + batch * c.table_width, c.page_len, token);
}

/* The scale that maps the largest element to 127. A vector of zeros may have any scale; NaN or infinity gives NaN. */
float scale_of(global const float *from, int dim) {
  float largest = 0.0f;
  int nonfinite = 0;
  for (int i = 0; i < dim; ++i) {
    largest = fmax(largest, fabs(from[i]));
    nonfinite |= !isfinite(from[i]);
  }
  return nonfinite ? NAN : largest > 0.0f ? largest / 127.0f : 1.0f;
}

void append(global const float *from, size_t at, global void *stored, float scale, const cache_move c) {
  for (int i = 0; i < c.dim; ++i) {
    if (c.type >= STORED_I8_TOKEN)
      ((global char *)stored)[at + i] = convert_char_sat_rte(clamp(from[i] / scale, -127.0f, 127.0f));
    else
      store_stored(c.type, from[i], stored, at + i);
  }
}

void gather(global float *to, size_t at, global const void *stored, float scale, const cache_move c) {
  for (int i = 0; i < c.dim; ++i) to[i] = load_cached(c.type, stored, scale, at + i);
}

kernel void cache(global float *floats, global void *stored, global float *scales, const cache_move c,
                  global const int *sequences, global const int *table) {
  const int head = get_global_id(0), row = get_global_id(1), batch = get_global_id(2);
  global const int *s = sequences + batch * SEQUENCE_INTS;
  if (head >= c.heads || row >= s[c.append ? SEQUENCE_NEW_LEN : SEQUENCE_KEY_LEN]) return;
  const int token = c.append ? s[SEQUENCE_KEY_LEN] - s[SEQUENCE_NEW_LEN] + row : row;
  const size_t place = place_of(c, table, batch, token), at = (place * c.heads + head) * c.dim;
  const size_t float_row = row + (c.append ? s[SEQUENCE_FIRST_NEW] : 0);
  global float *vector = floats + batch * c.floats.batch + head * c.floats.head + float_row * c.floats.row;

  float scale = 1.0f;
  if (c.type == STORED_I8_HEAD) scale = scales[head];
  if (c.type == STORED_I8_TOKEN && c.append) scales[place * c.heads + head] = scale_of(vector, c.dim);
  if (c.type == STORED_I8_TOKEN) scale = scales[place * c.heads + head];
  if (c.append)
    append(vector, at, stored, scale, c);
  else
    gather(vector, at, stored, scale, c);
}
