/* Writes kernels of the catalogue as plans have a device's driver compile them: each file with what
 * it includes, and its options. The device need not be here.
 *
 * usage: write_sources arm FOLDER
 *        write_sources nvidia|amd|intel FOLDER DEVICE     its name, as the driver gives it
 *
 * Writes FOLDER/NAME.cl and prints a line "NAME first|other OPTIONS" for each: first where a plan
 * tries this kernel first. For arm these are the kernels that plans take; for a GPU all that may
 * run there, with every head_dim and type for which they are compiled. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/matrix.h"
#include "catalog/selection.h"
#include "plan/choice.h"
#include "problem/kernel_arguments.h"
#include "probe/matrix.h"
#include "problem/stages.h"
#include "programs/program.h"

#include "../kernels/common/matrix_units.h"

/* ---- devices, as their drivers describe them --------------------------------------------------------------------- */

/* PoCL, of a processor with NEON. */
static const clattn_device_info arm = {.type = CLATTN_DEVICE_CPU,
                                       .name = "ARM",
                                       .compute_units = 4,
                                       .native_float_width = 4,
                                       .local_memory_bytes = 1 << 20,
                                       .max_work_group = 4096,
                                       .max_work_item_sizes = {4096, 4096, 4096}};

/* What all GPUs of a vendor have in common. */
typedef struct gpu_vendor {
  const char *word, *name, *version, *extensions;
  uint64_t local_memory_bytes, max_work_group;
} gpu_vendor;

static const gpu_vendor vendors[] = {
    {"nvidia", "NVIDIA Corporation", "OpenCL 3.0", "", 48 << 10, 1024},
    {"amd", "Advanced Micro Devices, Inc.", "OpenCL 2.0", "cl_khr_fp16 cl_khr_subgroups", 64 << 10, 256},
    {"intel", "Intel(R) Corporation", "OpenCL 3.0",
     "cl_khr_fp16 cl_khr_subgroups cl_intel_subgroups cl_intel_required_subgroup_size", 64 << 10, 256}};

/* The units that a GPU has, as its vendor's documents say; on the device itself the probe tells. Of two, the last is
 * what it finds. */
static const struct {
  const char *gpu, *name;
  int unit;
  bool bfloat16;
} matrix_units[] = {{"sm_75", "mma8", MATRIX_MMA_8, false},      {"sm_80", "mma8", MATRIX_MMA_8, false},
                    {"sm_80", "mma16", MATRIX_MMA_16, true},     {"sm_90", "mma8", MATRIX_MMA_8, false},
                    {"sm_90", "mma16", MATRIX_MMA_16, true},     {"dg2", "dpas8", MATRIX_DPAS_8, true},
                    {"pvc", "dpas16", MATRIX_DPAS_16, true},     {"gfx908", "mfma", MATRIX_MFMA, false},
                    {"gfx90a", "mfma", MATRIX_MFMA, true},       {"gfx942", "mfma", MATRIX_MFMA, true},
                    {"gfx1100", "wmma11", MATRIX_WMMA_11, true}, {"gfx1200", "wmma12", MATRIX_WMMA_12, true},
                    {"gfx1201", "wmma12", MATRIX_WMMA_12, true}};

/* Sets what the probe would find. */
static void find_units(clattn_device_info *device) {
  for (size_t i = 0; i < sizeof matrix_units / sizeof matrix_units[0]; ++i) {
    if (strcmp(matrix_units[i].gpu, device->name) != 0) continue;
    device->matrix_f16 = (uint32_t)matrix_units[i].unit;
    if (matrix_units[i].bfloat16) device->matrix_bf16 = (uint32_t)matrix_units[i].unit;
  }
}

static clattn_device_info gpu_of(const gpu_vendor *v, const char *name) {
  const uint64_t most = v->max_work_group;
  clattn_device_info d = {.type = CLATTN_DEVICE_GPU,
                          .compute_units = 64,
                          .native_float_width = 1,
                          .local_memory_bytes = v->local_memory_bytes,
                          .max_work_group = most,
                          .max_work_item_sizes = {most, most, most}};
  snprintf(d.name, sizeof d.name, "%s", name);
  snprintf(d.vendor, sizeof d.vendor, "%s", v->name);
  snprintf(d.version, sizeof d.version, "%s", v->version);
  snprintf(d.extensions, sizeof d.extensions, "%s", v->extensions);
  d.exact_halves = true;
  if (strstr(d.extensions, "required_subgroup_size") != NULL) d.least_sub_group = strcmp(name, "pvc") == 0 ? 16 : 8;
  find_units(&d);
  return d;
}

