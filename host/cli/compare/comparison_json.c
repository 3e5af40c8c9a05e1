/* The comparison as JSON. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/compare/comparison.h"
#include "cli/report/json_values.h"

static json_t *problem_json(const comparison *c) {
  const clattn_problem *p = &c->problem;
  return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:s, s:s, s:o}", "batch", json_count(p->batch), "model_dim",
                   json_count(p->model_dim), "heads", json_count(p->heads), "kv_heads", json_count(input_kv_heads(p)),
                   "head_dim", json_count(p->head_dim), "value_dim", json_count(p->value_dim), "causal", (int)p->causal,
                   "type", clattn_type_name(p->type), "layout", p->layout == CLATTN_LAYOUT_XWT ? "xwt" : "xw", "seed",
                   json_count(c->options->input.number[NUMBER_SEED]));
}

static json_t *contestant_json(const contestant *c) {
  const bool device = c->kind == &contestant_device;
  return json_pack("{s:s, s:o, s:o, s:o, s:o}", "kind", c->kind->name, "name", json_text(c->name), "device",
                   device ? json_device(&c->device_info) : json_null(), "pipeline",
                   device ? json_string(clattn_pipeline_name(c->pipeline)) : json_null(), "missing",
                   c->missing[0] != '\0' ? json_text(c->missing) : json_null());
}

static json_t *result_json(const comparison *c, size_t n, size_t i) {
  const result *r = comparison_result(c, n, i);
  json_t *measured = json_null();
  if (r->state == RESULT_TIMED)
    measured = json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "upload_seconds", json_number(r->median.upload),
                         "compute_seconds", json_number(r->median.compute), "download_seconds",
                         json_number(r->median.download), "total_seconds", json_number(r->total), "spread",
                         json_number(r->spread), "runs", json_count(r->runs), "gflops",
                         json_number(c->flops[n] / r->total * 1e-9));
  return json_pack("{s:s, s:o, s:o}", "state", result_state_name(r->state), "reason",
                   r->reason[0] != '\0' ? json_text(r->reason) : json_null(), "measured", measured);
}

static json_t *length_json(const comparison *c, size_t n) {
  json_t *results = json_array();
  for (size_t i = 0; i < c->contestants; ++i) json_add(results, result_json(c, n, i));
  return json_pack("{s:o, s:o, s:o}", "tokens", json_count(c->length[n]), "flops", json_number(c->flops[n]), "results",
                   results);
}

static json_t *crossing_json(const crossing *x) {
  const bool crossed = x->kind == CROSSING_FROM || x->kind == CROSSING_UNTIL;
  return json_pack("{s:s, s:o, s:o, s:o, s:o}", "kind", crossing_kind_name(x->kind), "tokens",
                   crossed ? json_number(x->length) : json_null(), "seconds",
                   crossed ? json_number(x->seconds) : json_null(), "last_tokens", json_number(x->last), "changes",
                   json_count(x->changes));
}

static json_t *overtakings_json(const comparison *c) {
  size_t count;
  overtaking *all = comparison_overtakings(c, &count);
  if (all == NULL) return NULL;
  json_t *pairs = json_array();
  for (size_t i = 0; i < count; ++i)
    json_add(pairs,
             json_pack("{s:o, s:o, s:o, s:o}", "who", json_count(all[i].one), "of_whom", json_count(all[i].other),
                       "total", crossing_json(&all[i].total), "compute", crossing_json(&all[i].compute)));
  free(all);
  return pairs;
}

bool comparison_json(const comparison *c) {
  json_t *contestants = json_array(), *lengths = json_array();
  for (size_t i = 0; i < c->contestants; ++i) json_add(contestants, contestant_json(&c->contestant[i]));
  for (size_t n = 0; n < c->lengths; ++n) json_add(lengths, length_json(c, n));
  char disturbed[STEADY_TEXT];
  const bool is_disturbed = comparison_disturbed(c, disturbed);
  json_t *all = json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "version", CLATTN_VERSION, "problem", problem_json(c),
                          "no_device", c->no_device[0] != '\0' ? json_text(c->no_device) : json_null(), "contestants",
                          contestants, "lengths", lengths, "disturbed",
                          is_disturbed ? json_text(disturbed) : json_null(), "ahead", overtakings_json(c));
  return json_print(all);
}
