/* rotary, rung 1: rotary position embedding of q or of the new keys. One work-item rotates one pair of elements.
 *
 *     for (each vector x, at position p) for (each pair (a, b) of its first rotary_dim elements) {
 *       a' = x[a] * cos(p * base^(-2 pair / rotary_dim)) - x[b] * sin(...)
 *       b' = x[b] * cos(...)                             + x[a] * sin(...)
 *     }
 *
 * The elements of a pair are neighbours (interleaved) or half of rotary_dim apart. Elements after the first rotary_dim
 * are copied. from and to may be the same buffer: a work-item writes only elements that no other work-item reads.
 *
 * table (rows, rotary_dim / 2, 2) holds cos and sin of the positions in use, computed in double on the host. It has a
 * row for each token or, if all sequences start at the same position, for each row of a sequence. The work-item's
 * number is (head * items + pair or remaining element, token, batch).
 */
#include "common/stored.cl"

kernel void rotary(global const void *from, global float *to, global const float *table, const rotation r,
                   global const int *sequences) {
  const int pairs = r.rotary_dim / 2, items = r.dim - pairs;
  const int head = get_global_id(0) / items, item = get_global_id(0) - head * items;
  const int row = get_global_id(1), batch = get_global_id(2);
  int first = 0, rows = r.rows;
  if (sequences) {
    global const int *s = sequences + batch * SEQUENCE_INTS;
    first = s[r.of_keys ? SEQUENCE_FIRST_NEW : SEQUENCE_FIRST_QUERY];
    if (r.packed) rows = s[r.of_keys ? SEQUENCE_NEW_LEN : SEQUENCE_QUERY_LEN]; /* else padding is rotated, too */
  }
  if (head >= r.heads || row >= rows) return;
  const size_t token = first + row;
  const size_t at = batch * r.from.batch + head * r.from.head + token * r.from.row;
  global float *vector = to + batch * r.to.batch + head * r.to.head + token * r.to.row;
  if (item >= pairs) {
    const int element = r.rotary_dim + item - pairs;
    vector[element] = load_stored(r.from_type, from, at + element);
    return;
  }
  const int first_of_pair = r.interleaved ? 2 * item : item, second = r.interleaved ? 2 * item + 1 : item + pairs;
  const size_t own_row = r.packed ? token : (size_t)batch * r.rows + row;
  const float2 turn = vload2((r.table_by_token ? own_row : (size_t)row) * pairs + item, table);
  const float x = load_stored(r.from_type, from, at + first_of_pair), y = load_stored(r.from_type, from, at + second);
  vector[first_of_pair] = x * turn.x - y * turn.y;
  vector[second] = y * turn.x + x * turn.y;
}
