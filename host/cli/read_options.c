/* Options that popt reads: help, and what is none. */
#include "read_options.h"

#include <stdio.h>

#include "command.h"

int read_options(poptContext context, const char *command) {
  const int code = poptGetNextOpt(context);
  const char *unexpected = poptPeekArg(context);
  if (code == OPTION_HELP) {
    poptPrintHelp(context, stdout, 0);
    return EXIT_PASSED;
  }
  if (code < -1) {
    complain("%s: %s (see 'clattn help %s')", poptBadOption(context, POPT_BADOPTION_NOALIAS), poptStrerror(code),
             command);
    return EXIT_BAD_INPUT;
  }
  if (unexpected == NULL) return -1;
  complain("unexpected argument '%s' (see 'clattn help %s')", unexpected, command);
  return EXIT_BAD_INPUT;
}
