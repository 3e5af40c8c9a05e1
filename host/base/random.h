/* Random numbers for sampling and for random input. */
#ifndef CLATTN_RANDOM_H
#define CLATTN_RANDOM_H

#include <stdint.h>

/* SplitMix64 (Steele, Lea and Flood 2014): any seed gives a good sequence. */
static inline uint64_t clattn_random(uint64_t *state) {
  uint64_t z = (*state += 0x9E3779B97F4A7C15u);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

#endif
