/* Keys and values of a cache: where they lie, and the types that only caches have. Include common/stored.cl first.
 *
 *     bytes      element = byte * scale, with a scale for each vector or for each head
 *     nibbles    element = (nibble - 8) * scale, with a half as scale for each group of Q4_GROUP elements
 *
 * A group takes 16 bytes: byte j holds element j in its low half and element j + 16 in its high half.
 * Nibbles and scales are computed as in Q4_0 of ggml; the scales are in an array of their own.
 */

/* The row of a token in a cache with pages; `table` has the numbers of its sequence's pages. */
size_t place_in_pages(global const int *table, int page_len, int token) {
  const int page = token / page_len;
  return (size_t)table[page] * page_len + (token - page * page_len);
}

/* A vector in memory: a key or value of any type, or a query. */
typedef struct stored_vector {
  global const void *from;
  size_t at;                 /* its first element, counted from the first in `from` */
  float scale;               /* of bytes */
  global const half *scales; /* of groups, from the vector's first on */
} stored_vector;

/* A vector of `dim` elements of a type of given tensors. The result goes through a pointer because oclgrind 21.10 fails
 * on a struct as a return value. */
void find_vector(global const void *from, size_t at, stored_vector *v) {
  v->from = from;
  v->at = at;
  v->scale = 1.0f;
  v->scales = 0;
}

/* The same for a vector of any type, one of KV head `head`. `scales` are those of the cache. */
void find_cached(int type, global const void *from, global const void *scales, size_t at, int dim, int head,
                 stored_vector *v) {
  find_vector(from, at, v);
  if (type == STORED_I8_TOKEN) v->scale = ((global const float *)scales)[at / dim];
  if (type == STORED_I8_HEAD) v->scale = ((global const float *)scales)[head];
  if (type == STORED_Q4) v->scales = (global const half *)scales + at / Q4_GROUP;
}

/* Element c of a vector. */
float load_element(int type, const stored_vector v, int c) {
  if (type < STORED_I8_TOKEN) return load_stored(type, v.from, v.at + c);
  if (type != STORED_Q4) return (float)((global const char *)v.from)[v.at + c] * v.scale;
  const uchar byte = ((global const uchar *)v.from)[v.at / 2 + (uint)c / Q4_GROUP * 16 + (uint)c % 16];
  return (float)((byte >> (uint)c / 16 % 2 * 4 & 15) - 8) * vload_half((uint)c / Q4_GROUP, v.scales);
}

/* 16 contiguous elements from c on; of nibbles c is a multiple of 16. */
float16 load_elements16(int type, const stored_vector v, int c) {
  if (type < STORED_I8_TOKEN) return load_stored16(type, v.from, v.at + c);
  if (type != STORED_Q4) return convert_float16(vload16(0, (global const char *)v.from + v.at + c)) * v.scale;
  const uint16 bytes = convert_uint16(vload16(0, (global const uchar *)v.from + v.at / 2 + (uint)c / Q4_GROUP * 16));
  const int16 nibbles = convert_int16(bytes >> (uint)c / 16 % 2 * 4 & 15);
  return convert_float16(nibbles - 8) * vload_half((uint)c / Q4_GROUP, v.scales);
}

/* 4 contiguous elements from c on; v.at and c are multiples of 4. */
float4 load_elements4(int type, const stored_vector v, int c) {
  if (type < STORED_I8_TOKEN) return load_stored4(type, v.from, v.at + c);
  if (type != STORED_Q4) return convert_float4(((global const char4 *)v.from)[(v.at + c) / 4]) * v.scale;
  const size_t at = v.at / 2 + (uint)c / Q4_GROUP * 16 + (uint)c % 16;
  const uint4 bytes = convert_uint4(((global const uchar4 *)v.from)[at / 4]);
  const int4 nibbles = convert_int4(bytes >> (uint)c / 16 % 2 * 4 & 15);
  return convert_float4(nibbles - 8) * vload_half((uint)c / Q4_GROUP, v.scales);
}
