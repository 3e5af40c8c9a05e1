/* The tuning record's name and folder. */
#include "tuning_file.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"

static const char *variable(const char *name) {
  const char *value = getenv(name);
  return value != NULL && value[0] != '\0' ? value : NULL;
}

/* FNV-1a of both names, so that devices of one name on two platforms have a file each. */
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

/* Letters and digits of the device's name, - for what is between them. */
static void plain_name(const char *name, char *plain, size_t size) {
  size_t used = 0;
  for (; *name != '\0' && used + 1 < size; ++name) {
    const bool good = isalnum((unsigned char)*name) != 0 && (unsigned char)*name < 0x80;
    if (good || (used > 0 && plain[used - 1] != '-')) plain[used++] = good ? *name : '-';
  }
  plain[used] = '\0';
}

const char *tuning_file_path(const clattn_device_info *device, char *path, size_t size) {
  const char *given = getenv("CLATTN_TUNING_FILE"), *cache = variable("XDG_CACHE_HOME"), *home = variable("HOME");
  char name[64];
  int length = -1;
  plain_name(device->name, name, sizeof name);
  if (given != NULL)
    length = given[0] == '\0' ? -1 : snprintf(path, size, "%s", given);
  else if (cache != NULL)
    length = snprintf(path, size, "%s/clattn/%s-%08x.json", cache, name, hash_of(device));
  else if (home != NULL)
    length = snprintf(path, size, "%s/.cache/clattn/%s-%08x.json", home, name, hash_of(device));
  return length > 0 && (size_t)length < size ? path : NULL;
}

bool tuning_file_make_folder(const char *path) {
  char folder[4096];
  const size_t length = strlen(path);
  if (length >= sizeof folder) return false;
  memcpy(folder, path, length + 1);
  for (char *at = strchr(folder + 1, '/'); at != NULL; at = strchr(at + 1, '/')) {
    *at = '\0';
    if (!file_make_folder(folder, true)) return false; /* as the XDG base directory specification asks for */
    *at = '/';
  }
  return true;
}
