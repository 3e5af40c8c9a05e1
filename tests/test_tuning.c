/* Why plans select kernels, and tuning records: written, found again, and malicious ones. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

#define RECORD "record.json"

static clattn_problem middling(void) {
  clattn_problem p = support_problem(40, 24, 12);
  p.heads = 2;
  return p;
}

static clattn_plan *plan_with(const char *kernels, const char *file, const char *folder) {
  clattn_plan_options options = SUPPORT_STAGED;
  const clattn_problem p = middling();
  clattn_plan *plan = NULL;
  clattn_error error;
  options.kernels = kernels;
  options.tuning_file = file;
  options.kernel_dir = folder;
  assert_ok(clattn_plan_create(support_opened, &p, &options, &plan, &error), &error);
  return plan;
}

/* The stage's last reason. Fails the test if there is none. */
static clattn_reason last_of(const clattn_plan *plan, clattn_stage stage) {
  clattn_reason reason = CLATTN_REASON_INIT, last = reason;
  for (size_t i = 0; clattn_plan_get_reason(plan, i, &reason); ++i)
    if (reason.stage == stage) last = reason;
  assert_non_null(last.text);
  return last;
}

static void reasons(void **state) {
  (void)state;
  clattn_plan *plan = plan_with("scores=tiled:TILE=8", NULL, NULL);
  const clattn_reason scores = last_of(plan, CLATTN_STAGE_SCORES), softmax = last_of(plan, CLATTN_STAGE_SOFTMAX);
  assert_int_equal(scores.kind, CLATTN_REASON_BY_HAND);
  assert_string_equal(scores.kernel, "tiled");
  assert_int_equal(scores.rung, 2);
  assert_string_equal(scores.choice, "tiled:TILE=8");
  assert_int_equal(softmax.kind, CLATTN_REASON_CHOSEN);
  clattn_plan_info info = CLATTN_PLAN_INFO_INIT;
  clattn_plan_get_info(plan, &info);
  assert_string_equal(softmax.kernel, info.stages[CLATTN_STAGE_SOFTMAX].kernel);
  clattn_reason none = CLATTN_REASON_INIT;
  assert_false(clattn_plan_get_reason(plan, clattn_plan_reason_count(plan), &none));
  clattn_plan_destroy(plan);
  assert_string_equal(clattn_reason_kind_name(CLATTN_REASON_KIND_COUNT), "unknown reason");
}

/* Each kernel of a stage is either selected once, or rejected with a reason before that. */
static void passed_over(void **state) {
  (void)state;
  clattn_plan *plan = plan_with(NULL, NULL, NULL);
  clattn_reason reason = CLATTN_REASON_INIT;
  size_t chosen = 0, over = 0;
  for (size_t i = 0; clattn_plan_get_reason(plan, i, &reason); ++i) {
    assert_true(reason.text[0] != '\0');
    assert_null(strchr(reason.text, '\n'));
    if (reason.stage != CLATTN_STAGE_PROJECT) continue;
    assert_int_equal(chosen, 0);
    chosen += reason.kind == CLATTN_REASON_CHOSEN;
    over += reason.kind == CLATTN_REASON_PASSED_OVER;
  }
  assert_int_equal(chosen, 1);
  assert_true(over >= 1); /* at least CLBlast's entry */
  clattn_plan_destroy(plan);
}

static void tiles(void **state) {
  (void)state;
  clattn_kernel_info kernel = CLATTN_KERNEL_INFO_INIT;
  clattn_tile_info tile = CLATTN_TILE_INFO_INIT;
  for (size_t i = 0; clattn_kernel_get_info(i, &kernel); ++i)
    for (size_t t = 0; clattn_kernel_get_tile(i, t, &tile); ++t) {
      bool standard_is_valid = false;
      for (size_t v = 0; v < tile.valid_count; ++v) standard_is_valid |= tile.valid[v] == tile.standard;
      assert_true(standard_is_valid);
    }
  assert_false(clattn_kernel_get_tile(clattn_kernel_count(), 0, &tile));
  assert_false(clattn_kernel_get_tile(0, 99, &tile));
}

/* ---- records ----------------------------------------------------------------------------------------------------- */

static clattn_status store(clattn_stage stage, const char *choice, const clattn_problem *p, clattn_error *error) {
  const clattn_tuned tuned = {.size = sizeof(clattn_tuned),
                              .stage = stage,
                              .choice = choice,
                              .standard = "naive",
                              .gflops = 3.5,
                              .standard_gflops = 2.5,
                              .repeats = 9};
  return clattn_tuning_store(RECORD, support_opened, p, &tuned, error);
}

/* The selection for project and context that a plan makes without a record. */
static void standard_choice(clattn_stage stage, char *text, size_t size) {
  clattn_plan *plan = plan_with(NULL, NULL, NULL);
  snprintf(text, size, "%s", last_of(plan, stage).choice);
  clattn_plan_destroy(plan);
}

