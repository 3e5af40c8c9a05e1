/* Reads one tensor of a .safetensors file.
 *
 *     header length  | {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, ...} | data
 *     8 bytes, little  JSON, may end in spaces                                                     offsets count from
 * here
 *
 * It trusts no byte of the file: it checks the whole header, including the tensors that are not read. It refuses
 * everything that the Python package safetensors refuses, and also: a header of more than 25 MB or with blanks before
 * its '{', a name or key given twice, a dimension above the largest size, U+0000 in a string, an integer of more than
 * 64 bits, and what only the package's JSON library accepts: a tensor as a list, a dtype as an object, metadata that
 * are null. Like the package it ignores other keys of a tensor.
 *
 * It reads F32, F16, BF16, F64, which it rounds to the nearest float, and BOOL, each 0 or 1, with 0 to 4 dimensions. It
 * refuses an F64 beyond the largest float. For an index of several files see safetensors_index.h.
 */
#ifndef CLATTN_CLI_SAFETENSORS_H
#define CLATTN_CLI_SAFETENSORS_H

#include <stddef.h>

#include "cli/files/array.h"

/* Fills *out with the tensor of exactly that name; free it with array_free. After a failure it
 * is empty and nothing needs to be freed. Without a name (NULL), or with one that is not in the
 * file, it fails with a message that lists some names. */
file_status safetensors_read(const char *path, const char *name, array *out, char *message, size_t message_size);

/* Whether the file can be read and has a tensor of exactly that name. */
bool safetensors_has(const char *path, const char *name);

#endif
