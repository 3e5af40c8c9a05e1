/* From memory to standard output: see print.h. */
#include "cli/explain/print.h"

#include <stdio.h>
#include <stdlib.h>

#include "cli/command.h"
#include "cli/report/terminal.h"
#include "explain/text.h"

out print_begin(void) {
  return (out){.coloured = may_colour()};
}

bool print_out(out *o) {
  const bool whole = !o->failed;
  if (!whole) complain("no host memory for the text");
  if (whole && o->text != NULL) fputs(o->text, stdout);
  free(o->text);
  *o = (out){.text = NULL};
  return whole;
}

bool print_table(const walk_step *step) {
  out o = print_begin();
  clattn_text_table(&o, step);
  return print_out(&o);
}

bool print_begin_of(const walk *w) {
  out o = print_begin();
  clattn_text_begin(&o, w);
  return print_out(&o);
}

bool print_step(const walk *w, size_t step) {
  out o = print_begin();
  clattn_text_step(&o, &w->step[step], step + 1);
  return print_out(&o);
}

bool print_end_of(const walk *w) {
  out o = print_begin();
  clattn_text_end(&o, w);
  return print_out(&o);
}
