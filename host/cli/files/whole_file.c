/* Writes a second file, which is then renamed. */
#include "cli/files/whole_file.h"

#include <errno.h>

#include "cli/command.h"
#include "cli/files/file.h"
#include "base/file_system.h"

static bool fail(const char *option, const char *path) {
  complain("%s: %s cannot be written: %s", option, path, file_reason(errno));
  return false;
}

bool whole_file_try(const char *option, const char *path) {
  errno = 0;
  return clattn_part_try(path) || fail(option, path);
}

bool whole_file_write(const char *option, const char *path, void (*fill)(FILE *to, const void *from),
                      const void *from) {
  clattn_part_file part;
  errno = 0;
  if (!clattn_part_open(&part, path)) return fail(option, path);
  fill(part.file, from);
  return clattn_part_place(&part, ferror(part.file) == 0) || fail(option, path);
}
