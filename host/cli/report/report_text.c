/* The page that `clattn run` prints. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/options/option_values.h"
#include "cli/report/report.h"
#include "cli/report/terminal.h"
#include "cli/report/units.h"

double report_rate(double amount, double seconds) {
  return seconds > 0.0 ? amount / seconds : 0.0;
}

bool report_disturbed(const report *r, char text[STEADY_TEXT]) {
  steadiness s = {0};
  steady_add_times(&s, "total", repeats_spread(&r->totals), repeats_median(&r->totals), r->runs);
  return steady_text(&s, text);
}

double report_cpu_seconds(const report *r) {
  double seconds = 0.0;
  for (int stage = 0; stage < CLATTN_STAGE_COUNT; ++stage) seconds += r->check.reference_seconds[stage];
  return seconds;
}

static void print_cache(const report *r) {
  static const char *const types[] = {
      "f32", "f16", "bf16", "bytes scaled by token", "bytes scaled by head", "4 bits scaled by group"};
  const clattn_cache_layout *c = &r->input->problem.cache;
  printf(", cache of %zu keys, ", c->capacity);
  if (r->input->past_lengths != NULL && r->input->problem.batch > 1) printf("up to ");
  printf("%zu before, %s", input_longest_past(r->input), types[c->type]);
  if (c->page_len != 0) printf(", pages of %zu", c->page_len);
  if (c->pages != 0) printf(" (%zu of them)", c->pages);
  if (r->input->problem.rolling) printf(", rolling");
}

/* Where products of what is stored are made, with CLATTN_MATH_STORED. */
static const char *words_of_products(const clattn_stage_info *fused) {
  if (fused->half_addition > 0) return "half";
  return fused->rounded_weights != CLATTN_F32 ? "a matrix unit" : "float after all";
}

/* Names what differs from plain self-attention. */
static void print_meaning(const report *r) {
  const clattn_problem *p = &r->input->problem;
  static const char *const types[] = {"", ", stored as f16", ", stored as bf16"};
  printf("          ");
  if (p->source == CLATTN_SOURCE_QKV)
    printf("Q, K and V given");
  else
    printf("Q = %s%s%s", p->layout == CLATTN_LAYOUT_XWT ? "X.W^T" : "X.W",
           (p->biases & ~(unsigned)CLATTN_BIAS_O) != 0 ? " + bias" : "",
           p->source == CLATTN_SOURCE_XKV ? ", K and V from xkv" : "");
  if (p->kv_model_dim != 0 && p->kv_model_dim != p->model_dim) printf(" of %zu columns", p->kv_model_dim);
  printf(", scores = Q.K^T * %.7g", (double)clattn_problem_scale(p));
  if (p->softcap > 0.0f) printf(", softcap %g", (double)p->softcap);
  if (p->causal) printf(", causal");
  if (p->alignment == CLATTN_ALIGN_BOTTOM_RIGHT) printf(", aligned at the bottom right");
  if (p->alignment == CLATTN_ALIGN_OFFSET) printf(", aligned at key %lld", (long long)p->offset);
  if (p->window_left != CLATTN_UNBOUNDED) printf(", %lld keys back", (long long)p->window_left);
  if (p->window_right != CLATTN_UNBOUNDED) printf(", %lld keys ahead", (long long)p->window_right);
  if (p->mask != CLATTN_MASK_NONE) printf(", %s mask", p->mask == CLATTN_MASK_BOOL ? "bool" : "float");
  if (p->alibi) printf(", ALiBi");
  if (p->sinks) printf(", sinks");
  if (p->lengths != CLATTN_LENGTHS_FULL) printf(", %s", p->lengths == CLATTN_LENGTHS_KEYS ? "padded keys" : "packed");
  if (p->positions != CLATTN_POSITIONS_NONE) printf(", sinusoidal positions");
  if (p->rotary != CLATTN_ROTARY_NONE) {
    printf(", rotary %s", p->rotary == CLATTN_ROTARY_HALVES ? "halves" : "interleaved");
    if (p->rotary_dim != 0) printf(" of %zu", p->rotary_dim);
    if (p->rotary_base != 10000.0) printf(", base %g", p->rotary_base);
    if (p->rotary_scaling.kind != CLATTN_SCALING_NONE)
      printf(", scaling %s by %g", scaling_name(p->rotary_scaling.kind), p->rotary_scaling.factor);
    if (p->rotary_rows != 0) printf(", cosines of %zu positions", p->rotary_rows);
  }
  if (p->position_ids) printf(", position ids");
  if (p->cache.capacity != 0) print_cache(r);
  if (p->output_dim != 0) printf(", output %zu%s", p->output_dim, (p->biases & CLATTN_BIAS_O) != 0 ? " with bias" : "");
  printf("%s", types[p->type]);
  if (p->fused_order == CLATTN_FUSED_GROUPS) printf(", wqkv in groups");
  if (p->math == CLATTN_MATH_STORED) printf(", products in %s", words_of_products(&r->plan.stages[CLATTN_STAGE_FUSED]));
  printf("\n");
}

