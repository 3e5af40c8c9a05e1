/* The self-test of the kernel that merges: small parts of every type and order. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/random.h"
#include "clattn_check.h"
#include "merge/merge.h"
#include "problem/merging.h"
#include "problem/shape.h"

/* Sizes that no work-group's shape divides. */
enum {
  BATCH = 2,
  HEADS = 3,
  QUERIES = 5,
  DIM = 19,
  PARTS = 3,
  LINES = BATCH * HEADS * QUERIES,
  ELEMENTS = LINES * DIM
};

typedef struct small_merge {
  float lse[PARTS][LINES], merged_lse[LINES];
  float context[PARTS][ELEMENTS], merged[ELEMENTS]; /* room for every type */
} small_merge;

static float draw(uint64_t *state) {
  return (float)((double)(clattn_random(state) >> 11) * 0x1p-52 - 1.0);
}

/* Log-sum-exps lie up to 8 apart. Every seventh row of a part has no visible key, and its context is NaN, which must
 * not count; row 0 has none in any part. */
static void fill(small_merge *s, clattn_type type) {
  uint64_t state = 11;
  for (int p = 0; p < PARTS; ++p) {
    for (int i = 0; i < LINES; ++i) s->lse[p][i] = (i + p) % 7 == 0 || i == 0 ? -INFINITY : 4.0f * draw(&state);
    for (int i = 0; i < ELEMENTS; ++i) {
      const float drawn = s->lse[p][i / DIM] == -INFINITY ? NAN : draw(&state);
      clattn_narrow(type, &drawn, 1, (char *)s->context[p] + (size_t)i * clattn_type_bytes(type));
    }
  }
  memset(s->merged, 0xFF, sizeof s->merged); /* NaN: an element that the kernel does not write must fail */
  memset(s->merged_lse, 0xFF, sizeof s->merged_lse);
}

/* In the order of heads a line's context is contiguous, which fill() counts on. */
static clattn_status try_type(clattn_device *device, const clattn_merge_kernel *kernel, clattn_type type,
                              clattn_check_report *report, clattn_error *error) {
  const clattn_merging given = {.size = sizeof given,
                                .batch = BATCH,
                                .heads = HEADS,
                                .query_len = QUERIES,
                                .value_dim = DIM,
                                .type = type,
                                .context_order = CLATTN_ORDER_HEADS};
  small_merge s;
  clattn_merging own;
  clattn_problem problem;
  clattn_part parts[PARTS];
  const clattn_merged merged = {s.merged, s.merged_lse};
  fill(&s, type);
  for (int p = 0; p < PARTS; ++p) parts[p] = (clattn_part){s.context[p], s.lse[p]};
  clattn_status status = clattn_take_merging(&given, PARTS, &own, &problem, error);
  if (status == CLATTN_OK) status = clattn_merge_on(device, kernel, &own, &problem, parts, PARTS, &merged, error);
  return status == CLATTN_OK ? clattn_check_merge(&given, parts, PARTS, &merged, report, error) : status;
}

clattn_status clattn_merge_kernel_try(clattn_device *device, const clattn_merge_kernel *kernel, bool *passed,
                                      char text[CLATTN_TEST_TEXT], clattn_error *error) {
  size_t compared = 0;
  *passed = true;
  for (int type = CLATTN_F32; type <= CLATTN_BF16 && *passed; ++type) {
    clattn_check_report report = CLATTN_CHECK_REPORT_INIT;
    const clattn_status status = try_type(device, kernel, (clattn_type)type, &report, error);
    if (status != CLATTN_OK) return status;
    for (size_t i = 0; i < report.count && *passed; ++i, ++compared) {
      const clattn_tensor_check *c = &report.check[i];
      *passed = c->passed;
      if (!c->passed)
        snprintf(text, CLATTN_TEST_TEXT, "%s of %s is wrong in %zu of %zu elements: %g instead of %g",
                 clattn_tensor_name(c->tensor), clattn_type_name((clattn_type)type), c->failed, c->elements, c->got,
                 c->expected);
    }
  }
  if (*passed) snprintf(text, CLATTN_TEST_TEXT, "%zu results of small parts", compared);
  return CLATTN_OK;
}
