/* The ladder as CSV, one line per rung. */
#include <stdio.h>

#include "cli/ladder/ladder.h"

/* As in RFC 4180: in quotation marks, and quotation marks inside doubled. */
static void print_quoted(const char *text) {
  putchar('"');
  for (; *text != '\0'; ++text) {
    if (*text == '"') putchar('"');
    putchar(*text);
  }
  printf("\",");
}

/* Empty if it is not known. */
static void print_number(double value) {
  if (value > 0.0) printf("%.6g", value);
  putchar(',');
}

static void print_rung(const ladder *l, const stage_ladder *s, const rung *r) {
  const clattn_traffic *t = &r->traffic;
  const double flops = rung_flops(s, r);
  print_quoted(l->device->name);
  printf("%s,%d,%s,", clattn_stage_name(s->stage), r->kernel.rung, r->kernel.name);
  print_quoted(r->choice);
  printf("%s,%s,", r->kernel.target, rung_state_name(r->state));
  print_quoted(r->reason);
  const double numbers[] = {r->state == RUNG_TIMED ? r->seconds : 0.0,
                            r->runs,
                            flops * 1e-9,
                            l->peaks.multiply_add.best > 0.0 ? flops / l->peaks.multiply_add.best : 0.0,
                            rung_uses_unit(l, r) ? rung_share(l, s, r) : 0.0,
                            rung_bandwidth(r) * 1e-9,
                            l->peaks.read.best > 0.0 ? rung_bandwidth(r) / l->peaks.read.best : 0.0,
                            rung_intensity(s, r),
                            r->speed_up,
                            r->predicted.seconds,
                            rung_times(r),
                            t->flops,
                            t->global_read,
                            t->global_strided,
                            t->global_written,
                            t->global_scattered,
                            t->local_read,
                            t->local_written};
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; ++i) print_number(numbers[i]);
  char disturbed[STEADY_TEXT];
  steady_text(&l->steadiness, disturbed);
  printf("%s,", limit_name(r->predicted.limit));
  print_number(r->state == RUNG_TIMED ? r->spread : 0.0);
  printf("\"%s\"\n", disturbed);
}

void ladder_csv(const ladder *l) {
  printf(
      "device,stage,rung,kernel,choice,target,state,reason,seconds,runs,gflops,of_multiply_add,"
      "of_matrix_unit,gbytes_per_second,of_read,flops_per_byte,speed_up,predicted_seconds,measured_over_predicted,"
      "asked_flops,"
      "global_read,global_strided,global_written,global_scattered,local_read,local_written,limit,spread,disturbed\n");
  for (size_t i = 0; i < l->stages; ++i)
    for (size_t r = 0; r < l->stage[i].count; ++r) print_rung(l, &l->stage[i], &l->stage[i].rung[r]);
}
