/* Makes a traced and checked run: see walk.h. */
#include "explain/walk.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "base/text.h"

/* ---- names and places -------------------------------------------------------------------------------------------- */

static void token_name(const walk *w, size_t token, walk_name name) {
  const example *e = w->example;
  if (token < w->of.tokens)
    clattn_text_copy(name, WALK_NAME, w->of.token[token], false);
  else if (e != NULL && token < e->token_count)
    snprintf(name, WALK_NAME, "%s", e->tokens[token]);
  else
    snprintf(name, WALK_NAME, "t%zu", token);
}

bool clattn_walk_has_cache(const walk *w) {
  return w->of.problem->cache.capacity != 0;
}

void clattn_walk_query_name(const walk *w, size_t query, walk_name name) {
  token_name(w, query, name);
}

/* Keys of another input or of a cache are not tokens of X. Given keys are the named tokens if they are as many. */
static bool keys_are_tokens(const walk *w) {
  const clattn_problem *p = w->of.problem;
  if (clattn_walk_has_cache(w)) return false;
  return p->source == CLATTN_SOURCE_X || (p->source == CLATTN_SOURCE_QKV && w->of.tokens == p->key_len);
}

void clattn_walk_key_name(const walk *w, size_t key, walk_name name) {
  if (keys_are_tokens(w))
    token_name(w, key, name);
  else
    snprintf(name, WALK_NAME, "k%zu", key);
}

const float *clattn_walk_scores_row(const walk *w, const float *all, size_t head, size_t i) {
  return all + (head * w->query.count + i) * w->seen.key_len;
}

const float *clattn_walk_query(const walk *w, size_t head, size_t query) {
  return w->outputs.q + (query * w->seen.heads + head) * w->seen.head_dim;
}

const float *clattn_walk_key(const walk *w, size_t head, size_t key) {
  const clattn_problem *p = &w->seen;
  const size_t shared = clattn_walk_kv_heads(p), of = head / (p->heads / shared);
  return (clattn_walk_has_cache(w) ? w->outputs.cached_k : w->outputs.k) + (key * shared + of) * p->head_dim;
}

const float *clattn_walk_value(const walk *w, size_t head, size_t key) {
  const clattn_problem *p = &w->seen;
  const size_t shared = clattn_walk_kv_heads(p), of = head / (p->heads / shared);
  return (clattn_walk_has_cache(w) ? w->outputs.cached_v : w->outputs.v) + (key * shared + of) * p->value_dim;
}

const float *clattn_walk_context(const walk *w, size_t head, size_t query) {
  return w->outputs.context + (query * w->seen.heads + head) * w->seen.value_dim;
}

size_t clattn_walk_kv_heads(const clattn_problem *p) {
  return p->kv_heads != 0 ? p->kv_heads : p->heads;
}

size_t clattn_walk_whole(const walk *w) {
  return w->form == WALK_PAGE ? WALK_MOST : WALK_WHOLE;
}

size_t clattn_walk_checked(const walk *w, double *worst) {
  size_t elements = 0;
  *worst = 0.0;
  for (size_t i = 0; i < w->check.count; ++i) {
    elements += w->check.check[i].elements;
    if (w->check.check[i].ratio > *worst) *worst = w->check.check[i].ratio;
  }
  return elements;
}

size_t clattn_walk_focus_row(const walk *w) {
  for (size_t i = 0; i < w->query.count; ++i)
    if (w->query.index[i] == w->focus) return i;
  return 0;
}

/* ---- selecting queries and keys ---------------------------------------------------------------------------------- */

static void choose_all(walk_choice *choice, size_t all) {
  choice->count = choice->all = all;
  for (size_t i = 0; i < all; ++i) choice->index[i] = i;
}

static clattn_status refuse_focus(const walk *w, const char *focus, clattn_error *error) {
  const bool named = w->example != NULL || w->of.tokens > 0;
  char allowed[256];
  size_t used = (size_t)snprintf(allowed, sizeof allowed, "a number from 0 to %zu", w->query.all - 1);
  for (size_t i = 0; named && i < w->query.all && used < sizeof allowed; ++i) {
    walk_name name;
    clattn_walk_query_name(w, i, name);
    used += (size_t)snprintf(allowed + used, sizeof allowed - used, "%s%s", i == 0 ? ", or " : ", ", name);
  }
  clattn_text_trim(allowed);
  return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "focus %s (allowed: %s)", focus, allowed);
}

