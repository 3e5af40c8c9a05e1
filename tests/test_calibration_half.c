/* Calibrates the bounds of stored arithmetic (CLATTN_MATH_STORED): attention whose products are halves, with
 * scores added up in four orders, and attention whose weights are rounded to bfloat16, with sums in float, must
 * never be rejected, and the same with one mistake must be rejected in nearly all cases. test_calibration.c does so for
 * sums of floats.
 *
 * This test needs no device: it computes attention from q, k and v, rounds as a device does, and
 * clattn_check_other judges the result. A mistake does not count if it changes every element by at most
 * `visible` times the magnitude of what is added up: correct kernels differ by as much. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../kernels/common/parts.h"
#include "sums.h"
#include "support.h"

enum { ROWS = 6, KEYS_MOST = 300, DIM_MOST = 128, VALUES = 4, TILE = 32 };

typedef enum error_kind {
  RIGHT,
  COLUMN_LOST,
  SCALE_OFF,
  KEY_LOST,
  KEY_TWICE,
  NEIGHBOURS_VALUE,
  NOT_SHRUNK,
  CHAIN_LOST,
  SIGN_LOST,
  ERRORS
} error_kind;

static const char *const error_names[ERRORS] = {"",
                                                "a column of a key is lost",
                                                "the scale is 5 % off",
                                                "the last key is lost",
                                                "a key counts twice",
                                                "a key has its neighbour's value",
                                                "the context does not shrink with the sum",
                                                "a chain of a score is lost",
                                                "a column loses its sign"};

/* One way to add up products. */
typedef struct form {
  size_t sums;    /* of a chain of columns, side by side: even and odd ones, or one */
  size_t chain;   /* products of one sum in half; as a rule HALF_CHAIN */
  bool backwards; /* from the last column on */
} form;

/* What is stored, and how a device multiplies it. */
typedef struct arithmetic {
  const char *name;
  clattn_type type;
  bool in_float; /* sums, as in a matrix unit; else in half */
  double visible;
  const form *forms;
  size_t count;
} arithmetic;

static const form half_forms[] = {
    {2, HALF_CHAIN, false}, {1, HALF_CHAIN, false}, {1, HALF_CHAIN, true}, {2, HALF_CHAIN / 2, true}};
static const form unit_forms[] = {{1, 16, false}, {1, 16, true}, {1, 8, false}};
static const arithmetic in_half = {"products in half", CLATTN_F16, false,
                                   16.0 * 0x1p-11,     half_forms, sizeof half_forms / sizeof half_forms[0]};
static const arithmetic in_unit = {"weights rounded to bfloat16",           CLATTN_BF16, true, 4.0 * 0x1p-8, unit_forms,
                                   sizeof unit_forms / sizeof unit_forms[0]};
static const arithmetic *now;

typedef struct head {
  size_t keys, dim;
  float q[ROWS * DIM_MOST], k[KEYS_MOST * DIM_MOST], v[KEYS_MOST * VALUES]; /* as stored */
} head;

static float rounded(double value) {
  const float single = (float)value;
  uint16_t stored;
  float back;
  clattn_narrow(now->type, &single, 1, &stored);
  clattn_widen(now->type, &stored, 1, &back);
  return back;
}

static float add_product(float a, float b, float c) {
  return now->in_float ? fmaf(a, b, c) : rounded((double)a * (double)b + (double)c);
}

static float product(const form *f, const head *h, size_t row, size_t key, error_kind wrong) {
  const float *q = h->q + row * h->dim, *k = h->k + key * h->dim;
  const size_t columns = f->sums * f->chain, lost = h->dim / 2;
  float total = 0.0f;
  for (size_t first = 0; first < h->dim; first += columns) {
    float sum[2] = {0.0f, 0.0f};
    for (size_t i = 0; i < columns && first + i < h->dim; ++i) {
      const size_t c = f->backwards ? h->dim - 1 - first - i : first + i;
      const float of_k = wrong == SIGN_LOST && c == lost ? fabsf(k[c]) : k[c];
      if (wrong == COLUMN_LOST && c == lost) continue;
      sum[i % f->sums] = add_product(q[c], of_k, sum[i % f->sums]);
    }
    if (wrong == CHAIN_LOST && first == 0) continue;
    total += sum[0] + sum[1];
  }
  return total;
}

