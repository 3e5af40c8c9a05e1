/* All contestants do the same work. They are checked first, then timed in turn, so that anything
 * else on the machine affects all of them alike. */
#include "cli/compare/race.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "cli/command.h"
#include "cli/report/steady.h"

/* Problems up to this size are checked completely, in about half a second; larger ones by a
 * sample of rows. */
#define CHECK_ALL_FLOPS 2e8
/* Without --repeat: LEAST_ROUNDS rounds, then more up to COMPARE_MOST_RUNS until this much time
 * has passed. */
#define ROUND_SECONDS 2.0
enum { LEAST_ROUNDS = 3 };
#define REST_SECONDS 5e-3
/* Operations per second that every contestant is assumed to reach before it has run. */
#define SLOWEST_RATE 0.25e9

/* One length with its inputs, and memory for the results of timed runs. */
typedef struct heat {
  race *race;
  result *results; /* (contestants) */
  input in;
  double flops;
  bool rehearsal; /* one run is enough */
  clattn_outputs outputs;
  void *memory;
} heat;

/* 2 for each multiply-add that the mask does not remove, 4 for each weight. */
static double flops_of(const clattn_problem *p) {
  const double queries = (double)p->query_len;
  const double pairs =
      (double)(p->batch * p->heads) * (p->causal ? queries * (queries + 1.0) / 2.0 : queries * queries);
  const double projected = (double)(clattn_tensor_elements(p, CLATTN_Q) + clattn_tensor_elements(p, CLATTN_K) +
                                    clattn_tensor_elements(p, CLATTN_V));
  return 2.0 * (double)p->model_dim * projected + pairs * (2.0 * (double)(p->head_dim + p->value_dim) + 4.0);
}

/* Timed runs have one result: the context, or the output if that has another type. */
static int begin(heat *h, race *r, size_t tokens, result *results) {
  run_options o = r->found->options->input;
  *h = (heat){.race = r, .outputs = CLATTN_OUTPUTS_INIT, .results = results};
  o.number[NUMBER_TOKENS] = tokens;
  const int code = input_load(&o, &h->in);
  if (code != GO_ON) return code;
  const size_t bytes = clattn_output_bytes(&h->in.problem, CLATTN_OUTPUT);
  h->flops = flops_of(&h->in.problem);
  h->memory = malloc(bytes > 0 ? bytes : clattn_output_bytes(&h->in.problem, CLATTN_CONTEXT));
  clattn_outputs_set(&h->outputs, bytes > 0 ? CLATTN_OUTPUT : CLATTN_CONTEXT, h->memory);
  for (size_t i = 0; i < r->found->contestants; ++i) results[i] = (result){.state = RESULT_CANNOT};
  if (h->memory != NULL) return GO_ON;
  complain("no host memory for a result of %zu tokens", tokens);
  return EXIT_BAD_INPUT;
}

static void end(heat *h) {
  free(h->memory);
  input_free(&h->in);
}

/* ---- before timing -------------------------------------------------------------------------------------------- */

static void fail(result *r, const clattn_error *error) {
  r->state = RESULT_CANNOT;
  contestant_reason(r->reason, sizeof r->reason, error->message);
}

/* Whether a run fits into --seconds, at the rate that the contestant has reached so far. */
static bool fits(const heat *h, size_t i) {
  const double rate = h->race->rate[i], most = (double)h->race->found->options->seconds;
  result *r = &h->results[i];
  if (rate == 0.0 || h->flops / rate <= most) return true;
  r->state = RESULT_LEFT_OUT;
  snprintf(r->reason, sizeof r->reason, "left out: a run would take about %.2g s, at %.3g GFLOP/s (--seconds %g)",
           h->flops / rate, rate * 1e-9, most);
  return false;
}

/* Makes the plan and checks the results; that run is also the warm-up. */
static void admit(heat *h, size_t i) {
  contestant *c = &h->race->found->contestant[i];
  result *r = &h->results[i];
  clattn_error error;
  bool passed = false;
  if (c->missing[0] != '\0') {
    snprintf(r->reason, sizeof r->reason, "%s", c->missing);
    return;
  }
  if (!fits(h, i)) return;
  h->race->show(h->race->of, c->name);
  clattn_status status = c->kind->prepare != NULL ? c->kind->prepare(c, &h->in.problem, &error) : CLATTN_OK;
  if (status == CLATTN_OK) status = c->kind->check(c, &h->in, CHECK_ALL_FLOPS, &passed, &error);
  if (status != CLATTN_OK)
    fail(r, &error);
  else
    r->state = passed ? RESULT_TIMED : RESULT_WRONG;
}

static void dismiss_all(heat *h) {
  const comparison *f = h->race->found;
  for (size_t i = 0; i < f->contestants; ++i)
    if (f->contestant[i].kind->finish != NULL) f->contestant[i].kind->finish(&f->contestant[i]);
}

