/* The table of forms: see forms.h. The self-test must run the form that a plan takes
 * (host/selftest/test_case.c). */
#include "catalog/forms.h"

#include <stdbool.h>
#include <stdio.h>

#include "catalog/needs.h"
#include "problem/facts.h"

static bool has_plain_scores(const clattn_problem *problem, const clattn_device_info *device) {
  (void)device;
  return clattn_has_plain_scores(problem);
}

static bool has_wide_rows(const clattn_problem *problem, const clattn_device_info *device) {
  (void)device;
  return clattn_has_rows_of(problem, 4);
}

static bool has_rows_of_8(const clattn_problem *problem, const clattn_device_info *device) {
  (void)device;
  return clattn_has_rows_of(problem, 8);
}

/* Intel's compiler takes sub-groups of 32 by itself where it could take 16, and then has half of the
 * registers for each work-item: tests/compilers shows spills. GPUs that also have 8 choose well. */
static bool has_sub_groups_of_16(const clattn_problem *problem, const clattn_device_info *device) {
  (void)problem;
  return clattn_needs_met(CLATTN_NEEDS_SUB_GROUP_WIDTH, device, NULL) == CLATTN_OK && device->least_sub_group == 16;
}

bool clattn_multiplies_halves(const clattn_problem *problem, const clattn_device_info *device) {
  return clattn_has_half_products(problem) && clattn_needs_met(CLATTN_NEEDS_HALF, device, NULL) == CLATTN_OK;
}

static bool has_bfloat16_products(const clattn_problem *problem, const clattn_device_info *device) {
  (void)device;
  return clattn_has_stored_products(problem, CLATTN_BF16);
}

static const struct {
  clattn_form form;
  const char *macro;
  bool (*holds)(const clattn_problem *problem, const clattn_device_info *device);
} forms_of_kernels[] = {{CLATTN_FORM_PLAIN_SCORES, "PLAIN_SCORES", has_plain_scores},
                        {CLATTN_FORM_WIDE_ROWS, "WIDE_ROWS", has_wide_rows},
                        {CLATTN_FORM_SUB_GROUPS_OF_16, "SUB_GROUPS_OF_16", has_sub_groups_of_16},
                        {CLATTN_FORM_HALF_PRODUCTS, "HALF_PRODUCTS", clattn_multiplies_halves},
                        {CLATTN_FORM_BFLOAT16, "BFLOAT16", has_bfloat16_products},
                        {CLATTN_FORM_ROWS_OF_8, "ROWS_OF_8", has_rows_of_8}};

int clattn_form_macros(unsigned forms, const clattn_problem *problem, const clattn_device_info *device, char *text,
                       size_t size) {
  int used = 0;
  for (size_t i = 0; i < sizeof forms_of_kernels / sizeof forms_of_kernels[0]; ++i)
    if ((forms & (unsigned)forms_of_kernels[i].form) != 0)
      used += snprintf(text + used, size - (size_t)used, " -D%s=%d", forms_of_kernels[i].macro,
                       forms_of_kernels[i].holds(problem, device));
  return used;
}
