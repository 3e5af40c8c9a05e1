/* The catalogue: one row for each kernel. Planner, listing and tests all read this table; a new kernel is one .cl file
 * and one row (CONTRIBUTING.md has the steps). */
#ifndef CLATTN_CATALOG_H
#define CLATTN_CATALOG_H

#include "clattn_inspect.h"
#include "catalog/geometry.h"
#include "catalog/traffic.h"

#define CLATTN_TILES_MOST 5
#define CLATTN_VALID_MOST 6

/* A size that a kernel is compiled with; its name is the macro's. */
typedef struct clattn_tile {
  const char *name; /* NULL behind the last */
  int standard;
  int valid[CLATTN_VALID_MOST]; /* 0 behind the last */
} clattn_tile;

typedef enum clattn_form { CLATTN_FORM_ANY, CLATTN_FORM_GPU, CLATTN_FORM_CPU, CLATTN_FORM_LIBRARY } clattn_form;

typedef struct clattn_kernel {
  clattn_stage stage;
  int rung;         /* 1 is the plain formula; 0: not on the ladder */
  const char *name; /* unique within the stage */
  clattn_form form;
  const char *file;     /* below kernels/; of a library row: what does with its product what the library cannot */
  const char *function; /* the kernel's name in it */
  const char *idea;
  clattn_tile tile[CLATTN_TILES_MOST + 1];
  clattn_geometry_formula *geometry;
  clattn_traffic_formula *traffic; /* NULL: of what moves data alone, and of what a library computes */
} clattn_kernel;

/* The row at index; NULL when index >= clattn_kernel_count(). */
const clattn_kernel *clattn_catalog_at(size_t index);

/* The row of this stage with this rung number (digits) or name; NULL if there is none. */
const clattn_kernel *clattn_catalog_find(clattn_stage stage, const char *rung_or_name, size_t length);

#endif
