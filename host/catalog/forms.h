/* Forms of a kernel: macros with which its file is compiled for problems or devices of some kind. */
#ifndef CLATTN_FORMS_H
#define CLATTN_FORMS_H

#include <stdbool.h>
#include <stddef.h>

#include "clattn_inspect.h"

/* Bits of clattn_kernel.forms. */
typedef enum clattn_form {
  CLATTN_FORM_PLAIN_SCORES = 1 << 0,     /* clattn_has_plain_scores() */
  CLATTN_FORM_WIDE_ROWS = 1 << 1,        /* clattn_has_rows_of() 4 elements */
  CLATTN_FORM_SUB_GROUPS_OF_16 = 1 << 2, /* the device has none that are narrower */
  CLATTN_FORM_HALF_PRODUCTS = 1 << 3,    /* clattn_multiplies_halves() */
  CLATTN_FORM_BFLOAT16 = 1 << 4,         /* clattn_has_stored_products() of CLATTN_BF16 */
  CLATTN_FORM_ROWS_OF_8 = 1 << 5         /* clattn_has_rows_of() 8 elements */
} clattn_form;

/* Whether kernels that can multiply halves do: the problem lets them, q, k and v are halves where the
 * kernel reads them, and the device can. */
bool clattn_multiplies_halves(const clattn_problem *problem, const clattn_device_info *device);

/* Writes the macros of these forms, 0 or 1 for this problem and device, each with a space before it.
 * Returns their length. */
int clattn_form_macros(unsigned forms, const clattn_problem *problem, const clattn_device_info *device, char *text,
                       size_t size);

#endif
