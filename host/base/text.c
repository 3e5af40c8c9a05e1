/* UTF-8 (RFC 3629): see text.h. */
#include "base/text.h"

#include <string.h>

/* Length of a character that begins with this byte; 0: no character begins with it. */
static size_t length_from_first(unsigned char first) {
  if (first < 0x80) return 1;
  if (first < 0xC2) return 0; /* a continuation byte, or an overlong form of ASCII */
  if (first < 0xE0) return 2;
  if (first < 0xF0) return 3;
  return first < 0xF5 ? 4 : 0;
}

static bool is_continuation(char byte) {
  return ((unsigned char)byte & 0xC0) == 0x80;
}

/* Length of the valid character at `at`; 0: there is none. Stops at the final NUL, which is not a
 * continuation byte. */
static size_t valid_length(const char *at) {
  const unsigned char first = (unsigned char)at[0], second = first != 0 ? (unsigned char)at[1] : 0;
  const size_t length = length_from_first(first);
  for (size_t i = 1; i < length; ++i)
    if (!is_continuation(at[i])) return 0;
  if ((first == 0xE0 && second < 0xA0) || (first == 0xF0 && second < 0x90)) return 0; /* overlong */
  if ((first == 0xED && second >= 0xA0) || (first == 0xF4 && second >= 0x90))
    return 0; /* a surrogate, or above U+10FFFF */
  return length;
}

/* Control characters are those of ASCII and U+0080 to U+009F. */
static bool is_control(const char *at, size_t length, bool lines) {
  const unsigned char first = (unsigned char)at[0];
  if (length == 2) return first == 0xC2 && (unsigned char)at[1] < 0xA0;
  if (length != 1 || (lines && (first == '\n' || first == '\t'))) return false;
  return first < ' ' || first == 0x7F;
}

/* Writes the replacement for a byte that is not UTF-8 to `to` (3 bytes) and returns its length. */
static size_t replace_byte(unsigned char byte, char *to) {
  static const char unknown[] = {'\xEF', '\xBF', '\xBD'}; /* U+FFFD */
  if (byte < 0xA0) {
    memcpy(to, unknown, sizeof unknown);
    return sizeof unknown;
  }
  to[0] = (char)(0xC0 | byte >> 6);
  to[1] = (char)(0x80 | (byte & 0x3F));
  return 2;
}

void clattn_text_copy(char *to, size_t size, const char *from, bool lines) {
  size_t used = 0;
  while (*from != '\0') {
    char other[CLATTN_TEXT_GROWTH] = "?";
    const size_t read = valid_length(from);
    const bool control = read > 0 && is_control(from, read, lines);
    const char *written = read > 0 && !control ? from : other;
    const size_t length = read == 0 ? replace_byte((unsigned char)*from, other) : control ? 1 : read;
    if (length >= size - used) break;
    memcpy(to + used, written, length);
    used += length;
    from += read > 0 ? read : 1;
  }
  to[used] = '\0';
}

bool clattn_text_is_utf8(const char *text) {
  while (*text != '\0') {
    const size_t length = valid_length(text);
    if (length == 0) return false;
    text += length;
  }
  return true;
}

void clattn_text_trim(char *text) {
  const size_t length = strlen(text);
  size_t first = length;
  while (first > 0 && length - first < 4) {
    --first;
    if (is_continuation(text[first])) continue;
    if (length_from_first((unsigned char)text[first]) > length - first) text[first] = '\0';
    return;
  }
}
