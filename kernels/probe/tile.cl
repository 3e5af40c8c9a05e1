/* Probe: how many multiply-adds per second the device can do if it reads what it multiplies. Not part of attention.
 *
 *     for each term:              b[0] b[1] ...      COLUMNS vectors and ROWS single floats are read
 *                                +-------------+
 *                         a[0]   | sum ...     |
 *                         a[1]   | sum ...     |     sum[r][c] += a[r] * b[c]; all sums stay in registers
 *                                +-------------+
 *
 * This is the innermost loop of a matrix product, with operands of DEPTH terms that it reads again and again. A
 * work-item alone, as on a CPU, finds them in the first-level cache. Many work-items, as on a GPU, have them in local
 * memory: SIDE x SIDE tiles, where the work-items of a row read the same floats and those of a column the same vectors.
 * The host tries several ROWS, CHAINS and WIDTH and keeps the fastest.
 */
#include "probe/vector.cl"
#ifndef ROWS
#define ROWS 8
#endif
#define COLUMNS (CHAINS / ROWS)
#define SIDE (LOCAL == 256 ? 16 : LOCAL == 64 ? 8 : 1)
#define DEPTH (LOCAL == 1 ? 64 : 16)
#define LEFT (SIDE * ROWS)     /* floats of a term */
#define RIGHT (SIDE * COLUMNS) /* vectors of a term */

/* operands: all 1, first the vectors, then the floats; terms: a multiple of DEPTH */
kernel __attribute__((reqd_work_group_size(LOCAL, 1, 1))) void
multiply_tile(global const vector *operands, const int terms, const float expected, global int *report) {
  const int row = get_local_id(0) / SIDE * ROWS, column = get_local_id(0) % SIDE * COLUMNS;
#if LOCAL == 1
  global const vector *right = operands;
  global const float *left = (global const float *)(operands + DEPTH * RIGHT);
#else
  local vector right[DEPTH * RIGHT];
  local float left[DEPTH * LEFT];
  for (int i = get_local_id(0); i < DEPTH * RIGHT; i += LOCAL) right[i] = operands[i];
  for (int i = get_local_id(0); i < DEPTH * LEFT; i += LOCAL)
    left[i] = ((global const float *)(operands + DEPTH * RIGHT))[i];
  barrier(CLK_LOCAL_MEM_FENCE); /* all operands are there before anyone reads them */
#endif
  vector sum[CHAINS];
#pragma unroll
  for (int i = 0; i < CHAINS; ++i) sum[i] = 0.0f;
  for (int round = 0; round < terms; round += DEPTH) {
#pragma unroll 4
    for (int term = 0; term < DEPTH; ++term) {
      vector b[COLUMNS];
#pragma unroll
      for (int c = 0; c < COLUMNS; ++c) b[c] = right[term * RIGHT + column + c];
#pragma unroll
      for (int r = 0; r < ROWS; ++r) {
        const vector a = left[term * LEFT + row + r];
#pragma unroll
        for (int c = 0; c < COLUMNS; ++c) sum[r * COLUMNS + c] = fma(a, b[c], sum[r * COLUMNS + c]);
      }
    }
  }
  check(sum, expected, report);
}
