/* Calibrates the bound of context for weights that underflow: keys with scores far below the
 * largest or below a sink, and values of all sizes. test_calibration.c does so for sums. Float
 * arithmetic of every kind of attention kernel, on devices with and without subnormal numbers, must
 * never be rejected, and the same with one mistake must be rejected in nearly all cases. One of the
 * mistakes is the floor of 2^-126 that weights once had.
 *
 * This test needs no device: it computes attention from q, k and v, and clattn_check_other judges
 * the result. A mistake does not count if it changes every element by less than correct kernels
 * differ from each other, or by less than 64 roundings. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sums.h"
#include "support.h"

enum { ROWS = 4, KEYS_MOST = 300, VALUES = 3 };

#define VISIBLE (64.0f * 5.9604645e-08f)

typedef enum error_kind {
  RIGHT,
  WEIGHT_FLOOR,
  FACTOR_FLOOR,
  EARLY_UNDERFLOW,
  SINK_TOO_LARGE,
  NOT_SHRUNK,
  ERRORS
} error_kind;

static const char *const error_names[ERRORS] = {"",
                                                "weights of at least 2^-126",
                                                "sums shrink to no less than 2^-126",
                                                "weights below 1e-20 lost",
                                                "the sink without the headroom",
                                                "context does not shrink"};

/* One way to compute attention, on one kind of device. */
typedef struct form {
  bool online; /* keeps a running maximum; otherwise computes maximum, sum and weights one after another */
  bool power;  /* online: rounds the maximum up to a multiple of log(2) */
  bool flush;  /* replaces subnormal numbers by 0 */
} form;

static const form forms[] = {{false, false, false}, {false, false, true}, {true, false, false},
                             {true, false, true},   {true, true, false},  {true, true, true}};
enum { FORMS = sizeof forms / sizeof forms[0] };

static float kept(const form *f, float x) {
  return f->flush && fabsf(x) < FLT_MIN ? 0.0f : x;
}

/* One head: each row is a query, and its scores are q times k. */
typedef struct rows {
  size_t keys;
  float q[ROWS], k[KEYS_MOST], v[KEYS_MOST * VALUES], sink;
} rows;

static float weight_of(const form *f, float distance, int headroom, error_kind wrong) {
  const float weight = kept(f, ldexpf(kept(f, expf(distance)), -headroom));
  if (wrong == WEIGHT_FLOOR) return fmaxf(weight, FLT_MIN);
  return wrong == EARLY_UNDERFLOW && weight < 1e-20f ? 0.0f : weight;
}

static void in_passes(const form *f, const rows *r, float q, error_kind wrong, float *out) {
  float largest = r->sink, sum;
  for (size_t j = 0; j < r->keys; ++j) largest = fmaxf(largest, q * r->k[j]);
  sum = r->sink == -INFINITY ? 0.0f : weight_of(f, r->sink - largest, 0, wrong);
  for (size_t j = 0; j < r->keys; ++j) sum += weight_of(f, q * r->k[j] - largest, 0, wrong);
  for (size_t j = 0; j < r->keys; ++j) {
    float weight = kept(f, weight_of(f, q * r->k[j] - largest, 0, wrong) / sum);
    if (wrong == WEIGHT_FLOOR) weight = fmaxf(weight, FLT_MIN);
    for (size_t c = 0; c < VALUES; ++c) out[c] = kept(f, out[c] + kept(f, weight * r->v[j * VALUES + c]));
  }
}

static float rounded_up(const form *f, float largest) {
  return f->power && largest != -INFINITY ? ceilf(largest / 0.69314718f) * 0.69314718f : largest;
}

