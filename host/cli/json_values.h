/* What the JSON reports are made of. */
#ifndef CLATTN_CLI_JSON_VALUES_H
#define CLATTN_CLI_JSON_VALUES_H

#include <jansson.h>
#include <stdbool.h>

#include "clattn.h"

/* What is lost of an array or object for want of memory leaves no gap. So that it need not be asked of each call that
 * builds one, main has all lacks of memory remembered. */
void json_watch_memory(void);

/* Whether all of it was built. */
bool json_is_whole(const json_t *all);

/* Prints and releases it. False where memory lacked; of standard output main takes care. */
bool json_print(json_t *all);

/* JSON has no NaN and no infinity: they become strings. */
json_t *json_number(double value);
json_t *json_count(size_t value);

/* NULL becomes null. JSON is UTF-8, which the name of a file in the text may not be: then ? stands for what is beyond
 * ASCII. */
json_t *json_text(const char *from);

json_t *json_device(const clattn_device_info *device);

#endif
