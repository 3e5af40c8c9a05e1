/* One compiled program in a file: a head in plain text that says of what it is, and the driver's bytes. What is read is
 * not trusted: a file that is not, byte for byte, as it would be written for its contents is of no use. */
#ifndef CLATTN_PROGRAM_FILE_H
#define CLATTN_PROGRAM_FILE_H

#include <stddef.h>

typedef enum clattn_program_file_state {
  CLATTN_PROGRAM_FILE_READ,
  CLATTN_PROGRAM_FILE_MISSING,
  CLATTN_PROGRAM_FILE_USELESS /* cut off, damaged, of another key or another version of the format, or unreadable */
} clattn_program_file_state;

/* Reads the bytes of the program that `key`, a text, stands for. Free *bytes with free(); else it is NULL. */
clattn_program_file_state clattn_program_file_read(const char *path, const char *key, unsigned char **bytes,
                                                   size_t *size);

/* Writes the file: readers see it as a whole or not at all. One of more than 256 MB is not written, nor would it be
 * read. Returns 0, or errno's number where that says why not, or -1. */
int clattn_program_file_write(const char *path, const char *key, const unsigned char *bytes, size_t size);

#endif
