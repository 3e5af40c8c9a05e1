/* The page that `clattn ladder` prints. */
#include <stdio.h>

#include "cli/command.h"
#include "cli/ladder/ladder.h"
#include "cli/report/terminal.h"
#include "cli/report/units.h"

void ladder_text_head(const ladder *l) {
  const clattn_device_info *d = l->device;
  const clattn_problem *p = &l->stage[0].problem;
  printf("%sdevice%s    %s, %u compute units, %s (%s)\n", style(BOLD), style(PLAIN), d->name, d->compute_units,
         device_type_name(d->type), d->platform);
  printf("%sproblem%s   %zu tokens", style(BOLD), style(PLAIN), p->query_len);
  if (p->model_dim != 0) printf(" x %zu", p->model_dim);
  if (l->stage[l->stages - 1].problem.key_len != p->query_len)
    printf(" on %zu keys", l->stage[l->stages - 1].problem.key_len);
  printf(", %zu heads of %zu", p->heads, p->head_dim);
  if (p->kv_heads != p->heads) printf(", kv_heads %zu", p->kv_heads);
  if (p->causal) printf(", causal");
  if (p->type != CLATTN_F32) printf(", stored as %s", clattn_type_name(p->type));
  if (p->math == CLATTN_MATH_STORED) printf(", products in half where kernels can");
  printf("\n");
  fflush(stdout);
}

static void print_peaks(const ladder *l) {
  const clattn_peaks *p = &l->peaks;
  char set[16];
  printf("%speaks%s     %.4g GFLOP/s of multiply-adds;\n"
         "          GB/s: reading %.3g, copying %.3g, strided %.3g (of %s), local memory %.3g\n",
         style(BOLD), style(PLAIN), p->multiply_add.best * 1e-9, p->read.best * 1e-9, p->copy.best * 1e-9,
         p->strided.best * 1e-9, bytes_text(l->working_set, set), p->local.best * 1e-9);
  if (ladder_unit_peak(l).best > 0.0)
    printf("          %.4g GFLOP/s of the matrix unit, the peak of rungs that use it\n",
           ladder_unit_peak(l).best * 1e-9);
}

/* A number with its unit, or a dash if it is not known. */
static void print_figure(double value, const char *format, int width) {
  char text[32];
  if (value > 0.0)
    snprintf(text, sizeof text, format, value);
  else
    snprintf(text, sizeof text, "-");
  printf("%*s", width, text);
}

static void print_timed(const ladder *l, const stage_ladder *s, const rung *r) {
  char time[16], predicted[16];
  const double flops = rung_flops(s, r), bandwidth = rung_bandwidth(r);
  const bool known = r->predicted.limit != LIMIT_NONE;
  printf("%8s", duration_text(r->seconds, time));
  print_figure(flops * 1e-9, "%.2f", 8);
  print_figure(100.0 * rung_share(l, s, r), "%.1f %%", 8);
  print_figure(bandwidth * 1e-9, "%.1f", 8);
  print_figure(l->peaks.read.best > 0.0 ? 100.0 * bandwidth / l->peaks.read.best : 0.0, "%.0f %%", 8);
  print_figure(rung_intensity(s, r), "%.2f", 7);
  print_figure(r->speed_up, "%.2fx", 9);
  printf("%10s", known ? duration_text(r->predicted.seconds, predicted) : "-");
  print_figure(rung_times(r), "%.1fx", 7);
  printf("  %s\n", limit_name(r->predicted.limit));
}

static void print_rung(const ladder *l, const stage_ladder *s, const rung *r) {
  char name[32];
  snprintf(name, sizeof name, "%d %s", r->kernel.rung, r->kernel.name);
  printf("%-12s", name);
  switch (r->state) {
  case RUNG_TIMED:
    print_timed(l, s, r);
    break;
  case RUNG_WRONG:
    printf("%sWRONG%s: not timed; 'clattn run --random --kernel %s=%s' says where\n", style(RED), style(PLAIN),
           clattn_stage_name(s->stage), r->kernel.name);
    break;
  default:
    printf("cannot run: %s\n", r->reason);
  }
}

static void print_stage(const ladder *l, const stage_ladder *s) {
  char bytes[16];
  printf("\n%s%s%s: %.4g GFLOP, %s of tensors, at most %.1f flop/B\n", style(BOLD), clattn_stage_name(s->stage),
         style(PLAIN), s->flops * 1e-9, bytes_text((uint64_t)s->bytes, bytes), s->flops / s->bytes);
  printf("%s%-12s%8s%8s%8s%8s%8s%7s%9s%10s%7s  %s%s\n", style(BOLD), "rung", "time", "GFLOP/s", "of peak", "GB/s",
         "of read", "flop/B", "speed-up", "predicted", "times", "limit", style(PLAIN));
  for (size_t i = 0; i < s->count; ++i) print_rung(l, s, &s->rung[i]);
}

void ladder_text(const ladder *l) {
  print_peaks(l);
  for (size_t i = 0; i < l->stages; ++i) print_stage(l, &l->stage[i]);
  printf("\nTimes are the fastest of up to 20 runs. GB/s: global memory that the kernel's loads and stores\n"
         "request; above 100 %% of read, caches serve the same bytes again. flop/B: operations of the formula\n"
         "per such byte. Predicted: the longest of the times that arithmetic and each kind of memory take at\n"
         "their measured peaks. Times: measured / predicted.\n");
  char disturbed[STEADY_TEXT];
  if (steady_text(&l->steadiness, disturbed)) print_disturbed(disturbed);
}
