/* Calibrates the bounds of everything that is not a plain sum: softcap, mask and ALiBi,
 * log-sum-exp, rounding to a storage type, rotation, 8-bit caches. test_calibration.c does so for
 * sums. Float arithmetic in every order must never be rejected, and the same with one mistake must
 * be rejected in nearly all cases.
 *
 * This test needs no device. A mistake does not count if it changes every element by less than
 * correct computations may differ: VISIBLE roundings of the element's magnitude, or nothing at all
 * if there is only one correct result. */
#include <math.h>
#include <stdlib.h>

#include "check/compare.h"
#include "problem/rotary.h"
#include "sums.h"
#include "support.h"

#define UNIT 5.9604644775390625e-08
#define VISIBLE (64.0 * UNIT)

enum { ROWS = 32, MISTAKES_MOST = 10 };

static const input_kind kinds[] = {RANDOM, CONSTANT, OUTLIER};
enum { USED_KINDS = sizeof kinds / sizeof kinds[0] };

/* ---- the tally --------------------------------------------------------------------------------------------------- */

/* Mistake 0 means no mistake. */
typedef struct tally {
  const char *family;
  const char *const *names;
  size_t configurations, false_alarms;
  size_t injected[MISTAKES_MOST], caught[MISTAKES_MOST];
} tally;

/* One tensor under construction. */
typedef struct tensor {
  clattn_comparison comparison;
  bool differs; /* visibly, from the correct one */
} tensor;

/* `right` is the result of the same computation without the mistake. */
static void add(tensor *t, const clattn_element *e, float right, double visible) {
  const size_t index = t->comparison.check.elements;
  t->differs = t->differs || !(fabs((double)e->got - (double)right) <= visible);
  clattn_compare(&t->comparison, &index, 1, e);
}

static void judge(tally *t, tensor *made, int wrong) {
  clattn_comparison_finish(&made->comparison);
  const clattn_tensor_check *check = &made->comparison.check;
  if (wrong == 0) {
    ++t->configurations;
    if (check->passed) return;
    ++t->false_alarms;
    print_message("false alarm: %s: got %.9g, expected %.9g, ratio %.3g, largest error %.3g, allowed %.3g\n", t->family,
                  check->got, check->expected, check->ratio, check->largest_error, check->allowed_error);
  } else if (made->differs) {
    ++t->injected[wrong];
    t->caught[wrong] += !check->passed;
  }
}

static void report(const tally *t) {
  size_t injected = 0, caught = 0;
  for (int m = 1; m < MISTAKES_MOST && t->names[m] != NULL; ++m) {
    print_message("  %-38s %4zu of %4zu caught\n", t->names[m], t->caught[m], t->injected[m]);
    assert_true(t->injected[m] > 0);
    injected += t->injected[m];
    caught += t->caught[m];
  }
  const double share = (double)caught / (double)injected;
  print_message("%s: false alarms %zu of %zu, mistakes caught %zu of %zu (%.1f %%)\n", t->family, t->false_alarms,
                t->configurations, caught, injected, 100.0 * share);
  assert_int_equal(t->false_alarms, 0);
  assert_true(share >= 0.99);
}

static float *new_values(size_t count) {
  float *values = malloc(count * sizeof *values);
  assert_non_null(values);
  return values;
}

/* ---- scores ------------------------------------------------------------------------------------------------------ */

enum {
  SCORE_RIGHT,
  SCALE_OFF,
  SOFTCAP_FORGOTTEN,
  SOFTCAP_OFF,
  MASK_BEFORE_SOFTCAP,
  ALIBI_SIGN,
  DISTANCE_OFF,
  NEIGHBOURS_MASK,
  TANH_IN_HALF,
  SCORE_MISTAKES
};
static const char *const score_names[MISTAKES_MOST] = {"",
                                                       "scale 0.1 % too large",
                                                       "softcap forgotten",
                                                       "softcap 1 % too large",
                                                       "mask before the softcap",
                                                       "sign of ALiBi",
                                                       "distance off by one",
                                                       "mask of the neighbour",
                                                       "tanh in half precision"};

/* The inputs of one row of scores. */
typedef struct score_input {
  clattn_problem problem;
  const float *q, *k; /* (terms), (ROWS, terms) */
  const float *mask;  /* (ROWS + 1) */
  float slope;
  size_t terms;
} score_input;

