/* Probe: how many bytes per second the device can copy. Not part of attention.
 *
 *     from      |  chunk 0  |  chunk 1  |  ...      chunks as in read.cl; a work-group always writes the same one,
 *     to        |  chunk 0  |  chunk 1  |  ...      to = from + pass, so that no pass can replace another
 *
 * Bytes read and bytes written both count. The host checks that everything was copied.
 */
#include "probe/vector.cl"

/* chunk: its length in vectors, a multiple of LOCAL * CHAINS */
kernel __attribute__((reqd_work_group_size(LOCAL, 1, 1))) void copy_again(global const vector *from, global vector *to,
                                                                          const int chunk, const int passes) {
  global vector *own = to + (size_t)get_group_id(0) * chunk + get_local_id(0);
  for (int pass = 0; pass < passes; ++pass) {
    global const vector *mine = from + chunk_of(pass) * chunk + get_local_id(0);
    for (int i = 0; i < chunk; i += LOCAL * CHAINS) {
#pragma unroll
      for (int c = 0; c < CHAINS; ++c) own[i + c * LOCAL] = mine[i + c * LOCAL] + (float)pass;
    }
  }
}
