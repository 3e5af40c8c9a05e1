/* WordPiece (Wu et al. 2016, Devlin et al. 2019): see vocabulary.h. */
#include "cli/model/vocabulary.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/files/file.h"
#include "cli/model/bpe.h"
#include "cli/model/config.h"

#define MOST_BYTES 25000000 /* of vocab.txt */
#define MOST_WORD 100       /* longer words are unknown */
#define UNKNOWN "[UNK]"

typedef struct vocabulary {
  json_t *file; /* tokenizer.json; NULL: vocab.txt */
  json_t *ids;  /* token -> number; of `file` borrowed */
  bool lower;
} vocabulary;

void token_list_free(token_list *tokens) {
  for (size_t i = 0; i < tokens->count; ++i) free(tokens->text[i]);
  free(tokens->text);
  free(tokens->id);
  *tokens = (token_list){.count = 0};
}

/* ---- the vocabulary ---------------------------------------------------------------------------------------------- */

static bool exists(const char *folder, const char *name) {
  char *path = file_join(folder, name);
  const bool found = path != NULL && file_exists(path);
  free(path);
  return found;
}

static bool load_tokenizer(const char *folder, vocabulary *v) {
  v->file = model_json_read("--text", folder, "tokenizer.json");
  if (v->file == NULL) return false;
  const char *kind = config_text(v->file, "model.type");
  v->ids = json_object_get(json_object_get(v->file, "model"), "vocab");
  v->lower = config_flag(v->file, "normalizer.lowercase", false);
  if (kind != NULL && strcmp(kind, "WordPiece") == 0 && json_is_object(v->ids)) return true;
  complain("--text: %s/tokenizer.json is of the type %.64s (allowed: WordPiece, as BERT's)", folder,
           kind != NULL ? kind : "without a name");
  return false;
}

/* A line for each token, in the order of their numbers. */
static bool read_lines(char *text, size_t bytes, vocabulary *v) {
  bool good = memchr(text, '\0', bytes) == NULL;
  json_int_t number = 0;
  v->ids = json_object();
  for (char *at = text; good && *at != '\0'; ++number) {
    const size_t length = strcspn(at, "\r\n"), ending = strspn(at + length, "\r");
    const bool last = at[length + ending] == '\0';
    at[length] = '\0';
    good = json_object_set_new(v->ids, at, json_integer(number)) == 0;
    at += length + ending + !last;
  }
  return good;
}

static bool load_lines(const char *folder, vocabulary *v) {
  char message[1024] = "", *path = file_join(folder, "vocab.txt"), *text = NULL;
  size_t bytes = 0;
  const reporter to = {path, message, sizeof message};
  bool good = false;
  if (path == NULL)
    complain("no host memory for a path");
  else if (!file_exists(path))
    complain("--text: %s has no tokenizer.json and no vocab.txt (allowed: the vocabulary of a model like BERT)",
             folder);
  else if (file_load(&to, "vocabulary", MOST_BYTES, &text, &bytes) != FILE_OK)
    complain("--text: %s", message);
  else if (!(good = read_lines(text, bytes, v)))
    complain("--text: %s cannot be read as a vocabulary (allowed: a token in each line, in UTF-8)", path);
  free(text);
  free(path);
  if (!good) return false;
  json_t *config =
      exists(folder, "tokenizer_config.json") ? model_json_read("--text", folder, "tokenizer_config.json") : NULL;
  v->lower = config_flag(config, "do_lower_case", true);
  json_decref(config);
  return true;
}

static void free_vocabulary(vocabulary *v) {
  json_decref(v->file != NULL ? v->file : v->ids);
}

/* ---- pieces ------------------------------------------------------------------------------------------------------ */

bool token_list_add(token_list *to, const json_t *ids_of, const char *token) {
  const json_t *id = json_object_get(ids_of, token);
  if (!json_is_integer(id) || json_integer_value(id) < 0) {
    complain("--text: the vocabulary has no %s", token);
    return false;
  }
  size_t *ids = realloc(to->id, (to->count + 1) * sizeof *ids);
  if (ids != NULL) to->id = ids;
  char **texts = realloc(to->text, (to->count + 1) * sizeof *texts);
  if (texts != NULL) to->text = texts;
  char *copy = malloc(strlen(token) + 1);
  if (ids == NULL || texts == NULL || copy == NULL) {
    free(copy);
    complain("no host memory for the tokens");
    return false;
  }
  strcpy(copy, token);
  to->id[to->count] = (size_t)json_integer_value(id);
  to->text[to->count++] = copy;
  return true;
}