/* A selection that differs in the first tile size and fits wherever the standard one does. */
static void other_choice(clattn_stage stage, char *text, size_t size) {
  char standard[256];
  clattn_kernel_info kernel = CLATTN_KERNEL_INFO_INIT;
  clattn_tile_info tile = CLATTN_TILE_INFO_INIT;
  standard_choice(stage, standard, sizeof standard);
  const size_t name = strcspn(standard, ":");
  for (size_t i = 0; clattn_kernel_get_info(i, &kernel); ++i) {
    if (kernel.stage != stage || strncmp(kernel.name, standard, name) != 0 || strlen(kernel.name) != name) continue;
    assert_true(clattn_kernel_get_tile(i, 0, &tile));
    const char *rest = strchr(strchr(standard, ':') + 1, ':');
    const int value = tile.valid[0] != tile.standard ? tile.valid[0] : tile.valid[1];
    snprintf(text, size, "%s:%s=%d%s", kernel.name, tile.name, value, rest == NULL ? "" : rest);
    return;
  }
  fail();
}

static void round_trip(void **state) {
  (void)state;
  char choice[256];
  const clattn_problem p = middling();
  clattn_error error;
  remove(RECORD);
  other_choice(CLATTN_STAGE_SOFTMAX, choice, sizeof choice);
  assert_ok(clattn_tuning_store(RECORD, support_opened, NULL, NULL, &error), &error);
  assert_ok(store(CLATTN_STAGE_SOFTMAX, "naive", &p, &error), &error);
  assert_ok(store(CLATTN_STAGE_SOFTMAX, choice, &p, &error), &error); /* replaces the entry */
  clattn_plan *plan = plan_with(NULL, RECORD, NULL);
  const clattn_reason softmax = last_of(plan, CLATTN_STAGE_SOFTMAX), scores = last_of(plan, CLATTN_STAGE_SCORES);
  assert_int_equal(softmax.kind, CLATTN_REASON_RECORD);
  assert_string_equal(softmax.choice, choice);
  assert_non_null(strstr(softmax.text, "3.5 GFLOP/s"));
  assert_int_equal(scores.kind, CLATTN_REASON_CHOSEN);
  clattn_plan_destroy(plan);

  plan = plan_with("softmax=naive", RECORD, NULL); /* explicit options override the record */
  assert_int_equal(last_of(plan, CLATTN_STAGE_SOFTMAX).kind, CLATTN_REASON_BY_HAND);
  clattn_plan_destroy(plan);
  plan = plan_with(NULL, RECORD, CLATTN_KERNELS);
  assert_non_null(strstr(last_of(plan, CLATTN_STAGE_COUNT).text, "not with those in"));
  clattn_plan_destroy(plan);

  support_case c;
  clattn_plan_options options = SUPPORT_STAGED;
  options.tuning_file = RECORD;
  support_allocate(&c, &p, 3);
  const clattn_check_report report = support_run(support_opened, &c, &options);
  assert_passed(&report, "tuned");
  support_free(&c);
}

/* Entries for half to twice the length are used, others are not; nor are those for another type. */
static void length_classes(void **state) {
  (void)state;
  char choice[256];
  clattn_problem p = middling();
  clattn_error error;
  remove(RECORD);
  other_choice(CLATTN_STAGE_SOFTMAX, choice, sizeof choice);
  assert_ok(store(CLATTN_STAGE_SOFTMAX, choice, &p, &error), &error);
  const struct {
    size_t tokens;
    clattn_type type;
    bool near;
  } cases[] = {{40, CLATTN_F32, true},  {33, CLATTN_F32, true},  {64, CLATTN_F32, true},   {17, CLATTN_F32, true},
               {16, CLATTN_F32, false}, {128, CLATTN_F32, true}, {129, CLATTN_F32, false}, {40, CLATTN_F16, false}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    clattn_plan_options options = SUPPORT_STAGED;
    clattn_plan *plan = NULL;
    options.tuning_file = RECORD;
    p.query_len = p.key_len = cases[i].tokens;
    p.type = cases[i].type;
    assert_ok(clattn_plan_create(support_opened, &p, &options, &plan, &error), &error);
    assert_int_equal(last_of(plan, CLATTN_STAGE_SOFTMAX).kind,
                     cases[i].near ? CLATTN_REASON_RECORD : CLATTN_REASON_CHOSEN);
    clattn_plan_destroy(plan);
  }
}