static void attend_row(const form *f, const head *h, size_t row, error_kind wrong, float *out) {
  const float scale = (wrong == SCALE_OFF ? 1.05f : 1.0f) / sqrtf((float)h->dim);
  const size_t keys = h->keys - (wrong == KEY_LOST);
  float largest = -INFINITY, sum = 0.0f, context[VALUES] = {0.0f};
  for (size_t key0 = 0; key0 < keys; key0 += TILE) {
    const size_t end = key0 + TILE < keys ? key0 + TILE : keys;
    float score[TILE], larger = largest;
    for (size_t j = key0; j < end; ++j) {
      score[j - key0] = product(f, h, row, j, wrong) * scale;
      larger = fmaxf(larger, score[j - key0]);
    }
    const float factor = largest == -INFINITY ? 0.0f : expf(largest - larger);
    sum *= factor;
    for (size_t c = 0; c < VALUES; ++c) context[c] *= wrong == NOT_SHRUNK ? 1.0f : factor;
    float chain[VALUES] = {0.0f};
    for (size_t j = key0; j < end; ++j) {
      const float weight = expf(score[j - key0] - larger) * (wrong == KEY_TWICE && j == h->keys / 2 ? 2.0f : 1.0f);
      const size_t from = wrong == NEIGHBOURS_VALUE && j == h->keys / 2 && j > 0 ? j - 1 : j;
      sum += weight;
      for (size_t c = 0; c < VALUES; ++c) {
        chain[c] = add_product(rounded((double)weight), h->v[from * VALUES + c], chain[c]);
        if ((j - key0) % f->chain != f->chain - 1 && j + 1 < end) continue;
        context[c] += chain[c];
        chain[c] = 0.0f;
      }
    }
    largest = larger;
  }
  for (size_t c = 0; c < VALUES; ++c) out[c] = context[c] / sum;
}

static void attend(const form *f, const head *h, error_kind wrong, float out[ROWS][VALUES]) {
  for (size_t row = 0; row < ROWS; ++row) attend_row(f, h, row, wrong, out[row]);
}

static bool passes(const head *h, float context[ROWS][VALUES]) {
  clattn_problem p = clattn_problem_qkv(1, 1, ROWS, h->keys, h->dim);
  clattn_check_report report = CLATTN_CHECK_REPORT_INIT;
  clattn_error error;
  p.value_dim = VALUES;
  p.type = now->type;
  p.math = CLATTN_MATH_STORED;
  static head copy;
  copy = *h;
  uint16_t q[ROWS * DIM_MOST], k[KEYS_MOST * DIM_MOST], v[KEYS_MOST * VALUES], output[ROWS * VALUES];
  clattn_narrow(now->type, h->q, ROWS * h->dim, q);
  clattn_narrow(now->type, h->k, h->keys * h->dim, k);
  clattn_narrow(now->type, h->v, h->keys * VALUES, v);
  clattn_narrow(now->type, context[0], (size_t)ROWS * VALUES, output);
  const clattn_inputs inputs = {.size = sizeof(clattn_inputs), .q = q, .k = k, .v = v};
  const clattn_outputs outputs = {
      .size = sizeof(clattn_outputs), .q = copy.q, .k = copy.k, .v = copy.v, .context = context[0], .output = output};
  assert_ok(clattn_check_other(&p, &inputs, &outputs, NULL, &report, &error), &error);
  return report.passed;
}

/* ---- inputs ------------------------------------------------------------------------------------------------------ */

static void fill_halves(float *values, size_t count, input_kind kind, float factor) {
  fill(values, count, kind);
  for (size_t i = 0; i < count; ++i)
    values[i] = rounded((double)(values[i] * factor * (kind == LARGE || kind == OUTLIER ? 0x1p-8f : 1.0f)));
}

