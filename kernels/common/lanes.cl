/* Joining the lanes of a vector. Through memory, which costs no more: oclgrind 21.10 fails on the shuffles that become
 * of .lo and .hi.
 */

/* A NaN is not larger, and is found when weights are made. */
float16 larger16(float16 a, float16 b) {
  return a > b ? a : b;
}

float largest_lane(float16 x) {
  float lanes[16];
  vstore16(x, 0, lanes);
  float8 half_of = vload8(0, lanes) > vload8(1, lanes) ? vload8(0, lanes) : vload8(1, lanes);
  vstore8(half_of, 0, lanes);
  float4 quarter = vload4(0, lanes) > vload4(1, lanes) ? vload4(0, lanes) : vload4(1, lanes);
  const float left = quarter.x > quarter.y ? quarter.x : quarter.y;
  const float right = quarter.z > quarter.w ? quarter.z : quarter.w;
  return left > right ? left : right;
}

float first_lane(float16 x) {
  float lanes[16];
  vstore16(x, 0, lanes);
  return lanes[0];
}

float sum_of_lanes(float16 x) {
  float lanes[16];
  vstore16(x, 0, lanes);
  vstore8(vload8(0, lanes) + vload8(1, lanes), 0, lanes);
  const float4 quarter = vload4(0, lanes) + vload4(1, lanes);
  return (quarter.x + quarter.y) + (quarter.z + quarter.w);
}
