/* convert, rung 1: converts an array from one storage type to another. One work-item converts one element.
 *
 *     for (i ...) to[i] = (to's type)(from[i] + add[i])
 *
 * add is a table of sinusoidal positions, or NULL. See common/stored.cl for the types. The only cost is memory traffic:
 * 6 bytes for each half that is widened.
 */
#include "common/stored.cl"

kernel void convert(global const void *from, global void *to, global const float *add, const conversion c) {
  const size_t i = get_global_id(0);
  if (i >= c.count) return;
  const float value = load_stored(c.from_type, from, c.offset + i);
  store_stored(c.to_type, add ? value + add[c.add_offset + i] : value, to, c.offset + i);
}
