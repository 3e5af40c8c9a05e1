/* Runs the cases and prints the results. */
#include "cli/exercise/grade.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/exercise/diagnose.h"
#include "cli/input/outputs.h"
#include "cli/devices/open.h"
#include "cli/exercise/starter.h"
#include "cli/report/steady.h"
#include "cli/report/terminal.h"
#include "cli/exercise/user_text.h"
#include "clattn_check.h"
#include "cli/exercise/watch.h"

#define CHECK_FLOPS 1e12 /* enough for all rows of these small cases */
#define TIMED_RUNS 5
#define GUARD_BYTES 4096 /* more than a row of any case: a term too many is NaN, whatever memory follows */

/* The tensors that the kernels of a stage compute; CLATTN_TENSOR_COUNT ends the list. */
static const clattn_tensor results_of[CLATTN_STAGE_COUNT][4] = {
    [CLATTN_STAGE_PROJECT] = {CLATTN_Q, CLATTN_K, CLATTN_V, CLATTN_TENSOR_COUNT},
    [CLATTN_STAGE_SCORES] = {CLATTN_SCORES, CLATTN_TENSOR_COUNT},
    [CLATTN_STAGE_SOFTMAX] = {CLATTN_WEIGHTS, CLATTN_LSE, CLATTN_TENSOR_COUNT},
    [CLATTN_STAGE_CONTEXT] = {CLATTN_CONTEXT, CLATTN_TENSOR_COUNT},
    [CLATTN_STAGE_FUSED] = {CLATTN_CONTEXT, CLATTN_LSE, CLATTN_TENSOR_COUNT},
};

enum { GOT, AGAIN, EXPECTED, RUNS };

/* The run of one case. */
typedef struct attempt {
  const grade_job *job;
  case_kind kind;
  workload work;
  clattn_plan *plan;
  clattn_outputs run[RUNS];
  clattn_check_report report;
  bool complained; /* the call that failed has printed why */
} attempt;

/* ---- a plan ------------------------------------------------------------------------------------------------------ */

/* The kernels of the other stages. They have a fixed work-group, so that PoCL builds them once
 * for all shapes, and do not include the file of any exercise of another stage. */
static const char *const around[CLATTN_STAGE_COUNT] = {[CLATTN_STAGE_PROJECT] = "1",
                                                       [CLATTN_STAGE_SCORES] = "column:TILE=8:ITEM_ROWS=2",
                                                       [CLATTN_STAGE_SOFTMAX] = "pairs:LOCAL_X=32",
                                                       [CLATTN_STAGE_CONTEXT] = "1",
                                                       [CLATTN_STAGE_FUSED] = "1"};

static clattn_status make_plan(const grade_job *job, const workload *w, const char *kernel, const char *folder,
                               clattn_plan **plan, clattn_error *error) {
  const clattn_stage stage = job->exercise->stage;
  const bool staged = clattn_pipeline_has_stage(CLATTN_PIPELINE_STAGED, stage);
  char kernels[512];
  size_t used = 0;
  for (int s = 0; s < CLATTN_STAGE_COUNT; ++s)
    if (around[s] != NULL)
      used += (size_t)snprintf(kernels + used, sizeof kernels - used, "%s%s=%s", used > 0 ? "," : "",
                               clattn_stage_name((clattn_stage)s), (clattn_stage)s == stage ? kernel : around[s]);
  clattn_plan_options options = CLATTN_PLAN_OPTIONS_INIT;
  options.pipeline = staged ? CLATTN_PIPELINE_STAGED : CLATTN_PIPELINE_FUSED;
  options.kernels = kernels;
  options.kernel_dir = folder;
  options.guard_bytes = GUARD_BYTES;
  return clattn_plan_create(w->device, &w->problem, &options, plan, error);
}

/* ---- the learner's file ------------------------------------------------------------------------------------------ */

void grade_print_place(const grade_job *job) {
  size_t bytes = 0;
  char *text = user_text_read(job->folder, job->exercise->file, &bytes);
  region found;
  if (text != NULL && region_find(text, bytes, job->exercise->name, &found))
    printf("look at  %s/%s:%d\n", job->folder, job->exercise->file, found.line);
  else
    printf("look at  %s/%s\n", job->folder, job->exercise->file);
  free(text);
}

/* Prints the first line of the compiler's output, which follows the message, that mentions an
 * error. File names in it begin with "kernels/". */
