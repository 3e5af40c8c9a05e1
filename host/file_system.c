/* Folders, replacing and the process: see file_system.h. */
#include "file_system.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef _WIN32
#include <direct.h>
#include <process.h>
#include <windows.h>
static bool make_folder(const char *path) {
  return _mkdir(path) == 0 || errno == EEXIST;
}
bool clattn_replace_file(const char *from, const char *to) {
  return MoveFileExA(from, to, MOVEFILE_REPLACE_EXISTING) != 0; /* rename would refuse an existing target */
}
long clattn_process_id(void) {
  return _getpid();
}
#else
#include <sys/stat.h>
#include <unistd.h>
static bool make_folder(const char *path) {
  return mkdir(path, 0700) == 0 || errno == EEXIST; /* as the XDG base directory specification asks for */
}
bool clattn_replace_file(const char *from, const char *to) {
  return rename(from, to) == 0;
}
long clattn_process_id(void) {
  return getpid();
}
#endif

bool clattn_make_folders(const char *path) {
  const size_t length = strlen(path);
  char *folder = malloc(length + 1);
  if (folder == NULL) return false;
  memcpy(folder, path, length + 1);
  bool made = true;
  for (char *at = folder + (length > 0); made && (at = strchr(at, '/')) != NULL; ++at) {
    *at = '\0';
    made = make_folder(folder);
    *at = '/';
  }
  made = made && make_folder(folder);
  free(folder);
  return made;
}
