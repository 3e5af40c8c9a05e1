/* Helpers shared by all tests. */
#include "support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SKIPPED 77
#define GUARD_BYTES 64
#define GUARD_BYTE 0xA5

void support_assert_ok(clattn_status status, const clattn_error *error, const char *file, int line) {
  if (status == CLATTN_OK) return;
  print_error("%s: %s\n", clattn_status_name(status), error->message);
  _fail(file, line);
}

void support_assert_passed(const clattn_check_report *report, const char *what, const char *file, int line) {
  if (report->passed) return;
  for (size_t i = 0; i < report->count; ++i) {
    const clattn_tensor_check *c = &report->check[i];
    if (c->passed) continue;
    print_error(
        "%s: %s%s: %zu of %zu elements failed; worst at (%zu, %zu, %zu, %zu): got %.9g, expected %.9g, bound %.3g; "
        "largest error %.3g, allowed %.3g\n",
        what, clattn_tensor_name(c->tensor), c->end_to_end ? " from x" : "", c->failed, c->elements, c->worst_index[0],
        c->worst_index[1], c->worst_index[2], c->worst_index[3], c->got, c->expected, c->bound, c->largest_error,
        c->allowed_error);
  }
  _fail(file, line);
}

int support_run_group(const char *name, const struct CMUnitTest *tests, size_t count, CMFixtureFunction set_up,
                      CMFixtureFunction tear_down, int argc, char **argv) {
  size_t part = 1, parts = 1;
  char rest = '\0';
  const bool is_part = argc == 2 && sscanf(argv[1], "%zu/%zu%c", &part, &parts, &rest) == 2;
  if (argc > 2 || part < 1 || part > parts || part > count) {
    fprintf(stderr, "usage: test_%s [PART/PARTS | NAME, in which * stands for anything]; it has %zu tests\n", name,
            count);
    return 2;
  }
  if (argc == 2 && !is_part) cmocka_set_test_filter(argv[1]);
  struct CMUnitTest mine[(count - part) / parts + 1];
  for (size_t i = 0; i < sizeof mine / sizeof mine[0]; ++i) mine[i] = tests[part - 1 + i * parts];
  const char *why = support_begin();
  if (why != NULL) {
    const char *allowed = getenv("CLATTN_SKIPPED");
    printf("skipped: %s\n", why);
    return allowed != NULL ? atoi(allowed) : SKIPPED;
  }
  const int failed = cmocka_run_group_tests_name(name, mine, set_up, tear_down);
  support_end();
  return failed;
}

clattn_device *support_device(void) {
  const clattn_device_choice choice = {.device = getenv("CLATTN_DEVICE")};
  clattn_device *device = NULL;
  clattn_error error;
  assert_ok(clattn_device_open(&choice, &device, &error), &error);
  return device;
}

static const char *not_empty(const char *text) {
  return text != NULL && text[0] != '\0' ? text : NULL;
}

const clattn_plan_options support_staged = SUPPORT_STAGED;

clattn_plan_options support_options(void) {
  clattn_plan_options options = SUPPORT_STAGED;
  options.kernel_dir = not_empty(getenv("CLATTN_KERNEL_DIR"));
  return options;
}

/* Whether `list` names the kernel, with or without tile sizes. */
static bool names_kernel(const char *list, const char *kernel, size_t length) {
  for (const char *at = list; (at = strstr(at, kernel)) != NULL; ++at)
    if (strchr(",:", at[length]) != NULL) return true; /* also matches the final NUL */
  return false;
}

bool support_is_long(void) {
  const char *text = getenv("CLATTN_LONG");
  return text != NULL && strcmp(text, "1") == 0;
}

bool support_is_wanted(const char *kernels) {
  const char *wanted = not_empty(getenv("CLATTN_TEST_KERNELS"));
  if (wanted == NULL) return true;
  while (*wanted != '\0') {
    char kernel[64];
    const size_t length = strcspn(wanted, ",");
    assert_true(length < sizeof kernel);
    memcpy(kernel, wanted, length);
    kernel[length] = '\0';
    if (names_kernel(kernels, kernel, length)) return true;
    wanted += length + (wanted[length] == ',');
  }
  return false;
}

