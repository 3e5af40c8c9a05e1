/* Turns the results of a walk into steps, in the order of computation. Nothing is computed here:
 * every number comes from the device. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "explain/walk.h"

static walk_step *add_step(walk *w, walk_kind kind, clattn_tensor tensor, size_t head) {
  walk_step *s = &w->step[w->steps++];
  *s = (walk_step){.kind = kind, .tensor = tensor, .head = head};
  const char *name = clattn_tensor_name(tensor);
  if (head != SIZE_MAX && w->seen.heads > 1)
    snprintf(s->id, sizeof s->id, "%s-head-%zu", name, head);
  else
    snprintf(s->id, sizeof s->id, "%s", name);
  return s;
}

/* "Q·Kᵀ" or, with several heads, "head 1: Q·Kᵀ". */
static void set_title(const walk *w, walk_step *s, const char *title) {
  if (s->head != SIZE_MAX && w->seen.heads > 1)
    snprintf(s->title, sizeof s->title, "head %zu: %s", s->head, title);
  else
    snprintf(s->title, sizeof s->title, "%s", title);
}

static void leave_out(walk_step *s, const char *what, size_t shown, size_t all) {
  const size_t used = strlen(s->left_out);
  if (shown < all)
    snprintf(s->left_out + used, sizeof s->left_out - used, "%s%zu of %zu %s", used > 0 ? ", " : "", shown, all, what);
}

/* All columns, or the first ones of a wide matrix. */
static walk_choice first_of(size_t all) {
  walk_choice choice = {.count = all <= WALK_WHOLE ? all : WALK_FEW, .all = all};
  for (size_t i = 0; i < choice.count; ++i) choice.index[i] = i;
  return choice;
}

/* Names the columns as the example does, or d0, d1, ... */
static void name_columns(walk_step *s, const char *const *names, size_t first, char letter) {
  for (size_t c = 0; c < s->columns; ++c)
    if (names != NULL)
      snprintf(s->column[c], WALK_NAME, "%s", names[first + c]);
    else
      snprintf(s->column[c], WALK_NAME, "%c%zu", letter, first + c);
}

static void name_queries(const walk *w, walk_step *s) {
  s->rows = w->query.count;
  for (size_t i = 0; i < s->rows; ++i) clattn_walk_query_name(w, w->query.index[i], s->row[i]);
  if (!w->focused) leave_out(s, "queries", s->rows, w->query.all);
}

static void name_keys(const walk *w, size_t head, walk_step *s, walk_name *names) {
  for (size_t i = 0; i < w->key[head].count; ++i) clattn_walk_key_name(w, w->key[head].index[i], names[i]);
  leave_out(s, "keys, the strongest", w->key[head].count, w->key[head].all);
}

/* ---- x and the projections --------------------------------------------------------------------------------------- */

/* x, k and v show all tokens, also with --focus. */
static void name_tokens(const walk *w, walk_step *s, bool as_keys) {
  const walk_choice *keys = &w->key[0];
  const bool all = w->query.all <= clattn_walk_whole(w);
  s->rows = as_keys ? keys->count : all ? w->query.all : w->query.count;
  for (size_t i = 0; i < s->rows; ++i)
    if (as_keys)
      clattn_walk_key_name(w, keys->index[i], s->row[i]);
    else
      clattn_walk_query_name(w, all ? i : w->query.index[i], s->row[i]);
  leave_out(s, as_keys ? "keys, the strongest" : "tokens", s->rows, as_keys ? keys->all : w->query.all);
}

static void add_x(walk *w, clattn_tensor tensor, const float *x, const char *title, const char *about) {
  const clattn_problem *p = &w->seen;
  const example *e = w->example;
  const walk_choice columns = first_of(p->model_dim);
  walk_step *s = add_step(w, WALK_TABLE, tensor, SIZE_MAX);
  set_title(w, s, title);
  snprintf(s->about, sizeof s->about, "%s", about);
  name_tokens(w, s, false);
  s->columns = columns.count;
  name_columns(s, e != NULL ? e->features : NULL, 0, 'x');
  leave_out(s, "columns", columns.count, columns.all);
  for (size_t r = 0; r < s->rows; ++r) {
    const size_t token = w->query.all <= clattn_walk_whole(w) ? r : w->query.index[r];
    memcpy(s->value[r], x + token * p->model_dim, s->columns * sizeof *x);
  }
}

/* How q, k or v is made, and the names of its columns in the example. */
typedef struct part {
  clattn_tensor tensor, w, bias;
  const char *name, *letter;
  const char *const *columns;
  const char *about;
} part;

