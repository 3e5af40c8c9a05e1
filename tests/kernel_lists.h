/* Lists of kernels for tests. They come from the catalogue: a new row is in them without an
 * edit. */
#ifndef CLATTN_TESTS_KERNEL_LISTS_H
#define CLATTN_TESTS_KERNEL_LISTS_H

#include <stdbool.h>
#include <stddef.h>

#include "catalog/catalog.h"

typedef enum kernel_sizes {
  SIZES_PLANNED, /* those that a plan takes: none are named */
  SIZES_SMALL,   /* the smallest value above 1 of each tile: several tiles and parts */
  SIZES_TURNED   /* kernels with tiles, as often as it takes to try all values */
} kernel_sizes;

/* Which kernels a list has, and with which tile sizes. */
typedef struct kernel_filter {
  bool (*wanted)(const clattn_kernel *row);
  kernel_sizes sizes;
} kernel_filter;

#define KERNEL_LIST_TEXT 512

/* The n-th kernel of the stage as options name it: "scores=tiled", with sizes
 * "scores=tiled:TILE=8". false where there are fewer. */
bool kernel_list_stage(clattn_stage stage, size_t n, const kernel_filter *filter, char text[KERNEL_LIST_TEXT]);

/* The n-th kernel of each stage of the pipeline staged that computes,
 * "project=tiled,scores=tiled,...,output=tiled"; a stage with fewer kernels begins again. false
 * where no stage has so many. */
bool kernel_list_staged(size_t n, const kernel_filter *filter, char text[KERNEL_LIST_TEXT]);

/* Reasons to leave a kernel out. */
bool kernel_is_ours(const clattn_kernel *row);            /* neither CLBlast's nor for a matrix unit */
bool kernel_has_tiles(const clattn_kernel *row);          /* the same, and it has tile sizes */
bool kernel_needs_little(const clattn_kernel *row);       /* the same, and it needs no more than local memory */
bool kernel_is_default_of_gpus(const clattn_kernel *row); /* what a plan takes on such a GPU, for many rows */

#endif
