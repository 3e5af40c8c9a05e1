/* Makes a traced and checked run from the options: see walk.h. */
#include "cli/explain/walk.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/devices/open.h"
#include "cli/options/option_values.h"
#include "cli/input/outputs.h"
#include "cli/input/past.h"
#include "cli/files/user_files.h"

/* ---- names and places -------------------------------------------------------------------------------------------- */

static void token_name(const walk *w, size_t token, walk_name name) {
  const example *e = w->input.example;
  if (e != NULL && token < e->token_count)
    snprintf(name, WALK_NAME, "%s", e->tokens[token]);
  else if (token < w->input.tokens.count)
    snprintf(name, WALK_NAME, "%s", w->input.tokens.text[token]);
  else
    snprintf(name, WALK_NAME, "t%zu", token);
}

void walk_query_name(const walk *w, size_t query, walk_name name) {
  token_name(w, query, name);
}

/* Keys of another input or of a cache are not tokens of X. */
void walk_key_name(const walk *w, size_t key, walk_name name) {
  if (w->input.problem.source == CLATTN_SOURCE_X && w->cache == NULL)
    token_name(w, key, name);
  else
    snprintf(name, WALK_NAME, "k%zu", key);
}

const float *walk_scores_row(const walk *w, const float *all, size_t head, size_t i) {
  return all + (head * w->query.count + i) * w->seen.key_len;
}

const float *walk_query(const walk *w, size_t head, size_t query) {
  return w->outputs.q + (query * w->seen.heads + head) * w->seen.head_dim;
}

const float *walk_key(const walk *w, size_t head, size_t key) {
  const clattn_problem *p = &w->seen;
  const size_t shared = input_kv_heads(p), of = head / (p->heads / shared);
  return (w->cache != NULL ? w->outputs.cached_k : w->outputs.k) + (key * shared + of) * p->head_dim;
}

const float *walk_value(const walk *w, size_t head, size_t key) {
  const clattn_problem *p = &w->seen;
  const size_t shared = input_kv_heads(p), of = head / (p->heads / shared);
  return (w->cache != NULL ? w->outputs.cached_v : w->outputs.v) + (key * shared + of) * p->value_dim;
}

const float *walk_context(const walk *w, size_t head, size_t query) {
  return w->outputs.context + (query * w->seen.heads + head) * w->seen.value_dim;
}

size_t walk_whole(const walk *w) {
  return w->form == WALK_PAGE ? WALK_MOST : WALK_WHOLE;
}

size_t walk_checked(const walk *w, double *worst) {
  size_t elements = 0;
  *worst = 0.0;
  for (size_t i = 0; i < w->check.count; ++i) {
    elements += w->check.check[i].elements;
    if (w->check.check[i].ratio > *worst) *worst = w->check.check[i].ratio;
  }
  return elements;
}

size_t walk_focus_row(const walk *w) {
  for (size_t i = 0; i < w->query.count; ++i)
    if (w->query.index[i] == w->focus) return i;
  return 0;
}

/* ---- selecting queries and keys
 * ----------------------------------------------------------------------------------------------- */

static void choose_all(walk_choice *choice, size_t all) {
  choice->count = choice->all = all;
  for (size_t i = 0; i < all; ++i) choice->index[i] = i;
}

static int complain_of_focus(const walk *w, const char *focus) {
  char allowed[256];
  size_t used = (size_t)snprintf(allowed, sizeof allowed, "a number from 0 to %zu", w->query.all - 1);
  for (size_t i = 0;
       (w->input.example != NULL || w->input.tokens.count > 0) && i < w->query.all && used < sizeof allowed; ++i) {
    walk_name name;
    walk_query_name(w, i, name);
    used += (size_t)snprintf(allowed + used, sizeof allowed - used, "%s%s", i == 0 ? ", or " : ", ", name);
  }
  complain("--focus %s (allowed: %s)", focus, allowed);
  return EXIT_BAD_INPUT;
}

/* Finds the focus, given as a token or its number. */
static int find_focus(walk *w, const char *focus) {
  char *end = NULL;
  for (size_t i = 0; i < w->query.all; ++i) {
    walk_name name;
    walk_query_name(w, i, name);
    if (strcmp(name, focus) != 0) continue;
    w->focus = i;
    return GO_ON;
  }
  if (focus[0] < '0' || focus[0] > '9') return complain_of_focus(w, focus);
  const unsigned long long number = strtoull(focus, &end, 10);
  if (*end != '\0' || number >= w->query.all) return complain_of_focus(w, focus);
  w->focus = (size_t)number;
  return GO_ON;
}

