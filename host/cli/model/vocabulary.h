/* The words of a model like BERT: WordPiece, from tokenizer.json or vocab.txt of its folder. */
#ifndef CLATTN_CLI_VOCABULARY_H
#define CLATTN_CLI_VOCABULARY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct token_list {
  size_t *id;
  char **text; /* as the vocabulary writes it */
  size_t count;
} token_list;

void token_list_free(token_list *tokens);

/* Divides an ASCII text as BERT's tokenizer does: lower case if the model's is, punctuation apart, each word into the
 * longest pieces that the vocabulary has; [CLS] before and [SEP] after them. False after a complaint. Free in every
 * case. */
bool vocabulary_divide(const char *folder, const char *text, token_list *tokens);

#endif
