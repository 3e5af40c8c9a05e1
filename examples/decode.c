/* Decoding with a cache: a prompt in one run, then one token at a time. The cache holds the keys and values of all
 * earlier tokens on the device, in memory that is allocated once. Every context is compared with that of attention over
 * all tokens at once.
 *
 *     cc decode.c -o decode $(pkg-config --cflags --libs clattn) -lm
 */
#include <clattn.h>
#include <stdio.h>
#include <stdlib.h>

enum { PROMPT = 48, TOKENS = 80 }; /* TOKENS: with the prompt */
enum { HEADS = 8, KV_HEADS = 2, DIM = 64, Q_TOKEN = HEADS * DIM, K_TOKEN = KV_HEADS * DIM };

static float q[TOKENS * Q_TOKEN], k[TOKENS * K_TOKEN], v[TOKENS * K_TOKEN];
static float decoded[TOKENS * Q_TOKEN], at_once[TOKENS * Q_TOKEN];

/* For values between -1 and 1: far above what rounding in float gives, far below what a lost key does. */
static const double allowed = 1e-5;

static void fill(float *to, size_t count) {
  for (size_t i = 0; i < count; ++i) to[i] = (float)rand() / (float)RAND_MAX * 2 - 1;
}

/* Causal attention for this many new tokens. In the order of tokens, those of a sequence can be cut anywhere: token t
 * begins at t * Q_TOKEN in q and in the context, at t * K_TOKEN in k and v. */
static clattn_problem problem_of(size_t tokens) {
  clattn_problem problem = clattn_problem_qkv(1, HEADS, tokens, tokens, DIM);
  problem.kv_heads = KV_HEADS;
  problem.order = problem.context_order = CLATTN_ORDER_TOKENS;
  problem.causal = true;
  return problem;
}

static clattn_problem cached_problem_of(size_t tokens) {
  clattn_problem problem = problem_of(tokens);
  problem.cache.capacity = TOKENS; /* its type could be CLATTN_CACHE_F16, for half the memory */
  return problem;
}

static clattn_inputs inputs_from(size_t token, clattn_cache *cache) {
  clattn_inputs inputs = CLATTN_INPUTS_INIT;
  inputs.q = q + token * Q_TOKEN;
  inputs.k = k + token * K_TOKEN;
  inputs.v = v + token * K_TOKEN;
  inputs.cache = cache;
  return inputs;
}

/* Appends the plan's number of tokens, from `first` on, to the cache, and writes their context. */
static clattn_status run(clattn_plan *plan, clattn_cache *cache, size_t first, clattn_error *error) {
  const clattn_inputs inputs = inputs_from(first, cache);
  const clattn_outputs outputs = {.size = sizeof outputs, .context = decoded + first * Q_TOKEN};
  return clattn_plan_run(plan, &inputs, &outputs, NULL, error);
}

static clattn_status decode(clattn_device *device, clattn_error *error) {
  const clattn_problem prompt = cached_problem_of(PROMPT), step = cached_problem_of(1);
  clattn_plan *prompt_plan = NULL, *step_plan = NULL;
  clattn_cache *cache = NULL;
  clattn_status status = clattn_cache_create(device, &step, NULL, NULL, &cache, error);
  if (status == CLATTN_OK) status = clattn_plan_create(device, &prompt, NULL, &prompt_plan, error);
  if (status == CLATTN_OK) status = run(prompt_plan, cache, 0, error);
  clattn_plan_destroy(prompt_plan); /* its memory is free for the steps; the cache keeps the keys */

  if (status == CLATTN_OK) status = clattn_plan_create(device, &step, NULL, &step_plan, error);
  for (size_t token = PROMPT; token < TOKENS && status == CLATTN_OK; ++token)
    status = run(step_plan, cache, token, error);
  /* One more would be CLATTN_CACHE_FULL, with nothing appended. clattn_cache_truncate makes room again. */
  if (status == CLATTN_OK)
    printf("%zu of %d keys are cached, in %llu bytes on the device\n", clattn_cache_length(cache, 0), TOKENS,
           (unsigned long long)clattn_cache_bytes(cache));
  clattn_plan_destroy(step_plan);
  clattn_cache_destroy(cache);
  return status;
}

int main(void) {
  fill(q, sizeof q / sizeof *q);
  fill(k, sizeof k / sizeof *k);
  fill(v, sizeof v / sizeof *v);

  const clattn_problem whole = problem_of(TOKENS);
  const clattn_inputs inputs = inputs_from(0, NULL);
  const clattn_outputs outputs = {.size = sizeof outputs, .context = at_once};
  clattn_device *device = NULL;
  clattn_error error;
  clattn_status status = clattn_device_open(NULL, &device, &error);
  if (status == CLATTN_OK) status = decode(device, &error);
  if (status == CLATTN_OK) status = clattn_attend(device, &whole, &inputs, &outputs, &error);
  clattn_device_close(device);
  if (status != CLATTN_OK) {
    fprintf(stderr, "decode: %s: %s\n", clattn_status_name(status), error.message);
    return 1;
  }

  double largest = 0;
  size_t wrong = 0;
  for (size_t i = 0; i < (size_t)TOKENS * Q_TOKEN; ++i) {
    const double difference = fabs((double)decoded[i] - (double)at_once[i]);
    if (!(difference <= allowed)) ++wrong; /* a NaN is wrong, too */
    largest = fmax(largest, difference);
  }
  printf("largest difference from attention over all %d tokens at once %.1e (allowed: %.0e), %zu of %d elements are "
         "wrong\n",
         TOKENS, largest, allowed, wrong, TOKENS * Q_TOKEN);
  return wrong == 0 ? 0 : 1;
}
