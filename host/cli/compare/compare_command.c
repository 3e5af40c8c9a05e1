/* `clattn compare`: runs the same problem on every device and on the CPU, at one length or many. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/command.h"
#include "cli/compare/comparison.h"
#include "cli/report/gnuplot.h"
#include "cli/devices/open.h"
#include "cli/compare/race.h"
#include "cli/report/terminal.h"
#include "cli/files/whole_file.h"

/* Contestants without OpenCL. The reference is the first: the page compares all others with it. */
enum { ON_THE_CPU = 3 };

typedef struct compare_job {
  comparison found;
  race race;
  size_t steps, all_steps; /* one step: one contestant at one length */
} compare_job;

static void show(void *of, const char *who) {
  compare_job *job = of;
  progress_show(job->steps, job->all_steps, who);
  ++job->steps;
}

/* ---- before anything is timed ------------------------------------------------------------------------------------ */

/* Checks that the files can be written, before anything is measured. */
static bool can_write_all(const compare_options *o) {
  return (o->csv == NULL || whole_file_try("--csv", o->csv)) &&
         (o->svg == NULL || (whole_file_try("--svg", o->svg) && gnuplot_prepare("--svg", ".")));
}

static void add_devices(comparison *c, const clattn_device_list *list) {
  for (size_t i = 0; i < clattn_device_list_count(list); ++i)
    for (int p = 0; p < CLATTN_PIPELINE_COUNT; ++p)
      if (c->options->pipelines[p])
        contestant_device_open(&c->contestant[c->contestants++], clattn_device_list_info(list, i), c->options,
                               (clattn_pipeline)p);
}

/* Having no device is an error only if the options name one. */
static int open_contestants(comparison *c) {
  const clattn_device_choice choice = device_choice(c->options->input.platform, c->options->input.device);
  clattn_device_list *list = NULL;
  clattn_error error;
  if (list_devices(&choice, &list, &error) != CLATTN_OK) {
    if (choice.platform != NULL || choice.device != NULL) return complain_of(&error);
    contestant_reason(c->no_device, sizeof c->no_device, error.message);
  }
  const size_t devices = list != NULL ? clattn_device_list_count(list) : 0;
  c->contestant = calloc(ON_THE_CPU + devices * CLATTN_PIPELINE_COUNT, sizeof *c->contestant);
  if (c->contestant == NULL) {
    clattn_device_list_destroy(list);
    complain("no host memory for %zu contestants", ON_THE_CPU + devices * CLATTN_PIPELINE_COUNT);
    return EXIT_BAD_INPUT;
  }
  contestant_scalar_open(&c->contestant[0]);
  contestant_openmp_open(&c->contestant[1]);
  contestant_openblas_open(&c->contestant[2], c->options->blas);
  c->contestants = ON_THE_CPU;
  if (list != NULL) add_devices(c, list);
  clattn_device_list_destroy(list);
  return GO_ON;
}

/* Powers of two from COMPARE_LEAST_TOKENS up, then the last length. */
static size_t next_length(const compare_options *o, size_t length) {
  const size_t last = o->input.number[NUMBER_TOKENS];
  if (!o->sweep) return last;
  return length == 0 ? COMPARE_LEAST_TOKENS : 2 * length < last ? 2 * length : last;
}

static int list_lengths(comparison *c) {
  const size_t last = c->options->input.number[NUMBER_TOKENS];
  size_t length = 0;
  c->lengths = 0;
  do {
    length = next_length(c->options, length);
    ++c->lengths;
  } while (length < last);
  c->length = calloc(c->lengths, sizeof *c->length);
  c->flops = calloc(c->lengths, sizeof *c->flops);
  c->result = calloc(c->lengths * c->contestants, sizeof *c->result);
  if (c->length == NULL || c->flops == NULL || c->result == NULL) {
    complain("no host memory for the results");
    return EXIT_BAD_INPUT;
  }
  for (size_t n = 0; n < c->lengths; ++n) c->length[n] = next_length(c->options, n == 0 ? 0 : c->length[n - 1]);
  return GO_ON;
}

/* ---- all of it --------------------------------------------------------------------------------------------------- */

static int race_all(compare_job *job) {
  comparison *c = &job->found;
  job->race = (race){.found = c, .rate = calloc(c->contestants, sizeof(double)), .show = show, .of = job};
  job->all_steps = (c->lengths + (c->lengths == 1)) * c->contestants;
  if (job->race.rate == NULL) {
    complain("no host memory for the rates of %zu contestants", c->contestants);
    return EXIT_BAD_INPUT;
  }
  int code = race_prepare(&job->race);
  if (code == GO_ON && !c->options->json) comparison_text_head(c);
  if (code == GO_ON && c->lengths == 1) code = race_rehearse(&job->race);
  for (size_t n = 0; n < c->lengths && code == GO_ON; ++n) {
    code = race_run(&job->race, n);
    progress_clear();
    if (c->options->json) continue;
    if (code == GO_ON) comparison_text_length(c, n);
  }
  return code;
}

static int print(const comparison *c) {
  const compare_options *o = c->options;
  if (!o->json)
    comparison_text(c);
  else if (!comparison_json(c))
    return EXIT_BAD_INPUT;
  if (o->csv != NULL && !comparison_csv(c, o->csv)) return EXIT_BAD_INPUT;
  if (o->svg != NULL && !comparison_plot(c, o->svg)) return EXIT_BAD_INPUT;
  return comparison_any_wrong(c) ? EXIT_CHECK_FAILED : EXIT_PASSED;
}

static int compare(compare_job *job) {
  comparison *c = &job->found;
  int code = can_write_all(c->options) ? GO_ON : EXIT_BAD_INPUT;
  if (code == GO_ON) code = open_contestants(c);
  if (code == GO_ON && c->contestants > 0) code = list_lengths(c);
  if (code == GO_ON) code = race_all(job);
  return code == GO_ON ? print(c) : code;
}

int command_compare(int argc, const char **argv) {
  compare_options options;
  compare_job job = {.found = {.options = &options}};
  comparison *c = &job.found;
  int code = compare_options_read(argc, argv, &options);
  if (code == GO_ON) code = compare(&job);
  for (size_t i = 0; i < c->contestants; ++i) contestant_close(&c->contestant[i]);
  free(c->contestant);
  free(c->length);
  free(c->flops);
  free(c->result);
  free(job.race.rate);
  compare_options_free(&options);
  return code;
}
