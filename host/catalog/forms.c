/* The table of forms: see forms.h. The self-test must run the form that a plan takes
 * (host/selftest/test_case.c). */
#include "catalog/forms.h"

#include <stdbool.h>
#include <stdio.h>

#include "problem/facts.h"

static const struct {
  clattn_form form;
  const char *macro;
  bool (*holds)(const clattn_problem *problem);
} forms_of_kernels[] = {{CLATTN_FORM_PLAIN_SCORES, "PLAIN_SCORES", clattn_has_plain_scores},
                        {CLATTN_FORM_WIDE_ROWS, "WIDE_ROWS", clattn_has_wide_rows}};

int clattn_form_macros(unsigned forms, const clattn_problem *problem, char *text, size_t size) {
  int used = 0;
  for (size_t i = 0; i < sizeof forms_of_kernels / sizeof forms_of_kernels[0]; ++i)
    if ((forms & (unsigned)forms_of_kernels[i].form) != 0)
      used += snprintf(text + used, size - (size_t)used, " -D%s=%d", forms_of_kernels[i].macro,
                       forms_of_kernels[i].holds(problem));
  return used;
}
