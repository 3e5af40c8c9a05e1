/* Runs the whole reference in float: in one piece, or in pieces that the caller's threads share. */
#include <stdlib.h>
#include <string.h>

#include "problem/arguments.h"
#include "problem/element.h"
#include "reference/linear.h"
#include "problem/problem.h"
#include "problem/rotary.h"
#include "problem/shape.h"
#include "problem/sized.h"
#include "clattn_check.h"
#include "base/status.h"

/* All intermediate results of one row of scores. */
enum { SCALED, SOFTCAPPED, SCORES, WEIGHTS, PRODUCTS, EXPS, ROW_PARTS };

typedef struct reference {
  const clattn_problem *problem;
  const clattn_inputs *inputs;
  const clattn_outputs *outputs;
  const clattn_loop *loop;
  clattn_floats floats;
  float *q, *k, *v, *context, *output; /* complete tensors; output in float before it is narrowed */
  float *rows;                         /* (pieces, ROW_PARTS, key_len) */
  float *own[6];
  size_t own_count;
} reference;

/* Returns the caller's memory if given, else allocates some. */
static float *place(reference *r, float *given, size_t elements) {
  if (given != NULL) return given;
  return r->own[r->own_count++] = elements <= SIZE_MAX / sizeof(float) ? malloc(elements * sizeof(float)) : NULL;
}

static bool allocate(reference *r) {
  const clattn_problem *p = r->problem;
  const clattn_outputs *o = r->outputs;
  const size_t pieces = r->loop->pieces, most = SIZE_MAX / sizeof(float) / ROW_PARTS / pieces;
  r->q = place(r, o->q, clattn_tensor_elements(p, CLATTN_Q));
  r->k = place(r, o->k, clattn_tensor_elements(p, CLATTN_K));
  r->v = place(r, o->v, clattn_tensor_elements(p, CLATTN_V));
  r->context = place(r, o->context, clattn_tensor_elements(p, CLATTN_CONTEXT));
  if (p->output_dim != 0) r->output = place(r, NULL, clattn_tensor_elements(p, CLATTN_OUTPUT));
  r->rows = place(r, NULL, p->key_len <= most ? pieces * ROW_PARTS * p->key_len : SIZE_MAX);
  for (size_t i = 0; i < r->own_count; ++i)
    if (r->own[i] == NULL) return false;
  return true;
}

/* ---- pieces ------------------------------------------------------------------------------------------------------ */

/* Work on `count` independent rows or tokens. */
typedef struct task {
  const reference *r;
  size_t count;
  void (*run)(const struct task *task, clattn_span part, size_t piece);
  clattn_tensor tensor; /* for projections and rotation */
  const float *in;
  float *out;
} task;

static void run_piece(void *of, size_t piece) {
  const task *t = of;
  const size_t pieces = t->r->loop->pieces, share = t->count / pieces, longer = t->count % pieces;
  const size_t first = piece * share + (piece < longer ? piece : longer);
  t->run(t, (clattn_span){first, first + share + (piece < longer)}, piece);
}

static void run_task(task t) {
  t.r->loop->run(t.r->loop->pieces, run_piece, &t);
}

static void one_after_the_other(size_t pieces, void (*piece)(void *of, size_t i), void *of) {
  for (size_t i = 0; i < pieces; ++i) piece(of, i);
}

/* ---- stages ------------------------------------------------------------------------------------------------------ */

static void project_rows(const task *t, clattn_span part, size_t piece) {
  const clattn_linear l = clattn_linear_of(t->r->problem, t->tensor);
  const clattn_linear_float linear = clattn_linear_in_float(&l, &t->r->floats);
  (void)piece;
  for (size_t row = part.first; row < part.end; ++row)
    clattn_project_float(&linear, t->in + row * l.terms, l.given, t->out + row * l.columns.count, NULL);
}

/* Projects all rows of q, k, v or the output. in: NULL for the tensor's own input. */
static void project_all(const reference *r, clattn_tensor tensor, const float *in, float *out) {
  const clattn_linear l = clattn_linear_of(r->problem, tensor);
  run_task((task){r, l.rows, project_rows, tensor, in != NULL ? in : r->floats.tensor[l.in], out});
}

