/* The bytes of a member of a ZIP archive: see zip.h. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/files/zip.h"

#ifdef CLATTN_WITH_ZLIB
#include <zlib.h>
#endif

#define CHUNK_BYTES 16384

struct zip_stream {
  byte_source source; /* first: its `read` gets the address of both */
  zip_member member;
  uint64_t packed_left;
  uint32_t checksum; /* of what was read, inverted */
#ifdef CLATTN_WITH_ZLIB
  z_stream inflater;
  bool begun, ended;
  unsigned char packed[CHUNK_BYTES];
#endif
};

/* CRC-32 with the polynomial 0xedb88320 (APPNOTE.TXT, 4.4.7), four bits at a time. */
static uint32_t add_to_checksum(uint32_t sum, const unsigned char *at, size_t count) {
  static const uint32_t step[16] = {0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
                                    0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
                                    0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
  for (size_t i = 0; i < count; ++i) {
    sum ^= at[i];
    sum = sum >> 4 ^ step[sum & 15];
    sum = sum >> 4 ^ step[sum & 15];
  }
  return sum;
}

/* As many packed bytes as are there and wanted. */
static size_t read_packed(zip_stream *s, void *to_fill, size_t bytes) {
  byte_source file = file_source(s->source.file);
  const size_t now = bytes < s->packed_left ? bytes : (size_t)s->packed_left;
  const size_t got = file.read(&file, to_fill, now);
  s->packed_left -= got;
  s->source.failure = file.failure;
  return got;
}

static size_t read_stored(byte_source *self, void *to_fill, size_t bytes) {
  zip_stream *s = (zip_stream *)self;
  const size_t got = read_packed(s, to_fill, bytes);
  s->checksum = add_to_checksum(s->checksum, to_fill, got);
  return got;
}

#ifdef CLATTN_WITH_ZLIB
static void refill(zip_stream *s) {
  if (s->inflater.avail_in > 0) return;
  s->inflater.next_in = s->packed;
  s->inflater.avail_in = (uInt)read_packed(s, s->packed, sizeof s->packed);
}

/* Calls are for CHUNK_BYTES at most, which uInt holds. */
static size_t read_deflated(byte_source *self, void *to_fill, size_t bytes) {
  zip_stream *s = (zip_stream *)self;
  s->inflater.next_out = to_fill;
  s->inflater.avail_out = (uInt)bytes;
  while (!s->ended && s->inflater.avail_out > 0 && self->failure == NULL) {
    refill(s);
    const int code = inflate(&s->inflater, Z_NO_FLUSH); /* also without more bytes: it may keep unpacked ones */
    s->ended = code == Z_STREAM_END;
    if (code == Z_BUF_ERROR) break; /* the packed bytes have ended */
    if (code != Z_OK && code != Z_STREAM_END)
      self->failure = s->inflater.msg != NULL ? s->inflater.msg : "it cannot be unpacked";
  }
  const size_t got = bytes - s->inflater.avail_out;
  s->checksum = add_to_checksum(s->checksum, to_fill, got);
  return got;
}

static bool begin_inflating(zip_stream *s) {
  s->source.read = read_deflated;
  s->begun = inflateInit2(&s->inflater, -MAX_WBITS) == Z_OK; /* without a header of zlib */
  return s->begun;
}

static bool is_at_end(zip_stream *s) {
  unsigned char more;
  if (!s->member.deflated) return true;
  return read_deflated(&s->source, &more, 1) == 0 && s->ended && s->packed_left == 0 && s->inflater.avail_in == 0;
}
#else
static bool is_at_end(zip_stream *s) {
  (void)s;
  return true; /* stored: as many bytes packed as unpacked */
}
#endif

zip_stream *zip_open(FILE *file, const zip_member *member, const reporter *to, file_status *status) {
#ifndef CLATTN_WITH_ZLIB
  if (member->deflated) {
    *status = file_fail(to, FILE_UNSUPPORTED,
                        "the array is deflated, and clattn was built without zlib (allowed: stored, as numpy.savez "
                        "writes it)");
    return NULL;
  }
#endif
  zip_stream *s = calloc(1, sizeof *s);
  bool good = s != NULL;
  if (good) {
    s->source = (byte_source){.read = read_stored, .file = file};
    s->member = *member;
    s->packed_left = member->packed_bytes;
    s->checksum = 0xffffffffu;
#ifdef CLATTN_WITH_ZLIB
    if (member->deflated) good = begin_inflating(s);
#endif
  }
  *status = FILE_OK;
  if (!good)
    *status = file_fail(to, FILE_OUT_OF_MEMORY, "no memory to unpack the array");
  else if (!file_seek(file, member->data_start))
    *status = file_fail(to, FILE_READ_FAILED, "byte %" PRIu64 " of the file cannot be reached", member->data_start);
  if (*status == FILE_OK) return s;
  zip_close(s);
  return NULL;
}

byte_source *zip_source(zip_stream *stream) {
  return &stream->source;
}

file_status zip_check_end(zip_stream *s, const reporter *to) {
  const uint32_t checksum = s->checksum ^ 0xffffffffu; /* before is_at_end, which may read on */
  if (!is_at_end(s))
    return file_fail(to, FILE_DAMAGED, "the array does not end after the %" PRIu64 " bytes of its entry",
                     s->member.bytes);
  if (checksum == s->member.checksum) return FILE_OK;
  return file_fail(to, FILE_DAMAGED, "the array has the checksum %08" PRIx32 ", its entry says %08" PRIx32, checksum,
                   s->member.checksum);
}

void zip_close(zip_stream *s) {
  if (s == NULL) return;
#ifdef CLATTN_WITH_ZLIB
  if (s->begun) inflateEnd(&s->inflater);
#endif
  free(s);
}