clattn_device *support_opened;

bool support_runs(const clattn_kernel *row) {
  const clattn_device_info *device = clattn_device_get_info(support_opened);
  const bool vectors = device->native_float_width > 1 || row->target != CLATTN_TARGET_CPU;
  return vectors && kernel_is_ours(row) &&
         clattn_kernel_supported((size_t)(row - clattn_kernels), device, NULL) == CLATTN_OK;
}

bool support_runs_with_tiles(const clattn_kernel *row) {
  return support_runs(row) && kernel_has_tiles(row);
}

size_t kernel_list_tests(void (*staged)(void **state), void (*fused)(void **state),
                         struct CMUnitTest tests[KERNEL_LIST_TESTS]) {
  static const kernel_filter all = {kernel_is_ours, SIZES_PLANNED};
  static size_t numbers[KERNEL_LIST_TESTS];
  static char names[KERNEL_LIST_TESTS][32];
  char kernels[KERNEL_LIST_TEXT];
  size_t count = 0, n = 0;
  for (; count < KERNEL_LIST_TESTS && kernel_list_staged(n, &all, kernels); ++n, ++count) {
    numbers[count] = n;
    snprintf(names[count], sizeof names[count], "staged %zu", n + 1);
    tests[count] = (struct CMUnitTest){.name = names[count], .test_func = staged, .initial_state = &numbers[count]};
  }
  for (n = 0; count < KERNEL_LIST_TESTS && kernel_list_stage(CLATTN_STAGE_FUSED, n, &all, kernels); ++n, ++count) {
    numbers[count] = n;
    snprintf(names[count], sizeof names[count], "fused %zu", n + 1);
    tests[count] = (struct CMUnitTest){.name = names[count], .test_func = fused, .initial_state = &numbers[count]};
  }
  return count;
}

int support_open(void **state) {
  (void)state;
  support_opened = support_device();
  return 0;
}

int support_close(void **state) {
  (void)state;
  clattn_device_close(support_opened);
  return 0;
}

clattn_problem support_problem(size_t tokens, size_t model_dim, size_t dim) {
  clattn_problem problem = CLATTN_PROBLEM_INIT;
  problem.query_len = problem.key_len = tokens;
  problem.model_dim = model_dim;
  problem.head_dim = problem.value_dim = dim;
  return problem;
}

/* Allocates bytes with a guard before and after them. */
static void guarded(void **memory, size_t bytes) {
  unsigned char *all = malloc(bytes + 2 * GUARD_BYTES);
  assert_non_null(all);
  memset(all, GUARD_BYTE, bytes + 2 * GUARD_BYTES);
  *memory = all;
}

static float uniform(uint32_t *state) {
  *state = *state * 1664525u + 1013904223u;
  return (float)(*state >> 8) / 8388608.0f - 1.0f;
}

/* Every eleventh row is ten times as large: with only smooth inputs, a kernel that writes zeros
 * would nearly pass. */
static void fill(float *values, size_t rows, size_t columns, float size, uint32_t *state) {
  for (size_t r = 0; r < rows; ++r)
    for (size_t c = 0; c < columns; ++c)
      values[r * columns + c] = uniform(state) * size * (r % 11 == 10 ? 10.0f : 1.0f);
}

float *support_tensor(support_case *c, clattn_tensor tensor) {
  return (float *)(void *)((unsigned char *)c->memory[tensor] + GUARD_BYTES);
}

/* The bytes of a result of the problem; 0 for given q, k and v, which are inputs. */
static size_t result_bytes(const support_case *c, clattn_tensor tensor) {
  const clattn_problem *p = clattn_sizing_problem(&c->problem, &c->seen, tensor);
  const bool given = p->source == CLATTN_SOURCE_QKV && (tensor == CLATTN_Q || tensor == CLATTN_K || tensor == CLATTN_V);
  return given ? 0 : clattn_output_bytes(p, tensor);
}

