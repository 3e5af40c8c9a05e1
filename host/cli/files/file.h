/* Shared by readers and writers of files: errors, and opening, measuring and reading a file.
 *
 * Only regular files are accepted: opening a pipe waits for its other end, and a folder can be
 * opened but not read. / */
#ifndef CLATTN_CLI_FILE_H
#define CLATTN_CLI_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/printf.h"

typedef enum file_status {
  FILE_OK = 0,
  FILE_CANNOT_OPEN,    /* missing, not allowed, or not a regular file */
  FILE_READ_FAILED,    /* the file was opened, but reading it failed */
  FILE_WRONG_FORMAT,   /* the first bytes are not those of the format */
  FILE_BAD_HEADER,     /* the header does not follow the format */
  FILE_UNSUPPORTED,    /* valid, but its version, element type or rank is not supported here */
  FILE_TRUNCATED,      /* the file ends too early */
  FILE_TRAILING_BYTES, /* the file goes on after the data */
  FILE_TOO_LARGE,      /* the header is too long, or no memory could hold the shape */
  FILE_BAD_ELEMENT,    /* a finite f8 that a float cannot hold, a bool that is neither 0 nor 1 */
  FILE_INTEGERS,       /* valid, but its elements are integers, which stand for nothing here */
  FILE_DAMAGED,        /* a member of an archive is not what the archive says about it */
  FILE_NO_TENSOR,      /* no tensor was named, or none in the file has that name */
  FILE_OUT_OF_MEMORY,  /* malloc failed */
  FILE_WRITE_FAILED    /* the file could not be created, written or given its name */
} file_status;

typedef struct reporter {
  const char *path;
  char *message; /* may be NULL */
  size_t size;
} reporter;

/* Fills the message: the path, ": ", what is wrong, which value, and what is allowed. Returns
 * `status`. */
file_status file_fail(const reporter *to, file_status status, const char *format, ...) CLATTN_PRINTF(3, 4);

/* The text for an errno. The standard does not promise that calls set it, so callers clear it
 * first. */
const char *file_reason(int code);

/* Whether anything has that name. */
bool file_exists(const char *path);

/* Whether two names are the same file, directly or through links. False if one of them does not
 * exist. */
bool file_is_same(const char *path, const char *other);

/* Also true if the path cannot be examined: opening it will report why. */
bool file_is_regular(const char *path);

/* Opens to->path for reading and measures it. */
file_status file_open(const reporter *to, FILE **file, uint64_t *bytes);

bool file_seek(FILE *file, uint64_t position);

/* The path of a name in a folder, to be freed; NULL: no memory. */
char *file_join(const char *folder, const char *name);

/* Reads the whole file at to->path, of at most `most` bytes, and puts a NUL behind it; `what` names it in the message.
 * *text is to be freed, and NULL after a failure. */
file_status file_load(const reporter *to, const char *what, size_t most, char **text, size_t *bytes);

/* Reads exactly that many bytes; `what` names them in the message. */
file_status file_read(FILE *file, void *to_fill, size_t bytes, const char *what, const reporter *to);

/* Where bytes come from, one after the other: an open file, or a member of an archive (npz.c). `read` returns fewer
 * bytes at the end, or if it fails; then `failure` says why. */
typedef struct byte_source {
  size_t (*read)(struct byte_source *self, void *to_fill, size_t bytes);
  FILE *file;
  const char *failure; /* NULL: none */
  uint64_t taken;      /* the bytes read */
} byte_source;

/* The file from its position on. */
byte_source file_source(FILE *file);

/* As file_read. */
file_status source_read(byte_source *source, void *to_fill, size_t bytes, const char *what, const reporter *to);

#endif
