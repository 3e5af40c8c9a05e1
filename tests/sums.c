/* Helpers shared by the calibration tests. */
#include "sums.h"

#include <math.h>

static uint32_t state = 1;

float uniform(void) {
  state = state * 1664525u + 1013904223u;
  return (float)(state >> 8) / 8388608.0f - 1.0f;
}

void fill(float *values, size_t count, input_kind kind) {
  const float constant = uniform();
  const size_t hot = (size_t)((uniform() + 1.0f) * 0.5f * (float)count) % count;
  for (size_t i = 0; i < count; ++i) {
    const float random = uniform();
    switch (kind) {
    case CONSTANT:
      values[i] = constant;
      break;
    case ONE_HOT:
      values[i] = i == hot ? 1.0f : 0.0f;
      break;
    case OUTLIER:
      values[i] = i % 97 == 5 ? 1000.0f * random : random;
      break;
    case LARGE:
      values[i] = 3000.0f * random;
      break;
    case POSITIVE:
      values[i] = fabsf(random);
      break;
    default:
      values[i] = random;
    }
  }
}

size_t chain_of(order how, size_t terms) {
  switch (how) {
  case SEQUENTIAL:
    return terms;
  case STRIPS:
    return terms < 256 ? terms : (terms / 256 + 1 > 256 ? terms / 256 + 1 : 256);
  case LANES:
    return terms / 16 + 4 + terms % 16;
  default:
    return 17; /* the depth of a tree over 2^16 */
  }
}

float to_half(float value) {
  int exponent;
  const float mantissa = frexpf(value, &exponent);
  return ldexpf(roundf(mantissa * 2048.0f) / 2048.0f, exponent);
}

static float term(const sum_input *in, size_t i, float *b) {
  const size_t middle = in->terms / 2;
  float a = in->a[i];
  *b = in->b == NULL ? 1.0f : in->b[i];
  if ((in->wrong == DROP_FIRST && i == 0) || (in->wrong == DROP_LAST && i == in->terms - 1) ||
      (in->wrong == DROP_MIDDLE && i == middle) || (in->wrong == LOST_STRIP && i >= middle && i < middle + 64))
    a = 0.0f;
  if (in->wrong == TWICE && i == middle) a *= 2.0f;
  if (in->wrong == SIGN && i == middle) a = -a;
  if (in->wrong == HALF_PRECISION) a = to_half(a);
  return a;
}

static float part(const sum_input *in, size_t first, size_t end, size_t step, bool fused) {
  float sum = 0.0f, b;
  for (size_t i = first; i < end; i += step) {
    const float a = term(in, i, &b);
    if (fused)
      sum = fmaf(a, b, sum);
    else {
      const float product = a * b;
      sum += product;
    }
  }
  return sum;
}

static float tree(const sum_input *in, size_t first, size_t end) {
  if (end - first <= 1) return part(in, first, end, 1, false);
  const size_t middle = first + (end - first) / 2;
  return tree(in, first, middle) + tree(in, middle, end);
}

float sum_in(const sum_input *in, order how, bool fused) {
  float sum = 0.0f;
  switch (how) {
  case SEQUENTIAL:
    sum = part(in, 0, in->terms, 1, fused);
    break;
  case STRIPS:
    for (size_t i = 0; i < in->terms; i += 256) sum += part(in, i, i + 256 < in->terms ? i + 256 : in->terms, 1, fused);
    break;
  case LANES:
    for (size_t lane = 0; lane < 16; ++lane) sum += part(in, lane, in->terms, 16, fused);
    break;
  default:
    sum = tree(in, 0, in->terms);
  }
  if (in->wrong == SCALED) sum *= 1.001f;
  if (in->wrong == ZERO) sum = 0.0f;
  if (in->wrong == NOT_A_NUMBER) sum = NAN;
  return sum;
}
