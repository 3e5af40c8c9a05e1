/* The catalogue: one row for each kernel. Planner, listings and tests all read this table; a new
 * kernel is one .cl file and one row in host/catalog/kernels.c (CONTRIBUTING.md has the steps). */
#ifndef CLATTN_CATALOG_H
#define CLATTN_CATALOG_H

#include "clattn_inspect.h"
#include "catalog/forms.h"
#include "catalog/geometry.h"
#include "catalog/needs.h"
#include "catalog/traffic.h"

#define CLATTN_TILES_MOST 6
#define CLATTN_VALID_MOST 8

/* A size that a kernel is compiled with; its name is the macro's. */
typedef struct clattn_tile {
  const char *name;             /* NULL ends the list */
  int standard;                 /* unless the family of device and problem has its own (families.h) */
  int valid[CLATTN_VALID_MOST]; /* 0 ends the list */
} clattn_tile;

/* The kind of device that a kernel was written for. */
typedef enum clattn_target { CLATTN_TARGET_ANY, CLATTN_TARGET_CPU, CLATTN_TARGET_GPU } clattn_target;

/* "any", "cpu", "gpu" */
const char *clattn_target_name(clattn_target target);

struct clattn_post_process;

typedef struct clattn_kernel {
  clattn_stage stage;
  int rung;         /* number in the course, unique within the stage; 0: not in the course */
  const char *name; /* unique within the stage */
  clattn_target target;
  unsigned needs;    /* bits of clattn_need: what a device must have */
  int priority;      /* plans try kernels from the highest down; unique within the stage */
  bool few_rows;     /* plans take it only for problems with clattn_has_few_rows() */
  bool plain;        /* the formula: reads its operands from memory again for each result */
  bool reads_panels; /* of project: also takes matrices in panels (projection_part.in_panels) */
  bool stores_types; /* of fused and project: also stores results as f16 or bf16 (clattn_makes_stored) */
  bool matrix_unit;  /* of fused and project: multiplies in a matrix unit; its first tile is the unit (catalog/matrix.h)
                      */
  bool reads_cache;  /* of fused: reads caches in place; has three more arguments: scales, and the table of pages */
  unsigned forms;    /* bits of clattn_form: what its file is compiled for besides tile sizes */
  bool library;      /* CLBlast's: plans take it by name or for the pipeline blas */
  const char *file;  /* below kernels/; for a library row: its GEMM's post-process */
  const char *function; /* the kernel's name in the file */
  const char *idea;     /* one line */
  clattn_tile tile[CLATTN_TILES_MOST + 1];
  clattn_geometry_formula *geometry;
  clattn_traffic_formula *traffic; /* NULL: it only moves data, or it is CLBlast's */
  /* A second kernel in its file that runs after it (catalog/fused.h), or NULL. */
  const struct clattn_post_process *post_process;
} clattn_kernel;

/* Whether the tile is no size but the matrix unit: the device decides, and plans and tuning never try another. */
bool clattn_tile_is_of_device(const clattn_kernel *row, const clattn_tile *tile);

/* The table of host/catalog/kernels.c. */
extern const clattn_kernel clattn_kernels[];
extern const size_t clattn_kernels_count;

/* The row at index; NULL when index >= clattn_kernel_count(). */
const clattn_kernel *clattn_catalog_at(size_t index);

/* The row of this stage with this rung (decimal digits) or name; NULL if there is none. */
const clattn_kernel *clattn_catalog_find(clattn_stage stage, const char *rung_or_name, size_t length);

/* Whether the kernel reads this problem's cache in place. */
bool clattn_kernel_reads_cache(const clattn_kernel *row, const clattn_problem *problem);

#endif