/* A page shows all tokens; more than WALK_MOST are refused. */
static int fit_page(const walk *w, size_t count, const char *what) {
  if (w->form != WALK_PAGE || count <= WALK_MOST) return GO_ON;
  complain("--html: %zu %s (allowed: up to %d; without --html the strongest are shown)", count, what, WALK_MOST);
  return EXIT_BAD_INPUT;
}

/* Selects queries of the first sequence. Keys are selected after the run: with a cache their
 * number is known only then. / */
static int choose_queries(walk *w, const char *focus) {
  const clattn_problem *p = &w->input.problem;
  w->query.all = input_queries(&w->input, 0);
  if (w->query.all == 0) {
    complain("the first sequence has no queries to follow");
    return EXIT_BAD_INPUT;
  }
  const size_t usual = w->input.example != NULL ? w->input.example->focus : w->query.all - 1;
  w->focus = usual;
  int code = fit_page(w, w->query.all, "queries");
  if (code == GO_ON && focus != NULL) code = find_focus(w, focus);
  if (code != GO_ON) return code;
  w->begin = w->focus;
  if (w->form == WALK_PAGE) w->focus = usual;
  w->focused = focus != NULL && w->form == WALK_TEXT;
  const bool few = w->query.all <= walk_whole(w) && !w->focused;
  if (few) choose_all(&w->query, w->query.all);
  if (!few) w->query = (walk_choice){.count = 1, .all = w->query.all, .index = {w->focus}};
  w->heads = p->heads < WALK_HEADS ? p->heads : WALK_HEADS;
  for (size_t h = 0; h < w->heads; ++h)
    for (size_t i = 0; i < w->query.count; ++i) w->row[w->rows.count++] = h * p->query_len + w->query.index[i];
  w->rows.row = w->row;
  return GO_ON;
}

/* Selects the keys with the largest weights, in order of position. */
static void choose_strongest(walk_choice *choice, const float *weights) {
  choice->count = 0;
  while (choice->count < WALK_FEW) {
    size_t best = choice->all, at = 0;
    for (size_t j = 0; j < choice->all; ++j) {
      bool taken = false;
      for (size_t i = 0; i < choice->count; ++i) taken = taken || choice->index[i] == j;
      if (!taken && (best == choice->all || weights[j] > weights[best])) best = j;
    }
    while (at < choice->count && choice->index[at] < best) ++at;
    memmove(&choice->index[at + 1], &choice->index[at], (choice->count - at) * sizeof choice->index[0]);
    choice->index[at] = best;
    ++choice->count;
  }
}

static int choose_keys(walk *w) {
  const clattn_problem *p = &w->seen;
  size_t all = w->cache != NULL ? clattn_cache_length(w->cache, 0) : input_new_keys(&w->input, 0);
  if (all > p->key_len) all = p->key_len;
  const int code = fit_page(w, all, "keys");
  if (code != GO_ON) return code;
  for (size_t h = 0; h < w->heads; ++h) {
    w->key[h].all = all;
    if (all <= walk_whole(w))
      choose_all(&w->key[h], all);
    else
      choose_strongest(&w->key[h], walk_scores_row(w, w->outputs.weights, h, walk_focus_row(w)));
  }
  return GO_ON;
}

/* ---- the run ----------------------------------------------------------------------------------------------------- */

static int make_plan(walk *w, const run_options *o) {
  clattn_error error;
  char programs[4096], record[4096];
  const clattn_device_choice choice = device_choice(o->platform, o->device);
  if (open_device(&choice, &w->device, &error) != CLATTN_OK) return complain_of(&error);
  clattn_plan_options options = user_plan_options(programs, sizeof programs);
  options.tuning_file = tuning_file_path(clattn_device_get_info(w->device), record, sizeof record);
  options.pipeline = o->pipeline;
  options.kernels = o->kernels;
  options.launch_seconds = o->launch_seconds;
  options.trace = true;
  if (clattn_plan_create(w->device, &w->input.problem, &options, &w->plan, &error) != CLATTN_OK)
    return complain_of(&error);
  warn_of_wrong_kernels(w->plan);
  return GO_ON;
}

