/* Initial values of the public structs, older versions of clattn_problem, and the library's own version. */
#include "problem/problem.h"

#include <string.h>

#include "problem/shape.h"

const char *clattn_version(void) {
  return CLATTN_VERSION;
}

/* The caller's header may be older or newer than this library: only as much is written as the caller has room for, and
 * what this library does not know is 0. `size` comes first in each of these structs. */
static void fill(void *to, size_t size, const void *initial, size_t known) {
  memset(to, 0, size);
  memcpy(to, initial, size < known ? size : known);
  if (size >= sizeof size) memcpy(to, &size, sizeof size);
}

void clattn_problem_fill(clattn_problem *problem, size_t size) {
  static const clattn_problem initial = CLATTN_PROBLEM_INIT;
  fill(problem, size, &initial, sizeof initial);
}

void clattn_plan_options_fill(clattn_plan_options *options, size_t size) {
  static const clattn_plan_options initial = CLATTN_PLAN_OPTIONS_INIT;
  fill(options, size, &initial, sizeof initial);
}

void clattn_probe_options_fill(clattn_probe_options *options, size_t size) {
  static const clattn_probe_options initial = CLATTN_PROBE_OPTIONS_INIT;
  fill(options, size, &initial, sizeof initial);
}

bool clattn_knows_problem_size(size_t size) {
  return size == sizeof(clattn_problem) || size == CLATTN_PROBLEM_SIZE_1;
}

clattn_problem clattn_current_problem(const clattn_problem *problem) {
  clattn_problem current = CLATTN_PROBLEM_INIT;
  memcpy(&current, problem, problem->size);
  current.size = sizeof current;
  /* The first version's CLATTN_PROBLEM_INIT set scale to 1, which stood for nothing without CLATTN_SCALE_GIVEN. */
  if (problem->size == CLATTN_PROBLEM_SIZE_1 && current.scale_mode == CLATTN_SCALE_DEFAULT && current.scale == 1.0f)
    current.scale = NAN;
  return current;
}
