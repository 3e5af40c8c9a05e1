/* Operations and bytes of a problem's stages. The problem must be valid. */
#ifndef CLATTN_COSTS_H
#define CLATTN_COSTS_H

#include "clattn_inspect.h"

/* Whether the stage works on scores, of which a problem with a cache has as many as the cache has keys. */
bool clattn_is_of_scores(clattn_stage stage);

/* Lengths count as full. */
double clattn_stage_flops(const clattn_problem *problem, clattn_stage stage);
/* Of the cache, of appending to it. fused: whether the pipeline is. */
double clattn_stage_bytes(const clattn_problem *problem, clattn_stage stage, bool fused);

/* Of bringing what is in the cache into floats: the problem is that which scores see. */
double clattn_gather_bytes(const clattn_problem *seen);

#endif
