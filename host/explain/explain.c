/* The public calls: a walk as a text that belongs to the caller. */
#include "clattn_explain.h"

#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "explain/page.h"
#include "explain/text.h"
#include "problem/problem.h"
#include "problem/sized.h"

static void write_text(out *o, const walk *w) {
  clattn_text_begin(o, w);
  for (size_t i = 0; i < w->steps; ++i) clattn_text_step(o, &w->step[i], i + 1);
  clattn_text_end(o, w);
}

/* Hands the text over, or frees it. */
static clattn_status give(const walk *w, clattn_explanation as, bool coloured, char **text, clattn_error *error) {
  out o = {.coloured = coloured};
  if (as == CLATTN_EXPLANATION_PAGE)
    clattn_page_write(&o, w);
  else
    write_text(&o, w);
  if (o.failed) {
    const size_t bytes = o.room;
    free(o.text);
    return clattn_fail(error, CLATTN_OUT_OF_HOST_MEMORY, "no more than %zu bytes of host memory for the explanation",
                       bytes);
  }
  *text = o.text;
  return CLATTN_OK;
}

static clattn_status check_arguments(const clattn_device *device, const clattn_explain_options *options,
                                     clattn_explanation as, char **text, clattn_error *error) {
  if (device == NULL || text == NULL)
    return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "the %s is NULL",
                       device == NULL ? "device" : "place for the text");
  if (as != CLATTN_EXPLANATION_PAGE && as != CLATTN_EXPLANATION_TEXT)
    return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "as is %d (allowed: CLATTN_EXPLANATION_PAGE, ..._TEXT)",
                       (int)as);
  if ((options->tokens == NULL) != (options->token_count == 0))
    return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "tokens is %s, and token_count %zu (allowed: NULL with 0)",
                       options->tokens == NULL ? "NULL" : "given", options->token_count);
  for (size_t i = 0; i < options->token_count; ++i)
    if (options->tokens[i] == NULL) return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "tokens[%zu] is NULL", i);
  return CLATTN_OK;
}

static clattn_status explain(clattn_device *device, const walk_source *input, const clattn_explain_options *given,
                             clattn_explanation as, char **text, bool *passed, clattn_error *error) {
  const clattn_plan_options plan = CLATTN_PLAN_OPTIONS_INIT;
  clattn_explain_options options = CLATTN_EXPLAIN_OPTIONS_INIT;
  clattn_problem seen = *input->problem;
  walk_source source = *input;
  walk w;
  clattn_status status =
      given != NULL ? clattn_take_sized(&clattn_sized_explain_options, given, &options, error) : CLATTN_OK;
  if (status == CLATTN_OK) status = check_arguments(device, &options, as, text, error);
  if (status == CLATTN_OK && source.inputs->projection_weights != NULL)
    status = clattn_fail(error, CLATTN_UNSUPPORTED,
                         "projection_weights are given (allowed: matrices, whose numbers the walk shows)");
  if (status == CLATTN_OK && source.problem->cache.capacity != 0)
    status = clattn_cache_problem(source.inputs->cache, source.problem, source.inputs, &seen, error);
  if (status != CLATTN_OK) return status;
  if (options.name != NULL) source.name = options.name;
  source.token = options.tokens;
  source.tokens = options.token_count;
  source.seen = &seen;
  status = clattn_walk_make(device, &plan, &source, options.focus,
                            as == CLATTN_EXPLANATION_PAGE ? WALK_PAGE : WALK_TEXT, &w, error);
  if (status == CLATTN_OK) status = give(&w, as, options.coloured, text, error);
  if (status == CLATTN_OK && passed != NULL) *passed = w.check.passed;
  clattn_walk_free(&w);
  return clattn_finish(error, status);
}

clattn_status clattn_explain(clattn_device *device, const clattn_problem *problem, const clattn_inputs *inputs,
                             const clattn_explain_options *options, clattn_explanation as, char **text, bool *passed,
                             clattn_error *error) {
  clattn_problem own_problem = CLATTN_PROBLEM_INIT;
  clattn_inputs own_inputs = CLATTN_INPUTS_INIT;
  const walk_source source = {.problem = &own_problem, .inputs = &own_inputs};
  clattn_status status = clattn_take_problem(problem, &own_problem, error);
  if (status == CLATTN_OK) status = clattn_take_sized(&clattn_sized_inputs, inputs, &own_inputs, error);
  return status == CLATTN_OK ? explain(device, &source, options, as, text, passed, error) : status;
}

static clattn_status refuse_example(const char *name, clattn_error *error) {
  char allowed[256] = "";
  for (size_t i = 0; i < clattn_example_count(); ++i) {
    strcat(allowed, i > 0 ? ", " : "");
    strcat(allowed, clattn_example_at(i)->name);
  }
  return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "example %s (allowed: %s)", name == NULL ? "NULL" : name, allowed);
}

clattn_status clattn_explain_example(clattn_device *device, const char *name, const clattn_explain_options *options,
                                     clattn_explanation as, char **text, bool *passed, clattn_error *error) {
  const example *e = name != NULL ? clattn_example_find(name) : NULL;
  if (e == NULL) return refuse_example(name, error);
  clattn_problem problem = CLATTN_PROBLEM_INIT;
  problem.query_len = problem.key_len = e->token_count;
  problem.model_dim = e->model_dim;
  problem.heads = e->heads;
  problem.head_dim = e->key_columns / e->heads;
  problem.value_dim = e->value_columns / e->heads;
  problem.layout = e->layout;
  problem.positions = e->sinusoidal_positions ? CLATTN_POSITIONS_SINUSOIDAL : CLATTN_POSITIONS_NONE;
  const clattn_inputs inputs = {.size = sizeof inputs, .x = e->x, .wq = e->wq, .wk = e->wk, .wv = e->wv};
  const walk_source source = {.problem = &problem, .inputs = &inputs, .name = e->name, .example = e};
  return explain(device, &source, options, as, text, passed, error);
}

void clattn_explain_free(char *text) {
  free(text);
}