static int allocate(walk *w) {
  for (int t = 0; t < CLATTN_TENSOR_COUNT; ++t) {
    const clattn_tensor tensor = (clattn_tensor)t;
    if (!clattn_plan_has(w->plan, tensor)) continue;
    const clattn_problem *sizing = clattn_sizing_problem(&w->input.problem, &w->seen, tensor);
    const size_t bytes = clattn_tensor_has_rows(tensor) ? w->rows.count * w->seen.key_len * sizeof(float)
                                                        : clattn_output_bytes(sizing, tensor);
    if (outputs_allocate(&w->outputs, tensor, bytes)) continue;
    complain("no host memory for %zu bytes of %s", bytes, clattn_tensor_name(tensor));
    return EXIT_BAD_INPUT;
  }
  w->outputs.rows = &w->rows;
  return GO_ON;
}

/* Matrices and biases as floats, with the rounding of the problem's type, as the device has
 * them. */
static int widen_matrices(walk *w) {
  static const clattn_tensor all[] = {CLATTN_WQ, CLATTN_WK, CLATTN_WV,   CLATTN_WQKV, CLATTN_BQ,
                                      CLATTN_BK, CLATTN_BV, CLATTN_BQKV, CLATTN_WO,   CLATTN_BO};
  const clattn_problem *p = &w->input.problem;
  for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i) {
    const clattn_tensor tensor = all[i];
    const size_t count = clattn_tensor_elements(p, tensor);
    if (count == 0) continue;
    w->matrix[tensor] = malloc(count * sizeof(float));
    if (w->matrix[tensor] == NULL) {
      complain("no host memory for %zu numbers", count);
      return EXIT_BAD_INPUT;
    }
    clattn_widen(p->type, clattn_inputs_get(&w->input.inputs, tensor), count, w->matrix[tensor]);
  }
  return GO_ON;
}

/* The larger of the two, or NaN if `a` is one. */
static double larger(double a, double b) {
  return isnan(a) || a > b ? a : b;
}

/* Compares the results of the trace's kernels with those of the production kernels. */
static void compare_with_production(walk *w) {
  const clattn_outputs *o = &w->outputs;
  const double scale = (double)clattn_problem_scale(&w->seen);
  for (size_t r = 0; r < w->rows.count; ++r)
    for (size_t j = 0; j < w->seen.key_len; ++j) {
      const size_t at = r * w->seen.key_len + j;
      const double scaled = scale * (double)o->products[at], sum = (double)o->row_sum[w->row[r]];
      if (isfinite(o->products[at])) w->products_off = larger(fabs(scaled - (double)o->scaled[at]), w->products_off);
      if (sum > 0.0) w->weights_off = larger(fabs((double)o->exps[at] / sum - (double)o->weights[at]), w->weights_off);
    }
}

static int run(walk *w) {
  clattn_error error;
  if (clattn_plan_run(w->plan, &w->input.inputs, &w->outputs, NULL, &error) != CLATTN_OK) return complain_of(&error);
  if (clattn_check(w->plan, &w->input.inputs, &w->outputs, NULL, &w->check, &error) != CLATTN_OK)
    return complain_of(&error);
  compare_with_production(w);
  return GO_ON;
}

int walk_make(const run_options *options, const char *focus, walk_form form, walk *w) {
  memset(w, 0, sizeof *w);
  w->outputs = (clattn_outputs)CLATTN_OUTPUTS_INIT;
  w->check = (clattn_check_report)CLATTN_CHECK_REPORT_INIT;
  w->form = form;
  int code = input_load(options, &w->input);
  if (code == GO_ON) code = choose_queries(w, focus);
  if (code == GO_ON) code = make_plan(w, options);
  if (code == GO_ON) code = past_load(w->device, &w->input, &w->cache, &w->seen);
  if (code == GO_ON) code = allocate(w);
  if (code == GO_ON) code = widen_matrices(w);
  if (code == GO_ON) code = run(w);
  if (code == GO_ON) code = choose_keys(w);
  if (code != GO_ON) return code;
  if (walk_fill_steps(w)) return GO_ON;
  complain("no host memory for the walk");
  return EXIT_BAD_INPUT;
}

void walk_free(walk *w) {
  clattn_cache_destroy(w->cache);
  clattn_plan_destroy(w->plan);
  clattn_device_close(w->device);
  outputs_free(&w->outputs);
  for (int t = 0; t < CLATTN_TENSOR_COUNT; ++t) free(w->matrix[t]);
  free(w->step);
  input_free(&w->input);
}