/* ---- builds ------------------------------------------------------------------------------------------------------ */

typedef struct source_case {
  const char *name;
  clattn_stage stage;
  size_t queries, dim;
  clattn_type type;
  clattn_cache_layout cache;
  clattn_math math;
} source_case;

#define NO_CACHE                                                                                                       \
  { .capacity = 0 }

/* Without softmax: what its loops do is the driver's exp. */
static const source_case arm_cases[] = {
    {"project", CLATTN_STAGE_PROJECT, 512, 64, CLATTN_F32, NO_CACHE, CLATTN_MATH_FLOAT},
    {"scores", CLATTN_STAGE_SCORES, 512, 64, CLATTN_F32, NO_CACHE, CLATTN_MATH_FLOAT},
    {"context", CLATTN_STAGE_CONTEXT, 512, 64, CLATTN_F32, NO_CACHE, CLATTN_MATH_FLOAT},
    {"fused-64", CLATTN_STAGE_FUSED, 512, 64, CLATTN_F32, NO_CACHE, CLATTN_MATH_FLOAT},
    {"fused-64-f16", CLATTN_STAGE_FUSED, 512, 64, CLATTN_F16, NO_CACHE, CLATTN_MATH_FLOAT},
    {"fused-128", CLATTN_STAGE_FUSED, 512, 128, CLATTN_F32, NO_CACHE, CLATTN_MATH_FLOAT},
    {"one-query-64", CLATTN_STAGE_FUSED, 1, 64, CLATTN_F32, NO_CACHE, CLATTN_MATH_FLOAT},
    {"one-query-128", CLATTN_STAGE_FUSED, 1, 128, CLATTN_F32, NO_CACHE, CLATTN_MATH_FLOAT},
    {"one-query-64-f16", CLATTN_STAGE_FUSED, 1, 64, CLATTN_F16, NO_CACHE, CLATTN_MATH_FLOAT}};

static const size_t dims[] = {64, 80, 128, 256};

/* How q, k and v are stored and multiplied. Only kernels that read caches in place are compiled for caches. */
static const struct {
  const char *name;
  clattn_type type;
  clattn_cache_layout cache;
  clattn_math math;
} storages[] = {{.name = "f32"},
                {.name = "f16", .type = CLATTN_F16},
                {.name = "half", .type = CLATTN_F16, .math = CLATTN_MATH_STORED},
                {.name = "bfloat16", .type = CLATTN_BF16, .math = CLATTN_MATH_STORED},
                {.name = "f16-pages", .cache = {.capacity = 512, .type = CLATTN_CACHE_F16, .page_len = 16}},
                {.name = "i8", .cache = {.capacity = 512, .type = CLATTN_CACHE_I8_TOKEN}},
                {.name = "q4", .cache = {.capacity = 512, .type = CLATTN_CACHE_Q4}}};

static clattn_problem problem_of(const source_case *c) {
  clattn_problem p = CLATTN_PROBLEM_INIT;
  p.query_len = c->queries;
  p.key_len = 512;
  p.heads = 8;
  p.model_dim = 8 * c->dim;
  p.head_dim = c->dim;
  p.value_dim = c->dim;
  p.type = c->type;
  p.cache = c->cache;
  p.math = c->math;
  if (c->type != CLATTN_F32) p.source = CLATTN_SOURCE_QKV; /* else keys and values are this run's, in float */
  return p;
}

/* The kernel `row` with the sizes that a plan gives it; NULL: the kernel that a plan tries first.
 * *first tells whether it is that one. false: no such kernel runs on the device. */
