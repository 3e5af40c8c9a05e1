/* The table of cases, and their inputs. */
#include "cli/exercise/cases.h"

#include <math.h>
#include <stdlib.h>

#include "cli/command.h"

#define ROW_TAIL 3
#define COLUMN_TAIL 5
#define TERM_TAIL 3
#define TIMED 256
#define TIMED_HEAD_DIM 64

#define STAGE(name) (1u << CLATTN_STAGE_##name)
#define PRODUCTS (STAGE(PROJECT) | STAGE(SCORES) | STAGE(CONTEXT))
#define ALL (PRODUCTS | STAGE(SOFTMAX) | STAGE(FUSED))

static const struct {
  const char *title;
  unsigned stages;
  size_t tiles;
  case_sizes tail;
  const char *hint;
} cases[CASE_COUNT] = {
    [CASE_ONE_TILE] = {"one tile",
                       ALL,
                       1,
                       {0, 0, 0},
                       "even the smallest case is wrong: go through it by hand, with one "
                       "work-item and two terms"},
    [CASE_TILES] = {"several tiles",
                    ALL,
                    2,
                    {0, 0, 0},
                    "one tile is right, but several are not: what must happen between "
                    "one tile and the next?"},
    [CASE_ROW_TAIL] = {"a tail of rows",
                       ALL,
                       2,
                       {ROW_TAIL, 0, 0},
                       "full tiles of rows are right, but a partly filled "
                       "last one is not: is the tail of rows guarded?"},
    [CASE_COLUMN_TAIL] =
        {"a tail of columns or keys",
         ALL,
         2,
         {0, COLUMN_TAIL, 0},
         "full tiles of columns are right, but a partly filled last one is not: is the tail of columns "
         "guarded?"},
    [CASE_TERM_TAIL] = {"a tail of terms",
                        PRODUCTS | STAGE(FUSED),
                        2,
                        {0, 0, TERM_TAIL},
                        "full tiles of terms are right, but a partly filled last one is not: where does the sum end?"},
    [CASE_TRANSPOSED] =
        {"W stored transposed",
         STAGE(PROJECT),
         2,
         {ROW_TAIL, COLUMN_TAIL, TERM_TAIL},
         "x.W is right, but x.W^T is not: with W_TRANSPOSED (B_ALONG_DEPTH) 1 the second matrix is stored "
         "transposed"},
    [CASE_BIAS] = {"biases",
                   STAGE(PROJECT),
                   1,
                   {0, 0, 0},
                   "x.W is right, but x.W + bias is not: each column has its own bias, bias_of(...), added once"},
    [CASE_LARGE] = {"large scores",
                    STAGE(SOFTMAX) | STAGE(FUSED),
                    2,
                    {0, 0, 0},
                    "small scores are right, but scores above 88 are not: exp overflows unless the largest score is "
                    "subtracted first"},
    [CASE_GROWING] =
        {"scores that grow from key to key",
         STAGE(FUSED) | STAGE(SOFTMAX),
         2,
         {0, 0, TERM_TAIL},
         "it is right if the first key has the largest score, and wrong if a later one is larger: the sum and "
         "the context so far must be multiplied by exp(old maximum - new maximum)"},
    [CASE_CAUSAL] = {"causal",
                     STAGE(SCORES) | STAGE(SOFTMAX) | STAGE(CONTEXT) | STAGE(FUSED),
                     2,
                     {0, 0, 0},
                     "everything is right without a mask: a masked key's score must be -infinity and its weight 0"},
    [CASE_WINDOW] =
        {"a window of keys",
         STAGE(SCORES) | STAGE(SOFTMAX) | STAGE(CONTEXT) | STAGE(FUSED),
         2,
         {0, 0, 0},
         "everything is right until the first keys are masked: a row's keys begin at view.first (first_key), not "
         "at 0"},
    [CASE_HEADS] = {"two sequences of two heads",
                    ALL,
                    1,
                    {ROW_TAIL, 0, 0},
                    "one head is right, but several are not: does every address begin at its own batch and head?"},
};

bool case_applies(const exercise *e, case_kind kind) {
  return (cases[kind].stages & (1u << e->stage)) != 0;
}

const char *case_title(case_kind kind) {
  return cases[kind].title;
}

const char *case_hint(case_kind kind) {
  return cases[kind].hint;
}

/* Fused kernels have the same head_dim in most cases: it is a macro, and another value needs
 * another build. */
case_sizes case_sizes_of(const exercise *e, case_kind kind) {
  const case_sizes tail = cases[kind].tail;
  const size_t size = cases[kind].tiles * e->tile;
  return (case_sizes){.rows = size + tail.rows,
                      .columns = size + tail.columns,
                      .terms = (e->stage == CLATTN_STAGE_FUSED ? e->tile : size) + tail.terms};
}

