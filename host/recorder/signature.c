/* Parses just enough OpenCL C to read the text between `kernel` and `{`. */
#include "recorder/signature.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* ---- text without comments and directives ------------------------------------------------------------------------ */

/* Skips the comment at `from`, if there is one. */
static const char *skip_comment(const char *from) {
  if (from[0] != '/') return from;
  if (from[1] == '/') return from + strcspn(from, "\n");
  if (from[1] != '*') return from;
  const char *end = strstr(from + 2, "*/");
  return end == NULL ? from + strlen(from) : end + 2;
}

/* Skips the directive's line and its continuation lines. */
static const char *skip_directive(const char *from) {
  for (; *from != '\0' && *from != '\n'; ++from)
    if (from[0] == '\\' && from[1] == '\n') ++from;
  return from;
}

static char *plain_text(const char *source) {
  char *text = malloc(strlen(source) + 1), *to = text;
  bool line_begins = true;
  if (text == NULL) return NULL;
  while (*source != '\0') {
    const char *after = skip_comment(source);
    if (after == source && line_begins && *source == '#') after = skip_directive(source);
    if (after != source) {
      source = after;
      *to++ = ' ';
      continue;
    }
    if (*source == '\n' || !isspace((unsigned char)*source)) line_begins = *source == '\n';
    *to++ = isspace((unsigned char)*source) ? ' ' : *source;
    ++source;
  }
  *to = '\0';
  return text;
}

/* ---- words ------------------------------------------------------------------------------------------------------- */

static bool is_word(char c) {
  return isalnum((unsigned char)c) || c == '_';
}

static const char *skip_space(const char *from) {
  return from + strspn(from, " ");
}

static size_t word_length(const char *from) {
  size_t length = 0;
  while (is_word(from[length])) ++length;
  return length;
}

static bool is(const char *word, size_t length, const char *text) {
  return length == strlen(text) && strncmp(word, text, length) == 0;
}

/* Skips to after the parenthesis that closes the one at `from`. */
static const char *skip_parentheses(const char *from) {
  int depth = 0;
  do {
    depth += (*from == '(') - (*from == ')');
    if (*from != '\0') ++from;
  } while (depth > 0 && *from != '\0');
  return from;
}

static bool copy(char *to, size_t size, const char *from, size_t length) {
  if (length >= size) return false;
  memcpy(to, from, length);
  to[length] = '\0';
  return true;
}

/* ---- kernels ----------------------------------------------------------------------------------------------------- */

/* Splits "global const float *q" into the name (the last word) and the type (everything before
 * it). */
static bool read_parameter(const char *from, const char *end, parameter *p) {
  while (end > from && end[-1] == ' ') --end;
  const char *name = end;
  while (name > from && is_word(name[-1])) --name;
  const char *type_end = name;
  while (type_end > from && type_end[-1] == ' ') --type_end;
  from = skip_space(from);
  if (type_end <= from) return false;
  p->pointer = memchr(from, '*', (size_t)(type_end - from)) != NULL;
  return copy(p->name, sizeof p->name, name, (size_t)(end - name)) &&
         copy(p->type, sizeof p->type, from, (size_t)(type_end - from));
}

static bool read_parameters(const char *from, signature *kernel) {
  const char *end = skip_parentheses(from) - 1;
  for (++from; from < end;) {
    const char *comma = memchr(from, ',', (size_t)(end - from)), *stop = comma == NULL ? end : comma;
    if (kernel->count == PARAMETERS_MOST || !read_parameter(from, stop, &kernel->parameter[kernel->count++]))
      return false;
    from = stop + 1;
  }
  return true;
}

/* Reads from just after the word `kernel`. */
static bool read_kernel(const char *from, signature *kernel) {
  kernel->count = 0;
  for (;;) {
    from = skip_space(from);
    const size_t length = word_length(from);
    const char *after = skip_space(from + length);
    if (length == 0) return false;
    if (*after != '(') {
      from = after;
    } else if (is(from, length, "__attribute__")) {
      from = skip_parentheses(after);
    } else {
      return copy(kernel->name, sizeof kernel->name, from, length) && read_parameters(after, kernel);
    }
  }
}

bool signatures_read(const char *source, signature kernels[KERNELS_MOST], size_t *count) {
  char *text = plain_text(source);
  bool good = text != NULL;
  *count = 0;
  for (const char *at = text; good && *at != '\0';) {
    const size_t length = word_length(at);
    if (is(at, length, "kernel") || is(at, length, "__kernel"))
      good = *count < KERNELS_MOST && read_kernel(at + length, &kernels[(*count)++]);
    at += length > 0 ? length : 1;
  }
  free(text);
  return good;
}
