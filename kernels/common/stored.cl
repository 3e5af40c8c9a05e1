/* Elements of storage types. half and bfloat16 take 2 bytes. vload_half and vstore_half need no extension: every OpenCL
 * C has them. bfloat16 is the upper half of a float:
 *
 *     float      s eeeeeeee mmmmmmmmmmmmmmmmmmmmmmm        bfloat16      s eeeeeeee mmmmmmm
 *
 * Widening is exact; narrowing rounds to the nearest, ties to even. On x86 processors PoCL's compiler makes one
 * vcvtph2ps of 8 halves that are loaded together, and of bfloat16 a widening load and a shift.
 */
#include "common/attention.h"

float bfloat16_to_float(ushort bits) {
  return as_float((uint)bits << 16);
}

/* Adding almost half a unit of the last place carries if the dropped bits are more than half of it; the last place
 * itself decides ties. A NaN is handled first, because the carry could turn it into infinity. */
ushort float_to_bfloat16(float value) {
  const uint bits = as_uint(value);
  if (isnan(value)) return (ushort)(bits >> 16 | 0x40);
  return (ushort)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

/* The same for 16 floats. */
ushort16 floats_to_bfloat16(float16 values) {
  const uint16 bits = as_uint16(values), upper = bits >> 16;
  return convert_ushort16(select((bits + 0x7fff + (upper & 1)) >> 16, upper | 0x40, isnan(values)));
}

float load_stored(int type, global const void *from, size_t i) {
  if (type == STORED_F16) return vload_half(i, (global const half *)from);
  if (type == STORED_BF16) return bfloat16_to_float(((global const ushort *)from)[i]);
  return ((global const float *)from)[i];
}

/* 16 contiguous elements, starting at i. */
float16 load_stored16(int type, global const void *from, size_t i) {
  if (type == STORED_F16) return vload_half16(0, (global const half *)from + i);
  if (type == STORED_BF16) return as_float16(convert_uint16(vload16(0, (global const ushort *)from + i)) << 16);
  return vload16(0, (global const float *)from + i);
}

/* 4 contiguous elements, starting at i, a multiple of 4. */
float4 load_stored4(int type, global const void *from, size_t i) {
  if (type == STORED_F16) return vloada_half4(0, (global const half *)from + i);
  if (type == STORED_BF16)
    return as_float4(convert_uint4(*(global const ushort4 *)((global const ushort *)from + i)) << 16);
  return *(global const float4 *)((global const float *)from + i);
}

/* 8 contiguous elements, starting at i. */
float8 load_stored8(int type, global const void *from, size_t i) {
  if (type == STORED_F16) return vload_half8(0, (global const half *)from + i);
  if (type == STORED_BF16) return as_float8(convert_uint8(vload8(0, (global const ushort *)from + i)) << 16);
  return vload8(0, (global const float *)from + i);
}

void store_stored(int type, float value, global void *to, size_t i) {
  if (type == STORED_F16)
    vstore_half_rte(value, i, (global half *)to);
  else if (type == STORED_BF16)
    ((global ushort *)to)[i] = float_to_bfloat16(value);
  else
    ((global float *)to)[i] = value;
}

/* Store 4, 8 and 16 contiguous elements, starting at i. */
void store_stored4(int type, float4 values, global void *to, size_t i) {
  if (type == STORED_F16)
    vstore_half4_rte(values, 0, (global half *)to + i);
  else if (type == STORED_BF16)
    vstore4((ushort4)(float_to_bfloat16(values.x), float_to_bfloat16(values.y), float_to_bfloat16(values.z),
                      float_to_bfloat16(values.w)),
            0, (global ushort *)to + i);
  else
    vstore4(values, 0, (global float *)to + i);
}

void store_stored8(int type, float8 values, global void *to, size_t i) {
  if (type == STORED_F16)
    vstore_half8_rte(values, 0, (global half *)to + i);
  else if (type == STORED_BF16)
    vstore8(floats_to_bfloat16((float16)(values, values)).lo, 0, (global ushort *)to + i);
  else
    vstore8(values, 0, (global float *)to + i);
}

void store_stored16(int type, float16 values, global void *to, size_t i) {
  if (type == STORED_F16)
    vstore_half16_rte(values, 0, (global half *)to + i);
  else if (type == STORED_BF16)
    vstore16(floats_to_bfloat16(values), 0, (global ushort *)to + i);
  else
    vstore16(values, 0, (global float *)to + i);
}