/* One way in which a kernel may compute it. */
typedef struct score_way {
  order how;
  bool fused;
  int tanh_units; /* tanh may be off by up to 5 units in the last place */
} score_way;

static float capped(const score_input *in, const score_way *way, float scaled, int wrong) {
  const float cap = in->problem.softcap * (wrong == SOFTCAP_OFF ? 1.01f : 1.0f);
  if (cap == 0.0f || wrong == SOFTCAP_FORGOTTEN) return scaled;
  float t = tanhf(scaled / cap);
  t += (float)way->tanh_units * 1.1920929e-7f * 0.5f * t;
  return cap * (wrong == TANH_IN_HALF ? to_half(t) : t);
}

static float score_in(const score_input *in, size_t key, const score_way *way, int wrong) {
  const sum_input sum = {in->q, in->k + key * in->terms, in->terms, NONE};
  const float scale = clattn_problem_scale(&in->problem) * (wrong == SCALE_OFF ? 1.001f : 1.0f);
  const float mask = in->mask[key + (wrong == NEIGHBOURS_MASK)];
  const float distance = fabsf((float)key - 3.0f + (wrong == DISTANCE_OFF ? 1.0f : 0.0f));
  const float slope = wrong == ALIBI_SIGN ? -in->slope : in->slope;
  const float scaled = sum_in(&sum, way->how, way->fused) * scale;
  if (wrong == MASK_BEFORE_SOFTCAP && in->problem.softcap > 0.0f)
    return capped(in, way, scaled + mask, wrong) - slope * distance;
  const float score = capped(in, way, scaled, wrong) + mask;
  return way->fused ? fmaf(-slope, distance, score) : score - slope * distance;
}

static clattn_element score_element(const score_input *in, size_t key, const score_way *way) {
  const double cap = (double)in->problem.softcap, scale = (double)clattn_problem_scale(&in->problem);
  const double alibi = (double)in->slope * fabs((double)key - 3.0), mask = (double)in->mask[key];
  double sum = 0.0, magnitude = 0.0;
  for (size_t i = 0; i < in->terms; ++i) {
    const double product = (double)in->q[i] * (double)in->k[key * in->terms + i];
    sum += product;
    magnitude += fabs(product);
  }
  const double scaled = scale * sum, score = (cap > 0.0 ? cap * tanh(scaled / cap) : scaled) + mask - alibi;
  magnitude = magnitude * fabs(scale) + fabs(mask) + alibi;
  const score_way plain = {SEQUENTIAL, false, 0};
  return (clattn_element){.expected = score,
                          .naive = score_in(in, key, &plain, SCORE_RIGHT),
                          .bound = clattn_bound_score(&in->problem, magnitude, chain_of(way->how, in->terms)),
                          .magnitude = magnitude};
}

static void score_tensor(tally *t, const score_input *in, const score_way *way, int wrong) {
  tensor made = {.comparison = {.check = {.tensor = CLATTN_SCORES}}};
  for (size_t key = 0; key < ROWS; ++key) {
    clattn_element e = score_element(in, key, way);
    e.got = score_in(in, key, way, wrong);
    add(&made, &e, score_in(in, key, way, SCORE_RIGHT), VISIBLE * e.magnitude);
  }
  judge(t, &made, wrong);
}

/* Tries every way and every mistake on these inputs. */
static void score_ways(tally *t, const score_input *in) {
  for (int how = 0; how < ORDERS; ++how)
    for (int way = 0; way < 4; ++way)
      for (int wrong = 0; wrong < SCORE_MISTAKES; ++wrong)
        score_tensor(t, in, &(score_way){(order)how, way % 2 != 0, way / 2 * 10 - 5}, wrong);
}

static void scores(void **state) {
  (void)state;
  static const size_t lengths[] = {1, 9, 64, 128, 512};
  static const float softcaps[] = {0.0f, 2.0f, 30.0f};
  tally t = {.family = "scores", .names = score_names};
  for (size_t i = 0; i < 5 * USED_KINDS * 3 * 2; ++i) {
    const size_t terms = lengths[i % 5];
    const input_kind kind = kinds[i / 5 % USED_KINDS];
    const bool biased = i / 5 / USED_KINDS / 3 != 0;
    float *q = new_values(terms), *k = new_values(ROWS * terms), mask[ROWS + 1] = {0};
    fill(q, terms, kind);
    for (size_t key = 0; key < ROWS; ++key) fill(k + key * terms, terms, kind);
    if (biased) fill(mask, ROWS + 1, kind == CONSTANT ? RANDOM : kind);
    score_input in = {support_problem(ROWS, 1, terms), q, k, mask, biased ? 0.3f : 0.0f, terms};
    in.problem.softcap = softcaps[i / 5 / USED_KINDS % 3];
    in.problem.alibi = biased;
    in.problem.mask = biased ? CLATTN_MASK_FLOAT : CLATTN_MASK_NONE;
    score_ways(&t, &in);
    free(q);
    free(k);
  }
  report(&t);
}

