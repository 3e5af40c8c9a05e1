/* A walk as JSON, with nine digits per number, which identify the device's float. */
#include <stdio.h>

#include "cli/report/json_values.h"
#include "cli/explain/page.h"

/* ---- lists ------------------------------------------------------------------------------------------------------- */

static json_t *texts(const char *first, size_t size, size_t count) {
  json_t *all = json_array();
  for (size_t i = 0; i < count; ++i) json_add(all, json_text(first + i * size));
  return all;
}

static json_t *numbers(const float *from, size_t count, size_t step) {
  json_t *all = json_array();
  for (size_t i = 0; i < count; ++i) json_add(all, json_number((double)from[i * step]));
  return all;
}

static json_t *matrix(const float *from, size_t rows, size_t columns, size_t row_step) {
  json_t *all = json_array();
  for (size_t r = 0; r < rows; ++r) json_add(all, numbers(from + r * row_step, columns, 1));
  return all;
}

/* null for a missing vector. */
static json_t *vectors(const float *const *vector, size_t count, size_t terms, size_t step) {
  json_t *all = json_array();
  for (size_t i = 0; i < count; ++i) json_add(all, vector[i] == NULL ? json_null() : numbers(vector[i], terms, step));
  return all;
}

/* ---- a step ------------------------------------------------------------------------------------------------------ */

/* Names a term of a step's sums: a column of x, a column of a head's q and k, or a key. */
static void term_name(const walk *w, const walk_step *s, size_t term, walk_name name) {
  const example *e = w->input.example;
  const bool by_key = s->tensor == CLATTN_CONTEXT, by_column = s->tensor == CLATTN_PRODUCTS;
  if (by_key)
    walk_key_name(w, term, name);
  else if (e != NULL)
    snprintf(name, WALK_NAME, "%s", by_column ? e->key_features[s->head * w->seen.head_dim + term] : e->features[term]);
  else
    snprintf(name, WALK_NAME, "%c%zu", by_column ? 'd' : 'x', term);
}

/* Includes the terms if they are few enough to be written out. Always for context, which the
 * page recomputes. */
static json_t *sum_json(const walk *w, const walk_step *s) {
  const walk_sum *sum = &s->sum;
  walk_name name[WALK_MOST];
  if (sum->terms == 0) return json_null();
  json_t *all =
      json_pack("{s:s, s:s?, s:o, s:o}", "left_name", sum->left_name, "right_name", sum->right_name, "count",
                json_count(sum->terms), "bias", sum->bias == NULL ? json_null() : numbers(sum->bias, s->columns, 1));
  if (sum->terms > WALK_WHOLE && s->tensor != CLATTN_CONTEXT) return all;
  for (size_t t = 0; t < sum->terms; ++t) term_name(w, s, t, name[t]);
  json_object_set_new(all, "terms", texts(name[0], sizeof name[0], sum->terms));
  json_object_set_new(all, "left", vectors(sum->left, s->rows, sum->terms, 1));
  json_object_set_new(all, "right", vectors(sum->right, s->columns, sum->terms, sum->right_step));
  return all;
}

static size_t line_count(const walk_step *s) {
  size_t count = 0;
  while (count < WALK_LINES && s->line[count][0] != '\0') ++count;
  return count;
}

static json_t *step_json(const walk *w, const walk_step *s) {
  const size_t keys = s->kind == WALK_SOFTMAX ? s->columns - 2 : 0;
  return json_pack("{s:s, s:o, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "tensor",
                   clattn_tensor_name(s->tensor), "head", s->head == SIZE_MAX ? json_null() : json_count(s->head), "id",
                   s->id, "title", s->title, "about", s->about, "left_out", s->left_out, "rows",
                   texts(s->row[0], sizeof s->row[0], s->rows), "columns",
                   texts(s->column[0], sizeof s->column[0], s->columns), "values",
                   matrix(s->value[0], s->rows, s->columns, WALK_COLUMNS), "scores",
                   keys == 0 ? json_null() : matrix(s->score[0], s->rows, keys, WALK_MOST), "sum", sum_json(w, s),
                   "lines", texts(s->line[0], sizeof s->line[0], line_count(s)));
}

/* ---- all --------------------------------------------------------------------------------------------------------- */

static json_t *check_json(const walk *w) {
  double worst;
  const size_t count = walk_checked(w, &worst);
  json_t *wrong = json_array();
  for (size_t i = 0; i < w->check.count; ++i)
    if (!w->check.check[i].passed) json_add(wrong, json_text(clattn_tensor_name(w->check.check[i].tensor)));
  return json_pack("{s:b, s:o, s:o, s:o}", "passed", (int)w->check.passed, "numbers", json_count(count), "worst",
                   json_number(worst), "wrong", wrong);
}

static json_t *queries_json(const walk *w) {
  walk_name name[WALK_MOST];
  for (size_t i = 0; i < w->query.count; ++i) walk_query_name(w, w->query.index[i], name[i]);
  return texts(name[0], sizeof name[0], w->query.count);
}

json_t *page_json(const walk *w) {
  const clattn_problem *p = &w->seen;
  const example *e = w->input.example;
  json_t *steps = json_array();
  for (size_t i = 0; i < w->steps; ++i) json_add(steps, step_json(w, &w->step[i]));
  return json_pack(
      "{s:s, s:o, s:s?, s:s?, s:s?, s:s?, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "version", CLATTN_VERSION,
      "name", json_text(w->input.name), "article", e == NULL ? NULL : e->article, "where", e == NULL ? NULL : e->where,
      "question", e == NULL ? NULL : e->question, "note", e == NULL ? NULL : e->note, "device",
      json_text(clattn_device_get_info(w->device)->name), "batch", json_count(p->batch), "heads", json_count(w->heads),
      "all_heads", json_count(p->heads), "queries", queries_json(w), "begin", json_count(w->begin), "scale",
      json_number((double)clattn_problem_scale(p)), "sinks",
      p->sinks ? numbers(w->input.inputs.sinks, w->heads, 1) : json_null(), "check", check_json(w), "steps", steps);
}
