/* For common/fused_block.cl with HALF_PRODUCTS: both products in half, for devices that multiply twice as many halves
 * as floats. Tiles in local memory are halves, too, and half as large.
 *
 * HALF_CHAIN products, at most, are added up in half. Their sum is then added to a float, because a half has 11 bits:
 *
 *     half     q0 k0 + q2 k2 + ... + q14 k14        float     score += first sum + second sum
 *              q1 k1 + q3 k3 + ... + q15 k15
 *
 * A half is at most 65504. If an operand of a tile is so large that HALF_CHAIN products could exceed that, that product
 * of the tile is computed in float. Weights in local memory are exp(score - largest), at most 1. The headroom
 * (common/fused.cl) is applied later, to the sums, because it would make many weights too small for a half.
 */
#include "common/parts.h"

#define LARGEST_OPERAND 90.0f /* 8 * 90 * 90 = 64800; of a query or a key */
#define LARGEST_VALUE 8000.0f /* 8 * 1 * 8000 = 64000 */
#if WIDE_ROWS
int need_care(float4 values, float most) {
  return !all(fabs(values) <= (float4)(most)); /* also a NaN */
}
#else
int need_care(float value, float most) {
  return !(fabs(value) <= most);
}
#endif

half4 in_tile(float4 values) {
  return (half4)((half)values.x, (half)values.y, (half)values.z, (half)values.w);
}

float4 in_float(half4 values) {
  return (float4)((float)values.x, (float)values.y, (float)values.z, (float)values.w);
}

/* ---- scores ------------------------------------------------------------------------------------------------------ */

/* Already with the scale, because some GPUs multiply a half by a float and add the product to a float in one
 * instruction. */
typedef float product_sum;
#define TOTAL(product) (product)

float scale_product(float product, float scale) {
  return product;
}

/* Vectors of 4 columns that a chain covers: two sums, of even and of odd columns, of HALF_CHAIN products each. */
#define CHAIN_VECTORS (HALF_CHAIN / 2)

void add_half_products(local const half4 *q, local const half4 *k, float scale, float product[ITEM_ROWS][ITEM_KEYS]) {
  for (int d0 = 0; d0 < DEPTH_VECTORS; d0 += CHAIN_VECTORS) {
    half2 chain[ITEM_ROWS][ITEM_KEYS];
#pragma unroll
    for (int r = 0; r < ITEM_ROWS; ++r)
#pragma unroll
      for (int c = 0; c < ITEM_KEYS; ++c) chain[r][c] = (half2)((half)0.0f, (half)0.0f);
#pragma unroll 2
    for (int i = 0; i < CHAIN_VECTORS; ++i) {
      if (DEPTH_VECTORS % CHAIN_VECTORS != 0 && d0 + i >= DEPTH_VECTORS) continue;
      half4 key[ITEM_KEYS];
#pragma unroll
      for (int c = 0; c < ITEM_KEYS; ++c) key[c] = k[c * LOCAL_X * DEPTH_ROW + d0 + i];
#pragma unroll
      for (int r = 0; r < ITEM_ROWS; ++r) {
        const half4 query = q[r * LOCAL_Y * DEPTH_ROW + d0 + i];
#pragma unroll
        for (int c = 0; c < ITEM_KEYS; ++c)
          chain[r][c] = fma(query.zw, key[c].zw, fma(query.xy, key[c].xy, chain[r][c]));
      }
    }
#pragma unroll
    for (int r = 0; r < ITEM_ROWS; ++r)
#pragma unroll
      for (int c = 0; c < ITEM_KEYS; ++c)
        product[r][c] = fma((float)chain[r][c].y, scale, fma((float)chain[r][c].x, scale, product[r][c]));
  }
}

