/* What the readers and writers of files share: how they fail, and how a file is opened, measured and read.
 *
 * Only regular files are taken: opening a pipe waits for its other end, and a folder can be opened but not read.
 */
#ifndef CLATTN_CLI_FILE_H
#define CLATTN_CLI_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef enum file_status {
  FILE_OK = 0,
  FILE_CANNOT_OPEN,    /* missing, not allowed, or not a regular file */
  FILE_READ_FAILED,    /* the file was opened, but reading it failed */
  FILE_WRONG_FORMAT,   /* the first bytes are not those of the format */
  FILE_BAD_HEADER,     /* the header is not what the format asks for */
  FILE_UNSUPPORTED,    /* fine for the format, but of a version, element type or rank that is not handled here */
  FILE_TRUNCATED,      /* the file ends too early */
  FILE_TRAILING_BYTES, /* the file goes on after the data */
  FILE_TOO_LARGE,      /* the header is too long, or no memory could hold the shape */
  FILE_BAD_ELEMENT,    /* a finite f8 that a float cannot hold, a bool that is neither 0 nor 1 */
  FILE_NO_TENSOR,      /* no tensor was named, or the file has none of that name */
  FILE_OUT_OF_MEMORY,  /* malloc failed */
  FILE_WRITE_FAILED    /* the file could not be created, written or given its name */
} file_status;

typedef struct reporter {
  const char *path;
  char *message; /* may be NULL */
  size_t size;
} reporter;

/* Fills the message: the path, ": " and what is wrong, which value, what is allowed. Returns the status it was given.
 */
#if defined(__GNUC__) && !defined(_WIN32) /* there "printf" may mean an older one, without %zu */
__attribute__((format(printf, 3, 4)))
#endif
file_status
file_fail(const reporter *to, file_status status, const char *format, ...);

/* What errno says. The standard does not promise that it is set, so callers clear it before the call that may fail. */
const char *file_reason(int code);

/* Something of that name is there, whatever it is. */
bool file_exists(const char *path);

/* Whether two names are one file, directly or through links. False where one of them is not there. */
bool file_is_same(const char *path, const char *other);

/* Also true when the path cannot be looked at: opening it will tell. */
bool file_is_regular(const char *path);

/* Opens to->path for reading and measures it. */
file_status file_open(const reporter *to, FILE **file, uint64_t *bytes);

bool file_seek(FILE *file, uint64_t position);

/* Exactly that many bytes; `what` they are is for the message. */
file_status file_read(FILE *file, void *to_fill, size_t bytes, const char *what, const reporter *to);

#endif
