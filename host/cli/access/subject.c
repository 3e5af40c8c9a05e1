/* Turns "scores=tiled" into recorded launches of that kernel. The library plans, builds and
 * launches as on any device. Other stages use their first kernel. */
#include "cli/access/subject.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/files/user_files.h"
#include "cli/input/outputs.h"
#include "recorder/device.h"
#include "clattn_check.h"
#include "base/random.h"

/* ---- which kernel ------------------------------------------------------------------------------------------------ */

/* Whether plans without trace have the stage. */
static bool is_known(clattn_stage stage) {
  return !clattn_stage_is_traced(stage);
}

static bool find_stage(const char *name, size_t length, clattn_stage *stage) {
  for (int s = 0; s < CLATTN_STAGE_COUNT; ++s) {
    const char *known = clattn_stage_name((clattn_stage)s);
    if (!is_known((clattn_stage)s) || strlen(known) != length || strncmp(known, name, length) != 0) continue;
    *stage = (clattn_stage)s;
    return true;
  }
  return false;
}

/* The source of CLBlast's kernels is not available here. */
static bool is_ours(const clattn_kernel_info *info) {
  return !info->library;
}

/* Finds a kernel by number or name; *index is its index in the catalogue. */
static bool find_kernel(clattn_stage stage, const char *name, size_t length, size_t *index, clattn_kernel_info *info) {
  char rung[16];
  for (*index = 0; clattn_kernel_get_info(*index, info); ++*index) {
    if (info->stage != clattn_stage_kernels(stage) || !is_ours(info)) continue;
    snprintf(rung, sizeof rung, "%d", info->rung);
    if (strlen(info->name) == length && strncmp(info->name, name, length) == 0) return true;
    if (info->rung > 0 && strlen(rung) == length && strncmp(rung, name, length) == 0) return true;
  }
  return false;
}

static void complain_of_kernel(const char *word, clattn_stage stage) {
  char allowed[1024] = "";
  clattn_kernel_info info = CLATTN_KERNEL_INFO_INIT;
  for (size_t i = 0; clattn_kernel_get_info(i, &info); ++i) {
    const size_t used = strlen(allowed);
    if (info.stage == clattn_stage_kernels(stage) && is_ours(&info))
      snprintf(allowed + used, sizeof allowed - used, "%s%d %s", used > 0 ? ", " : "", info.rung, info.name);
  }
  complain("kernel '%s' (stage %s has: %s)", word, clattn_stage_name(stage), allowed);
}

static void complain_of_word(const char *word) {
  char allowed[256] = "";
  for (int s = 0; s < CLATTN_STAGE_COUNT; ++s) {
    const size_t used = strlen(allowed);
    if (is_known((clattn_stage)s))
      snprintf(allowed + used, sizeof allowed - used, "%s%s", used > 0 ? ", " : "", clattn_stage_name((clattn_stage)s));
  }
  complain("'%s' (allowed: STAGE, STAGE=NUMBER or STAGE=NAME, perhaps followed by :TILE=SIZE; STAGE is one of %s)",
           word, allowed);
}

/* The smallest size above 1: a tile of 1 shows nothing. */
static int tiny(const clattn_tile_info *tile) {
  int best = 0;
  for (size_t i = 0; i < tile->valid_count; ++i)
    if (tile->valid[i] > 1 && (best == 0 || tile->valid[i] < best)) best = tile->valid[i];
  return best;
}

/* Writes "scores=tiled:TILE=8,project=1,...". Of two sizes for a tile the given one comes last,
 * and counts. */
