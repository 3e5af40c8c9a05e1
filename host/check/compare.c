/* The bounds: two gates, which docs/correctness.md derives.
 *
 * Gate 1 bounds the error of each element by the rounding errors that its own sum can collect. Gate
 * 2 bounds the largest error of the tensor by a multiple of the float reference's largest error.
 * Both must hold.
 *
 * Write comparisons as !(error <= bound): NaN then fails; with error > bound it would pass. */
#include "check/compare.h"

#include <float.h>
#include <math.h>
#include <string.h>

#define UNIT_ROUNDOFF 5.9604644775390625e-08 /* 2^-24 */
#define SMALLEST_NORMAL ((double)FLT_MIN)    /* 2^-126: devices may flush smaller numbers to 0 */

double clattn_bound_product(double magnitude, size_t terms, size_t chain) {
  return UNIT_ROUNDOFF * (8.0 + 2.0 * sqrt((double)terms) + (double)chain / 3.0) * magnitude +
         (double)terms * SMALLEST_NORMAL;
}

#define HALF_ROUNDOFF 0x1p-11 /* of a number of half's 11 bits */
#define HALF_SMALLEST 0x1p-25 /* half of the smallest number that is not 0 */

/* A product and the sums that it is part of are rounded once each, with fma as often as there are
 * products in the chain. No partial sum exceeds the magnitude of the chain. The 1 % is for the
 * products of errors. */
double clattn_bound_half_product(double magnitude, size_t terms, size_t chain) {
  if (chain == 0) return 0.0;
  return 1.01 * HALF_ROUNDOFF * (double)chain * magnitude + (double)terms * HALF_SMALLEST;
}

/* Softcap divides, takes tanh (5 units by the OpenCL specification) and multiplies: 8 roundings of
 * a value that is at most the magnitude. ALiBi's product and the two additions after it: 4. */
double clattn_bound_score(const clattn_problem *problem, double magnitude, size_t chain) {
  const double softcap = problem->softcap > 0.0f ? 8.0 : 0.0;
  const double bias = problem->mask == CLATTN_MASK_FLOAT || problem->alibi ? 4.0 : 0.0;
  return clattn_bound_product(magnitude, problem->head_dim, chain) + UNIT_ROUNDOFF * (softcap + bias) * magnitude;
}

/* Half a unit in the last place. Near 0 half of f16's smallest number, and bf16's smallest normal
 * one, which a device may flush. The 1 % allows for the value's own rounding error. */
double clattn_bound_narrowing(clattn_type type, double value) {
  switch (type) {
  case CLATTN_F16:
    return 1.01 * ldexp(fabs(value), -11) + ldexp(1.0, -25);
  case CLATTN_BF16:
    return 1.01 * ldexp(fabs(value), -8) + SMALLEST_NORMAL;
  case CLATTN_F32:
    break;
  }
  return 0.0;
}

/* Half a step, and one rounding each for the quotient and the product. */
double clattn_bound_bytes(double step, double value) {
  return 0.5001 * step + clattn_bound_product(fabs(value), 1, 1);
}

/* A quotient so close to the border of two nibbles that the rounding of a float decides: reciprocal and product are off
 * by less than 10 u, for quotients up to 8. */
#define NIBBLE_TIE 1e-5

/* The scale is rounded to f16 when it is stored, and multiplied by up to 8. */
double clattn_nibble(double scale, double value, double *bound) {
  const double place = scale != 0.0 ? fmax(-8.0, fmin(8.0, value / scale)) + 8.5 : 8.5;
  const double nibble = fmin(floor(place), 15.0), read = (nibble - 8.0) * scale;
  const bool tied = fabs(place - rint(place)) < NIBBLE_TIE && rint(place) < 16.0;
  *bound = 8.0 * clattn_bound_narrowing(CLATTN_F16, scale) + clattn_bound_product(fabs(read), 1, 1) +
           (tied ? fabs(scale) : 0.0);
  return read;
}

/* One rounding of the table's entry and one of the sum. */
double clattn_bound_positioned(double x, double position) {
  return 1.01 * UNIT_ROUNDOFF * (fabs(x) + 2.0 * fabs(position)) + SMALLEST_NORMAL;
}

/* A number below the smallest normal one is flushed to 0, or rounded to a multiple of 2^-149 up to
 * three times (exp, the quotient, a power of two). Rounding may also raise it: just above 2^-151 it
 * can become 2^-149, an error of 3 times its value. */
double clattn_bound_underflow(double weight, double smallest) {
  return fmin(4.0 * weight, smallest);
}

/* exp is off by at most 4 units in the last place (OpenCL: 3, for embedded devices 4), so 8
 * roundings. The difference before it has one rounding error, which exp turns into a relative
 * error. */
double clattn_bound_exp(double value, double distance) {
  const double rounding = UNIT_ROUNDOFF * value * (8.0 + 2.0 * distance);
  return rounding + clattn_bound_underflow(value + rounding, SMALLEST_NORMAL);
}

double clattn_bound_lse(double lse, double largest_score, size_t keys, size_t chain) {
  return clattn_bound_weight(1.0, largest_score, keys, chain) + 4.0 * UNIT_ROUNDOFF * fabs(lse);
}

/* Each step rounds the log-sum-exp once. exp (4 units), the sum, log and the difference before exp add 16 roundings of
 * a sum between 1 and 2. */
double clattn_bound_merged_lse(size_t parts, double largest) {
  return UNIT_ROUNDOFF * (double)parts * (largest + 16.0);
}

