/* The inner loop of common/product_panel.cl. Included once for each kind of memory that panels lie in: PANEL_SPACE is
 * local or global, and MULTIPLY_ROWS the function's name.
 *
 * sum[r][v] = sum over first <= k < end of a[r][k] * panel[v][k], where panel[v][k] are 16 columns of term k. What a[r]
 * and panel[v] point to is contiguous.
 *
 * PoCL inlines a function that is called once by itself. Of two it must be told, else sums go through memory, which
 * takes three times as long. */
static __attribute__((always_inline)) void MULTIPLY_ROWS(global const float *const a[ROWS],
                                                         PANEL_SPACE const float16 *const panel[VECTORS], int first,
                                                         int end, float16 sum[ROWS][VECTORS]) {
#pragma unroll
  for (int r = 0; r < ROWS; ++r) {
#pragma unroll
    for (int v = 0; v < VECTORS; ++v) sum[r][v] = 0.0f;
  }
  /* exercise panel: for all k, add a[r][k] times panel[v][k] to sum[r][v]; keep the sums in registers */
#pragma unroll 4
  for (int k = first; k < end; ++k) {
#pragma unroll
    for (int r = 0; r < ROWS; ++r)
#pragma unroll
      for (int v = 0; v < VECTORS; ++v) sum[r][v] = fma((float16)a[r][k], panel[v][k], sum[r][v]);
  }
  /* end of exercise */
}
#undef MULTIPLY_ROWS
#undef PANEL_SPACE
