/* Reductions over the lanes of a vector, half by half. Pointers select the halves: oclgrind 21.10 fails on the shuffles
 * that .lo and .hi compile to. vstore16 is no way out: PoCL makes four stores of it, and the next 8-lane load waits.
 */

/* A NaN never counts as larger. It shows later, when the weights are computed. */
float16 larger16(float16 a, float16 b) {
  return a > b ? a : b;
}

float largest_lane(float16 x) {
  const float8 *halves = (const float8 *)&x;
  const float8 of_two = halves[0] > halves[1] ? halves[0] : halves[1];
  const float4 *quarters = (const float4 *)&of_two;
  const float4 of_four = quarters[0] > quarters[1] ? quarters[0] : quarters[1];
  const float left = of_four.x > of_four.y ? of_four.x : of_four.y;
  const float right = of_four.z > of_four.w ? of_four.z : of_four.w;
  return left > right ? left : right;
}

float first_lane(float16 x) {
  return *(const float *)&x;
}

float sum_of_lanes(float16 x) {
  const float8 *halves = (const float8 *)&x;
  const float8 of_two = halves[0] + halves[1];
  const float4 *quarters = (const float4 *)&of_two;
  const float4 of_four = quarters[0] + quarters[1];
  return (of_four.x + of_four.y) + (of_four.z + of_four.w);
}
