/* Reads an array from the file that an argument of the program names. */
#ifndef CLATTN_CLI_TENSOR_FILE_H
#define CLATTN_CLI_TENSOR_FILE_H

#include <stddef.h>

#include "array.h"

/* PATH of a .npy file, or PATH.safetensors:NAME for one tensor of a .safetensors file. The path ends at the first
 * ".safetensors:", unless there is a file of the whole name. Fills *out; free it with array_free. After a failure it is
 * empty, nothing needs to be freed, and `message` says which file, what is wrong, which value and what is allowed. */
file_status tensor_file_read(const char *argument, array *out, char *message, size_t size);

#endif