void support_poison(support_case *c) {
  for (int t = CLATTN_Q; t < CLATTN_TENSOR_COUNT; ++t)
    if (result_bytes(c, (clattn_tensor)t) > 0)
      memset(support_tensor(c, (clattn_tensor)t), 0xFF, result_bytes(c, (clattn_tensor)t));
  for (int i = 0; i < 3; ++i)
    if (c->given[i] != NULL) memset(c->given[i], 0xFF, clattn_output_bytes(&c->problem, (clattn_tensor)(CLATTN_Q + i)));
}

bool support_is_traced(clattn_tensor tensor) {
  return tensor == CLATTN_X_POSITIONED || tensor == CLATTN_PRODUCTS || tensor == CLATTN_EXPS ||
         tensor == CLATTN_ROW_MAX || tensor == CLATTN_ROW_SUM;
}

static bool is_float_always(clattn_tensor tensor) {
  return tensor == CLATTN_MASK || tensor == CLATTN_SLOPES || tensor == CLATTN_SINKS;
}

static float size_of(const clattn_problem *p, clattn_tensor tensor) {
  const size_t kv = p->kv_model_dim != 0 ? p->kv_model_dim : p->model_dim;
  if (tensor == CLATTN_WO) return 2.0f / sqrtf((float)(p->heads * p->value_dim));
  if (tensor >= CLATTN_WQ && tensor <= CLATTN_WQKV)
    return 2.0f / sqrtf((float)(tensor == CLATTN_WQ ? p->model_dim : kv));
  return tensor == CLATTN_SLOPES ? 0.1f : 1.5f;
}

/* Random values of the tensor's type; some rows of tokens are outliers. */
static void fill_input(support_case *c, clattn_tensor tensor, uint32_t *seed) {
  const clattn_problem *p = &c->problem;
  const size_t bytes = clattn_input_bytes(p, tensor);
  if (tensor == CLATTN_MASK && p->mask == CLATTN_MASK_BOOL) {
    unsigned char *allowed = (unsigned char *)support_tensor(c, tensor);
    for (size_t i = 0; i < bytes; ++i) allowed[i] = uniform(seed) < 0.3f;
    return;
  }
  const bool stored = p->type != CLATTN_F32 && !is_float_always(tensor);
  const size_t count = bytes / (stored ? 2 : 4);
  float *values = malloc(count * sizeof *values);
  assert_non_null(values);
  const bool tokens = tensor == CLATTN_X || tensor == CLATTN_XKV;
  const size_t columns = tensor == CLATTN_X ? p->model_dim : p->kv_model_dim != 0 ? p->kv_model_dim : p->model_dim;
  fill(values, tokens ? count / columns : 1, tokens ? columns : count, size_of(p, tensor), seed);
  if (tensor == CLATTN_MASK)
    for (size_t i = 0; i < count; ++i)
      if (values[i] > 1.0f) values[i] = -INFINITY;
  clattn_narrow(stored ? p->type : CLATTN_F32, values, count, support_tensor(c, tensor));
  free(values);
}

/* Shows a caller with a time-out that the tests still make progress. */
static void tell_progress(void) {
  if (not_empty(getenv("CLATTN_TEST_KERNELS")) != NULL) print_message(".\n");
}

void support_allocate(support_case *c, const clattn_problem *problem, uint32_t seed) {
  support_allocate_seen(c, problem, problem, seed);
}

void support_allocate_seen(support_case *c, const clattn_problem *problem, const clattn_problem *seen, uint32_t seed) {
  tell_progress();
  memset(c, 0, sizeof *c);
  c->inputs = (clattn_inputs)CLATTN_INPUTS_INIT;
  c->outputs = (clattn_outputs)CLATTN_OUTPUTS_INIT;
  c->problem = *problem;
  c->seen = *seen;
  for (int t = 0; t < CLATTN_TENSOR_COUNT; ++t) {
    const clattn_tensor tensor = (clattn_tensor)t;
    const size_t input = clattn_input_bytes(problem, tensor), output = result_bytes(c, tensor);
    if (input + output == 0) continue;
    c->bytes[t] = input > 0 ? input : output;
    guarded(&c->memory[t], c->bytes[t]);
    if (input > 0) {
      fill_input(c, tensor, &seed);
      clattn_inputs_set(&c->inputs, tensor, support_tensor(c, tensor));
    } else if (!support_is_traced(tensor)) {
      clattn_outputs_set(&c->outputs, tensor, support_tensor(c, tensor));
    }
  }
  for (int i = 0; i < 3 && problem->source == CLATTN_SOURCE_QKV; ++i) {
    c->given[i] = malloc(clattn_output_bytes(problem, (clattn_tensor)(CLATTN_Q + i)));
    assert_non_null(c->given[i]);
    clattn_outputs_set(&c->outputs, (clattn_tensor)(CLATTN_Q + i), c->given[i]);
  }
  support_poison(c);
}

