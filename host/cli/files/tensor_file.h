/* Reads an array from the file that an argument of the program names. */
#ifndef CLATTN_CLI_TENSOR_FILE_H
#define CLATTN_CLI_TENSOR_FILE_H

#include <stddef.h>

#include "cli/files/array.h"

/* PATH of a .npy file, PATH.safetensors:NAME for one tensor of a .safetensors file, or PATH.safetensors.index.json:NAME
 * for one of a checkpoint in several such files, which lie beside the index. These endings are taken in upper case,
 * too. The path ends at the first of them that a colon follows, unless there is a file of the whole name. Fills *out;
 * free it with array_free. After a failure it is empty, nothing needs to be freed, and `message` says which file, what
 * is wrong, which value and what is allowed. */
file_status tensor_file_read(const char *argument, array *out, char *message, size_t size);

/* Whether `path` is a file that tensor_file_read(argument, ...) reads. */
bool tensor_file_reads(const char *argument, const char *path);

#endif
