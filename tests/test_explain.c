/* clattn_explain: page and text from the caller's own problem and from an example, and what is refused. What the page
 * shows in a browser is page/test_page.py's, the text in full test_program_explain.sh's. */
#include <stdlib.h>
#include <string.h>

#include "clattn_explain.h"
#include "support.h"

/* The three tokens of please-study-man: x, whose Wq is the identity. */
static const float x[] = {1, 0, 0, 2, 1, 1}, wq[] = {1, 0, 0, 1}, wk[] = {1, 1, 0, 1}, wv[] = {1, 0, 0, 1};
static const clattn_inputs inputs = {.size = sizeof inputs, .x = x, .wq = wq, .wk = wk, .wv = wv};

static clattn_problem three_tokens(void) {
  clattn_problem p = CLATTN_PROBLEM_INIT;
  p.query_len = p.key_len = 3;
  p.model_dim = p.head_dim = p.value_dim = 2;
  return p;
}

static void assert_has(const char *text, const char *part) {
  if (strstr(text, part) == NULL) fail_msg("'%s' is not in: %.2000s", part, text);
}

static char *explained(const clattn_explain_options *options, clattn_explanation as) {
  const clattn_problem p = three_tokens();
  clattn_error error;
  char *text = NULL;
  bool passed = false;
  assert_ok(clattn_explain(support_opened, &p, &inputs, options, as, &text, &passed, &error), &error);
  assert_true(passed);
  return text;
}

static void own_tokens(void **state) {
  (void)state;
  /* of the second 23 bytes are shown, which would end within é; the third is no UTF-8 */
  const char *const tokens[] = {"<b>\"&", "1234567890123456789012\xC3\xA9t\xC3\xA9", "m\xFCn\n"};
  const clattn_explain_options options = {
      .size = sizeof options, .name = "mine", .tokens = tokens, .token_count = 3, .focus = "2"};
  char *page = explained(&options, CLATTN_EXPLANATION_PAGE);
  assert_has(page, "<!doctype html>");
  assert_has(page, "\"name\":\"mine\"");
  assert_has(page, "\"queries\":[\"\\u003cb\\u003e\\u0022\\u0026\",\"1234567890123456789012\",\"m\xC3\xBCn?\"]");
  assert_has(page, "\"begin\":2");
  assert_null(strstr(page, "{{"));
  clattn_explain_free(page);
  char *text = explained(&options, CLATTN_EXPLANATION_TEXT);
  assert_has(text, "mine\n3 queries, 3 keys, 1 head; only \"m\xC3\xBCn?\" is shown");
  assert_has(text, "\nchecked: ");
  assert_null(strchr(text, '\033'));
  clattn_explain_free(text);
}

/* Columns line up by characters, not by bytes. */
static void wide_names(void **state) {
  (void)state;
  const char *const tokens[] = {"\xC3\xA4\xC3\xB6\xC3\xBC", "abc", "d"};
  const clattn_explain_options options = {.size = sizeof options, .tokens = tokens, .token_count = 3, .coloured = true};
  char *text = explained(&options, CLATTN_EXPLANATION_TEXT);
  assert_has(text, "\n  \xC3\xA4\xC3\xB6\xC3\xBC   1   0\n  abc   0   2\n  d     1   1\n");
  assert_has(text, "\033[48;5;");
  clattn_explain_free(text);
}

static void an_example(void **state) {
  (void)state;
  clattn_error error;
  char *text = NULL;
  assert_ok(clattn_explain_example(support_opened, "cat-sat-down", NULL, CLATTN_EXPLANATION_TEXT, &text, NULL, &error),
            &error);
  assert_has(text, "\"sat\" gives more to \"cat\", 53.3 %, than to \"down\", 35.4 %.");
  clattn_explain_free(text);
  clattn_explain_free(NULL);
}