/* A weight is a product of each step's exp(lse - m) / s. The steps' log-sum-exps are off as above, which exp turns into
 * a relative error; a step's own operations add 16 roundings, and the difference before its exp one of itself. These
 * differences add up to at most `distance`, for each shrinks the weight by as much. */
double clattn_bound_merged_weight(double weight, double distance, size_t parts, double largest) {
  const double steps = (double)parts * (largest + 32.0), apart = weight > 0.0 ? 2.0 * distance : 0.0;
  const double rounding = UNIT_ROUNDOFF * weight * (steps + apart);
  return rounding + clattn_bound_underflow(weight + rounding, (double)parts * SMALLEST_NORMAL);
}

double clattn_bound_weight_rounding(double weight, double largest_score, size_t keys, size_t chain) {
  return UNIT_ROUNDOFF * weight * (16.0 + 2.0 * sqrt((double)keys) + (double)chain / 3.0 + 4.0 * largest_score);
}

double clattn_bound_weight(double weight, double largest_score, size_t keys, size_t chain) {
  const double rounding = clattn_bound_weight_rounding(weight, largest_score, keys, chain);
  return rounding + clattn_bound_underflow(weight + rounding, SMALLEST_NORMAL);
}

/* Error divided by bound: 0 for an expected NaN or Inf, infinite for an unexpected one. With a
 * bound of 0 only the exact value passes. */
static double ratio_of(const clattn_element *e) {
  const double got = (double)e->got;
  if (e->bound == CLATTN_NOT_FINITE) return isfinite(got) ? INFINITY : 0.0;
  if (isnan(e->expected)) return isnan(got) ? 0.0 : INFINITY;
  if (isinf(e->expected)) return got == e->expected ? 0.0 : INFINITY;
  if (isinf(got)) { /* the expected value may be too large for float */
    const bool beyond = fabs(e->expected) + e->bound > (double)FLT_MAX && (got > 0) == (e->expected > 0);
    return beyond ? 0.0 : INFINITY;
  }
  const double error = fabs(got - e->expected), ratio = error / e->bound;
  if (error == 0.0 && e->bound == 0.0) return 0.0;
  return isnan(ratio) ? INFINITY : ratio;
}

static void update_gate2(clattn_comparison *c, const clattn_element *e) {
  if (!isfinite(e->expected) || !isfinite(e->got) || !isfinite(e->naive) || !isfinite(e->magnitude)) return;
  volatile float shifted = (float)e->expected; /* volatile: rounded to float at every step */
  shifted = shifted + 0.3f;
  shifted = shifted - 0.3f;
  c->check.largest_error = fmax(c->check.largest_error, fabs((double)e->got - e->expected));
  c->naive_error = fmax(c->naive_error, fabs((double)e->naive - e->expected));
  c->round_trip = fmax(c->round_trip, fabs((double)shifted - e->expected));
  c->magnitude = fmax(c->magnitude, e->magnitude);
}

/* Gate 2 allows 8 roundings of the magnitude. */
#define GATE2_ROUNDINGS 8.0

/* How far off a sum is whose terms are added up in half, chain by chain, in half roundings: errors of both
 * signs grow as a random walk over the partial sums; where the terms have one sign, so have many errors; and
 * neither exceeds what a single large term and small ones after it can lose. Calibrated by
 * tests/test_calibration_half.c. */
#define HALF_RANDOM 1.5
#define HALF_DRIFT 2.0
#define HALF_WORST 3.0

double clattn_magnitude_of(double error) {
  return error / (GATE2_ROUNDINGS * UNIT_ROUNDOFF);
}

void clattn_terms_add(clattn_terms *terms, double term) {
  terms->sum += term;
  terms->magnitude += fabs(term);
  terms->squares += term * term;
}

double clattn_half_magnitude(const clattn_terms *terms, size_t chain) {
  if (chain == 0) return 0.0;
  const double random = HALF_RANDOM * sqrt((double)chain * terms->squares), drift = HALF_DRIFT * fabs(terms->sum);
  return clattn_magnitude_of(HALF_ROUNDOFF * fmin(random + drift, HALF_WORST * terms->magnitude));
}

/* Each rounding errs by a third to a half of its bound as a root of the mean square, so this is about 4 of their
 * deviations. Where factors are alike, so are their errors. */
#define ROUNDED_RANDOM 1.5

double clattn_rounded_magnitude(const clattn_terms *roundings) {
  const double random = ROUNDED_RANDOM * sqrt(roundings->squares);
  return clattn_magnitude_of(fmin(random + fabs(roundings->sum), roundings->magnitude));
}

void clattn_compare(clattn_comparison *c, const size_t *index, int rank, const clattn_element *e) {
  const double ratio = ratio_of(e);
  if (!(ratio <= 1.0)) ++c->check.failed;
  if (c->check.elements == 0 || ratio > c->check.ratio) {
    c->check.ratio = ratio;
    c->check.got = (double)e->got;
    c->check.expected = e->expected;
    c->check.bound = e->bound == CLATTN_NOT_FINITE ? (double)INFINITY : e->bound;
    memcpy(c->check.worst_index, index, (size_t)rank * sizeof *index);
  }
  ++c->check.elements;
  update_gate2(c, e);
}

void clattn_comparison_finish(clattn_comparison *c) {
  c->check.allowed_error = 2.0 * c->naive_error + 2.0 * c->round_trip + GATE2_ROUNDINGS * UNIT_ROUNDOFF * c->magnitude;
  c->check.passed = c->check.elements > 0 && c->check.failed == 0 && c->check.largest_error <= c->check.allowed_error;
}
