/* Mistakes that are tried out. */
#include "guesses.h"

#include <stdlib.h>
#include <string.h>

/* ---- other inputs ------------------------------------------------------------------------------------------------ */

/* The second matrix of the stage's product as it is used for this tensor. */
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

/* Whether the scalar path makes what was got if `tensor` holds `values` instead. */
static bool is_result_of(const evidence *e, clattn_tensor tensor, const float *values) {
  const view *v = &e->view;
  clattn_inputs inputs = e->work->inputs;
  clattn_outputs outputs = {.q = NULL};
  float *expected = malloc(v->pairs * v->rows * v->columns * sizeof(float));
  if (expected == NULL) return false;
  clattn_inputs_set(&inputs, tensor, values);
  clattn_outputs_set(&outputs, v->tensor, expected);
  const bool is = clattn_reference_run(&e->work->problem, &inputs, &outputs, NULL) == CLATTN_OK && view_is(v, expected);
  free(expected);
  return is;
}

bool guess_other_axis(const evidence *e) {
  const case_sizes sizes = case_sizes_of(e->exercise, e->kind);
  const size_t n = sizes.columns;
  if (!is_product(e) || sizes.columns != sizes.terms || e->work->problem.heads > 1) return false;
  const clattn_tensor tensor = second_matrix(e);
  const float *from = e->work->memory[tensor];
  float *turned = malloc(n * n * sizeof(float));
  if (turned == NULL) return false;
  for (size_t i = 0; i < n * n; ++i) turned[i % n * n + i / n] = from[i];
  const bool is = is_result_of(e, tensor, turned);
  free(turned);
  return is;
}

/* A term of a sum is a column of x or q, or a row of v; one that is 0 adds nothing. */
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

/* ---- other places ------------------------------------------------------------------------------------------------ */

bool guess_exchanged(const evidence *e) {
  const view *v = &e->view;
  if (v->rows != v->columns) return false;
  for (size_t pair = 0; pair < v->pairs; ++pair)
    for (size_t row = 0; row < v->rows; ++row)
      for (size_t column = 0; column < v->columns; ++column)
        if (!is_near(v->got[view_at(v, pair, row, column)], v->expected[view_at(v, pair, column, row)])) return false;
  return true;
}

static bool rows_match(const view *v, size_t got, size_t expected) {
  for (size_t column = 0; column < v->columns; ++column)
    if (!is_near(v->got[view_at(v, 0, got, column)], v->expected[view_at(v, 0, expected, column)])) return false;
  return true;
}

static bool columns_match(const view *v, size_t got, size_t expected) {
  for (size_t row = 0; row < v->rows; ++row)
    if (!is_near(v->got[view_at(v, 0, row, got)], v->expected[view_at(v, 0, row, expected)])) return false;
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
  return e->view.columns > 1 && each_is_another(&e->view, e->view.rows, rows_match);
}

bool guess_other_columns(const evidence *e) {
  return e->view.rows > 1 && each_is_another(&e->view, e->view.columns, columns_match);
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
        if (!is_near(v->got[i], v->expected[i] / part)) return false;
      }
    }
  return true;
}
