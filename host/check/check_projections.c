/* Checks q, k and v, projected or given, and the output, in whole rows of the tensor. A row belongs
 * to a token; in an output that is context in CLATTN_ORDER_HEADS, to a head and token. */
#include <math.h>
#include <stdlib.h>

#include "check/check.h"
#include "base/clock.h"
#include "base/status.h"

/* The tensor that is being checked. */
typedef struct projected {
  clattn_tensor tensor;
  clattn_stage stage;
  size_t tokens, columns; /* rows of the tensor, and their length */
  bool *checked;          /* (tokens): whether the token's row is checked */
} projected;

/* Marks the tokens of the checked rows. Keys belong to no row: marks as many, evenly spread. */
static bool mark_tokens(const clattn_checker *c, projected *p) {
  const bool of_keys = p->tensor == CLATTN_K || p->tensor == CLATTN_V;
  size_t marked = 0;
  p->checked = calloc(p->tokens, sizeof *p->checked);
  if (p->checked == NULL) return false;
  for (size_t i = 0; i < c->row_count; ++i) {
    const clattn_score_row s = clattn_checker_score_row(c, i);
    if (!clattn_row_exists(&s)) continue;
    if (of_keys)
      ++marked;
    else
      p->checked[clattn_query_start(c->asked, &s, p->tensor) / p->columns] = true;
  }
  if (!of_keys) return true;
  if (c->row == NULL || marked > p->tokens) marked = p->tokens;
  for (size_t i = 0; i < marked; ++i)
    p->checked[marked > 1 ? (size_t)((double)i * (double)(p->tokens - 1) / (double)(marked - 1)) : 0] = true;
  return true;
}

static bool begin(const clattn_checker *c, clattn_tensor tensor, projected *p) {
  size_t shape[4];
  const int rank = clattn_problem_shape(c->asked, tensor, shape);
  *p = (projected){.tensor = tensor,
                   .stage = tensor == CLATTN_OUTPUT ? CLATTN_STAGE_OUTPUT : CLATTN_STAGE_PROJECT,
                   .tokens = clattn_tensor_elements(c->asked, tensor) / shape[rank - 1],
                   .columns = shape[rank - 1]};
  return mark_tokens(c, p);
}

static void compare_token(const clattn_checker *c, const projected *p, size_t token, const float *got,
                          const clattn_row_buffers *b, clattn_comparison *comparison) {
  size_t index[4];
  const int rank = clattn_element_index(c->asked, p->tensor, token * p->columns, index);
  clattn_check_row(comparison, index, rank, got + token * p->columns, p->columns, b);
}

/* Applies the rotary embedding to a row of queries or keys, head by head. */
static void rotate_row(const clattn_checker *c, const projected *p, size_t token, const clattn_row_buffers *b) {
  if (!clattn_is_rotated(c->asked, p->tensor)) return;
  const int64_t position = clattn_token_position(c->asked, c->inputs, p->tensor, token);
  for (size_t at = 0; at < p->columns; at += c->asked->head_dim) {
    const clattn_turned head = {b->expected + at, b->bound + at, b->magnitude + at, b->naive + at};
    clattn_rotate(&c->rotary, position, &head);
  }
}

/* The row was stored in the problem's type. */
static void add_narrowing(const clattn_problem *problem, const clattn_row_buffers *b, const float *got, size_t width) {
  for (size_t i = 0; i < width; ++i)
    clattn_check_narrowing(problem->type, got[i], &b->expected[i], &b->bound[i], &b->naive[i]);
}

/* `in` (tokens, terms) is the device's input, `got` its result. */
static clattn_status check_product(clattn_checker *c, projected *p, const float *in, const float *got,
                                   clattn_error *error) {
  const clattn_linear l = clattn_linear_of(c->asked, p->tensor);
  const clattn_linear_float linear = clattn_linear_in_float(&l, c->floats);
  const size_t chain = c->plan->stages[p->stage].longest_addition;
  clattn_comparison comparison = clattn_check_begin(p->tensor, false);
  clattn_row_buffers b = {0};
  clattn_matrix matrix = {.w = NULL};
  clattn_status status = CLATTN_OK;
  if (!clattn_matrix_load(c, &l, &matrix) || !clattn_row_buffers_allocate(&b, p->columns, l.terms)) {
    status = clattn_fail_check_memory(error);
    goto cleanup;
  }
  for (size_t token = 0; token < p->tokens; ++token) {
    if (!p->checked[token]) continue;
    const float *x = in + token * l.terms;
    for (size_t k = 0; k < l.terms; ++k) b.input[k] = (double)x[k];
    clattn_project_double(&matrix.linear, b.input, l.given, b.expected, b.magnitude);
    for (size_t i = 0; i < p->columns; ++i) b.bound[i] = clattn_bound_product(b.magnitude[i], l.terms, chain);
    const double started = clattn_now();
    clattn_project_float(&linear, x, l.given, b.naive, NULL);
    c->report->reference_seconds[p->stage] += clattn_now() - started;
    c->flops[p->stage] += 2.0 * (double)l.terms * (double)p->columns;
    rotate_row(c, p, token, &b);
    if (p->tensor == CLATTN_OUTPUT || clattn_checks_stored(c, p->tensor))
      add_narrowing(c->asked, &b, got + token * p->columns, p->columns);
    compare_token(c, p, token, got, &b, &comparison);
  }
  clattn_check_finish(c, &comparison);
cleanup:
  clattn_matrix_release(&matrix);
  free(b.memory);
  return status;
}