static part part_of(const walk *w, int i) {
  const example *e = w->example;
  const part parts[] = {
      {CLATTN_Q, CLATTN_WQ, CLATTN_BQ, "Q", "q", e != NULL ? e->key_features : NULL, "what each token asks for"},
      {CLATTN_K, CLATTN_WK, CLATTN_BK, "K", "k", e != NULL ? e->key_features : NULL,
       "what each token offers to those who ask"},
      {CLATTN_V, CLATTN_WV, CLATTN_BV, "V", "v", e != NULL ? e->value_features : NULL,
       "what each token hands over to those who attend to it"}};
  return parts[i];
}

static size_t columns_of(const walk *w, clattn_tensor tensor) {
  const clattn_problem *p = &w->seen;
  const size_t kv = clattn_walk_kv_heads(p);
  return tensor == CLATTN_Q ? p->heads * p->head_dim : kv * (tensor == CLATTN_K ? p->head_dim : p->value_dim);
}

/* Adds the matrix as it is stored, if it is small. */
static void add_matrix(walk *w, const part *of) {
  const clattn_problem *p = &w->seen;
  const example *e = w->example;
  const bool turned = p->layout == CLATTN_LAYOUT_XWT;
  size_t shape[4];
  if (w->matrix[of->w] == NULL || clattn_problem_shape(p, of->w, shape) != 2) return;
  if (shape[0] > WALK_WHOLE || shape[1] > WALK_WHOLE) return;
  walk_step *s = add_step(w, WALK_TABLE, of->w, SIZE_MAX);
  char title[96];
  snprintf(title, sizeof title, turned ? "W%s: a row for each column of %s" : "W%s: a column for each column of %s",
           of->letter, of->name);
  set_title(w, s, title);
  s->rows = shape[0];
  s->columns = shape[1];
  name_columns(s, e == NULL ? NULL : turned ? e->features : of->columns, 0, turned ? 'x' : of->letter[0]);
  for (size_t r = 0; r < s->rows; ++r) {
    const char *const *names = e == NULL ? NULL : turned ? of->columns : e->features;
    if (names != NULL)
      snprintf(s->row[r], WALK_NAME, "%s", names[r]);
    else
      snprintf(s->row[r], WALK_NAME, "%c%zu", turned ? of->letter[0] : 'x', r);
    memcpy(s->value[r], w->matrix[of->w] + r * shape[1], s->columns * sizeof(float));
  }
}

/* Whether the sums are written out: if they are short, made from x, and not rotated afterwards. */
static bool is_written_out(const walk *w, const part *of) {
  const clattn_problem *p = &w->seen;
  const bool own_x = p->source == CLATTN_SOURCE_X || of->tensor == CLATTN_Q;
  const bool turned = p->rotary != CLATTN_ROTARY_NONE && of->tensor != CLATTN_V;
  return own_x && !turned && w->matrix[of->w] != NULL && p->model_dim <= WALK_WHOLE;
}

static void write_out_projection(const walk *w, const part *of, const walk_choice *columns, walk_step *s,
                                 const size_t *token) {
  const clattn_problem *p = &w->seen;
  const bool turned = p->layout == CLATTN_LAYOUT_XWT;
  s->sum = (walk_sum){.left_name = of->letter,
                      .terms = p->model_dim,
                      .right_step = turned ? 1 : columns->all,
                      .bias = w->matrix[of->bias]};
  for (size_t r = 0; r < s->rows; ++r)
    if (!w->focused || token[r] == w->focus) s->sum.left[r] = w->outputs.x_positioned + token[r] * p->model_dim;
  for (size_t c = 0; c < s->columns; ++c)
    s->sum.right[c] = w->matrix[of->w] + columns->index[c] * (turned ? p->model_dim : 1);
}

