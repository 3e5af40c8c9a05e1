/* The report as JSON. */
#include <jansson.h>
#include <stdio.h>

#include "cli/options/option_values.h"
#include "cli/report/json_values.h"
#include "cli/report/report.h"

static json_t *cache_json(const input *in) {
  static const char *const types[] = {"f32", "f16", "bf16", "i8-token", "i8-head", "q4"};
  const clattn_cache_layout *c = &in->problem.cache;
  if (c->capacity == 0) return json_null();
  json_t *past = json_array();
  for (size_t b = 0; b < in->problem.batch; ++b) json_add(past, json_count(input_past(in, b)));
  return json_pack("{s:o, s:s, s:o, s:o, s:o, s:o, s:b}", "capacity", json_count(c->capacity), "type", types[c->type],
                   "page_len", json_count(c->page_len), "pages", json_count(c->pages), "past",
                   json_count(input_longest_past(in)), "past_lengths", past, "rolling", (int)in->problem.rolling);
}

static json_t *scaling_json(const clattn_rotary_scaling *s) {
  if (s->kind == CLATTN_SCALING_NONE) return json_null();
  return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b}", "rope_type", scaling_name(s->kind),
                   "factor", json_number(s->factor), "original_max_position_embeddings",
                   json_count(s->original_max_position_embeddings), "low_freq_factor", json_number(s->low_freq_factor),
                   "high_freq_factor", json_number(s->high_freq_factor), "beta_fast", json_number(s->beta_fast),
                   "beta_slow", json_number(s->beta_slow), "attention_factor", json_number(s->attention_factor),
                   "mscale", json_number(s->mscale), "mscale_all_dim", json_number(s->mscale_all_dim), "truncate",
                   (int)!s->keep_fractions);
}

static json_t *positions_json(const input *in) {
  static const char *const positions[] = {"none", "sinusoidal"}, *const rotary[] = {"none", "halves", "interleaved"};
  const clattn_problem *p = &in->problem;
  return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:b, s:o}", "positions", positions[p->positions], "rotary",
                   rotary[p->rotary], "rotary_dim", json_count(p->rotary_dim != 0 ? p->rotary_dim : p->head_dim),
                   "rotary_base", json_number(p->rotary_base), "rotary_scaling", scaling_json(&p->rotary_scaling),
                   "rotary_rows", json_count(p->rotary_rows), "position_ids", (int)p->position_ids, "cache",
                   cache_json(in));
}

static json_t *meaning_json(const clattn_problem *p) {
  static const char *const alignments[] = {"top-left", "bottom-right", "offset"};
  static const char *const masks[] = {"none", "float", "bool"}, *const lengths[] = {"full", "keys", "packed"};
  return json_pack("{s:o, s:o, s:b, s:s, s:I, s:I, s:I, s:s, s:s, s:b, s:b}", "scale",
                   json_number((double)clattn_problem_scale(p)), "softcap", json_number((double)p->softcap), "causal",
                   (int)p->causal, "alignment", alignments[p->alignment], "offset", (json_int_t)p->offset,
                   "window_left", (json_int_t)p->window_left, "window_right", (json_int_t)p->window_right, "mask",
                   masks[p->mask], "lengths", lengths[p->lengths], "alibi", (int)p->alibi, "sinks", (int)p->sinks);
}

static json_t *problem_json(const input *in) {
  static const char *const sources[] = {"x", "x and xkv", "q, k and v"};
  const clattn_problem *p = &in->problem;
  const size_t kv_model_dim = p->kv_model_dim != 0 ? p->kv_model_dim : p->model_dim;
  json_t *sizes = json_pack(
      "{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:s, s:s, s:s, s:s, s:b, s:s, s:i}", "input",
      in->name, "batch", json_count(p->batch), "query_len", json_count(p->query_len), "key_len", json_count(p->key_len),
      "model_dim", json_count(p->model_dim), "kv_model_dim", json_count(kv_model_dim), "heads", json_count(p->heads),
      "kv_heads", json_count(input_kv_heads(p)), "head_dim", json_count(p->head_dim), "value_dim",
      json_count(p->value_dim), "output_dim", json_count(p->output_dim), "source", sources[p->source], "layout",
      p->layout == CLATTN_LAYOUT_XWT ? "xwt" : "xw", "type", clattn_type_name(p->type), "math", math_name(p->math),
      "context_order", p->context_order == CLATTN_ORDER_HEADS ? "heads" : "tokens", "fused_qkv", (int)p->fused_qkv,
      "fused_order", p->fused_order == CLATTN_FUSED_GROUPS ? "groups" : "side-by-side", "biases", (int)p->biases);
  json_t *parts[] = {meaning_json(p), positions_json(in)};
  for (int i = 0; i < 2; ++i) {
    json_object_update(sizes, parts[i]);
    json_decref(parts[i]);
  }
  return sizes;
}

