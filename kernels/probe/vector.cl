/* What the probes share: their sizes, which part of the data a work-group takes, and the check of what came out, which
 * no compiler can foresee: without it what nobody needs would be optimised away.
 */
#ifndef WIDTH
#define WIDTH 16 /* floats of a vector: 1, 4, 8 or 16 */
#endif
#ifndef CHAINS
#define CHAINS 16 /* vectors that a work-item works on at once */
#endif
#ifndef LOCAL
#define LOCAL 1 /* work-items of a work-group */
#endif

#if WIDTH == 1
typedef float vector;
#define ALL(x) (x)
#else
#define JOIN(a, b) a##b
#define VECTOR(width) JOIN(float, width)
typedef VECTOR(WIDTH) vector;
#define ALL(x) all(x)
#endif

/* The chunk that a work-group reads in a pass. One of many work-items, as on a GPU, takes another each time: what it
 * has read just now lies in a cache that it shares with no other, and kernels whose work-groups read the same tensors
 * do not live from that. */
size_t chunk_of(int pass) {
  return LOCAL > 1 ? (get_group_id(0) + pass) % get_num_groups(0) : get_group_id(0);
}

/* Each lane of the sums together must be `expected`, but for rounding. report: work-items for which it is not, and
 * work-groups that came to their end. */
void check(const vector *sum, float expected, global int *report) {
  vector total = sum[0];
  for (int c = 1; c < CHAINS; ++c) total += sum[c];
  if (!ALL(fabs(total - expected) <= 1e-3f * expected)) atomic_inc(report);
  if (get_local_id(0) == 0) atomic_inc(report + 1);
}
