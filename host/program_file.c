/* The file of a compiled program: see program_file.h.
 *
 *     clattn program 1            <- the format's version
 *     ...                         <- the key
 *     <size> bytes, <checksum>    <- of what follows the empty line, with the same number of digits always
 *
 *     ...                         <- the driver's bytes
 */
#include "program_file.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file_system.h"
#include "hash.h"

#define LARGEST_FILE ((long)256 << 20)

/* The head of a file with this key and these bytes, malloc'ed; its length follows from the key's alone. */
static char *make_head(const char *key, const unsigned char *bytes, size_t size) {
  const unsigned long long hash = clattn_hash_add(CLATTN_HASH_START, bytes, size);
  const size_t room = strlen(key) + 128;
  char *head = malloc(room);
  if (head != NULL) snprintf(head, room, "clattn program 1\n%s\n%020zu bytes, %016llx\n\n", key, size, hash);
  return head;
}

/* The whole file, malloc'ed; NULL where it cannot be had. */
static unsigned char *read_all(FILE *file, size_t *size) {
  if (fseek(file, 0, SEEK_END) != 0) return NULL;
  const long end = ftell(file);
  if (end <= 0 || end > LARGEST_FILE || fseek(file, 0, SEEK_SET) != 0) return NULL;
  unsigned char *all = malloc((size_t)end);
  *size = (size_t)end;
  if (all == NULL || fread(all, 1, *size, file) == *size) return all;
  free(all);
  return NULL;
}

/* What was read is compared with the head that its bytes would have; so nothing of it needs to be understood. */
static bool is_whole(const unsigned char *all, size_t size, const char *key, size_t *head_size) {
  char *head = make_head(key, all, 0);
  *head_size = head == NULL ? size : strlen(head);
  free(head);
  if (size <= *head_size) return false;
  head = make_head(key, all + *head_size, size - *head_size);
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

/* A full disk may show only when the file is closed. */
static bool write_part(const char *part, const char *head, const unsigned char *bytes, size_t size) {
  FILE *file = fopen(part, "wb");
  if (file == NULL) return false;
  bool good = fwrite(head, 1, strlen(head), file) == strlen(head) && fwrite(bytes, 1, size, file) == size;
  const int code = errno;
  if (fclose(file) != 0) return false;
  if (!good) errno = code;
  return good;
}

int clattn_program_file_write(const char *path, const char *key, const unsigned char *bytes, size_t size) {
  const size_t room = strlen(path) + 64;
  char *part = malloc(room), *head = make_head(key, bytes, size);
  bool placed = false;
  errno = part == NULL || head == NULL ? ENOMEM : 0;
  if (part != NULL && head != NULL) {
    /* No other process here has the number, no other thread of this one the address; should a process of another
     * machine have both, the checksum tells. */
    snprintf(part, room, "%s.%ld-%p.part", path, clattn_process_id(), (void *)head);
    placed = write_part(part, head, bytes, size) && clattn_replace_file(part, path);
    const int code = errno;
    if (!placed) remove(part);
    errno = code;
  }
  free(part);
  free(head);
  return placed ? 0 : errno != 0 ? errno : -1;
}