static void print_build_error(const grade_job *job, const char *message) {
  const char *line = strchr(message, '\n'), *error = line == NULL ? NULL : strstr(line, "error");
  printf("it does not compile:\n");
  if (error != NULL) {
    while (error > message && error[-1] != '\n') --error;
    line = error;
  } else {
    line = line == NULL ? message : line + 1;
  }
  const int length = (int)strcspn(line, "\n");
  const char *file = strstr(line, "kernels/");
  if (file != NULL && file < line + length)
    printf("  %s/%.*s\n", job->folder, (int)(line + length - file) - (int)strlen("kernels/"),
           file + strlen("kernels/"));
  else
    printf("  %.*s\n", length, line);
}

/* ---- one case ---------------------------------------------------------------------------------------------------- */

static bool allocate(attempt *a, clattn_outputs *outputs) {
  for (int t = 0; t < CLATTN_TENSOR_COUNT; ++t) {
    const clattn_tensor tensor = (clattn_tensor)t;
    if (tensor == CLATTN_SCALED || tensor == CLATTN_SOFTCAPPED || !clattn_plan_has(a->plan, tensor)) continue;
    if (!outputs_allocate(outputs, tensor, clattn_output_bytes(&a->work.problem, tensor))) return false;
  }
  return true;
}

static clattn_status no_memory(clattn_error *error) {
  snprintf(error->message, sizeof error->message, "no host memory for the results of a check");
  return error->status = CLATTN_OUT_OF_HOST_MEMORY;
}

/* Runs on other inputs and buffers, so that nothing useful is left in local memory for the runs
 * that count. */
static clattn_status run_other_inputs(attempt *a, clattn_error *error) {
  static const clattn_outputs nothing = CLATTN_OUTPUTS_INIT;
  clattn_plan *plan = NULL;
  a->complained = case_change_inputs(&a->work) != GO_ON;
  if (a->complained) return no_memory(error);
  clattn_status status = make_plan(a->job, &a->work, a->job->exercise->kernel, a->job->folder, &plan, error);
  if (status == CLATTN_OK) status = clattn_plan_run(plan, &a->work.inputs, &nothing, NULL, error);
  clattn_plan_destroy(plan);
  workload_free(&a->work);
  a->complained = case_fill(a->job->exercise, a->kind, &a->work) != GO_ON;
  return a->complained ? no_memory(error) : status;
}

/* Runs the case's inputs twice, in buffers filled with NaN, which shows elements that are never
 * written. */
static clattn_status run_all(attempt *a, clattn_error *error) {
  clattn_status status = run_other_inputs(a, error);
  for (int run = 0; run < RUNS && status == CLATTN_OK; ++run)
    if (!allocate(a, &a->run[run])) return no_memory(error);
  for (int run = GOT; run <= AGAIN && status == CLATTN_OK; ++run)
    status = clattn_plan_run(a->plan, &a->work.inputs, &a->run[run], NULL, error);
  if (status == CLATTN_OK) status = clattn_reference_run(&a->work.problem, &a->work.inputs, &a->run[EXPECTED], error);
  if (status == CLATTN_OK) status = clattn_check(a->plan, &a->work.inputs, &a->run[GOT], NULL, &a->report, error);
  return status;
}

/* The first result of the stage that is outside its bound; NULL if there is none. *all: all such
 * results, as bits. */
static const clattn_tensor_check *find_wrong(const attempt *a, uint64_t *all) {
  const clattn_tensor_check *first = NULL;
  *all = 0;
  for (const clattn_tensor *of = results_of[a->job->exercise->stage]; *of != CLATTN_TENSOR_COUNT; ++of)
    for (size_t i = 0; i < a->report.count; ++i) {
      const clattn_tensor_check *check = &a->report.check[i];
      if (check->tensor != *of || check->end_to_end || check->passed) continue;
      if (first == NULL) first = check;
      *all |= (uint64_t)1 << check->tensor;
    }
  return first;
}

/* "rows 32 ... 34 of 35" */
static void print_range(const char *what, size_t wrong, size_t first, size_t last, size_t all) {
  if (wrong == all)
    printf(", all %zu %s", all, what);
  else if (wrong == 1)
    printf(", of the %zu %s only number %zu", all, what, first);
  else if (wrong == last - first + 1)
    printf(", %s %zu ... %zu of %zu", what, first, last, all);
  else
    printf(", %zu of %zu %s, the first %zu", wrong, all, what, first);
}

