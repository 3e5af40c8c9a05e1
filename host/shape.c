/* Problems: validation, shapes, strides and costs. Knows nothing of devices. */
#include "shape.h"

#include <limits.h>
#include <math.h>

#include "status.h"

/* Kernels count rows, columns and terms in int, and round them up to tiles of at most 1024. Element offsets are size_t.
 */
#define LARGEST_SIZE ((size_t)INT_MAX - 1024)

bool clattn_multiply(size_t a, size_t b, size_t *product) {
  if (b != 0 && a > SIZE_MAX / b) return false;
  *product = a * b;
  return true;
}

static clattn_status check_size(const char *name, size_t value, clattn_error *error) {
  if (value >= 1 && value <= LARGEST_SIZE) return CLATTN_OK;
  return clattn_fail(error, CLATTN_INVALID_PROBLEM, "%s is %zu (allowed: 1 to %zu)", name, value, LARGEST_SIZE);
}

static clattn_status check_product(const char *name, size_t a, size_t b, clattn_error *error) {
  size_t product;
  if (clattn_multiply(a, b, &product) && product <= LARGEST_SIZE) return CLATTN_OK;
  return clattn_fail(error, CLATTN_INVALID_PROBLEM, "%s is %zu x %zu (allowed: a product of at most %zu)", name, a, b,
                     LARGEST_SIZE);
}

static clattn_status check_sizes(const clattn_problem *problem, clattn_error *error) {
  const struct {
    const char *name;
    size_t value;
  } sizes[] = {{"batch", problem->batch},         {"query_len", problem->query_len}, {"key_len", problem->key_len},
               {"model_dim", problem->model_dim}, {"heads", problem->heads},         {"head_dim", problem->head_dim},
               {"value_dim", problem->value_dim}};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; ++i) {
    const clattn_status status = check_size(sizes[i].name, sizes[i].value, error);
    if (status != CLATTN_OK) return status;
  }
  const struct {
    const char *name;
    size_t a, b;
  } products[] = {{"batch x query_len", problem->batch, problem->query_len},
                  {"batch x key_len", problem->batch, problem->key_len},
                  {"batch x heads", problem->batch, problem->heads},
                  {"heads x head_dim", problem->heads, problem->head_dim},
                  {"heads x value_dim", problem->heads, problem->value_dim}};
  for (size_t i = 0; i < sizeof products / sizeof products[0]; ++i) {
    const clattn_status status = check_product(products[i].name, products[i].a, products[i].b, error);
    if (status != CLATTN_OK) return status;
  }
  return CLATTN_OK;
}

/* After this, elements and bytes of every tensor can be computed in size_t. */
static clattn_status check_bytes(const clattn_problem *problem, clattn_error *error) {
  for (int tensor = 0; tensor < CLATTN_TENSOR_COUNT; ++tensor) {
    size_t shape[4], bytes = sizeof(float);
    const int rank = clattn_problem_shape(problem, (clattn_tensor)tensor, shape);
    for (int i = 0; i < rank; ++i)
      if (!clattn_multiply(bytes, shape[i], &bytes))
        return clattn_fail(error, CLATTN_INVALID_PROBLEM, "the bytes of %s do not fit into %zu bits",
                           clattn_tensor_name((clattn_tensor)tensor), sizeof(size_t) * CHAR_BIT);
  }
  return CLATTN_OK;
}

