/* Finds the marks of an exercise and removes the code between them. */
#include "cli/exercise/starter.h"

#include <stdlib.h>
#include <string.h>

#define END_MARK "/* end of exercise */"
#define YOUR_CODE "/* your code */\n"

typedef struct line {
  const char *begin, *code, *end; /* code: after the indentation; end: after the line break */
} line;

static line line_at(const char *at, const char *text_end) {
  const char *newline = memchr(at, '\n', (size_t)(text_end - at));
  line l = {at, at, newline == NULL ? text_end : newline + 1};
  while (l.code < l.end && (*l.code == ' ' || *l.code == '\t')) ++l.code;
  return l;
}

static bool begins_with(const line *l, const char *word) {
  const size_t length = strlen(word);
  return (size_t)(l->end - l->code) >= length && strncmp(l->code, word, length) == 0;
}

/* Whether the line is the mark that begins this exercise. The task is between the colon and the
 * end of the comment. */
static bool is_mark(const line *l, const char *name, region *found) {
  static const char prefix[] = "/* exercise ", suffix[] = " */";
  const size_t name_length = strlen(name);
  if (!begins_with(l, prefix)) return false;
  const char *at = l->code + sizeof prefix - 1;
  if ((size_t)(l->end - at) < name_length + 2 || strncmp(at, name, name_length) != 0 || at[name_length] != ':')
    return false;
  const char *task = at + name_length + 2;
  for (const char *end = task; end + sizeof suffix - 1 <= l->end; ++end)
    if (strncmp(end, suffix, sizeof suffix - 1) == 0) {
      found->task = task;
      found->task_length = (int)(end - task);
      return true;
    }
  return false;
}

bool region_find(const char *text, size_t bytes, const char *name, region *found) {
  const char *end = text + bytes;
  int number = 1;
  bool inside = false;
  for (line l = line_at(text, end); l.begin < end; l = line_at(l.end, end), ++number) {
    if (!inside && is_mark(&l, name, found)) {
      inside = true;
      found->begin = l.end;
      found->line = number;
    } else if (inside && begins_with(&l, END_MARK)) {
      found->end = l.begin;
      return true;
    }
  }
  return false;
}

/* The position after the comment that begins here; `at` if none does. */
static const char *skip_comment(const char *at, const char *end) {
  if (end - at < 2 || at[0] != '/' || (at[1] != '*' && at[1] != '/')) return at;
  const char *close = at[1] == '*' ? "*/" : "\n";
  const size_t length = strlen(close);
  for (at += 2; (size_t)(end - at) >= length; ++at)
    if (strncmp(at, close, length) == 0) return at + length;
  return end;
}

size_t region_barriers(const region *found) {
  static const char call[] = "barrier(";
  size_t count = 0;
  for (const char *at = found->begin; at < found->end;) {
    const char *after = skip_comment(at, found->end);
    if (after == at) {
      count += (size_t)(found->end - at) >= sizeof call - 1 && strncmp(at, call, sizeof call - 1) == 0;
      ++at;
    } else {
      at = after;
    }
  }
  return count;
}

bool region_is_blank(const region *found) {
  for (line l = line_at(found->begin, found->end); l.begin < found->end; l = line_at(l.end, found->end))
    for (const char *at = l.code; at < l.end && *l.code != '#';) {
      const char *after = skip_comment(at, found->end);
      if (after >= l.end) l.end = after; /* a comment of several lines */
      if (after == at && strchr(" \t\r\n", *at) == NULL) return false;
      at = after == at ? at + 1 : after;
    }
  return true;
}

static char *append(char *to, const char *from, size_t bytes) {
  memcpy(to, from, bytes);
  return to + bytes;
}

/* Appends the line's indentation and its comment, if it has one. Comments are within one line. */
static char *append_comment(char *to, const line *l) {
  for (const char *at = l->code; at + 1 < l->end; ++at) {
    if (at[0] != '/' || at[1] != '*') continue;
    to = append(to, l->begin, (size_t)(l->code - l->begin));
    return append(to, at, (size_t)(l->end - at));
  }
  return to;
}

char *starter_make(const char *text, size_t bytes, const region *found, size_t *starter_bytes) {
  char *starter = malloc(bytes + 256 + sizeof YOUR_CODE), *to = starter;
  bool told = false;
  if (starter == NULL) return NULL;
  to = append(to, text, (size_t)(found->begin - text));
  for (line l = line_at(found->begin, found->end); l.begin < found->end; l = line_at(l.end, found->end)) {
    if (begins_with(&l, "#if") || begins_with(&l, "#el") || begins_with(&l, "#endif")) {
      to = append(to, l.begin, (size_t)(l.end - l.begin));
      continue;
    }
    if (!told) {
      to = append(to, l.begin, (size_t)(l.code - l.begin));
      to = append(to, YOUR_CODE, sizeof YOUR_CODE - 1);
    }
    told = true;
    to = append_comment(to, &l);
  }
  to = append(to, found->end, (size_t)(text + bytes - found->end));
  *starter_bytes = (size_t)(to - starter);
  return starter;
}