static json_t *plan_json(const report *r) {
  return json_pack("{s:s, s:s, s:b, s:b, s:o, s:o, s:o, s:o, s:o, s:o}", "pipeline",
                   clattn_pipeline_name(r->plan.pipeline), "pipeline_reason", r->plan.pipeline_reason, "half_products",
                   (int)(r->plan.stages[CLATTN_STAGE_FUSED].half_addition > 0), "tuned", (int)r->tuned, "blocks",
                   json_count(r->plan.blocks), "block_heads", json_count(r->plan.block_heads), "block_rows",
                   json_count(r->plan.block_rows), "block_bytes", json_count((size_t)r->plan.block_bytes),
                   "workspace_bytes", json_count((size_t)r->plan.workspace_bytes), "total_bytes",
                   json_count((size_t)r->plan.total_bytes));
}

/* Why the plan is as it is; null without --explain-plan. */
static json_t *reasons_json(const report *r) {
  clattn_reason reason = CLATTN_REASON_INIT;
  if (r->explained == NULL) return json_null();
  json_t *all = json_array();
  for (size_t i = 0; clattn_plan_get_reason(r->explained, i, &reason); ++i)
    json_add(all, json_pack("{s:s, s:s?, s:s?, s:i, s:s?, s:o, s:o}", "kind", clattn_reason_kind_name(reason.kind),
                            "stage", reason.stage == CLATTN_STAGE_COUNT ? NULL : clattn_stage_name(reason.stage),
                            "kernel", reason.kernel, "rung", reason.rung, "choice", reason.choice, "text",
                            json_text(reason.text), "program", json_text(reason.program)));
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
    json_add(stages,
             json_pack("{s:s, s:s, s:i, s:o, s:o, s:o, s:o, s:o, s:o}", "stage", clattn_stage_name((clattn_stage)s),
                       "kernel", stage->kernel, "rung", stage->rung, "launches", json_count(r->timings.launches[s]),
                       "seconds", json_number(time), "wall_seconds", json_number(r->timings.stage_wall[s]), "gflops",
                       json_number(report_rate(stage->flops, time) * 1e-9), "gbytes_per_second",
                       json_number(report_rate(stage->bytes, time) * 1e-9), "share",
                       json_number(report_rate(time, seconds))));
  }
  return stages;
}

static json_t *timings_json(const report *r) {
  double seconds = 0.0, flops = 0.0;
  for (int s = 0; s < CLATTN_STAGE_COUNT; ++s) {
    seconds += r->timings.stage[s];
    flops += r->plan.stages[s].flops;
  }
  char disturbed[STEADY_TEXT];
  const bool is_disturbed = report_disturbed(r, disturbed);
  return json_pack("{s:o, s:o, s:o, s:o, s:o, s:b, s:o, s:o, s:o}", "stages_seconds", json_number(seconds),
                   "stages_gflops", json_number(report_rate(flops, seconds) * 1e-9), "upload_seconds",
                   json_number(r->timings.upload), "download_seconds", json_number(r->timings.download),
                   "total_seconds", json_number(r->timings.total), "from_events", r->timings.events_used, "runs",
                   json_count(r->runs), "spread", json_number(repeats_spread(&r->totals)), "disturbed",
                   is_disturbed ? json_text(disturbed) : json_null());
}

static json_t *tensor_check_json(const clattn_tensor_check *c, const clattn_problem *problem) {
  size_t shape[4];
  const int rank = clattn_problem_shape(problem, c->tensor, shape);
  json_t *index = json_array();
  for (int i = 0; i < rank; ++i) json_add(index, json_count(c->worst_index[i]));
  return json_pack("{s:s, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b}", "tensor",
                   clattn_tensor_name(c->tensor), "end_to_end", c->end_to_end, "elements", json_count(c->elements),
                   "failed", json_count(c->failed), "worst_index", index, "got", json_number(c->got), "expected",
                   json_number(c->expected), "bound", json_number(c->bound), "ratio", json_number(c->ratio),
                   "largest_error", json_number(c->largest_error), "allowed_error", json_number(c->allowed_error),
                   "passed", c->passed);
}

static json_t *check_json(const report *r) {
  json_t *tensors = json_array();
  for (size_t i = 0; i < r->check.count; ++i)
    json_add(tensors, tensor_check_json(&r->check.check[i], &r->input->problem));
  return json_pack("{s:b, s:o, s:o, s:o, s:b, s:o}", "passed", r->check.passed, "rows_checked",
                   json_count(r->check.rows_checked), "rows_total", json_count(r->check.rows_total), "cpu_seconds",
                   json_number(report_cpu_seconds(r)), "cpu_seconds_extrapolated",
                   r->check.rows_checked < r->check.rows_total, "tensors", tensors);
}

bool report_json(const report *r) {
  json_t *all =
      json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "version", CLATTN_VERSION, "device", json_device(r->device),
                "problem", problem_json(r->input), "plan", plan_json(r), "explain", reasons_json(r), "stages",
                stages_json(r), "timings", timings_json(r), "check", r->checked ? check_json(r) : json_null());
  return json_print(all);
}