clattn_status clattn_problem_validate(const clattn_problem *problem, clattn_error *error) {
  if (problem == NULL) return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "the problem is NULL");
  if (problem->size != sizeof(clattn_problem))
    return clattn_fail(error, CLATTN_INVALID_ARGUMENT,
                       "clattn_problem.size is %zu, this library's is %zu (start from CLATTN_PROBLEM_INIT)",
                       problem->size, sizeof(clattn_problem));
  clattn_status status = check_sizes(problem, error);
  if (status == CLATTN_OK) status = check_bytes(problem, error);
  if (status != CLATTN_OK) return status;
  if (problem->layout != CLATTN_LAYOUT_XW && problem->layout != CLATTN_LAYOUT_XWT)
    return clattn_fail(error, CLATTN_INVALID_PROBLEM, "layout is %d (allowed: CLATTN_LAYOUT_XW, CLATTN_LAYOUT_XWT)",
                       (int)problem->layout);
  if (problem->mask != CLATTN_MASK_NONE && problem->mask != CLATTN_MASK_CAUSAL)
    return clattn_fail(error, CLATTN_INVALID_PROBLEM, "mask is %d (allowed: CLATTN_MASK_NONE, CLATTN_MASK_CAUSAL)",
                       (int)problem->mask);
  if (problem->scale_mode != CLATTN_SCALE_DEFAULT && problem->scale_mode != CLATTN_SCALE_GIVEN)
    return clattn_fail(error, CLATTN_INVALID_PROBLEM,
                       "scale_mode is %d (allowed: CLATTN_SCALE_DEFAULT, CLATTN_SCALE_GIVEN)",
                       (int)problem->scale_mode);
  if (problem->scale_mode == CLATTN_SCALE_GIVEN && !isfinite(problem->scale))
    return clattn_fail(error, CLATTN_INVALID_PROBLEM, "scale is %g (allowed: any finite number)",
                       (double)problem->scale);
  if (problem->key_len != problem->query_len)
    return clattn_fail(error, CLATTN_UNSUPPORTED,
                       "key_len %zu differs from query_len %zu: cross attention is not supported yet", problem->key_len,
                       problem->query_len);
  return CLATTN_OK;
}

float clattn_problem_scale(const clattn_problem *problem) {
  if (problem->scale_mode == CLATTN_SCALE_GIVEN) return problem->scale;
  return (float)(1.0 / sqrt((double)problem->head_dim));
}

const char *clattn_tensor_name(clattn_tensor tensor) {
  static const char *const names[CLATTN_TENSOR_COUNT] = {"x", "wq", "wk",     "wv",      "q",
                                                         "k", "v",  "scores", "weights", "context"};
  if ((int)tensor < 0 || tensor >= CLATTN_TENSOR_COUNT) return "unknown tensor";
  return names[tensor];
}

const char *clattn_stage_name(clattn_stage stage) {
  static const char *const names[CLATTN_STAGE_COUNT] = {"project", "scores", "softmax", "context"};
  if ((int)stage < 0 || stage >= CLATTN_STAGE_COUNT) return "unknown stage";
  return names[stage];
}

size_t clattn_projection_columns(const clattn_problem *problem, clattn_tensor tensor) {
  return problem->heads * (tensor == CLATTN_V ? problem->value_dim : problem->head_dim);
}

static int matrix_shape(const clattn_problem *problem, size_t columns, size_t shape[4]) {
  const bool transposed = problem->layout == CLATTN_LAYOUT_XWT;
  shape[0] = transposed ? columns : problem->model_dim;
  shape[1] = transposed ? problem->model_dim : columns;
  return 2;
}

static int rows_shape(size_t batch, size_t rows, size_t columns, size_t shape[4]) {
  shape[0] = batch;
  shape[1] = rows;
  shape[2] = columns;
  return 3;
}

int clattn_problem_shape(const clattn_problem *problem, clattn_tensor tensor, size_t shape[4]) {
  const size_t key_columns = problem->heads * problem->head_dim, value_columns = problem->heads * problem->value_dim;
  switch (tensor) {
  case CLATTN_X:
    return rows_shape(problem->batch, problem->query_len, problem->model_dim, shape);
  case CLATTN_WQ:
  case CLATTN_WK:
    return matrix_shape(problem, key_columns, shape);
  case CLATTN_WV:
    return matrix_shape(problem, value_columns, shape);
  case CLATTN_Q:
    return rows_shape(problem->batch, problem->query_len, key_columns, shape);
  case CLATTN_K:
    return rows_shape(problem->batch, problem->key_len, key_columns, shape);
  case CLATTN_V:
    return rows_shape(problem->batch, problem->key_len, value_columns, shape);
  case CLATTN_CONTEXT:
    return rows_shape(problem->batch, problem->query_len, value_columns, shape);
  case CLATTN_SCORES:
  case CLATTN_WEIGHTS:
    shape[0] = problem->batch;
    shape[1] = problem->heads;
    shape[2] = problem->query_len;
    shape[3] = problem->key_len;
    return 4;
  case CLATTN_TENSOR_COUNT:
    break;
  }
  return 0;
}

