/* config.json of a checkpoint folder. Keys are written as the paths of alternatives,
 * "rope_theta|rope_parameters.rope_theta": the first that is there and not null counts. */
#ifndef CLATTN_CLI_MODEL_CONFIG_H
#define CLATTN_CLI_MODEL_CONFIG_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* Reads a file of JSON, an object, of at most 25 MB. NULL after a complaint. */
json_t *model_json_read(const char *option, const char *folder, const char *file);

/* NULL: none of the keys. */
const json_t *config_find(const json_t *config, const char *keys);

/* False after a complaint, if the value is of another kind or out of range; without the key *value stays. */
bool config_size(const json_t *config, const char *keys, size_t *value);
bool config_number(const json_t *config, const char *keys, double *value);
bool config_flag(const json_t *config, const char *keys, bool otherwise);

/* NULL: no such text. */
const char *config_text(const json_t *config, const char *keys);

#endif
