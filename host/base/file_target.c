/* Resolves links, devices and descriptors: see file_target.h. */
#if defined(__unix__) || defined(__APPLE__)
#define _XOPEN_SOURCE 700
#endif
#include "base/file_target.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#ifdef _WIN32
#include <fcntl.h>
#include <io.h>
#include <windows.h>

/* Windows itself follows links when a path is opened; GetFileType() of "NUL" and "CON" is not
 * FILE_TYPE_DISK. */
bool clattn_target_find(const char *path, clattn_target *target) {
  *target = (clattn_target){.descriptor = -1};
  char final[4096];
  const DWORD share = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
  const HANDLE file = CreateFileA(path, 0, share, NULL, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS, NULL);
  if (file != INVALID_HANDLE_VALUE) {
    BY_HANDLE_FILE_INFORMATION info = {0};
    target->is_stream = GetFileType(file) != FILE_TYPE_DISK;
    const bool told = target->is_stream || GetFileInformationByHandle(file, &info) != 0;
    const DWORD length = target->is_stream ? 0 : GetFinalPathNameByHandleA(file, final, sizeof final, 0);
    CloseHandle(file);
    errno = info.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY ? EISDIR : EACCES;
    if (!told || info.dwFileAttributes & (FILE_ATTRIBUTE_DIRECTORY | FILE_ATTRIBUTE_READONLY)) return false;
    if (length > 0 && length < sizeof final) path = final;
  }
  target->path = _strdup(path);
  if (target->path == NULL) errno = ENOMEM;
  return target->path != NULL;
}

FILE *clattn_target_open(const clattn_target *target) {
  return fopen(target->path, "wb");
}

void clattn_target_give_mode(const clattn_target *target, FILE *file) {
  (void)target;
  (void)file;
}

#else
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_LINKS = 40 }; /* Linux's own limit */

/* Returns "FOLDER/NAME"; free with free(). Does not free `folder`. */
static char *join(const char *folder, const char *name) {
  const size_t room = strlen(folder) + strlen(name) + 2;
  char *path = malloc(room);
  if (path == NULL)
    errno = ENOMEM;
  else
    snprintf(path, room, "%s%s%s", folder, strcmp(folder, "/") == 0 ? "" : "/", name);
  return path;
}

/* Makes the folder part of the path absolute and resolves its links; free with free(). */
static char *with_real_folder(const char *path) {
  const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
  if (name[0] == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
    errno = path[0] != '\0' ? EISDIR : ENOENT;
    return NULL;
  }
  char *folder = slash != NULL ? join("", path) : join(".", "");
  if (folder == NULL) return NULL;
  if (slash != NULL) {
    memmove(folder, path, strlen(path) + 1);
    folder[slash == path ? 1 : slash - path] = '\0';
  }
  char *real = realpath(folder, NULL);
  free(folder);
  char *joined = real != NULL ? join(real, name) : NULL;
  free(real);
  return joined;
}

/* Where the link leads; free with free(). */
static char *link_target(const char *path, size_t bytes) {
  const size_t room = bytes > 0 ? bytes + 1 : 4096; /* links in /proc report a size of 0 */
  char *to = malloc(room);
  const ssize_t length = to != NULL ? readlink(path, to, room - 1) : -1;
  if (to == NULL) errno = ENOMEM;
  if (length < 0) {
    free(to);
    return NULL;
  }
  to[length] = '\0';
  if (to[0] == '/') return to;
  char *folder = strdup(path), *joined = NULL;
  if (folder != NULL) {
    folder[strrchr(path, '/') - path] = '\0';
    joined = join(folder, to);
  } else {
    errno = ENOMEM;
  }
  free(folder);
  free(to);
  return joined;
}

