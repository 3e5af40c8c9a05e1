/* Shared by the checks: rows, their buffers, and the begin and end of a comparison. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check/check.h"
#include "problem/facts.h"
#include "problem/tensors.h"
#include "base/status.h"

size_t clattn_checker_row(const clattn_checker *c, size_t i) {
  return c->row == NULL ? i : c->row[i];
}

clattn_score_row clattn_checker_score_row(const clattn_checker *c, size_t i) {
  return clattn_score_row_of(c->seen, c->inputs, clattn_checker_row(c, i));
}

bool clattn_row_exists(const clattn_score_row *score_row) {
  return score_row->query < score_row->sequence.query_len;
}

clattn_columns clattn_visible_keys(const clattn_score_row *score_row) {
  return (clattn_columns){score_row->keys.first, score_row->keys.end - score_row->keys.first};
}

bool clattn_row_buffers_allocate(clattn_row_buffers *b, size_t width, size_t input_width) {
  if (width > SIZE_MAX / 64 || input_width > SIZE_MAX / 64) return false;
  b->memory = malloc((3 * width + input_width) * sizeof(double) + width * sizeof(float));
  if (b->memory == NULL) return false;
  b->expected = b->memory;
  b->magnitude = b->expected + width;
  b->bound = b->magnitude + width;
  b->input = b->bound + width;
  b->naive = (float *)(void *)(b->input + input_width);
  return true;
}

double *clattn_to_double(const float *from, size_t count) {
  double *to = count <= SIZE_MAX / sizeof *to ? malloc(count * sizeof *to) : NULL;
  for (size_t i = 0; to != NULL && i < count; ++i) to[i] = (double)from[i];
  return to;
}

bool clattn_matrix_load(const clattn_checker *c, const clattn_linear *l, clattn_matrix *matrix) {
  const bool biased = l->bias != CLATTN_TENSOR_COUNT;
  *matrix = (clattn_matrix){.w = clattn_to_double(c->floats->tensor[l->w], l->terms * l->all_columns),
                            .bias = biased ? clattn_to_double(c->floats->tensor[l->bias], l->all_columns) : NULL};
  matrix->linear = (clattn_linear_double){.w = matrix->w,
                                          .bias = matrix->bias,
                                          .terms = l->terms,
                                          .all_columns = l->all_columns,
                                          .transposed = l->transposed};
  return matrix->w != NULL && (!biased || matrix->bias != NULL);
}

void clattn_matrix_release(clattn_matrix *matrix) {
  free(matrix->w);
  free(matrix->bias);
}

double clattn_largest_finite(const double *values, size_t count) {
  double largest = 0.0;
  for (size_t i = 0; i < count; ++i)
    if (isfinite(values[i])) largest = fmax(largest, fabs(values[i]));
  return largest;
}

bool clattn_checks_fused(const clattn_checker *c) {
  return c->plan->stages[CLATTN_STAGE_FUSED].kernel != NULL;
}

/* A fused kernel adds up the head_dim terms of a score one after the other. */
size_t clattn_checker_chain(const clattn_checker *c, clattn_stage stage) {
  if (!clattn_checks_fused(c)) return c->plan->stages[stage].longest_addition;
  return stage == CLATTN_STAGE_SCORES ? c->seen->head_dim : c->plan->stages[CLATTN_STAGE_FUSED].longest_addition;
}

double clattn_largest_score(const double *scores, size_t count, double sink) {
  const double largest = clattn_largest_finite(scores, count);
  return isfinite(sink) ? fmax(largest, fabs(sink)) : largest;
}

clattn_comparison clattn_check_begin(clattn_tensor tensor, bool end_to_end) {
  return (clattn_comparison){.check = {.tensor = tensor, .end_to_end = end_to_end}};
}

void clattn_check_row(clattn_comparison *comparison, const size_t *first, int rank, const float *got, size_t width,
                      const clattn_row_buffers *b) {
  size_t index[4];
  memcpy(index, first, (size_t)rank * sizeof *index);
  for (size_t i = 0; i < width; ++i, ++index[rank - 1]) {
    const clattn_element element = {got[i], b->expected[i], b->naive[i], b->bound[i], b->magnitude[i]};
    clattn_compare(comparison, index, rank, &element);
  }
}

const float *clattn_checked_row(const clattn_checker *c, const float *all, size_t i) {
  return all + (c->outputs->rows != NULL ? i : clattn_checker_row(c, i)) * c->seen->key_len;
}

void clattn_check_keys(const clattn_checker *c, clattn_comparison *comparison, const clattn_score_row *s,
                       const float *got, const clattn_row_buffers *b) {
  const size_t index[4] = {s->batch, s->head, s->query, 0};
  clattn_check_row(comparison, index, 4, got, c->seen->key_len, b);
}

void clattn_check_context(const clattn_checker *c, const clattn_score_row *s, const clattn_row_buffers *b,
                          clattn_comparison *comparison) {
  const clattn_problem *p = c->seen;
  const size_t start = clattn_query_start(p, s, CLATTN_CONTEXT);
  size_t index[4];
  const int rank = clattn_element_index(p, CLATTN_CONTEXT, start, index);
  clattn_check_row(comparison, index, rank, c->outputs->context + start, p->value_dim, b);
}

/* Drops a comparison without elements: no key was appended, or no checked row has a query. */
void clattn_check_finish(clattn_checker *c, clattn_comparison *comparison) {
  if (comparison->check.elements == 0) return;
  clattn_comparison_finish(comparison);
  c->report->check[c->report->count++] = comparison->check;
}

int clattn_element_index(const clattn_problem *problem, clattn_tensor tensor, size_t element, size_t index[4]) {
  size_t shape[4];
  const int rank = clattn_problem_shape(problem, tensor, shape);
  for (int i = rank - 1; i >= 0; element /= shape[i--]) index[i] = element % shape[i];
  return rank;
}

size_t clattn_checked_elements(const clattn_checker *c, clattn_tensor tensor) {
  if (c->seen->cache.capacity == 0) return clattn_tensor_elements(c->seen, tensor);
  return clattn_tensor_elements(c->seen, tensor == CLATTN_K ? CLATTN_CACHED_K : CLATTN_CACHED_V);
}

bool clattn_checks_stored(const clattn_checker *c, clattn_tensor tensor) {
  return clattn_checks_fused(c) && clattn_is_given_or_made(tensor) && clattn_stores_projections(c->asked);
}

void clattn_check_narrowing(clattn_type type, float got, double *expected, double *bound, float *naive) {
  float stored; /* large enough for every type */
  clattn_narrow(type, naive, 1, &stored);
  clattn_widen(type, &stored, 1, naive);
  *bound += clattn_bound_narrowing(type, *expected);
  const bool beyond = type == CLATTN_F16 && fabs(*expected) + *bound >= 65520.0;
  if (beyond && isinf(got) && (got > 0) == (*expected > 0)) *expected = (double)got;
}

clattn_status clattn_fail_check_memory(clattn_error *error) {
  return clattn_fail(error, CLATTN_OUT_OF_HOST_MEMORY, "no host memory for the reference");
}
