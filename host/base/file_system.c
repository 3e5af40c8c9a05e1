/* Makes folders and replaces files atomically: see file_system.h. */
#if defined(__unix__) || defined(__APPLE__)
#define _POSIX_C_SOURCE 200809L
#endif
#include "base/file_system.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/file_target.h"

#ifdef _WIN32
#include <direct.h>
#include <process.h>
#include <windows.h>
static int make_with_mode(const char *path, unsigned mode) {
  (void)mode;
  return _mkdir(path);
}
static bool replace_file(const char *from, const char *to) {
  return MoveFileExA(from, to, MOVEFILE_REPLACE_EXISTING) != 0; /* rename() fails if the target exists */
}
static long process_id(void) {
  return _getpid();
}
const char *clattn_folder_trouble(const char *path) {
  (void)path;
  return NULL;
}
#else
#include <sys/stat.h>
#include <unistd.h>
static int make_with_mode(const char *path, unsigned mode) {
  return mkdir(path, (mode_t)mode);
}
static bool replace_file(const char *from, const char *to) {
  return rename(from, to) == 0;
}
static long process_id(void) {
  return getpid();
}
const char *clattn_folder_trouble(const char *path) {
  struct stat info;
  if (stat(path, &info) != 0) return strerror(errno);
  if (!S_ISDIR(info.st_mode)) return strerror(ENOTDIR);
  if (info.st_uid != geteuid() || (info.st_mode & (S_IWGRP | S_IWOTH)) != 0) return "others may write to the folder";
  return NULL;
}
#endif

char *clattn_last_slash(const char *path) {
  char *slash = strrchr(path, '/');
#ifdef _WIN32
  char *other = strrchr(path, '\\');
  if (other != NULL && (slash == NULL || other > slash)) slash = other;
#endif
  return slash;
}

/* ---- folders ----------------------------------------------------------------------------------------------------- */

bool clattn_make_folder(const char *path, unsigned mode) {
  return make_with_mode(path, mode) == 0 || errno == EEXIST;
}

bool clattn_make_folders(const char *path) {
  const size_t length = strlen(path);
  char *folder = malloc(length + 1);
  if (folder == NULL) return false;
  memcpy(folder, path, length + 1);
  bool made = true;
  /* Mode 0700, as the XDG base directory specification asks. */
  for (char *at = folder + (length > 0); made && (at = strchr(at, '/')) != NULL; ++at) {
    *at = '\0';
    made = clattn_make_folder(folder, CLATTN_FOR_USER);
    *at = '/';
  }
  made = made && clattn_make_folder(folder, CLATTN_FOR_USER);
  const int code = errno;
  free(folder);
  errno = code;
  return made;
}

/* ---- part files -------------------------------------------------------------------------------------------------- */

/* Names to try before giving up. A name can be taken by another thread of this process, by a
 * process with the same id on another machine or in another container, or by a file left after a
 * crash. */
#define MOST_NAMES 1000

/* The process id makes a clash unlikely; mode "x" (fail if the file exists) rules it out. */
static bool create_beside(clattn_part_file *part, const clattn_target *target) {
  const size_t room = strlen(target->path) + 64;
  part->name = malloc(room);
  if (part->name == NULL) {
    errno = ENOMEM;
    return false;
  }
  errno = EEXIST;
  for (int i = 0; i < MOST_NAMES && part->file == NULL && errno == EEXIST; ++i) {
    snprintf(part->name, room, "%s.%ld-%d.part", target->path, process_id(), i);
    errno = 0;
    part->file = fopen(part->name, "wbx");
  }
  if (part->file != NULL) clattn_target_give_mode(target, part->file);
  return part->file != NULL;
}

bool clattn_part_open(clattn_part_file *part, const char *path) {
  clattn_target target;
  *part = (clattn_part_file){.file = NULL};
  if (!clattn_target_find(path, &target)) return false;
  if (target.is_stream)
    part->file = clattn_target_open(&target);
  else
    create_beside(part, &target);
  const int code = part->file != NULL ? 0 : errno;
  part->target = target.path;
  if (part->file == NULL) {
    free(part->name);
    free(part->target);
  }
  errno = code;
  return part->file != NULL;
}

/* On a full disk the error may appear only at fflush() or fclose(). */
bool clattn_part_place(clattn_part_file *part, bool good) {
  good = good && fflush(part->file) == 0;
  int code = errno;
  if (fclose(part->file) != 0 && good) {
    good = false;
    code = errno;
  }
  if (good && part->name != NULL) {
    errno = 0;
    good = replace_file(part->name, part->target);
    code = errno;
  }
  if (!good && part->name != NULL) remove(part->name);
  free(part->name);
  free(part->target);
  errno = code;
  return good;
}

void clattn_part_drop(clattn_part_file *part) {
  fclose(part->file);
  if (part->name != NULL) remove(part->name);
  free(part->name);
  free(part->target);
}

bool clattn_part_try(const char *path) {
  clattn_target target;
  if (!clattn_target_find(path, &target)) return false;
  const bool is_stream = target.is_stream;
  free(target.path);
  if (is_stream) return true;
  clattn_part_file part;
  if (!clattn_part_open(&part, path)) return false;
  clattn_part_drop(&part);
  return true;
}