/* The descriptor of this process that the path names; -1: none. */
static int descriptor_of(const char *path) {
  char own[64];
  snprintf(own, sizeof own, "/proc/%ld/fd/", (long)getpid());
  const char *const folders[] = {"/dev/fd/", "/proc/self/fd/", own};
  if (strcmp(path, "/dev/stdout") == 0) return STDOUT_FILENO;
  if (strcmp(path, "/dev/stderr") == 0) return STDERR_FILENO;
  for (size_t i = 0; i < sizeof folders / sizeof folders[0]; ++i) {
    const size_t length = strlen(folders[i]),
                 digits = strspn(path + (strlen(path) < length ? 0 : length), "0123456789");
    if (strncmp(path, folders[i], length) == 0 && digits > 0 && digits < 9 && path[length + digits] == '\0')
      return atoi(path + length);
  }
  return -1;
}

/* A file may also be our redirected output, opened by its ordinary name. Replacing it would lose
 * everything printed later. */
static int descriptor_on(const struct stat *file) {
  struct stat open;
  for (int i = STDOUT_FILENO; i <= STDERR_FILENO; ++i)
    if (fstat(i, &open) == 0 && open.st_dev == file->st_dev && open.st_ino == file->st_ino) return i;
  return -1;
}

/* Follows links up to a path that is no link, or that names a descriptor; free with free(). */
static char *follow(const char *path, int *descriptor) {
  struct stat info;
  char *at = strdup(path);
  if (at == NULL) errno = ENOMEM;
  for (int i = 0; at != NULL; ++i) {
    *descriptor = descriptor_of(at);
    if (*descriptor >= 0) return at;
    char *real = with_real_folder(at);
    free(at);
    at = real;
    if (at == NULL) return NULL;
    *descriptor = descriptor_of(at);
    if (*descriptor >= 0 || lstat(at, &info) != 0 || !S_ISLNK(info.st_mode)) return at;
    if (i == MOST_LINKS) {
      free(at);
      errno = ELOOP;
      return NULL;
    }
    char *next = link_target(at, (size_t)info.st_size);
    free(at);
    at = next;
  }
  return NULL;
}

static bool examine(clattn_target *target) {
  struct stat info;
  const bool there = target->descriptor >= 0 ? fstat(target->descriptor, &info) == 0 : stat(target->path, &info) == 0;
  if (!there) return target->descriptor < 0 && errno == ENOENT;
  if (S_ISDIR(info.st_mode)) {
    errno = EISDIR;
    return false;
  }
  if (target->descriptor < 0 && S_ISREG(info.st_mode)) target->descriptor = descriptor_on(&info);
  /* Never replace anything below /proc: those are files of other processes, or system settings. */
  target->is_stream = target->descriptor >= 0 || !S_ISREG(info.st_mode) || strncmp(target->path, "/proc/", 6) == 0;
  target->exists = !target->is_stream;
  target->mode = info.st_mode & 0777;
  target->owner = info.st_uid;
  target->group = info.st_gid;
  return target->descriptor >= 0 || faccessat(AT_FDCWD, target->path, W_OK, AT_EACCESS) == 0;
}

bool clattn_target_find(const char *path, clattn_target *target) {
  *target = (clattn_target){.descriptor = -1};
  target->path = follow(path, &target->descriptor);
  if (target->path == NULL) return false;
  errno = 0;
  if (examine(target)) return true;
  const int code = errno;
  free(target->path);
  errno = code;
  return false;
}

/* dup() keeps the file position, so this output is added after what was printed before. */
FILE *clattn_target_open(const clattn_target *target) {
  if (target->descriptor >= 0) fflush(target->descriptor == STDERR_FILENO ? stderr : stdout);
  const int opened = target->descriptor >= 0 ? dup(target->descriptor) : open(target->path, O_WRONLY);
  if (opened < 0) return NULL;
  FILE *file = fdopen(opened, "wb");
  const int code = errno;
  if (file == NULL) close(opened);
  errno = code;
  return file;
}

/* Change the owner first, because chown() clears some mode bits. */
void clattn_target_give_mode(const clattn_target *target, FILE *file) {
  if (!target->exists) return;
  if (fchown(fileno(file), (uid_t)target->owner, (gid_t)target->group) != 0 &&
      fchown(fileno(file), (uid_t)-1, (gid_t)target->group) != 0)
    errno = 0; /* keep this user as owner */
  if (fchmod(fileno(file), (mode_t)target->mode) != 0) errno = 0;
}
#endif