static void print_difference(const evidence *e, const clattn_tensor_check *check) {
  const facts *f = &e->facts;
  const view *v = &e->view;
  if (f->wrong == 0) {
    printf("%s: %zu of %zu values are slightly outside their bounds; the worst: got %.7g, expected %.7g\n",
           clattn_tensor_name(v->tensor), check->failed, check->elements, check->got, check->expected);
    return;
  }
  printf("%s: %zu of %zu values differ", clattn_tensor_name(v->tensor), f->wrong, f->all);
  if (v->pairs > 1) print_range("heads", f->wrong_pairs, f->first.pair, f->last.pair, v->pairs);
  print_range("rows", f->wrong_rows, f->first.row, f->last.row, v->rows);
  if (v->columns > 1) print_range("columns", f->wrong_columns, f->first.column, f->last.column, v->columns);
  const size_t at = view_at(v, f->example.pair, f->example.row, f->example.column);
  printf("\nrow %zu, column %zu", f->example.row, f->example.column);
  if (v->pairs > 1) printf(", head %zu", f->example.pair);
  printf(": got %.7g, expected %.7g\n", (double)v->got[at], (double)v->expected[at]);
}

static bool is_blank(const grade_job *job) {
  size_t bytes = 0;
  region found;
  char *text = user_text_read(job->folder, job->exercise->file, &bytes);
  const bool blank = text != NULL && region_find(text, bytes, job->exercise->name, &found) && region_is_blank(&found);
  free(text);
  return blank;
}

static void explain_wrong(attempt *a, const clattn_tensor_check *check, uint64_t all_wrong) {
  evidence e = {.exercise = a->job->exercise,
                .kind = a->kind,
                .work = &a->work,
                .blank = is_blank(a->job),
                .got = &a->run[GOT],
                .expected = &a->run[EXPECTED],
                .wrong = all_wrong};
  e.view = view_of(&a->work.problem, check->tensor);
  e.view.got = clattn_outputs_get(&a->run[GOT], check->tensor);
  e.view.again = clattn_outputs_get(&a->run[AGAIN], check->tensor);
  e.view.expected = clattn_outputs_get(&a->run[EXPECTED], check->tensor);
  e.facts = facts_of(&e.view);
  printf("%swrong%s\n\n", style(RED), style(PLAIN));
  print_difference(&e, check);
  printf("hint     %s\n", diagnose(&e));
  grade_print_place(a->job);
}

static int judge(attempt *a) {
  clattn_error error;
  clattn_status status = make_plan(a->job, &a->work, a->job->exercise->kernel, a->job->folder, &a->plan, &error);
  if (status == CLATTN_BUILD_FAILED) {
    printf("\n\n");
    print_build_error(a->job, error.message);
    return EXIT_CHECK_FAILED;
  }
  watch_alive();
  if (status == CLATTN_OK) status = run_all(a, &error);
  if (status != CLATTN_OK) {
    printf("\n");
    return a->complained ? EXIT_DEVICE_FAILED : complain_of(&error);
  }
  uint64_t all_wrong = 0;
  const clattn_tensor_check *wrong = find_wrong(a, &all_wrong);
  if (wrong == NULL) {
    printf("%sok%s\n", style(GREEN), style(PLAIN));
    return GO_ON;
  }
  explain_wrong(a, wrong, all_wrong);
  return EXIT_CHECK_FAILED;
}

static int run_case(const grade_job *job, clattn_device *device, case_kind kind) {
  attempt a = {.job = job,
               .kind = kind,
               .work = {.device = device, .stage = job->exercise->stage},
               .report = CLATTN_CHECK_REPORT_INIT};
  for (int run = 0; run < RUNS; ++run) a.run[run] = (clattn_outputs)CLATTN_OUTPUTS_INIT;
  printf("%-36s ", case_title(kind));
  fflush(stdout); /* shows the case in which a kernel crashes the program */
  watch_alive();
  int code = case_fill(job->exercise, kind, &a.work);
  if (code == GO_ON) code = judge(&a);
  for (int run = 0; run < RUNS; ++run) outputs_free(&a.run[run]);
  clattn_plan_destroy(a.plan);
  workload_free(&a.work);
  return code;
}

/* ---- when all cases are right
 * ------------------------------------------------------------------------------------------- */

