/* Compares merged contexts with the reference. To the reference the parts are keys: their log-sum-exps are scores, and
 * their contexts values. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "check/check.h"
#include "problem/merging.h"
#include "problem/sized.h"
#include "reference/reference.h"

typedef struct merge_checker {
  const clattn_merging *merging;
  const clattn_problem *problem;
  const clattn_part *parts;
  size_t count;
  const clattn_merged *merged;
  /* Of one row: (count), and of values (count, value_dim). */
  double *lse, *weights, *weight_bound, *values, *expected, *magnitude;
  float *naive_lse, *naive_weights, *naive_values, *naive;
  void *memory; /* all of them */
} merge_checker;

static bool allocate(merge_checker *c) {
  const size_t count = c->count, dim = c->problem->value_dim;
  if (count > SIZE_MAX / 64 / (dim + 3)) return false;
  const size_t doubles = count * (dim + 3) + 2 * dim, floats = count * (dim + 2) + dim;
  c->memory = malloc(doubles * sizeof(double) + floats * sizeof(float));
  if (c->memory == NULL) return false;
  c->lse = c->memory;
  c->weights = c->lse + count;
  c->weight_bound = c->weights + count;
  c->values = c->weight_bound + count;
  c->expected = c->values + count * dim;
  c->magnitude = c->expected + dim;
  c->naive_lse = (float *)(void *)(c->magnitude + dim);
  c->naive_weights = c->naive_lse + count;
  c->naive_values = c->naive_weights + count;
  c->naive = c->naive_values + count * dim;
  return true;
}

/* The largest finite log-sum-exp of a row, without its sign. */
static double largest_lse(const merge_checker *c, double merged) {
  double largest = isfinite(merged) ? fabs(merged) : 0.0;
  for (size_t p = 0; p < c->count; ++p)
    if (isfinite(c->lse[p])) largest = fmax(largest, fabs(c->lse[p]));
  return largest;
}

static void check_lse(const merge_checker *c, size_t line, double expected, float naive, double largest,
                      clattn_comparison *comparison) {
  size_t index[4];
  const int rank = clattn_element_index(c->problem, CLATTN_LSE, line, index);
  const clattn_element element = {c->merged->lse[line], expected, naive, clattn_bound_merged_lse(c->count, largest),
                                  largest * (1.0 + (double)c->count / 8.0)};
  clattn_compare(comparison, index, rank, &element);
}

static void load_values(const merge_checker *c, size_t at) {
  const size_t dim = c->problem->value_dim, bytes = clattn_type_bytes(c->merging->type);
  for (size_t p = 0; p < c->count; ++p) {
    clattn_widen(c->merging->type, (const char *)c->parts[p].context + at * bytes, dim, c->naive_values + p * dim);
    for (size_t i = 0; i < dim; ++i) c->values[p * dim + i] = (double)c->naive_values[p * dim + i];
  }
}

/* The bound of one element, before it is stored. An infinite value of a weight that underflows in float is NaN there.
 */
static double bound_of(const merge_checker *c, size_t column) {
  double bound = 2.0 * (double)c->count * 0x1p-126;
  for (size_t p = 0; p < c->count; ++p) {
    const double value = c->values[p * c->problem->value_dim + column];
    if (c->lse[p] == -(double)INFINITY) continue;
    if (!isfinite(value)) return CLATTN_NOT_FINITE;
    bound += c->weight_bound[p] * fabs(value);
  }
  return bound;
}

