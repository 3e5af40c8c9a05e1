/* Turns the text of an option into its value. All return false after a complaint. */
#ifndef CLATTN_CLI_OPTION_VALUES_H
#define CLATTN_CLI_OPTION_VALUES_H

#include "cli/options/options.h"

/* Refuses options that are given twice. Call it before popt reads them: popt silently takes the
 * last one and leaks the others. */
bool options_are_once(int argc, const char **argv);

/* Refuses options that have another name now, and says which. argv[0] is the command. */
bool options_are_current(int argc, const char **argv);

/* The index of the text among the words; the message lists them when it is none of them. */
bool parse_word(const char *option, const char *text, const char *const *words, int count, int *value);

/* --type; NULL gives the default, f32. */
bool parse_type(const char *text, clattn_type *type);

/* "float" or "stored": the words of --math. */
const char *math_name(clattn_math math);

/* --math, which goes with some of --type; NULL gives the default, float. */
bool parse_math(const char *text, clattn_type type, clattn_math *math);

/* A stage that has tuned kernels of its own; CLATTN_STAGE_COUNT, all of them, without text. */
bool parse_tuned_stage(const char *option, const char *text, clattn_stage *stage);
bool has_tuned_kernels(clattn_stage stage);

/* Any finite number, `least` or more. */
bool parse_float(const char *option, const char *text, float least, float *value);

/* A time above 0, or inf. */
bool parse_seconds(const char *option, const char *text, float *value);

/* Whole numbers that an option takes; both limits are allowed. */
typedef struct number_range {
  int32_t least, most;
} number_range;

/* Decimal digits, with or without a minus sign, and nothing else. popt's own numbers read 010 as
 * 8 and do not name the option when they fail. */
bool parse_integer(const char *option, const char *text, number_range range, int64_t *value);

/* Numbers separated by commas, none below 0. Allocates list->number. */
bool parse_list(const char *option, const char *text, number_range range, number_list *list);

/* --rotary-scaling. The library checks which values a kind needs. */
bool parse_scaling(const char *text, clattn_rotary_scaling *scaling);

/* The parts of a scaling by the names that the option shares with transformers: a kind, NONE where there is none of
 * that name; and the fields that are numbers, up to a name that is NULL. */
clattn_scaling scaling_kind(const char *name);
const char *scaling_number(clattn_rotary_scaling *scaling, size_t i, double **number);

/* "none", "linear", "dynamic", "yarn" or "llama3". */
const char *scaling_name(clattn_scaling scaling);

/* Fills all fields from their texts. */
bool parse_meaning(meaning_options *meaning);

#endif