static void rotate_tokens(const task *t, clattn_span part, size_t piece) {
  const clattn_problem *p = t->r->problem;
  const size_t columns = clattn_tensor_columns(p, t->tensor);
  const clattn_rotary_run rotary = clattn_rotary_of(p, t->r->inputs);
  (void)piece;
  for (size_t token = part.first; token < part.end; ++token) {
    const int64_t position = clattn_token_position(p, t->r->inputs, t->tensor, token);
    for (size_t c = 0; c < columns; c += p->head_dim)
      clattn_rotate_float(&rotary, position, t->out + token * columns + c);
  }
}

static void make(const reference *r, clattn_tensor tensor, float *out) {
  const clattn_problem *p = r->problem;
  if (p->source != CLATTN_SOURCE_QKV)
    project_all(r, tensor, NULL, out);
  else
    clattn_gather_given(p, tensor, r->floats.tensor[tensor], out);
  if (!clattn_is_rotated(p, tensor)) return;
  const size_t tokens = tensor == CLATTN_K ? clattn_key_tokens(p) : clattn_query_tokens(p);
  run_task((task){r, tokens, rotate_tokens, tensor, NULL, out});
}

/* The destination of row `row` in one of the row tensors; NULL if it is not wanted. `next` is the
 * index among the wanted rows. */
static float *row_of(const reference *r, float *all, size_t next, size_t row) {
  const clattn_rows *rows = r->outputs->rows;
  if (all == NULL) return NULL;
  if (rows == NULL) return all + row * r->problem->key_len;
  return next < rows->count && rows->row[next] == row ? all + next * r->problem->key_len : NULL;
}

/* The rows that one piece computes in: ROW_PARTS rows of key_len. */
typedef struct row_memory {
  float *part[ROW_PARTS];
} row_memory;

static row_memory row_memory_of(const reference *r, size_t piece) {
  row_memory m;
  for (size_t i = 0; i < ROW_PARTS; ++i) m.part[i] = r->rows + (piece * ROW_PARTS + i) * r->problem->key_len;
  return m;
}

static void deliver_row(const reference *r, size_t next, size_t row, const row_memory *m) {
  const clattn_outputs *o = r->outputs;
  float *const all[ROW_PARTS] = {[SCALED] = o->scaled,   [SOFTCAPPED] = o->softcapped, [SCORES] = o->scores,
                                 [WEIGHTS] = o->weights, [PRODUCTS] = o->products,     [EXPS] = o->exps};
  for (int i = 0; i < ROW_PARTS; ++i) {
    float *to = row_of(r, all[i], next, row);
    if (to != NULL) memcpy(to, m->part[i], r->problem->key_len * sizeof(float));
  }
}

/* Values only for tracing: the unscaled products, and the exponentials before they are divided by
 * their sum. */
static void trace_products(const reference *r, const clattn_score_row *s, const float *q, clattn_vectors_float k,
                           const row_memory *m) {
  if (r->outputs->products == NULL) return;
  const clattn_problem unscaled = clattn_unscaled(r->problem);
  clattn_scores_float(&unscaled, s, q, k, (clattn_score_row_float){m->part[PRODUCTS], NULL, m->part[SCORES], NULL});
}

static void trace_exps(const reference *r, const clattn_score_row *s, size_t row, const row_memory *m) {
  const clattn_outputs *o = r->outputs;
  if (o->exps == NULL && o->row_max == NULL && o->row_sum == NULL) return;
  float largest;
  const float sum = clattn_exps_float(m->part[SCORES], r->problem->key_len, (float)s->sink, m->part[EXPS], &largest);
  if (o->row_max != NULL) o->row_max[row] = largest;
  if (o->row_sum != NULL) o->row_sum[row] = sum;
}

static void attend(const reference *r, size_t row, const row_memory *m) {
  const clattn_problem *p = r->problem;
  const clattn_score_row s = clattn_score_row_of(p, r->inputs, row);
  const clattn_vectors_float k = {r->k + clattn_key_start(p, &s, CLATTN_K), clattn_tensor_columns(p, CLATTN_K)};
  const clattn_vectors_float v = {r->v + clattn_key_start(p, &s, CLATTN_V), clattn_tensor_columns(p, CLATTN_V)};
  const clattn_score_row_float scores = {m->part[SCALED], m->part[SOFTCAPPED], m->part[SCORES], NULL};
  const bool exists = s.query < s.sequence.query_len;
  const float *q = exists ? r->q + clattn_query_start(p, &s, CLATTN_Q) : NULL;
  trace_products(r, &s, q, k, m);
  clattn_scores_float(p, &s, q, k, scores);
  trace_exps(r, &s, row, m);
  const float lse = clattn_softmax_float(scores.scores, p->key_len, (float)s.sink, m->part[WEIGHTS]);
  if (r->outputs->lse != NULL) r->outputs->lse[row] = lse;
  if (exists)
    clattn_context_float((clattn_columns){s.keys.first, s.keys.end - s.keys.first}, m->part[SCORES], m->part[WEIGHTS],
                         v, p->value_dim, r->context + clattn_query_start(p, &s, CLATTN_CONTEXT), NULL);
}

