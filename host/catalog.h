/* The catalogue: one row for each kernel. Planner, listing and tests all read this table; a new kernel is one .cl file
 * and one row (CONTRIBUTING.md has the steps). */
#ifndef CLATTN_CATALOG_H
#define CLATTN_CATALOG_H

#include "clattn.h"
#include "traffic.h"

#define CLATTN_TILES_MOST 5
#define CLATTN_VALID_MOST 6

/* A size that a kernel is compiled with; its name is the macro's. */
typedef struct clattn_tile {
  const char *name; /* NULL behind the last */
  int standard;
  int valid[CLATTN_VALID_MOST]; /* 0 behind the last */
} clattn_tile;

/* What follows from the tile values. */
typedef struct clattn_geometry {
  size_t local[2];         /* work-items of a work-group: columns, rows; 0: the driver may choose */
  size_t cols, rows;       /* results of one work-group; of softmax, cols counts whole rows */
  size_t local_bytes;      /* of local memory */
  size_t longest_addition; /* longest chain of additions into one accumulator */
  bool rows_first;         /* rows run along the launch's first dimension, columns along its second */
  bool longest_first;      /* of a causal problem the first work-groups have the most to do, not the last */
} clattn_geometry;

/* What geometry follows from besides the tile values. */
typedef struct clattn_extent {
  size_t terms;               /* of the stage's sums: model_dim, head_dim, key_len */
  size_t head_dim, value_dim; /* of fused */
  bool stored;                /* it reads keys or values that are no floats */
} clattn_extent;

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
  void (*geometry)(const int *value, const clattn_extent *extent, clattn_geometry *geometry);
  clattn_traffic_formula *traffic; /* NULL: of what moves data alone, and of what a library computes */
} clattn_kernel;

/* The row at index; NULL when index >= clattn_kernel_count(). */
const clattn_kernel *clattn_catalog_at(size_t index);

/* Whose rows this stage's kernels are: project's for output. */
clattn_stage clattn_catalog_stage(clattn_stage stage);

/* The row of this stage with this rung number (digits) or name; NULL if there is none. */
const clattn_kernel *clattn_catalog_find(clattn_stage stage, const char *rung_or_name, size_t length);

/* Whether the device meets the row's needs with these tile values: CLATTN_OK, or CLATTN_UNSUPPORTED with the reason. */
clattn_status clattn_row_supported(const clattn_kernel *row, const int *value, const clattn_extent *extent,
                                   const clattn_device_info *device, clattn_error *error);

/* The sizes that plans take without a record, as long as they fit. */
void clattn_standard_tiles(const clattn_kernel *row, const clattn_device_info *device, int value[CLATTN_TILES_MOST]);

/* The standard tile values, made smaller as far as the device needs it. CLATTN_UNSUPPORTED, with what the standard
 * values lack, if no valid values fit. */
clattn_status clattn_fit_tiles(const clattn_kernel *row, const clattn_extent *extent, const clattn_device_info *device,
                               int value[CLATTN_TILES_MOST], clattn_error *error);

#endif
