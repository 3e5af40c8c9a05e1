/* What the probes share: their sizes, and how results that nobody needs are kept from being optimised away. */
#ifndef WIDTH
#define WIDTH 16 /* floats of a vector: 4, 8 or 16 */
#endif
#ifndef CHAINS
#define CHAINS 16 /* vectors that a work-item works on at once */
#endif
#ifndef LOCAL
#define LOCAL 1 /* work-items of a work-group */
#endif

#define JOIN(a, b) a##b
#define VECTOR(width) JOIN(float, width)
typedef VECTOR(WIDTH) vector;

/* The host's numbers never add up to -1, which the compiler cannot know. */
void keep(const vector *sum, global int *out) {
  vector total = sum[0];
  for (int c = 1; c < CHAINS; ++c) total += sum[c];
  if (any(total == -1.0f)) *out = 1;
}
