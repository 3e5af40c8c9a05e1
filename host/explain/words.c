/* Sentences about weights; every number comes from the device. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "explain/walk.h"
#include "explain/words.h"

/* Weights that differ by less are called the same: two weights of 0.248255 may differ in their
 * last bits. */
#define SAME 1e-6
/* Up to so many keys are named; more are counted. */
#define MOST_ALIKE 3

const char *clattn_words_share(double weight, char text[16]) {
  const double percent = 100.0 * weight;
  if (percent != 0.0 && percent < 0.1)
    snprintf(text, 16, "< 0.1 %%");
  else
    snprintf(text, 16, percent >= 99.95 || percent == 0.0 ? "%.0f %%" : "%.1f %%", percent);
  return text;
}

/* The key with the largest weight. */
static size_t strongest(const float *weights, size_t keys) {
  size_t best = 0;
  for (size_t j = 1; j < keys; ++j)
    if (weights[j] > weights[best]) best = j;
  return best;
}

/* Writes 44.6 % to "study" and "man" each: all keys with this weight, and marks them in `said`.
 * Returns the length. */
static size_t say_alike(const walk *w, const walk_choice *keys, const float *weights, double weight, bool *said,
                        bool continued, char *line, size_t size) {
  size_t alike = 0, used, named = 0;
  char share[16];
  walk_name name;
  for (size_t c = 0; c < keys->count; ++c) alike += !said[c] && fabs((double)weights[keys->index[c]] - weight) <= SAME;
  used = (size_t)snprintf(line, size, "%s %s to", continued ? "," : "", clattn_words_share(weight, share));
  if (alike > MOST_ALIKE)
    used += (size_t)snprintf(line + used, size - used, continued ? " %zu others each" : " %zu keys each", alike);
  for (size_t c = 0; c < keys->count; ++c) {
    if (said[c] || fabs((double)weights[keys->index[c]] - weight) > SAME) continue;
    said[c] = true;
    clattn_walk_key_name(w, keys->index[c], name);
    if (alike <= MOST_ALIKE)
      used += (size_t)snprintf(line + used, size - used, "%s \"%s\"", named++ > 0 ? " and" : "", name);
  }
  if (alike > 1 && alike <= MOST_ALIKE) used += (size_t)snprintf(line + used, size - used, " each");
  return used;
}

/* Writes "it" gives 64.0 % to "dog", 14.3 % to "ball", ...: the three largest shares, equal ones
 * together. */
static void say_row(const walk *w, size_t head, size_t r, char *line) {
  const walk_choice *keys = &w->key[head];
  const float *weights = clattn_walk_scores_row(w, w->outputs.weights, head, r);
  bool said[WALK_MOST] = {false};
  walk_name name;
  clattn_walk_query_name(w, w->query.index[r], name);
  size_t used = (size_t)snprintf(line, WALK_LINE, "\"%s\" gives", name);
  for (int i = 0; i < 3; ++i) {
    size_t best = keys->count;
    for (size_t c = 0; c < keys->count; ++c)
      if (!said[c] && (best == keys->count || weights[keys->index[c]] > weights[keys->index[best]])) best = c;
    if (best == keys->count || !(weights[keys->index[best]] > 0.0f)) break;
    used += say_alike(w, keys, weights, (double)weights[keys->index[best]], said, i > 0, line + used, WALK_LINE - used);
  }
  if (used < WALK_LINE && keys->count > 0 && !(weights[strongest(weights, keys->all)] > 0.0f))
    used += (size_t)snprintf(line + used, WALK_LINE - used, " nothing: every key is masked");
  if (used < WALK_LINE) snprintf(line + used, WALK_LINE - used, ".");
}

/* The column with the largest term of a product, as in "animate 3x2". */
static size_t largest_term(const walk *w, size_t head, size_t query, size_t key) {
  const float *q = clattn_walk_query(w, head, query), *k = clattn_walk_key(w, head, key);
  size_t best = 0;
  for (size_t c = 1; c < w->seen.head_dim; ++c)
    if (q[c] * k[c] > q[best] * k[best]) best = c;
  return best;
}

static void say_why(const walk *w, size_t head, size_t key, char *line) {
  const example *e = w->example;
  const size_t r = clattn_walk_focus_row(w), c = largest_term(w, head, w->focus, key);
  const float product = clattn_walk_scores_row(w, w->outputs.products, head, r)[key];
  const float *q = clattn_walk_query(w, head, w->focus), *k = clattn_walk_key(w, head, key);
  snprintf(line, WALK_LINE, "Why: q(%s)·k(%s) = %.4g, of which \"%s\" gives %.4g × %.4g.", e->tokens[w->focus],
           e->tokens[key], (double)product, e->key_features[head * w->seen.head_dim + c], (double)q[c], (double)k[c]);
}

/* Compares the two keys of the article's question, and names a stronger one if there is one. */
static void say_answer(const walk *w, size_t head, char *line) {
  const example *e = w->example;
  const float *weights = clattn_walk_scores_row(w, w->outputs.weights, head, clattn_walk_focus_row(w));
  const double first = (double)weights[e->asked[0]], second = (double)weights[e->asked[1]];
  const char *focus = e->tokens[w->focus], *one = e->tokens[e->asked[0]], *other = e->tokens[e->asked[1]];
  const size_t best = strongest(weights, e->token_count);
  char shares[3][16];
  clattn_words_share(first, shares[0]);
  clattn_words_share(second, shares[1]);
  size_t used = 0;
  if (fabs(first - second) <= SAME)
    used = (size_t)snprintf(line, WALK_LINE, "\"%s\" and \"%s\" get the same from \"%s\", %s each", one, other, focus,
                            shares[0]);
  else if (first > second)
    used = (size_t)snprintf(line, WALK_LINE, "\"%s\" gives more to \"%s\", %s, than to \"%s\", %s", focus, one,
                            shares[0], other, shares[1]);
  else
    used = (size_t)snprintf(line, WALK_LINE, "\"%s\" gives more to \"%s\", %s, than to \"%s\", %s", focus, other,
                            shares[1], one, shares[0]);
  if (best != e->asked[0] && best != e->asked[1])
    used += (size_t)snprintf(line + used, WALK_LINE - used, "; most goes to %s\"%s\", %s",
                             best == w->focus ? "itself, " : "", e->tokens[best],
                             clattn_words_share((double)weights[best], shares[2]));
  snprintf(line + used, WALK_LINE - used, ".");
}

void clattn_walk_say_weights(const walk *w, size_t head, walk_step *step) {
  const example *e = w->example;
  size_t lines = 0;
  for (size_t r = 0; r < step->rows; ++r) say_row(w, head, r, step->line[lines++]);
  const bool asked = e != NULL && w->query.index[clattn_walk_focus_row(w)] == e->focus && w->focus == e->focus;
  if (!asked) return;
  snprintf(step->line[lines++], WALK_LINE, "%s", e->question);
  say_answer(w, head, step->line[lines++]);
  say_why(w, head,
          strongest(clattn_walk_scores_row(w, w->outputs.weights, head, clattn_walk_focus_row(w)), e->token_count),
          step->line[lines++]);
}