static clattn_problem problem_of(const exercise *e, case_sizes s) {
  clattn_problem p = CLATTN_PROBLEM_INIT;
  p.type = e->type;
  p.math = e->type == CLATTN_F32 ? CLATTN_MATH_FLOAT : CLATTN_MATH_STORED;
  p.source = CLATTN_SOURCE_QKV;
  p.query_len = s.rows;
  p.key_len = s.columns;
  p.head_dim = p.value_dim = s.terms;
  switch (e->stage) {
  case CLATTN_STAGE_PROJECT:
    p.source = CLATTN_SOURCE_X;
    p.key_len = s.rows;
    p.model_dim = s.terms;
    p.head_dim = p.value_dim = s.columns;
    break;
  case CLATTN_STAGE_CONTEXT:
    p.key_len = s.terms;
    p.value_dim = s.columns;
    break;
  default:
    break;
  }
  return p;
}

/* An input's elements as floats: its memory, or a copy if it is stored in another type. NULL without memory. */
static float *take_floats(const workload *w, clattn_tensor tensor) {
  if (w->problem.type == CLATTN_F32) return w->memory[tensor];
  const size_t count = clattn_tensor_elements(&w->problem, tensor);
  float *copy = malloc(count * sizeof *copy);
  if (copy != NULL) clattn_widen(w->problem.type, w->memory[tensor], count, copy);
  return copy;
}

/* Stores the floats that take_floats() returned. */
static void give_floats(workload *w, clattn_tensor tensor, float *values) {
  if (values == w->memory[tensor] || values == NULL) return;
  clattn_narrow(w->problem.type, values, clattn_tensor_elements(&w->problem, tensor), w->memory[tensor]);
  free(values);
}

/* Makes the scores of every query fall, or grow, from key to key: all elements are positive. */
static void slope(const clattn_problem *p, bool growing, float *q, float *k) {
  const size_t columns = p->heads * p->head_dim;
  for (size_t i = 0; i < p->batch * p->query_len * columns; ++i) q[i] = fabsf(q[i]) + 0.1f;
  for (size_t token = 0; token < p->batch * p->key_len; ++token) {
    const size_t key = token % p->key_len, step = growing ? key + 1 : p->key_len - key;
    for (size_t c = 0; c < columns; ++c)
      k[token * columns + c] = (growing ? 8.0f : 2.0f) * (float)step / (float)p->key_len * (float)(1 + c % 3);
  }
}

static int complain_of_memory(void) {
  complain("no host memory for the inputs of a check");
  return EXIT_BAD_INPUT;
}

static int slope_scores(workload *w, bool growing) {
  float *q = take_floats(w, CLATTN_Q), *k = take_floats(w, CLATTN_K);
  const bool taken = q != NULL && k != NULL;
  if (taken) slope(&w->problem, growing, q, k);
  give_floats(w, CLATTN_Q, q);
  give_floats(w, CLATTN_K, k);
  return taken ? GO_ON : complain_of_memory();
}

int case_fill(const exercise *e, case_kind kind, workload *w) {
  clattn_problem *p = &w->problem;
  *p = problem_of(e, case_sizes_of(e, kind));
  p->causal = kind == CASE_CAUSAL;
  if (kind == CASE_BIAS) p->biases = CLATTN_BIAS_Q | CLATTN_BIAS_K | CLATTN_BIAS_V;
  if (kind == CASE_WINDOW) p->window_left = e->tile / 2;
  if (kind == CASE_HEADS) p->batch = p->heads = 2;
  if (kind == CASE_TRANSPOSED) p->layout = CLATTN_LAYOUT_XWT;
  if (kind == CASE_LARGE) {
    p->scale_mode = CLATTN_SCALE_GIVEN;
    p->scale = 300.0f;
  }
  int code = workload_fill(w);
  /* 0 times infinity is NaN, which shows kernels that add masked keys with weights of 0. */
  if (code == GO_ON && kind == CASE_CAUSAL && e->stage == CLATTN_STAGE_CONTEXT) {
    float *v = w->memory[CLATTN_V];
    v[(p->key_len - 1) * p->value_dim] = INFINITY;
  }
  /* In fused, scores fall in all other cases, so that a missing correction shows only in the
   * case of growing ones. */
  if (code == GO_ON && (e->stage == CLATTN_STAGE_FUSED || kind == CASE_GROWING))
    code = slope_scores(w, kind == CASE_GROWING);
  return code;
}

int case_fill_timed(const exercise *e, workload *w) {
  const bool fused = e->stage == CLATTN_STAGE_FUSED;
  w->problem = problem_of(e, (case_sizes){TIMED, TIMED, fused ? TIMED_HEAD_DIM : TIMED});
  return workload_fill(w);
}

int case_change_inputs(workload *w) {
  static const clattn_tensor changed[] = {CLATTN_X, CLATTN_Q, CLATTN_V};
  for (size_t t = 0; t < sizeof changed / sizeof changed[0]; ++t) {
    if (w->memory[changed[t]] == NULL) continue; /* not an input */
    float *values = take_floats(w, changed[t]);
    if (values == NULL) return complain_of_memory();
    const size_t count = clattn_tensor_elements(&w->problem, changed[t]);
    for (size_t i = 0; i < count; ++i) values[i] = values[i] * 1.25f + 0.0625f;
    give_floats(w, changed[t], values);
  }
  return GO_ON;
}
