/* Reads --rotary-scaling: llama3:factor=8,low_freq_factor=1,high_freq_factor=4,original_max_position_embeddings=8192 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/options/option_values.h"

static const char option[] = "--rotary-scaling";
static const char *const kinds[] = {"none", "linear", "dynamic", "yarn", "llama3"};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

const char *scaling_name(clattn_scaling scaling) {
  return kinds[scaling];
}

/* Keys that are numbers, with transformers' names. */
static const struct {
  const char *name;
  size_t offset;
} keys[] = {{"factor", offsetof(clattn_rotary_scaling, factor)},
            {"low_freq_factor", offsetof(clattn_rotary_scaling, low_freq_factor)},
            {"high_freq_factor", offsetof(clattn_rotary_scaling, high_freq_factor)},
            {"beta_fast", offsetof(clattn_rotary_scaling, beta_fast)},
            {"beta_slow", offsetof(clattn_rotary_scaling, beta_slow)},
            {"attention_factor", offsetof(clattn_rotary_scaling, attention_factor)},
            {"mscale", offsetof(clattn_rotary_scaling, mscale)},
            {"mscale_all_dim", offsetof(clattn_rotary_scaling, mscale_all_dim)}};
enum { KEYS = sizeof keys / sizeof keys[0] };
static const char length_key[] = "original_max_position_embeddings", truncate_key[] = "truncate";

const char *scaling_number(clattn_rotary_scaling *scaling, size_t i, double **number) {
  if (i >= KEYS) return NULL;
  *number = (double *)(void *)((char *)scaling + keys[i].offset);
  return keys[i].name;
}

static bool is_word(const char *text, size_t length, const char *word) {
  return strlen(word) == length && strncmp(text, word, length) == 0;
}

clattn_scaling scaling_kind(const char *name) {
  for (int i = 1; i < KINDS; ++i)
    if (strcmp(name, kinds[i]) == 0) return (clattn_scaling)i;
  return CLATTN_SCALING_NONE;
}

static bool read_kind(const char *text, size_t length, clattn_rotary_scaling *scaling) {
  for (int i = 1; i < KINDS; ++i)
    if (is_word(text, length, kinds[i])) scaling->kind = (clattn_scaling)i;
  if (scaling->kind != CLATTN_SCALING_NONE) return true;
  complain("%s %.*s (allowed: linear, dynamic, yarn, llama3; for longrope and others give --rotary-cos and "
           "--rotary-sin)",
           option, (int)length, text);
  return false;
}

static bool unknown_key(const char *text, size_t length) {
  char allowed[256] = "";
  for (int i = 0; i < KEYS; ++i) {
    const size_t used = strlen(allowed);
    snprintf(allowed + used, sizeof allowed - used, "%s, ", keys[i].name);
  }
  complain("%s: '%.*s' (allowed: %s%s, %s)", option, (int)length, text, allowed, length_key, truncate_key);
  return false;
}

static bool bad_value(const char *key, const char *value, const char *allowed) {
  complain("%s: %s=%s (allowed: %s)", option, key, value, allowed);
  return false;
}

static bool read_length(const char *value, clattn_rotary_scaling *scaling) {
  const size_t digits = strspn(value, "0123456789");
  const long long length = digits > 0 && digits <= 10 && value[digits] == '\0' ? strtoll(value, NULL, 10) : 0;
  scaling->original_max_position_embeddings = (size_t)length;
  return (length >= 1 && length <= CLATTN_LARGEST_SIZE) || bad_value(length_key, value, "1 to 2147482623");
}

static bool read_truncate(const char *value, clattn_rotary_scaling *scaling) {
  scaling->keep_fractions = strcmp(value, "false") == 0;
  return scaling->keep_fractions || strcmp(value, "true") == 0 || bad_value(truncate_key, value, "true, false");
}

static bool read_number(const char *key, const char *value, double *number) {
  char *end = NULL;
  *number = strtod(value, &end);
  return (end != value && *end == '\0' && *number > 0.0 && *number <= 1e30) ||
         bad_value(key, value, "a number above 0, 1e30 at most");
}

/* "factor=8", which ends with its text. */
static bool read_pair(const char *text, clattn_rotary_scaling *scaling) {
  const size_t length = strcspn(text, "=");
  const char *value = text[length] == '=' ? text + length + 1 : "";
  if (is_word(text, length, length_key)) return read_length(value, scaling);
  if (is_word(text, length, truncate_key)) return read_truncate(value, scaling);
  for (int i = 0; i < KEYS; ++i)
    if (is_word(text, length, keys[i].name))
      return read_number(keys[i].name, value, (double *)(void *)((char *)scaling + keys[i].offset));
  return unknown_key(text, length);
}

/* Whether no key before this one is the same. */
static bool is_first(const char *pairs, const char *pair) {
  const size_t length = strcspn(pair, "=,");
  for (const char *at = pairs; at < pair; at += strcspn(at, ",") + 1) {
    if (strcspn(at, "=,") != length || strncmp(at, pair, length) != 0) continue;
    complain("%s: %.*s is given twice (allowed: once)", option, (int)length, pair);
    return false;
  }
  return true;
}

bool parse_scaling(const char *text, clattn_rotary_scaling *scaling) {
  const size_t kind = strcspn(text, ":");
  const char *const pairs = text[kind] == ':' ? text + kind + 1 : NULL;
  *scaling = (clattn_rotary_scaling){.kind = CLATTN_SCALING_NONE};
  if (!read_kind(text, kind, scaling)) return false;
  for (const char *at = pairs; at != NULL; at = at[strcspn(at, ",")] == ',' ? at + strcspn(at, ",") + 1 : NULL) {
    char pair[128];
    const size_t length = strcspn(at, ",");
    if (length >= sizeof pair) return unknown_key(at, length);
    memcpy(pair, at, length);
    pair[length] = '\0';
    if (!is_first(pairs, at) || !read_pair(pair, scaling)) return false;
  }
  return true;
}
