/* Companions of the fused kernels. */
#include "fused.h"

#include <string.h>

static const clattn_companion companions[] = {{0}};

const clattn_companion *clattn_companion_of(const clattn_kernel *row) {
  for (size_t i = 0; i < sizeof companions / sizeof companions[0]; ++i)
    if (row->stage == CLATTN_STAGE_FUSED && companions[i].row != NULL && strcmp(companions[i].row, row->name) == 0)
      return &companions[i];
  return NULL;
}