static bool choose(subject *s, char *kernels, size_t size) {
  const char *equals = strchr(s->word, '='), *name = equals == NULL ? "" : equals + 1;
  const size_t name_length = strcspn(name, ":");
  size_t index = 0, used = 0;
  clattn_kernel_info info = CLATTN_KERNEL_INFO_INIT;
  clattn_tile_info tile = CLATTN_TILE_INFO_INIT;
  if (equals == NULL || !find_stage(s->word, (size_t)(equals - s->word), &s->stage)) {
    complain_of_word(s->word);
    return false;
  }
  if (!find_kernel(s->stage, name, name_length, &index, &info)) {
    complain_of_kernel(s->word, s->stage);
    return false;
  }
  s->rung = info.rung;
  s->stored_math = info.stored_math;
  used += (size_t)snprintf(kernels, size, "%s=%s", clattn_stage_name(s->stage), info.name);
  for (size_t i = 0; used < size && clattn_kernel_get_tile(index, i, &tile); ++i)
    used += (size_t)snprintf(kernels + used, size - used, ":%s=%d", tile.name, tiny(&tile));
  if (used < size) used += (size_t)snprintf(kernels + used, size - used, "%s", name + name_length);
  for (int i = 0; i < CLATTN_STAGE_COUNT && used < size; ++i)
    if (is_known((clattn_stage)i) && (clattn_stage)i != CLATTN_STAGE_MERGE && (clattn_stage)i != s->stage)
      used += (size_t)snprintf(kernels + used, size - used, ",%s=1", clattn_stage_name((clattn_stage)i));
  if (used < size) return true;
  complain("'%.40s...' is too long", s->word);
  return false;
}

bool subject_next(const char *word, size_t *next, char one[SUBJECT_WORD]) {
  clattn_stage stage;
  clattn_kernel_info info = CLATTN_KERNEL_INFO_INIT;
  if (!find_stage(word, strlen(word), &stage)) {
    snprintf(one, SUBJECT_WORD, "%s", word);
    return (*next)++ == 0;
  }
  while (clattn_kernel_get_info((*next)++, &info)) {
    if (info.stage != clattn_stage_kernels(stage) || !is_ours(&info)) continue;
    snprintf(one, SUBJECT_WORD, "%s=%s", word, info.name);
    return true;
  }
  return false;
}

/* ---- which problem ----------------------------------------------------------------------------------------------- */

/* q, k and v are given, except to project, which computes them. */
static clattn_problem describe(const subject *s, const sizes *z) {
  clattn_problem p = CLATTN_PROBLEM_INIT;
  p.source = s->stage == CLATTN_STAGE_PROJECT ? CLATTN_SOURCE_X : CLATTN_SOURCE_QKV;
  p.query_len = (size_t)z->tokens;
  p.key_len = (size_t)(p.source == CLATTN_SOURCE_X ? z->tokens : z->key_tokens);
  p.heads = (size_t)z->heads;
  p.head_dim = p.value_dim = (size_t)z->head_dim;
  p.causal = z->causal != 0;
  if (p.source == CLATTN_SOURCE_X) p.model_dim = (size_t)z->model_dim;
  if (s->stage == CLATTN_STAGE_OUTPUT) p.output_dim = (size_t)z->model_dim;
  if (s->stage == CLATTN_STAGE_CONVERT || s->stored_math) p.type = CLATTN_F16;
  if (s->stored_math) p.math = CLATTN_MATH_STORED;
  if (s->stage == CLATTN_STAGE_ROTARY) p.rotary = CLATTN_ROTARY_HALVES;
  if (s->stage == CLATTN_STAGE_CACHE) {
    p.cache.capacity = p.key_len;
    p.cache.type = CLATTN_CACHE_F16;
  }
  return p;
}

/* ---- merging, which no plan does --------------------------------------------------------------------------------- */

enum { MERGED_PARTS = 2 };

typedef struct merge_work {
  clattn_merging merging;
  clattn_part part[MERGED_PARTS];
  clattn_merged merged;
  float *memory;
} merge_work;

