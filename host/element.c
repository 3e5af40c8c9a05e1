/* Elements from one storage type to another, on the host. */
#include "element.h"

#include <stdlib.h>
#include <string.h>

#include "positions.h"
#include "shape.h"
#include "status.h"
#include "tensor.h"

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

/* half: 1 sign, 5 exponent (bias 15), 10 fraction; a float: 1, 8 (bias 127), 23. */
static float half_to_float(uint16_t half) {
  const uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = half >> 10 & 31, fraction = half & 0x3ff;
  if (exponent == 31) return from_bits(sign | 0x7f800000 | fraction << 13);
  if (exponent != 0) return from_bits(sign | (exponent + 112) << 23 | fraction << 13);
  const float tiny = (float)fraction * 5.9604644775390625e-08f; /* 2^-24, the smallest half */
  return sign != 0 ? -tiny : tiny;
}

/* Removes the lowest `count` bits, 1 to 31, rounding to the nearest, ties to even. */
static uint32_t round_off(uint32_t value, unsigned count) {
  const uint32_t half = 1u << (count - 1), rest = value & ((half << 1) - 1), kept = value >> count;
  return kept + (rest > half || (rest == half && (kept & 1) != 0) ? 1 : 0);
}

static uint16_t float_to_half(float value) {
  const uint32_t bits = to_bits(value), magnitude = bits & 0x7fffffff;
  const uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
  if (magnitude > 0x7f800000) return (uint16_t)(sign | 0x7e00);  /* NaN */
  if (magnitude >= 0x477ff000) return (uint16_t)(sign | 0x7c00); /* 65520 and more: rounds to infinity */
  if (magnitude < 0x33000000) return sign;                       /* less than half of the smallest half */
  if (magnitude >= 0x38800000) return (uint16_t)(sign | round_off(magnitude - 0x38000000, 13));
  const unsigned exponent = magnitude >> 23; /* a subnormal half: the fraction shifted into place */
  return (uint16_t)(sign | round_off((magnitude & 0x7fffff) | 0x800000, 126 - exponent));
}

static uint16_t float_to_bfloat16(float value) {
  const uint32_t bits = to_bits(value);
  if ((bits & 0x7fffffff) > 0x7f800000) return (uint16_t)(bits >> 16 | 0x40); /* must not be carried into infinity */
  return (uint16_t)(round_off(bits, 16));
}

void clattn_widen(clattn_type type, const void *from, size_t count, float *to) {
  const uint16_t *bits = from;
  if (type == CLATTN_F32) memcpy(to, from, count * sizeof *to);
  for (size_t i = 0; type == CLATTN_F16 && i < count; ++i) to[i] = half_to_float(bits[i]);
  for (size_t i = 0; type == CLATTN_BF16 && i < count; ++i) to[i] = from_bits((uint32_t)bits[i] << 16);
}

void clattn_narrow(clattn_type type, const float *from, size_t count, void *to) {
  uint16_t *bits = to;
  if (type == CLATTN_F32) memcpy(to, from, count * sizeof *from);
  for (size_t i = 0; type == CLATTN_F16 && i < count; ++i) bits[i] = float_to_half(from[i]);
  for (size_t i = 0; type == CLATTN_BF16 && i < count; ++i) bits[i] = float_to_bfloat16(from[i]);
}

/* In float, as the device adds them. */
static void add_positions(const clattn_problem *p, const clattn_inputs *inputs, float *x) {
  for (size_t token = 0; token < clattn_query_tokens(p); ++token) {
    const size_t position = clattn_token_position(p, inputs, CLATTN_X, token);
    for (size_t c = 0; c < p->model_dim; ++c) x[token * p->model_dim + c] += (float)clattn_sinusoid(p, position, c);
  }
}

clattn_status clattn_floats_of(const clattn_problem *problem, const clattn_inputs *inputs, clattn_floats *floats,
                               clattn_error *error) {
  *floats = (clattn_floats){{NULL}, {NULL}};
  for (int t = 0; t < CLATTN_TENSOR_COUNT; ++t) {
    const clattn_tensor tensor = (clattn_tensor)t;
    if (!clattn_is_input(problem, tensor) || tensor == CLATTN_MASK) continue;
    const bool placed = tensor == CLATTN_X && problem->positions != CLATTN_POSITIONS_NONE;
    floats->tensor[t] = clattn_inputs_get(inputs, tensor);
    if ((problem->type == CLATTN_F32 && !placed) || !clattn_is_stored(tensor)) continue;
    const size_t count = clattn_input_bytes(problem, tensor) / clattn_type_bytes(problem->type);
    floats->copy[t] = malloc(count * sizeof(float));
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
