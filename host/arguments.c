/* Inputs and outputs: what is asked of them before anything is done. */
#include "arguments.h"

#include "status.h"

clattn_status clattn_check_rows(const clattn_problem *problem, const clattn_rows *rows, clattn_error *error) {
  if (rows == NULL) return CLATTN_OK;
  if (rows->count > 0 && rows->row == NULL)
    return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "a list of %zu rows is NULL", rows->count);
  const size_t total = problem->batch * problem->heads * problem->query_len;
  for (size_t i = 0; i < rows->count; ++i)
    if (rows->row[i] >= total || (i > 0 && rows->row[i] <= rows->row[i - 1]))
      return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "rows[%zu] is %zu (allowed: strictly ascending, below %zu)", i,
                         rows->row[i], total);
  return CLATTN_OK;
}

clattn_status clattn_check_arguments(const clattn_problem *problem, const clattn_inputs *inputs,
                                     const clattn_outputs *outputs, clattn_error *error) {
  if (inputs == NULL || outputs == NULL)
    return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "inputs or outputs is NULL");
  if (inputs->x == NULL || inputs->wq == NULL || inputs->wk == NULL || inputs->wv == NULL)
    return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "an input is NULL (x, wq, wk and wv are all needed)");
  return clattn_check_rows(problem, outputs->rows, error);
}
