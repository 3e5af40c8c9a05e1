/* Reads options with popt; prints the help page; refuses what is unknown. */
#include "cli/options/read_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"

/* popt frees its own copy together with the context. */
static char *copy(const char *text) {
  char *copied = malloc(strlen(text) + 1);
  if (copied != NULL) strcpy(copied, text);
  return copied;
}

poptContext open_options(int argc, const char **argv, const struct poptOption *table, const char *words) {
  poptContext context = poptGetContext("clattn", argc, argv, table, 0);
  if (context != NULL && words != NULL) poptSetOtherOptionHelp(context, words);
  return context;
}

int read_options_and_words(poptContext context, const char *command, char **words, size_t most) {
  if (context == NULL) { /* popt would find no options in it, and the command would run without them */
    complain("no host memory for the options");
    return EXIT_BAD_INPUT;
  }
  const int code = poptGetNextOpt(context); /* -1: all are read; below: which error */
  for (size_t i = 0; code == -1 && i < most && poptPeekArg(context) != NULL; ++i) {
    words[i] = copy(poptGetArg(context));
    if (words[i] == NULL) {
      complain("no host memory for an option");
      return EXIT_BAD_INPUT;
    }
  }
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
  if (unexpected == NULL) return GO_ON;
  complain("unexpected argument '%s' (see 'clattn help %s')", unexpected, command);
  return EXIT_BAD_INPUT;
}

int read_options_and_word(poptContext context, const char *command, char **word) {
  return read_options_and_words(context, command, word, word != NULL ? 1 : 0);
}

int read_options(poptContext context, const char *command) {
  return read_options_and_words(context, command, NULL, 0);
}
