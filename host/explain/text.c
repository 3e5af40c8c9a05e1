/* Prints a walk: tables, sums written out, and heat maps made of blocks. */
#include "explain/text.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "explain/words.h"

/* ---- numbers ----------------------------------------------------------------------------------------------------- */

/* The number of decimals that show the whole value, at most six. */
static int digits_of(double value) {
  static const double power[] = {1.0, 10.0, 100.0, 1000.0};
  if (!isfinite(value)) return 0;
  for (int digits = 0; digits < 4; ++digits)
    if (fabs(value - round(value * power[digits]) / power[digits]) < 6e-8 * (1.0 + fabs(value))) return digits;
  return 6;
}

const char *clattn_text_number(double value, int digits, char text[24]) {
  if (value == 0.0) value = 0.0; /* no minus sign */
  if (isinf(value))
    snprintf(text, 24, "%s", value < 0 ? "masked" : "inf");
  else if (fabs(value) >= 1e6 || (value != 0.0 && fabs(value) < 5e-7))
    snprintf(text, 24, "%.3g", value);
  else
    snprintf(text, 24, "%.*f", digits, value);
  return text;
}

/* A term of a sum, as short as possible. */
static const char *term(double value, char text[24]) {
  if (value == 0.0) value = 0.0;
  snprintf(text, 24, value < 0 ? "(%.4g)" : "%.4g", value);
  return text;
}

/* The number of decimals for a whole table. */
static int most_digits(const walk_step *s) {
  int most = 0;
  for (size_t r = 0; r < s->rows; ++r)
    for (size_t c = 0; c < s->columns; ++c)
      if (digits_of((double)s->value[r][c]) > most) most = digits_of((double)s->value[r][c]);
  return most;
}

const char *clattn_text_own_digits(double value, char text[24]) {
  return clattn_text_number(value, digits_of(value), text);
}

/* ---- a table ----------------------------------------------------------------------------------------------------- */

static size_t widest_row_name(const walk_step *s) {
  size_t widest = 0;
  for (size_t r = 0; r < s->rows; ++r)
    if (clattn_out_width(s->row[r]) > widest) widest = clattn_out_width(s->row[r]);
  return widest;
}

void clattn_text_table(out *o, const walk_step *s) {
  const int digits = most_digits(s);
  const int first = (int)widest_row_name(s);
  int width[WALK_COLUMNS];
  char text[24];
  clattn_out_add(o, "%s  %*s", clattn_out_style(o, OUT_BOLD), first, "");
  for (size_t c = 0; c < s->columns; ++c) {
    size_t widest = clattn_out_width(s->column[c]);
    for (size_t r = 0; r < s->rows; ++r) {
      const size_t length = strlen(clattn_text_number((double)s->value[r][c], digits, text));
      if (length > widest) widest = length;
    }
    width[c] = (int)widest;
    clattn_out_add(o, "  ");
    clattn_out_padded(o, width[c], WALK_NAME, s->column[c]);
  }
  clattn_out_add(o, "%s\n", clattn_out_style(o, OUT_PLAIN));
  for (size_t r = 0; r < s->rows; ++r) {
    clattn_out_add(o, "  ");
    clattn_out_padded(o, -first, WALK_NAME, s->row[r]);
    for (size_t c = 0; c < s->columns; ++c)
      clattn_out_add(o, "  %*s", width[c], clattn_text_number((double)s->value[r][c], digits, text));
    clattn_out_add(o, "\n");
  }
}

/* ---- sums, written out ------------------------------------------------------------------------------------------- */

/* q(man)·k(study), or context(man)[v0] */
static void print_what(out *o, const walk_step *s, size_t r, size_t c) {
  if (s->sum.right_name != NULL)
    clattn_out_add(o, "    %s(%s)·%s(%s) =", s->sum.left_name, s->row[r], s->sum.right_name, s->column[c]);
  else
    clattn_out_add(o, "    %s(%s)[%s] =", s->sum.left_name, s->row[r], s->column[c]);
}

