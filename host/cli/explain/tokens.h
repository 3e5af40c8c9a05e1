/* Names of tokens from a file, one on each line. */
#ifndef CLATTN_CLI_EXPLAIN_TOKENS_H
#define CLATTN_CLI_EXPLAIN_TOKENS_H

#include <stdbool.h>
#include <stddef.h>

typedef struct token_names {
  char *text;        /* the file, with a NUL after each name */
  const char **name; /* NULL: there are none */
  size_t count;
} token_names;

/* Reads --tokens-from FILE: UTF-8, one name on each line; NULL: no names. False after a complaint. Free in every case.
 */
bool token_names_read(const char *path, token_names *names);
void token_names_free(token_names *names);

#endif
