/* The last words of every command's options. */
#ifndef CLATTN_CLI_READ_OPTIONS_H
#define CLATTN_CLI_READ_OPTIONS_H

#include <popt.h>
#include <stddef.h>

/* A context for a command's options and the words behind its name in the help, or NULL. Where memory lacks it is NULL,
 * which popt itself does not take; the readers below complain of it. */
poptContext open_options(int argc, const char **argv, const struct poptOption *table, const char *words);

/* Reads all options of a context made for this command, which has HELP_OPTION. GO_ON, EXIT_PASSED behind the help
 * page, EXIT_BAD_INPUT behind a complaint. */
int read_options(poptContext context, const char *command);

/* Likewise, with one word that is no option: *word, free() it; NULL where there is none. */
int read_options_and_word(poptContext context, const char *command, char **word);

/* Likewise, with up to `most` of them. */
int read_options_and_words(poptContext context, const char *command, char **words, size_t most);

#endif