/* ---- log-sum-exp ------------------------------------------------------------------------------------------------- */

enum {
  LSE_RIGHT,
  NO_LOG,
  LOG_TO_BASE_2,
  LARGEST_NOT_ADDED,
  SINK_FORGOTTEN,
  KEY_DROPPED,
  KEY_TWICE,
  SUM_OFF,
  LSE_MISTAKES
};
static const char *const lse_names[MISTAKES_MOST] = {
    "",          "no log",       "log to base 2", "the largest not added", "sink forgotten", "first key dropped",
    "key twice", "sum 0.1 % off"};

static float lse_in(const float *row, size_t keys, float sink, order how, int wrong, float *memory) {
  const float used_sink = wrong == SINK_FORGOTTEN ? -INFINITY : sink;
  float largest = used_sink;
  for (size_t i = 0; i < keys; ++i) largest = fmaxf(largest, row[i]);
  for (size_t i = 0; i < keys; ++i) memory[i] = expf(row[i] - largest);
  const mistake in_sum = wrong == KEY_DROPPED ? DROP_FIRST
                         : wrong == KEY_TWICE ? TWICE
                         : wrong == SUM_OFF   ? SCALED
                                              : NONE;
  const sum_input in = {memory, NULL, keys, in_sum};
  const float sum = sum_in(&in, how, false) + (used_sink == -INFINITY ? 0.0f : expf(used_sink - largest));
  if (wrong == NO_LOG) return largest + sum;
  const float log_of_sum = wrong == LOG_TO_BASE_2 ? log2f(sum) : logf(sum);
  return wrong == LARGEST_NOT_ADDED ? log_of_sum : largest + log_of_sum;
}

static clattn_element lse_element(const float *row, size_t keys, float sink, order how, float *memory) {
  float largest = sink, absolute = sink == -INFINITY ? 0.0f : fabsf(sink);
  double sum = 0.0;
  for (size_t i = 0; i < keys; ++i) {
    largest = fmaxf(largest, row[i]);
    absolute = fmaxf(absolute, fabsf(row[i]));
  }
  for (size_t i = 0; i < keys; ++i) sum += exp((double)row[i] - (double)largest);
  if (sink != -INFINITY) sum += exp((double)sink - (double)largest);
  const double lse = (double)largest + log(sum);
  return (clattn_element){.expected = lse,
                          .naive = lse_in(row, keys, sink, SEQUENTIAL, LSE_RIGHT, memory),
                          .bound = clattn_bound_lse(lse, (double)absolute, keys, chain_of(how, keys)),
                          .magnitude = 1.0 + (double)absolute};
}

static void lse_tensor(tally *t, const float *rows, size_t keys, float sink, order how, int wrong, float *memory) {
  tensor made = {.comparison = {.check = {.tensor = CLATTN_LSE}}};
  for (size_t r = 0; r < ROWS; ++r) {
    const float *row = rows + r * keys;
    clattn_element e = lse_element(row, keys, sink, how, memory);
    e.got = lse_in(row, keys, sink, how, wrong, memory);
    add(&made, &e, lse_in(row, keys, sink, how, LSE_RIGHT, memory), VISIBLE * e.magnitude);
  }
  judge(t, &made, wrong);
}

static void log_sum_exp(void **state) {
  (void)state;
  static const size_t lengths[] = {1, 7, 64, 129, 1000, 4096};
  static const float sinks[] = {-INFINITY, 0.5f};
  tally t = {.family = "log-sum-exp", .names = lse_names};
  for (size_t i = 0; i < 6 * USED_KINDS * 2; ++i) {
    const size_t keys = lengths[i % 6];
    float *rows = new_values(ROWS * keys), *memory = new_values(keys);
    for (size_t r = 0; r < ROWS; ++r) fill(rows + r * keys, keys, kinds[i / 6 % USED_KINDS]);
    for (int how = 0; how < ORDERS; ++how)
      for (int wrong = 0; wrong < LSE_MISTAKES; ++wrong)
        lse_tensor(&t, rows, keys, sinks[i / 6 / USED_KINDS], (order)how, wrong, memory);
    free(rows);
    free(memory);
  }
  report(&t);
}

