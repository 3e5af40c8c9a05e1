/* The device's limits, measured in turn with the engines: some of the library's probes, each in its
 * fastest form. */
#include "limit.h"

#include <string.h>

#include "probe/probe.h"
#include "worker.h"

/* Runs of each form, to find the fastest. */
#define REPEATS 5

typedef struct limit {
  const char *name;
  clattn_probe_kind kind;
  clattn_probe probe;
  clattn_probe_options options;
} limit;

static limit limits[] = {
    {.name = "multiply-add", .kind = CLATTN_PROBE_MULTIPLY_ADD},
    {.name = "tile", .kind = CLATTN_PROBE_TILE},
    {.name = "read", .kind = CLATTN_PROBE_READ},
    {.name = "pair", .kind = CLATTN_PROBE_PAIR},
};
enum { LIMITS = sizeof limits / sizeof limits[0] };

static limit *chosen;

static limit *find(const char *name) {
  for (int i = 0; i < LIMITS; ++i)
    if (strcmp(limits[i].name, name) == 0) return &limits[i];
  give_up("unknown limit '%s'", name);
}

double limit_prepare(clattn_device *device, const char *name, size_t working_set) {
  limit *one = find(name);
  clattn_rate rate;
  clattn_error error;
  clattn_probe_close(&one->probe);
  one->options = (clattn_probe_options)CLATTN_PROBE_OPTIONS_INIT;
  one->options.working_set = working_set;
  one->options.repeats = REPEATS;
  need(clattn_probe_open(device, one->kind, &one->options, &one->probe, &rate, &error), &error);
  if (rate.best <= 0.0) give_up("cannot probe the device: its runs take no measurable time");
  return clattn_probe_work(&one->probe);
}

void limit_choose(const char *name) {
  chosen = find(name);
}

double limit_run(void) {
  double seconds = 0.0;
  clattn_error error;
  need(clattn_probe_run(&chosen->probe, &seconds, &error), &error);
  return seconds;
}

void limit_close(void) {
  for (int i = 0; i < LIMITS; ++i) clattn_probe_close(&limits[i].probe);
}
