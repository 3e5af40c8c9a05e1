/* Tries out possible mistakes: see guesses.h. */
#include "cli/exercise/guesses.h"
#include "clattn_check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool is_wrong(const evidence *e, clattn_tensor tensor) {
  return (e->wrong >> tensor & 1) != 0;
}

/* ---- other inputs ------------------------------------------------------------------------------------------------ */

/* The second matrix of the product that computes this tensor. */
static clattn_tensor second_matrix(const evidence *e) {
  switch (e->exercise->stage) {
  case CLATTN_STAGE_SCORES:
    return CLATTN_K;
  case CLATTN_STAGE_CONTEXT:
    return CLATTN_V;
  default:
    return e->view.tensor == CLATTN_Q ? CLATTN_WQ : e->view.tensor == CLATTN_K ? CLATTN_WK : CLATTN_WV;
  }
}

static bool is_product(const evidence *e) {
  const clattn_stage stage = e->exercise->stage;
  return stage == CLATTN_STAGE_PROJECT || stage == CLATTN_STAGE_SCORES || stage == CLATTN_STAGE_CONTEXT;
}

/* Whether the reference computes the result that was got if `tensor` holds `values` instead. */
static bool is_result_of(const evidence *e, clattn_tensor tensor, const float *values) {
  const view *v = &e->view;
  clattn_inputs inputs = e->work->inputs;
  clattn_outputs outputs = CLATTN_OUTPUTS_INIT;
  float *expected = malloc(v->pairs * v->rows * v->columns * sizeof(float));
  if (expected == NULL) return false;
  clattn_inputs_set(&inputs, tensor, values);
  clattn_outputs_set(&outputs, v->tensor, expected);
  const bool is = clattn_reference_run(&e->work->problem, &inputs, &outputs, NULL) == CLATTN_OK && view_is(v, expected);
  free(expected);
  return is;
}

/* The input that is the first matrix. Not for context, whose first matrix is not an input. */
static clattn_tensor first_matrix(const evidence *e) {
  return e->exercise->stage == CLATTN_STAGE_PROJECT ? CLATTN_X : CLATTN_Q;
}

static bool is_result_of_turned(const evidence *e, clattn_tensor tensor, size_t n) {
  const float *from = e->work->memory[tensor];
  float *turned = malloc(n * n * sizeof(float));
  if (turned == NULL) return false;
  for (size_t i = 0; i < n * n; ++i) turned[i % n * n + i / n] = from[i];
  const bool is = is_result_of(e, tensor, turned);
  free(turned);
  return is;
}

bool guess_other_axis(const evidence *e) {
  const case_sizes sizes = case_sizes_of(e->exercise, e->kind);
  return is_product(e) && sizes.columns == sizes.terms && e->work->problem.heads == 1 &&
         is_result_of_turned(e, second_matrix(e), sizes.columns);
}

bool guess_first_axis(const evidence *e) {
  const case_sizes sizes = case_sizes_of(e->exercise, e->kind);
  return is_product(e) && e->exercise->stage != CLATTN_STAGE_CONTEXT && sizes.rows == sizes.terms &&
         e->work->problem.heads == 1 && is_result_of_turned(e, first_matrix(e), sizes.rows);
}

/* Keeps only the terms first ... end - 1: a term is a column of x or q, or a row of v, and 0
 * adds nothing. */
bool guess_terms(const evidence *e, size_t first, size_t end) {
  const clattn_stage stage = e->exercise->stage;
  const clattn_tensor tensor = stage == CLATTN_STAGE_PROJECT  ? CLATTN_X
                               : stage == CLATTN_STAGE_SCORES ? CLATTN_Q
                                                              : CLATTN_V;
  const size_t count = clattn_tensor_elements(&e->work->problem, tensor);
  const case_sizes sizes = case_sizes_of(e->exercise, e->kind);
  float *some = is_product(e) && e->work->problem.heads == 1 ? malloc(count * sizeof(float)) : NULL;
  if (some == NULL) return false;
  const float *from = e->work->memory[tensor];
  for (size_t i = 0; i < count; ++i) {
    const size_t term = tensor == CLATTN_V ? i / sizes.columns : i % sizes.terms;
    some[i] = term >= first && term < end ? from[i] : 0.0f;
  }
  const bool is = is_result_of(e, tensor, some);
  free(some);
  return is;
}

/* ---- other positions ------------------------------------------------------------------------------------------------
 */

bool guess_exchanged(const evidence *e) {
  const view *v = &e->view;
  if (v->rows != v->columns) return false;
  for (size_t pair = 0; pair < v->pairs; ++pair)
    for (size_t row = 0; row < v->rows; ++row)
      for (size_t column = 0; column < v->columns; ++column)
        if (!is_near(v, v->got[view_at(v, pair, row, column)], v->expected[view_at(v, pair, column, row)]))
          return false;
  return true;
}

static bool rows_match(const view *v, size_t got, size_t expected) {
  for (size_t column = 0; column < v->columns; ++column)
    if (!is_near(v, v->got[view_at(v, 0, got, column)], v->expected[view_at(v, 0, expected, column)])) return false;
  return true;
}

