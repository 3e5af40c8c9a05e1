/* Element types: widening to float and rounding from it, by the bits.
 *
 *     float     sign 1, exponent 8, fraction 23
 *     half      sign 1, exponent 5, fraction 10
 *     bfloat16  sign 1, exponent 8, fraction 7
 *
 * It asks nothing of the compiler or the device: neither _Float16 nor CL/cl_half.h is everywhere.
 */
#include "element.h"

#include <float.h>
#include <limits.h>
#include <math.h>
#include <string.h>

_Static_assert(CHAR_BIT == 8 && sizeof(float) == 4 && FLT_MANT_DIG == 24, "float must be IEEE binary32");
_Static_assert(sizeof(double) == 8 && DBL_MANT_DIG == 53, "double must be IEEE binary64");

#define FLOAT_INF 0x7f800000u
#define HALF_INF 0x7c00u
#define BIAS_DIFFERENCE 112u /* 127 of float, 15 of half */

static const struct {
  size_t bytes;
  const char *name;
} types[] = {[NPY_F4] = {4, "f4"},
             [NPY_F8] = {8, "f8"},
             [NPY_F2] = {2, "f2"},
             [NPY_BF16] = {2, "bfloat16"},
             [NPY_BOOL] = {1, "bool"}};

size_t element_bytes(npy_type type) {
  return types[type].bytes;
}

const char *element_name(npy_type type) {
  return types[type].name;
}

/* ---- widening ---------------------------------------------------------------------------------------------------- */

static uint32_t widen_half(uint32_t half) {
  const uint32_t sign = (half & 0x8000u) << 16;
  uint32_t exponent = half >> 10 & 0x1fu;
  uint32_t fraction = half & 0x3ffu;
  if (exponent == 0x1f) return sign | FLOAT_INF | fraction << 13;
  if (exponent > 0) return sign | (exponent + BIAS_DIFFERENCE) << 23 | fraction << 13;
  if (fraction == 0) return sign;
  /* Subnormal: float has exponents enough to make it a normal number. */
  for (exponent = BIAS_DIFFERENCE + 1; (fraction & 0x400u) == 0; --exponent) fraction <<= 1;
  return sign | exponent << 23 | (fraction & 0x3ffu) << 13;
}

static bool narrow_double(uint64_t bits, float *element) {
  double value;
  memcpy(&value, &bits, sizeof value);
  if (isfinite(value) && !(value >= -(double)FLT_MAX && value <= (double)FLT_MAX)) return false;
  *element = (float)value;
  return true;
}

bool element_widen(npy_type type, uint64_t bits, float *element) {
  uint32_t wide = (uint32_t)bits;
  switch (type) {
  case NPY_F4:
    break;
  case NPY_F8:
    return narrow_double(bits, element);
  case NPY_F2:
    wide = widen_half(wide);
    break;
  case NPY_BF16:
    wide <<= 16;
    break;
  case NPY_BOOL:
    *element = bits == 1 ? 1.0f : 0.0f;
    return bits <= 1;
  }
  memcpy(element, &wide, sizeof wide); /* a copy keeps the payload of a NaN */
  return true;
}

/* ---- rounding ---------------------------------------------------------------------------------------------------- */

/* value / 2^shift to the nearest integer, of two the even one. */
static uint32_t shift_right(uint32_t value, uint32_t shift) {
  const uint32_t almost_half = (1u << (shift - 1)) - 1;
  return (value + almost_half + (value >> shift & 1u)) >> shift;
}

static uint32_t round_half(uint32_t sign, uint32_t magnitude) {
  const uint32_t exponent = magnitude >> 23;
  if (magnitude > FLOAT_INF) {
    const uint32_t payload = magnitude >> 13 & 0x3ffu;
    return sign | HALF_INF | (payload ? payload : 0x200u); /* without payload it would be inf */
  }
  if (exponent >= 127 + 16) return sign | HALF_INF; /* from 65536; 65520 gets there by rounding, from carry to carry */
  if (exponent > BIAS_DIFFERENCE) return sign | shift_right(magnitude - (BIAS_DIFFERENCE << 23), 13);
  const uint32_t shift = 126 - exponent; /* subnormals count in steps of 2^-24 */
  if (shift > 24) return sign;
  return sign | shift_right((magnitude & 0x7fffffu) | 0x800000u, shift);
}

static uint32_t round_bfloat16(uint32_t sign, uint32_t magnitude) {
  if (magnitude <= FLOAT_INF) return sign | shift_right(magnitude, 16);
  const uint32_t payload = magnitude >> 16 & 0x7fu;
  return sign | FLOAT_INF >> 16 | (payload ? payload : 0x40u);
}

uint32_t element_round(npy_type type, float element) {
  uint32_t bits;
  memcpy(&bits, &element, sizeof bits);
  if (type == NPY_F4) return bits;
  const uint32_t sign = bits >> 16 & 0x8000u, magnitude = bits & 0x7fffffffu;
  return type == NPY_F2 ? round_half(sign, magnitude) : round_bfloat16(sign, magnitude);
}
