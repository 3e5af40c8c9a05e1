/* What the tests share: a device, problems with random inputs, outputs that show what was not written. */
#ifndef CLATTN_TESTS_SUPPORT_H
#define CLATTN_TESTS_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "clattn_check.h"

/* The device that CLATTN_DEVICE names, else the best. Fails the test if there is none. */
clattn_device *support_device(void);

/* The same for all tests of a group, by its set-up and tear-down. */
extern clattn_device *support_opened;
int support_open(void **state);
int support_close(void **state);

/* Fails the test unless the error's message has this part. */
#define assert_says(error, part) assert_non_null(strstr((error)->message, part))

/* Runs the group, or a part of it: `test_kernels 2/3` runs its second, fifth, eighth ... test, so that CTest can run a
 * long program as several tests. Exit code 2 for another argument, or a part without a test. */
int support_run_group(const char *name, const struct CMUnitTest *tests, size_t count, CMFixtureFunction set_up,
                      CMFixtureFunction tear_down, int argc, char **argv);

/* Defaults, with the kernels' folder that CLATTN_KERNEL_DIR names: how the mutation check runs the suite. */
clattn_plan_options support_options(void);

/* Whether CLATTN_TEST_KERNELS, say "scores=tiled,context=tiled", is not set or names one of these kernels; a test then
 * leaves out what runs none of them, and says a word of each problem. */
bool support_is_wanted(const char *kernels);

/* False for choices with CPU forms where the device likes no vectors (docs/devices.md): some drivers compile them for
 * minutes. */
bool support_is_for_device(const char *kernels);

/* A problem with its inputs, and outputs of all tensors, each with a guard of known bytes on both sides. */
typedef struct support_case {
  clattn_problem problem, seen; /* the same without a cache: clattn_sizing_problem */
  clattn_inputs inputs;
  clattn_outputs outputs;
  void *memory[CLATTN_TENSOR_COUNT]; /* of those that the problem has */
  size_t bytes[CLATTN_TENSOR_COUNT];
  float *given[3]; /* results q, k and v where the inputs are q, k and v */
} support_case;

/* batch 1, one head, tokens x model_dim -> dim; change what differs before support_allocate. */
clattn_problem support_problem(size_t tokens, size_t model_dim, size_t dim);

/* Random inputs (some rows are outliers; a mask masks about a third), poisoned outputs. Lengths are the caller's. */
void support_allocate(support_case *c, const clattn_problem *problem, uint32_t seed);
/* The same for a run on a cache: outputs as long as clattn_cache_problem says that they are. */
void support_allocate_seen(support_case *c, const clattn_problem *problem, const clattn_problem *seen, uint32_t seed);
void support_poison(support_case *c); /* outputs again full of NaN */
void support_free(support_case *c);

/* Fails the test if a byte of a guard has changed. */
void support_check_guards(const support_case *c);

float *support_tensor(support_case *c, clattn_tensor tensor); /* input or output, to write into */

/* Whether plans have the tensor with clattn_plan_options.trace alone. */
bool support_is_traced(clattn_tensor tensor);

/* Of scores and their like, and of what is traced, those outputs that the plan has, the others NULL. */
void support_want(support_case *c, const clattn_plan *plan);

/* Plans, runs and checks; the plan's options may be NULL. Fails the test on any error, not on a failed check. */
clattn_check_report support_run(clattn_device *device, support_case *c, const clattn_plan_options *options);

/* Fails the test with the error's message unless status is CLATTN_OK. */
#define assert_ok(status, error) support_assert_ok(status, error, __FILE__, __LINE__)
void support_assert_ok(clattn_status status, const clattn_error *error, const char *file, int line);

/* Fails the test, naming tensor and worst element, unless the report has passed. */
#define assert_passed(report, what) support_assert_passed(report, what, __FILE__, __LINE__)
void support_assert_passed(const clattn_check_report *report, const char *what, const char *file, int line);

#endif
