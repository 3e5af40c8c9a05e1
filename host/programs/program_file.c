/* The file of a compiled program: see program_file.h.
 *
 *     clattn program 1            <- the format's version
 *     ...                         <- the key
 *     <size> bytes, <checksum>    <- for everything after the empty line; always the same digits
 *
 *     ...                         <- the driver's binary
 */
#include "programs/program_file.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file_system.h"
#include "base/hash.h"

#define LARGEST_FILE ((size_t)256 << 20)
#define HEAD "clattn program 1\n%s\n%020zu bytes, %016llx\n\n"

/* Depends only on the key's length. */
static size_t size_of_head(const char *key) {
  return (size_t)snprintf(NULL, 0, HEAD, key, (size_t)0, 0ull);
}

/* The head of a file with this key and these bytes; free with free(). */
static char *make_head(const char *key, const unsigned char *bytes, size_t size) {
  const unsigned long long hash = clattn_hash_add(CLATTN_HASH_START, bytes, size);
  const size_t room = size_of_head(key) + 1;
  char *head = malloc(room);
  if (head != NULL) snprintf(head, room, HEAD, key, size, hash);
  return head;
}

/* The whole file; free with free(). NULL if it cannot be read. */
static unsigned char *read_all(FILE *file, size_t *size) {
  if (fseek(file, 0, SEEK_END) != 0) return NULL;
  const long end = ftell(file);
  if (end <= 0 || (size_t)end > LARGEST_FILE || fseek(file, 0, SEEK_SET) != 0) return NULL;
  unsigned char *all = malloc((size_t)end);
  *size = (size_t)end;
  if (all == NULL || fread(all, 1, *size, file) == *size) return all;
  free(all);
  return NULL;
}

/* Compares the file's head with the head that its bytes should have. Nothing in the file has to be
 * parsed. */
static bool is_whole(const unsigned char *all, size_t size, const char *key, size_t *head_size) {
  *head_size = size_of_head(key);
  if (size <= *head_size) return false;
  char *head = make_head(key, all + *head_size, size - *head_size);
  const bool whole = head != NULL && memcmp(all, head, *head_size) == 0;
  free(head);
  return whole;
}

clattn_program_file_state clattn_program_file_read(const char *path, const char *key, unsigned char **bytes,
                                                   size_t *size) {
  size_t all_size = 0, head_size = 0;
  *bytes = NULL;
  errno = 0;
  FILE *file = fopen(path, "rb");
  if (file == NULL) return errno == ENOENT ? CLATTN_PROGRAM_FILE_MISSING : CLATTN_PROGRAM_FILE_USELESS;
  unsigned char *all = read_all(file, &all_size);
  fclose(file);
  if (all == NULL || !is_whole(all, all_size, key, &head_size)) {
    free(all);
    return CLATTN_PROGRAM_FILE_USELESS;
  }
  *size = all_size - head_size;
  memmove(all, all + head_size, *size);
  *bytes = all;
  return CLATTN_PROGRAM_FILE_READ;
}

int clattn_program_file_write(const char *path, const char *key, const unsigned char *bytes, size_t size) {
  const size_t head_size = size_of_head(key);
  clattn_part_file part;
  if (size > LARGEST_FILE || head_size > LARGEST_FILE - size) return EFBIG;
  char *head = make_head(key, bytes, size);
  if (head == NULL) return ENOMEM;
  bool placed = clattn_part_open(&part, path);
  if (placed) {
    const bool good = fwrite(head, 1, head_size, part.file) == head_size && fwrite(bytes, 1, size, part.file) == size;
    placed = clattn_part_place(&part, good);
  }
  const int code = errno;
  free(head);
  return placed ? 0 : code != 0 ? code : -1;
}
