/* What the JSON reports are made of. */
#ifndef CLATTN_CLI_JSON_VALUES_H
#define CLATTN_CLI_JSON_VALUES_H

#include <jansson.h>
#include <stdbool.h>

#include "clattn_inspect.h"

/* A value that cannot be made, for want of memory or because a text is not UTF-8, is NULL, and leaves no gap in an
 * array. So that each call need not be asked, main has all lacks of memory remembered, and json_add what it could not
 * add. */
void json_watch_memory(void);

/* Appends the value, which it takes over. */
void json_add(json_t *array, json_t *value);

/* Whether all of it was built; false after a complaint that names it: "the page". */
bool json_is_whole(const json_t *all, const char *what);

/* Prints and releases it. False after a complaint; of a failing standard output main takes care. */
bool json_print(json_t *all);

/* JSON has no NaN and no infinity: they become strings. */
json_t *json_number(double value);
json_t *json_count(size_t value);

/* For every text that is not the program's own: NULL becomes null, and what is not UTF-8, as the name of a file need
 * not be, becomes so (clattn_text_copy). */
json_t *json_text(const char *from);

json_t *json_device(const clattn_device_info *device);

#endif
