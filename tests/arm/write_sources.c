/* Writes the kernels that plans take on an ARM processor, as they are compiled: each file with what
 * it includes, and its options.
 *
 * usage: write_sources FOLDER
 *
 * Writes FOLDER/NAME.cl and prints a line "NAME OPTIONS" for each. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/selection.h"
#include "plan/choice.h"
#include "programs/program.h"

/* What PoCL says of a processor with NEON. */
static const clattn_device_info arm = {.type = CLATTN_DEVICE_CPU,
                                       .name = "ARM",
                                       .compute_units = 4,
                                       .native_float_width = 4,
                                       .local_memory_bytes = 1 << 20,
                                       .max_work_group = 4096,
                                       .max_work_item_sizes = {4096, 4096, 4096}};

typedef struct source_case {
  const char *name;
  clattn_stage stage;
  size_t queries, dim;
  clattn_type type;
} source_case;

/* Without softmax: what its loops do is the driver's exp. */
static const source_case cases[] = {{"project", CLATTN_STAGE_PROJECT, 512, 64, CLATTN_F32},
                                    {"scores", CLATTN_STAGE_SCORES, 512, 64, CLATTN_F32},
                                    {"context", CLATTN_STAGE_CONTEXT, 512, 64, CLATTN_F32},
                                    {"fused-64", CLATTN_STAGE_FUSED, 512, 64, CLATTN_F32},
                                    {"fused-64-f16", CLATTN_STAGE_FUSED, 512, 64, CLATTN_F16},
                                    {"fused-128", CLATTN_STAGE_FUSED, 512, 128, CLATTN_F32},
                                    {"one-query-64", CLATTN_STAGE_FUSED, 1, 64, CLATTN_F32},
                                    {"one-query-128", CLATTN_STAGE_FUSED, 1, 128, CLATTN_F32},
                                    {"one-query-64-f16", CLATTN_STAGE_FUSED, 1, 64, CLATTN_F16}};

static clattn_problem problem_of(const source_case *c) {
  clattn_problem p = CLATTN_PROBLEM_INIT;
  p.query_len = c->queries;
  p.key_len = 512;
  p.heads = 8;
  p.model_dim = 8 * c->dim;
  p.head_dim = c->dim;
  p.value_dim = c->dim;
  p.type = c->type;
  if (c->type != CLATTN_F32) p.source = CLATTN_SOURCE_QKV; /* else keys and values are this run's, in float */
  return p;
}

/* The kernel that a plan tries first. */
static bool choose(const source_case *c, const clattn_problem *p, clattn_choice *choice) {
  const clattn_selection s = {
      .stage = c->stage, .device = &arm, .problem = p, .extent = clattn_extent_of(p, c->stage, &arm)};
  clattn_candidate candidate = {.kernel = NULL};
  clattn_error error;
  while (clattn_next_candidate(&s, &candidate, &error))
    if (candidate.against == NULL) {
      *choice = (clattn_choice){.stage = c->stage, .row = candidate.kernel};
      memcpy(choice->value, candidate.value, sizeof choice->value);
      return true;
    }
  return false;
}

static bool write_source(const char *folder, const source_case *c) {
  const clattn_problem p = problem_of(c);
  clattn_choice choice;
  clattn_error error;
  char options[CLATTN_OPTIONS_TEXT], path[1024], *text = NULL;
  if (!choose(c, &p, &choice) || clattn_source_read(NULL, choice.row->file, &text, &error) != CLATTN_OK) return false;
  snprintf(path, sizeof path, "%s/%s.cl", folder, c->name);
  FILE *to = fopen(path, "wb");
  const bool good = to != NULL && fputs(text, to) >= 0;
  free(text);
  if (to == NULL || fclose(to) != 0 || !good) return false;
  clattn_choice_options(&p, &choice, NULL, options, sizeof options);
  return printf("%s %s\n", c->name, options) > 0;
}

int main(int argc, char **argv) {
  if (argc != 2) {
    fputs("usage: write_sources FOLDER\n", stderr);
    return 2;
  }
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i)
    if (!write_source(argv[1], &cases[i])) {
      fprintf(stderr, "write_sources: %s: there is no kernel, or its file cannot be written\n", cases[i].name);
      return 1;
    }
  return 0;
}
