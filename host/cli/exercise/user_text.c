/* Reads and writes the learner's file. */
#include "cli/exercise/user_text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/files/file.h"
#include "base/file_system.h"

#define PATH_LONGEST 4096
#define LARGEST 1048576

static bool join(char path[PATH_LONGEST], const char *folder, const char *file) {
  return snprintf(path, PATH_LONGEST, "%s/%s", folder, file) < PATH_LONGEST;
}

char *user_text_read(const char *folder, const char *file, size_t *bytes) {
  char path[PATH_LONGEST];
  const reporter nobody = {.path = path};
  FILE *stream = NULL;
  uint64_t size = 0;
  if (!join(path, folder, file) || file_open(&nobody, &stream, &size) != FILE_OK) return NULL;
  char *text = size <= LARGEST ? malloc((size_t)size + 1) : NULL;
  if (text != NULL && file_read(stream, text, (size_t)size, "text", &nobody) != FILE_OK) {
    free(text);
    text = NULL;
  }
  fclose(stream);
  *bytes = (size_t)size;
  return text;
}

/* Makes all folders of the path, the outermost first. */
static bool make_folders(const char *path) {
  char part[PATH_LONGEST];
  for (const char *at = strchr(path + 1, '/'); at != NULL; at = strchr(at + 1, '/')) {
    snprintf(part, sizeof part, "%.*s", (int)(at - path), path);
    if (clattn_make_folder(part, CLATTN_FOR_ALL)) continue;
    complain("%s: cannot make the folder: %s", part, file_reason(errno));
    return false;
  }
  return true;
}

bool user_text_write(const char *folder, const char *file, const char *text, size_t bytes) {
  char path[PATH_LONGEST];
  clattn_part_file part;
  if (!join(path, folder, file)) {
    complain("the path of '%s' in '%s' is too long", file, folder);
    return false;
  }
  if (file_exists(path)) {
    complain("%s is there already and is not overwritten (allowed: another folder, or remove it first)", path);
    return false;
  }
  if (!make_folders(path)) return false;
  errno = 0;
  if (!clattn_part_open(&part, path)) {
    complain("%s: cannot be written: %s", path, file_reason(errno));
    return false;
  }
  const bool written = fwrite(text, 1, bytes, part.file) == bytes;
  if (clattn_part_place(&part, written)) return true;
  complain("%s: cannot be written: %s", path, file_reason(errno));
  return false;
}
