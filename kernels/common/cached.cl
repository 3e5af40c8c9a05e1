/* Where the keys and values of a cache lie. Include common/stored.cl first. */

/* The row of a token in a cache with pages; `table` has the numbers of its sequence's pages. */
size_t place_in_pages(global const int *table, int page_len, int token) {
  const int page = token / page_len;
  return (size_t)table[page] * page_len + (token - page * page_len);
}
