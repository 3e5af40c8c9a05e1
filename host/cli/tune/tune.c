/* `clattn tune`: searches each stage at each length, and stores each result at once. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/devices/open.h"
#include "cli/tune/search.h"
#include "cli/report/terminal.h"
#include "cli/tune/tune_options.h"
#include "cli/files/user_files.h"

/* One search: a stage and a problem with one head_dim and length. */
typedef struct tune_class {
  clattn_stage stage;
  bool few_rows;
  size_t head_dim, tokens;
  char label[64];
  search found;
  bool done;
} tune_class;

typedef struct tune_job {
  const tune_options *options;
  clattn_device *device;
  const char *file;
  char path[4096];
  tune_class *all;
  size_t count;
  size_t steps, all_steps; /* candidates */
  const char *label;       /* of the current class */
} tune_job;

static const struct {
  clattn_stage stage;
  bool few_rows;
} kinds[] = {{CLATTN_STAGE_FUSED, false},  {CLATTN_STAGE_FUSED, true},    {CLATTN_STAGE_PROJECT, false},
             {CLATTN_STAGE_SCORES, false}, {CLATTN_STAGE_SOFTMAX, false}, {CLATTN_STAGE_CONTEXT, false}};
enum { KINDS = sizeof kinds / sizeof kinds[0], HEADS = 8 };

/* ---- interruption ------------------------------------------------------------------------------------------------ */

static volatile sig_atomic_t interrupted;

static void interrupt(int signal_number) {
  (void)signal_number;
  interrupted = 1;
  signal(SIGINT, SIG_DFL); /* a second SIGINT ends the program at once */
}

static bool stopped(void) {
  return interrupted != 0;
}

/* ---- problems ---------------------------------------------------------------------------------------------------- */

static clattn_problem attention_of(const tune_class *c, const tune_options *o) {
  clattn_problem p = CLATTN_PROBLEM_INIT;
  p.source = CLATTN_SOURCE_QKV;
  p.type = o->type;
  p.math = o->math;
  p.heads = HEADS;
  p.head_dim = p.value_dim = c->head_dim;
  p.query_len = c->few_rows ? 1 : c->tokens;
  p.key_len = c->tokens;
  return p;
}

static clattn_problem timed_problem(const tune_class *c, const tune_options *o) {
  clattn_problem p = attention_of(c, o);
  if (c->stage != CLATTN_STAGE_PROJECT) return p;
  p.source = CLATTN_SOURCE_X;
  p.model_dim = HEADS * c->head_dim;
  return p;
}

/* A small problem with lengths that no tile divides, more keys than a strip, grouped heads and a
 * mask. */
static clattn_problem checked_problem(const tune_class *c, const tune_options *o) {
  clattn_problem p = attention_of(c, o);
  if (c->stage == CLATTN_STAGE_PROJECT) {
    p.source = CLATTN_SOURCE_X;
    p.heads = 1;
    p.query_len = p.key_len = 67;
    p.model_dim = 331;
    p.head_dim = p.value_dim = 77;
    return p;
  }
  p.batch = 2;
  p.heads = 4;
  p.kv_heads = 2;
  p.query_len = c->few_rows ? 3 : 67;
  p.key_len = 1103;
  p.causal = true;
  p.alignment = CLATTN_ALIGN_BOTTOM_RIGHT;
  return p;
}

/* ---- one class --------------------------------------------------------------------------------------------------- */

static void show_step(void *of, const char *choice) {
  tune_job *job = of;
  char label[128];
  snprintf(label, sizeof label, "%s %s", job->label, choice);
  progress_show(job->steps++, job->all_steps, label);
}

static void show_dropped(void *of, const char *choice, const char *why) {
  const tune_job *job = of;
  progress_clear();
  printf("%s: %s dropped: %s\n", job->label, choice, why);
  fflush(stdout);
}

static void print_found(const tune_class *c) {
  progress_clear();
  printf("%s: %s, %.4g GFLOP/s", c->label, c->found.best, c->found.gflops);
  if (strcmp(c->found.best, c->found.standard) == 0)
    printf(", the default\n");
  else
    printf("; the default has %.4g\n", c->found.standard_gflops);
  fflush(stdout);
}

static clattn_status store(const tune_job *job, const tune_class *c, clattn_error *error) {
  const clattn_tuned tuned = {.size = sizeof(clattn_tuned),
                              .stage = c->stage,
                              .choice = c->found.best,
                              .standard = c->found.standard,
                              .gflops = c->found.gflops,
                              .standard_gflops = c->found.standard_gflops,
                              .repeats = c->found.repeats};
  return clattn_tuning_store(job->file, job->device, &c->found.timed.problem, &tuned, error);
}

static int tune_one(tune_job *job, tune_class *c) {
  clattn_error error;
  search *s = &c->found;
  const size_t before = job->steps, steps = search_steps(s);
  job->label = c->label;
  int code = workload_fill(&s->timed);
  if (code == GO_ON) code = workload_fill(&s->checked);
  clattn_status status = CLATTN_OK;
  if (code == GO_ON) status = search_run(s, &error);
  if (code == GO_ON && status == CLATTN_OK && !stopped()) {
    c->done = true;
    print_found(c);
    status = store(job, c, &error);
  }
  job->steps = before + steps;
  workload_free(&s->timed);
  workload_free(&s->checked);
  if (status == CLATTN_OK) return code;
  progress_clear();
  return complain_of(&error);
}

/* ---- all of them ------------------------------------------------------------------------------------------------- */