static void make_head(head *h, size_t keys, size_t dim, input_kind kind, float factor) {
  h->keys = keys;
  h->dim = dim;
  for (size_t row = 0; row < ROWS; ++row) fill_halves(h->q + row * dim, dim, kind, factor);
  for (size_t j = 0; j < keys; ++j) fill_halves(h->k + j * dim, dim, kind, factor);
  fill_halves(h->v, keys * VALUES, kind == ONE_HOT ? RANDOM : kind, 1.0f);
}

/* ---- the tally --------------------------------------------------------------------------------------------------- */

typedef struct tally {
  size_t right, false_alarms, injected[ERRORS], caught[ERRORS];
} tally;

/* What is added up for each element, in double: the weighted values, and for each key the terms of its score times what
 * a change of its weight does to the result. */
static void magnitudes(const head *h, double magnitude[ROWS][VALUES]) {
  for (size_t row = 0; row < ROWS; ++row) {
    double score[KEYS_MOST], terms[KEYS_MOST], largest = -INFINITY, sum = 0.0;
    for (size_t j = 0; j < h->keys; ++j) {
      score[j] = terms[j] = 0.0;
      for (size_t c = 0; c < h->dim; ++c) {
        const double of = (double)h->q[row * h->dim + c] * (double)h->k[j * h->dim + c] / sqrt((double)h->dim);
        score[j] += of;
        terms[j] += fabs(of);
      }
      largest = fmax(largest, score[j]);
    }
    for (size_t j = 0; j < h->keys; ++j) sum += exp(score[j] - largest);
    for (size_t c = 0; c < VALUES; ++c) {
      double context = 0.0;
      for (size_t j = 0; j < h->keys; ++j) context += exp(score[j] - largest) / sum * (double)h->v[j * VALUES + c];
      magnitude[row][c] = 0.0;
      for (size_t j = 0; j < h->keys; ++j) {
        const double v = (double)h->v[j * VALUES + c];
        magnitude[row][c] += exp(score[j] - largest) / sum * (fabs(v) + terms[j] * fabs(v - context));
      }
    }
  }
}

static bool is_visible(double magnitude[ROWS][VALUES], float right[ROWS][VALUES], float got[ROWS][VALUES]) {
  for (size_t row = 0; row < ROWS; ++row)
    for (size_t c = 0; c < VALUES; ++c)
      if (!(fabs((double)got[row][c] - (double)right[row][c]) <= now->visible * magnitude[row][c])) return true;
  return false;
}

static void judge(tally *t, const head *h, const char *what) {
  float right[ROWS][VALUES], got[ROWS][VALUES];
  double magnitude[ROWS][VALUES];
  magnitudes(h, magnitude);
  for (size_t f = 0; f < now->count; ++f) {
    attend(&now->forms[f], h, RIGHT, right);
    ++t->right;
    if (!passes(h, right)) {
      ++t->false_alarms;
      print_message("false alarm: form %zu, %s\n", f, what);
    }
    for (int wrong = 1; wrong < ERRORS; ++wrong) {
      attend(&now->forms[f], h, (error_kind)wrong, got);
      if (!is_visible(magnitude, right, got)) continue;
      ++t->injected[wrong];
      t->caught[wrong] += !passes(h, got);
    }
  }
}

static void calibrate(const arithmetic *of) {
  static const size_t lengths[] = {1, 2, 7, 33, 70, 300}, dims[] = {8, 40, 128};
  static const float factors[] = {0.02f, 1.0f, 4.0f};
  static head h;
  tally t = {0};
  now = of;
  for (size_t i = 0; i < 6 * 3 * 3 * KINDS; ++i) {
    char what[128];
    const size_t keys = lengths[i % 6], dim = dims[i / 6 % 3];
    const float factor = factors[i / 18 % 3];
    const input_kind kind = (input_kind)(i / 54);
    make_head(&h, keys, dim, kind, factor);
    snprintf(what, sizeof what, "%zu keys of %zu, inputs %d times %g", keys, dim, (int)kind, (double)factor);
    judge(&t, &h, what);
  }
  size_t injected = 0, caught = 0;
  for (int wrong = 1; wrong < ERRORS; ++wrong) {
    print_message("  %-42s %4zu of %4zu caught\n", error_names[wrong], t.caught[wrong], t.injected[wrong]);
    assert_true(t.injected[wrong] > 0);
    injected += t.injected[wrong];
    caught += t.caught[wrong];
  }
  print_message("%s: false alarms %zu of %zu, mistakes caught %zu of %zu (%.1f %%)\n", of->name, t.false_alarms,
                t.right, caught, injected, 100.0 * (double)caught / (double)injected);
  assert_int_equal(t.false_alarms, 0);
  assert_true((double)caught >= 0.99 * (double)injected);
}

