/* What the probes share: their sizes, which part of the data a work-group reads, and a check of the results. No
 * compiler can predict this check; without it, compilers would optimise the unused results away.
 */
#ifndef WIDTH
#define WIDTH 16 /* floats in a vector: 1, 4, 8 or 16 */
#endif
#ifndef CHAINS
#define CHAINS 16 /* vectors that a work-item processes at once */
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

/* The chunk that a work-group reads in a pass. A group of many work-items, as on a GPU, reads a different chunk each
 * time. The chunk it has just read is in a cache of its own compute unit, and attention kernels, whose work-groups
 * share tensors, do not get their speed from that cache. */
size_t chunk_of(int pass) {
  return LOCAL > 1 ? (get_group_id(0) + pass) % get_num_groups(0) : get_group_id(0);
}

/* Each lane of the total must equal `expected`, up to rounding. report counts the work-items for which it does not, and
 * the work-groups that finished. */
void check(const vector *sum, float expected, global int *report) {
  vector total = sum[0];
  for (int c = 1; c < CHAINS; ++c) total += sum[c];
  if (!ALL(fabs(total - expected) <= 1e-3f * expected)) atomic_inc(report);
  if (get_local_id(0) == 0) atomic_inc(report + 1);
}