/* What the page has no room for is refused before the run appends to the cache. */
static void of_a_cache(void **state) {
  (void)state;
  clattn_problem p = three_tokens();
  clattn_inputs in = inputs;
  clattn_error error;
  clattn_cache *cache = NULL;
  char *text = NULL;
  p.cache.capacity = 70;
  p.causal = true;
  assert_ok(clattn_cache_create(support_opened, &p, NULL, NULL, &cache, &error), &error);
  in.cache = cache;
  for (int i = 1; i <= 21; ++i) {
    assert_ok(clattn_explain(support_opened, &p, &in, NULL, CLATTN_EXPLANATION_PAGE, &text, NULL, &error), &error);
    clattn_explain_free(text);
    assert_int_equal(clattn_cache_length(cache, 0), 3 * i);
  }
  text = NULL;
  assert_int_equal(clattn_explain(support_opened, &p, &in, NULL, CLATTN_EXPLANATION_PAGE, &text, NULL, &error),
                   CLATTN_UNSUPPORTED);
  assert_says(&error, "page: 66 keys (allowed: up to 64");
  assert_int_equal(clattn_cache_length(cache, 0), 63);
  const clattn_problem without = three_tokens(); /* which ignores the cache */
  assert_ok(clattn_explain(support_opened, &without, &in, NULL, CLATTN_EXPLANATION_TEXT, &text, NULL, &error), &error);
  assert_has(text, "3 queries, 3 keys, 1 head");
  clattn_explain_free(text);
  assert_int_equal(clattn_cache_length(cache, 0), 63);
  clattn_cache_destroy(cache);
}

static void refusals(void **state) {
  (void)state;
  const char *const tokens[] = {"a", NULL, "c"};
  const struct {
    clattn_explain_options options;
    size_t query_len;
    int as;
    clattn_status status;
    const char *says;
  } all[] = {
      {{.focus = "3"}, 3, CLATTN_EXPLANATION_PAGE, CLATTN_INVALID_ARGUMENT, "focus 3 (allowed: a number from 0 to 2)"},
      {{.tokens = tokens, .token_count = 1}, 3, 0, CLATTN_INVALID_ARGUMENT, "tokens: 1 for 3 queries"},
      {{.tokens = tokens, .token_count = 3}, 3, 0, CLATTN_INVALID_ARGUMENT, "tokens[1] is NULL"},
      {{.token_count = 3}, 3, 0, CLATTN_INVALID_ARGUMENT, "tokens is NULL, and token_count 3"},
      {{.tokens = tokens}, 3, 0, CLATTN_INVALID_ARGUMENT, "tokens is given, and token_count 0"},
      {{.focus = NULL}, 3, 2, CLATTN_INVALID_ARGUMENT, "as is 2 (allowed: "},
      {{.focus = NULL}, 65, CLATTN_EXPLANATION_PAGE, CLATTN_UNSUPPORTED, "page: 65 queries (allowed: up to 64"},
      {{.focus = NULL}, 0, CLATTN_EXPLANATION_TEXT, CLATTN_INVALID_PROBLEM, "query_len"},
  };
  clattn_error error;
  char *text = NULL;
  for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i) {
    clattn_explain_options options = all[i].options;
    clattn_problem p = three_tokens();
    options.size = sizeof options;
    p.query_len = p.key_len = all[i].query_len;
    assert_int_equal(
        clattn_explain(support_opened, &p, &inputs, &options, (clattn_explanation)all[i].as, &text, NULL, &error),
        all[i].status);
    assert_says(&error, all[i].says);
  }
  const clattn_problem p = three_tokens();
  const clattn_inputs lacking = {.size = sizeof lacking, .x = x, .wq = wq, .wk = wk};
  assert_int_equal(clattn_explain(support_opened, &p, &lacking, NULL, 0, &text, NULL, &error), CLATTN_INVALID_ARGUMENT);
  assert_says(&error, "wv");
  assert_int_equal(clattn_explain(NULL, &p, &inputs, NULL, 0, &text, NULL, &error), CLATTN_INVALID_ARGUMENT);
  assert_int_equal(clattn_explain(support_opened, &p, &inputs, NULL, 0, NULL, NULL, &error), CLATTN_INVALID_ARGUMENT);
  assert_int_equal(clattn_explain(support_opened, NULL, &inputs, NULL, 0, &text, NULL, &error),
                   CLATTN_INVALID_ARGUMENT);
  assert_int_equal(clattn_explain_example(support_opened, "woman", NULL, 0, &text, NULL, &error),
                   CLATTN_INVALID_ARGUMENT);
  assert_says(&error, "example woman (allowed: please-study-man, ");
  assert_null(text);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(own_tokens), cmocka_unit_test(wide_names),
                                     cmocka_unit_test(an_example), cmocka_unit_test(of_a_cache),
                                     cmocka_unit_test(refusals)};
  return cmocka_run_group_tests_name("explain", tests, support_open, support_close);
}
