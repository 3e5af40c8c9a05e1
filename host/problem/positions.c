/* Positions of tokens, and sinusoidal positions. */
#include "problem/positions.h"

#include <math.h>

#include "base/status.h"
#include "problem/shape.h"

/* ---- sinusoids --------------------------------------------------------------------------------------------------- */

int64_t clattn_position_at(const clattn_position_list *list, size_t i) {
  return list->id != NULL ? list->id[i] : list->first + (int64_t)i;
}

static double sinusoid_divisor(const clattn_problem *problem, size_t column) {
  return pow(10000.0, (double)(column - column % 2) / (double)problem->model_dim);
}

static double sinusoid_of(double angle, size_t column) {
  return column % 2 == 0 ? sin(angle) : cos(angle);
}

double clattn_sinusoid(const clattn_problem *problem, int64_t position, size_t column) {
  return sinusoid_of((double)position / sinusoid_divisor(problem, column), column);
}

void clattn_fill_sinusoids(const clattn_problem *problem, const clattn_position_list *positions, float *table) {
  for (size_t c = 0; c < problem->model_dim; ++c) {
    const double divisor = sinusoid_divisor(problem, c);
    for (size_t i = 0; i < positions->count; ++i)
      table[i * problem->model_dim + c] = (float)sinusoid_of((double)clattn_position_at(positions, i) / divisor, c);
  }
}

/* ---- tokens ------------------------------------------------------------------------------------------------------ */

/* Whether the tokens of the tensor are those of x and q. */
static bool is_of_queries(const clattn_problem *p, clattn_tensor tensor) {
  return tensor != CLATTN_K || p->source == CLATTN_SOURCE_X;
}

const int32_t *clattn_position_ids_of(const clattn_problem *p, const clattn_inputs *inputs, clattn_tensor tensor) {
  if (!p->position_ids || inputs == NULL) return NULL;
  return is_of_queries(p, tensor) ? inputs->position_ids : inputs->key_position_ids;
}

int64_t clattn_first_query_position(const clattn_sequence *s) {
  return s->position + s->dropped;
}

int64_t clattn_first_key_position(const clattn_sequence *s) {
  return (int64_t)(s->key_len - s->new_len) + s->dropped;
}

int64_t clattn_token_position(const clattn_problem *p, const clattn_inputs *inputs, clattn_tensor tensor,
                              size_t token) {
  const bool packed = p->lengths == CLATTN_LENGTHS_PACKED, as_query = tensor == CLATTN_Q;
  const size_t rows = tensor == CLATTN_K ? p->key_len : p->query_len;
  const int32_t *ids = clattn_position_ids_of(p, inputs, tensor);
  if (ids != NULL) return ids[token];
  size_t batch = packed ? 0 : token / rows, first = packed ? 0 : batch * rows;
  clattn_sequence s = clattn_sequence_of(p, inputs, batch);
  while (packed) {
    first = tensor == CLATTN_K ? s.first_new : s.first_query;
    if (token < first + (tensor == CLATTN_K ? s.new_len : s.query_len)) break;
    s = clattn_sequence_of(p, inputs, ++batch);
  }
  return (as_query ? clattn_first_query_position(&s) : clattn_first_key_position(&s)) + (int64_t)(token - first);
}

static int64_t larger(int64_t a, int64_t b) {
  return a > b ? a : b;
}

static int64_t end_of_ids(const clattn_problem *p, const clattn_inputs *inputs, clattn_tensor tensor) {
  const int32_t *ids = clattn_position_ids_of(p, inputs, tensor);
  const size_t tokens = tensor == CLATTN_K ? clattn_key_tokens(p) : clattn_query_tokens(p);
  int64_t end = 0;
  for (size_t i = 0; i < tokens; ++i) end = larger(end, (int64_t)ids[i] + 1);
  return end;
}

