/* What the JSON reports are made of. */
#ifndef CLATTN_CLI_JSON_VALUES_H
#define CLATTN_CLI_JSON_VALUES_H

#include <jansson.h>

#include "clattn.h"

/* JSON has no NaN and no infinity: they become strings. */
json_t *json_number(double value);
json_t *json_count(size_t value);

/* NULL becomes null. JSON is UTF-8, which the name of a file in the text may not be: then ? stands for what is beyond
 * ASCII. */
json_t *json_text(const char *from);

json_t *json_device(const clattn_device_info *device);

#endif
