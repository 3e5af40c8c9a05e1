/* The command-line program's examples: their numbers must show what their articles and comments
 * claim. Attention is computed here in double with plain loops, independent of the library's
 * reference and of any device. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "explain/examples.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { MOST_TOKENS = 9, MOST_COLUMNS = 8, MOST_HEADS = 2 };

typedef struct attention {
  double q[MOST_TOKENS][MOST_COLUMNS];
  double k[MOST_TOKENS][MOST_COLUMNS];
  double v[MOST_TOKENS][MOST_COLUMNS];
  double products[MOST_HEADS][MOST_TOKENS][MOST_TOKENS]; /* Q.K^T */
  double scores[MOST_HEADS][MOST_TOKENS][MOST_TOKENS];
  double weights[MOST_HEADS][MOST_TOKENS][MOST_TOKENS];
  double context[MOST_TOKENS][MOST_COLUMNS];
} attention;

static void project(const example *e, const float *x, const float *w, size_t columns,
                    double out[MOST_TOKENS][MOST_COLUMNS]) {
  for (size_t t = 0; t < e->token_count; ++t)
    for (size_t c = 0; c < columns; ++c) {
      out[t][c] = 0.0;
      for (size_t m = 0; m < e->model_dim; ++m) {
        size_t at = e->layout == CLATTN_LAYOUT_XW ? m * columns + c : c * e->model_dim + m;
        out[t][c] += (double)x[t * e->model_dim + m] * (double)w[at];
      }
    }
}

static void softmax(const double *scores, size_t count, double *weights) {
  double sum = 0.0;
  for (size_t j = 0; j < count; ++j) sum += exp(scores[j]);
  for (size_t j = 0; j < count; ++j) weights[j] = exp(scores[j]) / sum;
}

static void attend_head(const example *e, size_t head, size_t heads, attention *a) {
  size_t head_dim = e->key_columns / heads;
  size_t value_dim = e->value_columns / heads;
  for (size_t i = 0; i < e->token_count; ++i) {
    for (size_t j = 0; j < e->token_count; ++j) {
      double sum = 0.0;
      for (size_t c = head * head_dim; c < (head + 1) * head_dim; ++c) sum += a->q[i][c] * a->k[j][c];
      a->products[head][i][j] = sum;
      a->scores[head][i][j] = sum / sqrt((double)head_dim);
    }
    softmax(a->scores[head][i], e->token_count, a->weights[head][i]);
    for (size_t c = head * value_dim; c < (head + 1) * value_dim; ++c) {
      a->context[i][c] = 0.0;
      for (size_t j = 0; j < e->token_count; ++j) a->context[i][c] += a->weights[head][i][j] * a->v[j][c];
    }
  }
}

/* As in "Attention Is All You Need": columns 2i and 2i + 1 hold sine and cosine of p / 10000^(2i /
 * model_dim). */
static double position_at(size_t position, size_t column, size_t model_dim) {
  size_t even = column - column % 2;
  double angle = (double)position / pow(10000.0, (double)even / (double)model_dim);
  return column == even ? sin(angle) : cos(angle);
}

/* The input of the projections: x, plus positions if the example has them. */
static void example_input(const example *source, float *x) {
  for (size_t t = 0; t < source->token_count; ++t)
    for (size_t c = 0; c < source->model_dim; ++c) {
      size_t at = t * source->model_dim + c;
      double position = source->sinusoidal_positions ? position_at(t, c, source->model_dim) : 0.0;
      x[at] = (float)((double)source->x[at] + position);
    }
}

static attention attend(const example *e, size_t heads) {
  attention a;
  float x[MOST_TOKENS * MOST_COLUMNS];
  assert_true(e->token_count <= MOST_TOKENS && e->model_dim <= MOST_COLUMNS);
  assert_true(e->key_columns <= MOST_COLUMNS && e->value_columns <= MOST_COLUMNS && heads <= MOST_HEADS);
  memset(&a, 0, sizeof a);
  example_input(e, x);
  project(e, x, e->wq, e->key_columns, a.q);
  project(e, x, e->wk, e->key_columns, a.k);
  project(e, x, e->wv, e->value_columns, a.v);
  for (size_t head = 0; head < heads; ++head) attend_head(e, head, heads, &a);
  return a;
}

static const example *find(const char *name) {
  const example *e = clattn_example_find(name);
  assert_non_null(e);
  return e;
}

