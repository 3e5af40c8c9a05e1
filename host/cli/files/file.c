/* Files: see file.h. Sizes and positions have 64 bits if those of the system have. */
#if defined(__unix__) || defined(__APPLE__)
#define _POSIX_C_SOURCE 200809L /* fseeko */
#endif
#include "cli/files/file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#if defined(__unix__) || defined(__APPLE__)
#include <sys/stat.h>
#define HAS_STAT
#endif

/* long has 32 bits on Windows and on 32-bit systems. */
#ifdef _WIN32
#include <windows.h>
#define seek_to(file, position, from) _fseeki64(file, (int64_t)(position), from)
#define position_of(file) _ftelli64(file)
#else
#define seek_to(file, position, from) fseeko(file, (off_t)(position), from)
#define position_of(file) ftello(file)
#endif

/* Replaces control characters, which may be quoted from a file: those of ASCII, and U+0080 to
 * U+009F in UTF-8. */
static void make_printable(char *text) {
  unsigned char before = 0;
  for (; *text != '\0'; ++text) {
    const unsigned char now = (unsigned char)*text;
    if (now < ' ' || now == 0x7f || (before == 0xc2 && now < 0xa0)) *text = '?';
    before = now;
  }
}

file_status file_fail(const reporter *to, file_status status, const char *format, ...) {
  if (!to->message || to->size == 0) return status;
  const int written = snprintf(to->message, to->size, "%s: ", to->path);
  if (written < 0 || (size_t)written >= to->size) return status;
  va_list values;
  va_start(values, format);
  vsnprintf(to->message + written, to->size - (size_t)written, format, values);
  va_end(values);
  make_printable(to->message + written);
  return status;
}

const char *file_reason(int code) {
  return code ? strerror(code) : "unknown reason";
}

#ifdef _WIN32
/* As stat() tells where the C library's has no numbers of files. Also of folders. */
static bool identify(const char *path, BY_HANDLE_FILE_INFORMATION *info) {
  const HANDLE file = CreateFileA(path, 0, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL, OPEN_EXISTING,
                                  FILE_FLAG_BACKUP_SEMANTICS, NULL);
  if (file == INVALID_HANDLE_VALUE) return false;
  const bool told = GetFileInformationByHandle(file, info) != 0;
  CloseHandle(file);
  return told;
}
#endif

bool file_exists(const char *path) {
#ifdef HAS_STAT
  struct stat info;
  return stat(path, &info) == 0;
#else
  FILE *file = fopen(path, "rb");
  if (file) fclose(file);
  return file != NULL;
#endif
}

bool file_is_same(const char *path, const char *other) {
#ifdef HAS_STAT
  struct stat a, b;
  return stat(path, &a) == 0 && stat(other, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
#elif defined(_WIN32)
  BY_HANDLE_FILE_INFORMATION a, b;
  return identify(path, &a) && identify(other, &b) && a.dwVolumeSerialNumber == b.dwVolumeSerialNumber &&
         a.nFileIndexHigh == b.nFileIndexHigh && a.nFileIndexLow == b.nFileIndexLow;
#else
  return strcmp(path, other) == 0 && file_exists(path);
#endif
}

bool file_is_regular(const char *path) {
#ifdef HAS_STAT
  struct stat info;
  if (stat(path, &info) == 0) return S_ISREG(info.st_mode);
#elif defined(_WIN32)
  BY_HANDLE_FILE_INFORMATION info;
  if (identify(path, &info)) return (info.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY) == 0;
#else
  (void)path;
#endif
  return true;
}

static bool measure(FILE *file, uint64_t *bytes) {
  if (seek_to(file, 0, SEEK_END) != 0) return false;
  const int64_t end = position_of(file);
  *bytes = (uint64_t)end;
  return end >= 0 && file_seek(file, 0);
}

file_status file_open(const reporter *to, FILE **file, uint64_t *bytes) {
  if (!file_is_regular(to->path)) {
    return file_fail(to, FILE_CANNOT_OPEN, "not a regular file (allowed: a file, not a folder)");
  }
  errno = 0;
  *file = fopen(to->path, "rb");
  if (!*file) return file_fail(to, FILE_CANNOT_OPEN, "cannot be opened: %s", file_reason(errno));
  if (measure(*file, bytes)) return FILE_OK;
  fclose(*file);
  *file = NULL;
  return file_fail(to, FILE_READ_FAILED, "the size of the file cannot be found");
}

bool file_seek(FILE *file, uint64_t position) {
  return seek_to(file, position, SEEK_SET) == 0;
}

static size_t read_file(byte_source *self, void *to_fill, size_t bytes) {
  errno = 0;
  const size_t got = fread(to_fill, 1, bytes, self->file);
  if (got < bytes && ferror(self->file)) self->failure = file_reason(errno);
  return got;
}

byte_source file_source(FILE *file) {
  return (byte_source){.read = read_file, .file = file};
}

file_status source_read(byte_source *source, void *to_fill, size_t bytes, const char *what, const reporter *to) {
  const size_t got = source->read(source, to_fill, bytes);
  source->taken += got;
  if (got == bytes) return FILE_OK;
  if (source->failure) return file_fail(to, FILE_READ_FAILED, "cannot read the %s: %s", what, source->failure);
  return file_fail(to, FILE_TRUNCATED, "the file ends within the %s: %zu bytes instead of %zu", what, got, bytes);
}

file_status file_read(FILE *file, void *to_fill, size_t bytes, const char *what, const reporter *to) {
  byte_source source = file_source(file);
  return source_read(&source, to_fill, bytes, what, to);
}

char *file_join(const char *folder, const char *name) {
  const size_t size = strlen(folder) + strlen(name) + 2;
  char *path = malloc(size);
  if (path != NULL) snprintf(path, size, "%s/%s", folder, name);
  return path;
}

static file_status load_opened(FILE *file, uint64_t bytes, const char *what, size_t most, char **text,
                               const reporter *to) {
  if (bytes > most)
    return file_fail(to, FILE_TOO_LARGE, "the %s has %" PRIu64 " bytes (allowed: up to %zu)", what, bytes, most);
  *text = malloc((size_t)bytes + 1);
  if (*text == NULL) return file_fail(to, FILE_OUT_OF_MEMORY, "no memory for the %s, %" PRIu64 " bytes", what, bytes);
  (*text)[bytes] = '\0';
  return file_read(file, *text, (size_t)bytes, what, to);
}

file_status file_load(const reporter *to, const char *what, size_t most, char **text, size_t *bytes) {
  FILE *file = NULL;
  uint64_t size = 0;
  *text = NULL;
  file_status status = file_open(to, &file, &size);
  if (status != FILE_OK) return status;
  status = load_opened(file, size, what, most, text, to);
  fclose(file); /* opened for reading: no error can lose data */
  *bytes = (size_t)size;
  if (status == FILE_OK) return status;
  free(*text);
  *text = NULL;
  return status;
}
