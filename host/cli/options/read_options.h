/* Reading the options of a command, up to the help page and what is unknown. */
#ifndef CLATTN_CLI_READ_OPTIONS_H
#define CLATTN_CLI_READ_OPTIONS_H

#include <popt.h>
#include <stddef.h>

/* Makes popt's context for a command. `words` follow the command's name in the usage line; NULL:
 * popt's own. Returns NULL without memory, which the readers below report. */
poptContext open_options(int argc, const char **argv, const struct poptOption *table, const char *words);

/* Reads all options of the command, whose table has HELP_OPTION. Returns GO_ON, EXIT_PASSED
 * after the help page, or EXIT_BAD_INPUT after a complaint. */
int read_options(poptContext context, const char *command);

/* The same, with one word that is not an option: *word, to be freed, or NULL if there is none. */
int read_options_and_word(poptContext context, const char *command, char **word);

/* The same, with up to `most` words. */
int read_options_and_words(poptContext context, const char *command, char **words, size_t most);

#endif
