/* Reads the names of tokens: see tokens.h. */
#include "cli/explain/tokens.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/command.h"
#include "cli/files/file.h"

#define OPTION "--tokens-from"
#define MOST_BYTES (1u << 20)

/* Ends the line that begins at `line` with a NUL, also before the CR of a file from Windows; returns where the next one
 * begins. */
static char *end_line(char *line, char *end) {
  char *at = memchr(line, '\n', (size_t)(end - line));
  if (at == NULL) at = end;
  char *next = at < end ? at + 1 : end;
  *at = '\0';
  if (at > line && at[-1] == '\r') at[-1] = '\0';
  return next;
}

static bool is_name(const char *path, const char *line, const char *next, size_t number) {
  const char *what = line[0] == '\0'                            ? "is empty"
                     : strlen(line) + 2 < (size_t)(next - line) ? "contains a byte 0"
                     : !clattn_text_is_utf8(line)               ? "is not UTF-8"
                                                                : NULL;
  if (what == NULL) return true;
  complain(OPTION ": %s: line %zu %s (allowed: a token on each line, in UTF-8)", path, number, what);
  return false;
}

bool token_names_read(const char *path, token_names *names) {
  static const char mark[] = {'\xEF', '\xBB', '\xBF'}; /* Windows' sign of UTF-8 */
  char message[1024];
  size_t size = 0, lines = 1;
  *names = (token_names){.count = 0};
  if (path == NULL) return true;
  const reporter to = {path, message, sizeof message};
  if (file_load(&to, "list of tokens", MOST_BYTES, &names->text, &size) != FILE_OK) {
    complain(OPTION ": %s", message);
    return false;
  }
  char *line = names->text, *end = line + size;
  if (size >= sizeof mark && memcmp(line, mark, sizeof mark) == 0) line += sizeof mark;
  for (const char *c = line; c < end; ++c) lines += *c == '\n';
  names->name = malloc(lines * sizeof *names->name);
  if (names->name == NULL) {
    complain("no host memory for the names of tokens");
    return false;
  }
  while (line < end) {
    char *next = end_line(line, end);
    if (!is_name(path, line, next, names->count + 1)) return false;
    names->name[names->count++] = line;
    line = next;
  }
  if (names->count > 0) return true;
  complain(OPTION ": %s is empty (allowed: a token on each line)", path);
  return false;
}

void token_names_free(token_names *names) {
  free(names->text);
  free(names->name);
  *names = (token_names){.count = 0};
}
