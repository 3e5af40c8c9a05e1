/* Byte pair encoding: see bpe.h. */
#include "cli/model/bpe.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/model/config.h"

#define LETTER_BYTES 2 /* of a letter that stands for a byte of ASCII, at most */

/* ---- words ------------------------------------------------------------------------------------------------------- */

static size_t run_of(const char *text, int (*is)(int)) {
  size_t length = 0;
  while (text[length] != '\0' && is((unsigned char)text[length]) != 0) ++length;
  return length;
}

static int is_mark(int c) {
  return isspace(c) == 0 && isalnum(c) == 0;
}

/* The length of the first word, by GPT-2's pattern:
 * 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+ */
static size_t first_word(const char *text) {
  static const char *const endings[] = {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"};
  static int (*const kinds[])(int) = {isalpha, isdigit, is_mark};
  const size_t space = text[0] == ' ';
  for (size_t i = 0; i < sizeof endings / sizeof endings[0]; ++i)
    if (strncmp(text, endings[i], strlen(endings[i])) == 0) return strlen(endings[i]);
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; ++i) {
    const size_t length = run_of(text + space, kinds[i]);
    if (length > 0) return space + length;
  }
  const size_t spaces = run_of(text, isspace);
  return text[spaces] != '\0' && spaces > 1 ? spaces - 1 : spaces; /* the last one belongs to what follows */
}

/* ---- merging ----------------------------------------------------------------------------------------------------- */

/* A word as letters that stand for bytes, and where its parts begin; the last is where it ends. */
typedef struct word {
  char *letters, *pair; /* `pair`: room for a key */
  size_t *start, parts;
} word;

/* Printable bytes stand for themselves, others for U+0100 and so many on: a space is U+0120. */
static void spell(const char *text, size_t length, word *w) {
  size_t used = 0;
  for (size_t i = 0; i < length; ++i) {
    const unsigned char c = (unsigned char)text[i];
    w->start[i] = used;
    if (c <= ' ') w->letters[used++] = (char)0xc4;
    w->letters[used++] = (char)(c <= ' ' ? 0x80 + c : c);
  }
  w->parts = length;
  w->start[length] = used;
}

/* The rank of two neighbours, which are written with a space between them; SIZE_MAX: they are not merged. */
static size_t rank_of(const json_t *ranks, const word *w, size_t part) {
  const size_t *s = w->start + part;
  sprintf(w->pair, "%.*s %.*s", (int)(s[1] - s[0]), w->letters + s[0], (int)(s[2] - s[1]), w->letters + s[1]);
  const json_t *rank = json_object_get(ranks, w->pair);
  return rank != NULL ? (size_t)json_integer_value(rank) : SIZE_MAX;
}

static void merge(const json_t *ranks, word *w) {
  for (;;) {
    size_t best = SIZE_MAX, at = 0;
    for (size_t i = 0; i + 1 < w->parts; ++i) {
      const size_t rank = rank_of(ranks, w, i);
      if (rank < best) at = i;
      if (rank < best) best = rank;
    }
    if (best == SIZE_MAX) return;
    memmove(w->start + at + 1, w->start + at + 2, (w->parts - at - 1) * sizeof *w->start);
    --w->parts;
  }
}

static bool add_word(const json_t *ids, const json_t *ranks, const char *text, size_t length, token_list *to) {
  word w = {.letters = malloc(LETTER_BYTES * length + 1),
            .pair = malloc(LETTER_BYTES * length + 2),
            .start = malloc((length + 1) * sizeof *w.start)};
  bool good = w.letters != NULL && w.pair != NULL && w.start != NULL;
  if (!good) complain("no host memory for a word of %zu bytes", length);
  if (good) {
    spell(text, length, &w);
    merge(ranks, &w);
  }
  for (size_t i = 0; good && i < w.parts; ++i) {
    sprintf(w.pair, "%.*s", (int)(w.start[i + 1] - w.start[i]), w.letters + w.start[i]);
    good = token_list_add(to, ids, w.pair);
  }
  free(w.letters);
  free(w.pair);
  free(w.start);
  return good;
}

/* ---- the tokenizer ----------------------------------------------------------------------------------------------- */

/* "a b" -> its rank; files have "a b" or ["a", "b"]. NULL after a complaint. */
static json_t *ranks_of(const json_t *merges) {
  json_t *ranks = json_object();
  bool good = ranks != NULL && json_is_array(merges);
  for (size_t i = 0; good && i < json_array_size(merges); ++i) {
    const json_t *pair = json_array_get(merges, i);
    const char *first = json_string_value(json_array_get(pair, 0)),
               *second = json_string_value(json_array_get(pair, 1));
    const char *whole = json_string_value(pair);
    char key[512];
    const int length = whole != NULL                     ? snprintf(key, sizeof key, "%s", whole)
                       : first != NULL && second != NULL ? snprintf(key, sizeof key, "%s %s", first, second)
                                                         : -1;
    good = length >= 0 && length < (int)sizeof key && json_object_set_new(ranks, key, json_integer((json_int_t)i)) == 0;
  }
  if (good) return ranks;
  complain("--text: the merges of tokenizer.json cannot be read (allowed: a list of pairs of tokens)");
  json_decref(ranks);
  return NULL;
}

bool bpe_is_plain(const json_t *tokenizer) {
  const char *model = config_text(tokenizer, "model.type"), *before = config_text(tokenizer, "pre_tokenizer.type");
  return model != NULL && strcmp(model, "BPE") == 0 && before != NULL && strcmp(before, "ByteLevel") == 0 &&
         config_find(tokenizer, "normalizer") == NULL && config_flag(tokenizer, "pre_tokenizer.use_regex", true) &&
         !config_flag(tokenizer, "pre_tokenizer.add_prefix_space", false) &&
         !config_flag(tokenizer, "model.ignore_merges", false);
}

bool bpe_divide(const json_t *tokenizer, const char *text, token_list *tokens) {
  json_t *ranks = ranks_of(config_find(tokenizer, "model.merges"));
  const json_t *ids = config_find(tokenizer, "model.vocab");
  bool good = ranks != NULL;
  for (size_t length; good && *text != '\0'; text += length) {
    length = first_word(text);
    good = add_word(ids, ranks, text, length, tokens);
  }
  json_decref(ranks);
  return good;
}