/* ---- storage types ----------------------------------------------------------------------------------------------- */

enum { NARROW_RIGHT, TRUNCATED, NEXT_STEP, ONE_PERCENT, OTHER_TYPE, SUBNORMALS_FLUSHED, NARROW_MISTAKES };
static const char *const narrow_names[MISTAKES_MOST] = {"",
                                                        "truncated instead of rounded",
                                                        "one step too large",
                                                        "1 % too large before rounding",
                                                        "rounded to 3 bits less first",
                                                        "subnormals flushed"};

static float stored(clattn_type type, float value) {
  uint16_t bits;
  clattn_narrow(type, &value, 1, &bits);
  clattn_widen(type, &bits, 1, &value);
  return value;
}

static float next_stored(clattn_type type, float value) {
  uint16_t bits;
  clattn_narrow(type, &value, 1, &bits);
  ++bits;
  clattn_widen(type, &bits, 1, &value);
  return value;
}

/* The largest value of the type that does not exceed the given one in size. */
static float truncated(clattn_type type, float value) {
  uint16_t bits;
  float nearest = stored(type, value);
  if (fabsf(nearest) <= fabsf(value)) return nearest;
  clattn_narrow(type, &value, 1, &bits);
  --bits;
  clattn_widen(type, &bits, 1, &nearest);
  return nearest;
}

static float coarse(clattn_type type, float value) {
  int exponent;
  const float mantissa = frexpf(value, &exponent), steps = type == CLATTN_F16 ? 256.0f : 32.0f;
  return ldexpf(roundf(mantissa * steps) / steps, exponent);
}

static float narrowed(clattn_type type, float value, int wrong) {
  switch (wrong) {
  case TRUNCATED:
    return truncated(type, value);
  case NEXT_STEP:
    return next_stored(type, value);
  case ONE_PERCENT:
    return stored(type, value * 1.01f);
  case OTHER_TYPE:
    return stored(type, coarse(type, value));
  case SUBNORMALS_FLUSHED:
    return type == CLATTN_F16 && fabsf(value) < ldexpf(1.0f, -14) ? 0.0f : stored(type, value);
  default:
    return stored(type, value);
  }
}

static void narrow_tensor(tally *t, clattn_type type, const float *values, size_t count, int wrong) {
  tensor made = {.comparison = {.check = {.tensor = CLATTN_OUTPUT}}};
  for (size_t i = 0; i < count; ++i) {
    const double value = (double)values[i];
    const float right = stored(type, values[i]);
    const clattn_element e = {narrowed(type, values[i], wrong), value, right,
                              clattn_bound_narrowing(type, value) + clattn_bound_product(0.0, 1, 1), fabs(value)};
    add(&made, &e, right, 0.0);
  }
  judge(t, &made, wrong);
}

/* Tiny values are subnormal as a half. */
static void narrowing(void **state) {
  (void)state;
  static const float sizes[] = {1.0f, 60.0f, 3e-5f};
  tally t = {.family = "storage types", .names = narrow_names};
  for (size_t i = 0; i < 40 * USED_KINDS * 3; ++i) {
    float values[ROWS * 8];
    for (size_t r = 0; r < ROWS; ++r) fill(values + r * 8, 8, kinds[i / 40 % USED_KINDS]);
    for (size_t v = 0; v < ROWS * 8; ++v) values[v] *= sizes[i / 40 / USED_KINDS];
    for (int type = CLATTN_F16; type <= CLATTN_BF16; ++type)
      for (int wrong = 0; wrong < NARROW_MISTAKES; ++wrong)
        narrow_tensor(&t, (clattn_type)type, values, ROWS * 8, wrong);
  }
  report(&t);
}

/* ---- rotation ---------------------------------------------------------------------------------------------------- */