/* Rate of the fastest of some runs; 0 if none succeeds. */
static double gflops_of(const grade_job *job, const workload *w, const char *kernel, const char *folder,
                        steadiness *steady) {
  repeats all = {.count = 0};
  clattn_plan *plan = NULL;
  clattn_error error;
  double best = INFINITY;
  watch_alive();
  if (make_plan(job, w, kernel, folder, &plan, &error) != CLATTN_OK) return 0.0;
  for (int run = 0; run < TIMED_RUNS; ++run) {
    double seconds = 0.0;
    watch_alive();
    if (workload_time(w, plan, &seconds, &error) != CLATTN_OK || !(seconds > 0.0)) continue;
    best = fmin(best, seconds);
    repeats_add(&all, seconds);
  }
  steady_add_times(steady, kernel, repeats_spread(&all), repeats_median(&all), all.count);
  const double flops = workload_flops(w, plan);
  clattn_plan_destroy(plan);
  return isinf(best) ? 0.0 : flops / best / 1e9;
}

static void print_speed(const grade_job *job, clattn_device *device) {
  workload w = {.device = device, .stage = job->exercise->stage};
  if (case_fill_timed(job->exercise, &w) == GO_ON) {
    steadiness steady = {0};
    char disturbed[STEADY_TEXT];
    const double own = gflops_of(job, &w, job->exercise->kernel, job->folder, &steady);
    const double first = gflops_of(job, &w, "1", NULL, &steady);
    if (own > 0.0 && first > 0.0)
      printf("speed    %.1f GFLOP/s, rung 1 %.1f GFLOP/s (%s, %zu rows, on this device)\n", own, first,
             clattn_stage_name(w.stage), w.problem.query_len);
    if (steady_text(&steady, disturbed)) print_disturbed(disturbed);
  }
  workload_free(&w);
}

static const exercise *next_of(const exercise *e) {
  for (size_t i = 0; i + 1 < exercise_count(); ++i)
    if (exercise_at(i) == e) return exercise_at(i + 1);
  return NULL;
}

/* PoCL completes each round of a loop for all work-items before the next, and so works without a
 * barrier that other devices need. So the number of barriers is compared with that of the
 * built-in kernel. */
static bool lacks_barrier(const grade_job *job) {
  size_t bytes = 0, own_bytes = 0;
  region theirs, own;
  char *text = user_text_read(job->folder, job->exercise->file, &bytes);
  const char *kernel = clattn_kernel_source(job->exercise->file, &own_bytes);
  const bool lacks = text != NULL && kernel != NULL && region_find(text, bytes, job->exercise->name, &theirs) &&
                     region_find(kernel, own_bytes, job->exercise->name, &own) &&
                     region_barriers(&theirs) < region_barriers(&own);
  free(text);
  return lacks;
}

static int print_lacks_barrier(const grade_job *job) {
  printf("\nall cases are right on this device, but would not be on others: there are too few barriers\n");
  printf("hint     a barrier is missing: no work-item may read a tile before all have written to it, nor overwrite it "
         "before all have read it\n");
  grade_print_place(job);
  return EXIT_CHECK_FAILED;
}

static int print_passed(const grade_job *job, clattn_device *device) {
  const exercise *next = next_of(job->exercise);
  printf("\n%spassed%s: all cases are right\n", style(GREEN), style(PLAIN));
  printf("learnt   %s\n", job->exercise->learns);
  print_speed(job, device);
  if (next != NULL)
    printf("next     clattn exercise start %s (%s)\n", next->name, next->title);
  else
    printf("next     that was the last exercise: kernels/README.md has the other rungs\n");
  return EXIT_PASSED;
}

int grade(void *of) {
  const grade_job *job = of;
  clattn_device *device = NULL;
  clattn_error error;
  if (open_device(&job->where, &device, &error) != CLATTN_OK) return complain_of(&error);
  printf("%s: %s %s, on %s\n\n", job->exercise->name, clattn_stage_name(job->exercise->stage), job->exercise->kernel,
         clattn_device_get_info(device)->name);
  int code = GO_ON;
  for (int kind = 0; kind < CASE_COUNT && code == GO_ON; ++kind)
    if (case_applies(job->exercise, (case_kind)kind)) code = run_case(job, device, (case_kind)kind);
  if (code == GO_ON) code = lacks_barrier(job) ? print_lacks_barrier(job) : print_passed(job, device);
  clattn_device_close(device);
  return code;
}
