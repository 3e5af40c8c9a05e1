/* The walk through attention: everything that `clattn explain` shows, from the device's own buffers. What it is shown
 * as (text, pictures) is up to others: they go over the steps.
 *
 * A walk is for reading: of sequences longer than WALK_WHOLE text shows one query and its strongest keys, of wider
 * matrices the first columns, and says so. A page shows sequences up to WALK_MOST, and refuses longer ones. Of a batch
 * the first sequence is shown.
 */
#ifndef CLATTN_CLI_WALK_H
#define CLATTN_CLI_WALK_H

#include "cli/input/input.h"
#include "clattn_check.h"

enum {
  WALK_MOST = 64,               /* rows and columns that a step has room for */
  WALK_WHOLE = 16,              /* those that are shown as a whole, but for a page's tokens */
  WALK_FEW = 8,                 /* of more than that, so many */
  WALK_HEADS = 4,               /* heads that are shown */
  WALK_COLUMNS = WALK_MOST + 2, /* of the table of softmax: maximum, exps, sum */
  WALK_NAME = 24,
  WALK_LINE = 400,
  WALK_LINES = WALK_MOST + 4,
  WALK_STEPS = 12 + 8 * WALK_HEADS
};

typedef char walk_name[WALK_NAME];

/* Some of many: all of them, or those that are worth a look. */
typedef struct walk_choice {
  size_t count, all, index[WALK_MOST];
} walk_choice;

/* How a matrix came to be: element (r, c) is the sum over its terms of left[r][t] * right[c][t * right_step], and the
 * bias. */
typedef struct walk_sum {
  const char *left_name, *right_name; /* what one is called: q, k; right NULL: the column is named alone */
  size_t terms;                       /* 0: it is no such sum */
  size_t right_step;
  const float *left[WALK_MOST], *right[WALK_MOST];
  const float *bias; /* of each column; NULL without */
} walk_sum;

typedef enum walk_kind {
  WALK_TABLE,
  WALK_SOFTMAX, /* columns: maximum, exp of each key, sum */
  WALK_WEIGHTS  /* a heat map as well */
} walk_kind;

/* One matrix on the way, or a part of it. */
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
  float score[WALK_MOST][WALK_MOST], weight[WALK_MOST][WALK_MOST]; /* of softmax: what it begins and ends with */
  walk_sum sum;
  char line[WALK_LINES][WALK_LINE]; /* what the numbers say, in words; empty behind the last */
} walk_step;

typedef enum walk_form { WALK_TEXT, WALK_PAGE } walk_form;

typedef struct walk {
  walk_form form;
  input input;
  clattn_device *device;
  clattn_plan *plan;
  clattn_cache *cache;
  clattn_problem seen; /* the problem; with a cache, as the run saw it */
  void *memory[CLATTN_TENSOR_COUNT];
  clattn_outputs outputs;
  float *matrix[CLATTN_TENSOR_COUNT]; /* projections and biases as floats, as the device saw them; NULL: none */
  size_t row[WALK_MOST * WALK_HEADS]; /* of scores and their like that were asked for */
  clattn_rows rows;
  clattn_check_report check;
  double products_off, weights_off; /* products * scale from scaled, exps / sum from weights: the largest difference */
  bool focused;                     /* one query is followed alone, `focus` */
  size_t focus;                     /* else the query that the article asks about */
  size_t begin;                     /* query that a page begins with */
  size_t heads;                     /* that are shown */
  walk_choice query, key[WALK_HEADS];
  walk_step *step;
  size_t steps;
} walk;

/* Loads the input, runs it traced, checks it, and fills the steps. `focus`: a token, its number, or NULL; text follows
 * it alone, a page begins with it. GO_ON, or the exit code at which to stop, after a complaint. Free in every case; it
 * starts from all zero. */
int walk_make(const run_options *options, const char *focus, walk_form form, walk *w);
void walk_free(walk *w);

/* A token's name: the example's, or t0, t1, ... */
void walk_query_name(const walk *w, size_t query, walk_name name);
void walk_key_name(const walk *w, size_t key, walk_name name);

/* The row of this head, and of the i-th query that is shown, in scores or their like. */
const float *walk_scores_row(const walk *w, const float *all, size_t head, size_t i);

/* Vectors of the first sequence. */
const float *walk_query(const walk *w, size_t head, size_t query);
const float *walk_key(const walk *w, size_t head, size_t key);
const float *walk_value(const walk *w, size_t head, size_t key);
const float *walk_context(const walk *w, size_t head, size_t query);

/* Sequences of up to so many tokens are shown as a whole. */
size_t walk_whole(const walk *w);

/* How many numbers were checked, and how much of its bound the worst of them takes. */
size_t walk_checked(const walk *w, double *worst);

/* Where the focus is among the queries that are shown. */
size_t walk_focus_row(const walk *w);

/* ---- for walk.c -------------------------------------------------------------------------------------------------- */

/* From the results to the steps. False without memory. */
bool walk_fill_steps(walk *w);

/* What a step of weights says, in words. */
void walk_say_weights(const walk *w, size_t head, walk_step *step);

#endif