static size_t token(const example *e, const char *text) {
  size_t t = 0;
  while (t < e->token_count && strcmp(e->tokens[t], text) != 0) ++t;
  assert_true(t < e->token_count);
  return t;
}

/* Written so that a NaN fails. */
static void check_near(double got, double want, double tolerance) {
  if (!(fabs(got - want) <= tolerance)) fail_msg("got %.9g, want %.9g within %.1g", got, want, tolerance);
}

static void check_row(const double *got, const double *want, size_t count) {
  for (size_t i = 0; i < count; ++i) check_near(got[i], want[i], 5.1e-7); /* six decimals, rounded */
}

/* first > second by at least margin, and second > every other key by at least margin. */
static void check_order(const example *e, const double *weights, const char *first, const char *second, double margin) {
  size_t a = token(e, first);
  size_t b = token(e, second);
  assert_true(weights[a] >= weights[b] + margin);
  for (size_t j = 0; j < e->token_count; ++j)
    if (j != a && j != b) assert_true(weights[b] >= weights[j] + margin);
}

/* ---- the table --------------------------------------------------------------------------------------------------- */

static void test_lookup(void **state) {
  static const char *const names[] = {"please-study-man", "dog-chased-ball", "cat-sat-down", "love-apple-phones"};
  (void)state;
  assert_int_equal(clattn_example_count(), COUNT(names));
  for (size_t i = 0; i < COUNT(names); ++i) {
    assert_string_equal(clattn_example_at(i)->name, names[i]);
    assert_ptr_equal(clattn_example_find(names[i]), clattn_example_at(i));
  }
  assert_null(clattn_example_at(clattn_example_count()));
  assert_null(clattn_example_find("dog-chased-cat"));
  assert_null(clattn_example_find("dog"));
  assert_null(clattn_example_find("Dog-Chased-Ball"));
  assert_null(clattn_example_find(""));
}

static void test_names_unique(void **state) {
  (void)state;
  for (size_t i = 0; i < clattn_example_count(); ++i)
    for (size_t j = 0; j < i; ++j) {
      assert_string_not_equal(clattn_example_at(i)->name, clattn_example_at(j)->name);
      assert_string_not_equal(clattn_example_at(i)->article, clattn_example_at(j)->article);
    }
}

static void check_line(const char *text) {
  assert_non_null(text);
  assert_true(text[0] != '\0');
  assert_null(strchr(text, '\n'));
}

static void check_names(const char *const *names, size_t count) {
  assert_true(count > 0);
  for (size_t i = 0; i < count; ++i) {
    check_line(names[i]);
    assert_true(strlen(names[i]) <= 8); /* the names are column heads */
  }
}

static void test_descriptions(void **state) {
  (void)state;
  for (size_t i = 0; i < clattn_example_count(); ++i) {
    const example *e = clattn_example_at(i);
    check_line(e->article);
    if (e->where != NULL) check_line(e->where);
    char source[EXAMPLE_SOURCE];
    assert_non_null(strstr(clattn_example_source(e, source), e->where != NULL ? e->where : e->article));
    assert_true(strlen(source) + 1 < EXAMPLE_SOURCE);
    check_line(e->question);
    check_line(e->answer);
    if (e->note != NULL) check_line(e->note);
    check_names(e->tokens, e->token_count);
    check_names(e->features, e->model_dim);
    check_names(e->key_features, e->key_columns);
    check_names(e->value_features, e->value_columns);
    assert_true(e->focus < e->token_count);
    assert_int_equal(e->key_columns % e->heads, 0);
    assert_int_equal(e->value_columns % e->heads, 0);
  }
}

static void test_sizes(void **state) {
  /* tokens, model_dim, key_columns, value_columns: the matrix sizes that a front end expects */
  static const size_t sizes[][4] = {{3, 2, 2, 2}, {9, 6, 4, 3}, {4, 8, 8, 8}, {3, 4, 4, 3}};
  static const char *const focus[] = {"man", "it", "sat", "Apple"};
  (void)state;
  assert_int_equal(clattn_example_count(), COUNT(sizes));
  for (size_t i = 0; i < COUNT(sizes); ++i) {
    const example *e = clattn_example_at(i);
    assert_int_equal(e->token_count, sizes[i][0]);
    assert_int_equal(e->model_dim, sizes[i][1]);
    assert_int_equal(e->key_columns, sizes[i][2]);
    assert_int_equal(e->value_columns, sizes[i][3]);
    assert_int_equal(e->heads, 1);
    assert_string_equal(e->tokens[e->focus], focus[i]);
  }
}

