/* Byte-level byte pair encoding, as GPT-2's tokenizer.json describes it (Radford et al. 2019). */
#ifndef CLATTN_CLI_BPE_H
#define CLATTN_CLI_BPE_H

#include "cli/model/vocabulary.h"

/* Whether the tokenizer is one like GPT-2's: BPE of bytes, without a normaliser, with GPT-2's division into words. */
bool bpe_is_plain(const json_t *tokenizer);

/* Divides an ASCII text into words and merges the bytes of each, the pair of the lowest rank first. False after a
 * complaint. */
bool bpe_divide(const json_t *tokenizer, const char *text, token_list *tokens);

#endif
