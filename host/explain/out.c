/* Formats into memory that doubles when it is full: see out.h. */
#include "explain/out.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Makes room for `more` bytes and a final NUL. */
static bool make_room(out *o, size_t more) {
  if (o->failed) return false;
  if (more < o->room - o->used) return true;
  size_t room = o->room == 0 ? 4096 : o->room;
  while (room - o->used <= more) room *= 2;
  char *text = realloc(o->text, room);
  if (text == NULL) {
    o->failed = true;
    return false;
  }
  o->text = text;
  o->room = room;
  return true;
}

void clattn_out_bytes(out *o, const void *bytes, size_t count) {
  if (!make_room(o, count)) return;
  memcpy(o->text + o->used, bytes, count);
  o->used += count;
  o->text[o->used] = '\0';
}

void clattn_out_add(out *o, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const int length = vsnprintf(NULL, 0, format, arguments);
  va_end(arguments);
  if (length < 0 || !make_room(o, (size_t)length)) {
    o->failed = true;
    return;
  }
  va_start(arguments, format);
  vsnprintf(o->text + o->used, (size_t)length + 1, format, arguments);
  va_end(arguments);
  o->used += (size_t)length;
}

static bool begins_character(char byte) {
  return ((unsigned char)byte & 0xC0) != 0x80;
}

size_t clattn_out_width(const char *text) {
  size_t width = 0;
  for (; *text != '\0'; ++text) width += begins_character(*text);
  return width;
}

void clattn_out_padded(out *o, int width, size_t most, const char *text) {
  size_t bytes = 0, shown = 0;
  while (text[bytes] != '\0' && (shown < most || !begins_character(text[bytes])))
    shown += begins_character(text[bytes++]);
  const int spaces = abs(width) > (int)shown ? abs(width) - (int)shown : 0;
  if (width > 0) clattn_out_add(o, "%*s", spaces, "");
  clattn_out_bytes(o, text, bytes);
  if (width < 0) clattn_out_add(o, "%*s", spaces, "");
}

const char *clattn_out_style(const out *o, out_style style) {
  static const char *const sequences[] = {"\033[0m", "\033[1m", "\033[32m", "\033[31m"};
  return o->coloured ? sequences[style] : "";
}
