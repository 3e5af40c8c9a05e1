/* The device's limit, measured in turn with the engines: one of the library's probes, in its
 * fastest form. */
#include "limit.h"

#include "probe/probe.h"
#include "worker.h"

/* Runs of each form, to find the fastest. */
#define REPEATS 5

static clattn_probe probe;
static clattn_probe_options options = CLATTN_PROBE_OPTIONS_INIT;

double limit_prepare(clattn_device *device, size_t working_set) {
  clattn_rate rate;
  clattn_error error;
  limit_close();
  options.working_set = working_set;
  options.repeats = REPEATS;
  need(clattn_probe_open(device, working_set != 0 ? CLATTN_PROBE_READ : CLATTN_PROBE_MULTIPLY_ADD, &options, &probe,
                         &rate, &error),
       &error);
  if (rate.best <= 0.0) give_up("cannot probe the device: its runs take no measurable time");
  return clattn_probe_work(&probe);
}

double limit_run(void) {
  double seconds = 0.0;
  clattn_error error;
  need(clattn_probe_run(&probe, &seconds, &error), &error);
  return seconds;
}

void limit_close(void) {
  clattn_probe_close(&probe);
}
