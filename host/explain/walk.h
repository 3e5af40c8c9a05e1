/* The walk through attention: everything that clattn_explain and `clattn explain` show, read back from the device's
 * buffers, as a list of steps. Other files write the steps as text or a page, the program also as pictures.
 *
 * A walk is for reading. For sequences longer than WALK_WHOLE, text shows one query and its
 * strongest keys, for wide matrices the first columns, and says so. A page shows sequences up to
 * WALK_MOST and refuses longer ones. Only the first sequence of a batch is shown. / */
#ifndef CLATTN_WALK_H
#define CLATTN_WALK_H

#include "clattn_check.h"
#include "explain/examples.h"

enum {
  WALK_MOST = 64,               /* most rows and columns of a step */
  WALK_WHOLE = 16,              /* up to here everything is shown; a page shows WALK_MOST tokens */
  WALK_FEW = 8,                 /* beyond WALK_WHOLE so many are shown */
  WALK_HEADS = 4,               /* heads that are shown */
  WALK_COLUMNS = WALK_MOST + 2, /* for softmax: maximum, exps, sum */
  WALK_NAME = 24,
  WALK_LINE = 400,
  WALK_LINES = WALK_MOST + 4,
  WALK_STEPS = 12 + 8 * WALK_HEADS
};

typedef char walk_name[WALK_NAME];

/* The indices that are shown: all, or a selection. */
typedef struct walk_choice {
  size_t count, all, index[WALK_MOST];
} walk_choice;

/* How a matrix is computed: element (r, c) is the sum over t of left[r][t] * right[c][t *
 * right_step], plus the bias. / */
typedef struct walk_sum {
  const char *left_name, *right_name; /* "q", "k"; right NULL: only the column is named */
  size_t terms;                       /* 0: it is not such a sum */
  size_t right_step;
  const float *left[WALK_MOST], *right[WALK_MOST];
  const float *bias; /* one per column; NULL: none */
} walk_sum;

typedef enum walk_kind {
  WALK_TABLE,
  WALK_SOFTMAX, /* columns: maximum, exp of each key, sum */
  WALK_WEIGHTS  /* a table and a heat map */
} walk_kind;

/* One matrix of the computation, or a part of it. */
typedef struct walk_step {
  walk_kind kind;
  clattn_tensor tensor;
  size_t head;     /* SIZE_MAX: of all heads */
  char id[48];     /* for file names and anchors: "weights", "weights-head-1" */
  char title[128]; /* "head 0: Q·Kᵀ ..." */
  char about[WALK_LINE];
  char left_out[128]; /* what is not shown; empty: nothing */
  size_t rows, columns;
  walk_name row[WALK_MOST], column[WALK_COLUMNS];
  float value[WALK_MOST][WALK_COLUMNS];
  float score[WALK_MOST][WALK_MOST], weight[WALK_MOST][WALK_MOST]; /* of softmax: its input and its result */
  walk_sum sum;
  char line[WALK_LINES][WALK_LINE]; /* sentences about the numbers; empty after the last */
} walk_step;

typedef enum walk_form { WALK_TEXT, WALK_PAGE } walk_form;

/* What is walked through, and how its parts are called. All of it is the caller's, and stays valid as long as the walk.
 */
typedef struct walk_source {
  const clattn_problem *problem;
  const clattn_problem *seen; /* as the run sees it, which differs with a cache */
  const clattn_inputs *inputs;
  const char *name;         /* of the input; NULL: "attention" */
  const char *const *token; /* names of X's rows in the first sequence; NULL: the example's, or t0, t1, ... */
  size_t tokens;            /* how many names there are; there must be one for each query */
  const example *example;   /* NULL: the input is none */
} walk_source;

typedef struct walk {
  walk_form form;
  walk_source of;
  const example *example; /* as in `of` */
  const char *name;       /* never NULL */
  clattn_device *device;  /* the caller's */
  clattn_plan *plan;
  clattn_problem seen;
  clattn_outputs outputs;
  float *matrix[CLATTN_TENSOR_COUNT]; /* projection matrices and biases as floats; NULL: none */
  size_t row[WALK_MOST * WALK_HEADS]; /* rows of scores and the like that are downloaded */
  clattn_rows rows;
  clattn_check_report check;
  double products_off, weights_off; /* largest |products * scale - scaled| and |exps / sum - weights| */
  bool focused;                     /* only the query `focus` is shown */
  size_t focus;                     /* without --focus the query that the article asks about */
  size_t begin;                     /* the query that a page begins with */
  size_t heads;                     /* number of heads shown */
  walk_choice query, key[WALK_HEADS];
  walk_step *step;
  size_t steps;
} walk;

/* Plans and runs the source with a trace, checks the results, and fills the steps. `options`: pipeline, kernels and the
 * like; the trace is added. `focus`: a token, its number, or NULL; text shows only this query, a page begins with it.
 * Messages about the focus begin with "focus ", those about what a page cannot show with "page: ". Free in every case.
 */
clattn_status clattn_walk_make(clattn_device *device, const clattn_plan_options *options, const walk_source *source,
                               const char *focus, walk_form form, walk *w, clattn_error *error);
void clattn_walk_free(walk *w);

/* Names a token as the example does, or t0, t1, ... */
void clattn_walk_query_name(const walk *w, size_t query, walk_name name);
void clattn_walk_key_name(const walk *w, size_t key, walk_name name);

/* The row of this head and the i-th query shown, in scores or the like. */
const float *clattn_walk_scores_row(const walk *w, const float *all, size_t head, size_t i);

/* Vectors of the first sequence. */
const float *clattn_walk_query(const walk *w, size_t head, size_t query);
const float *clattn_walk_key(const walk *w, size_t head, size_t key);
const float *clattn_walk_value(const walk *w, size_t head, size_t key);
const float *clattn_walk_context(const walk *w, size_t head, size_t query);

/* The number of KV heads, which is that of the heads if kv_heads is 0. */
size_t clattn_walk_kv_heads(const clattn_problem *problem);

/* Longest sequence that is shown completely. */
size_t clattn_walk_whole(const walk *w);

/* How many numbers were checked; *worst: the largest error / bound. */
size_t clattn_walk_checked(const walk *w, double *worst);

/* Index of the focus among the queries shown. */
size_t clattn_walk_focus_row(const walk *w);

/* ---- for walk.c -------------------------------------------------------------------------------------------------- */

/* Makes the steps from the results. */
clattn_status clattn_walk_fill_steps(walk *w, clattn_error *error);

bool clattn_walk_has_cache(const walk *w);

/* Adds sentences to a step of weights. */
void clattn_walk_say_weights(const walk *w, size_t head, walk_step *step);

#endif
