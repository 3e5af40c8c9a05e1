/* How rungs of fused divide rows, keys and sums. Host and device share this file: both must divide alike. The number of
 * parts of rung 7 is for the host to say (host/catalog/fused.c). */
#ifndef CLATTN_KERNEL_PARTS_H
#define CLATTN_KERNEL_PARTS_H

/* Rung 5: float keys and values are read in place, or from copies of each strip. */
#define KEYS_FROM_PLACE 1
#define KEYS_FROM_COPY 2

/* Rungs 4, 6, 8 and 9: products that are added up in half where they are halves; a multiple of 4. */
#define HALF_CHAIN 8

/* Rung 6: work-items along y. */
#define SPLIT_LOCAL_Y 4

/* Rung 7: rows of a KV head that a work-item processes, and keys that it processes at a time. */
#define STREAM_ROWS 8
#define STREAM_STRIP 64

/* Rung 6: the number of parts. All blocks of rows together then have `groups` work-groups, but no part has fewer than
 * `part_keys` keys. A problem with fewer keys never gets more parts than a longer one. */
static inline int parts_of(int blocks, int key_len, int groups, int part_keys) {
  const int wanted = groups / blocks, most = (key_len - 1) / part_keys + 1;
  return wanted < 1 ? 1 : wanted < most ? wanted : most;
}

/* Rung 7: keys of a part: whole strips, so many that there are at most `parts` parts. */
static inline int part_len(int key_len, int parts) {
  const int strips = (key_len - 1) / STREAM_STRIP + 1;
  return ((strips - 1) / parts + 1) * STREAM_STRIP;
}

#endif