static void products_in_half(void **state) {
  (void)state;
  calibrate(&in_half);
}

static void rounded_weights(void **state) {
  (void)state;
  calibrate(&in_unit);
}

/* ---- projections that are stored --------------------------------------------------------------------------------- */

enum { MODEL = 24 };

typedef enum projection_error { PROJECTED, TRUNCATED, TERM_LOST, PROJECTION_ERRORS } projection_error;

/* x, or xkv, and the matrices, as stored. */
typedef struct module {
  float x[ROWS * MODEL], xkv[KEYS_MOST * MODEL], wq[MODEL * DIM_MOST], wk[MODEL * DIM_MOST], wv[MODEL * VALUES];
} module;

static float truncated(double value) {
  const float near = rounded(value);
  return fabs((double)near) > fabs(value) ? rounded((double)near * (1.0 - (now->type == CLATTN_F16 ? 0x1p-11 : 0x1p-8)))
                                          : near;
}

/* Rows of x times w (MODEL, columns), added up in float and stored. *visible: whether the mistake changes an element by
 * more than right ones may be off. */
static void project(const float *x, size_t rows, const float *w, size_t columns, bool backwards, projection_error wrong,
                    float *out, bool *visible) {
  for (size_t row = 0; row < rows; ++row)
    for (size_t c = 0; c < columns; ++c) {
      float sum = 0.0f;
      double exact = 0.0, magnitude = 0.0;
      for (size_t i = 0; i < MODEL; ++i) {
        const size_t term = backwards ? MODEL - 1 - i : i;
        const float a = x[row * MODEL + term], b = w[term * columns + c];
        exact += (double)a * (double)b;
        magnitude += fabs((double)a * (double)b);
        if (wrong != TERM_LOST || term != MODEL / 2) sum = fmaf(a, b, sum);
      }
      out[row * columns + c] = (wrong == TRUNCATED ? truncated : rounded)((double)sum);
      const double half_of_last = now->type == CLATTN_F16 ? 0x1p-11 : 0x1p-8;
      const double off = fabs((double)out[row * columns + c] - exact);
      if (off > 1.05 * half_of_last * fabs(exact) + 0x1p-20 * magnitude + 0x1p-24) *visible = true;
    }
}

static void make_module(module *m, size_t keys, size_t dim, input_kind kind, float factor) {
  const float spread = 1.0f / sqrtf((float)MODEL);
  for (size_t row = 0; row < ROWS; ++row) fill_halves(m->x + row * MODEL, MODEL, kind, 1.0f);
  for (size_t j = 0; j < keys; ++j) fill_halves(m->xkv + j * MODEL, MODEL, kind, 1.0f);
  fill_halves(m->wq, MODEL * dim, RANDOM, factor * spread);
  fill_halves(m->wk, MODEL * dim, kind == ONE_HOT ? RANDOM : kind, factor * spread);
  fill_halves(m->wv, (size_t)MODEL * VALUES, RANDOM, 1.0f);
}

