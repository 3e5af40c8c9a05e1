/* The rotary embedding: see rotary.h. */
#include "problem/rotary.h"

#include <math.h>

#include "problem/shape.h"

size_t clattn_rotary_dim(const clattn_problem *problem) {
  return problem->rotary_dim != 0 ? problem->rotary_dim : problem->head_dim;
}

clattn_pair clattn_rotary_pair(const clattn_problem *problem, size_t pair) {
  if (problem->rotary == CLATTN_ROTARY_INTERLEAVED) return (clattn_pair){2 * pair, 2 * pair + 1};
  return (clattn_pair){pair, pair + clattn_rotary_dim(problem) / 2};
}

/* ---- angles ------------------------------------------------------------------------------------------------------ */

clattn_rotary_run clattn_rotary_of(const clattn_problem *problem, const clattn_inputs *inputs) {
  const bool dynamic = problem->rotary_scaling.kind == CLATTN_SCALING_DYNAMIC, given = problem->rotary_rows != 0;
  const double length = dynamic ? (double)clattn_positions_end(problem, inputs) : 0.0;
  return (clattn_rotary_run){.problem = problem,
                             .scaled = clattn_scaled_of(problem, clattn_rotary_dim(problem), length),
                             .cos = given && inputs != NULL ? inputs->rotary_cos : NULL,
                             .sin = given && inputs != NULL ? inputs->rotary_sin : NULL};
}

double clattn_rotary_frequency(const clattn_rotary_run *run, size_t pair) {
  const double unscaled = pow(run->scaled.base, -2.0 * (double)pair / (double)clattn_rotary_dim(run->problem));
  return clattn_scaled_frequency(run->problem, &run->scaled, unscaled, pair);
}

static clattn_turn turn_by(const clattn_rotary_run *run, double angle) {
  return (clattn_turn){run->scaled.amplitude * cos(angle), run->scaled.amplitude * sin(angle)};
}

clattn_turn clattn_rotary_turn(const clattn_rotary_run *run, int64_t position, size_t pair) {
  const size_t pairs = clattn_rotary_dim(run->problem) / 2, at = (size_t)position * pairs + pair;
  if (run->cos != NULL) return (clattn_turn){(double)run->cos[at], (double)run->sin[at]};
  return turn_by(run, (double)position * clattn_rotary_frequency(run, pair));
}

static void fill_given(const clattn_rotary_run *run, const clattn_position_list *positions, float *table) {
  const size_t pairs = clattn_rotary_dim(run->problem) / 2;
  for (size_t i = 0; i < positions->count; ++i) {
    const size_t row = (size_t)clattn_position_at(positions, i) * pairs;
    for (size_t pair = 0; pair < pairs; ++pair) {
      *table++ = run->cos[row + pair];
      *table++ = run->sin[row + pair];
    }
  }
}

void clattn_fill_rotary(const clattn_rotary_run *run, const clattn_position_list *positions, float *table) {
  const size_t pairs = clattn_rotary_dim(run->problem) / 2;
  if (run->cos != NULL) {
    fill_given(run, positions, table);
    return;
  }
  for (size_t pair = 0; pair < pairs; ++pair) {
    const double frequency = clattn_rotary_frequency(run, pair);
    for (size_t i = 0; i < positions->count; ++i) {
      const clattn_turn turn = turn_by(run, (double)clattn_position_at(positions, i) * frequency);
      table[2 * (i * pairs + pair)] = (float)turn.cos;
      table[2 * (i * pairs + pair) + 1] = (float)turn.sin;
    }
  }
}

/* ---- rotation ---------------------------------------------------------------------------------------------------- */

/* Each coefficient is rounded once, each product and the sum once: 4 units of the products' size are ample. */
#define ROTARY_UNITS (4.0 * 5.9604644775390625e-08)

void clattn_rotate_float(const clattn_rotary_run *run, int64_t position, float *vector) {
  for (size_t i = 0; i < clattn_rotary_dim(run->problem) / 2; ++i) {
    const clattn_pair at = clattn_rotary_pair(run->problem, i);
    const clattn_turn turn = clattn_rotary_turn(run, position, i);
    const float c = (float)turn.cos, s = (float)turn.sin, x = vector[at.first], y = vector[at.second];
    vector[at.first] = x * c - y * s;
    vector[at.second] = y * c + x * s;
  }
}

void clattn_rotate(const clattn_rotary_run *run, int64_t position, const clattn_turned *v) {
  clattn_rotate_float(run, position, v->naive);
  for (size_t i = 0; i < clattn_rotary_dim(run->problem) / 2; ++i) {
    const clattn_pair at = clattn_rotary_pair(run->problem, i);
    const clattn_turn turn = clattn_rotary_turn(run, position, i);
    const double c = turn.cos, s = turn.sin, a = v->value[at.first], b = v->value[at.second];
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
