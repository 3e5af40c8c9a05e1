/* Calibrates the bounds: float arithmetic in every order that a kernel may use, on easy and
 * difficult inputs, must never be rejected, and the same with one mistake must be rejected in
 * nearly all cases.
 *
 * This test needs no device. It computes sums in float: sequentially, in strips, in 16 lanes or as
 * a tree, with and without fused multiply-adds, as the catalogue's kernels and GPUs do. It prints
 * false alarms (0 allowed) and the share of mistakes that were caught (99 % required). Mistakes
 * that change no result by more than VISIBLE roundings of the added terms do not count, because
 * correct kernels differ by as much. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "check/compare.h"
#include "sums.h"
#include "support.h"

#define VISIBLE (16.0 * 5.9604644775390625e-08) /* relative to the magnitude */
#define ROWS 12                                 /* rows of one tensor: gate 2 checks a whole tensor */

static const char *const mistake_names[MISTAKES] = {"",
                                                    "first term dropped",
                                                    "last term dropped",
                                                    "a term in the middle dropped",
                                                    "a term twice",
                                                    "0.1 % too large",
                                                    "the neighbour's row",
                                                    "zero",
                                                    "NaN",
                                                    "terms in half precision",
                                                    "a strip lost",
                                                    "a sign changed"};

/* ---- one tensor of each kind of stage
 * ------------------------------------------------------------------------------------ */

typedef struct tally {
  size_t configurations, false_alarms;
  size_t injected[MISTAKES], caught[MISTAKES];
} tally;

static void judge(tally *t, clattn_comparison *c, mistake wrong, bool differs, const char *what) {
  clattn_comparison_finish(c);
  if (wrong == NONE) {
    ++t->configurations;
    if (!c->check.passed) {
      ++t->false_alarms;
      print_message("false alarm: %s: ratio %.3g, largest error %.3g, allowed %.3g\n", what, c->check.ratio,
                    c->check.largest_error, c->check.allowed_error);
    }
  } else if (differs) {
    ++t->injected[wrong];
    t->caught[wrong] += !c->check.passed;
  }
}

/* Sums of products: project, scores and, with weights as a, context. a (ROWS + 1, terms), b
 * (terms). */
static void product_tensor(tally *t, const float *a, const float *b, size_t terms, order how, bool fused, mistake wrong,
                           const char *what) {
  clattn_comparison c = {.check = {.tensor = CLATTN_Q}};
  bool differs = false;
  for (size_t row = 0; row < ROWS; ++row) {
    const sum_input right = {a + row * terms, b, terms, NONE},
                    given = {a + (row + (wrong == NEIGHBOUR)) * terms, b, terms, wrong};
    double expected = 0.0, magnitude = 0.0;
    for (size_t i = 0; i < terms; ++i) {
      const double product = (double)right.a[i] * (double)b[i];
      expected += product;
      magnitude += fabs(product);
    }
    const clattn_element e = {sum_in(&given, how, fused), expected, sum_in(&right, SEQUENTIAL, false),
                              clattn_bound_product(magnitude, terms, chain_of(how, terms)), magnitude};
    differs = differs || !(fabs((double)e.got - (double)sum_in(&right, how, fused)) <= VISIBLE * magnitude);
    clattn_compare(&c, &row, 1, &e);
  }
  judge(t, &c, wrong, differs, what);
}

static void softmax_row(const float *scores, size_t keys, order how, mistake wrong, float *weights) {
  float largest = -INFINITY;
  for (size_t i = 0; i < keys; ++i) largest = fmaxf(largest, scores[i]);
  for (size_t i = 0; i < keys; ++i) weights[i] = expf(scores[i] - largest);
  const sum_input in = {weights, NULL, keys, wrong};
  const float sum = sum_in(&in, how, false);
  for (size_t i = 0; i < keys; ++i) weights[i] /= sum;
}