static bool choose(const source_case *c, const clattn_problem *p, const clattn_device_info *device,
                   const clattn_kernel *row, clattn_choice *choice, bool *first) {
  const clattn_selection s = {
      .stage = c->stage, .device = device, .problem = p, .extent = clattn_extent_of(p, c->stage, device)};
  clattn_candidate candidate = {.kernel = NULL};
  clattn_error error;
  *first = true;
  while (clattn_next_candidate(&s, &candidate, &error)) {
    if (candidate.against != NULL) continue;
    if (row == NULL || row == candidate.kernel) {
      *choice = (clattn_choice){.stage = c->stage, .row = candidate.kernel};
      memcpy(choice->value, candidate.value, sizeof choice->value);
      return true;
    }
    *first = false;
  }
  return false;
}

static bool write_source(const char *folder, const char *name, const char *file, bool first, const char *options) {
  clattn_error error;
  char path[1024], *text = NULL;
  if (clattn_source_read(NULL, file, &text, NULL, &error) != CLATTN_OK) return false;
  snprintf(path, sizeof path, "%s/%s.cl", folder, name);
  FILE *to = fopen(path, "wb");
  const bool good = to != NULL && fputs(text, to) >= 0;
  free(text);
  if (to == NULL || fclose(to) != 0 || !good) return false;
  return printf("%s %s %s -w\n", name, first ? "first" : "other", options) > 0;
}

static bool write_case(const char *folder, const source_case *c) {
  const clattn_problem p = problem_of(c);
  clattn_choice choice;
  char options[CLATTN_OPTIONS_TEXT];
  bool first;
  if (!choose(c, &p, &arm, NULL, &choice, &first)) return false;
  clattn_choice_options(&p, &arm, &choice, options, sizeof options);
  return write_source(folder, c->name, choice.row->file, first, options);
}

/* Whether the kernel is compiled for the problem's storage and math. */
static bool has_build(const clattn_kernel *row, const clattn_problem *p, const clattn_device_info *device) {
  if (row->matrix_unit) return clattn_matrix_unit_of(p, row->stage, device) != 0;
  if (p->math == CLATTN_MATH_STORED)
    return (row->forms & CLATTN_FORM_HALF_PRODUCTS) != 0 && clattn_multiplies_halves(p, device);
  if (p->cache.capacity == 0) return true;
  return row->reads_cache && (p->cache.type != CLATTN_CACHE_Q4 || p->head_dim % Q4_GROUP == 0);
}

/* All builds of the kernel for the device. Only stages that read what is stored are compiled for a
 * head_dim and a storage. */
static bool write_kernel(const char *folder, const clattn_kernel *row, const clattn_device_info *device) {
  const bool stored = clattn_stage_facts_of(row->stage)->reads_stored;
  for (size_t d = 0; d < (stored ? sizeof dims / sizeof dims[0] : 1); ++d)
    for (size_t t = 0; t < (stored ? sizeof storages / sizeof storages[0] : 1); ++t) {
      const source_case c = {.stage = row->stage,
                             .queries = row->few_rows ? 1 : 512,
                             .dim = dims[d],
                             .type = storages[t].type,
                             .cache = storages[t].cache,
                             .math = storages[t].math};
      const clattn_problem p = problem_of(&c);
      if (!has_build(row, &p, device)) continue;
      clattn_choice choice;
      char name[128], options[CLATTN_OPTIONS_TEXT];
      bool first;
      if (!choose(&c, &p, device, row, &choice, &first)) continue;
      clattn_choice_options(&p, device, &choice, options, sizeof options);
      const int used = snprintf(name, sizeof name, "%s=%s", clattn_stage_name(row->stage), row->name);
      if (stored) snprintf(name + used, sizeof name - (size_t)used, "-%zu-%s", c.dim, storages[t].name);
      if (!write_source(folder, name, choice.row->file, first, options)) return false;
    }
  return true;
}

/* Kernels of an output projection that store their result as halves are compiled for that. */
static bool write_stored_output(const char *folder, const clattn_kernel *row, const clattn_device_info *device) {
  const source_case c = {.stage = CLATTN_STAGE_OUTPUT, .queries = 512, .dim = 64, .type = CLATTN_F16};
  clattn_problem p = problem_of(&c);
  clattn_choice choice;
  char name[128], options[CLATTN_OPTIONS_TEXT];
  bool first;
  p.output_dim = 512;
  if (row->stage != CLATTN_STAGE_PROJECT || !row->stores_types) return true;
  if (!choose(&c, &p, device, row, &choice, &first)) return true;
  clattn_choice_options(&p, device, &choice, options, sizeof options);
  snprintf(name, sizeof name, "output=%s--f16", row->name); /* no head_dim */
  return write_source(folder, name, choice.row->file, first, options);
}

