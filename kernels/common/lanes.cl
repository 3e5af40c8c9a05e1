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

/* Neighbouring lanes of a, then of b, added together: in each half of the result two lanes of each. */
float8 join_twos(float8 a, float8 b) {
  return (float8)(a.s0, b.s0, a.s1, b.s1, a.s4, b.s4, a.s5, b.s5) +
         (float8)(a.s2, b.s2, a.s3, b.s3, a.s6, b.s6, a.s7, b.s7);
}

float8 join_halves(float16 x) {
  const float8 *halves = (const float8 *)&x;
  return halves[0] + halves[1];
}

/* The sums of the lanes of four vectors. Three times as fast as one after the other: half of the work is shared. */
float4 sums_of_lanes(float16 a, float16 b, float16 c, float16 d) {
  const float8 ab = join_twos(join_halves(a), join_halves(b)), cd = join_twos(join_halves(c), join_halves(d));
  const float8 all = (float8)(ab.s0, ab.s1, cd.s0, cd.s1, ab.s4, ab.s5, cd.s4, cd.s5) +
                     (float8)(ab.s2, ab.s3, cd.s2, cd.s3, ab.s6, ab.s7, cd.s6, cd.s7);
  const float4 *halves = (const float4 *)&all;
  return halves[0] + halves[1];
}
