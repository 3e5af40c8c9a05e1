/* Ratios and crossings, computed from the times. */
#include "cli/compare/comparison.h"

#include <stdio.h>
#include <stdlib.h>

result *comparison_result(const comparison *c, size_t length, size_t who) {
  return &c->result[length * c->contestants + who];
}

const char *result_state_name(result_state state) {
  static const char *const names[RESULT_STATES] = {"left out", "cannot run", "wrong", "timed"};
  return names[state];
}

const char *result_trouble(const result *r) {
  return r->state == RESULT_WRONG ? "WRONG: not timed" : r->reason;
}

/* 0 if there is no time. */
static double total_of(const comparison *c, size_t length, size_t who) {
  const result *r = comparison_result(c, length, who);
  return r->state == RESULT_TIMED ? r->total : 0.0;
}

static double compute_of(const comparison *c, size_t length, size_t who) {
  const result *r = comparison_result(c, length, who);
  return r->state == RESULT_TIMED ? r->median.compute : 0.0;
}

size_t comparison_fastest(const comparison *c, size_t length) {
  size_t best = c->contestants;
  for (size_t i = 0; i < c->contestants; ++i) {
    const double total = total_of(c, length, i);
    if (total > 0.0 && (best == c->contestants || total < total_of(c, length, best))) best = i;
  }
  return best;
}

double comparison_ratio(const comparison *c, size_t length, size_t who, size_t than) {
  if (than >= c->contestants) return 0.0;
  const double of = total_of(c, length, than);
  return of > 0.0 ? total_of(c, length, who) / of : 0.0;
}

bool comparison_any_wrong(const comparison *c) {
  for (size_t i = 0; i < c->lengths * c->contestants; ++i)
    if (c->result[i].state == RESULT_WRONG) return true;
  return false;
}

/* ---- crossings --------------------------------------------------------------------------------------------------- */

/* lengths, then the totals of each contestant, then the computing times of each. */
typedef struct lines {
  double *memory;
  size_t lengths, contestants;
} lines;

static double *line_of(const lines *l, bool compute, size_t who) {
  return l->memory + l->lengths * (1 + (compute ? l->contestants : 0) + who);
}

static bool draw_lines(const comparison *c, lines *l) {
  *l = (lines){malloc((1 + 2 * c->contestants) * c->lengths * sizeof(double)), c->lengths, c->contestants};
  if (l->memory == NULL) return false;
  for (size_t n = 0; n < c->lengths; ++n) {
    l->memory[n] = (double)c->length[n];
    for (size_t i = 0; i < c->contestants; ++i) {
      line_of(l, false, i)[n] = total_of(c, n, i);
      line_of(l, true, i)[n] = compute_of(c, n, i);
    }
  }
  return true;
}

static crossing cross(const lines *l, bool compute, size_t one, size_t other) {
  return crossing_of(l->memory, line_of(l, compute, one), line_of(l, compute, other), l->lengths);
}

/* Cuts the lines off after each length in turn: when the number of changes grows, the last one
 * is new. */
static size_t add_crossings(const lines *l, size_t one, size_t other, crossing *to) {
  size_t count = 0;
  for (size_t n = 2; n <= l->lengths; ++n) {
    const crossing c = crossing_of(l->memory, line_of(l, false, one), line_of(l, false, other), n);
    if (c.changes > count) to[count++] = c;
  }
  return count;
}

crossing *comparison_crossings(const comparison *c, size_t *count) {
  lines l;
  crossing *all = malloc((c->contestants * c->contestants * c->lengths + 1) * sizeof *all);
  *count = 0;
  if (all == NULL || !draw_lines(c, &l)) {
    free(all);
    return NULL;
  }
  for (size_t a = 0; a < c->contestants; ++a)
    for (size_t b = a + 1; b < c->contestants; ++b) *count += add_crossings(&l, a, b, all + *count);
  free(l.memory);
  return all;
}

overtaking *comparison_overtakings(const comparison *c, size_t *count) {
  lines l;
  overtaking *all = malloc((c->contestants * c->contestants + 1) * sizeof *all);
  *count = 0;
  if (all == NULL || !draw_lines(c, &l)) {
    free(all);
    return NULL;
  }
  for (size_t a = 0; a < c->contestants; ++a)
    for (size_t b = a + 1; b < c->contestants; ++b) {
      const crossing total = cross(&l, false, a, b);
      if (total.kind == CROSSING_UNKNOWN) continue;
      const bool a_ahead = total.kind == CROSSING_ALWAYS || total.kind == CROSSING_FROM;
      const size_t one = a_ahead ? a : b, other = a_ahead ? b : a;
      all[(*count)++] = (overtaking){one, other, cross(&l, false, one, other), cross(&l, true, one, other)};
    }
  free(l.memory);
  return all;
}

bool comparison_disturbed(const comparison *c, char text[STEADY_TEXT]) {
  steadiness s = {0};
  for (size_t i = 0; i < c->lengths * c->contestants; ++i) {
    const result *r = &c->result[i];
    char name[STEADY_NAME];
    if (r->state != RESULT_TIMED) continue;
    snprintf(name, sizeof name, "%zu at %zu tokens", i % c->contestants + 1, c->length[i / c->contestants]);
    steady_add_times(&s, name, r->spread, r->total, r->runs);
  }
  return steady_text(&s, text);
}
