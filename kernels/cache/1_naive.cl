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
 * A cache of nibbles has a scale for each group of Q4_GROUP elements, the first one of the largest magnitude / -8, and
 * stores round(element / scale) + 8, 0 ... 15 (common/cached.cl says where).
 *
 * stored (places, heads, dim), scales (places, heads), (heads) or (places, heads, groups), table (batch, table_width)
 * or NULL. The work-item's number is (head, token, batch).
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

void append_bytes(global const float *from, int dim, float scale, global char *to) {
  for (int i = 0; i < dim; ++i) to[i] = convert_char_sat_rte(clamp(from[i] / scale, -127.0f, 127.0f));
}

/* An element of a group as a nibble, 0 ... 15. `inverse` is 1 / scale. */
uchar nibble_of(float element, float inverse) {
  return min(15, (int)(clamp(element * inverse, -8.0f, 8.0f) + 8.5f));
}

/* The first element of the largest magnitude becomes nibble 0, which stands for -8. If an element is NaN or infinite,
 * the scale is NaN, and so are all elements that are read. */
void append_group(global const float *from, global uchar *to, global half *scale) {
  float largest = 0.0f;
  int nonfinite = 0;
  for (int i = 0; i < Q4_GROUP; ++i) {
    if (fabs(from[i]) > fabs(largest)) largest = from[i];
    nonfinite |= !isfinite(from[i]);
  }
  const float exact = clamp(largest / -8.0f, -65504.0f, 65504.0f); /* no half is larger */
  const float inverse = fabs(exact) >= 0x1p-126f ? 1.0f / exact : 0.0f;
  vstore_half_rte(nonfinite ? NAN : exact, 0, scale);
  for (int i = 0; i < Q4_GROUP / 2; ++i)
    to[i] = nibble_of(from[i], inverse) | nibble_of(from[i + Q4_GROUP / 2], inverse) << 4;
}

/* `at` is the vector's first element in the cache. */
void append(const cache_move c, global const float *from, size_t at, int head, global void *stored,
            global void *scales) {
  if (c.type == STORED_Q4) {
    for (int i = 0; i < c.dim; i += Q4_GROUP)
      append_group(from + i, (global uchar *)stored + (at + i) / 2, (global half *)scales + (at + i) / Q4_GROUP);
  } else if (c.type == STORED_I8_TOKEN) {
    const float scale = scale_of(from, c.dim);
    ((global float *)scales)[at / c.dim] = scale;
    append_bytes(from, c.dim, scale, (global char *)stored + at);
  } else if (c.type == STORED_I8_HEAD) {
    append_bytes(from, c.dim, ((global const float *)scales)[head], (global char *)stored + at);
  } else {
    for (int i = 0; i < c.dim; ++i) store_stored(c.type, from[i], stored, at + i);
  }
}

void gather(const cache_move c, global float *to, size_t at, int head, global const void *stored,
            global const void *scales) {
  stored_vector vector;
  find_cached(c.type, stored, scales, at, c.dim, head, &vector);
  for (int i = 0; i < c.dim; ++i) to[i] = load_element(c.type, vector, i);
}

kernel void cache(global float *floats, global void *stored, global void *scales, const cache_move c,
                  global const int *sequences, global const int *table) {
  const int head = get_global_id(0), row = get_global_id(1), batch = get_global_id(2);
  global const int *s = sequences + batch * SEQUENCE_INTS;
  if (head >= c.heads || row >= s[c.append ? SEQUENCE_NEW_LEN : SEQUENCE_KEY_LEN]) return;
  const int token = c.append ? s[SEQUENCE_KEY_LEN] - s[SEQUENCE_NEW_LEN] + row : row;
  const size_t place = place_of(c, table, batch, token), at = (place * c.heads + head) * c.dim;
  const size_t float_row = row + (c.append ? s[SEQUENCE_FIRST_NEW] : 0);
  global float *vector = floats + batch * c.floats.batch + head * c.floats.head + float_row * c.floats.row;
  if (c.append)
    append(c, vector, at, head, stored, scales);
  else
    gather(c, vector, at, head, stored, scales);
}
