/* For common/fused_block.cl: both products in float.
 */

/* Sums of a product of a query and a key; added up at the end. */
#ifndef SUMS
#define SUMS 1 /* 1, 2 */
#endif

/* Every finite number is fine in float. */
#define LARGEST_OPERAND FLT_MAX
#define LARGEST_VALUE FLT_MAX
#if WIDE_ROWS
int need_care(float4 values, float most) {
  return !(isfinite(values.x) & isfinite(values.y) & isfinite(values.z) & isfinite(values.w));
}
#else
int need_care(float value, float most) {
  return !isfinite(value);
}
#endif

float4 in_tile(float4 values) {
  return values;
}

/* ---- scores ------------------------------------------------------------------------------------------------------ */

/* Two sums, of even and of odd columns, are for GPUs that multiply two neighbouring floats in one instruction. */
#if SUMS == 2
typedef float2 product_sum;
#define TOTAL(product) ((product).x + (product).y)
#else
typedef float product_sum;
#define TOTAL(product) (product)
#endif

product_sum add_product(float4 query, float4 key, product_sum sum) {
#if SUMS == 2
  return fma(query.zw, key.zw, fma(query.xy, key.xy, sum));
#else
  return fma(query.w, key.w, fma(query.z, key.z, fma(query.y, key.y, fma(query.x, key.x, sum))));
#endif
}

/* From a product to a score. */
float scale_product(float product, float scale) {
  return product * scale;
}

/* product += Q . K^T over the columns in local memory. */
void add_products(const block_memory memory, float scale, product_sum product[ITEM_ROWS][ITEM_KEYS]) {
  local const float4 *q = memory.tile + get_local_id(1) * DEPTH_ROW;
  local const float4 *k = memory.tile + KEYS_AT + get_local_id(0) * DEPTH_ROW;
#pragma unroll 4
  for (int d = 0; d < DEPTH_VECTORS; ++d) {
    float4 key[ITEM_KEYS];
#pragma unroll
    for (int c = 0; c < ITEM_KEYS; ++c) key[c] = k[c * LOCAL_X * DEPTH_ROW + d];
#pragma unroll
    for (int r = 0; r < ITEM_ROWS; ++r) {
      const float4 query = q[r * LOCAL_Y * DEPTH_ROW + d];
#pragma unroll
      for (int c = 0; c < ITEM_KEYS; ++c) product[r][c] = add_product(query, key[c], product[r][c]);
    }
  }
}

/* ---- context ----------------------------------------------------------------------------------------------------- */

/* The weight that is multiplied by the value, and the term of the row's sum. */
float live_weight(float score, float largest, int headroom) {
  return live_part(score, largest, headroom);
}

float summed_weight(float weight, int headroom) {
  return weight;
}

/* context += weights . V, four keys at a time. */
void add_values(const block_memory memory, int headroom, block_sums *sums) {
  local const float4 *weights = memory.weights + get_local_id(1) * WEIGHT_ROW;
  for (int step = 0; step < BLOCK_KEYS / 4; ++step) {
    local const float4 *values = memory.tile + VALUES_AT + 4 * step * VALUE_ROW + get_local_id(0);
    float4 weight[ITEM_ROWS];
#pragma unroll
    for (int r = 0; r < ITEM_ROWS; ++r) weight[r] = weights[r * LOCAL_Y * WEIGHT_ROW + step];
#pragma unroll
    for (int i = 0; i < VALUE_VECTORS; ++i) {
      const float4 value0 = values[i * LOCAL_X], value1 = values[VALUE_ROW + i * LOCAL_X];
      const float4 value2 = values[2 * VALUE_ROW + i * LOCAL_X], value3 = values[3 * VALUE_ROW + i * LOCAL_X];
#pragma unroll
      for (int r = 0; r < ITEM_ROWS; ++r) {
        sums->context[r][i] = fma((float4)(weight[r].x), value0, sums->context[r][i]);
        sums->context[r][i] = fma((float4)(weight[r].y), value1, sums->context[r][i]);
        sums->context[r][i] = fma((float4)(weight[r].z), value2, sums->context[r][i]);
        sums->context[r][i] = fma((float4)(weight[r].w), value3, sums->context[r][i]);
      }
    }
  }
}

/* As add_values(), but skips the terms of masked keys. */
void add_live_values(const block_memory memory, int headroom, block_sums *sums) {
  for (int key = 0; key < BLOCK_KEYS; ++key) {
    local const float4 *values = memory.tile + VALUES_AT + key * VALUE_ROW + get_local_id(0);
#pragma unroll
    for (int r = 0; r < ITEM_ROWS; ++r) {
      const float weight = ((local const float *)(memory.weights + row_in_block(r) * WEIGHT_ROW))[key];
#pragma unroll
      for (int i = 0; i < VALUE_VECTORS; ++i)
        if (!is_masked(weight)) sums->context[r][i] = fma((float4)(weight), values[i * LOCAL_X], sums->context[r][i]);
    }
  }
}
