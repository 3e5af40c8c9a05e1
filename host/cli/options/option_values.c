/* Reads the values of options: words, numbers and lists of numbers. */
#include "cli/options/option_values.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"

/* Length of the name in "--name" and "--name=value"; 0 if the argument is no option. A value
 * that begins with "--" counts as an option too, but no option takes such values. */
static size_t option_length(const char *argument) {
  return strncmp(argument, "--", 2) == 0 ? strcspn(argument, "=") : 0;
}

bool options_are_once(int argc, const char **argv) {
  for (int i = 1; i < argc; ++i) {
    const size_t length = option_length(argv[i]);
    for (int before = 1; before < i && length > 0; ++before) {
      if (option_length(argv[before]) != length || strncmp(argv[before], argv[i], length) != 0) continue;
      complain("%.*s is given twice (allowed: once)", (int)length, argv[i]);
      return false;
    }
  }
  return true;
}

/* Names of earlier versions. */
static const struct {
  const char *command; /* NULL: any that has it */
  const char *old, *now;
} renamed[] = {{NULL, "--context", "--xkv"}, {NULL, "--cache-page", "--cache-page-len"}, {"ladder", "--plot", "--svg"}};

bool options_are_current(int argc, const char **argv) {
  for (int i = 1; i < argc; ++i)
    for (size_t r = 0; r < sizeof renamed / sizeof renamed[0]; ++r) {
      const size_t length = option_length(argv[i]);
      if (length != strlen(renamed[r].old) || strncmp(argv[i], renamed[r].old, length) != 0) continue;
      if (renamed[r].command != NULL && strcmp(renamed[r].command, argv[0]) != 0) continue;
      complain("%s has another name (allowed: %s)", renamed[r].old, renamed[r].now);
      return false;
    }
  return true;
}

bool parse_word(const char *option, const char *text, const char *const *words, int count, int *value) {
  for (int i = 0; i < count; ++i) {
    if (strcmp(text, words[i]) != 0) continue;
    *value = i;
    return true;
  }
  char allowed[128] = "";
  for (int i = 0; i < count; ++i) {
    const size_t used = strlen(allowed);
    snprintf(allowed + used, sizeof allowed - used, "%s%s", i > 0 ? ", " : "", words[i]);
  }
  complain("%s %s (allowed: %s)", option, text, allowed);
  return false;
}

bool parse_type(const char *text, clattn_type *type) {
  const char *const words[] = {clattn_type_name(CLATTN_F32), clattn_type_name(CLATTN_F16),
                               clattn_type_name(CLATTN_BF16)};
  int value = CLATTN_F32;
  if (text != NULL && !parse_word("--type", text, words, 3, &value)) return false;
  *type = (clattn_type)value;
  return true;
}

const char *math_name(clattn_math math) {
  return math == CLATTN_MATH_STORED ? "stored" : "float";
}

bool parse_math(const char *text, clattn_type type, clattn_math *math) {
  const char *const words[] = {math_name(CLATTN_MATH_FLOAT), math_name(CLATTN_MATH_STORED)};
  int value = CLATTN_MATH_FLOAT;
  if (text != NULL && !parse_word("--math", text, words, 2, &value)) return false;
  *math = (clattn_math)value;
  if (*math == CLATTN_MATH_FLOAT || type != CLATTN_F32) return true;
  complain("--math %s does not go with --type %s (allowed with it: %s, %s)", math_name(*math), clattn_type_name(type),
           clattn_type_name(CLATTN_F16), clattn_type_name(CLATTN_BF16));
  return false;
}

bool has_tuned_kernels(clattn_stage stage) {
  return clattn_stage_is_tuned(stage) && clattn_stage_kernels(stage) == stage;
}

bool parse_tuned_stage(const char *option, const char *text, clattn_stage *stage) {
  clattn_stage stages[CLATTN_STAGE_COUNT];
  const char *names[CLATTN_STAGE_COUNT];
  int count = 0, value = 0;
  *stage = CLATTN_STAGE_COUNT;
  if (text == NULL) return true;
  for (int s = 0; s < CLATTN_STAGE_COUNT; ++s) {
    if (!has_tuned_kernels((clattn_stage)s)) continue;
    stages[count] = (clattn_stage)s;
    names[count++] = clattn_stage_name((clattn_stage)s);
  }
  if (!parse_word(option, text, names, count, &value)) return false;
  *stage = stages[value];
  return true;
}

bool parse_float(const char *option, const char *text, float least, float *value) {
  char *end = NULL;
  *value = strtof(text, &end);
  if (end != text && *end == '\0' && isfinite(*value) && *value >= least) return true;
  if (least > 0.0f) /* FLT_TRUE_MIN */
    complain("%s %s (allowed: any finite number above 0)", option, text);
  else if (isfinite(least))
    complain("%s %s (allowed: any finite number, %g or more)", option, text, (double)least);
  else
    complain("%s %s (allowed: any finite number)", option, text);
  return false;
}