/* softmax does not depend on head_dim: one is enough. */
static bool is_wanted(const tune_options *o, clattn_stage stage, size_t head_dim_index) {
  return (o->stage == CLATTN_STAGE_COUNT || o->stage == stage) &&
         (stage != CLATTN_STAGE_SOFTMAX || head_dim_index == 0);
}

static void add_class(tune_job *job, size_t kind, size_t head_dim, size_t tokens) {
  tune_class *c = &job->all[job->count++];
  *c = (tune_class){
      .stage = kinds[kind].stage, .few_rows = kinds[kind].few_rows, .head_dim = head_dim, .tokens = tokens};
  snprintf(c->label, sizeof c->label, "%s, head_dim %zu, %s%zu", clattn_stage_name(c->stage), head_dim,
           c->few_rows ? "1 query x " : "tokens ", tokens);
  const workload base = {.device = job->device, .stage = c->stage};
  c->found = (search){.timed = base,
                      .checked = base,
                      .quick = job->options->quick != 0,
                      .step = show_step,
                      .dropped = show_dropped,
                      .stopped = stopped,
                      .of = job};
  c->found.timed.problem = timed_problem(c, job->options);
  c->found.checked.problem = checked_problem(c, job->options);
  job->all_steps += search_steps(&c->found);
}

static int list_classes(tune_job *job) {
  const tune_options *o = job->options;
  const char *unit;
  clattn_error error;
  /* Only a device whose matrix unit is known has its kernels among the candidates. Without one the others are tried. */
  for (int type = CLATTN_F16; type <= CLATTN_BF16; ++type)
    clattn_device_matrix_unit(job->device, (clattn_type)type, &unit, &error);
  job->all = calloc(KINDS * o->head_dims.count * o->tokens.count, sizeof *job->all);
  if (job->all == NULL) {
    complain("no host memory for the list of problems to tune");
    return EXIT_BAD_INPUT;
  }
  for (size_t kind = 0; kind < KINDS; ++kind)
    for (size_t h = 0; h < o->head_dims.count; ++h)
      for (size_t t = 0; t < o->tokens.count; ++t)
        if (is_wanted(o, kinds[kind].stage, h))
          add_class(job, kind, (size_t)o->head_dims.number[h], (size_t)o->tokens.number[t]);
  return GO_ON;
}

/* Checks, before any search, that results can be stored. */
static int open_record(tune_job *job) {
  clattn_error error;
  job->file = job->options->file;
  if (job->file == NULL) job->file = tuning_file_path(clattn_device_get_info(job->device), job->path, sizeof job->path);
  if (job->file == NULL) {
    complain(
        "no place for the tuning record (allowed: --file FILE, or CLATTN_TUNING_FILE, XDG_CACHE_HOME or HOME set)");
    return EXIT_BAD_INPUT;
  }
  if (job->options->file == NULL && !tuning_file_make_folder(job->file)) {
    complain("%s: cannot make its folder", job->file);
    return EXIT_BAD_INPUT;
  }
  if (clattn_tuning_store(job->file, job->device, NULL, NULL, &error) != CLATTN_OK) return complain_of(&error);
  return GO_ON;
}

static void print_table(const tune_job *job) {
  steadiness worst = {0};
  char disturbed[STEADY_TEXT];
  printf("\n%s%-10s%9s%16s%10s%10s%7s  %s%s\n", style(BOLD), "stage", "head_dim", "length", "default", "best", "gain",
         "kernel", style(PLAIN));
  for (size_t i = 0; i < job->count; ++i) {
    const tune_class *c = &job->all[i];
    const search *s = &c->found;
    char length[32];
    if (!c->done) continue;
    if (s->steadiness.spread > worst.spread) worst = s->steadiness;
    snprintf(length, sizeof length, "%zu x %zu", s->timed.problem.query_len, c->tokens);
    printf("%-10s%9zu%16s%10.4g%10.4g%5.0f %%  %s\n", clattn_stage_name(c->stage), c->head_dim, length,
           s->standard_gflops, s->gflops, 100.0 * (s->gflops / s->standard_gflops - 1.0), s->best);
  }
  printf("\nGFLOP/s: medians of runs in turn; stored in %s\n", job->file);
  if (steady_text(&worst, disturbed)) print_disturbed(disturbed);
}

static int tune(tune_job *job) {
  clattn_error error;
  const clattn_device_choice choice = device_choice(job->options->platform, job->options->device);
  if (open_device(&choice, &job->device, &error) != CLATTN_OK) return complain_of(&error);
  int code = open_record(job);
  if (code == GO_ON) code = list_classes(job);
  if (code != GO_ON) return code;
  signal(SIGINT, interrupt);
  printf("%sdevice%s    %s\n%srecord%s    %s\n\n", style(BOLD), style(PLAIN), clattn_device_get_info(job->device)->name,
         style(BOLD), style(PLAIN), job->file);
  fflush(stdout);
  for (size_t i = 0; i < job->count && code == GO_ON && !stopped(); ++i) code = tune_one(job, &job->all[i]);
  progress_clear();
  print_table(job);
  return code == GO_ON ? EXIT_PASSED : code;
}

int command_tune(int argc, const char **argv) {
  tune_options options;
  tune_job job = {.options = &options};
  int code = tune_options_read(argc, argv, &options);
  if (code == GO_ON) code = tune(&job);
  free(job.all);
  clattn_device_close(job.device);
  tune_options_free(&options);
  if (!stopped()) return code;
  fflush(stdout);
  signal(SIGINT, SIG_DFL);
  raise(SIGINT); /* so that the shell sees the signal */
  return code;
}