/* Finds the focus, given as a token or its number. */
static clattn_status find_focus(walk *w, const char *focus, clattn_error *error) {
  char *end = NULL;
  for (size_t i = 0; i < w->query.all; ++i) {
    walk_name name;
    clattn_walk_query_name(w, i, name);
    if (strcmp(name, focus) != 0) continue;
    w->focus = i;
    return CLATTN_OK;
  }
  if (focus[0] < '0' || focus[0] > '9') return refuse_focus(w, focus, error);
  const unsigned long long number = strtoull(focus, &end, 10);
  if (*end != '\0' || number >= w->query.all) return refuse_focus(w, focus, error);
  w->focus = (size_t)number;
  return CLATTN_OK;
}

/* A page shows all tokens; more than WALK_MOST are refused. */
static clattn_status fit_page(const walk *w, size_t count, const char *what, clattn_error *error) {
  if (w->form != WALK_PAGE || count <= WALK_MOST) return CLATTN_OK;
  return clattn_fail(error, CLATTN_UNSUPPORTED,
                     "page: %zu %s (allowed: up to %d; the text shows the strongest of longer sequences)", count, what,
                     WALK_MOST);
}

/* The queries of the first sequence. Offsets are checked by the run only, which comes later. */
static clattn_status count_queries(walk *w, clattn_error *error) {
  const clattn_problem *p = w->of.problem;
  const int32_t *offsets = w->of.inputs->query_offsets;
  w->query.all = p->query_len;
  if (p->lengths == CLATTN_LENGTHS_PACKED) {
    if (offsets == NULL) return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "query_offsets is NULL");
    if (offsets[0] != 0 || offsets[1] < 0 || (size_t)offsets[1] > p->query_len)
      return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "query_offsets begin with %d, %d (allowed: 0, then up to %zu)",
                         (int)offsets[0], (int)offsets[1], p->query_len);
    w->query.all = (size_t)offsets[1];
  }
  if (w->query.all == 0)
    return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "the first sequence has no queries to follow");
  if (w->of.tokens == 0 || w->of.tokens == w->query.all) return CLATTN_OK;
  return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "tokens: %zu for %zu queries (allowed: one name for each)",
                     w->of.tokens, w->query.all);
}

/* The keys that the first sequence has in this run, besides those of a cache. */
static size_t count_new_keys(const walk *w) {
  const clattn_problem *p = w->of.problem;
  const clattn_inputs *in = w->of.inputs;
  const int32_t *offsets = p->source == CLATTN_SOURCE_X ? in->query_offsets : in->key_offsets;
  if (p->lengths == CLATTN_LENGTHS_PACKED) return (size_t)(offsets[1] - offsets[0]);
  return p->lengths == CLATTN_LENGTHS_KEYS ? (size_t)in->key_lengths[0] : p->key_len;
}

/* A run appends to a cache, so what the page has no room for is refused before it. A rolling cache may drop keys. */
static clattn_status fit_cached_keys(const walk *w, clattn_error *error) {
  if (!clattn_walk_has_cache(w) || w->of.problem->rolling) return CLATTN_OK;
  return fit_page(w, clattn_cache_length(w->of.inputs->cache, 0) + count_new_keys(w), "keys", error);
}

/* Selects queries of the first sequence. Keys are selected after the run: with a rolling cache their number is known
 * only then. */
