/* A file beside the one that is meant, which then takes its name. */
#include "whole_file.h"

#include <errno.h>

#include "command.h"
#include "file.h"
#include "file_system.h"

static bool open_part(clattn_part_file *part, const char *option, const char *path) {
  if (!file_is_regular(path)) {
    complain("%s: %s exists and is no regular file; it is not replaced", option, path);
    return false;
  }
  if (clattn_part_open(part, path)) return true;
  complain("%s: cannot create a file beside %s: %s", option, path, file_reason(errno));
  return false;
}

bool whole_file_try(const char *option, const char *path) {
  clattn_part_file part;
  if (!open_part(&part, option, path)) return false;
  clattn_part_drop(&part);
  return true;
}

bool whole_file_write(const char *option, const char *path, void (*fill)(FILE *to, const void *from),
                      const void *from) {
  clattn_part_file part;
  if (!open_part(&part, option, path)) return false;
  fill(part.file, from);
  if (clattn_part_place(&part, path, ferror(part.file) == 0)) return true;
  complain("%s: %s cannot be written: %s", option, path, file_reason(errno));
  return false;
}
