/* The ladder as JSON. */
#include <stdio.h>

#include "cli/options/option_values.h"
#include "cli/report/json_values.h"
#include "cli/ladder/ladder.h"

/* null if it is not known */
static json_t *known(double value) {
  return value > 0.0 ? json_number(value) : json_null();
}

static json_t *rate_json(clattn_rate rate) {
  return json_pack("{s:o, s:o}", "best", json_number(rate.best), "worst", json_number(rate.worst));
}

/* null: the device has no such unit */
static json_t *unit_json(clattn_rate rate) {
  return rate.best > 0.0 ? rate_json(rate) : json_null();
}

static json_t *peaks_json(const ladder *l) {
  const clattn_peaks *p = &l->peaks;
  return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "working_set", json_count((size_t)l->working_set),
                   "multiply_add", rate_json(p->multiply_add), "read", rate_json(p->read), "copy", rate_json(p->copy),
                   "strided", rate_json(p->strided), "local", rate_json(p->local), "matrix_f16",
                   unit_json(p->matrix_f16), "matrix_bf16", unit_json(p->matrix_bf16));
}

static json_t *problem_json(const clattn_problem *p) {
  return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:s, s:s}", "query_len", json_count(p->query_len), "key_len",
                   json_count(p->key_len), "model_dim", json_count(p->model_dim), "heads", json_count(p->heads),
                   "kv_heads", json_count(p->kv_heads), "head_dim", json_count(p->head_dim), "causal", (int)p->causal,
                   "type", clattn_type_name(p->type), "math", math_name(p->math));
}

static json_t *traffic_json(const clattn_traffic *t) {
  if (t->flops == 0.0) return json_null();
  return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "flops", json_number(t->flops), "global_read",
                   json_number(t->global_read), "global_strided", json_number(t->global_strided), "global_written",
                   json_number(t->global_written), "global_scattered", json_number(t->global_scattered), "local_read",
                   json_number(t->local_read), "local_written", json_number(t->local_written));
}

static json_t *rung_json(const ladder *l, const stage_ladder *s, const rung *r) {
  const bool timed = r->state == RUNG_TIMED;
  const double flops = rung_flops(s, r), bandwidth = rung_bandwidth(r);
  const double flops_peak = l->peaks.multiply_add.best, read_peak = l->peaks.read.best;
  json_t *measured = json_null();
  if (timed)
    measured = json_pack("{s:o, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "seconds", json_number(r->seconds),
                         "runs", (int)r->runs, "spread", json_number(r->spread), "gflops", json_number(flops * 1e-9),
                         "of_multiply_add", known(flops_peak > 0.0 ? flops / flops_peak : 0.0), "of_matrix_unit",
                         known(rung_uses_unit(l, r) ? rung_share(l, s, r) : 0.0), "gbytes_per_second",
                         known(bandwidth * 1e-9), "of_read", known(read_peak > 0.0 ? bandwidth / read_peak : 0.0),
                         "speed_up", known(r->speed_up), "over_predicted", known(rung_times(r)));
  return json_pack("{s:i, s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:s}", "rung", r->kernel.rung, "kernel",
                   r->kernel.name, "choice", r->choice, "target", r->kernel.target, "idea", r->kernel.idea, "state",
                   rung_state_name(r->state), "reason", r->reason[0] != '\0' ? json_text(r->reason) : json_null(),
                   "measured", measured, "traffic", traffic_json(&r->traffic), "flops_per_byte",
                   known(rung_intensity(s, r)), "predicted_seconds", known(r->predicted.seconds), "limit",
                   limit_name(r->predicted.limit));
}

static json_t *stage_json(const ladder *l, const stage_ladder *s) {
  json_t *rungs = json_array();
  for (size_t i = 0; i < s->count; ++i) json_add(rungs, rung_json(l, s, &s->rung[i]));
  return json_pack("{s:s, s:o, s:o, s:o, s:o}", "stage", clattn_stage_name(s->stage), "problem",
                   problem_json(&s->problem), "flops", json_number(s->flops), "bytes", json_number(s->bytes), "rungs",
                   rungs);
}

bool ladder_json(const ladder *l) {
  json_t *stages = json_array();
  for (size_t i = 0; i < l->stages; ++i) json_add(stages, stage_json(l, &l->stage[i]));
  char disturbed[STEADY_TEXT];
  const bool is_disturbed = steady_text(&l->steadiness, disturbed);
  json_t *all =
      json_pack("{s:s, s:o, s:o, s:o, s:o}", "version", CLATTN_VERSION, "device", json_device(l->device), "peaks",
                peaks_json(l), "stages", stages, "disturbed", is_disturbed ? json_text(disturbed) : json_null());
  return json_print(all);
}