static void with_a_running_maximum(const form *f, const rows *r, float q, error_kind wrong, float *out) {
  int headroom = 0;
  while ((size_t)1 << headroom < r->keys) ++headroom;
  float largest = rounded_up(f, r->sink), sum = 0.0f;
  for (size_t j = 0; j < r->keys; ++j) {
    const float score = q * r->k[j], larger = rounded_up(f, score) > largest ? rounded_up(f, score) : largest;
    const float shrunk = larger > largest ? kept(f, expf(largest - larger)) : 1.0f;
    const float factor = wrong == FACTOR_FLOOR ? fmaxf(shrunk, FLT_MIN) : shrunk;
    const float weight = weight_of(f, score - larger, headroom, wrong);
    sum = kept(f, kept(f, sum * factor) + weight);
    for (size_t c = 0; c < VALUES; ++c)
      out[c] =
          kept(f, kept(f, out[c] * (wrong == NOT_SHRUNK ? 1.0f : factor)) + kept(f, weight * r->v[j * VALUES + c]));
    largest = larger;
  }
  if (r->sink != -INFINITY) sum += weight_of(f, r->sink - largest, wrong == SINK_TOO_LARGE ? 0 : headroom, RIGHT);
  for (size_t c = 0; c < VALUES; ++c) out[c] = kept(f, out[c] / sum);
}

static void attend(const form *f, const rows *r, error_kind wrong, float context[ROWS][VALUES]) {
  memset(context, 0, ROWS * sizeof *context);
  for (size_t row = 0; row < ROWS; ++row)
    (f->online ? with_a_running_maximum : in_passes)(f, r, r->q[row], wrong, context[row]);
}

static bool passes(const rows *r, float context[ROWS][VALUES]) {
  clattn_problem p = CLATTN_PROBLEM_INIT;
  clattn_check_report report = CLATTN_CHECK_REPORT_INIT;
  clattn_error error;
  p.source = CLATTN_SOURCE_QKV;
  p.query_len = ROWS;
  p.key_len = r->keys;
  p.head_dim = 1;
  p.value_dim = VALUES;
  p.scale_mode = CLATTN_SCALE_GIVEN;
  p.scale = 1.0f;
  p.sinks = r->sink != -INFINITY;
  rows copy = *r;
  const clattn_inputs inputs = {.size = sizeof(clattn_inputs), .q = r->q, .k = r->k, .v = r->v, .sinks = &r->sink};
  const clattn_outputs outputs = {
      .size = sizeof(clattn_outputs), .q = copy.q, .k = copy.k, .v = copy.v, .context = context[0]};
  assert_ok(clattn_check_other(&p, &inputs, &outputs, NULL, &report, &error), &error);
  return report.passed;
}

/* ---- rows -------------------------------------------------------------------------------------------------------- */

enum { FALLING, RISING, STEPS, SPREAD, ONE_ABOVE, KEY_KINDS };

/* The largest score is 0; the others go down to -`depth`. */
static float key_of(int kind, size_t j, size_t keys, float depth) {
  const float last = (float)(keys - 1 > 0 ? keys - 1 : 1);
  switch (kind) {
  case FALLING:
    return -depth * (float)j / last;
  case RISING:
    return -depth * (last - (float)j) / last;
  case STEPS:
    return -depth * floorf(4.0f * (last - (float)j) / last) / 4.0f;
  case SPREAD:
    return -depth * fabsf(uniform());
  default:
    return j == keys / 2 ? 0.0f : -depth;
  }
}

/* Sinks are NAN (none), or exceed the largest score by this much. */
static void make_rows(rows *r, size_t keys, int kind, float depth, float size, float above) {
  *r = (rows){.keys = keys, .q = {1.0f, 0.9f, 0.5f, 0.99f}, .sink = isnan(above) ? -INFINITY : above};
  for (size_t j = 0; j < keys; ++j) {
    r->k[j] = key_of(kind, j, keys, depth);
    for (size_t c = 0; c < VALUES; ++c) r->v[j * VALUES + c] = uniform() * (r->k[j] > -1.0f ? 1.0f : size);
    if (r->k[j] > -1.0f) r->v[j * VALUES] = 0.0f; /* a column in which the largest keys do not count */
  }
}

/* ---- the tally --------------------------------------------------------------------------------------------------- */

