/* Where the keys and values of a cache lie, and the types that only caches have: bytes, with a scale for each vector.
 * Include common/stored.cl first. */

/* The row of a token in a cache with pages; `table` has the numbers of its sequence's pages. */
size_t place_in_pages(global const int *table, int page_len, int token) {
  const int page = token / page_len;
  return (size_t)table[page] * page_len + (token - page * page_len);
}

/* The scale of vector number `vector` of the cache, which is one of `head`; 1 for types without such scales. */
float vector_scale(int type, global const void *scales, size_t vector, int head) {
  if (type == STORED_I8_TOKEN) return ((global const float *)scales)[vector];
  if (type == STORED_I8_HEAD) return ((global const float *)scales)[head];
  return 1.0f;
}

/* As load_stored(), for all types of caches. */
float load_cached(int type, global const void *from, float scale, size_t i) {
  if (type < STORED_I8_TOKEN) return load_stored(type, from, i);
  return (float)((global const char *)from)[i] * scale;
}

/* As load_stored16(): 16 contiguous elements, starting at i. */
float16 load_cached16(int type, global const void *from, float scale, size_t i) {
  if (type < STORED_I8_TOKEN) return load_stored16(type, from, i);
  return convert_float16(vload16(0, (global const char *)from + i)) * scale;
}

/* As load_stored4(): 4 contiguous elements, starting at i, a multiple of 4. */
float4 load_cached4(int type, global const void *from, float scale, size_t i) {
  if (type < STORED_I8_TOKEN) return load_stored4(type, from, i);
  return convert_float4(((global const char4 *)from)[i / 4]) * scale;
}
