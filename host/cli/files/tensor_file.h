/* Reads an array from the file that an argument names. */
#ifndef CLATTN_CLI_TENSOR_FILE_H
#define CLATTN_CLI_TENSOR_FILE_H

#include <stddef.h>

#include "cli/files/array.h"

/* The argument is the PATH of a .npy file, PATH.npz:NAME for one array of an archive of such
 * files, PATH.safetensors:NAME for one tensor of a .safetensors file, or PATH.safetensors.index.json:NAME for a
 * checkpoint in several such files in the folder of the index. The case of these suffixes does not matter. The path
 * ends at the first suffix that a colon follows, unless a file has the whole argument as its name. Fills *out; free it
 * with array_free. After a failure it is empty, nothing needs to be freed, and `message` says which file, what is
 * wrong, which value, and what is allowed. */
file_status tensor_file_read(const char *argument, array *out, char *message, size_t size);

/* Whether `path` is a file that tensor_file_read(argument, ...) reads. */
bool tensor_file_reads(const char *argument, const char *path);

#endif