/* Transposes w (rows, columns) to (columns, rows). */
static void transpose(const float *w, size_t rows, size_t columns, float *out) {
  for (size_t r = 0; r < rows; ++r)
    for (size_t c = 0; c < columns; ++c) out[c * rows + r] = w[r * columns + c];
}

static void test_layouts_agree(void **state) {
  (void)state;
  for (size_t i = 0; i < clattn_example_count(); ++i) {
    const example *e = clattn_example_at(i);
    bool xw = e->layout == CLATTN_LAYOUT_XW;
    float wq[MOST_COLUMNS * MOST_COLUMNS];
    example other = *e;
    attention a = attend(e, 1);
    transpose(e->wq, xw ? e->model_dim : e->key_columns, xw ? e->key_columns : e->model_dim, wq);
    other.layout = xw ? CLATTN_LAYOUT_XWT : CLATTN_LAYOUT_XW;
    other.wq = wq;
    attention b = attend(&other, 1);
    assert_memory_equal(a.q, b.q, sizeof a.q);
  }
}

/* ---- positions --------------------------------------------------------------------------------------------------- */

static void test_positions(void **state) {
  /* sin and cos of p, p/10, p/100, p/1000 */
  static const double position[4][8] = {
      {0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0},
      {0.841470985, 0.540302306, 0.099833417, 0.995004165, 0.009999833, 0.999950000, 0.001000000, 0.999999500},
      {0.909297427, -0.416146837, 0.198669331, 0.980066578, 0.019998667, 0.999800007, 0.001999999, 0.999998000},
      {0.141120008, -0.989992497, 0.295520207, 0.955336489, 0.029995500, 0.999550034, 0.002999996, 0.999995500}};
  const example *e = find("cat-sat-down");
  float x[4 * 8];
  (void)state;
  assert_true(e->sinusoidal_positions);
  example_input(e, x);
  for (size_t t = 0; t < 4; ++t)
    for (size_t c = 0; c < 8; ++c)
      check_near((double)x[t * 8 + c], (double)e->x[t * 8 + c] + position[t][c], 1.3e-7); /* half an ulp below 4 */
}

static void test_input_without_positions(void **state) {
  (void)state;
  for (size_t i = 0; i < clattn_example_count(); ++i) {
    const example *e = clattn_example_at(i);
    float x[MOST_TOKENS * MOST_COLUMNS];
    if (e->sinusoidal_positions) continue;
    example_input(e, x);
    assert_memory_equal(x, e->x, e->token_count * e->model_dim * sizeof *x);
  }
}

/* ---- please study man -------------------------------------------------------------------------------------------- */

static void test_please_numbers(void **state) {
  static const double q[3][2] = {{1, 0}, {0, 2}, {1, 1}};
  static const double k[3][2] = {{1, 1}, {0, 2}, {1, 2}};
  static const double v[3][2] = {{1, 0}, {0, 2}, {1, 1}};
  static const double products[3][3] = {{1, 0, 1}, {2, 4, 4}, {2, 2, 3}};
  static const double scores[3][3] = {
      {0.707107, 0.000000, 0.707107}, {1.414214, 2.828427, 2.828427}, {1.414214, 1.414214, 2.121320}};
  static const double weights[3][3] = {
      {0.401112, 0.197776, 0.401112}, {0.108383, 0.445808, 0.445808}, {0.248255, 0.248255, 0.503490}};
  static const double context[3][2] = {{0.802224, 0.796664}, {0.554192, 1.337425}, {0.751745, 1.000000}};
  const example *e = find("please-study-man");
  attention a = attend(e, 1);
  (void)state;
  for (size_t t = 0; t < 3; ++t) {
    check_row(a.q[t], q[t], 2);
    check_row(a.k[t], k[t], 2);
    check_row(a.v[t], v[t], 2);
    check_row(a.products[0][t], products[t], 3);
    check_row(a.scores[0][t], scores[t], 3);
    check_row(a.weights[0][t], weights[t], 3);
    check_row(a.context[t], context[t], 2);
  }
}

static void test_please_note(void **state) {
  const char *note = find("please-study-man")->note;
  (void)state;
  assert_non_null(note);
  assert_non_null(strstr(note, "prints K(man) = [2, 1], V(study) = [2, 2] and V(man) = [2, 1]"));
  assert_non_null(strstr(note, "give [1, 2], [0, 2] and [1, 1]"));
}

