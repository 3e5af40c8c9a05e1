/* Fills caches: see past.h. */
#include "cli/input/past.h"

#include <stdlib.h>

#include "cli/command.h"
#include "cli/files/user_files.h"

/* A run appends the past to the cache; its query is zeros and its results are not wanted. */
static int append(clattn_device *device, const input *in, clattn_cache *cache) {
  const clattn_problem *p = &in->problem;
  const size_t query = p->batch * p->heads * p->head_dim;
  clattn_problem past = CLATTN_PROBLEM_INIT;
  clattn_plan *plan = NULL;
  clattn_error error;
  if (in->past_len == 0) return GO_ON;
  past.batch = p->batch;
  past.query_len = 1;
  past.key_len = in->past_len;
  past.heads = p->heads;
  past.kv_heads = p->kv_heads;
  past.head_dim = p->head_dim;
  past.value_dim = p->value_dim;
  past.source = CLATTN_SOURCE_QKV;
  past.order = CLATTN_ORDER_HEADS;
  past.cache = p->cache;
  if (in->past_lengths != NULL) past.lengths = CLATTN_LENGTHS_KEYS;
  float *zeros = calloc(query, sizeof *zeros);
  if (zeros == NULL) {
    complain("no host memory for %zu zeros", query);
    return EXIT_BAD_INPUT;
  }
  const clattn_inputs inputs = {.size = sizeof(clattn_inputs),
                                .q = zeros,
                                .k = in->cache[CACHE_FILE_PAST_K],
                                .v = in->cache[CACHE_FILE_PAST_V],
                                .cache = cache,
                                .key_lengths = in->past_lengths};
  const clattn_outputs nothing = CLATTN_OUTPUTS_INIT;
  char programs[4096];
  const clattn_plan_options options = user_plan_options(programs, sizeof programs);
  clattn_status status = clattn_plan_create(device, &past, &options, &plan, &error);
  if (status == CLATTN_OK) status = clattn_plan_run(plan, &inputs, &nothing, NULL, &error);
  clattn_plan_destroy(plan);
  free(zeros);
  return status == CLATTN_OK ? GO_ON : complain_of(&error);
}

int past_load(clattn_device *device, input *in, clattn_cache **cache, clattn_problem *seen) {
  const clattn_problem *p = &in->problem;
  clattn_error error;
  *seen = *p;
  if (p->cache.capacity == 0) return GO_ON;
  if (clattn_cache_create(device, p, in->cache[CACHE_FILE_K_SCALE], in->cache[CACHE_FILE_V_SCALE], cache, &error) !=
      CLATTN_OK)
    return complain_of(&error);
  in->inputs.cache = *cache;
  const int code = append(device, in, *cache);
  if (code != GO_ON) return code;
  if (clattn_cache_problem(*cache, p, &in->inputs, seen, &error) != CLATTN_OK) return complain_of(&error);
  return GO_ON;
}