static clattn_status choose_queries(walk *w, const char *focus, clattn_error *error) {
  const clattn_problem *p = w->of.problem;
  clattn_status status = count_queries(w, error);
  if (status != CLATTN_OK) return status;
  const size_t usual = w->example != NULL ? w->example->focus : w->query.all - 1;
  w->focus = usual;
  status = fit_page(w, w->query.all, "queries", error);
  if (status == CLATTN_OK) status = fit_cached_keys(w, error);
  if (status == CLATTN_OK && focus != NULL) status = find_focus(w, focus, error);
  if (status != CLATTN_OK) return status;
  w->begin = w->focus;
  if (w->form == WALK_PAGE) w->focus = usual;
  w->focused = focus != NULL && w->form == WALK_TEXT;
  const bool few = w->query.all <= clattn_walk_whole(w) && !w->focused;
  if (few) choose_all(&w->query, w->query.all);
  if (!few) w->query = (walk_choice){.count = 1, .all = w->query.all, .index = {w->focus}};
  w->heads = p->heads < WALK_HEADS ? p->heads : WALK_HEADS;
  for (size_t h = 0; h < w->heads; ++h)
    for (size_t i = 0; i < w->query.count; ++i) w->row[w->rows.count++] = h * p->query_len + w->query.index[i];
  w->rows.row = w->row;
  return CLATTN_OK;
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

static clattn_status choose_keys(walk *w, clattn_error *error) {
  const clattn_problem *p = &w->seen;
  size_t all = clattn_walk_has_cache(w) ? clattn_cache_length(w->of.inputs->cache, 0) : count_new_keys(w);
  if (all > p->key_len) all = p->key_len;
  const clattn_status status = fit_page(w, all, "keys", error);
  if (status != CLATTN_OK) return status;
  for (size_t h = 0; h < w->heads; ++h) {
    w->key[h].all = all;
    if (all <= clattn_walk_whole(w))
      choose_all(&w->key[h], all);
    else
      choose_strongest(&w->key[h], clattn_walk_scores_row(w, w->outputs.weights, h, clattn_walk_focus_row(w)));
  }
  return CLATTN_OK;
}

/* ---- the run ----------------------------------------------------------------------------------------------------- */

static clattn_status make_plan(walk *w, const clattn_plan_options *given, clattn_error *error) {
  clattn_plan_options options = *given;
  options.trace = true;
  return clattn_plan_create(w->device, w->of.problem, &options, &w->plan, error);
}

/* With NaN everywhere, so that elements that no kernel writes fail the check. */
static clattn_status allocate(walk *w, clattn_error *error) {
  for (int t = 0; t < CLATTN_TENSOR_COUNT; ++t) {
    const clattn_tensor tensor = (clattn_tensor)t;
    if (!clattn_plan_has(w->plan, tensor)) continue;
    const clattn_problem *sizing = clattn_sizing_problem(w->of.problem, &w->seen, tensor);
    const size_t bytes = clattn_tensor_has_rows(tensor) ? w->rows.count * w->seen.key_len * sizeof(float)
                                                        : clattn_output_bytes(sizing, tensor);
    void *memory = malloc(bytes);
    if (memory == NULL) return clattn_fail_malloc(error, bytes, clattn_tensor_name(tensor));
    memset(memory, 0xFF, bytes);
    clattn_outputs_set(&w->outputs, tensor, memory);
  }
  w->outputs.rows = &w->rows;
  return CLATTN_OK;
}

/* Matrices and biases that are shown as floats, with the rounding of the problem's type, as the device has them. */
static clattn_status widen_matrices(walk *w, clattn_error *error) {
  static const clattn_tensor all[] = {CLATTN_WQ, CLATTN_WK, CLATTN_WV, CLATTN_BQ, CLATTN_BK, CLATTN_BV};
  const clattn_problem *p = w->of.problem;
  for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i) {
    const clattn_tensor tensor = all[i];
    const size_t count = clattn_tensor_elements(p, tensor);
    const void *matrix = clattn_inputs_get(w->of.inputs, tensor);
    if (count == 0 || matrix == NULL) continue;
    w->matrix[tensor] = malloc(count * sizeof(float));
    if (w->matrix[tensor] == NULL) return clattn_fail_malloc(error, count * sizeof(float), clattn_tensor_name(tensor));
    clattn_widen(p->type, matrix, count, w->matrix[tensor]);
  }
  return CLATTN_OK;
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

static clattn_status run(walk *w, clattn_error *error) {
  clattn_status status = clattn_plan_run(w->plan, w->of.inputs, &w->outputs, NULL, error);
  if (status == CLATTN_OK) status = clattn_check(w->plan, w->of.inputs, &w->outputs, NULL, &w->check, error);
  if (status == CLATTN_OK) compare_with_production(w);
  return status;
}

clattn_status clattn_walk_make(clattn_device *device, const clattn_plan_options *options, const walk_source *source,
                               const char *focus, walk_form form, walk *w, clattn_error *error) {
  memset(w, 0, sizeof *w);
  w->outputs = (clattn_outputs)CLATTN_OUTPUTS_INIT;
  w->check = (clattn_check_report)CLATTN_CHECK_REPORT_INIT;
  w->form = form;
  w->of = *source;
  w->example = source->example;
  w->name = source->name != NULL ? source->name : "attention";
  w->device = device;
  w->seen = *source->seen;
  clattn_status status = clattn_problem_validate(source->problem, error);
  if (status == CLATTN_OK) status = choose_queries(w, focus, error);
  if (status == CLATTN_OK) status = make_plan(w, options, error);
  if (status == CLATTN_OK) status = allocate(w, error);
  if (status == CLATTN_OK) status = run(w, error);
  if (status == CLATTN_OK) status = widen_matrices(w, error);
  if (status == CLATTN_OK) status = choose_keys(w, error);
  return status == CLATTN_OK ? clattn_walk_fill_steps(w, error) : status;
}

void clattn_walk_free(walk *w) {
  clattn_plan_destroy(w->plan);
  for (int t = 0; t < CLATTN_TENSOR_COUNT; ++t) {
    free(clattn_outputs_get(&w->outputs, (clattn_tensor)t));
    free(w->matrix[t]);
  }
  free(w->step);
  memset(w, 0, sizeof *w);
}