static void attend_rows(const task *t, clattn_span part, size_t piece) {
  const clattn_rows *rows = t->r->outputs->rows;
  const row_memory m = row_memory_of(t->r, piece);
  size_t next = 0;
  for (size_t row = part.first; row < part.end; ++row) {
    while (rows != NULL && next < rows->count && rows->row[next] < row) ++next;
    attend(t->r, row, &m);
    deliver_row(t->r, next, row, &m);
  }
}

static void run(const reference *r) {
  const clattn_problem *p = r->problem;
  if (r->outputs->x_positioned != NULL && p->source != CLATTN_SOURCE_QKV)
    memcpy(r->outputs->x_positioned, r->floats.tensor[CLATTN_X], clattn_output_bytes(p, CLATTN_X_POSITIONED));
  make(r, CLATTN_Q, r->q);
  make(r, CLATTN_K, r->k);
  make(r, CLATTN_V, r->v);
  run_task((task){.r = r, .count = p->batch * p->heads * p->query_len, .run = attend_rows});
  if (!clattn_has_output(p) || r->outputs->output == NULL) return;
  if (p->output_dim != 0) project_all(r, CLATTN_OUTPUT, r->context, r->output);
  clattn_narrow(p->type, p->output_dim != 0 ? r->output : r->context, clattn_tensor_elements(p, CLATTN_OUTPUT),
                r->outputs->output);
}

/* ---- public functions -------------------------------------------------------------------------------------------- */

clattn_status clattn_reference_run_in(const clattn_loop *loop, const clattn_problem *given_problem,
                                      const clattn_inputs *given_inputs, const clattn_outputs *given_outputs,
                                      clattn_error *error) {
  clattn_problem problem;
  clattn_inputs inputs = CLATTN_INPUTS_INIT;
  clattn_outputs outputs = CLATTN_OUTPUTS_INIT;
  if (loop == NULL || loop->pieces == 0 || loop->run == NULL)
    return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "the loop has no pieces or no function (both are required)");
  clattn_status status = clattn_take_problem(given_problem, &problem, error);
  if (status == CLATTN_OK) status = clattn_take_sized(&clattn_sized_inputs, given_inputs, &inputs, error);
  if (status == CLATTN_OK) status = clattn_take_sized(&clattn_sized_outputs, given_outputs, &outputs, error);
  if (status == CLATTN_OK) status = clattn_check_arguments(&problem, &inputs, &outputs, error);
  if (status == CLATTN_OK && problem.cache.capacity != 0)
    status = clattn_fail(error, CLATTN_UNSUPPORTED, "the reference has no cache (pass all keys at once)");
  if (status == CLATTN_OK) status = clattn_check_positions(&problem, &inputs, error);
  if (status != CLATTN_OK) return status;
  reference r = {.problem = &problem, .inputs = &inputs, .outputs = &outputs, .loop = loop};
  status = clattn_floats_of(&problem, &inputs, &r.floats, error);
  if (status == CLATTN_OK && !allocate(&r))
    status = clattn_fail(error, CLATTN_OUT_OF_HOST_MEMORY, "no host memory for the reference");
  if (status == CLATTN_OK) run(&r);
  for (size_t i = 0; i < r.own_count; ++i) free(r.own[i]);
  clattn_floats_release(&r.floats);
  return clattn_finish(error, status);
}

clattn_status clattn_reference_run(const clattn_problem *problem, const clattn_inputs *inputs,
                                   const clattn_outputs *outputs, clattn_error *error) {
  static const clattn_loop loop = {1, one_after_the_other};
  return clattn_reference_run_in(&loop, problem, inputs, outputs, error);
}