/* ---- dog chased ball --------------------------------------------------------------------------------------------- */

static void test_dog_reason(void **state) {
  const example *e = find("dog-chased-ball");
  attention a = attend(e, 1);
  size_t it = token(e, "it");
  size_t dog = token(e, "dog");
  size_t ball = token(e, "ball");
  (void)state;
  assert_string_equal(e->key_features[0], "animate");
  check_near(a.q[it][0], 3.0, 0.0);
  check_near(a.k[dog][0], 2.0, 0.0);
  for (size_t j = 0; j < e->token_count; ++j)
    check_near(a.products[0][it][j], j == dog ? 6.0 : j == ball ? 3.0 : 0.0, 0.0);
}

static void test_dog_weights(void **state) {
  const example *e = find("dog-chased-ball");
  attention a = attend(e, 1);
  size_t it = token(e, "it");
  (void)state;
  check_order(e, a.weights[0][it], "dog", "ball", 0.10);
  check_near(a.weights[0][it][token(e, "dog")], 0.636, 5e-4);
  check_near(a.weights[0][it][token(e, "ball")], 0.142, 5e-4);
}

/* The value of dog has only one entry: being = 2. In the context of *it*, being must outweigh all
 * other columns. */
static void test_dog_context(void **state) {
  const example *e = find("dog-chased-ball");
  attention a = attend(e, 1);
  size_t it = token(e, "it");
  double others = 0.0;
  (void)state;
  assert_string_equal(e->value_features[0], "being");
  for (size_t c = 1; c < e->value_columns; ++c) others += a.context[it][c];
  assert_true(a.context[it][0] > 3.0 * others);
}

static void test_dog_values_leave_routing(void **state) {
  const example *e = find("dog-chased-ball");
  example changed = *e;
  float wv[6 * 3];
  (void)state;
  for (size_t i = 0; i < COUNT(wv); ++i) wv[i] = 1.0f - e->wv[i];
  changed.wv = wv;
  attention a = attend(e, 1);
  attention b = attend(&changed, 1);
  assert_memory_equal(a.weights, b.weights, sizeof a.weights);
  assert_true(fabs(a.context[e->focus][0] - b.context[e->focus][0]) > 0.5);
}

/* Without the query of the feature "feeling", *it* is like any other pronoun and attends more to
 * the ball. */
static void test_dog_query_moves_routing(void **state) {
  const example *e = find("dog-chased-ball");
  example changed = *e;
  float wq[6 * 4];
  (void)state;
  assert_string_equal(e->features[4], "feeling");
  memcpy(wq, e->wq, sizeof wq);
  for (size_t c = 0; c < 4; ++c) wq[4 * 4 + c] = 0.0f;
  changed.wq = wq;
  attention a = attend(&changed, 1);
  check_order(e, a.weights[0][e->focus], "ball", "dog", 0.10);
}

/* If no key had the feature "animate", *it* would attend mostly to the ball. */
static void test_dog_key_moves_routing(void **state) {
  const example *e = find("dog-chased-ball");
  example changed = *e;
  float wk[6 * 4];
  (void)state;
  assert_string_equal(e->features[0], "animate");
  memcpy(wk, e->wk, sizeof wk);
  wk[0] = 0.0f;
  changed.wk = wk;
  attention a = attend(&changed, 1);
  for (size_t j = 0; j < e->token_count; ++j)
    if (j != token(e, "ball")) assert_true(a.weights[0][e->focus][token(e, "ball")] > a.weights[0][e->focus][j] + 0.20);
}

/* Words that ask for nothing attend to the mean of all values. */
static void test_dog_function_words(void **state) {
  const example *e = find("dog-chased-ball");
  attention a = attend(e, 1);
  (void)state;
  for (size_t j = 0; j < e->token_count; ++j) check_near(a.weights[0][token(e, "because")][j], 1.0 / 9.0, 1e-12);
}

/* ---- cat sat down ------------------------------------------------------------------------------------------------ */

static void test_cat_one_head(void **state) {
  const example *e = find("cat-sat-down");
  attention a = attend(e, 1);
  size_t sat = token(e, "sat");
  (void)state;
  check_order(e, a.weights[0][sat], "cat", "down", 0.15);
  assert_true(a.weights[0][sat][token(e, "down")] > 5.0 * a.weights[0][sat][token(e, "the")]);
  check_near(a.products[0][sat][token(e, "cat")], 7.3, 0.05);
  check_near(a.products[0][sat][token(e, "down")], 6.2, 0.05);
}

