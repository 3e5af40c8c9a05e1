/* Sinusoidal positions and rotary angles. */
#include "problem/positions.h"

#include <math.h>

#include "problem/shape.h"

size_t clattn_rotary_dim(const clattn_problem *problem) {
  return problem->rotary_dim != 0 ? problem->rotary_dim : problem->head_dim;
}

static double sinusoid_divisor(const clattn_problem *problem, size_t column) {
  return pow(10000.0, (double)(column - column % 2) / (double)problem->model_dim);
}

static double sinusoid_of(double angle, size_t column) {
  return column % 2 == 0 ? sin(angle) : cos(angle);
}

double clattn_sinusoid(const clattn_problem *problem, int64_t position, size_t column) {
  return sinusoid_of((double)position / sinusoid_divisor(problem, column), column);
}

static double rotary_step(const clattn_problem *problem, size_t pair) {
  return pow(problem->rotary_base, -2.0 * (double)pair / (double)clattn_rotary_dim(problem));
}

double clattn_rotary_angle(const clattn_problem *problem, int64_t position, size_t pair) {
  return (double)position * rotary_step(problem, pair);
}

clattn_pair clattn_rotary_pair(const clattn_problem *problem, size_t pair) {
  if (problem->rotary == CLATTN_ROTARY_INTERLEAVED) return (clattn_pair){2 * pair, 2 * pair + 1};
  return (clattn_pair){pair, pair + clattn_rotary_dim(problem) / 2};
}

void clattn_fill_sinusoids(const clattn_problem *problem, int64_t first, size_t count, float *table) {
  for (size_t c = 0; c < problem->model_dim; ++c) {
    const double divisor = sinusoid_divisor(problem, c);
    for (size_t i = 0; i < count; ++i)
      table[i * problem->model_dim + c] = (float)sinusoid_of((double)(first + (int64_t)i) / divisor, c);
  }
}

void clattn_fill_rotary(const clattn_problem *problem, int64_t first, size_t count, float *table) {
  const size_t pairs = clattn_rotary_dim(problem) / 2;
  for (size_t pair = 0; pair < pairs; ++pair) {
    const double step = rotary_step(problem, pair);
    for (size_t i = 0; i < count; ++i) {
      const double angle = (double)(first + (int64_t)i) * step;
      table[2 * (i * pairs + pair)] = (float)cos(angle);
      table[2 * (i * pairs + pair) + 1] = (float)sin(angle);
    }
  }
}

int64_t clattn_first_key_position(const clattn_sequence *s) {
  return (int64_t)(s->key_len - s->new_len);
}

int64_t clattn_token_position(const clattn_problem *p, const clattn_inputs *inputs, clattn_tensor tensor,
                              size_t token) {
  const bool packed = p->lengths == CLATTN_LENGTHS_PACKED, as_query = tensor == CLATTN_Q;
  const size_t rows = tensor == CLATTN_K ? p->key_len : p->query_len;
  size_t batch = packed ? 0 : token / rows, first = packed ? 0 : batch * rows;
  clattn_sequence s = clattn_sequence_of(p, inputs, batch);
  while (packed) {
    first = tensor == CLATTN_K ? s.first_new : s.first_query;
    if (token < first + (tensor == CLATTN_K ? s.new_len : s.query_len)) break;
    s = clattn_sequence_of(p, inputs, ++batch);
  }
  return (as_query ? s.position : clattn_first_key_position(&s)) + (int64_t)(token - first);
}

/* Each coefficient is rounded once, each product and the sum once: 4 units of the products' size are ample. */
#define ROTARY_UNITS (4.0 * 5.9604644775390625e-08)

void clattn_rotate_float(const clattn_problem *problem, int64_t position, float *vector) {
  for (size_t i = 0; i < clattn_rotary_dim(problem) / 2; ++i) {
    const clattn_pair at = clattn_rotary_pair(problem, i);
    const double angle = clattn_rotary_angle(problem, position, i);
    const float c = (float)cos(angle), s = (float)sin(angle), x = vector[at.first], y = vector[at.second];
    vector[at.first] = x * c - y * s;
    vector[at.second] = y * c + x * s;
  }
}

void clattn_rotate(const clattn_problem *problem, int64_t position, const clattn_turned *v) {
  clattn_rotate_float(problem, position, v->naive);
  for (size_t i = 0; i < clattn_rotary_dim(problem) / 2; ++i) {
    const clattn_pair at = clattn_rotary_pair(problem, i);
    const double angle = clattn_rotary_angle(problem, position, i), c = cos(angle), s = sin(angle);
    const double a = v->value[at.first], b = v->value[at.second];
    v->value[at.first] = a * c - b * s;
    v->value[at.second] = b * c + a * s;
    double *const carried[] = {v->bound, v->magnitude};
    for (int k = 0; k < 2; ++k) {
      if (carried[k] == NULL) continue;
      const double of_first = carried[k][at.first], of_second = carried[k][at.second];
      carried[k][at.first] = fabs(c) * of_first + fabs(s) * of_second;
      carried[k][at.second] = fabs(c) * of_second + fabs(s) * of_first;
    }
    v->bound[at.first] += ROTARY_UNITS * (fabs(a * c) + fabs(b * s));
    v->bound[at.second] += ROTARY_UNITS * (fabs(b * c) + fabs(a * s));
  }
}
