/* The report as JSON. */
#include "cli/access/report.h"

#include "cli/report/json_values.h"

static json_t *count(uint64_t value) {
  return json_integer((json_int_t)value);
}

static json_t *three(const size_t value[3]) {
  return json_pack("[I, I, I]", (json_int_t)value[0], (json_int_t)value[1], (json_int_t)value[2]);
}

static json_t *tally_json(const tally *t, bool local) {
  return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "loads", count(t->loads), "load_bytes", count(t->load_bytes),
                   "stores", count(t->stores), "store_bytes", count(t->store_bytes), "steps", count(t->steps),
                   local ? "passes" : "lines", count(t->parts), local ? "least_passes" : "least_lines",
                   count(t->least));
}

static json_t *place_json(const launch *l, size_t i) {
  const tally sum = launch_place(l, i);
  json_t *result = tally_json(&sum, l->place[i].local);
  if (result == NULL) return NULL;
  json_object_set_new(result, "name", json_text(l->place[i].name));
  json_object_set_new(result, "memory", json_string(l->place[i].local ? "local" : "global"));
  json_object_set_new(result, "bytes", count(l->place[i].bytes));
  return result;
}

static json_t *phase_json(const launch *l, size_t phase) {
  const tally global = launch_phase(l, phase, false), local = launch_phase(l, phase, true);
  return json_pack("{s:o, s:o}", "global", tally_json(&global, false), "local", tally_json(&local, true));
}

static json_t *launch_json(const launch *l) {
  json_t *places = json_array(), *phases = json_array(), *findings = json_array();
  for (size_t i = 0; i < l->places; ++i) json_add(places, place_json(l, i));
  for (size_t i = 0; i < l->phases; ++i) json_add(phases, phase_json(l, i));
  for (size_t i = 0; i < l->findings; ++i) json_add(findings, json_text(l->finding[i]));
  return json_pack("{s:o, s:s, s:o, s:o, s:o, s:o, s:o}", "file", json_text(l->file), "function", l->function,
                   "work_groups", three(l->groups), "work_items", three(l->local), "places", places, "phases", phases,
                   "findings", findings);
}

json_t *report_json(const subject *s) {
  const clattn_problem *p = &s->problem;
  json_t *launches = json_array();
  for (size_t i = 0; i < s->count; ++i) json_add(launches, launch_json(&s->launches[i]));
  return json_pack("{s:s, s:s, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:b, s:o}", "stage", clattn_stage_name(s->stage),
                   "choice", s->choice, "rung", s->rung, "query_len", count(p->query_len), "key_len", count(p->key_len),
                   "heads", count(p->heads), "head_dim", count(p->head_dim), "model_dim", count(p->model_dim),
                   "output_dim", count(p->output_dim), "causal", (int)p->causal, "correct", (int)s->correct, "launches",
                   launches);
}