static bool add(const vocabulary *v, const char *token, token_list *to) {
  return token_list_add(to, v->ids, token);
}

/* The longest piece of the vocabulary from `at` on, in `piece`; its length, or 0. Pieces within a word begin with ##.
 */
static size_t longest_piece(const vocabulary *v, const char *word, size_t at, size_t length, char *piece) {
  for (size_t count = length - at; count > 0; --count) {
    snprintf(piece, MOST_WORD + 3, "%s%.*s", at > 0 ? "##" : "", (int)count, word + at);
    if (json_object_get(v->ids, piece) != NULL) return count;
  }
  return 0;
}

static bool add_word(const vocabulary *v, const char *word, size_t length, token_list *to) {
  char piece[MOST_WORD + 3];
  const size_t before = to->count;
  bool known = length <= MOST_WORD, good = true;
  for (size_t at = 0, count; known && good && at < length; at += count) {
    count = longest_piece(v, word, at, length, piece);
    known = count > 0;
    if (known) good = add(v, piece, to);
  }
  if (known || !good) return good;
  while (to->count > before) free(to->text[--to->count]); /* a word is known as a whole, or not */
  return add(v, UNKNOWN, to);
}

/* Words end at spaces; a mark of punctuation is a word of its own. */
static bool divide(const vocabulary *v, const char *text, token_list *to) {
  bool good = add(v, "[CLS]", to);
  char word[MOST_WORD + 2];
  while (good && *text != '\0') {
    size_t length = 0;
    if (ispunct((unsigned char)*text)) {
      word[length++] = *text++;
    } else {
      for (; *text != '\0' && !isspace((unsigned char)*text) && !ispunct((unsigned char)*text); ++text)
        if (length <= MOST_WORD) word[length++] = (char)(v->lower ? tolower((unsigned char)*text) : *text);
    }
    while (isspace((unsigned char)*text)) ++text;
    if (length > 0) good = add_word(v, word, length, to);
  }
  return good && add(v, "[SEP]", to);
}

/* Other letters need Unicode's tables: for lower case, accents and marks. */
static bool is_plain(const char *text) {
  for (const char *at = text; *at != '\0'; ++at) {
    const unsigned char c = (unsigned char)*at;
    if (c >= 0x80 || (c < ' ' && !isspace(c)) || c == 0x7f) {
      complain("--text: byte 0x%02x (allowed: letters, digits and marks of ASCII)", c);
      return false;
    }
  }
  if (text[strspn(text, " \t\n\r\v\f")] != '\0') return true;
  complain("--text has no word (allowed: letters, digits and marks of ASCII)");
  return false;
}

/* Tokens that the model's own tokenizer takes as a whole, where this one would divide them. */
static bool has_no_special(model_words words, const char *text) {
  static const char *const of_bert[] = {"[CLS]", "[SEP]", "[UNK]", "[PAD]", "[MASK]"}, *const of_gpt2[] = {
                                                                                           "<|endoftext|>"};
  const bool pairs = words == WORDS_GPT2;
  const size_t count = pairs ? 1 : sizeof of_bert / sizeof of_bert[0];
  for (size_t i = 0; i < count; ++i) {
    const char *special = pairs ? of_gpt2[i] : of_bert[i];
    if (strstr(text, special) == NULL) continue;
    complain("--text: %s is a special token of the model (allowed: words and marks)", special);
    return false;
  }
  return true;
}

static bool divide_by_pairs(const char *folder, const char *text, token_list *tokens) {
  json_t *file = model_json_read("--text", folder, "tokenizer.json");
  const bool plain = file != NULL && bpe_is_plain(file);
  if (file != NULL && !plain)
    complain("--text: %s/tokenizer.json is not like GPT-2's (allowed: BPE of bytes, without a normalizer)", folder);
  const bool good = plain && bpe_divide(file, text, tokens);
  json_decref(file);
  return good;
}

bool vocabulary_divide(const char *folder, model_words words, const char *text, token_list *tokens) {
  vocabulary v = {.file = NULL};
  *tokens = (token_list){.count = 0};
  if (!is_plain(text) || !has_no_special(words, text)) return false;
  if (words == WORDS_GPT2) return divide_by_pairs(folder, text, tokens);
  const bool loaded = exists(folder, "tokenizer.json") ? load_tokenizer(folder, &v) : load_lines(folder, &v);
  const bool good = loaded && divide(&v, text, tokens);
  free_vocabulary(&v);
  return good;
}
