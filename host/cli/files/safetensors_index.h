/* The index of a checkpoint that is stored as several .safetensors files:
 *
 *     {"metadata": {...}, "weight_map": {"layer.0.weight": "model-00001-of-00002.safetensors", ...}}
 */
#ifndef CLATTN_CLI_SAFETENSORS_INDEX_H
#define CLATTN_CLI_SAFETENSORS_INDEX_H

#include <stddef.h>

#include "cli/files/file.h"

/* The path of the file that holds the tensor; free() it. It lies in the index's own folder: names that lead elsewhere
 * are refused. `message` (may be NULL) is filled on failure, and *path is then NULL. */
file_status safetensors_index_find(const char *index, const char *tensor, char **path, char *message, size_t size);

#endif
