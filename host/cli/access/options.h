/* The options of clattn-access. */
#ifndef CLATTN_ACCESS_OPTIONS_H
#define CLATTN_ACCESS_OPTIONS_H

#include <popt.h>

#include "cli/access/subject.h"
#include "cli/access/unit.h"

typedef struct access_options {
  poptContext context; /* owns the words */
  const char **word;   /* kernels, ended by NULL */
  char *text[8], *svg;
  int json;
  sizes sizes;
  unit_view unit;
} access_options;

/* Returns GO_ON, or the exit code after --help or a complaint. Free in every case. */
int access_options_read(int argc, const char **argv, access_options *options);
void access_options_free(access_options *options);

#endif
