/* Forms of a kernel: macros with which its file is compiled for problems of some kind. */
#ifndef CLATTN_FORMS_H
#define CLATTN_FORMS_H

#include <stddef.h>

#include "clattn_inspect.h"

/* Bits of clattn_kernel.forms. */
typedef enum clattn_form {
  CLATTN_FORM_PLAIN_SCORES = 1 << 0, /* clattn_has_plain_scores() */
  CLATTN_FORM_WIDE_ROWS = 1 << 1     /* clattn_has_wide_rows() */
} clattn_form;

/* Writes the macros of these forms, 0 or 1 for this problem, each with a space before it. Returns
 * their length. */
int clattn_form_macros(unsigned forms, const clattn_problem *problem, char *text, size_t size);

#endif
