/* Prints a walk: tables, sums written out, and heat maps made of blocks. */
#include "cli/explain/text.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/report/terminal.h"
#include "cli/explain/words.h"

/* ---- numbers ----------------------------------------------------------------------------------------------------- */

/* The number of decimals that show the whole value, at most six. */
static int digits_of(double value) {
  static const double power[] = {1.0, 10.0, 100.0, 1000.0};
  if (!isfinite(value)) return 0;
  for (int digits = 0; digits < 4; ++digits)
    if (fabs(value - round(value * power[digits]) / power[digits]) < 6e-8 * (1.0 + fabs(value))) return digits;
  return 6;
}

const char *text_number(double value, int digits, char text[24]) {
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

const char *text_own_digits(double value, char text[24]) {
  return text_number(value, digits_of(value), text);
}

/* ---- a table ----------------------------------------------------------------------------------------------------- */

static size_t widest_row_name(const walk_step *s) {
  size_t widest = 0;
  for (size_t r = 0; r < s->rows; ++r)
    if (strlen(s->row[r]) > widest) widest = strlen(s->row[r]);
  return widest;
}

void text_table(const walk_step *s) {
  const int digits = most_digits(s);
  const int first = (int)widest_row_name(s);
  int width[WALK_COLUMNS];
  char text[24];
  printf("%s  %*s", style(BOLD), first, "");
  for (size_t c = 0; c < s->columns; ++c) {
    size_t widest = strlen(s->column[c]);
    for (size_t r = 0; r < s->rows; ++r) {
      const size_t length = strlen(text_number((double)s->value[r][c], digits, text));
      if (length > widest) widest = length;
    }
    width[c] = (int)widest;
    printf("  %*s", width[c], s->column[c]);
  }
  printf("%s\n", style(PLAIN));
  for (size_t r = 0; r < s->rows; ++r) {
    printf("  %-*s", first, s->row[r]);
    for (size_t c = 0; c < s->columns; ++c)
      printf("  %*s", width[c], text_number((double)s->value[r][c], digits, text));
    putchar('\n');
  }
}

/* ---- sums, written out ------------------------------------------------------------------------------------------- */

/* q(man)·k(study), or context(man)[v0] */
static void print_what(const walk_step *s, size_t r, size_t c) {
  if (s->sum.right_name != NULL)
    printf("    %s(%s)·%s(%s) =", s->sum.left_name, s->row[r], s->sum.right_name, s->column[c]);
  else
    printf("    %s(%s)[%s] =", s->sum.left_name, s->row[r], s->column[c]);
}

static void print_sum(const walk_step *s, size_t r, size_t c) {
  const walk_sum *sum = &s->sum;
  char a[24], b[24];
  print_what(s, r, c);
  if (sum->terms <= WALK_WHOLE)
    for (size_t t = 0; t < sum->terms; ++t)
      printf("%s %s×%s", t > 0 ? " +" : "", term((double)sum->left[r][t], a),
             term((double)sum->right[c][t * sum->right_step], b));
  else
    printf(" a sum of %zu products", sum->terms);
  if (sum->bias != NULL) printf(" + %s", term((double)sum->bias[c], a));
  const double value = (double)s->value[r][c];
  printf(" = %s\n", text_own_digits(value, a));
}

static void print_sums(const walk_step *s) {
  for (size_t r = 0; r < s->rows && s->sum.terms > 0; ++r)
    for (size_t c = 0; c < s->columns && s->sum.left[r] != NULL; ++c) print_sum(s, r, c);
}

static void print_share(const walk_step *s, size_t r, size_t key) {
  char score[24], largest[24], e[24], sum[24], weight[24];
  snprintf(score, sizeof score, "%.4g", (double)s->score[r][key]);
  term((double)s->value[r][0], largest);
  term((double)s->value[r][key + 1], e);
  term((double)s->value[r][s->columns - 1], sum);
  text_number((double)s->weight[r][key], 6, weight);
  printf("    %s to %s: exp(%s - %s) = %s, %s / %s = %s\n", s->row[r], s->column[key + 1], score, largest, e, e, sum,
         weight);
}

/* Without masked keys. */
static void print_softmax(const walk_step *s) {
  for (size_t r = 0; r < s->rows; ++r)
    for (size_t j = 0; j + 2 < s->columns; ++j)
      if (s->value[r][j + 1] > 0.0f) print_share(s, r, j);
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

static void print_cell(double weight) {
  const size_t shade = shade_of(weight);
  char text[16];
  words_share(weight, text);
  if (weight == 0.0) snprintf(text, sizeof text, "masked");
  if (may_colour())
    printf(" \033[48;5;%dm\033[38;5;%dm%*s \033[0m", colours[shade].background, colours[shade].text, CELL, text);
  else
    printf(" %s%*s", blocks[shade], CELL - 1, text);
}

static void print_heat_map(const walk_step *s) {
  const int first = (int)widest_row_name(s);
  printf("\n%s  %*s", style(BOLD), first, "");
  for (size_t c = 0; c < s->columns; ++c) printf(" %*.9s", CELL + 1, s->column[c]);
  printf("%s\n", style(PLAIN));
  for (size_t r = 0; r < s->rows; ++r) {
    printf("  %-*s", first, s->row[r]);
    for (size_t c = 0; c < s->columns; ++c) print_cell((double)s->value[r][c]);
    putchar('\n');
  }
}

/* ---- a step ------------------------------------------------------------------------------------------------------ */

void text_step(const walk_step *s, size_t number) {
  printf("\n%s%zu  %s%s\n", style(BOLD), number, s->title, style(PLAIN));
  if (s->about[0] != '\0') printf("  %s\n", s->about);
  if (s->left_out[0] != '\0') printf("  (%s)\n", s->left_out);
  putchar('\n');
  text_table(s);
  if (s->sum.terms > 0) putchar('\n');
  print_sums(s);
  if (s->kind == WALK_SOFTMAX) {
    putchar('\n');
    print_softmax(s);
  }
  if (s->kind == WALK_WEIGHTS) print_heat_map(s);
  if (s->line[0][0] != '\0') putchar('\n');
  for (size_t i = 0; i < WALK_LINES && s->line[i][0] != '\0'; ++i) printf("  %s\n", s->line[i]);
}

/* ---- before and after the steps
 * ------------------------------------------------------------------------------------------- */

void text_begin(const walk *w) {
  const clattn_problem *p = &w->seen;
  const example *e = w->input.example;
  walk_name focus;
  char source[EXAMPLE_SOURCE] = "";
  if (e != NULL) example_source(e, source);
  printf("%s%s%s%s%s\n", style(BOLD), w->input.name, style(PLAIN), e != NULL ? ": from the article " : "", source);
  printf("%zu %s, %zu %s", w->query.all, w->query.all == 1 ? "query" : "queries", w->key[0].all,
         w->key[0].all == 1 ? "key" : "keys");
  printf(", %zu %s", p->heads, p->heads == 1 ? "head" : "heads");
  if (w->heads < p->heads) printf(", %zu of them shown", w->heads);
  if (p->batch > 1) printf(", the first of %zu sequences", p->batch);
  walk_query_name(w, w->focus, focus);
  if (w->query.count < w->query.all) printf("; only \"%s\" is shown (--focus)", focus);
  printf("\nevery number is read back from %s\n", clattn_device_get_info(w->device)->name);
}

static void print_check(const walk *w) {
  double worst;
  const size_t elements = walk_checked(w, &worst);
  printf("\n%s%s%s: %zu numbers against the reference in double, the worst at %.0f %% of its bound\n",
         style(w->check.passed ? GREEN : RED), w->check.passed ? "checked" : "FAILED", style(PLAIN), elements,
         100.0 * worst);
  for (size_t i = 0; i < w->check.count; ++i)
    if (!w->check.check[i].passed) printf("  wrong: %s\n", clattn_tensor_name(w->check.check[i].tensor));
  printf("products times the scale equal the scaled scores within %.1e, exps / sum the weights within %.1e\n",
         w->products_off, w->weights_off);
}

void text_end(const walk *w) {
  const example *e = w->input.example;
  if (e != NULL && e->note != NULL) printf("\n%s\n", e->note);
  print_check(w);
}
