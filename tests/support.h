/* Helpers shared by all tests: a device, problems with random inputs, and outputs that reveal what
 * was not written. */
#ifndef CLATTN_TESTS_SUPPORT_H
#define CLATTN_TESTS_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "clattn_check.h"
#include "kernel_lists.h"

/* The device that CLATTN_DEVICE names, or else the best one. Fails the test if there is none. */
clattn_device *support_device(void);

/* What support_run_group does before and after its tests, and whether the kernels that have run since the last call did
 * nothing wrong besides their results. on_loader.c has them for the devices of an OpenCL loader; on_recorder.c for the
 * recorder's device, which may be missing (support_begin then says why, and the tests are skipped) and which reports
 * work-items that race or leave their buffers. */
const char *support_begin(void);
void support_end(void);
void support_assert_quiet(const char *what);
extern const bool support_launches_in_pieces; /* as self-tests do; the recorder's device cannot */

/* One device for all tests of a group, opened by its set-up and closed by its tear-down. */
extern clattn_device *support_opened;
int support_open(void **state);
int support_close(void **state);

/* Fails the test unless the error's message contains this text. */
#define assert_says(error, part) assert_non_null(strstr((error)->message, part))

/* Runs the group, or a part of it: `test_kernels 2/3` runs its second, fifth, eighth ... test, so that
 * CTest can run a long program as several tests. `test_kernels NAME` runs the tests of that name, in
 * which * stands for anything. Returns 2 for a part without a test. */
int support_run_group(const char *name, const struct CMUnitTest *tests, size_t count, CMFixtureFunction set_up,
                      CMFixtureFunction tear_down, int argc, char **argv);

/* The default options, with the kernel folder from CLATTN_KERNEL_DIR, which the mutation check
 * sets. */
clattn_plan_options support_options(void);

/* The pipeline staged, whatever runs ask for, with which most tests are concerned. */
#define SUPPORT_STAGED                                                                                                 \
  { .size = sizeof(clattn_plan_options), .pipeline = CLATTN_PIPELINE_STAGED }
extern const clattn_plan_options support_staged;

/* True with CLATTN_LONG=1: the long form of suites that CI has no time for. */
bool support_is_long(void);

/* True if CLATTN_TEST_KERNELS (such as "scores=tiled,context=tiled") is not set or names one of
 * these kernels. A test skips kernels that are not wanted, and prints a word for each problem. */
bool support_is_wanted(const char *kernels);

/* Whether tests run the kernel on the opened device: it is not CLBlast's, the device has what it
 * needs, and it is not written for CPUs where the driver prefers no float vectors: some drivers
 * compile those for minutes (docs/devices.md). For lists of kernels (kernel_lists.h). */
bool support_runs(const clattn_kernel *row);
bool support_runs_with_tiles(const clattn_kernel *row); /* and it has tile sizes */

/* Tests "staged 1", "staged 2", ..., "fused 1", ...: as many as the catalogue has kernels for a
 * stage of each pipeline. *state is the size_t n of kernel_list_staged and kernel_list_stage,
 * which list only what this device runs. */
#define KERNEL_LIST_TESTS 128
size_t kernel_list_tests(void (*staged)(void **state), void (*fused)(void **state),
                         struct CMUnitTest tests[KERNEL_LIST_TESTS]);

/* A problem with its inputs, and with outputs for all tensors, each between two guards of known
 * bytes. */
typedef struct support_case {
  clattn_problem problem, seen; /* seen: the problem without its cache, as clattn_sizing_problem gives it */
  clattn_inputs inputs;
  clattn_outputs outputs;
  void *memory[CLATTN_TENSOR_COUNT]; /* only for tensors that the problem has */
  size_t bytes[CLATTN_TENSOR_COUNT];
  float *given[3]; /* results q, k and v if the inputs are q, k and v */
} support_case;

/* batch 1, one head, tokens x model_dim -> dim. Change fields as needed before support_allocate. */
clattn_problem support_problem(size_t tokens, size_t model_dim, size_t dim);

/* Fills inputs with random values (some rows are outliers; a mask masks about a third) and poisons
 * outputs. The caller sets the lengths. */
void support_allocate(support_case *c, const clattn_problem *problem, uint32_t seed);
/* As support_allocate, for a run with a cache: outputs have the lengths that clattn_cache_problem
 * reports. */
void support_allocate_seen(support_case *c, const clattn_problem *problem, const clattn_problem *seen, uint32_t seed);
void support_poison(support_case *c); /* fills outputs with NaN again */
void support_free(support_case *c);

/* For kernels that are broken on purpose. Copies the folder kernels to this one, which is removed first; then replaces
 * every occurrence of a text in one of its files, a path below it, and fails the test if there is none. */
void support_copy_kernels(const char *folder);
void support_break_kernel(const char *folder, const char *file, const char *find, const char *replace);

/* Fails the test if any guard byte has changed. */
void support_check_guards(const support_case *c);

float *support_tensor(support_case *c, clattn_tensor tensor); /* a writable pointer to an input or output */

/* Whether plans have the tensor only with clattn_plan_options.trace. */
bool support_is_traced(clattn_tensor tensor);

/* Sets the pointers of row outputs and traced outputs that the plan cannot provide to NULL. */
void support_want(support_case *c, const clattn_plan *plan);

/* Plans, runs and checks; options may be NULL. Fails the test on an error, but not on a failed
 * check. */
clattn_check_report support_run(clattn_device *device, support_case *c, const clattn_plan_options *options);

/* What a plan on the opened device says of itself, but for strings, which end with it. */
clattn_plan_info support_plan_info(const clattn_problem *problem, const clattn_plan_options *options);

/* Fails the test with the error's message unless status is CLATTN_OK. */
#define assert_ok(status, error) support_assert_ok(status, error, __FILE__, __LINE__)
void support_assert_ok(clattn_status status, const clattn_error *error, const char *file, int line);

/* Fails the test, and names the tensor and its worst element, unless the report has passed. */
#define assert_passed(report, what) support_assert_passed(report, what, __FILE__, __LINE__)
void support_assert_passed(const clattn_check_report *report, const char *what, const char *file, int line);

#endif
