/* Into how many parts fused, rung 5, cuts the keys. One text for host and device: both must cut alike. */
#ifndef CLATTN_KERNEL_PARTS_H
#define CLATTN_KERNEL_PARTS_H

/* Enough parts that all blocks of rows together make `groups` work-groups, but none of fewer than `part_keys` keys. Of
 * a problem with fewer keys never more. */
static int parts_of(int blocks, int key_len, int groups, int part_keys) {
  const int wanted = groups / blocks, most = (key_len - 1) / part_keys + 1;
  return wanted < 1 ? 1 : wanted < most ? wanted : most;
}

#endif