static void print_problem(const report *r) {
  const clattn_problem *p = &r->input->problem;
  printf("%sproblem%s   %s: batch %zu, tokens %zu", style(BOLD), style(PLAIN), r->input->name, p->batch, p->query_len);
  if (p->key_len != p->query_len) printf(", keys %zu", p->key_len);
  if (p->source != CLATTN_SOURCE_QKV) printf(", model_dim %zu", p->model_dim);
  printf(", heads %zu", p->heads);
  if (p->kv_heads != 0 && p->kv_heads != p->heads) printf(", kv_heads %zu", p->kv_heads);
  printf(", head_dim %zu, value_dim %zu\n", p->head_dim, p->value_dim);
  print_meaning(r);
}

void report_text_plan(const report *r) {
  const clattn_device_info *d = r->device;
  char block[16], work[16], total[16];
  printf("%sdevice%s    %s, %u compute units, %s (%s)\n", style(BOLD), style(PLAIN), d->name, d->compute_units,
         device_type_name(d->type), d->platform);
  print_problem(r);
  printf("%splan%s      pipeline %s; ", style(BOLD), style(PLAIN), clattn_pipeline_name(r->plan.pipeline));
  if (r->plan.pipeline == CLATTN_PIPELINE_FUSED)
    printf("workspace of %s, ", bytes_text(r->plan.workspace_bytes, work));
  else
    printf("scores in %zu block%s of %zu head%s x %zu rows, %s; ", r->plan.blocks, r->plan.blocks == 1 ? "" : "s",
           r->plan.block_heads, r->plan.block_heads == 1 ? "" : "s", r->plan.block_rows,
           bytes_text(r->plan.block_bytes, block));
  printf("%s on the device%s\n", bytes_text(r->plan.total_bytes, total), r->tuned ? "; tuned" : "");
  printf("%10s%s: %s\n", "", clattn_pipeline_name(r->plan.pipeline), r->plan.pipeline_reason);
  report_text_reasons(r);
  putchar('\n');
  fflush(stdout); /* so that a long run shows what it is doing */
}

static void print_stage(const char *name, const char *kernel, double seconds, double flops, double bytes,
                        double all_seconds) {
  char time[16];
  printf("%-10s%-14s%10s%11.2f%10.2f", name, kernel, duration_text(seconds, time), report_rate(flops, seconds) * 1e-9,
         report_rate(bytes, seconds) * 1e-9);
  printf("%8.0f %%\n", 100.0 * report_rate(seconds, all_seconds));
}

static void print_stages(const report *r) {
  double seconds = 0.0, flops = 0.0, bytes = 0.0;
  for (int s = 0; s < CLATTN_STAGE_COUNT; ++s) {
    seconds += r->timings.stage[s];
    flops += r->plan.stages[s].flops;
    bytes += r->plan.stages[s].bytes;
  }
  printf("%s%-10s%-14s%10s%11s%10s%10s%s\n", style(BOLD), "stage", "kernel", "time", "GFLOP/s", "GB/s", "share",
         style(PLAIN));
  for (int s = 0; s < CLATTN_STAGE_COUNT; ++s) {
    const clattn_stage_info *stage = &r->plan.stages[s];
    char kernel[KERNEL_TEXT];
    if (stage->kernel == NULL) continue;
    print_stage(clattn_stage_name((clattn_stage)s), kernel_text(stage->rung, stage->kernel, kernel),
                r->timings.stage[s], stage->flops, stage->bytes, seconds);
  }
  print_stage("stages", "", seconds, flops, bytes, seconds);
  char upload[16], download[16], total[16];
  printf("\nupload %s, download %s, total %s; device times from %s, the fastest of %zu run%s\n",
         duration_text(r->timings.upload, upload), duration_text(r->timings.download, download),
         duration_text(r->timings.total, total), r->timings.events_used ? "events" : "the wall clock (no event times)",
         r->runs, r->runs == 1 ? "" : "s");
  char disturbed[STEADY_TEXT];
  if (report_disturbed(r, disturbed)) print_disturbed(disturbed);
}

static void print_cpu(const report *r) {
  char text[16];
  const double cpu = report_cpu_seconds(r), device = r->timings.total;
  if (!(cpu > 0.0)) return;
  printf("reference %s on one core%s: the device's total is %.1f times %s\n", duration_text(cpu, text),
         r->check.rows_checked < r->check.rows_total ? ", extrapolated from the checked rows" : "",
         cpu > device ? cpu / device : device / cpu, cpu > device ? "faster" : "slower");
}

static void print_index(const clattn_tensor_check *check, const clattn_problem *problem, char *text, size_t size) {
  size_t shape[4], used = 0;
  const int rank = clattn_problem_shape(problem, check->tensor, shape);
  for (int i = 0; i < rank; ++i)
    used += (size_t)snprintf(text + used, size - used, "%s%zu", i == 0 ? "(" : ", ", check->worst_index[i]);
  snprintf(text + used, size - used, ")");
}

/* Where the comparison from end to end begins. */
static const char *from(const report *r) {
  return r->input->problem.source == CLATTN_SOURCE_QKV ? " from q, k" : " from x";
}