static void add_projected(walk *w, int i) {
  const clattn_problem *p = &w->seen;
  const part of = part_of(w, i);
  const walk_choice columns = first_of(columns_of(w, of.tensor));
  const bool of_keys = of.tensor != CLATTN_Q, given = p->source == CLATTN_SOURCE_QKV;
  if (!given) add_matrix(w, &of);
  walk_step *s = add_step(w, WALK_TABLE, of.tensor, SIZE_MAX);
  char title[96];
  if (given)
    snprintf(title, sizeof title, "%s, as given: %s", of.name, of.about);
  else
    snprintf(title, sizeof title, "%s = X·W%s%s%s: %s", of.name, of.letter, p->layout == CLATTN_LAYOUT_XWT ? "ᵀ" : "",
             (p->biases >> i & 1) != 0 ? " + bias" : "", of.about);
  set_title(w, s, title);
  if (p->rotary != CLATTN_ROTARY_NONE && of.tensor != CLATTN_V)
    snprintf(s->about, sizeof s->about,
             "Rotated by the position of each token (rotary embedding) after the projection.");
  if (of_keys && clattn_walk_has_cache(w))
    snprintf(s->about, sizeof s->about, "As in the cache; what earlier runs appended comes first.");
  name_tokens(w, s, of_keys);
  s->columns = columns.count;
  name_columns(s, of.columns, 0, of.letter[0]);
  leave_out(s, "columns", columns.count, columns.all);
  const float *all = of.tensor == CLATTN_Q ? clattn_walk_query(w, 0, 0)
                     : i == 1              ? clattn_walk_key(w, 0, 0)
                                           : clattn_walk_value(w, 0, 0);
  size_t token[WALK_MOST];
  for (size_t r = 0; r < s->rows; ++r) {
    token[r] = of_keys ? w->key[0].index[r] : w->query.all <= clattn_walk_whole(w) ? r : w->query.index[r];
    memcpy(s->value[r], all + token[r] * columns.all, s->columns * sizeof *all);
  }
  if (is_written_out(w, &of) && !clattn_walk_has_cache(w)) write_out_projection(w, &of, &columns, s, token);
}

/* ---- a head ------------------------------------------------------------------------------------------------------ */

/* Adds a step with scores, weights or the like. */
static walk_step *add_rows(walk *w, walk_kind kind, clattn_tensor tensor, size_t head, const char *title) {
  walk_step *s = add_step(w, kind, tensor, head);
  const float *all = clattn_outputs_get(&w->outputs, tensor);
  set_title(w, s, title);
  name_queries(w, s);
  s->columns = w->key[head].count;
  name_keys(w, head, s, s->column);
  for (size_t r = 0; r < s->rows; ++r)
    for (size_t c = 0; c < s->columns; ++c)
      s->value[r][c] = clattn_walk_scores_row(w, all, head, r)[w->key[head].index[c]];
  return s;
}

static void add_products(walk *w, size_t head) {
  walk_step *s = add_rows(w, WALK_TABLE, CLATTN_PRODUCTS, head, "Q·Kᵀ (matching): each query times each key");
  s->sum = (walk_sum){.left_name = "q", .right_name = "k", .terms = w->seen.head_dim, .right_step = 1};
  for (size_t r = 0; r < s->rows; ++r) s->sum.left[r] = clattn_walk_query(w, head, w->query.index[r]);
  for (size_t c = 0; c < s->columns; ++c) s->sum.right[c] = clattn_walk_key(w, head, w->key[head].index[c]);
}

static void add_scaled(walk *w, size_t head) {
  const clattn_problem *p = &w->seen;
  char title[96];
  snprintf(title, sizeof title, "scaled: each product times %.7g", (double)clattn_problem_scale(p));
  walk_step *s = add_rows(w, WALK_TABLE, CLATTN_SCALED, head, title);
  if (p->scale_mode == CLATTN_SCALE_DEFAULT)
    snprintf(s->about, sizeof s->about,
             "1 / sqrt(%zu), since head_dim is %zu: without it sums of many terms are so large that softmax is all or "
             "nothing.",
             p->head_dim, p->head_dim);
}

/* Whether anything but the softcap changes scores between scaling and softmax. */
static bool is_masked(const clattn_problem *p) {
  return p->causal || p->window_left != CLATTN_UNBOUNDED || p->window_right != CLATTN_UNBOUNDED ||
         p->mask != CLATTN_MASK_NONE || p->alibi;
}

static void add_masked(walk *w, size_t head) {
  const clattn_problem *p = &w->seen;
  char title[96];
  if (p->softcap > 0.0f) {
    snprintf(title, sizeof title, "softcapped: %.4g tanh(score / %.4g)", (double)p->softcap, (double)p->softcap);
    add_rows(w, WALK_TABLE, CLATTN_SOFTCAPPED, head, title);
  }
  if (!is_masked(p)) return;
  snprintf(title, sizeof title, "masked%s: hidden keys take no part", p->alibi ? ", and less for distance" : "");
  add_rows(w, WALK_TABLE, CLATTN_SCORES, head, title);
}