/* The same in float. */
void add_large_products(local const half4 *q, local const half4 *k, float scale, float product[ITEM_ROWS][ITEM_KEYS]) {
  for (int d = 0; d < DEPTH_VECTORS; ++d)
#pragma unroll
    for (int r = 0; r < ITEM_ROWS; ++r) {
      const float4 query = in_float(q[r * LOCAL_Y * DEPTH_ROW + d]);
#pragma unroll
      for (int c = 0; c < ITEM_KEYS; ++c) {
        const float4 key = in_float(k[c * LOCAL_X * DEPTH_ROW + d]);
        const float sum = fma(query.w, key.w, fma(query.z, key.z, fma(query.y, key.y, query.x * key.x)));
        product[r][c] = fma(sum, scale, product[r][c]);
      }
    }
}

/* product += Q . K^T * scale over the columns in local memory. */
void add_products(const block_memory memory, float scale, float product[ITEM_ROWS][ITEM_KEYS]) {
  local const half4 *q = memory.tile + get_local_id(1) * DEPTH_ROW;
  local const half4 *k = memory.tile + KEYS_AT + get_local_id(0) * DEPTH_ROW;
  if (memory.flags[FLAGS - 1])
    add_large_products(q, k, scale, product);
  else
    add_half_products(q, k, scale, product);
}

/* ---- context ----------------------------------------------------------------------------------------------------- */

/* The weight that is multiplied by the value, and the term of the row's sum. */
float live_weight(float score, float largest, int headroom) {
  return exp_below_0(score - largest);
}

float summed_weight(float weight, int headroom) {
  return weight * ldexp(1.0f, -headroom);
}

/* context += weights . V, HALF_CHAIN keys at a time. */
void add_values(const block_memory memory, int headroom, block_sums *sums) {
  local const half4 *weights = memory.weights + get_local_id(1) * WEIGHT_ROW;
  const float factor = ldexp(1.0f, -headroom);
  for (int key0 = 0; key0 < BLOCK_KEYS; key0 += HALF_CHAIN) {
    local const half4 *values = memory.tile + VALUES_AT + key0 * VALUE_ROW + get_local_id(0);
#pragma unroll
    for (int i = 0; i < VALUE_VECTORS; ++i) {
      half4 chain[ITEM_ROWS];
#pragma unroll
      for (int k = 0; k < HALF_CHAIN; k += 4) {
        const half4 value0 = values[k * VALUE_ROW + i * LOCAL_X], value1 = values[(k + 1) * VALUE_ROW + i * LOCAL_X];
        const half4 value2 = values[(k + 2) * VALUE_ROW + i * LOCAL_X],
                    value3 = values[(k + 3) * VALUE_ROW + i * LOCAL_X];
#pragma unroll
        for (int r = 0; r < ITEM_ROWS; ++r) {
          const half4 weight = weights[r * LOCAL_Y * WEIGHT_ROW + (key0 + k) / 4];
          chain[r] = k == 0 ? (half4)(weight.x) * value0 : fma((half4)(weight.x), value0, chain[r]);
          chain[r] = fma((half4)(weight.y), value1, chain[r]);
          chain[r] = fma((half4)(weight.z), value2, chain[r]);
          chain[r] = fma((half4)(weight.w), value3, chain[r]);
        }
      }
#pragma unroll
      for (int r = 0; r < ITEM_ROWS; ++r)
        sums->context[r][i] = fma(in_float(chain[r]), (float4)(factor), sums->context[r][i]);
    }
  }
}

/* As add_values(), but in float, and skips the terms of masked keys. */
void add_live_values(const block_memory memory, int headroom, block_sums *sums) {
  for (int key = 0; key < BLOCK_KEYS; ++key) {
    local const half4 *values = memory.tile + VALUES_AT + key * VALUE_ROW + get_local_id(0);
#pragma unroll
    for (int r = 0; r < ITEM_ROWS; ++r) {
      const float weight = ((local const half *)(memory.weights + row_in_block(r) * WEIGHT_ROW))[key];
      if (is_masked(weight)) continue;
#pragma unroll
      for (int i = 0; i < VALUE_VECTORS; ++i)
        sums->context[r][i] =
            fma((float4)(summed_weight(weight, headroom)), in_float(values[i * LOCAL_X]), sums->context[r][i]);
    }
  }
}