/* Names the first wrong tensor: later ones may be wrong because of it. */
static void print_result(const report *r) {
  const char *colour = style(r->check.passed ? GREEN : RED);
  const size_t checked = r->check.rows_checked, total = r->check.rows_total;
  size_t first = 0;
  while (first < r->check.count && r->check.check[first].passed) ++first;
  if (first < r->check.count)
    printf("\n%sFAILED%s: %s%s is the first wrong result", colour, style(PLAIN),
           clattn_tensor_name(r->check.check[first].tensor), r->check.check[first].end_to_end ? from(r) : "");
  else
    printf("\n%spassed%s", colour, style(PLAIN));
  if (checked < total)
    printf(": a sample of %zu of %zu rows was checked (--check full checks all)\n", checked, total);
  else
    printf(": all %zu rows were checked\n", total);
}

static void print_checks(const report *r) {
  printf("\n%s%-15s%9s%9s%9s  %-18s%14s%14s  %s%s\n", style(BOLD), "check", "error", "bound", "of bound", "worst at",
         "got", "expected", "result", style(PLAIN));
  for (size_t i = 0; i < r->check.count; ++i) {
    const clattn_tensor_check *c = &r->check.check[i];
    char name[32], index[96], share[16];
    snprintf(name, sizeof name, "%s%s", clattn_tensor_name(c->tensor), c->end_to_end ? from(r) : "");
    print_index(c, &r->input->problem, index, sizeof index);
    snprintf(share, sizeof share, c->ratio <= 9.99 ? "%.0f %%" : "> 999 %%", 100.0 * c->ratio);
    printf("%-15s%9.1e%9.1e%9s  %-18s%14.7g%14.7g  ", name, fabs(c->got - c->expected), c->bound, share, index, c->got,
           c->expected);
    if (c->passed)
      printf("%sok%s\n", style(GREEN), style(PLAIN));
    else if (c->failed > 0)
      printf("%sFAILED%s, %zu of %zu\n", style(RED), style(PLAIN), c->failed, c->elements);
    else
      printf("%sFAILED%s, largest error %.1e, allowed %.1e\n", style(RED), style(PLAIN), c->largest_error,
             c->allowed_error);
  }
  print_result(r);
}

/* ---- the numbers of an example ------------------------------------------------------------------------------------
 */

static void print_matrix(const char *title, const char *const *rows, size_t row_count, const char *const *columns,
                         size_t column_count, const float *values, size_t stride) {
  printf("%s%-10s%s", style(BOLD), title, style(PLAIN));
  for (size_t c = 0; c < column_count; ++c) printf(" %9s", columns[c]);
  putchar('\n');
  for (size_t r = 0; r < row_count; ++r) {
    printf("%-10s", rows[r]);
    for (size_t c = 0; c < column_count; ++c) printf(" %9.6f", (double)values[r * stride + c]);
    putchar('\n');
  }
}

/* In the order of heads each head has its own matrix. */
static void print_context(const report *r) {
  const example *e = r->input->example;
  const clattn_problem *p = &r->input->problem;
  const bool by_head = p->context_order == CLATTN_ORDER_HEADS && p->heads > 1;
  const size_t parts = by_head ? p->heads : 1, columns = e->value_columns / parts;
  for (size_t head = 0; head < parts; ++head) {
    char title[32];
    snprintf(title, sizeof title, by_head ? "context %zu" : "context", head);
    print_matrix(title, e->tokens, p->query_len, e->value_features + head * columns, columns,
                 r->outputs->context + head * p->query_len * columns, columns);
    if (head + 1 < parts) putchar('\n');
  }
}

static void print_example(const report *r) {
  const example *e = r->input->example;
  const clattn_problem *p = &r->input->problem;
  if (e == NULL || r->outputs->weights == NULL || r->outputs->rows != NULL) return;
  for (size_t head = 0; head < p->heads; ++head) {
    char title[32];
    snprintf(title, sizeof title, p->heads > 1 ? "weights %zu" : "weights", head);
    print_matrix(title, e->tokens, p->query_len, e->tokens, p->key_len,
                 r->outputs->weights + head * p->query_len * p->key_len, p->key_len);
    putchar('\n');
  }
  print_context(r);
  char source[EXAMPLE_SOURCE];
  printf("\nFrom the article %s:\n%s\n", clattn_example_source(e, source), e->question);
  const bool as_asked = !p->causal && p->window_left == CLATTN_UNBOUNDED && p->window_right == CLATTN_UNBOUNDED &&
                        p->mask == CLATTN_MASK_NONE && p->lengths == CLATTN_LENGTHS_FULL && !p->alibi && !p->sinks &&
                        p->softcap == 0.0f && p->scale_mode == CLATTN_SCALE_DEFAULT && p->heads == e->heads;
  if (as_asked) printf("%s\n", e->answer);
  if (e->note != NULL) printf("%s\n", e->note);
  putchar('\n');
}

void report_text(const report *r) {
  print_example(r);
  print_stages(r);
  if (!r->checked) {
    printf("\nnot checked (--check off)\n");
    return;
  }
  print_cpu(r);
  print_checks(r);
}
