/* The index of a checkpoint that is stored as several .safetensors files:
 *
 *     {"metadata": {...}, "weight_map": {"layer.0.weight": "model-00001-of-00002.safetensors", ...}}
 */
#ifndef CLATTN_CLI_SAFETENSORS_INDEX_H
#define CLATTN_CLI_SAFETENSORS_INDEX_H

#include <stddef.h>

#include "cli/files/array.h"

/* *path becomes the path of the file that holds the tensor; free() it. It is in the folder of
 * the index: names that lead elsewhere are refused. On failure fills `message` (may be NULL) and
 * sets *path to NULL. */
file_status safetensors_index_find(const char *index, const char *tensor, char **path, char *message, size_t size);

/* As safetensors_read, from that file. Refused is also a tensor that the file does not have, or that another file of
 * the index has, too. */
file_status safetensors_index_read(const char *index, const char *tensor, array *out, char *message, size_t size);

#endif