size_t clattn_tensor_elements(const clattn_problem *problem, clattn_tensor tensor) {
  size_t shape[4], elements = 1;
  const int rank = clattn_problem_shape(problem, tensor, shape);
  for (int i = 0; i < rank; ++i) elements *= shape[i];
  return elements;
}

clattn_strides clattn_tensor_strides(const clattn_problem *problem, clattn_tensor tensor) {
  const bool of_values = tensor == CLATTN_V || tensor == CLATTN_CONTEXT;
  const size_t dim = of_values ? problem->value_dim : problem->head_dim;
  const size_t rows = tensor == CLATTN_K || tensor == CLATTN_V ? problem->key_len : problem->query_len;
  const size_t row = problem->heads * dim;
  return (clattn_strides){.batch = rows * row, .head = dim, .row = row};
}

size_t clattn_live_keys(const clattn_problem *problem, size_t query) {
  if (problem->mask == CLATTN_MASK_CAUSAL && query + 1 < problem->key_len) return query + 1;
  return problem->key_len;
}

/* (query, key) places that the mask leaves, over all batches and heads. */
static double live_pairs(const clattn_problem *problem) {
  const double queries = (double)problem->query_len, keys = (double)problem->key_len;
  const double pairs = (double)problem->batch * (double)problem->heads;
  if (problem->mask != CLATTN_MASK_CAUSAL) return pairs * queries * keys;
  const double triangle = queries < keys ? queries : keys; /* queries behind the last key see all keys */
  return pairs * (triangle * (triangle + 1) / 2 + (queries - triangle) * keys);
}

double clattn_stage_flops(const clattn_problem *problem, clattn_stage stage) {
  const double columns = (double)problem->heads * (2.0 * (double)problem->head_dim + (double)problem->value_dim);
  switch (stage) {
  case CLATTN_STAGE_PROJECT:
    return 2.0 * (double)problem->batch * (double)problem->query_len * (double)problem->model_dim * columns;
  case CLATTN_STAGE_SCORES:
    return 2.0 * live_pairs(problem) * (double)problem->head_dim;
  case CLATTN_STAGE_SOFTMAX: /* a subtraction, an exp, an addition and a division for each weight */
    return 4.0 * live_pairs(problem);
  case CLATTN_STAGE_CONTEXT:
    return 2.0 * live_pairs(problem) * (double)problem->value_dim;
  case CLATTN_STAGE_COUNT:
    break;
  }
  return 0.0;
}

double clattn_stage_bytes(const clattn_problem *problem, clattn_stage stage) {
  static const clattn_tensor touched[CLATTN_STAGE_COUNT][8] = {
      {CLATTN_X, CLATTN_WQ, CLATTN_WK, CLATTN_WV, CLATTN_Q, CLATTN_K, CLATTN_V, CLATTN_TENSOR_COUNT},
      {CLATTN_Q, CLATTN_K, CLATTN_SCORES, CLATTN_TENSOR_COUNT},
      {CLATTN_SCORES, CLATTN_WEIGHTS, CLATTN_TENSOR_COUNT},
      {CLATTN_WEIGHTS, CLATTN_V, CLATTN_CONTEXT, CLATTN_TENSOR_COUNT},
  };
  double elements = 0.0;
  for (const clattn_tensor *tensor = touched[stage]; *tensor != CLATTN_TENSOR_COUNT; ++tensor)
    elements += (double)clattn_tensor_elements(problem, *tensor);
  return elements * sizeof(float);
}
