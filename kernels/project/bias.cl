/* bias: adds the bias to a projection, in place. Post-processes a product that has no bias (CLBlast's).
 *
 * out (rows, columns), bias (columns). The work-item's number is (column, row).
 */
#include "common/projection.cl"

kernel void bias(global const float *bias, global float *out, const projection p) {
  const int column = get_global_id(0), row = get_global_id(1);
  const projection_part part = p.part[0];
  if (column < part.columns && row < p.rows)
    out[(size_t)row * part.columns + column] += bias[part.bias_offset + column];
}
