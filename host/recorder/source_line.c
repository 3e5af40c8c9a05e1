/* Runs addr2line, which is part of binutils. */
#define _POSIX_C_SOURCE 200809L
#include "recorder/source_line.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void source_line(const char *shared_object, uint32_t at, const char *otherwise, char text[SOURCE_LINE_TEXT]) {
  char command[512], line[512] = "";
  snprintf(text, SOURCE_LINE_TEXT, "%s", otherwise);
  const int length =
      snprintf(command, sizeof command, "addr2line -e '%s' 0x%" PRIx32 " 2>/dev/null", shared_object, at - 1);
  if (length < 0 || (size_t)length >= sizeof command) return;
  FILE *stream = popen(command, "r");
  if (stream == NULL) return;
  const char *got = fgets(line, sizeof line, stream);
  pclose(stream);
  if (got == NULL) return;
  line[strcspn(line, " \n")] = '\0'; /* also removes " (discriminator 2)" */
  const char *file = strstr(line, "kernels/");
  if (file != NULL && strchr(file, '?') == NULL) snprintf(text, SOURCE_LINE_TEXT, "%.150s", file);
}
