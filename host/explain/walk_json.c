/* A walk as JSON, with nine digits per number, which identify the device's float. Characters that could end a script
 * or begin a tag are escaped, so that the text can stand within HTML. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "explain/page.h"

/* ---- values ------------------------------------------------------------------------------------------------------ */

static void add_text(out *o, const char *text) {
  if (text == NULL) {
    clattn_out_add(o, "null");
    return;
  }
  clattn_out_bytes(o, "\"", 1);
  for (; *text != '\0'; ++text)
    if (strchr("\"\\<>&", *text) != NULL || (unsigned char)*text < ' ')
      clattn_out_add(o, "\\u%04x", (unsigned)(unsigned char)*text);
    else
      clattn_out_bytes(o, text, 1);
  clattn_out_bytes(o, "\"", 1);
}

/* A text from outside, which may not be UTF-8. */
static void add_foreign(out *o, const char *text) {
  const size_t room = CLATTN_TEXT_GROWTH * strlen(text) + 1;
  char *copy = malloc(room);
  if (copy == NULL) {
    o->failed = true;
    return;
  }
  clattn_text_copy(copy, room, text, true);
  add_text(o, copy);
  free(copy);
}

/* JSON has no NaN and infinity: they become texts. */
static void add_number(out *o, double value) {
  char text[32];
  if (!isfinite(value)) {
    add_text(o, isnan(value) ? "nan" : value > 0 ? "inf" : "-inf");
    return;
  }
  snprintf(text, sizeof text, "%.9g", value);
  for (char *at = text; *at != '\0'; ++at) /* the caller's locale may have another decimal point */
    if (strchr("0123456789+-e", *at) == NULL) *at = '.';
  clattn_out_add(o, "%s", text);
}

/* Begins a member of an object that is not its first. */
static void begin_member(out *o, const char *name) {
  clattn_out_add(o, ",\"%s\":", name);
}

static void member_text(out *o, const char *name, const char *text) {
  begin_member(o, name);
  add_text(o, text);
}

static void member_count(out *o, const char *name, size_t count) {
  begin_member(o, name);
  clattn_out_add(o, "%zu", count);
}

/* ---- lists ------------------------------------------------------------------------------------------------------- */

/* The comma between entries of a list. */
static void separate(out *o, size_t i) {
  if (i > 0) clattn_out_bytes(o, ",", 1);
}

static void add_texts(out *o, const char *first, size_t size, size_t count) {
  clattn_out_bytes(o, "[", 1);
  for (size_t i = 0; i < count; ++i) {
    separate(o, i);
    add_text(o, first + i * size);
  }
  clattn_out_bytes(o, "]", 1);
}

static void add_numbers(out *o, const float *from, size_t count, size_t step) {
  clattn_out_bytes(o, "[", 1);
  for (size_t i = 0; i < count; ++i) {
    separate(o, i);
    add_number(o, (double)from[i * step]);
  }
  clattn_out_bytes(o, "]", 1);
}

static void add_matrix(out *o, const float *from, size_t rows, size_t columns, size_t row_step) {
  clattn_out_bytes(o, "[", 1);
  for (size_t r = 0; r < rows; ++r) {
    separate(o, r);
    add_numbers(o, from + r * row_step, columns, 1);
  }
  clattn_out_bytes(o, "]", 1);
}

/* null for a missing vector. */
static void add_vectors(out *o, const float *const *vector, size_t count, size_t terms, size_t step) {
  clattn_out_bytes(o, "[", 1);
  for (size_t i = 0; i < count; ++i) {
    separate(o, i);
    if (vector[i] == NULL)
      clattn_out_add(o, "null");
    else
      add_numbers(o, vector[i], terms, step);
  }
  clattn_out_bytes(o, "]", 1);
}

/* ---- a step ------------------------------------------------------------------------------------------------------ */

/* Names a term of a step's sums: a column of x, a column of a head's q and k, or a key. */
static void term_name(const walk *w, const walk_step *s, size_t term, walk_name name) {
  const example *e = w->example;
  const bool by_key = s->tensor == CLATTN_CONTEXT, by_column = s->tensor == CLATTN_PRODUCTS;
  if (by_key)
    clattn_walk_key_name(w, term, name);
  else if (e != NULL)
    snprintf(name, WALK_NAME, "%s", by_column ? e->key_features[s->head * w->seen.head_dim + term] : e->features[term]);
  else
    snprintf(name, WALK_NAME, "%c%zu", by_column ? 'd' : 'x', term);
}

/* Includes the terms if they are few enough to be written out. Always for context, which the
 * page recomputes. */