void support_check_guards(const support_case *c) {
  for (int t = 0; t < CLATTN_TENSOR_COUNT; ++t) {
    const unsigned char *all = c->memory[t];
    for (size_t i = 0; all != NULL && i < GUARD_BYTES; ++i) {
      assert_int_equal(all[i], GUARD_BYTE);
      assert_int_equal(all[GUARD_BYTES + c->bytes[t] + i], GUARD_BYTE);
    }
  }
}

void support_free(support_case *c) {
  for (int t = 0; t < CLATTN_TENSOR_COUNT; ++t) free(c->memory[t]);
  for (int i = 0; i < 3; ++i) free(c->given[i]);
  memset(c, 0, sizeof *c);
}

void support_want(support_case *c, const clattn_plan *plan) {
  for (int t = CLATTN_Q; t < CLATTN_TENSOR_COUNT; ++t) {
    const clattn_tensor tensor = (clattn_tensor)t;
    if (!support_is_traced(tensor) && (tensor < CLATTN_PRODUCTS || tensor > CLATTN_WEIGHTS)) continue;
    clattn_outputs_set(&c->outputs, tensor, clattn_plan_has(plan, tensor) ? support_tensor(c, tensor) : NULL);
  }
}

clattn_plan_info support_plan_info(const clattn_problem *problem, const clattn_plan_options *options) {
  clattn_plan *plan = NULL;
  clattn_plan_info info = CLATTN_PLAN_INFO_INIT;
  clattn_error error;
  assert_ok(clattn_plan_create(support_opened, problem, options, &plan, &error), &error);
  clattn_plan_get_info(plan, &info);
  clattn_plan_destroy(plan);
  return info;
}

clattn_check_report support_run(clattn_device *device, support_case *c, const clattn_plan_options *options) {
  clattn_plan *plan = NULL;
  clattn_check_report report = CLATTN_CHECK_REPORT_INIT;
  clattn_error error;
  const clattn_plan_options standard = support_options();
  if (options == NULL) options = &standard;
  assert_ok(clattn_plan_create(device, &c->problem, options, &plan, &error), &error);
  support_want(c, plan);
  assert_ok(clattn_plan_run(plan, &c->inputs, &c->outputs, NULL, &error), &error);
  support_check_guards(c);
  assert_ok(clattn_check(plan, &c->inputs, &c->outputs, NULL, &report, &error), &error);
  clattn_plan_destroy(plan);
  return report;
}

void support_copy_kernels(const char *folder) {
  char command[1024];
  snprintf(command, sizeof command, "rm -rf %s && mkdir %s && cp -r \"" CLATTN_KERNELS "\"/. %s/", folder, folder,
           folder);
  assert_int_equal(system(command), 0);
}

void support_break_kernel(const char *folder, const char *file, const char *find, const char *replace) {
  char path[256], text[32768];
  snprintf(path, sizeof path, "%s/%s", folder, file);
  FILE *stream = fopen(path, "rb");
  assert_non_null(stream);
  const size_t size = fread(text, 1, sizeof text - 1, stream);
  fclose(stream);
  text[size] = '\0';
  char *at = strstr(text, find);
  if (at == NULL) fail_msg("'%s' is no longer found in %s", find, file);
  stream = fopen(path, "wb");
  assert_non_null(stream);
  const char *from = text;
  for (; at != NULL; at = strstr(from, find)) {
    fwrite(from, 1, (size_t)(at - from), stream);
    fputs(replace, stream);
    from = at + strlen(find);
  }
  fputs(from, stream);
  assert_int_equal(fclose(stream), 0);
}