/* Of one sequence. */
static int64_t end_of_places(const clattn_problem *p, const clattn_sequence *s) {
  const bool packed = p->lengths == CLATTN_LENGTHS_PACKED; /* without padding */
  const int64_t queries = (int64_t)(packed ? s->query_len : p->query_len);
  const int64_t keys = (int64_t)(packed ? s->new_len : p->key_len);
  return larger(queries > 0 ? clattn_first_query_position(s) + queries : 0,
                keys > 0 ? clattn_first_key_position(s) + keys : 0);
}

int64_t clattn_positions_end(const clattn_problem *p, const clattn_inputs *inputs) {
  if (p->position_ids && inputs != NULL)
    return larger(end_of_ids(p, inputs, CLATTN_Q), end_of_ids(p, inputs, CLATTN_K));
  int64_t end = 0;
  for (size_t b = 0; b < p->batch; ++b) {
    const clattn_sequence s = clattn_sequence_of(p, inputs, b);
    end = larger(end, end_of_places(p, &s));
  }
  return end;
}

/* ---- checks ------------------------------------------------------------------------------------------------------ */

static clattn_status check_ids(const clattn_problem *p, const clattn_inputs *inputs, clattn_tensor tensor,
                               clattn_error *error) {
  const char *const name = is_of_queries(p, tensor) ? "position_ids" : "key_position_ids";
  const int32_t *ids = clattn_position_ids_of(p, inputs, tensor);
  const size_t tokens = tensor == CLATTN_K ? clattn_key_tokens(p) : clattn_query_tokens(p);
  if (ids == NULL)
    return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "input %s is NULL; the problem has position ids", name);
  for (size_t i = 0; i < tokens; ++i)
    if (ids[i] < 0 || (p->rotary_rows != 0 && (size_t)ids[i] >= p->rotary_rows))
      return p->rotary_rows == 0 ? clattn_fail(error, CLATTN_INVALID_ARGUMENT, "%s[%zu] is %d (allowed: 0 and more)",
                                               name, i, (int)ids[i])
                                 : clattn_fail(error, CLATTN_INVALID_ARGUMENT,
                                               "%s[%zu] is %d (allowed: 0 to %zu, the last of rotary_rows)", name, i,
                                               (int)ids[i], p->rotary_rows - 1);
  return CLATTN_OK;
}

static clattn_status check_places(const clattn_problem *p, const clattn_inputs *inputs, clattn_error *error) {
  for (size_t b = 0; b < p->batch; ++b) {
    const clattn_sequence s = clattn_sequence_of(p, inputs, b);
    const int64_t position = s.position, end = end_of_places(p, &s);
    if (p->rotary_rows != 0 && end > (int64_t)p->rotary_rows)
      return clattn_fail(
          error, CLATTN_INVALID_ARGUMENT,
          "rotary_rows is %zu, but the last token of sequence %zu stands at position %lld (allowed: %lld "
          "rows or more)",
          p->rotary_rows, b, (long long)(end - 1), (long long)end);
    if (position < 0)
      return clattn_fail(error, CLATTN_INVALID_ARGUMENT,
                         "the first query of sequence %zu stands at position %lld (allowed with a rotary embedding: 0 "
                         "and more)",
                         b, (long long)position);
  }
  return CLATTN_OK;
}

clattn_status clattn_check_positions(const clattn_problem *p, const clattn_inputs *inputs, clattn_error *error) {
  const bool rotary = p->rotary != CLATTN_ROTARY_NONE;
  if (p->rotary_rows != 0 && (inputs->rotary_cos == NULL || inputs->rotary_sin == NULL))
    return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "input %s is NULL; the problem has rotary_rows",
                       inputs->rotary_cos == NULL ? "rotary_cos" : "rotary_sin");
  if (!p->position_ids) return rotary ? check_places(p, inputs, error) : CLATTN_OK;
  const clattn_status status = check_ids(p, inputs, CLATTN_Q, error);
  return status == CLATTN_OK && rotary ? check_ids(p, inputs, CLATTN_K, error) : status;
}