static void add_softmax(walk *w, size_t head) {
  walk_step *s = add_step(w, WALK_SOFTMAX, CLATTN_EXPS, head);
  set_title(w, s, "softmax (normalizing): exp(score - max), and their sum");
  snprintf(s->about, sizeof s->about,
           "The largest score is subtracted first: exp never overflows, and the quotient stays the same.%s",
           w->seen.sinks ? " The sink is part of maximum and sum." : "");
  name_queries(w, s);
  const size_t keys = w->key[head].count;
  s->columns = keys + 2;
  snprintf(s->column[0], WALK_NAME, "max");
  name_keys(w, head, s, s->column + 1);
  snprintf(s->column[keys + 1], WALK_NAME, "sum");
  for (size_t r = 0; r < s->rows; ++r) {
    const size_t row = w->row[head * w->query.count + r];
    s->value[r][0] = w->outputs.row_max[row];
    s->value[r][keys + 1] = w->outputs.row_sum[row];
    for (size_t c = 0; c < keys; ++c) {
      const size_t key = w->key[head].index[c];
      s->score[r][c] = clattn_walk_scores_row(w, w->outputs.scores, head, r)[key];
      s->value[r][c + 1] = clattn_walk_scores_row(w, w->outputs.exps, head, r)[key];
      s->weight[r][c] = clattn_walk_scores_row(w, w->outputs.weights, head, r)[key];
    }
  }
}

static void add_context(walk *w, size_t head) {
  const clattn_problem *p = &w->seen;
  const example *e = w->example;
  const walk_choice columns = first_of(p->value_dim);
  walk_step *s = add_step(w, WALK_TABLE, CLATTN_CONTEXT, head);
  set_title(w, s, "context (content mixing): each value times its weight, added up");
  name_queries(w, s);
  s->columns = columns.count;
  name_columns(s, e != NULL ? e->value_features : NULL, head * p->value_dim, 'v');
  leave_out(s, "columns", columns.count, columns.all);
  for (size_t r = 0; r < s->rows; ++r)
    memcpy(s->value[r], clattn_walk_context(w, head, w->query.index[r]), s->columns * sizeof(float));
  if (w->key[head].count < w->key[head].all) return; /* too many terms to write out */
  const size_t shared = clattn_walk_kv_heads(p);
  s->sum = (walk_sum){.left_name = "context", .terms = w->key[head].all, .right_step = shared * p->value_dim};
  for (size_t r = 0; r < s->rows; ++r) s->sum.left[r] = clattn_walk_scores_row(w, w->outputs.weights, head, r);
  for (size_t c = 0; c < s->columns; ++c) s->sum.right[c] = clattn_walk_value(w, head, 0) + c;
}

static void add_head(walk *w, size_t head) {
  add_products(w, head);
  add_scaled(w, head);
  add_masked(w, head);
  add_softmax(w, head);
  walk_step *s = add_rows(w, WALK_WEIGHTS, CLATTN_WEIGHTS, head, "weights: exp / sum, each row 100 %");
  clattn_walk_say_weights(w, head, s);
  add_context(w, head);
}

/* ---- all --------------------------------------------------------------------------------------------------------- */

static void add_output(walk *w) {
  const clattn_problem *p = &w->seen;
  if (p->output_dim == 0) return;
  const walk_choice columns = first_of(p->output_dim);
  walk_step *s = add_step(w, WALK_TABLE, CLATTN_OUTPUT, SIZE_MAX);
  set_title(w, s, "output = context·Wo: the heads' contexts side by side, projected");
  name_queries(w, s);
  s->columns = columns.count;
  name_columns(s, NULL, 0, 'o');
  leave_out(s, "columns", columns.count, columns.all);
  for (size_t r = 0; r < s->rows; ++r) {
    const size_t at = w->query.index[r] * p->output_dim;
    clattn_widen(p->type, (const char *)w->outputs.output + at * (p->type == CLATTN_F32 ? 4 : 2), s->columns,
                 s->value[r]);
  }
}

clattn_status clattn_walk_fill_steps(walk *w, clattn_error *error) {
  const clattn_problem *p = &w->seen;
  w->step = malloc(WALK_STEPS * sizeof *w->step);
  if (w->step == NULL) return clattn_fail_malloc(error, WALK_STEPS * sizeof *w->step, "the walk");
  if (p->source != CLATTN_SOURCE_QKV) {
    const bool placed = p->positions != CLATTN_POSITIONS_NONE;
    if (placed && p->type == CLATTN_F32) add_x(w, CLATTN_X, w->of.inputs->x, "X: one row per token, as given", "");
    add_x(w, CLATTN_X_POSITIONED, w->outputs.x_positioned, placed ? "X + positions" : "X: one row per token",
          placed ? "Sines and cosines of each token's position are added, so that order matters." : "");
  }
  for (int i = 0; i < 3; ++i) add_projected(w, i);
  for (size_t h = 0; h < w->heads; ++h) add_head(w, h);
  add_output(w);
  return CLATTN_OK;
}