/* `at`: the first element of the row's context. */
static void check_context(const merge_checker *c, size_t at, double largest, clattn_comparison *comparison) {
  const size_t dim = c->problem->value_dim, bytes = clattn_type_bytes(c->merging->type);
  const clattn_columns all = {0, c->count};
  size_t index[4];
  load_values(c, at);
  clattn_context_double(all, c->lse, c->weights, (clattn_vectors_double){c->values, dim}, dim, c->expected,
                        c->magnitude);
  clattn_context_float(all, c->naive_lse, c->naive_weights, (clattn_vectors_float){c->naive_values, dim}, dim, c->naive,
                       NULL);
  for (size_t i = 0; i < dim; ++i) {
    clattn_element e = {.expected = c->expected[i],
                        .naive = c->naive[i],
                        .bound = bound_of(c, i),
                        .magnitude = c->magnitude[i] * (1.0 + (double)c->count * (largest + 16.0) / 8.0)};
    clattn_widen(c->merging->type, (const char *)c->merged->context + (at + i) * bytes, 1, &e.got);
    if (e.bound != CLATTN_NOT_FINITE && c->merging->type != CLATTN_F32)
      clattn_check_narrowing(c->merging->type, e.got, &e.expected, &e.bound, &e.naive);
    const int rank = clattn_element_index(c->problem, CLATTN_CONTEXT, at + i, index);
    clattn_compare(comparison, index, rank, &e);
  }
}

static void check_row(const merge_checker *c, size_t line, clattn_comparison *lse, clattn_comparison *context) {
  const clattn_problem *p = c->problem;
  const size_t pair = line / p->query_len, row = line % p->query_len, batch = pair / p->heads;
  const int32_t *offsets = c->merging->query_offsets;
  for (size_t i = 0; i < c->count; ++i) c->lse[i] = (double)(c->naive_lse[i] = c->parts[i].lse[line]);
  const double merged = clattn_softmax_double(c->lse, c->count, -(double)INFINITY, c->weights);
  const float naive = clattn_softmax_float(c->naive_lse, c->count, -INFINITY, c->naive_weights);
  const double largest = largest_lse(c, merged);
  if (c->merged->lse != NULL) check_lse(c, line, merged, naive, largest, lse);
  if (offsets != NULL && row >= (size_t)(offsets[batch + 1] - offsets[batch])) return;
  for (size_t i = 0; i < c->count; ++i)
    c->weight_bound[i] = clattn_bound_merged_weight(c->weights[i], merged - c->lse[i], c->count, largest);
  const size_t first = offsets != NULL ? (size_t)offsets[batch] : 0;
  const clattn_strides s = clattn_tensor_strides(p, CLATTN_CONTEXT);
  check_context(c, batch * s.batch + pair % p->heads * s.head + (first + row) * s.row, largest, context);
}

static clattn_status check_all(merge_checker *c, clattn_check_report *report, clattn_error *error) {
  clattn_comparison lse = clattn_check_begin(CLATTN_LSE, false), context = clattn_check_begin(CLATTN_CONTEXT, false);
  if (!allocate(c)) return clattn_fail_check_memory(error);
  const size_t lines = clattn_tensor_elements(c->problem, CLATTN_LSE);
  for (size_t line = 0; line < lines; ++line) check_row(c, line, &lse, &context);
  free(c->memory);
  clattn_comparison *const made[] = {&lse, &context};
  report->passed = true;
  for (size_t i = c->merged->lse == NULL; i < 2; ++i) {
    clattn_comparison_finish(made[i]);
    report->check[report->count++] = made[i]->check;
    report->passed = report->passed && made[i]->check.passed;
  }
  report->rows_checked = report->rows_total = lines;
  return CLATTN_OK;
}

clattn_status clattn_check_merge(const clattn_merging *given, const clattn_part *parts, size_t count,
                                 const clattn_merged *merged, clattn_check_report *report, clattn_error *error) {
  clattn_merging merging;
  clattn_problem problem;
  clattn_check_report made = CLATTN_CHECK_REPORT_INIT;
  clattn_status status = clattn_check_sized(&clattn_sized_check_report, report, error);
  if (status == CLATTN_OK) status = clattn_take_merging(given, count, &merging, &problem, error);
  if (status == CLATTN_OK) status = clattn_check_parts(parts, count, merged, error);
  if (status != CLATTN_OK) return status;
  merge_checker c = {.merging = &merging, .problem = &problem, .parts = parts, .count = count, .merged = merged};
  status = check_all(&c, &made, error);
  if (status == CLATTN_OK) clattn_give_sized(&clattn_sized_check_report, &made, report);
  return clattn_finish(error, status);
}