/* A tensor that is a copy: `got` must equal `truth` (tokens, columns), rounded once if narrowed. */
static clattn_status check_copy(clattn_checker *c, projected *p, const float *truth, const float *got,
                                clattn_error *error) {
  clattn_comparison comparison = clattn_check_begin(p->tensor, false);
  clattn_row_buffers b = {0};
  if (!clattn_row_buffers_allocate(&b, p->columns, 0)) return clattn_fail_check_memory(error);
  for (size_t token = 0; token < p->tokens; ++token) {
    if (!p->checked[token]) continue;
    for (size_t i = 0; i < p->columns; ++i) {
      b.naive[i] = truth[token * p->columns + i];
      b.expected[i] = (double)b.naive[i];
      b.magnitude[i] = fabs(b.expected[i]);
      b.bound[i] = clattn_bound_product(0.0, 1, 1);
    }
    rotate_row(c, p, token, &b);
    if (p->tensor == CLATTN_OUTPUT) add_narrowing(c->asked, &b, got + token * p->columns, p->columns);
    compare_token(c, p, token, got, &b, &comparison);
  }
  clattn_check_finish(c, &comparison);
  free(b.memory);
  return CLATTN_OK;
}

static clattn_status check_given(clattn_checker *c, projected *p, const float *got, clattn_error *error) {
  const size_t elements = clattn_tensor_elements(c->asked, p->tensor);
  float *truth = elements <= SIZE_MAX / sizeof *truth ? malloc(elements * sizeof *truth) : NULL;
  if (truth == NULL) return clattn_fail_check_memory(error);
  clattn_gather_given(c->asked, p->tensor, c->floats->tensor[p->tensor], truth);
  const clattn_status status = check_copy(c, p, truth, got, error);
  free(truth);
  return status;
}

static clattn_status check_one(clattn_checker *c, clattn_tensor tensor, const float *got, clattn_error *error) {
  const bool given = c->asked->source == CLATTN_SOURCE_QKV;
  projected p;
  clattn_status status = CLATTN_OK;
  if (!begin(c, tensor, &p))
    status = clattn_fail_check_memory(error);
  else if (given)
    status = check_given(c, &p, got, error);
  else
    status = check_product(c, &p, c->floats->tensor[clattn_linear_of(c->asked, tensor).in], got, error);
  free(p.checked);
  return status;
}

clattn_status clattn_check_projections(clattn_checker *c, clattn_error *error) {
  clattn_status status = check_one(c, CLATTN_Q, c->outputs->q, error);
  if (status == CLATTN_OK) status = check_one(c, CLATTN_K, c->outputs->k, error);
  if (status == CLATTN_OK) status = check_one(c, CLATTN_V, c->outputs->v, error);
  return status;
}

clattn_status clattn_check_output(clattn_checker *c, clattn_error *error) {
  const clattn_problem *problem = c->asked;
  if (!clattn_has_output(problem)) return CLATTN_OK;
  const size_t elements = clattn_tensor_elements(problem, CLATTN_OUTPUT);
  float *got = elements <= SIZE_MAX / sizeof *got ? malloc(elements * sizeof *got) : NULL;
  projected p = {.checked = NULL};
  clattn_status status = CLATTN_OK;
  if (got == NULL || !begin(c, CLATTN_OUTPUT, &p)) {
    status = clattn_fail_check_memory(error);
  } else {
    clattn_widen(problem->type, c->outputs->output, elements, got);
    status = problem->output_dim != 0 ? check_product(c, &p, c->outputs->context, got, error)
                                      : check_copy(c, &p, c->outputs->context, got, error);
  }
  free(p.checked);
  free(got);
  return status;
}
