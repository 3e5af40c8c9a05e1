/* A plan's tables of positions: see tables.h. */
#include "plan/tables.h"

#include <stdlib.h>
#include <string.h>

#include "plan/plan.h"
#include "problem/rotary.h"
#include "problem/shape.h"
#include "base/status.h"

/* ---- sizes ------------------------------------------------------------------------------------------------------- */

static bool queries_stand_as_keys(const clattn_problem *p) {
  return p->source == CLATTN_SOURCE_X && (p->position_ids || p->alignment == CLATTN_ALIGN_TOP_LEFT);
}

static bool is_needed(const clattn_problem *p, clattn_placed placed) {
  if (placed == CLATTN_PLACED_X) return p->positions != CLATTN_POSITIONS_NONE;
  return p->rotary != CLATTN_ROTARY_NONE && (placed == CLATTN_PLACED_K || !queries_stand_as_keys(p));
}

static size_t width_of(const clattn_problem *p, clattn_placed placed) {
  return placed == CLATTN_PLACED_X ? p->model_dim : clattn_rotary_dim(p);
}

static size_t tokens_of(const clattn_problem *p, clattn_placed placed) {
  return placed == CLATTN_PLACED_K ? clattn_key_tokens(p) : clattn_query_tokens(p);
}

/* Rows for the longest sequence. */
static size_t rows_of(const clattn_problem *p, clattn_placed placed) {
  const size_t rows = placed == CLATTN_PLACED_K ? p->key_len : p->query_len, tokens = tokens_of(p, placed);
  return rows < tokens ? rows : tokens;
}

/* Whether sequences may have different positions. */
static bool can_differ(const clattn_problem *p) {
  if (p->position_ids) return true;
  const bool ragged = p->alignment == CLATTN_ALIGN_BOTTOM_RIGHT && p->lengths != CLATTN_LENGTHS_FULL;
  return p->batch > 1 && (p->cache.capacity != 0 || ragged);
}

static size_t elements_of(const clattn_problem *p, clattn_placed placed) {
  const size_t rows = can_differ(p) ? tokens_of(p, placed) : rows_of(p, placed);
  return is_needed(p, placed) ? rows * width_of(p, placed) : 0;
}

uint64_t clattn_tables_bytes(const clattn_problem *problem) {
  uint64_t elements = 0;
  for (int i = 0; i < CLATTN_PLACED_COUNT; ++i) elements += elements_of(problem, (clattn_placed)i);
  return elements * sizeof(float);
}

static clattn_tensor tensor_of(clattn_placed placed) {
  return placed == CLATTN_PLACED_X ? CLATTN_X : placed == CLATTN_PLACED_Q ? CLATTN_Q : CLATTN_K;
}

/* Whether the contents come from a run's inputs, besides its lengths. */
static bool needs_inputs(const clattn_problem *p, clattn_placed placed) {
  return p->position_ids || (placed != CLATTN_PLACED_X && p->rotary_rows != 0);
}

/* ---- contents ---------------------------------------------------------------------------------------------------- */

static clattn_token_span span_of(const clattn_problem *p, const clattn_inputs *inputs, clattn_placed placed, size_t b) {
  const clattn_sequence s = clattn_sequence_of(p, inputs, b);
  const bool of_keys = placed == CLATTN_PLACED_K, packed = p->lengths == CLATTN_LENGTHS_PACKED;
  const size_t rows = rows_of(p, placed);
  return (clattn_token_span){.position = placed == CLATTN_PLACED_Q ? clattn_first_query_position(&s)
                                                                   : clattn_first_key_position(&s),
                             .token = !packed   ? b * rows
                                      : of_keys ? s.first_new
                                                : s.first_query,
                             .count = !packed   ? rows
                                      : of_keys ? s.new_len
                                                : s.query_len}; /* padding is rotated, too */
}

static bool is_same(const clattn_token_span *a, const clattn_token_span *b) {
  return a->position == b->position && a->token == b->token && a->count == b->count;
}

/* Stores the run's ids. Returns whether the table must be filled again. */
static bool take_ids(const clattn_problem *p, const clattn_inputs *inputs, clattn_placed placed, clattn_table *t) {
  const int32_t *ids = clattn_position_ids_of(p, inputs, tensor_of(placed));
  const size_t bytes = tokens_of(p, placed) * sizeof *ids;
  if (memcmp(t->id, ids, bytes) == 0) return !t->filled;
  memcpy(t->id, ids, bytes);
  return true;
}

/* Stores the run's spans. Returns whether the table must be filled again. */
static bool take_spans(const clattn_problem *p, const clattn_inputs *inputs, clattn_placed placed, clattn_table *t) {
  const int64_t first_before = t->span[0].position;
  const bool by_token_before = t->by_token;
  bool changed = !t->filled;
  t->by_token = false;
  for (size_t b = 0; b < p->batch; ++b) {
    const clattn_token_span span = span_of(p, inputs, placed, b);
    changed = changed || !is_same(&span, &t->span[b]);
    t->span[b] = span;
    t->by_token = t->by_token || span.position != t->span[0].position;
  }
  if (t->by_token || by_token_before || !t->filled) return changed || by_token_before != t->by_token;
  return t->span[0].position != first_before;
}

static void fill(const clattn_rotary_run *run, clattn_placed placed, clattn_position_list positions, float *table) {
  if (placed == CLATTN_PLACED_X)
    clattn_fill_sinusoids(run->problem, &positions, table);
  else
    clattn_fill_rotary(run, &positions, table);
}

