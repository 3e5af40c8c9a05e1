/* One compiled program in a file: a plain-text head with the program's key, then the driver's
 * binary. Files are not trusted: one that is not byte for byte what this code would write is
 * rejected. */
#ifndef CLATTN_PROGRAM_FILE_H
#define CLATTN_PROGRAM_FILE_H

#include <stddef.h>

typedef enum clattn_program_file_state {
  CLATTN_PROGRAM_FILE_READ,
  CLATTN_PROGRAM_FILE_MISSING,
  CLATTN_PROGRAM_FILE_USELESS /* incomplete, damaged, of another key or format version, or unreadable */
} clattn_program_file_state;

/* Reads the program's binary. `key` is a text that identifies the program. Free *bytes with free();
 * it is NULL unless CLATTN_PROGRAM_FILE_READ is returned. */
clattn_program_file_state clattn_program_file_read(const char *path, const char *key, unsigned char **bytes,
                                                   size_t *size);

/* Writes the file; readers see it complete or not at all. Files larger than 256 MB are neither
 * written nor read. Returns 0, or an errno value, or -1 if there is none. */
int clattn_program_file_write(const char *path, const char *key, const unsigned char *bytes, size_t size);

#endif