/* What is fastest for products of what is stored says nothing of products in float. */
static void each_math_has_its_own(void **state) {
  (void)state;
  clattn_problem p = middling();
  clattn_error error;
  p.source = CLATTN_SOURCE_QKV;
  p.model_dim = 0;
  p.type = CLATTN_F16;
  p.math = CLATTN_MATH_STORED;
  remove(RECORD);
  assert_ok(store(CLATTN_STAGE_FUSED, "online", &p, &error), &error);
  for (int math = CLATTN_MATH_FLOAT; math <= CLATTN_MATH_STORED; ++math) {
    clattn_plan_options options = CLATTN_PLAN_OPTIONS_INIT;
    clattn_plan *plan = NULL;
    options.pipeline = CLATTN_PIPELINE_FUSED;
    options.tuning_file = RECORD;
    p.math = (clattn_math)math;
    assert_ok(clattn_plan_create(support_opened, &p, &options, &plan, &error), &error);
    assert_int_equal(last_of(plan, CLATTN_STAGE_FUSED).kind == CLATTN_REASON_RECORD, math == CLATTN_MATH_STORED);
    clattn_plan_destroy(plan);
  }
}

/* ---- hostile records --------------------------------------------------------------------------------------------- */

static void write_file(const char *text) {
  FILE *file = fopen(RECORD, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
  assert_int_equal(fclose(file), 0);
}

static char *read_file(void) {
  static char text[65536];
  FILE *file = fopen(RECORD, "rb");
  assert_non_null(file);
  text[fread(text, 1, sizeof text - 1, file)] = '\0';
  fclose(file);
  return text;
}

/* The plan is the same as without the record, and one of its reasons says why. */
static void expect_ignored(clattn_stage stage, const char *part) {
  clattn_plan *plan = plan_with(NULL, RECORD, NULL);
  clattn_reason reason = CLATTN_REASON_INIT;
  bool said = false;
  for (size_t i = 0; clattn_plan_get_reason(plan, i, &reason); ++i) {
    assert_int_not_equal(reason.kind, CLATTN_REASON_RECORD);
    if (reason.kind != CLATTN_REASON_RECORD_REFUSED || reason.stage != stage) continue;
    said = strstr(reason.text, part) != NULL;
    if (!said) print_error("'%s' instead of '%s'\n", reason.text, part);
  }
  assert_true(said);
  clattn_plan_destroy(plan);
}

/* Replaces one text in a good record. */
static void replaced(const char *from, const char *to) {
  static char changed[70000];
  const clattn_problem p = middling();
  clattn_error error;
  remove(RECORD);
  assert_ok(store(CLATTN_STAGE_SOFTMAX, "naive", &p, &error), &error);
  const char *text = read_file(), *at = strstr(text, from);
  assert_non_null(at);
  snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
  write_file(changed);
}

static void hostile(void **state) {
  (void)state;
  static const struct {
    const char *from, *to, *reason;
    bool of_stage; /* the rest of the record is good */
  } cases[] = {
      {"\"naive\"", "\"nonsense\"", "no kernel 'nonsense'", true},
      {"\"naive\"", "\"naive:TILE=8\"", "'TILE=8' of kernel naive (allowed: none)", true},
      {"\"naive\"", "\"tiled:LOCAL_X=33\"", "'LOCAL_X=33' of kernel tiled (allowed: ", true},
      {"\"naive\"", "\"tiled:LOCAL_X=99999999999999999999999\"", "(allowed: ", true},
      {"\"naive\"", "\":::\"", "no kernel ''", true},
      {"\"naive\"", "\"clblast\"", "no kernel 'clblast'", true},
      {"\"naive\"", "\"\\u001b[31mred\"", "entry 0", false},
      {"\"naive\"", "\"\"", "entry 0", false},
      {"\"naive\"", "7", "entry 0", false},
      {"\"naive\"",
       "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
       "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"",
       "entry 0", false},
      {"\"softmax\"", "\"convert\"", "entry 0", false},
      {"\"softmax\"", "\"nonsense\"", "entry 0", false},
      {"\"f32\"", "\"f64\"", "entry 0", false},
      {"\"math\": \"float\"", "\"math\": \"half\"", "entry 0", false},
      {"\"few_rows\": false", "\"few_rows\": 0", "entry 0", false},
      {"\"query_len\": 64", "\"query_len\": -64", "entry 0", false},
      {"\"query_len\": 64", "\"query_len\": 64.5", "entry 0", false},
      {"\"query_len\": 64", "\"query_len\": 99999999999", "entry 0", false},
      {"\"query_len\": 64", "\"query_len\": \"64\"", "entry 0", false},
      {"\"repeats\": 9", "\"repeats\": -1", "entry 0", false},
      {"\"gflops\": 3.5", "\"gflops\": -1", "entry 0", false},
      {"\"gflops\": 3.5", "\"gflops\": 1e999", "not JSON", false},
      {"\"repeats\": 9", "\"repeats\": 9, \"repeats\": 9", "not JSON", false},
      {"\"entries\": [", "\"entries\": [[], ", "entry 0", false},
      {"\"entries\": [", "\"entries\": {}, \"more\": [", "'entries' is not a list", false},
      {"\"driver_version\": \"", "\"driver_version\": \"9", "another driver", false},
      {"\"version\": \"", "\"version\": \"9", "another OpenCL version", false},
      {"\"name\": \"", "\"name\": \"9", "another device", false},
      {"\"platform\": \"", "\"platform\": \"9", "another device", false},
      {"\"kernels\": \"", "\"kernels\": \"9", "another set of kernels", false},
      {"\"clattn\": \"", "\"clattn\": \"9", "another clattn", false},
      {"\"date\": \"", "\"date\": \"<", "not a date", false},
      {"clattn tuning record", "some other record", "not a tuning record", false},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    replaced(cases[i].from, cases[i].to);
    expect_ignored(cases[i].of_stage ? CLATTN_STAGE_SOFTMAX : CLATTN_STAGE_COUNT, cases[i].reason);
  }
}

/* A record cut at every length. */
static void truncated(void **state) {
  (void)state;
  const clattn_problem p = middling();
  clattn_error error;
  remove(RECORD);
  assert_ok(store(CLATTN_STAGE_SOFTMAX, "naive", &p, &error), &error);
  const size_t whole = strlen(read_file());
  for (size_t size = whole - 2; size < whole; size -= 61) {
    char *text = read_file();
    text[size] = '\0';
    write_file(text);
    expect_ignored(CLATTN_STAGE_COUNT, "not JSON");
  }
}

static void strange_files(void **state) {
  (void)state;
  char *deep = malloc(400001);
  assert_non_null(deep);
  memset(deep, '[', 400000);
  deep[400000] = '\0';
  write_file(deep);
  free(deep);
  expect_ignored(CLATTN_STAGE_COUNT, "not JSON");
  write_file("[1, 2, 3]");
  expect_ignored(CLATTN_STAGE_COUNT, "not a tuning record");
  remove(RECORD);
  expect_ignored(CLATTN_STAGE_COUNT, "there is no such record");

  FILE *large = fopen(RECORD, "wb");
  assert_non_null(large);
  assert_int_equal(fseek(large, 100L << 20, SEEK_SET), 0);
  assert_int_equal(fputc('}', large), '}');
  assert_int_equal(fclose(large), 0);
  expect_ignored(CLATTN_STAGE_COUNT, "larger than 1 MiB");
  remove(RECORD);

  clattn_plan *plan = plan_with(NULL, ".", NULL);
  assert_int_equal(last_of(plan, CLATTN_STAGE_COUNT).kind, CLATTN_REASON_RECORD_REFUSED);
  clattn_plan_destroy(plan);
}

/* A file that is no record is not overwritten; an outdated record is started again. */
static void refused_to_store(void **state) {
  (void)state;
  const clattn_problem p = middling();
  clattn_error error;
  write_file("my notes");
  assert_int_equal(store(CLATTN_STAGE_SOFTMAX, "naive", &p, &error), CLATTN_INVALID_ARGUMENT);
  assert_string_equal(read_file(), "my notes");
  replaced("\"driver_version\": \"", "\"driver_version\": \"9");
  assert_ok(store(CLATTN_STAGE_SCORES, "naive", &p, &error), &error);
  assert_null(strstr(read_file(), "softmax"));
  assert_int_equal(store(CLATTN_STAGE_CONVERT, "naive", &p, &error), CLATTN_INVALID_ARGUMENT);
  assert_says(&error, "stage convert is not tuned (allowed: ");
  assert_int_equal(store(CLATTN_STAGE_SCORES, NULL, &p, &error), CLATTN_INVALID_ARGUMENT);
  assert_int_equal(clattn_tuning_store(NULL, support_opened, NULL, NULL, &error), CLATTN_INVALID_ARGUMENT);
  assert_int_equal(clattn_tuning_store(RECORD, NULL, NULL, NULL, &error), CLATTN_INVALID_ARGUMENT);
  assert_int_equal(clattn_tuning_store("no-such-folder/r.json", support_opened, NULL, NULL, &error),
                   CLATTN_INVALID_ARGUMENT);
  assert_says(&error, "cannot be written");
  remove(RECORD);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reasons),          cmocka_unit_test(passed_over),    cmocka_unit_test(tiles),
      cmocka_unit_test(round_trip),       cmocka_unit_test(length_classes), cmocka_unit_test(each_math_has_its_own),
      cmocka_unit_test(hostile),          cmocka_unit_test(truncated),      cmocka_unit_test(strange_files),
      cmocka_unit_test(refused_to_store),
  };
  return cmocka_run_group_tests(tests, support_open, support_close);
}
