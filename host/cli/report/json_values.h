/* The parts of JSON reports. */
#ifndef CLATTN_CLI_JSON_VALUES_H
#define CLATTN_CLI_JSON_VALUES_H

#include <jansson.h>
#include <stdbool.h>

#include "clattn_inspect.h"

/* A value that cannot be made, without memory or because a text is not UTF-8, is NULL. Callers
 * need not check each one: after json_watch_memory, which main calls, json_is_whole knows of
 * every failed allocation and of every NULL that was given to json_add. */
void json_watch_memory(void);

/* Appends the value and takes ownership of it. */
void json_add(json_t *array, json_t *value);

/* Whether everything was built. False after a complaint in which `what` is the subject, as in
 * "the page". */
bool json_is_whole(const json_t *all, const char *what);

/* Prints and releases it. False after a complaint; main reports a failing standard output. */
bool json_print(json_t *all);

/* JSON has no NaN and infinity: they become strings. */
json_t *json_number(double value);
json_t *json_count(size_t value);

/* For texts from outside, such as names of files and devices: NULL becomes null, and bytes that
 * are not UTF-8 are replaced (clattn_text_copy). */
json_t *json_text(const char *from);

json_t *json_device(const clattn_device_info *device);

#endif