static void add_sum(out *o, const walk *w, const walk_step *s) {
  const walk_sum *sum = &s->sum;
  walk_name name[WALK_MOST];
  if (sum->terms == 0) {
    clattn_out_add(o, "null");
    return;
  }
  clattn_out_add(o, "{\"left_name\":");
  add_text(o, sum->left_name);
  member_text(o, "right_name", sum->right_name);
  member_count(o, "count", sum->terms);
  begin_member(o, "bias");
  if (sum->bias == NULL)
    clattn_out_add(o, "null");
  else
    add_numbers(o, sum->bias, s->columns, 1);
  if (sum->terms <= WALK_WHOLE || s->tensor == CLATTN_CONTEXT) {
    for (size_t t = 0; t < sum->terms; ++t) term_name(w, s, t, name[t]);
    begin_member(o, "terms");
    add_texts(o, name[0], sizeof name[0], sum->terms);
    begin_member(o, "left");
    add_vectors(o, sum->left, s->rows, sum->terms, 1);
    begin_member(o, "right");
    add_vectors(o, sum->right, s->columns, sum->terms, sum->right_step);
  }
  clattn_out_bytes(o, "}", 1);
}

static size_t line_count(const walk_step *s) {
  size_t count = 0;
  while (count < WALK_LINES && s->line[count][0] != '\0') ++count;
  return count;
}

static void add_step(out *o, const walk *w, const walk_step *s) {
  const size_t keys = s->kind == WALK_SOFTMAX ? s->columns - 2 : 0;
  clattn_out_add(o, "{\"tensor\":\"%s\"", clattn_tensor_name(s->tensor));
  if (s->head == SIZE_MAX)
    clattn_out_add(o, ",\"head\":null");
  else
    member_count(o, "head", s->head);
  member_text(o, "id", s->id);
  member_text(o, "title", s->title);
  member_text(o, "about", s->about);
  member_text(o, "left_out", s->left_out);
  begin_member(o, "rows");
  add_texts(o, s->row[0], sizeof s->row[0], s->rows);
  begin_member(o, "columns");
  add_texts(o, s->column[0], sizeof s->column[0], s->columns);
  begin_member(o, "values");
  add_matrix(o, s->value[0], s->rows, s->columns, WALK_COLUMNS);
  begin_member(o, "scores");
  if (keys == 0)
    clattn_out_add(o, "null");
  else
    add_matrix(o, s->score[0], s->rows, keys, WALK_MOST);
  begin_member(o, "sum");
  add_sum(o, w, s);
  begin_member(o, "lines");
  add_texts(o, s->line[0], sizeof s->line[0], line_count(s));
  clattn_out_bytes(o, "}", 1);
}

/* ---- all --------------------------------------------------------------------------------------------------------- */

static void add_check(out *o, const walk *w) {
  double worst;
  const size_t count = clattn_walk_checked(w, &worst);
  size_t wrong = 0;
  clattn_out_add(o, "{\"passed\":%s", w->check.passed ? "true" : "false");
  member_count(o, "numbers", count);
  begin_member(o, "worst");
  add_number(o, worst);
  clattn_out_add(o, ",\"wrong\":[");
  for (size_t i = 0; i < w->check.count; ++i) {
    if (w->check.check[i].passed) continue;
    separate(o, wrong++);
    add_text(o, clattn_tensor_name(w->check.check[i].tensor));
  }
  clattn_out_add(o, "]}");
}

static void add_queries(out *o, const walk *w) {
  walk_name name[WALK_MOST];
  for (size_t i = 0; i < w->query.count; ++i) clattn_walk_query_name(w, w->query.index[i], name[i]);
  add_texts(o, name[0], sizeof name[0], w->query.count);
}

void clattn_page_json(out *o, const walk *w) {
  const clattn_problem *p = &w->seen;
  const example *e = w->example;
  clattn_out_add(o, "{\"version\":\"%s\",\"name\":", CLATTN_VERSION);
  add_foreign(o, w->name);
  member_text(o, "article", e == NULL ? NULL : e->article);
  member_text(o, "where", e == NULL ? NULL : e->where);
  member_text(o, "question", e == NULL ? NULL : e->question);
  member_text(o, "note", e == NULL ? NULL : e->note);
  begin_member(o, "device");
  add_foreign(o, clattn_device_get_info(w->device)->name);
  member_count(o, "batch", p->batch);
  member_count(o, "heads", w->heads);
  member_count(o, "all_heads", p->heads);
  begin_member(o, "queries");
  add_queries(o, w);
  member_count(o, "begin", w->begin);
  begin_member(o, "scale");
  add_number(o, (double)clattn_problem_scale(p));
  begin_member(o, "sinks");
  if (p->sinks)
    add_numbers(o, w->of.inputs->sinks, w->heads, 1);
  else
    clattn_out_add(o, "null");
  begin_member(o, "check");
  add_check(o, w);
  clattn_out_add(o, ",\"steps\":[");
  for (size_t i = 0; i < w->steps; ++i) {
    separate(o, i);
    add_step(o, w, &w->step[i]);
  }
  clattn_out_add(o, "]}");
}