enum {
  ROTARY_RIGHT,
  NEXT_POSITION,
  OPPOSITE,
  OTHER_PAIRS,
  FLOAT_ANGLE,
  BASE_OFF,
  SECOND_NOT_TURNED,
  COS_FOR_SIN,
  UNSCALED,
  OTHER_AMPLITUDE,
  ROTARY_MISTAKES
};
static const char *const rotary_names[MISTAKES_MOST] = {"",
                                                        "angle of the next position",
                                                        "opposite direction",
                                                        "the other pairs",
                                                        "angle in float",
                                                        "base 1 % off",
                                                        "second of each pair not turned",
                                                        "cos and sin exchanged",
                                                        "frequencies not scaled",
                                                        "cos and sin not multiplied by the attention factor"};

#define CARRIED (10.0 * UNIT) /* error allowed in the projection before it, also in the reference */

static void rotate_in(const clattn_problem *given, size_t position, bool fused, int wrong, float *x) {
  clattn_problem p = *given;
  const double amplitude = wrong == OTHER_AMPLITUDE ? 1.0 : clattn_rotary_of(given, NULL).scaled.amplitude;
  if (wrong == BASE_OFF) p.rotary_base *= 1.01;
  if (wrong == UNSCALED) p.rotary_scaling = (clattn_rotary_scaling){.kind = CLATTN_SCALING_NONE};
  const clattn_rotary_run run = clattn_rotary_of(&p, NULL);
  if (wrong == OTHER_PAIRS)
    p.rotary = p.rotary == CLATTN_ROTARY_HALVES ? CLATTN_ROTARY_INTERLEAVED : CLATTN_ROTARY_HALVES;
  for (size_t i = 0; i < clattn_rotary_dim(&p) / 2; ++i) {
    const clattn_pair at = clattn_rotary_pair(&p, i);
    double angle = (double)(position + (wrong == NEXT_POSITION)) * clattn_rotary_frequency(&run, i);
    if (wrong == FLOAT_ANGLE) angle = (double)(float)angle;
    const float c = (float)(amplitude * (wrong == COS_FOR_SIN ? sin(angle) : cos(angle)));
    const float s =
        (float)(amplitude * (wrong == COS_FOR_SIN ? cos(angle) : sin(angle))) * (wrong == OPPOSITE ? -1.0f : 1.0f);
    const float a = x[at.first], b = x[at.second];
    x[at.first] = fused ? fmaf(a, c, -(b * s)) : a * c - b * s;
    if (wrong != SECOND_NOT_TURNED) x[at.second] = fused ? fmaf(b, c, a * s) : b * c + a * s;
  }
}

/* One vector at each of ROWS positions. */
static void rotary_tensor(tally *t, const clattn_problem *p, size_t position, const float *values, int wrong) {
  tensor made = {.comparison = {.check = {.tensor = CLATTN_Q}}};
  const clattn_rotary_run run = clattn_rotary_of(p, NULL);
  const size_t dim = p->head_dim;
  for (size_t r = 0; r < ROWS; ++r) {
    double value[128], bound[128], magnitude[128];
    float naive[128], got[128], right[128];
    for (size_t i = 0; i < dim; ++i) {
      value[i] = (double)values[r * dim + i];
      magnitude[i] = fabs(value[i]);
      bound[i] = CARRIED * magnitude[i] + clattn_bound_product(0.0, 1, 1);
      naive[i] = (float)(value[i] * (1.0 + 0.9 * CARRIED * (double)uniform()));
      got[i] = right[i] = (float)(value[i] * (1.0 + 0.9 * CARRIED * (double)uniform()));
    }
    clattn_rotate(&run, (int64_t)(position + r), &(clattn_turned){value, bound, magnitude, naive});
    rotate_in(p, position + r, r % 2 != 0, wrong, got);
    rotate_in(p, position + r, r % 2 != 0, ROTARY_RIGHT, right);
    for (size_t i = 0; i < dim; ++i) {
      const clattn_element e = {got[i], value[i], naive[i], bound[i], magnitude[i]};
      add(&made, &e, right[i], VISIBLE * magnitude[i]);
    }
  }
  judge(t, &made, wrong);
}