static void test_cat_two_heads(void **state) {
  const example *e = find("cat-sat-down");
  attention a = attend(e, 2);
  size_t sat = token(e, "sat");
  size_t cat = token(e, "cat");
  size_t down = token(e, "down");
  (void)state;
  assert_true(a.weights[0][sat][cat] > 0.85);
  assert_true(a.weights[0][sat][down] < 0.05);
  assert_true(a.weights[1][sat][down] > 0.75);
  assert_true(a.weights[1][sat][cat] < 0.10);
}

/* Head 0 asks who: the noun attends to its verb, then to its article. Head 1 asks what belongs to a
 * token: the particle attends to its verb. The article asks for no word and attends to the next
 * token. */
static void test_cat_roles(void **state) {
  const example *e = find("cat-sat-down");
  attention a = attend(e, 2);
  size_t the = token(e, "the");
  size_t sat = token(e, "sat");
  (void)state;
  check_order(e, a.weights[0][token(e, "cat")], "sat", "the", 0.10);
  assert_true(a.weights[1][token(e, "down")][sat] > 0.65);
  for (size_t j = 0; j < e->token_count; ++j) {
    check_near(a.weights[0][the][j], 0.25, 1e-6);
    if (j != token(e, "cat")) assert_true(a.weights[1][the][token(e, "cat")] > a.weights[1][the][j] + 0.05);
  }
}

/* If tokens had only positions, each would still attend to the next one in head 1. */
static void test_cat_next_position(void **state) {
  static const float no_words[4 * 8] = {0};
  example bare = *find("cat-sat-down");
  (void)state;
  bare.x = no_words;
  attention a = attend(&bare, 2);
  for (size_t i = 0; i + 1 < bare.token_count; ++i)
    for (size_t j = 0; j < bare.token_count; ++j)
      if (j != i + 1) assert_true(a.weights[1][i][i + 1] > a.weights[1][i][j] + 0.05);
}

/* ---- love Apple phones ------------------------------------------------------------------------------------------- */

static void test_apple_weights(void **state) {
  static const double scores[3] = {0.0, 1.0, 2.0};
  static const double weights[3] = {0.090031, 0.244728, 0.665241};
  const example *e = find("love-apple-phones");
  attention a = attend(e, 1);
  size_t apple = token(e, "Apple");
  (void)state;
  check_row(a.scores[0][apple], scores, 3);
  check_row(a.weights[0][apple], weights, 3);
  check_order(e, a.weights[0][apple], "phones", "Apple", 0.15);
}

/* Only its value is divided between tech and sweet; its context is not. */
static void test_apple_context(void **state) {
  static const double value[3] = {1.0, 1.0, 0.0};
  const example *e = find("love-apple-phones");
  attention a = attend(e, 1);
  size_t apple = token(e, "Apple");
  (void)state;
  assert_string_equal(e->value_features[0], "tech");
  assert_string_equal(e->value_features[1], "sweet");
  check_row(a.v[apple], value, 3);
  check_near(a.context[apple][0], 1.575, 5e-4);
  check_near(a.context[apple][1], 0.245, 5e-4);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_lookup),
      cmocka_unit_test(test_names_unique),
      cmocka_unit_test(test_descriptions),
      cmocka_unit_test(test_sizes),
      cmocka_unit_test(test_layouts_agree),
      cmocka_unit_test(test_positions),
      cmocka_unit_test(test_input_without_positions),
      cmocka_unit_test(test_please_numbers),
      cmocka_unit_test(test_please_note),
      cmocka_unit_test(test_dog_reason),
      cmocka_unit_test(test_dog_weights),
      cmocka_unit_test(test_dog_context),
      cmocka_unit_test(test_dog_values_leave_routing),
      cmocka_unit_test(test_dog_query_moves_routing),
      cmocka_unit_test(test_dog_key_moves_routing),
      cmocka_unit_test(test_dog_function_words),
      cmocka_unit_test(test_cat_one_head),
      cmocka_unit_test(test_cat_two_heads),
      cmocka_unit_test(test_cat_roles),
      cmocka_unit_test(test_cat_next_position),
      cmocka_unit_test(test_apple_weights),
      cmocka_unit_test(test_apple_context),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