static void print_sum(out *o, const walk_step *s, size_t r, size_t c) {
  const walk_sum *sum = &s->sum;
  char a[24], b[24];
  print_what(o, s, r, c);
  if (sum->terms <= WALK_WHOLE)
    for (size_t t = 0; t < sum->terms; ++t)
      clattn_out_add(o, "%s %s×%s", t > 0 ? " +" : "", term((double)sum->left[r][t], a),
                     term((double)sum->right[c][t * sum->right_step], b));
  else
    clattn_out_add(o, " a sum of %zu products", sum->terms);
  if (sum->bias != NULL) clattn_out_add(o, " + %s", term((double)sum->bias[c], a));
  const double value = (double)s->value[r][c];
  clattn_out_add(o, " = %s\n", clattn_text_own_digits(value, a));
}

static void print_sums(out *o, const walk_step *s) {
  for (size_t r = 0; r < s->rows && s->sum.terms > 0; ++r)
    for (size_t c = 0; c < s->columns && s->sum.left[r] != NULL; ++c) print_sum(o, s, r, c);
}

static void print_share(out *o, const walk_step *s, size_t r, size_t key) {
  char score[24], largest[24], e[24], sum[24], weight[24];
  snprintf(score, sizeof score, "%.4g", (double)s->score[r][key]);
  term((double)s->value[r][0], largest);
  term((double)s->value[r][key + 1], e);
  term((double)s->value[r][s->columns - 1], sum);
  clattn_text_number((double)s->weight[r][key], 6, weight);
  clattn_out_add(o, "    %s to %s: exp(%s - %s) = %s, %s / %s = %s\n", s->row[r], s->column[key + 1], score, largest, e,
                 e, sum, weight);
}

/* Without masked keys. */
static void print_softmax(out *o, const walk_step *s) {
  for (size_t r = 0; r < s->rows; ++r)
    for (size_t j = 0; j + 2 < s->columns; ++j)
      if (s->value[r][j + 1] > 0.0f) print_share(o, s, r, j);
}

/* ---- a heat map -------------------------------------------------------------------------------------------------- */

enum { SHADES = 6, CELL = 8 };

/* Backgrounds from light to dark, of the 256 colours of terminals, each with a readable text
 * colour. */
static const struct {
  int background, text;
} colours[SHADES] = {{254, 16}, {189, 16}, {147, 16}, {105, 16}, {63, 231}, {19, 231}};
static const char *const blocks[SHADES] = {"  ", "░░", "░▒", "▒▒", "▓▓", "██"};

static size_t shade_of(double weight) {
  static const double from[SHADES] = {0.0, 0.02, 0.10, 0.25, 0.50, 0.75};
  size_t shade = 0;
  while (shade + 1 < SHADES && weight >= from[shade + 1]) ++shade;
  return shade;
}

static void print_cell(out *o, double weight) {
  const size_t shade = shade_of(weight);
  char text[16];
  clattn_words_share(weight, text);
  if (weight == 0.0) snprintf(text, sizeof text, "masked");
  if (o->coloured)
    clattn_out_add(o, " \033[48;5;%dm\033[38;5;%dm%*s \033[0m", colours[shade].background, colours[shade].text, CELL,
                   text);
  else
    clattn_out_add(o, " %s%*s", blocks[shade], CELL - 1, text);
}

static void print_heat_map(out *o, const walk_step *s) {
  const int first = (int)widest_row_name(s);
  clattn_out_add(o, "\n%s  %*s", clattn_out_style(o, OUT_BOLD), first, "");
  for (size_t c = 0; c < s->columns; ++c) {
    clattn_out_add(o, " ");
    clattn_out_padded(o, CELL + 1, CELL + 1, s->column[c]);
  }
  clattn_out_add(o, "%s\n", clattn_out_style(o, OUT_PLAIN));
  for (size_t r = 0; r < s->rows; ++r) {
    clattn_out_add(o, "  ");
    clattn_out_padded(o, -first, WALK_NAME, s->row[r]);
    for (size_t c = 0; c < s->columns; ++c) print_cell(o, (double)s->value[r][c]);
    clattn_out_add(o, "\n");
  }
}