/* Those that multiply in a matrix unit are compiled for the type of x and w. */
static bool write_projections(const char *folder, const clattn_kernel *row, const clattn_device_info *device) {
  for (int type = CLATTN_F16; type <= CLATTN_BF16; ++type) {
    const source_case c = {.stage = CLATTN_STAGE_PROJECT, .queries = 512, .dim = 64, .type = (clattn_type)type};
    clattn_problem p = problem_of(&c);
    clattn_choice choice;
    char name[128], options[CLATTN_OPTIONS_TEXT];
    bool first;
    p.source = CLATTN_SOURCE_X;
    if (row->stage != CLATTN_STAGE_PROJECT || !row->matrix_unit) return true;
    if (!choose(&c, &p, device, row, &choice, &first)) continue;
    clattn_choice_options(&p, device, &choice, options, sizeof options);
    snprintf(name, sizeof name, "project=%s--%s", row->name, clattn_type_name(c.type)); /* no head_dim */
    if (!write_source(folder, name, choice.row->file, first, options)) return false;
  }
  return true;
}

/* ---- matrix units ------------------------------------------------------------------------------------------------ */

/* The probe of each unit of the device, which uses all of its interface but strips. */
static bool write_probes(const char *folder, const clattn_device_info *device) {
  for (size_t i = 0; i < sizeof matrix_units / sizeof matrix_units[0]; ++i)
    for (int type = CLATTN_F16; type <= CLATTN_BF16; ++type) {
      const clattn_matrix_form form = {.unit = matrix_units[i].unit, .type = (clattn_type)type};
      char name[128], options[CLATTN_MATRIX_OPTIONS + 64];
      if (strcmp(matrix_units[i].gpu, device->name) != 0 || (type == CLATTN_BF16 && !matrix_units[i].bfloat16))
        continue;
      snprintf(name, sizeof name, "matrix=%s--%s", matrix_units[i].name, clattn_type_name(form.type));
      clattn_matrix_options(&form, device, options, sizeof options);
      if (!write_source(folder, name, CLATTN_MATRIX_FILE, true, options)) return false;
      snprintf(name, sizeof name, "rate=%s--%s", matrix_units[i].name, clattn_type_name(form.type));
      const size_t used = strlen(options);
      snprintf(options + used, sizeof options - used, " -DCHAINS=8 -DSUB_GROUPS=4"); /* the most registers */
      if (!write_source(folder, name, "probe/matrix_rate.cl", true, options)) return false;
    }
  return true;
}

static int failed(const char *name) {
  fprintf(stderr, "write_sources: %s: there is no kernel, or its file cannot be written\n", name);
  return 1;
}

static int write_gpu(const char *folder, const gpu_vendor *vendor, const char *name) {
  const clattn_device_info device = gpu_of(vendor, name);
  const clattn_kernel *row;
  for (size_t i = 0; (row = clattn_catalog_at(i)) != NULL; ++i)
    if (!write_kernel(folder, row, &device) || !write_stored_output(folder, row, &device) ||
        !write_projections(folder, row, &device))
      return failed(row->name);
  if (!write_probes(folder, &device)) return failed("matrix");
  return 0;
}

static int write_arm(const char *folder) {
  for (size_t i = 0; i < sizeof arm_cases / sizeof arm_cases[0]; ++i)
    if (!write_case(folder, &arm_cases[i])) return failed(arm_cases[i].name);
  return 0;
}

int main(int argc, char **argv) {
  if (argc == 3 && strcmp(argv[1], "arm") == 0) return write_arm(argv[2]);
  for (size_t i = 0; argc == 4 && i < sizeof vendors / sizeof vendors[0]; ++i)
    if (strcmp(argv[1], vendors[i].word) == 0) return write_gpu(argv[2], &vendors[i], argv[3]);
  fputs("usage: write_sources arm FOLDER, or write_sources nvidia|amd|intel FOLDER DEVICE\n", stderr);
  return 2;
}
