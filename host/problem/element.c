/* Converts elements between storage types on the host, by their bits.
 *
 *     float     sign 1, exponent 8, fraction 23
 *     half      sign 1, exponent 5, fraction 10
 *     bfloat16  sign 1, exponent 8, fraction 7
 *
 * It needs neither _Float16 nor CL/cl_half.h, which some compilers lack. A NaN stays a NaN and
 * keeps as much of its payload as fits.
 * */
#include "problem/element.h"

#include <float.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "problem/positions.h"
#include "problem/shape.h"
#include "base/status.h"
#include "problem/tensors.h"

_Static_assert(CHAR_BIT == 8 && sizeof(float) == 4 && FLT_MANT_DIG == 24, "float must be IEEE binary32");

#define FLOAT_INF 0x7f800000u
#define HALF_INF 0x7c00u
#define BIAS_DIFFERENCE 112u /* 127 of float, 15 of half */

static float from_bits(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static uint32_t to_bits(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

static uint32_t widen_half(uint32_t half) {
  const uint32_t sign = (half & 0x8000u) << 16;
  uint32_t exponent = half >> 10 & 0x1fu;
  uint32_t fraction = half & 0x3ffu;
  if (exponent == 0x1f) return sign | FLOAT_INF | fraction << 13;
  if (exponent > 0) return sign | (exponent + BIAS_DIFFERENCE) << 23 | fraction << 13;
  if (fraction == 0) return sign;
  /* A subnormal half is a normal float. */
  for (exponent = BIAS_DIFFERENCE + 1; (fraction & 0x400u) == 0; --exponent) fraction <<= 1;
  return sign | exponent << 23 | (fraction & 0x3ffu) << 13;
}

/* value / 2^shift, rounded to the nearest integer, ties to even. */
static uint32_t shift_right(uint32_t value, uint32_t shift) {
  const uint32_t almost_half = (1u << (shift - 1)) - 1;
  return (value + almost_half + (value >> shift & 1u)) >> shift;
}

static uint32_t round_half(uint32_t sign, uint32_t magnitude) {
  const uint32_t exponent = magnitude >> 23;
  if (magnitude > FLOAT_INF) {
    const uint32_t payload = magnitude >> 13 & 0x3ffu;
    return sign | HALF_INF | (payload ? payload : 0x200u); /* a payload of 0 would mean inf */
  }
  if (exponent >= 127 + 16) return sign | HALF_INF; /* from 65536 on; 65520 and more round up to it */
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

static uint16_t narrow(float value, uint32_t (*round)(uint32_t sign, uint32_t magnitude)) {
  const uint32_t bits = to_bits(value);
  return (uint16_t)round(bits >> 16 & 0x8000u, bits & 0x7fffffffu);
}

void clattn_widen(clattn_type type, const void *from, size_t count, float *to) {
  const uint16_t *bits = from;
  switch (type) {
  case CLATTN_F16:
    for (size_t i = 0; i < count; ++i) to[i] = from_bits(widen_half(bits[i]));
    break;
  case CLATTN_BF16:
    for (size_t i = 0; i < count; ++i) to[i] = from_bits((uint32_t)bits[i] << 16);
    break;
  default:
    memcpy(to, from, count * sizeof *to);
  }
}

void clattn_narrow(clattn_type type, const float *from, size_t count, void *to) {
  uint16_t *bits = to;
  switch (type) {
  case CLATTN_F16:
    for (size_t i = 0; i < count; ++i) bits[i] = narrow(from[i], round_half);
    break;
  case CLATTN_BF16:
    for (size_t i = 0; i < count; ++i) bits[i] = narrow(from[i], round_bfloat16);
    break;
  default:
    memcpy(to, from, count * sizeof *from);
  }
}

/* In float, as the device adds them. */
static void add_positions(const clattn_problem *p, const clattn_inputs *inputs, float *x) {
  for (size_t token = 0; token < clattn_query_tokens(p); ++token) {
    const int64_t position = clattn_token_position(p, inputs, CLATTN_X, token);
    for (size_t c = 0; c < p->model_dim; ++c) x[token * p->model_dim + c] += (float)clattn_sinusoid(p, position, c);
  }
}

clattn_status clattn_floats_of(const clattn_problem *problem, const clattn_inputs *inputs, clattn_floats *floats,
                               clattn_error *error) {
  *floats = (clattn_floats){{NULL}, {NULL}};
  for (int t = 0; t < CLATTN_TENSOR_COUNT; ++t) {
    const clattn_tensor tensor = (clattn_tensor)t;
    const clattn_element_type given = clattn_tensor_facts_of(tensor)->given;
    if (!clattn_is_input(problem, tensor) || given == CLATTN_ELEMENT_MASK) continue;
    const bool placed = tensor == CLATTN_X && problem->positions != CLATTN_POSITIONS_NONE;
    floats->tensor[t] = clattn_inputs_get(inputs, tensor);
    if ((problem->type == CLATTN_F32 && !placed) || given != CLATTN_ELEMENT_STORED) continue;
    const size_t count = clattn_input_bytes(problem, tensor) / clattn_type_bytes(problem->type);
    floats->copy[t] = calloc(count, sizeof(float));
    if (floats->copy[t] == NULL) return clattn_fail_malloc(error, count * sizeof(float), clattn_tensor_name(tensor));
    clattn_widen(problem->type, floats->tensor[t], count, floats->copy[t]);
    if (placed) add_positions(problem, inputs, floats->copy[t]);
    floats->tensor[t] = floats->copy[t];
  }
  return CLATTN_OK;
}

void clattn_floats_release(clattn_floats *floats) {
  for (int t = 0; t < CLATTN_TENSOR_COUNT; ++t) free(floats->copy[t]);
}
