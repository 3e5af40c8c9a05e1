/* The same as report_text, as JSON. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>

#include "report.h"

/* JSON has no NaN and no infinity: they become strings. */
static json_t *number(double value) {
  if (isnan(value)) return json_string("nan");
  if (isinf(value)) return json_string(value > 0 ? "inf" : "-inf");
  return json_real(value);
}

static json_t *count(size_t value) {
  return json_integer((json_int_t)value);
}

/* NULL becomes null. JSON is UTF-8, which the name of a file in the text may not be: then ? stands for what is beyond
 * ASCII. */
static json_t *text(const char *from) {
  char plain[1024];
  if (from == NULL) return json_null();
  json_t *string = json_string(from);
  if (string != NULL) return string;
  snprintf(plain, sizeof plain, "%s", from);
  for (char *at = plain; *at != '\0'; ++at)
    if ((unsigned char)*at >= 0x80) *at = '?';
  return json_string(plain);
}

static json_t *device_json(const clattn_device_info *d) {
  static const char *const types[] = {"gpu", "accelerator", "cpu", "other"};
  return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:i}", "platform", d->platform, "name", d->name, "vendor", d->vendor,
                   "version", d->version, "driver_version", d->driver_version, "type", types[d->type], "compute_units",
                   (int)d->compute_units);
}

static json_t *cache_json(const input *in) {
  static const char *const types[] = {"f32", "f16", "bf16", "i8-token", "i8-head"};
  const clattn_cache_layout *c = &in->problem.cache;
  if (c->capacity == 0) return json_null();
  return json_pack("{s:o, s:s, s:o, s:o, s:o}", "capacity", count(c->capacity), "type", types[c->type], "page_len",
                   count(c->page_len), "pages", count(c->pages), "past", count(in->past_len));
}

static json_t *positions_json(const input *in) {
  static const char *const positions[] = {"none", "sinusoidal"}, *const rotary[] = {"none", "halves", "interleaved"};
  const clattn_problem *p = &in->problem;
  return json_pack("{s:s, s:s, s:o, s:o, s:o}", "positions", positions[p->positions], "rotary", rotary[p->rotary],
                   "rotary_dim", count(p->rotary_dim != 0 ? p->rotary_dim : p->head_dim), "rotary_base",
                   number(p->rotary_base), "cache", cache_json(in));
}

static json_t *meaning_json(const clattn_problem *p) {
  static const char *const alignments[] = {"top-left", "bottom-right", "offset"};
  static const char *const masks[] = {"none", "float", "bool"}, *const lengths[] = {"full", "keys", "packed"};
  return json_pack("{s:o, s:o, s:b, s:s, s:I, s:I, s:I, s:s, s:s, s:b, s:b}", "scale",
                   number((double)clattn_problem_scale(p)), "softcap", number((double)p->softcap), "causal",
                   (int)p->causal, "alignment", alignments[p->alignment], "offset", (json_int_t)p->offset,
                   "window_left", (json_int_t)p->window_left, "window_right", (json_int_t)p->window_right, "mask",
                   masks[p->mask], "lengths", lengths[p->lengths], "alibi", (int)p->alibi, "sinks", (int)p->sinks);
}

static json_t *problem_json(const input *in) {
  static const char *const sources[] = {"x", "x and context", "q, k and v"}, *const types[] = {"f32", "f16", "bf16"};
  const clattn_problem *p = &in->problem;
  const size_t kv_model_dim = p->kv_model_dim != 0 ? p->kv_model_dim : p->model_dim;
  json_t *sizes =
      json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:s, s:s, s:b, s:i}", "input", in->name,
                "batch", count(p->batch), "query_len", count(p->query_len), "key_len", count(p->key_len), "model_dim",
                count(p->model_dim), "kv_model_dim", count(kv_model_dim), "heads", count(p->heads), "kv_heads",
                count(p->kv_heads != 0 ? p->kv_heads : p->heads), "head_dim", count(p->head_dim), "value_dim",
                count(p->value_dim), "output_dim", count(p->output_dim), "source", sources[p->source], "layout",
                p->layout == CLATTN_LAYOUT_XWT ? "xwt" : "xw", "type", types[p->type], "fused_qkv", (int)p->fused_qkv,
                "biases", (int)p->biases);
  json_t *parts[] = {meaning_json(p), positions_json(in)};
  for (int i = 0; i < 2; ++i) {
    json_object_update(sizes, parts[i]);
    json_decref(parts[i]);
  }
  return sizes;
}

