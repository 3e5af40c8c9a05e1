/* convert, rung 1: an array from one storage type to another, one work-item an element.
 *
 *     for (i ...) to[i] = (to's type)from[i]
 *
 * half and bfloat16 take 2 bytes. Widening is exact; narrowing rounds to the nearest, ties to even. vload_half and
 * vstore_half need no extension: they are in every OpenCL C. bfloat16 is the upper half of a float:
 *
 *     float      s eeeeeeee mmmmmmmmmmmmmmmmmmmmmmm        bfloat16      s eeeeeeee mmmmmmm
 *
 * All it costs is memory traffic: 6 bytes for each element that is widened.
 */
#include "common/attention.h"

float bfloat16_to_float(ushort bits) {
  return as_float((uint)bits << 16);
}

/* Adding just under half of the last place carries where the rest is more than half, and the last place itself decides
 * a tie. A NaN must not be carried into infinity. */
ushort float_to_bfloat16(float value) {
  const uint bits = as_uint(value);
  if (isnan(value)) return (ushort)(bits >> 16 | 0x40);
  return (ushort)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

kernel void convert(global const void *from, global void *to, const conversion c) {
  const size_t i = get_global_id(0);
  if (i >= c.count) return;
  float value;
  if (c.from_type == STORED_F32) value = ((global const float *)from)[i];
  if (c.from_type == STORED_F16) value = vload_half(i, (global const half *)from);
  if (c.from_type == STORED_BF16) value = bfloat16_to_float(((global const ushort *)from)[i]);
  if (c.to_type == STORED_F32) ((global float *)to)[i] = value;
  if (c.to_type == STORED_F16) vstore_half_rte(value, i, (global half *)to);
  if (c.to_type == STORED_BF16) ((global ushort *)to)[i] = float_to_bfloat16(value);
}
