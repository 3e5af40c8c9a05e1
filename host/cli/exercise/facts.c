/* Compares results with expected ones, element by element, and notes clear differences. Whether
 * a result passes is decided by clattn_check and its bounds. */
#include "cli/exercise/facts.h"

#include <math.h>
#include <string.h>

#include "base/unwritten.h"

#define TOLERANCE 1e-3f
#define LEAST 1e-2f
#define LEAST_ROUNDED 1.0f /* the rounding of weights does not shrink with the sum that they are in */

view view_of(const clattn_problem *p, clattn_tensor tensor) {
  const size_t keys = p->key_len, values = p->heads * p->value_dim;
  view v = {.tensor = tensor, .pairs = p->batch * p->heads, .rows = p->query_len, .heads = p->heads};
  v.least = p->type == CLATTN_F32 ? LEAST : LEAST_ROUNDED;
  switch (tensor) {
  case CLATTN_SCORES:
  case CLATTN_WEIGHTS:
    v.columns = keys;
    v.stride = (clattn_strides){p->heads * p->query_len * keys, p->query_len * keys, keys};
    break;
  case CLATTN_LSE:
    v.columns = 1;
    v.stride = (clattn_strides){p->heads * p->query_len, p->query_len, 1};
    break;
  case CLATTN_CONTEXT:
    v.columns = p->value_dim;
    v.stride = (clattn_strides){p->query_len * values, p->value_dim, values};
    break;
  default: /* q, k and v */
    v.pairs = p->batch;
    v.heads = 1;
    v.columns = p->heads * p->head_dim;
    v.stride = (clattn_strides){p->query_len * v.columns, 0, v.columns};
    break;
  }
  return v;
}

size_t view_at(const view *v, size_t pair, size_t row, size_t column) {
  return pair / v->heads * v->stride.batch + pair % v->heads * v->stride.head + row * v->stride.row + column;
}

bool is_near(const view *v, float got, float expected) {
  if (got == expected || (isnan(got) && isnan(expected))) return true;
  if (!isfinite(got) || !isfinite(expected)) return false;
  return fabsf(got - expected) <= TOLERANCE * fmaxf(fabsf(expected), v->least);
}

bool view_is(const view *v, const float *expected) {
  const size_t all = v->pairs * v->rows * v->columns;
  for (size_t i = 0; i < all; ++i)
    if (!is_near(v, v->got[i], expected[i])) return false;
  return true;
}

static bool same_bits(float a, float b) {
  return a == b || (isnan(a) && isnan(b));
}

/* `got` comes from the first run of a plan. */
static bool is_unwritten(float got) {
  uint32_t bits = 0;
  memcpy(&bits, &got, sizeof bits);
  return bits == CLATTN_UNWRITTEN_BITS;
}

static void take_in(facts *f, const view *v, place at, size_t i) {
  const float got = v->got[i], expected = v->expected[i];
  if (f->wrong == 0) f->first = f->last = f->example = at;
  ++f->wrong;
  f->zeros += got == 0.0f;
  f->unwritten += is_unwritten(got);
  f->hidden += got == -INFINITY;
  f->not_finite += !isfinite(got) && got != -INFINITY && !is_unwritten(got);
  f->shown += expected == -INFINITY;
  if (at.pair > f->last.pair) f->last.pair = at.pair;
  if (at.row < f->first.row) f->first.row = at.row;
  if (at.row > f->last.row) f->last.row = at.row;
  if (at.column < f->first.column) f->first.column = at.column;
  if (at.column > f->last.column) f->last.column = at.column;
}

static bool row_is_wrong(const view *v, size_t row) {
  for (size_t pair = 0; pair < v->pairs; ++pair)
    for (size_t column = 0; column < v->columns; ++column) {
      const size_t i = view_at(v, pair, row, column);
      if (!is_near(v, v->got[i], v->expected[i])) return true;
    }
  return false;
}

static bool column_is_wrong(const view *v, size_t column) {
  for (size_t pair = 0; pair < v->pairs; ++pair)
    for (size_t row = 0; row < v->rows; ++row) {
      const size_t i = view_at(v, pair, row, column);
      if (!is_near(v, v->got[i], v->expected[i])) return true;
    }
  return false;
}

/* Uses the largest element, where rounding matters least. */
static double common_factor(const view *v) {
  const size_t all = v->pairs * v->rows * v->columns;
  size_t largest = 0;
  for (size_t i = 1; i < all; ++i)
    if (isfinite(v->expected[i]) && fabsf(v->expected[i]) > fabsf(v->expected[largest])) largest = i;
  const float factor = v->got[largest] / v->expected[largest];
  if (!isfinite(factor) || factor == 0.0f) return 1.0;
  for (size_t i = 0; i < all; ++i)
    if (!is_near(v, v->got[i], v->expected[i] * factor)) return 1.0;
  return factor;
}

facts facts_of(const view *v) {
  facts f = {.all = v->pairs * v->rows * v->columns, .factor = 1.0};
  for (size_t pair = 0; pair < v->pairs; ++pair) {
    const size_t before = f.wrong;
    for (size_t row = 0; row < v->rows; ++row)
      for (size_t column = 0; column < v->columns; ++column) {
        const size_t i = view_at(v, pair, row, column);
        if (!is_near(v, v->got[i], v->expected[i])) take_in(&f, v, (place){pair, row, column}, i);
        f.unsteady += !same_bits(v->got[i], v->again[i]);
      }
    f.wrong_pairs += f.wrong > before;
  }
  for (size_t row = 0; row < v->rows; ++row) f.wrong_rows += row_is_wrong(v, row);
  for (size_t column = 0; column < v->columns; ++column) f.wrong_columns += column_is_wrong(v, column);
  const size_t end = view_at(v, 0, v->rows - 1, v->columns - 1);
  f.begin_right = is_near(v, v->got[0], v->expected[0]);
  f.end_right = is_near(v, v->got[end], v->expected[end]);
  if (f.wrong > 0) f.factor = common_factor(v);
  return f;
}
