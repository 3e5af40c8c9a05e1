/* Initial values of public structs, problems from older headers, and the library's version. */
#include "problem/problem.h"

#include "problem/sized.h"

const char *clattn_version(void) {
  return CLATTN_VERSION;
}

void clattn_problem_fill(clattn_problem *problem, size_t size) {
  static const clattn_problem initial = CLATTN_PROBLEM_INIT;
  clattn_fill_sized(&clattn_sized_problem, &initial, problem, size);
}

void clattn_probe_options_fill(clattn_probe_options *options, size_t size) {
  static const clattn_probe_options initial = CLATTN_PROBE_OPTIONS_INIT;
  clattn_fill_sized(&clattn_sized_probe_options, &initial, options, size);
}

const clattn_problem *clattn_current_problem(const clattn_problem *given, clattn_problem *room) {
  if (given->size >= sizeof *given) return given;
  *room = (clattn_problem)CLATTN_PROBLEM_INIT;
  clattn_take_sized(&clattn_sized_problem, given, room, NULL);
  return room;
}