static bool columns_match(const view *v, size_t got, size_t expected) {
  for (size_t row = 0; row < v->rows; ++row)
    if (!is_near(v, v->got[view_at(v, 0, row, got)], v->expected[view_at(v, 0, row, expected)])) return false;
  return true;
}

static bool each_is_another(const view *v, size_t count, bool (*match)(const view *v, size_t got, size_t expected)) {
  for (size_t got = 0; got < count; ++got) {
    size_t expected = 0;
    while (expected < count && !match(v, got, expected)) ++expected;
    if (expected == count) return false;
  }
  return true;
}

bool guess_other_rows(const evidence *e) {
  return e->view.pairs == 1 && e->view.columns > 1 && each_is_another(&e->view, e->view.rows, rows_match);
}

bool guess_other_columns(const evidence *e) {
  return e->view.pairs == 1 && e->view.rows > 1 && each_is_another(&e->view, e->view.columns, columns_match);
}

static bool are_alike(const evidence *e, size_t count, size_t step_row, size_t step_column) {
  const view *v = &e->view;
  for (size_t pair = 0; pair < v->pairs; ++pair)
    for (size_t row = 0; row + step_row < v->rows; ++row)
      for (size_t column = 0; column + step_column < v->columns; ++column)
        if (!is_near(v, v->got[view_at(v, pair, row, column)],
                     v->got[view_at(v, pair, row + step_row, column + step_column)]))
          return false;
  return count > 1 && e->facts.not_finite + e->facts.unwritten == 0;
}

bool guess_rows_alike(const evidence *e) {
  return are_alike(e, e->view.rows, 1, 0);
}

bool guess_columns_alike(const evidence *e) {
  return are_alike(e, e->view.columns, 0, 1);
}

/* ---- other sums -------------------------------------------------------------------------------------------------- */

bool guess_parts(const evidence *e, bool (*counts)(size_t item, size_t items)) {
  const view *v = &e->view;
  if (v->tensor != CLATTN_WEIGHTS) return false;
  for (size_t pair = 0; pair < v->pairs; ++pair)
    for (size_t row = 0; row < v->rows; ++row) {
      float part = 0.0f;
      for (size_t column = 0; column < v->columns; ++column)
        if (counts(column % e->exercise->tile, e->exercise->tile)) part += v->expected[view_at(v, pair, row, column)];
      for (size_t column = 0; column < v->columns; ++column) {
        const size_t i = view_at(v, pair, row, column);
        if (!is_near(v, v->got[i], v->expected[i] / part)) return false;
      }
    }
  return true;
}

/* Whether every row of weights adds up to more than 1 (or, with `less`, to less). The sum of the
 * last row of all may be NaN with `less`: that is what the check puts behind the scores. */
static bool rows_add_up(const evidence *e, bool less) {
  const view *v = &e->view;
  if (v->tensor != CLATTN_WEIGHTS) return false;
  size_t count = 0;
  for (size_t pair = 0; pair < v->pairs; ++pair)
    for (size_t row = 0; row < v->rows; ++row) {
      double sum = 0.0;
      for (size_t column = 0; column < v->columns; ++column) sum += (double)v->got[view_at(v, pair, row, column)];
      const bool last = pair + 1 == v->pairs && row + 1 == v->rows;
      if (isnan(sum) && less && last) continue;
      if (!isfinite(sum)) return false;
      if (less ? sum > 1.001 : sum < 0.999) return false;
      count += fabs(sum - 1.0) > 1e-3;
    }
  return count > 0;
}

/* Weights that are exp(score - maximum): each row is the right one divided by its largest
 * element. */
bool guess_not_divided(const evidence *e) {
  const view *v = &e->view;
  if (!rows_add_up(e, false)) return false;
  for (size_t pair = 0; pair < v->pairs; ++pair)
    for (size_t row = 0; row < v->rows; ++row) {
      const size_t first = view_at(v, pair, row, 0);
      float largest = 0.0f;
      for (size_t i = 0; i < v->columns; ++i) largest = fmaxf(largest, v->expected[first + i]);
      for (size_t i = 0; i < v->columns; ++i)
        if (!is_near(v, v->got[first + i], v->expected[first + i] / largest)) return false;
    }
  return true;
}

bool guess_sum_too_small(const evidence *e) {
  return rows_add_up(e, false);
}

bool guess_sum_too_large(const evidence *e) {
  return rows_add_up(e, true);
}

bool guess_last_key(const evidence *e) {
  const view *v = &e->view;
  const clattn_problem *p = &e->work->problem;
  const float *values = e->work->memory[CLATTN_V];
  if (v->tensor != CLATTN_CONTEXT || p->heads > 1 || p->causal || p->type != CLATTN_F32) return false;
  for (size_t row = 0; row < v->rows; ++row)
    for (size_t column = 0; column < v->columns; ++column)
      if (!is_near(v, v->got[view_at(v, 0, row, column)], values[(p->key_len - 1) * v->columns + column])) return false;
  return true;
}
