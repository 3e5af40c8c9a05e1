/* Operations and bytes of a problem's stages. The problem must be valid. */
#ifndef CLATTN_COSTS_H
#define CLATTN_COSTS_H

#include "clattn.h"

/* Lengths count as full. */
double clattn_stage_flops(const clattn_problem *problem, clattn_stage stage);
double clattn_stage_bytes(const clattn_problem *problem, clattn_stage stage); /* of the cache, of appending to it */

/* Of bringing what is in the cache into floats: the problem is that which scores see. */
double clattn_gather_bytes(const clattn_problem *seen);

#endif
