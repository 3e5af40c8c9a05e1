/* What the parts of a check share: rows, their buffers, and the beginning and end of a comparison. */
#include <math.h>
#include <stdlib.h>

#include "check.h"
#include "status.h"

size_t clattn_checker_row(const clattn_checker *c, size_t i) {
  return c->row == NULL ? i : c->row[i];
}

clattn_place clattn_place_of(const clattn_problem *problem, size_t row) {
  const size_t query = row % problem->query_len, pair = row / problem->query_len;
  return (clattn_place){pair / problem->heads, pair % problem->heads, query, clattn_live_keys(problem, query)};
}

size_t clattn_place_offset(clattn_strides strides, clattn_place at, size_t row) {
  return at.batch * strides.batch + at.head * strides.head + row * strides.row;
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

double clattn_largest_finite(const double *values, size_t count) {
  double largest = 0.0;
  for (size_t i = 0; i < count; ++i)
    if (isfinite(values[i])) largest = fmax(largest, fabs(values[i]));
  return largest;
}

clattn_comparison clattn_check_begin(clattn_tensor tensor, bool end_to_end) {
  return (clattn_comparison){.check = {.tensor = tensor, .end_to_end = end_to_end}};
}

void clattn_check_finish(clattn_checker *c, clattn_comparison *comparison) {
  clattn_comparison_finish(comparison);
  c->report->check[c->report->count++] = comparison->check;
}

clattn_status clattn_fail_check_memory(clattn_error *error) {
  return clattn_fail(error, CLATTN_OUT_OF_HOST_MEMORY, "no host memory for the scalar path");
}

void clattn_check_context_row(const clattn_checker *c, clattn_comparison *comparison, clattn_place at,
                              const clattn_row_buffers *b) {
  const size_t value_dim = c->problem->value_dim;
  const float *got =
      c->outputs->context + clattn_place_offset(clattn_tensor_strides(c->problem, CLATTN_CONTEXT), at, at.query);
  for (size_t d = 0; d < value_dim; ++d) { /* (batch, query, heads * value_dim): the head is a part of the column */
    const size_t index[3] = {at.batch, at.query, at.head * value_dim + d};
    const clattn_element element = {got[d], b->expected[d], b->naive[d], b->bound[d], b->magnitude[d]};
    clattn_compare(comparison, index, 3, &element);
  }
}
