/* OpenMP, and its replacement. No header of OpenMP is used, because not every compiler finds it. */
#include "cli/compare/team.h"

#ifdef _OPENMP

bool team_exists(void) {
  return true;
}

size_t team_size(void) {
  size_t threads = 0;
#pragma omp parallel reduction(+ : threads)
  threads += 1;
  return threads;
}

/* Pieces are handed out one by one, because with a causal mask later ones have more to do. */
void team_run(size_t pieces, void (*piece)(void *of, size_t i), void *of) {
#pragma omp parallel for schedule(dynamic, 1)
  for (size_t i = 0; i < pieces; ++i) piece(of, i);
}

#else

bool team_exists(void) {
  return false;
}

size_t team_size(void) {
  return 1;
}

void team_run(size_t pieces, void (*piece)(void *of, size_t i), void *of) {
  for (size_t i = 0; i < pieces; ++i) piece(of, i);
}

#endif