/* ---- timing --------------------------------------------------------------------------------------------------- */

static double spent_by(const result *r) {
  double seconds = 0.0;
  for (size_t i = 0; i < r->runs; ++i) seconds += split_total(&r->run[i]);
  return seconds;
}

/* OpenMP's threads spin for a millisecond or two after their work, on cores that the next
 * contestant needs. A busy wait keeps the frequency of this core up. */
static void let_others_rest(void) {
  const double from = clattn_now();
  while (clattn_now() - from < REST_SECONDS) continue;
}

static void time_one(heat *h, size_t i) {
  contestant *c = &h->race->found->contestant[i];
  let_others_rest();
  result *r = &h->results[i];
  clattn_error error;
  if (c->kind->run(c, &h->in, &h->outputs, &r->run[r->runs], &error) == CLATTN_OK)
    ++r->runs;
  else
    fail(r, &error);
}

/* Whether this contestant runs once more: as often as --repeat says, or while its runs fit into
 * --seconds. */
static bool goes_on(const heat *h, const result *r, size_t round) {
  const double most = (double)h->race->found->options->seconds, spent = spent_by(r);
  if (r->state != RESULT_TIMED) return false;
  if (round == 0 || h->race->found->options->input.number[NUMBER_REPEAT] != 0) return true;
  return spent + spent / (double)r->runs <= most;
}

static void time_all(heat *h) {
  const size_t asked = h->rehearsal ? 1 : h->race->found->options->input.number[NUMBER_REPEAT];
  const size_t most = asked != 0 ? asked : COMPARE_MOST_RUNS;
  const double started = clattn_now();
  for (size_t round = 0; round < most; ++round) {
    if (asked == 0 && round >= LEAST_ROUNDS && clattn_now() - started > ROUND_SECONDS) break;
    for (size_t i = 0; i < h->race->found->contestants; ++i)
      if (goes_on(h, &h->results[i], round)) time_one(h, i);
  }
}

static int by_total(const void *a, const void *b) {
  const double one = split_total(a), other = split_total(b);
  return (one > other) - (one < other);
}

static void sum_up(heat *h, size_t i) {
  result *r = &h->results[i];
  if (r->state != RESULT_TIMED) return;
  qsort(r->run, r->runs, sizeof *r->run, by_total);
  r->median = r->run[(r->runs - 1) / 2];
  r->total = split_total(&r->median);
  repeats totals = {.count = 0};
  for (size_t n = 0; n < r->runs; ++n) repeats_add(&totals, split_total(&r->run[n]));
  r->spread = repeats_spread(&totals);
  h->race->rate[i] = h->flops / r->total;
}

static void run_heat(heat *h) {
  const size_t contestants = h->race->found->contestants;
  for (size_t i = 0; i < contestants; ++i) admit(h, i);
  time_all(h);
  for (size_t i = 0; i < contestants; ++i) sum_up(h, i);
  dismiss_all(h);
}

int race_run(race *r, size_t index) {
  comparison *f = r->found;
  heat h;
  const int code = begin(&h, r, f->length[index], comparison_result(f, index, 0));
  if (code == GO_ON) {
    f->flops[index] = h.flops;
    run_heat(&h);
  }
  end(&h);
  return code;
}

/* ---- the rehearsal ----------------------------------------------------------------------------------------------- */

/* The longest of tokens, tokens / 2, ... at which even SLOWEST_RATE needs only a quarter of
 * --seconds. */
static size_t rehearsed_tokens(const race *r) {
  clattn_problem problem = r->found->problem;
  const double most = (double)r->found->options->seconds * SLOWEST_RATE / 4.0;
  size_t tokens = r->found->options->input.number[NUMBER_TOKENS];
  for (; tokens > 1; tokens /= 2) {
    problem.query_len = problem.key_len = tokens;
    if (flops_of(&problem) <= most) break;
  }
  return tokens;
}

int race_prepare(race *r) {
  run_options o = r->found->options->input;
  input in = {.example = NULL};
  o.number[NUMBER_TOKENS] = 1;
  const int code = input_load(&o, &in);
  r->found->problem = in.problem;
  input_free(&in);
  return code;
}

int race_rehearse(race *r) {
  const comparison *f = r->found;
  const size_t tokens = rehearsed_tokens(r);
  heat h;
  if (tokens == f->options->input.number[NUMBER_TOKENS]) return GO_ON;
  result *results = malloc(f->contestants * sizeof *results);
  if (results == NULL) {
    complain("no host memory for a rehearsal");
    return EXIT_BAD_INPUT;
  }
  const int code = begin(&h, r, tokens, results);
  h.rehearsal = true;
  if (code == GO_ON) run_heat(&h);
  end(&h);
  free(results);
  return code;
}