/* Multiples of 1/8 from -1 to 1. */
static bool prepare_merge(merge_work *w, const sizes *z) {
  const size_t lines = (size_t)(z->heads * z->tokens), elements = lines * (size_t)z->head_dim;
  uint64_t random = 1;
  w->merging = (clattn_merging){.size = sizeof w->merging,
                                .batch = 1,
                                .heads = (size_t)z->heads,
                                .query_len = (size_t)z->tokens,
                                .value_dim = (size_t)z->head_dim,
                                .kernel_dir = kernel_dir_path()};
  float *at = w->memory = calloc((MERGED_PARTS + 1) * (lines + elements), sizeof *at);
  if (at == NULL) return false;
  for (size_t i = 0; i < MERGED_PARTS * (lines + elements); ++i)
    at[i] = (float)(int)(clattn_random(&random) % 17) / 8.0f - 1.0f;
  for (int p = 0; p < MERGED_PARTS; ++p, at += lines + elements) w->part[p] = (clattn_part){at, at + elements};
  w->merged = (clattn_merged){at, at + elements};
  return true;
}

/* The first call tests the kernel; the second one is recorded. */
static clattn_status merge(clattn_device *device, const merge_work *w, bool *correct, clattn_error *error) {
  clattn_check_report report = CLATTN_CHECK_REPORT_INIT;
  clattn_status status = clattn_merge(device, &w->merging, w->part, MERGED_PARTS, &w->merged, error);
  if (status != CLATTN_OK) return status;
  device_forget();
  device_keep(clattn_stage_name(CLATTN_STAGE_MERGE));
  status = clattn_merge(device, &w->merging, w->part, MERGED_PARTS, &w->merged, error);
  if (status == CLATTN_OK) status = clattn_check_merge(&w->merging, w->part, MERGED_PARTS, &w->merged, &report, error);
  *correct = report.passed;
  return status;
}

static int run_merge(subject *s, const sizes *z) {
  merge_work w;
  clattn_device *device = NULL;
  clattn_error error;
  if (!prepare_merge(&w, z)) {
    complain("no host memory for the inputs and outputs");
    return EXIT_BAD_INPUT;
  }
  snprintf(s->choice, sizeof s->choice, "%s", strchr(s->word, '=') + 1);
  clattn_status status = clattn_device_open(NULL, &device, &error);
  if (status == CLATTN_OK) status = merge(device, &w, &s->correct, &error);
  const int code = status == CLATTN_OK ? GO_ON : complain_of(&error);
  clattn_device_close(device);
  free(w.memory);
  s->launches = device_launches(&s->count);
  return code;
}

/* ---- running it -------------------------------------------------------------------------------------------------- */

typedef struct work {
  clattn_device *device;
  clattn_plan *plan;
  clattn_cache *cache;
  clattn_inputs inputs;
  clattn_outputs outputs;
  void *memory[CLATTN_TENSOR_COUNT]; /* of the inputs */
} work;

/* Multiples of 1/8 from -1 to 1, which every type represents exactly. */
static bool fill_input(work *w, const clattn_problem *p, clattn_tensor tensor, uint64_t *random) {
  const size_t count = clattn_tensor_elements(p, tensor);
  float *drawn = malloc(count * sizeof *drawn);
  void *stored = w->memory[tensor] = malloc(clattn_input_bytes(p, tensor));
  if (drawn != NULL && stored != NULL) {
    for (size_t i = 0; i < count; ++i) drawn[i] = (float)(int)(clattn_random(random) % 17) / 8.0f - 1.0f;
    clattn_narrow(p->type, drawn, count, stored);
    clattn_inputs_set(&w->inputs, tensor, stored);
  }
  const bool good = drawn != NULL && stored != NULL;
  free(drawn);
  return good;
}

/* Only outputs that the check needs: others would add launches or stores. */
static bool is_wanted(const clattn_plan *plan, clattn_tensor tensor) {
  return tensor != CLATTN_SCALED && tensor != CLATTN_SOFTCAPPED && tensor != CLATTN_LSE &&
         clattn_plan_has(plan, tensor);
}

