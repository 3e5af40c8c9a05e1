/* Matrix units of GPUs: their shapes, and which lane holds which element. Host and device share this file.
 *
 * A matrix unit adds a product of two small matrices of halves to one of floats. The lanes of a sub-group do it
 * together, and each holds some elements of all three. This library multiplies rows by rows, as attention does with
 * queries and keys:
 *
 *     sum (rows, columns)  +=  left (rows, depth) . right (columns, depth)^T
 *
 * Vendors give left and right different names. NVIDIA's A is left, and its B is the transposed right. For the others A
 * is right and B is the transposed left, so that a lane holds elements of one row of sum only: the maximum of a row of
 * scores then takes few exchanges between lanes, or none.
 *
 * Sources:
 *   MMA   PTX ISA 8.0, "Matrix Fragments for mma.m16n8k8" and "... for mma.m16n8k16"
 *   DPAS  the text of cl_intel_subgroup_matrix_multiply_accumulate
 *   WMMA  "RDNA3" and "RDNA4" Instruction Set Architecture, "Wave Matrix Multiply Accumulate"
 *   MFMA  "AMD Instinct MI100", "MI200" and "MI300" Instruction Set Architecture, "Matrix Arithmetic Instructions"
 *
 * Any order of depth that left and right share gives the same product, so no result could show whether it is the
 * hardware's; only sums that become left depend on it.
 */
#ifndef CLATTN_KERNEL_MATRIX_UNITS_H
#define CLATTN_KERNEL_MATRIX_UNITS_H

/* 0 is no unit. */
#define MATRIX_MMA_8 1   /* NVIDIA, from compute capability 7.5 on: mma.sync m16n8k8 */
#define MATRIX_MMA_16 2  /* NVIDIA, from 8.0 on: mma.sync m16n8k16 */
#define MATRIX_DPAS_8 3  /* Intel, in sub-groups of 8 */
#define MATRIX_DPAS_16 4 /* Intel, in sub-groups of 16 */
#define MATRIX_WMMA_11 5 /* AMD gfx11, in waves of 32 */
#define MATRIX_WMMA_12 6 /* AMD gfx12, in waves of 32 */
#define MATRIX_MFMA 7    /* AMD gfx908, gfx90a and gfx94, in waves of 64 */
#define MATRIX_UNITS 8   /* one more than the last */

#define MATRIX_IS_MMA(u) ((u) == MATRIX_MMA_8 || (u) == MATRIX_MMA_16)
#define MATRIX_IS_DPAS(u) ((u) == MATRIX_DPAS_8 || (u) == MATRIX_DPAS_16)

#define MATRIX_ROWS(u) ((u) == MATRIX_DPAS_8 ? 8 : 16)
#define MATRIX_COLUMNS(u) (MATRIX_IS_MMA(u) || MATRIX_IS_DPAS(u) ? 8 : 16)
#define MATRIX_DEPTH(u) ((u) == MATRIX_MMA_8 ? 8 : 16)
#define MATRIX_LANES(u) ((u) == MATRIX_DPAS_8 ? 8 : (u) == MATRIX_DPAS_16 ? 16 : (u) == MATRIX_MFMA ? 64 : 32)
/* How many lanes hold each element of left and right. */
#define MATRIX_COPIES(u) ((u) == MATRIX_WMMA_11 ? 2 : 1)

/* Elements that a lane holds. */
#define MATRIX_LEFT(u) (MATRIX_ROWS(u) * MATRIX_DEPTH(u) * MATRIX_COPIES(u) / MATRIX_LANES(u))
#define MATRIX_RIGHT(u) (MATRIX_COLUMNS(u) * MATRIX_DEPTH(u) * MATRIX_COPIES(u) / MATRIX_LANES(u))
#define MATRIX_SUM(u) (MATRIX_ROWS(u) * MATRIX_COLUMNS(u) / MATRIX_LANES(u))

/* Neighbouring right fragments that are loaded at once. */
#define MATRIX_STRIP(u) (MATRIX_IS_MMA(u) ? 2 : 1)

/* Rows of sum of which a lane holds elements, and the one of these that its i-th element belongs to. */
#define MATRIX_LANE_ROWS(u) (MATRIX_IS_MMA(u) ? 2 : 1)
#define MATRIX_LANE_ROW(u, i) (MATRIX_IS_MMA(u) ? (i) / 2 : 0)

/* The lanes of a row differ in these bits of their numbers: from the first to below the end. */
#define MATRIX_FIRST_BIT(u) (MATRIX_IS_MMA(u) ? 1 : MATRIX_ROWS(u))
#define MATRIX_END_BIT(u) (MATRIX_IS_MMA(u) ? 4 : MATRIX_LANES(u))

/* ---- where a lane's i-th element is ------------------------------------------------------------------------------ */

static inline int left_row(int u, int lane, int i) {
  return MATRIX_IS_MMA(u) ? lane / 4 + i / 2 % 2 * 8 : lane % MATRIX_ROWS(u);
}

static inline int left_depth(int u, int lane, int i) {
  if (MATRIX_IS_MMA(u)) return lane % 4 * 2 + i % 2 + i / 4 * 8;
  return (lane / MATRIX_ROWS(u) * MATRIX_LEFT(u) + i) % MATRIX_DEPTH(u);
}

static inline int right_row(int u, int lane, int i) {
  if (MATRIX_IS_MMA(u)) return lane / 4;
  if (MATRIX_IS_DPAS(u)) return i * MATRIX_COLUMNS(u) / MATRIX_RIGHT(u);
  return lane % MATRIX_COLUMNS(u);
}

static inline int right_depth(int u, int lane, int i) {
  if (MATRIX_IS_MMA(u)) return lane % 4 * 2 + i % 2 + i / 2 * 8;
  if (u == MATRIX_DPAS_8) return lane * 2 + i % 2;
  if (u == MATRIX_DPAS_16) return lane;
  return (lane / MATRIX_COLUMNS(u) * MATRIX_RIGHT(u) + i) % MATRIX_DEPTH(u);
}

static inline int sum_row(int u, int lane, int i) {
  return MATRIX_IS_MMA(u) ? lane / 4 + i / 2 * 8 : lane % MATRIX_ROWS(u);
}

static inline int sum_column(int u, int lane, int i) {
  /* exercise sum-lanes: for NVIDIA's units, return the column: a lane's sums become the elements of left that it has */
  if (MATRIX_IS_MMA(u)) return lane % 4 * 2 + i % 2;
  /* end of exercise */
  if (u == MATRIX_WMMA_11) return i * 2 + lane / MATRIX_ROWS(u);
  return lane / MATRIX_ROWS(u) * MATRIX_SUM(u) + i;
}

#endif