static bool passes_from_x(const module *m, const head *h, float context[ROWS][VALUES]) {
  clattn_problem p = CLATTN_PROBLEM_INIT;
  clattn_check_report report = CLATTN_CHECK_REPORT_INIT;
  clattn_error error;
  p.source = CLATTN_SOURCE_XKV;
  p.query_len = ROWS;
  p.key_len = h->keys;
  p.model_dim = MODEL;
  p.head_dim = h->dim;
  p.value_dim = VALUES;
  p.type = now->type;
  p.math = CLATTN_MATH_STORED;
  static head copy;
  copy = *h;
  static uint16_t x[ROWS * MODEL], xkv[KEYS_MOST * MODEL], wq[MODEL * DIM_MOST], wk[MODEL * DIM_MOST],
      wv[MODEL * VALUES], output[ROWS * VALUES];
  clattn_narrow(now->type, m->x, ROWS * MODEL, x);
  clattn_narrow(now->type, m->xkv, h->keys * MODEL, xkv);
  clattn_narrow(now->type, m->wq, MODEL * h->dim, wq);
  clattn_narrow(now->type, m->wk, MODEL * h->dim, wk);
  clattn_narrow(now->type, m->wv, (size_t)MODEL * VALUES, wv);
  clattn_narrow(now->type, context[0], (size_t)ROWS * VALUES, output);
  const clattn_inputs inputs = {.size = sizeof(clattn_inputs), .x = x, .xkv = xkv, .wq = wq, .wk = wk, .wv = wv};
  const clattn_outputs outputs = {
      .size = sizeof(clattn_outputs), .q = copy.q, .k = copy.k, .v = copy.v, .context = context[0], .output = output};
  assert_ok(clattn_check_other(&p, &inputs, &outputs, NULL, &report, &error), &error);
  return report.passed;
}

static void judge_module(tally *t, const module *m, head *h, const char *what) {
  for (size_t f = 0; f < now->count; ++f)
    for (int wrong = PROJECTED; wrong < PROJECTION_ERRORS; ++wrong) {
      const projection_error how = (projection_error)wrong;
      float context[ROWS][VALUES];
      bool visible = false;
      project(m->x, ROWS, m->wq, h->dim, f % 2 == 1, how, h->q, &visible);
      project(m->xkv, h->keys, m->wk, h->dim, f % 2 == 0, how, h->k, &visible);
      project(m->xkv, h->keys, m->wv, VALUES, f % 2 == 1, how, h->v, &visible);
      attend(&now->forms[f], h, RIGHT, context);
      if (how != PROJECTED && !visible) continue;
      const bool passed = passes_from_x(m, h, context);
      ++*(how == PROJECTED ? &t->right : &t->injected[wrong]);
      if (how != PROJECTED) t->caught[wrong] += !passed;
      if (how != PROJECTED || passed) continue;
      ++t->false_alarms;
      print_message("false alarm: form %zu, %s\n", f, what);
    }
}

static void calibrate_modules(const arithmetic *of) {
  static const size_t lengths[] = {1, 7, 70}, dims[] = {8, 40};
  static const float factors[] = {0.1f, 1.0f, 3.0f};
  static head h;
  static module m;
  tally t = {0};
  now = of;
  for (size_t i = 0; i < (size_t)3 * 2 * 3 * KINDS; ++i) {
    char what[128];
    h.keys = lengths[i % 3];
    h.dim = dims[i / 3 % 2];
    const float factor = factors[i / 6 % 3];
    const input_kind kind = (input_kind)(i / 18);
    make_module(&m, h.keys, h.dim, kind, factor);
    snprintf(what, sizeof what, "%zu keys of %zu, inputs %d times %g", h.keys, h.dim, (int)kind, (double)factor);
    judge_module(&t, &m, &h, what);
  }
  print_message("%s, projected: false alarms %zu of %zu, truncated %zu of %zu caught, a term lost %zu of %zu\n",
                of->name, t.false_alarms, t.right, t.caught[TRUNCATED], t.injected[TRUNCATED], t.caught[TERM_LOST],
                t.injected[TERM_LOST]);
  assert_int_equal(t.false_alarms, 0);
  for (int wrong = TRUNCATED; wrong < PROJECTION_ERRORS; ++wrong) {
    assert_true(t.injected[wrong] > 0);
    assert_true((double)t.caught[wrong] >= 0.99 * (double)t.injected[wrong]);
  }
}

static void stored_projections(void **state) {
  (void)state;
  calibrate_modules(&in_half);
  calibrate_modules(&in_unit);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(products_in_half), cmocka_unit_test(rounded_weights),
                                     cmocka_unit_test(stored_projections)};
  return cmocka_run_group_tests_name("calibration_half", tests, NULL, NULL);
}
