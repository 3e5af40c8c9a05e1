/* Reduces one value of each work-item of a group to one value for all, by a tree of log2(LOCAL_X) steps:
 *
 *     item   0  1  2  3        0+2  1+3        0+2+1+3
 *
 * part is local memory for LOCAL_X values; LOCAL_X is a power of two.
 */
float join_max(local float *part, float mine) {
  const int me = get_local_id(0);
  part[me] = mine;
  barrier(CLK_LOCAL_MEM_FENCE); /* all partial maxima are stored */
  for (int half_size = LOCAL_X / 2; half_size > 0; half_size /= 2) {
    if (me < half_size) part[me] = fmax(part[me], part[me + half_size]);
    barrier(CLK_LOCAL_MEM_FENCE); /* a level of the tree is complete before the next reads it */
  }
  const float joined = part[0];
  barrier(CLK_LOCAL_MEM_FENCE); /* everyone has the result before part is reused */
  return joined;
}

float join_sum(local float *part, float mine) {
  const int me = get_local_id(0);
  part[me] = mine;
  barrier(CLK_LOCAL_MEM_FENCE); /* all partial sums are stored */
  /* exercise join: add all values of part with a tree; part[0] must hold the sum before any work-item continues */
  for (int half_size = LOCAL_X / 2; half_size > 0; half_size /= 2) {
    if (me < half_size) part[me] += part[me + half_size];
    barrier(CLK_LOCAL_MEM_FENCE); /* a level of the tree is complete before the next reads it */
  }
  /* end of exercise */
  return part[0];
}
