/* Reads one array of an .npz archive, which is a ZIP archive of .npy files, as numpy.savez and numpy.savez_compressed
 * write it. zip.h and npy.h say what is accepted; nothing that NumPy refuses is. */
#ifndef CLATTN_CLI_NPZ_H
#define CLATTN_CLI_NPZ_H

#include <stddef.h>

#include "cli/files/array.h"

/* Fills *out with the array of exactly that name, the member NAME.npy; free it with array_free. After a failure it is
 * empty and nothing needs to be freed. */
file_status npz_read(const char *path, const char *name, array *out, char *message, size_t message_size);

#endif
