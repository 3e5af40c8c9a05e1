/* The words of a model: WordPiece like BERT's, from tokenizer.json or vocab.txt of its folder, or BPE like GPT-2's,
 * from tokenizer.json. */
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

/* Adds a token with its number in `ids`. False after a complaint, as where it has none. */
bool token_list_add(token_list *tokens, const json_t *ids, const char *token);

/* How a text is divided. */
typedef enum model_words {
  WORDS_NONE, /* not at all: other tokenizers are not read */
  WORDS_BERT, /* WordPiece */
  WORDS_GPT2  /* byte-level BPE: bpe.h */
} model_words;

/* Divides an ASCII text. WordPiece, as BERT's tokenizer does: lower case if the model's is, punctuation apart, each
 * word into the longest pieces that the vocabulary has; [CLS] before and [SEP] after them. False after a complaint.
 * Free in every case. */
bool vocabulary_divide(const char *folder, model_words words, const char *text, token_list *tokens);

#endif