static void softmax_tensor(tally *t, const float *scores, size_t keys, order how, mistake wrong, float *memory,
                           const char *what) {
  clattn_comparison c = {.check = {.tensor = CLATTN_WEIGHTS}};
  float *got = memory, *naive = memory + keys, *correct = memory + 2 * keys;
  bool differs = false;
  for (size_t row = 0; row < ROWS; ++row) {
    const float *s = scores + row * keys;
    softmax_row(scores + (row + (wrong == NEIGHBOUR)) * keys, keys, how, wrong, got);
    softmax_row(s, keys, SEQUENTIAL, NONE, naive);
    softmax_row(s, keys, how, NONE, correct);
    float largest = -INFINITY, absolute = 0.0f;
    double sum = 0.0;
    for (size_t i = 0; i < keys; ++i) {
      largest = fmaxf(largest, s[i]);
      absolute = fmaxf(absolute, fabsf(s[i]));
    }
    for (size_t i = 0; i < keys; ++i) sum += exp((double)s[i] - (double)largest);
    for (size_t i = 0; i < keys; ++i) {
      const double weight = exp((double)s[i] - (double)largest) / sum;
      const clattn_element e = {got[i], weight, naive[i],
                                clattn_bound_weight(weight, (double)absolute, keys, chain_of(how, keys)), weight};
      const size_t index[2] = {row, i};
      clattn_compare(&c, index, 2, &e);
      differs = differs || !(fabs((double)got[i] - (double)correct[i]) <= VISIBLE * weight);
    }
  }
  judge(t, &c, wrong, differs, what);
}

static void one_length(tally *t, size_t terms) {
  float *a = malloc((ROWS + 1) * terms * sizeof *a), *b = malloc(terms * sizeof *b),
        *memory = malloc(3 * terms * sizeof *b);
  assert_true(a != NULL && b != NULL && memory != NULL);
  for (int kind = 0; kind < KINDS; ++kind)
    for (int how = 0; how < ORDERS; ++how)
      for (int wrong = 0; wrong < MISTAKES; ++wrong) {
        char what[96];
        for (size_t row = 0; row <= ROWS; ++row) fill(a + row * terms, terms, (input_kind)kind);
        fill(b, terms, kind == ONE_HOT ? RANDOM : (input_kind)kind);
        snprintf(what, sizeof what, "product, %zu terms, inputs %d, order %d", terms, kind, how);
        for (int fused = 0; fused < 2; ++fused)
          product_tensor(t, a, b, terms, (order)how, fused != 0, (mistake)wrong, what);
        if (wrong != SIGN &&
            wrong != SCALED) { /* mistakes in the sum of exp; neither is easier to detect than those above */
          snprintf(what, sizeof what, "softmax, %zu keys, inputs %d, order %d", terms, kind, how);
          softmax_tensor(t, a, terms, (order)how, (mistake)wrong, memory, what);
        }
        for (size_t row = 0; row <= ROWS; ++row) softmax_row(a + row * terms, terms, LANES, NONE, a + row * terms);
        fill(b, terms, kind == LARGE ? RANDOM : (input_kind)kind);
        snprintf(what, sizeof what, "context, %zu keys, inputs %d, order %d", terms, kind, how);
        product_tensor(t, a, b, terms, (order)how, true, (mistake)wrong, what);
      }
  free(a);
  free(b);
  free(memory);
}

/* Prints the tally; returns the share of mistakes that were caught. */
static double report(const tally *t, const char *what) {
  size_t injected = 0, caught = 0;
  for (int m = 1; m < MISTAKES; ++m) {
    print_message("  %-30s %4zu of %4zu caught\n", mistake_names[m], t->caught[m], t->injected[m]);
    injected += t->injected[m];
    caught += t->caught[m];
  }
  const double share = (double)caught / (double)injected;
  print_message("%s: false alarms %zu of %zu, mistakes caught %zu of %zu (%.1f %%)\n", what, t->false_alarms,
                t->configurations, caught, injected, 100.0 * share);
  return share;
}

static void up_to_4096(void **unused) {
  (void)unused;
  static const size_t lengths[] = {1, 2, 7, 16, 64, 129, 512, 1000, 4096};
  tally t = {0};
  for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; ++i) one_length(&t, lengths[i]);
  const double caught = report(&t, "up to 4096 terms");
  assert_int_equal(t.false_alarms, 0);
  assert_true(caught >= 0.99);
}

/* One of 65536 equal terms is 256 roundings of their sum, and correct sums may be off by 2
 * sqrt(65536) = 512. So no check of the result can reliably detect one missing term here. False
 * alarms are still not allowed. */
static void long_sums(void **unused) {
  (void)unused;
  tally t = {0};
  one_length(&t, 65536);
  report(&t, "65536 terms");
  assert_int_equal(t.false_alarms, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(up_to_4096), cmocka_unit_test(long_sums)};
  return cmocka_run_group_tests_name("calibration", tests, NULL, NULL);
}