typedef struct tally {
  size_t right, false_alarms, injected[ERRORS], caught[ERRORS];
} tally;

static float largest_magnitude(const rows *r) {
  float largest = 0.0f;
  for (size_t i = 0; i < r->keys * VALUES; ++i)
    if (r->q[0] * r->k[i / VALUES] > -20.0f) largest = fmaxf(largest, fabsf(r->v[i]));
  return largest;
}

static bool is_visible(const rows *r, float right[FORMS][ROWS][VALUES], float got[ROWS][VALUES], size_t of) {
  for (size_t row = 0; row < ROWS; ++row)
    for (size_t c = 0; c < VALUES; ++c) {
      float least = INFINITY, most = -INFINITY;
      for (size_t f = 0; f < FORMS; ++f) {
        least = fminf(least, right[f][row][c]);
        most = fmaxf(most, right[f][row][c]);
      }
      const float differ = fmaxf(8.0f * (most - least), VISIBLE * largest_magnitude(r)) + 1e-30f;
      if (!(fabsf(got[row][c] - right[of][row][c]) <= differ)) return true;
    }
  return false;
}

static void judge(tally *t, const rows *r, const char *what) {
  float right[FORMS][ROWS][VALUES], got[ROWS][VALUES];
  for (size_t f = 0; f < FORMS; ++f) {
    attend(&forms[f], r, RIGHT, right[f]);
    ++t->right;
    if (passes(r, right[f])) continue;
    ++t->false_alarms;
    print_message("false alarm: form %zu, %s\n", f, what);
  }
  for (size_t f = 0; f < FORMS; ++f)
    for (int wrong = 1; wrong < ERRORS; ++wrong) {
      attend(&forms[f], r, (error_kind)wrong, got);
      if (!is_visible(r, right, got, f)) continue;
      ++t->injected[wrong];
      t->caught[wrong] += !passes(r, got);
    }
}

static void weights_that_underflow(void **state) {
  (void)state;
  static const size_t lengths[] = {2, 16, 70, 300};
  static const float depths[] = {1.0f, 70.0f, 85.0f, 90.0f, 100.0f, 105.0f, 150.0f, 1000.0f};
  static const float sizes[] = {0.0f, 1e-30f, 1.0f, 1e30f, 3e38f}, sinks[] = {NAN, 0.5f, 80.0f, 100.0f, 1e4f};
  tally t = {0};
  for (size_t i = 0; i < 4 * KEY_KINDS * 8 * 5 * 5; ++i) {
    rows r;
    char what[128];
    const size_t keys = lengths[i % 4];
    const int kind = (int)(i / 4 % KEY_KINDS);
    const float depth = depths[i / 4 / KEY_KINDS % 8], size = sizes[i / 32 / KEY_KINDS % 5];
    const float sink = sinks[i / 160 / KEY_KINDS];
    make_rows(&r, keys, kind, depth, size, sink);
    snprintf(what, sizeof what, "%zu keys, kind %d, depth %g, values %g, sink %g", keys, kind, (double)depth,
             (double)size, (double)sink);
    judge(&t, &r, what);
  }
  size_t injected = 0, caught = 0;
  for (int wrong = 1; wrong < ERRORS; ++wrong) {
    print_message("  %-38s %4zu of %4zu caught\n", error_names[wrong], t.caught[wrong], t.injected[wrong]);
    assert_true(t.injected[wrong] > 0);
    injected += t.injected[wrong];
    caught += t.caught[wrong];
  }
  print_message("weights that underflow: false alarms %zu of %zu, mistakes caught %zu of %zu (%.1f %%)\n",
                t.false_alarms, t.right, caught, injected, 100.0 * (double)caught / (double)injected);
  assert_int_equal(t.false_alarms, 0);
  assert_true((double)caught >= 0.99 * (double)injected);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(weights_that_underflow)};
  return cmocka_run_group_tests_name("calibration_weights", tests, NULL, NULL);
}
