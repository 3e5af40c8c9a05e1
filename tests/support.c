/* Shared by all tests. */
#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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

clattn_device *support_device(void) {
  const clattn_device_choice choice = {.device = getenv("CLATTN_DEVICE")};
  clattn_device *device = NULL;
  clattn_error error;
  assert_ok(clattn_device_open(&choice, &device, &error), &error);
  return device;
}

clattn_problem support_problem(size_t tokens, size_t model_dim, size_t dim) {
  clattn_problem problem = CLATTN_PROBLEM_INIT;
  problem.query_len = problem.key_len = tokens;
  problem.model_dim = model_dim;
  problem.head_dim = problem.value_dim = dim;
  return problem;
}

/* Guard, elements, guard. */
static float *guarded(void **memory, size_t count) {
  const size_t bytes = count * sizeof(float);
  unsigned char *all = malloc(bytes + 2 * GUARD_BYTES);
  assert_non_null(all);
  memset(all, GUARD_BYTE, bytes + 2 * GUARD_BYTES);
  *memory = all;
  return (float *)(void *)(all + GUARD_BYTES);
}

static float uniform(uint32_t *state) {
  *state = *state * 1664525u + 1013904223u;
  return (float)(*state >> 8) / 8388608.0f - 1.0f;
}

/* Every eleventh row is ten times as large: with smooth inputs alone a kernel that writes zeros nearly passes. */
static void fill(float *values, size_t rows, size_t columns, float size, uint32_t *state) {
  for (size_t r = 0; r < rows; ++r)
    for (size_t c = 0; c < columns; ++c)
      values[r * columns + c] = uniform(state) * size * (r % 11 == 10 ? 10.0f : 1.0f);
}

float *support_tensor(support_case *c, clattn_tensor tensor) {
  return (float *)(void *)((unsigned char *)c->memory[tensor] + GUARD_BYTES);
}

void support_poison(support_case *c) {
  for (int t = CLATTN_Q; t < CLATTN_TENSOR_COUNT; ++t)
    memset(support_tensor(c, (clattn_tensor)t), 0xFF,
           clattn_tensor_elements(&c->problem, (clattn_tensor)t) * sizeof(float));
}

void support_allocate(support_case *c, const clattn_problem *problem, uint32_t seed) {
  c->problem = *problem;
  for (int t = 0; t < CLATTN_TENSOR_COUNT; ++t)
    guarded(&c->memory[t], clattn_tensor_elements(problem, (clattn_tensor)t));
  const float size = 2.0f / sqrtf((float)problem->model_dim);
  fill(support_tensor(c, CLATTN_X), problem->batch * problem->query_len, problem->model_dim, 1.5f, &seed);
  for (int t = CLATTN_WQ; t <= CLATTN_WV; ++t)
    fill(support_tensor(c, (clattn_tensor)t), 1, clattn_tensor_elements(problem, (clattn_tensor)t), size, &seed);
  c->inputs = (clattn_inputs){support_tensor(c, CLATTN_X), support_tensor(c, CLATTN_WQ), support_tensor(c, CLATTN_WK),
                              support_tensor(c, CLATTN_WV)};
  c->outputs = (clattn_outputs){.q = support_tensor(c, CLATTN_Q),
                                .k = support_tensor(c, CLATTN_K),
                                .v = support_tensor(c, CLATTN_V),
                                .scores = support_tensor(c, CLATTN_SCORES),
                                .weights = support_tensor(c, CLATTN_WEIGHTS),
                                .context = support_tensor(c, CLATTN_CONTEXT)};
  support_poison(c);
}

void support_check_guards(const support_case *c) {
  for (int t = 0; t < CLATTN_TENSOR_COUNT; ++t) {
    const unsigned char *all = c->memory[t];
    const size_t bytes = clattn_tensor_elements(&c->problem, (clattn_tensor)t) * sizeof(float);
    for (size_t i = 0; i < GUARD_BYTES; ++i) {
      assert_int_equal(all[i], GUARD_BYTE);
      assert_int_equal(all[GUARD_BYTES + bytes + i], GUARD_BYTE);
    }
  }
}

void support_free(support_case *c) {
  for (int t = 0; t < CLATTN_TENSOR_COUNT; ++t) free(c->memory[t]);
  memset(c, 0, sizeof *c);
}

clattn_check_report support_run(clattn_device *device, support_case *c, const clattn_plan_options *options) {
  clattn_plan *plan = NULL;
  clattn_check_report report;
  clattn_error error;
  assert_ok(clattn_plan_create(device, &c->problem, options, &plan, &error), &error);
  assert_ok(clattn_plan_run(plan, &c->inputs, &c->outputs, NULL, &error), &error);
  support_check_guards(c);
  assert_ok(clattn_check(plan, &c->inputs, &c->outputs, NULL, &report, &error), &error);
  clattn_plan_destroy(plan);
  return report;
}
