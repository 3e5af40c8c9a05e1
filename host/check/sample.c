/* Selects the rows to check when checking all would take too long. */
#include <math.h>
#include <stdlib.h>

#include "base/random.h"
#include "problem/costs.h"
#include "problem/problem.h"
#include "problem/shape.h"
#include "clattn_check.h"
#include "base/status.h"

#define MOST_PAIRS 8 /* most (batch, head) pairs in a sample: the reference projects all keys and values of each */

/* Selects `count` of 0 ... total-1, ascending: the first, the last, and one at random from each of
 * count-2 equal parts in between. */
static void choose(size_t *chosen, size_t count, size_t total, uint64_t *state) {
  for (size_t i = 0; i < count; ++i) {
    if (i == 0)
      chosen[i] = 0;
    else if (i == count - 1)
      chosen[i] = total - 1;
    else { /* part i of count-2 equal parts of 1 ... total-2 */
      const size_t inner = total - 2, parts = count - 2;
      const size_t start = 1 + (size_t)((double)inner * (double)(i - 1) / (double)parts);
      const size_t end = 1 + (size_t)((double)inner * (double)i / (double)parts);
      chosen[i] = start + (size_t)(clattn_random(state) % (end > start ? end - start : 1));
    }
  }
}

static size_t limit(double wanted, size_t least, size_t most) {
  if (most < least || wanted >= (double)most) return most;
  return wanted <= (double)least ? least : (size_t)wanted;
}

static clattn_status allocate_rows(size_t count, clattn_rows **rows, clattn_error *error) {
  if (count > SIZE_MAX / 2 / sizeof(size_t))
    return clattn_fail(error, CLATTN_OUT_OF_HOST_MEMORY, "no host memory for a list of %zu rows", count);
  *rows = malloc(sizeof **rows + count * sizeof(size_t)); /* the list follows its head */
  if (*rows == NULL) return clattn_fail_malloc(error, sizeof **rows + count * sizeof(size_t), "a list of rows");
  (*rows)->row = (size_t *)(void *)(*rows + 1);
  (*rows)->count = count;
  return CLATTN_OK;
}

void clattn_rows_destroy(clattn_rows *rows) {
  free(rows);
}

clattn_status clattn_rows_choose(const clattn_problem *given, double most_flops, uint64_t seed, clattn_rows **result,
                                 clattn_error *error) {
  if (result == NULL) return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "the place for the rows is NULL");
  *result = NULL;
  if (isnan(most_flops)) return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "most_flops is NaN (allowed: any number)");
  clattn_problem own;
  clattn_status status = clattn_take_problem(given, &own, error);
  if (status != CLATTN_OK) return status;

  const clattn_problem *problem = &own;
  const size_t pairs_total = problem->batch * problem->heads, queries = problem->query_len;
  const double keys = (double)problem->key_len, model_dim = (double)problem->model_dim;
  const double head_dim = (double)problem->head_dim, value_dim = (double)problem->value_dim;
  const double outputs = (double)problem->output_dim, contexts = (double)(problem->heads * problem->value_dim);
  double all_flops = 0.0;
  for (int stage = 0; stage < CLATTN_STAGE_COUNT; ++stage)
    all_flops += clattn_stage_flops(problem, (clattn_stage)stage);
  size_t pairs = pairs_total, rows = queries;
  if (!(all_flops <= most_flops)) {
    const double columns =
        (double)(clattn_tensor_columns(problem, CLATTN_Q) + clattn_tensor_columns(problem, CLATTN_K) +
                 clattn_tensor_columns(problem, CLATTN_V));
    const double pair_flops = 2.0 * keys * fmax(1.0, (double)clattn_kv_model_dim(problem)) * (head_dim + value_dim);
    const double row_flops = 2.0 * keys * (head_dim + value_dim) + 2.0 * model_dim * columns + 2.0 * contexts * outputs;
    pairs = limit(most_flops / 2.0 / pair_flops, pairs_total < 2 ? pairs_total : 2,
                  pairs_total < MOST_PAIRS ? pairs_total : MOST_PAIRS);
    rows = limit(most_flops / 2.0 / (double)pairs / row_flops, queries < 4 ? queries : 4, queries);
  }
  status = allocate_rows(pairs * rows, result, error);
  size_t *pair = malloc(pairs * sizeof *pair), *query = malloc(rows * sizeof *query);
  if (status == CLATTN_OK && (pair == NULL || query == NULL))
    status = clattn_fail_malloc(error, (pairs + rows) * sizeof *pair, "a sample of rows");
  if (status == CLATTN_OK) {
    size_t *chosen = (size_t *)(void *)(*result + 1);
    choose(pair, pairs, pairs_total, &seed);
    for (size_t p = 0; p < pairs; ++p) {
      choose(query, rows, queries, &seed);
      for (size_t i = 0; i < rows; ++i) chosen[p * rows + i] = pair[p] * queries + query[i];
    }
  } else {
    clattn_rows_destroy(*result);
    *result = NULL;
  }
  free(pair);
  free(query);
  return clattn_finish(error, status);
}
