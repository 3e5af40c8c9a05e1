/* From the text of an option to its value, with a complaint when it is none. */
#ifndef CLATTN_CLI_OPTION_VALUES_H
#define CLATTN_CLI_OPTION_VALUES_H

#include "cli/options/options.h"

/* Whether no option is there twice; a complaint where one is. To be asked before popt reads them: it takes the last,
 * without a word, and loses the memory of the others. */
bool options_are_once(int argc, const char **argv);

/* One of a few words; the words themselves are in the message when it is none of them. */
bool parse_word(const char *option, const char *text, const char *const *words, int count, int *value);

/* Of --type; NULL for what is standard, f32. */
bool parse_type(const char *text, clattn_type *type);

/* A stage whose kernels are tuned and are not another stage's; without text CLATTN_STAGE_COUNT, all of them. */
bool parse_tuned_stage(const char *option, const char *text, clattn_stage *stage);
bool has_tuned_kernels(clattn_stage stage);

/* Any finite number, of `least` or more. */
bool parse_float(const char *option, const char *text, float least, float *value);

/* A time above 0, or inf. */
bool parse_seconds(const char *option, const char *text, float *value);

/* Whole numbers that an option takes, its limits among them. */
typedef struct number_range {
  int32_t least, most;
} number_range;

/* Decimal digits, perhaps behind a minus sign, and nothing else. popt's own numbers take 010 for 8 and do not name the
 * option when they fail. */
bool parse_integer(const char *option, const char *text, number_range range, int64_t *value);

/* Such numbers with commas between them; none below 0. Allocates. */
bool parse_list(const char *option, const char *text, number_range range, number_list *list);

/* A whole meaning, from its texts. */
bool parse_meaning(meaning_options *meaning);

#endif
