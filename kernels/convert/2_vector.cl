/* convert, rung 2: explicit vectors (target: CPU). Formula and arguments as in rung 1. Results have
 * the same bits, except that a NaN which is narrowed to a half may have others.
 *
 * One work-item converts 16 neighbouring elements. CPUs have instructions that widen or narrow 8 or
 * 16 halves at once; a compiler does not find them for a work-item with one element. The last
 * work-item converts the elements that fill no vector one by one.
 *
 * Wins on CPU devices: on a core of an EPYC Zen 5 with PoCL, 5.0 million halves (`clattn run
 * --random --tokens 4096 --model-dim 512 --heads 8 --type f16`) take 0.96 ms, with rung 1 8.9 ms.
 * Loses on GPUs: neighbouring work-items access addresses that are 16 elements apart.
 */
#include "common/stored.cl"

kernel void convert(global const void *from, global void *to, global const float *add, const conversion c) {
  const size_t first = get_global_id(0) * 16;
  if (first + 16 <= c.count) {
    const float16 values = load_stored16(c.from_type, from, c.offset + first);
    store_stored16(c.to_type, add ? values + vload16(0, add + c.add_offset + first) : values, to, c.offset + first);
    return;
  }
  for (size_t i = first; i < c.count; ++i) {
    const float value = load_stored(c.from_type, from, c.offset + i);
    store_stored(c.to_type, add ? value + add[c.add_offset + i] : value, to, c.offset + i);
  }
}