/* ---- a step ------------------------------------------------------------------------------------------------------ */

void clattn_text_step(out *o, const walk_step *s, size_t number) {
  clattn_out_add(o, "\n%s%zu  %s%s\n", clattn_out_style(o, OUT_BOLD), number, s->title, clattn_out_style(o, OUT_PLAIN));
  if (s->about[0] != '\0') clattn_out_add(o, "  %s\n", s->about);
  if (s->left_out[0] != '\0') clattn_out_add(o, "  (%s)\n", s->left_out);
  clattn_out_add(o, "\n");
  clattn_text_table(o, s);
  if (s->sum.terms > 0) clattn_out_add(o, "\n");
  print_sums(o, s);
  if (s->kind == WALK_SOFTMAX) {
    clattn_out_add(o, "\n");
    print_softmax(o, s);
  }
  if (s->kind == WALK_WEIGHTS) print_heat_map(o, s);
  if (s->line[0][0] != '\0') clattn_out_add(o, "\n");
  for (size_t i = 0; i < WALK_LINES && s->line[i][0] != '\0'; ++i) clattn_out_add(o, "  %s\n", s->line[i]);
}

/* ---- before and after the steps
 * ------------------------------------------------------------------------------------------- */

void clattn_text_begin(out *o, const walk *w) {
  const clattn_problem *p = &w->seen;
  const example *e = w->example;
  walk_name focus;
  char source[EXAMPLE_SOURCE] = "";
  if (e != NULL) clattn_example_source(e, source);
  clattn_out_add(o, "%s%s%s%s%s\n", clattn_out_style(o, OUT_BOLD), w->name, clattn_out_style(o, OUT_PLAIN),
                 e != NULL ? ": from the article " : "", source);
  clattn_out_add(o, "%zu %s, %zu %s", w->query.all, w->query.all == 1 ? "query" : "queries", w->key[0].all,
                 w->key[0].all == 1 ? "key" : "keys");
  clattn_out_add(o, ", %zu %s", p->heads, p->heads == 1 ? "head" : "heads");
  if (w->heads < p->heads) clattn_out_add(o, ", %zu of them shown", w->heads);
  if (p->batch > 1) clattn_out_add(o, ", the first of %zu sequences", p->batch);
  clattn_walk_query_name(w, w->focus, focus);
  if (w->query.count < w->query.all) clattn_out_add(o, "; only \"%s\" is shown", focus);
  clattn_out_add(o, "\nevery number is read back from %s\n", clattn_device_get_info(w->device)->name);
}

static void print_check(out *o, const walk *w) {
  double worst;
  const size_t elements = clattn_walk_checked(w, &worst);
  clattn_out_add(o, "\n%s%s%s: %zu numbers against the reference in double, the worst at %.0f %% of its bound\n",
                 clattn_out_style(o, w->check.passed ? OUT_GREEN : OUT_RED), w->check.passed ? "checked" : "FAILED",
                 clattn_out_style(o, OUT_PLAIN), elements, 100.0 * worst);
  for (size_t i = 0; i < w->check.count; ++i)
    if (!w->check.check[i].passed) clattn_out_add(o, "  wrong: %s\n", clattn_tensor_name(w->check.check[i].tensor));
  clattn_out_add(o,
                 "products times the scale equal the scaled scores within %.1e, exps / sum the weights within %.1e\n",
                 w->products_off, w->weights_off);
}

void clattn_text_end(out *o, const walk *w) {
  const example *e = w->example;
  if (e != NULL && e->note != NULL) clattn_out_add(o, "\n%s\n", e->note);
  print_check(o, w);
}