static void rotation(void **state) {
  (void)state;
  static const size_t dims[] = {2, 10, 64, 128}, starts[] = {0, 17, 4096, 100000};
  static const clattn_rotary_scaling scalings[] = {
      {.kind = CLATTN_SCALING_NONE},
      {.kind = CLATTN_SCALING_YARN, .factor = 8.0, .original_max_position_embeddings = 1024},
      {.kind = CLATTN_SCALING_LLAMA3,
       .factor = 8.0,
       .original_max_position_embeddings = 1024,
       .low_freq_factor = 1.0,
       .high_freq_factor = 4.0}};
  tally t = {.family = "rotation", .names = rotary_names};
  for (size_t i = 0; i < 4 * 4 * USED_KINDS * 2 * 2; ++i) {
    clattn_problem p = support_problem(ROWS, 1, dims[i % 4]);
    p.rotary = i / 16 / USED_KINDS % 2 == 0 ? CLATTN_ROTARY_HALVES : CLATTN_ROTARY_INTERLEAVED;
    p.rotary_dim = i / 32 / USED_KINDS == 0 || p.head_dim < 10 ? 0 : p.head_dim / 4 * 2;
    p.rotary_scaling = scalings[i % 5 % 3];
    float values[ROWS * 128];
    for (size_t r = 0; r < ROWS; ++r) fill(values + r * p.head_dim, p.head_dim, kinds[i / 16 % USED_KINDS]);
    for (int wrong = 0; wrong < ROTARY_MISTAKES; ++wrong) rotary_tensor(&t, &p, starts[i / 4 % 4], values, wrong);
  }
  report(&t);
}

/* ---- bytes ------------------------------------------------------------------------------------------------------- */

enum { BYTES_RIGHT, CUT, STEP_TOO_FAR, SCALE_1_PERCENT, OF_128, NEIGHBOURS_SCALE, UNSIGNED_BYTES, BYTES_MISTAKES };
static const char *const bytes_names[MISTAKES_MOST] = {"",
                                                       "truncated instead of rounded",
                                                       "one step too far",
                                                       "scale 1 % too large when read",
                                                       "largest as 128",
                                                       "scale of the neighbour",
                                                       "sign lost"};

static float largest_of(const float *vector, size_t dim) {
  float largest = 0.0f;
  for (size_t i = 0; i < dim; ++i) largest = fmaxf(largest, fabsf(vector[i]));
  return largest;
}

/* To 8 bits and back. by_reciprocal: multiplies by the reciprocal instead of dividing. */
static float through_bytes(float value, float largest, float neighbours, bool by_reciprocal, int wrong) {
  const float scale = largest / (wrong == OF_128 ? 128.0f : 127.0f);
  const float quotient = by_reciprocal ? value * (1.0f / scale) : value / scale;
  const float limited = fminf(fmaxf(quotient, -127.0f), 127.0f);
  float byte = wrong == CUT ? truncf(limited) : rintf(limited);
  if (wrong == STEP_TOO_FAR) byte = byte > 0.0f ? byte - 1.0f : byte + 1.0f;
  if (wrong == UNSIGNED_BYTES) byte = fabsf(byte);
  if (wrong == NEIGHBOURS_SCALE) return byte * (neighbours / 127.0f);
  return byte * (wrong == SCALE_1_PERCENT ? scale * 1.01f : scale);
}

static void bytes_tensor(tally *t, const float *values, size_t dim, bool by_reciprocal, int wrong) {
  tensor made = {.comparison = {.check = {.tensor = CLATTN_CACHED_K}}};
  for (size_t r = 0; r < ROWS; ++r) {
    const float *vector = values + r * dim;
    const float largest = largest_of(vector, dim), neighbours = largest_of(vector + dim, dim);
    for (size_t i = 0; i < dim; ++i) {
      const double value = (double)vector[i], step = (double)largest / 127.0;
      const float got = through_bytes(vector[i], largest, neighbours, by_reciprocal, wrong);
      const float right = through_bytes(vector[i], largest, neighbours, by_reciprocal, BYTES_RIGHT);
      const double bound = clattn_bound_bytes(step, value) + clattn_bound_product(0.0, 1, 1);
      add(&made, &(clattn_element){got, value, got, bound, fabs(value)}, right, 0.0);
    }
  }
  judge(t, &made, wrong);
}

static void bytes(void **state) {
  (void)state;
  static const size_t dims[] = {1, 9, 64, 128};
  tally t = {.family = "bytes", .names = bytes_names};
  for (size_t i = 0; i < 4 * 20 * USED_KINDS; ++i) {
    const size_t dim = dims[i % 4];
    float values[(ROWS + 1) * 128];
    for (size_t r = 0; r <= ROWS; ++r) fill(values + r * dim, dim, kinds[i / 80]);
    for (int way = 0; way < 2; ++way)
      for (int wrong = 0; wrong < BYTES_MISTAKES; ++wrong) bytes_tensor(&t, values, dim, way != 0, wrong);
  }
  report(&t);
}