bool parse_seconds(const char *option, const char *text, float *value) {
  char *end = NULL;
  *value = strtof(text, &end); /* reads inf too */
  if (end != text && *end == '\0' && *value > 0.0f) return true;
  complain("%s %s (allowed: a number above 0, or inf)", option, text);
  return false;
}

bool parse_integer(const char *option, const char *text, number_range range, int64_t *value) {
  const char *digits = text[0] == '-' ? text + 1 : text;
  const bool good = digits[0] != '\0' && strlen(digits) <= 10 && strspn(digits, "0123456789") == strlen(digits);
  *value = good ? strtoll(text, NULL, 10) : 0;
  if (good && *value >= range.least && *value <= range.most) return true;
  complain("%s %s (allowed: %d to %d)", option, text, range.least, range.most);
  return false;
}

/* Reads `length` digits. */
static bool parse_item(const char *from, size_t length, number_range range, int32_t *value) {
  int64_t number = 0;
  if (length == 0 || length > 10 || strspn(from, "0123456789") < length) return false;
  for (size_t i = 0; i < length; ++i) number = 10 * number + (from[i] - '0');
  if (number < range.least || number > range.most) return false;
  *value = (int32_t)number;
  return true;
}

bool parse_list(const char *option, const char *text, number_range range, number_list *list) {
  size_t count = 1;
  for (const char *at = text; *at != '\0'; ++at) count += *at == ',';
  list->number = malloc(count * sizeof *list->number);
  if (list->number == NULL) {
    complain("no host memory for the numbers of %s", option);
    return false;
  }
  for (const char *at = text; list->count < count; at += strcspn(at, ",") + 1)
    if (!parse_item(at, strcspn(at, ","), range, &list->number[list->count++])) {
      complain("%s %s (allowed: numbers from %d to %d, separated by commas)", option, text, range.least, range.most);
      return false;
    }
  return true;
}

static bool parse_alignment(meaning_options *m) {
  static const char *const words[] = {"top-left", "bottom-right"};
  const char *digits = m->align_text + (m->align_text[0] == '-');
  int value = 0;
  if (digits[0] >= '0' && digits[0] <= '9') {
    m->alignment = CLATTN_ALIGN_OFFSET;
    return parse_integer("--align", m->align_text, (number_range){-CLATTN_LARGEST_SIZE, INT32_MAX}, &m->offset);
  }
  for (value = 0; value < 2; ++value)
    if (strcmp(m->align_text, words[value]) == 0) {
      m->alignment = (clattn_alignment)value;
      return true;
    }
  complain("--align %s (allowed: top-left, bottom-right, or the key position of the first query, a number)",
           m->align_text);
  return false;
}

/* The fields whose option takes one of a few words; all are enums. */
static bool parse_meaning_words(meaning_options *m) {
  static const char *const layouts[] = {"xw", "xwt"};
  static const char *const positions[] = {"none", "sinusoidal"}, *const rotary[] = {"none", "halves", "interleaved"};
  static const char *const cache_types[] = {"f32", "f16", "bf16", "i8-token", "i8-head", "q4"};
  int layout = 0, position = 0, turned = 0, cache_type = 0;
  const struct {
    const char *option, *text;
    const char *const *words;
    int count, *value;
  } all[] = {{"--layout", m->layout_text, layouts, 2, &layout},
             {"--positions", m->positions_text, positions, 2, &position},
             {"--rotary", m->rotary_text, rotary, 3, &turned},
             {"--cache-type", m->cache_type_text, cache_types, 6, &cache_type}};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i)
    if (all[i].text != NULL && !parse_word(all[i].option, all[i].text, all[i].words, all[i].count, all[i].value))
      return false;
  m->layout = (clattn_weight_layout)layout;
  m->layout_given = m->layout_text != NULL;
  m->positions = (clattn_positions)position;
  m->rotary = (clattn_rotary)turned;
  m->cache_type = (clattn_cache_type)cache_type;
  return parse_type(m->type_text, &m->type) && parse_math(m->math_text, m->type, &m->math);
}

bool parse_meaning(meaning_options *m) {
  static const number_range keys = {CLATTN_UNBOUNDED, CLATTN_LARGEST_SIZE};
  m->window_left = m->window_right = CLATTN_UNBOUNDED;
  if (!parse_meaning_words(m)) return false;
  if (m->rotary_base_text != NULL && !parse_float("--rotary-base", m->rotary_base_text, FLT_TRUE_MIN, &m->rotary_base))
    return false;
  if (m->scaling_text != NULL && !parse_scaling(m->scaling_text, &m->scaling)) return false;
  if (m->scale_text != NULL && !parse_float("--scale", m->scale_text, -INFINITY, &m->scale)) return false;
  m->scale_given = m->scale_text != NULL;
  if (m->softcap_text != NULL && !parse_float("--softcap", m->softcap_text, 0.0f, &m->softcap)) return false;
  if (m->align_text != NULL && !parse_alignment(m)) return false;
  if (m->window_left_text != NULL && !parse_integer("--window-left", m->window_left_text, keys, &m->window_left))
    return false;
  return m->window_right_text == NULL || parse_integer("--window-right", m->window_right_text, keys, &m->window_right);
}