/* Returns how many rows it filled. */
static size_t fill_table(const clattn_rotary_run *run, clattn_placed placed, const clattn_table *t) {
  const clattn_problem *p = run->problem;
  const size_t tokens = tokens_of(p, placed), rows = rows_of(p, placed), width = width_of(p, placed);
  if (t->id != NULL) {
    fill(run, placed, (clattn_position_list){.id = t->id, .count = tokens}, t->host);
    return tokens;
  }
  if (!t->by_token) {
    fill(run, placed, (clattn_position_list){.first = t->span[0].position, .count = rows}, t->host);
    return rows;
  }
  for (size_t b = 0; b < p->batch; ++b) {
    const clattn_token_span *s = &t->span[b];
    fill(run, placed, (clattn_position_list){.first = s->position, .count = s->count}, t->host + s->token * width);
  }
  return tokens;
}

/* ---- buffers ----------------------------------------------------------------------------------------------------- */

static clattn_status make_buffer(const clattn_plan *plan, clattn_table *t, size_t bytes, clattn_error *error) {
  cl_int code = CL_SUCCESS;
  if (t->buffer != NULL) clReleaseMemObject(t->buffer);
  t->buffer = clCreateBuffer(plan->device->context, CL_MEM_READ_ONLY | CL_MEM_COPY_HOST_PTR, bytes, t->host, &code);
  return code == CL_SUCCESS ? CLATTN_OK : clattn_fail_cl(error, code, "allocating %zu bytes for positions", bytes);
}

static clattn_status create(clattn_plan *plan, clattn_placed placed, clattn_error *error) {
  const clattn_problem *p = &plan->problem;
  const size_t elements = elements_of(p, placed), bytes = elements * sizeof(float);
  clattn_table *t = &plan->tables.of[placed];
  if (elements == 0) return CLATTN_OK;
  t->host = calloc(elements, sizeof(float));
  t->span = calloc(p->batch, sizeof *t->span);
  if (p->position_ids) t->id = calloc(tokens_of(p, placed), sizeof *t->id);
  if (t->host == NULL || t->span == NULL || (p->position_ids && t->id == NULL))
    return clattn_fail_malloc(error, bytes, "a table of positions");
  t->by_token = p->position_ids;
  if (!needs_inputs(p, placed)) {
    const clattn_rotary_run run = clattn_rotary_of(p, NULL);
    take_spans(p, NULL, placed, t);
    fill_table(&run, placed, t);
    t->base = run.scaled.base;
    t->filled = true;
  }
  return make_buffer(plan, t, bytes, error);
}

clattn_status clattn_tables_create(clattn_plan *plan, clattn_error *error) {
  clattn_status status = CLATTN_OK;
  for (int i = 0; i < CLATTN_PLACED_COUNT && status == CLATTN_OK; ++i) status = create(plan, (clattn_placed)i, error);
  return status;
}

/* Whether the same positions have other cosines and sines than in the run before, or may have. */
static bool turns_otherwise(const clattn_rotary_run *run, clattn_placed placed, const clattn_table *t) {
  return placed != CLATTN_PLACED_X && (run->cos != NULL || run->scaled.base != t->base);
}

static clattn_status update(clattn_plan *plan, clattn_placed placed, const clattn_rotary_run *run,
                            const clattn_inputs *inputs, clattn_queue *queue, clattn_error *error) {
  const clattn_problem *p = &plan->problem;
  clattn_table *t = &plan->tables.of[placed];
  if (!is_needed(p, placed)) return CLATTN_OK;
  const bool moved = (t->id != NULL ? take_ids : take_spans)(p, inputs, placed, t);
  if (!moved && !turns_otherwise(run, placed, t)) return CLATTN_OK;
  t->filled = false; /* until it is on the device */
  t->base = run->scaled.base;
  const size_t bytes = fill_table(run, placed, t) * width_of(p, placed) * sizeof(float);
  const clattn_status status =
      queue != NULL ? clattn_queue_write(queue, t->buffer, t->host, bytes, error) : make_buffer(plan, t, bytes, error);
  t->filled = status == CLATTN_OK;
  return status;
}

clattn_status clattn_tables_update(clattn_plan *plan, const clattn_inputs *inputs, clattn_queue *queue,
                                   clattn_error *error) {
  const clattn_rotary_run run = clattn_rotary_of(&plan->problem, inputs);
  clattn_status status = CLATTN_OK;
  for (int i = 0; i < CLATTN_PLACED_COUNT && status == CLATTN_OK; ++i)
    status = update(plan, (clattn_placed)i, &run, inputs, queue, error);
  return status;
}

void clattn_tables_forget(clattn_tables *tables) {
  for (int i = 0; i < CLATTN_PLACED_COUNT; ++i) tables->of[i].filled = false;
}

void clattn_tables_release(clattn_tables *tables) {
  for (int i = 0; i < CLATTN_PLACED_COUNT; ++i) {
    clattn_table *t = &tables->of[i];
    if (t->buffer != NULL) clReleaseMemObject(t->buffer);
    free(t->host);
    free(t->span);
    free(t->id);
  }
}

const clattn_table *clattn_table_of(const clattn_plan *plan, clattn_tensor tensor) {
  if (tensor == CLATTN_X) return &plan->tables.of[CLATTN_PLACED_X];
  const bool own = tensor == CLATTN_Q && !queries_stand_as_keys(&plan->problem);
  return &plan->tables.of[own ? CLATTN_PLACED_Q : CLATTN_PLACED_K];
}
