/* Checks of merging: see merging.h. A merging is a problem with given q, k and v of which only the results matter, so
 * that sizes, types and offsets are checked, and shapes computed, as everywhere. */
#include "problem/merging.h"

#include "base/status.h"
#include "problem/arguments.h"
#include "problem/problem.h"
#include "problem/shape.h"
#include "problem/sized.h"

static clattn_status set_packed(const clattn_merging *m, clattn_problem *p, clattn_error *error) {
  const clattn_inputs inputs = {
      .size = sizeof inputs, .query_offsets = m->query_offsets, .key_offsets = m->query_offsets};
  p->lengths = CLATTN_LENGTHS_PACKED;
  p->key_len = p->query_len;
  p->packed_queries = p->packed_keys = (size_t)m->query_offsets[m->batch];
  const clattn_status status = clattn_check_lengths(p, &inputs, error);
  return status == CLATTN_OK ? clattn_problem_validate(p, error) : status;
}

clattn_status clattn_take_merging(const clattn_merging *given, size_t count, clattn_merging *m, clattn_problem *problem,
                                  clattn_error *error) {
  *m = (clattn_merging)CLATTN_MERGING_INIT;
  clattn_status status = clattn_take_sized(&clattn_sized_merging, given, m, error);
  if (status != CLATTN_OK) return status;
  if (count < 1 || count > CLATTN_LARGEST_SIZE)
    return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "%zu parts (allowed: 1 to %d)", count, CLATTN_LARGEST_SIZE);
  *problem = clattn_problem_qkv(m->batch, m->heads, m->query_len, 1, 1);
  problem->value_dim = m->value_dim;
  problem->type = m->type;
  problem->order = CLATTN_ORDER_TOKENS;
  problem->context_order = m->context_order;
  status = clattn_problem_validate(problem, error);
  return status == CLATTN_OK && m->query_offsets != NULL ? set_packed(m, problem, error) : status;
}

clattn_status clattn_check_parts(const clattn_part *parts, size_t count, const clattn_merged *merged,
                                 clattn_error *error) {
  if (parts == NULL) return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "the list of parts is NULL");
  for (size_t i = 0; i < count; ++i)
    if (parts[i].context == NULL || parts[i].lse == NULL)
      return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "the %s of part %zu is NULL",
                         parts[i].context == NULL ? "context" : "lse", i);
  if (merged == NULL || merged->context == NULL)
    return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "the place for the merged context is NULL");
  return CLATTN_OK;
}

size_t clattn_merging_context_bytes(const clattn_merging *m, const clattn_problem *problem) {
  return clattn_tensor_elements(problem, CLATTN_CONTEXT) * clattn_type_bytes(m->type);
}

size_t clattn_merging_lse_bytes(const clattn_problem *problem) {
  return clattn_output_bytes(problem, CLATTN_LSE);
}