/* ---- groups of nibbles ------------------------------------------------------------------------------------------- */

enum {
  NIBBLES_RIGHT,
  NIBBLES_CUT,
  HALVES_CHANGED,
  NIBBLES_SCALE_1_PERCENT,
  OF_9,
  UNSIGNED_SCALE,
  NEXT_GROUPS_SCALE,
  NIBBLES_MISTAKES
};
static const char *const nibbles_names[MISTAKES_MOST] = {"",
                                                         "truncated instead of rounded",
                                                         "halves of a group changed",
                                                         "scale 1 % too large when read",
                                                         "largest as 9",
                                                         "the scale's sign lost",
                                                         "scale of the next group"};

enum { GROUP = 32 };

/* The first element of the largest magnitude. */
static float first_largest(const float *group) {
  float largest = 0.0f;
  for (size_t i = 0; i < GROUP; ++i)
    if (fabsf(group[i]) > fabsf(largest)) largest = group[i];
  return largest;
}

static float group_scale(const float *group, int wrong) {
  const float scale = first_largest(group) / (wrong == OF_9 ? -9.0f : -8.0f);
  return wrong == UNSIGNED_SCALE ? fabsf(scale) : scale;
}

static float as_half(float value) {
  uint16_t half;
  clattn_narrow(CLATTN_F16, &value, 1, &half);
  clattn_widen(CLATTN_F16, &half, 1, &value);
  return value;
}

/* To 4 bits and back. by_reciprocal: as for bytes. */
static float through_nibble(const float *groups, size_t i, bool by_reciprocal, int wrong) {
  const float *group = groups + i / GROUP * GROUP, *next = group + GROUP;
  const size_t at = wrong == HALVES_CHANGED ? (i + GROUP / 2) % GROUP : i % GROUP;
  const float scale = group_scale(group, wrong);
  const float quotient = scale == 0.0f ? 0.0f : by_reciprocal ? group[at] * (1.0f / scale) : group[at] / scale;
  const float nibble = fminf(15.0f, fmaxf(0.0f, floorf(quotient + (wrong == NIBBLES_CUT ? 8.0f : 8.5f))));
  const float read = as_half(wrong == NEXT_GROUPS_SCALE ? group_scale(next, wrong) : scale);
  return (nibble - 8.0f) * (wrong == NIBBLES_SCALE_1_PERCENT ? read * 1.01f : read);
}

static void nibbles_tensor(tally *t, const float *values, size_t groups, bool by_reciprocal, int wrong) {
  tensor made = {.comparison = {.check = {.tensor = CLATTN_CACHED_K}}};
  for (size_t i = 0; i < groups * GROUP; ++i) {
    const double scale = (double)first_largest(values + i / GROUP * GROUP) / -8.0;
    double bound;
    const double value = clattn_nibble(scale, (double)values[i], &bound);
    const float got = through_nibble(values, i, by_reciprocal, wrong);
    const float right = through_nibble(values, i, by_reciprocal, NIBBLES_RIGHT);
    bound += clattn_bound_product(0.0, 1, 1);
    add(&made, &(clattn_element){got, value, got, bound, fabs(value)}, right, 0.0);
  }
  judge(t, &made, wrong);
}

static void nibbles(void **state) {
  (void)state;
  enum { GROUPS = 8 };
  tally t = {.family = "nibbles", .names = nibbles_names};
  for (size_t i = 0; i < 40 * USED_KINDS; ++i) {
    float values[(GROUPS + 1) * GROUP];
    fill(values, sizeof values / sizeof values[0], kinds[i / 40]);
    for (int way = 0; way < 2; ++way)
      for (int wrong = 0; wrong < NIBBLES_MISTAKES; ++wrong) nibbles_tensor(&t, values, GROUPS, way != 0, wrong);
  }
  report(&t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(scores),   cmocka_unit_test(log_sum_exp), cmocka_unit_test(narrowing),
      cmocka_unit_test(rotation), cmocka_unit_test(bytes),       cmocka_unit_test(nibbles),
  };
  return cmocka_run_group_tests_name("calibration_features", tests, NULL, NULL);
}