static bool prepare(work *w, const clattn_problem *p) {
  uint64_t random = 1;
  for (int t = 0; t < CLATTN_TENSOR_COUNT; ++t) {
    const clattn_tensor tensor = (clattn_tensor)t;
    if (clattn_input_bytes(p, tensor) > 0 && !fill_input(w, p, tensor, &random)) return false;
    if (!is_wanted(w->plan, tensor)) continue;
    if (!outputs_allocate(&w->outputs, tensor, clattn_output_bytes(p, tensor))) return false;
  }
  return true;
}

static clattn_status run(work *w, const subject *s, bool *correct, clattn_error *error) {
  clattn_check_report report = CLATTN_CHECK_REPORT_INIT;
  if (s->problem.cache.capacity != 0) {
    const clattn_status status = clattn_cache_create(w->device, &s->problem, NULL, NULL, &w->cache, error);
    if (status != CLATTN_OK) return status;
    w->inputs.cache = w->cache;
  }
  clattn_status status = clattn_plan_run(w->plan, &w->inputs, &w->outputs, NULL, error);
  if (status == CLATTN_OK) status = clattn_check(w->plan, &w->inputs, &w->outputs, NULL, &report, error);
  if (status == CLATTN_OK) *correct = report.passed;
  return status;
}

static void note_choice(subject *s, const clattn_plan *plan) {
  clattn_reason reason = CLATTN_REASON_INIT;
  for (size_t i = 0; clattn_plan_get_reason(plan, i, &reason); ++i)
    if (reason.stage == s->stage && reason.choice != NULL && reason.kind == CLATTN_REASON_BY_HAND)
      snprintf(s->choice, sizeof s->choice, "%s", reason.choice);
}

static clattn_status plan(work *w, const subject *s, const char *kernels, clattn_error *error) {
  clattn_plan_options options = CLATTN_PLAN_OPTIONS_INIT;
  const bool staged = clattn_pipeline_has_stage(CLATTN_PIPELINE_STAGED, s->stage);
  options.pipeline = staged ? CLATTN_PIPELINE_STAGED : CLATTN_PIPELINE_FUSED;
  options.kernel_dir = kernel_dir_path();
  options.kernels = kernels;
  options.self_test = CLATTN_SELF_TEST_NONE; /* its launches must not be recorded */
  const clattn_status status = clattn_device_open(NULL, &w->device, error);
  return status == CLATTN_OK ? clattn_plan_create(w->device, &s->problem, &options, &w->plan, error) : status;
}

static void end(work *w) {
  clattn_plan_destroy(w->plan);
  clattn_cache_destroy(w->cache);
  clattn_device_close(w->device);
  outputs_free(&w->outputs);
  for (int t = 0; t < CLATTN_TENSOR_COUNT; ++t) free(w->memory[t]);
}

int subject_run(const char *word, const sizes *z, subject *s) {
  char kernels[1024];
  work w = {.inputs = CLATTN_INPUTS_INIT, .outputs = CLATTN_OUTPUTS_INIT};
  clattn_error error;
  *s = (subject){.word = word};
  if (!choose(s, kernels, sizeof kernels)) return EXIT_BAD_INPUT;
  s->problem = describe(s, z);
  device_forget();
  device_keep(clattn_stage_name(clattn_stage_kernels(s->stage)));
  device_set_sub_group((size_t)z->sub_group);
  if (s->stage == CLATTN_STAGE_MERGE) return run_merge(s, z);
  clattn_status status = plan(&w, s, kernels, &error);
  int code = GO_ON;
  if (status == CLATTN_OK) {
    note_choice(s, w.plan);
    if (!prepare(&w, &s->problem)) {
      complain("no host memory for the inputs and outputs");
      code = EXIT_BAD_INPUT;
    } else {
      status = run(&w, s, &s->correct, &error);
    }
  }
  if (status != CLATTN_OK) code = complain_of(&error);
  end(&w);
  s->launches = device_launches(&s->count);
  return code;
}
