/* Finds a member of a ZIP archive (PKWARE, APPNOTE.TXT 6.3.10, sections 4.3 and 4.4) and reads its bytes.
 *
 *     local header, name | data of the member | ... more members | directory: an entry per member | end record
 *
 * It trusts no byte of the file. It refuses what Python's zipfile refuses, and also: bytes before the first or after
 * the last record, members that overlap each other or the directory, two members of one name, an unpacked size that
 * deflate cannot reach, and archives or members that need ZIP64, several disks or a password.
 *
 * It reads members that are stored, and with zlib (CLATTN_WITH_ZLIB) those that are deflated.
 */
#ifndef CLATTN_CLI_ZIP_H
#define CLATTN_CLI_ZIP_H

#include <stddef.h>
#include <stdint.h>

#include "cli/files/file.h"

/* Where a member is, and what its entry says about it. */
typedef struct zip_member {
  uint64_t data_start, packed_bytes, bytes; /* in the file; packed; unpacked */
  uint32_t checksum;
  bool deflated;
} zip_member;

/* Finds the member NAME + SUFFIX. Without a name (NULL), or with one that is not in the archive, it fails with a
 * message that lists some names, without the suffix. */
file_status zip_find(FILE *file, uint64_t file_bytes, const char *name, const char *suffix, zip_member *member,
                     const reporter *to);

/* The unpacked bytes of a member. Begin with `source`, read exactly the member's bytes from it, then ask zip_close. */
typedef struct zip_stream zip_stream;

/* NULL after filling the message. */
zip_stream *zip_open(FILE *file, const zip_member *member, const reporter *to, file_status *status);
byte_source *zip_source(zip_stream *stream);

/* Whether the member ends here and has the checksum of its entry. */
file_status zip_check_end(zip_stream *stream, const reporter *to);
void zip_close(zip_stream *stream);

#endif
