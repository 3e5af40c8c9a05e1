/* Names in the user's cache folder: see user_files.h. */
#include "cli/files/user_files.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file_system.h"

/* FNV-1a of both names, so that devices with the same name on two platforms have separate files. */
static unsigned hash_of(const clattn_device_info *device) {
  unsigned hash = 0x811C9DC5u;
  const char *const texts[] = {device->platform, device->name};
  for (int i = 0; i < 2; ++i)
    for (const char *at = texts[i];; ++at) {
      hash = (hash ^ (unsigned char)*at) * 0x01000193u;
      if (*at == '\0') break;
    }
  return hash;
}

/* Keeps letters and digits of the device's name, and replaces what is between them with -. */
static void plain_name(const char *name, char *plain, size_t size) {
  size_t used = 0;
  for (; *name != '\0' && used + 1 < size; ++name) {
    const bool good = isalnum((unsigned char)*name) != 0 && (unsigned char)*name < 0x80;
    if (good || (used > 0 && plain[used - 1] != '-')) plain[used++] = good ? *name : '-';
  }
  plain[used] = '\0';
}

/* The variable's value; NULL if it is not an absolute path, which the XDG base directory
 * specification says to ignore. / */
static const char *absolute(const char *variable) {
  const char *path = getenv(variable);
  if (path == NULL) return NULL;
#ifdef _WIN32
  if (isalpha((unsigned char)path[0]) && path[1] == ':' && (path[2] == '/' || path[2] == '\\')) return path;
#endif
  return path[0] == '/' ? path : NULL;
}

/* The value of the variable if it is set, of any length, because opening it reports errors; NULL
 * if it is empty. Else a name in the user's cache folder. */
static const char *find_path(const char *variable, const char *name, char *path, size_t size) {
  const char *given = getenv(variable), *cache = absolute("XDG_CACHE_HOME"), *home = absolute("HOME");
#ifdef _WIN32
  if (cache == NULL) cache = absolute("LOCALAPPDATA");
#endif
  int length = 0;
  if (given != NULL) return given[0] != '\0' ? given : NULL;
  if (cache != NULL)
    length = snprintf(path, size, "%s/clattn/%s", cache, name);
  else if (home != NULL)
    length = snprintf(path, size, "%s/.cache/clattn/%s", home, name);
  return length > 0 && (size_t)length < size ? path : NULL;
}

const char *tuning_file_path(const clattn_device_info *device, char *path, size_t size) {
  char plain[64], name[96];
  plain_name(device->name, plain, sizeof plain);
  snprintf(name, sizeof name, "%s-%08x.json", plain, hash_of(device));
  return find_path("CLATTN_TUNING_FILE", name, path, size);
}

bool tuning_file_make_folder(const char *path) {
  char folder[4096];
  const char *end = clattn_last_slash(path);
  if (end == NULL || end == path) return true;
  const int length = snprintf(folder, sizeof folder, "%.*s", (int)(end - path), path);
  return (size_t)length < sizeof folder && clattn_make_folders(folder);
}

const char *program_dir_path(char *path, size_t size) {
  return find_path("CLATTN_PROGRAM_DIR", "programs", path, size);
}

const char *kernel_dir_path(void) {
  const char *folder = getenv("CLATTN_KERNEL_DIR");
  return folder != NULL && folder[0] != '\0' ? folder : NULL;
}

static const char *own_program;

void set_own_program(const char *name) {
  static const char of_this_process[] = "/proc/self/exe"; /* Linux; right also after a change of folder */
  FILE *file = fopen(of_this_process, "rb");
  own_program = file != NULL ? of_this_process : name;
  if (file != NULL) fclose(file);
}

clattn_plan_options user_plan_options(char *programs, size_t size) {
  clattn_plan_options options = CLATTN_PLAN_OPTIONS_INIT;
  options.kernel_dir = kernel_dir_path();
  options.program_dir = program_dir_path(programs, size);
  options.try_program = own_program;
  return options;
}