static json_t *plan_json(const report *r) {
  return json_pack("{s:s, s:b, s:o, s:o, s:o, s:o, s:o, s:o}", "pipeline", clattn_pipeline_name(r->pipeline), "tuned",
                   (int)r->tuned, "blocks", count(r->plan.blocks), "block_heads", count(r->plan.block_heads),
                   "block_rows", count(r->plan.block_rows), "block_bytes", count((size_t)r->plan.block_bytes),
                   "workspace_bytes", count((size_t)r->plan.workspace_bytes), "total_bytes",
                   count((size_t)r->plan.total_bytes));
}

/* Why the plan is so; null where nobody asked. */
static json_t *reasons_json(const report *r) {
  clattn_reason reason;
  if (r->explained == NULL) return json_null();
  json_t *all = json_array();
  for (size_t i = 0; clattn_plan_get_reason(r->explained, i, &reason); ++i)
    json_array_append_new(all, json_pack("{s:s, s:s?, s:s?, s:i, s:s?, s:o, s:o}", "kind",
                                         clattn_reason_kind_name(reason.kind), "stage",
                                         reason.stage == CLATTN_STAGE_COUNT ? NULL : clattn_stage_name(reason.stage),
                                         "kernel", reason.kernel, "rung", reason.rung, "choice", reason.choice, "text",
                                         text(reason.text), "program", text(reason.program)));
  return all;
}

static json_t *stages_json(const report *r) {
  double seconds = 0.0;
  for (int s = 0; s < CLATTN_STAGE_COUNT; ++s) seconds += r->timings.stage[s];
  json_t *stages = json_array();
  for (int s = 0; s < CLATTN_STAGE_COUNT; ++s) {
    const clattn_stage_info *stage = &r->plan.stages[s];
    const double time = r->timings.stage[s];
    if (stage->kernel == NULL) continue;
    json_array_append_new(
        stages, json_pack("{s:s, s:s, s:i, s:o, s:o, s:o, s:o, s:o, s:o}", "stage", clattn_stage_name((clattn_stage)s),
                          "kernel", stage->kernel, "rung", stage->rung, "launches", count(r->timings.launches[s]),
                          "seconds", number(time), "wall_seconds", number(r->timings.stage_wall[s]), "gflops",
                          number(report_rate(stage->flops, time) * 1e-9), "gbytes_per_second",
                          number(report_rate(stage->bytes, time) * 1e-9), "share", number(report_rate(time, seconds))));
  }
  return stages;
}

static json_t *timings_json(const report *r) {
  double seconds = 0.0, flops = 0.0;
  for (int s = 0; s < CLATTN_STAGE_COUNT; ++s) {
    seconds += r->timings.stage[s];
    flops += r->plan.stages[s].flops;
  }
  return json_pack("{s:o, s:o, s:o, s:o, s:o, s:b, s:o}", "stages_seconds", number(seconds), "stages_gflops",
                   number(report_rate(flops, seconds) * 1e-9), "upload_seconds", number(r->timings.upload),
                   "download_seconds", number(r->timings.download), "total_seconds", number(r->timings.total),
                   "from_events", r->timings.events_used, "runs", count(r->runs));
}

static json_t *tensor_check_json(const clattn_tensor_check *c, const clattn_problem *problem) {
  size_t shape[4];
  const int rank = clattn_problem_shape(problem, c->tensor, shape);
  json_t *index = json_array();
  for (int i = 0; i < rank; ++i) json_array_append_new(index, count(c->worst_index[i]));
  return json_pack("{s:s, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b}", "tensor",
                   clattn_tensor_name(c->tensor), "end_to_end", c->end_to_end, "elements", count(c->elements), "failed",
                   count(c->failed), "worst_index", index, "got", number(c->got), "expected", number(c->expected),
                   "bound", number(c->bound), "ratio", number(c->ratio), "largest_error", number(c->largest_error),
                   "allowed_error", number(c->allowed_error), "passed", c->passed);
}

static json_t *check_json(const report *r) {
  json_t *tensors = json_array();
  for (size_t i = 0; i < r->check.count; ++i)
    json_array_append_new(tensors, tensor_check_json(&r->check.check[i], &r->input->problem));
  return json_pack("{s:b, s:o, s:o, s:o, s:b, s:o}", "passed", r->check.passed, "rows_checked",
                   count(r->check.rows_checked), "rows_total", count(r->check.rows_total), "cpu_seconds",
                   number(report_cpu_seconds(r)), "cpu_seconds_extrapolated",
                   r->check.rows_checked < r->check.rows_total, "tensors", tensors);
}

bool report_json(const report *r) {
  json_t *all =
      json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "version", CLATTN_VERSION, "device", device_json(r->device),
                "problem", problem_json(r->input), "plan", plan_json(r), "explain", reasons_json(r), "stages",
                stages_json(r), "timings", timings_json(r), "check", r->checked ? check_json(r) : json_null());
  if (all == NULL) return false;
  const bool written = json_dumpf(all, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) == 0;
  putchar('\n');
  json_decref(all);
  return written;
}
