/* Reader of .npz archives: see npz.h. The member is unpacked while the reader of .npy files takes its bytes, so that no
 * more memory is used than for a file. */
#include "cli/files/npz.h"

#include <string.h>

#include "cli/files/npy.h"
#include "cli/files/zip.h"

static file_status read_member(FILE *file, const zip_member *member, array *out, const reporter *to) {
  file_status status;
  zip_stream *stream = zip_open(file, member, to, &status);
  if (stream == NULL) return status;
  status = npy_read_source(zip_source(stream), member->bytes, out, to);
  if (status == FILE_OK) status = zip_check_end(stream, to);
  zip_close(stream);
  return status;
}

file_status npz_read(const char *path, const char *name, array *out, char *message, size_t message_size) {
  const reporter to = {path, message, message_size};
  zip_member member;
  FILE *file = NULL;
  uint64_t file_bytes = 0;
  memset(out, 0, sizeof *out);
  file_status status = file_open(&to, &file, &file_bytes);
  if (status != FILE_OK) return status;
  status = zip_find(file, file_bytes, name, ".npy", &member, &to);
  if (status == FILE_OK) status = read_member(file, &member, out, &to);
  fclose(file); /* opened for reading: no error can lose data */
  if (status != FILE_OK) array_free(out);
  return status;
}
