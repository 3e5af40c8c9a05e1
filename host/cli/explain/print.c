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

static bool lost;

bool print_failed(void) {
  return lost;
}

void print_out(out *o) {
  if (o->failed)
    complain("no host memory for the text");
  else if (o->text != NULL)
    fputs(o->text, stdout);
  lost = lost || o->failed;
  free(o->text);
  *o = (out){.text = NULL};
}

void print_table(const walk_step *step) {
  out o = print_begin();
  clattn_text_table(&o, step);
  print_out(&o);
}

void print_begin_of(const walk *w) {
  out o = print_begin();
  clattn_text_begin(&o, w);
  print_out(&o);
}

void print_step(const walk *w, size_t step) {
  out o = print_begin();
  clattn_text_step(&o, &w->step[step], step + 1);
  print_out(&o);
}

void print_end_of(const walk *w) {
  out o = print_begin();
  clattn_text_end(&o, w);
  print_out(&o);
}
