/* Scaled rotary frequencies: clattn_rotary_scaling. */
#ifndef CLATTN_SCALING_H
#define CLATTN_SCALING_H

#include "clattn_inspect.h"

/* Refuses fields without an effect, and values out of range. */
clattn_status clattn_check_scaling(const clattn_problem *problem, clattn_error *error);

/* What does not depend on the pair. */
typedef struct clattn_scaled {
  double base;      /* rotary_base, but for CLATTN_SCALING_DYNAMIC */
  double amplitude; /* of cos and sin */
  double low, high; /* CLATTN_SCALING_YARN: pairs before `low` keep their frequency, those from `high` on are divided */
} clattn_scaled;

/* length: the run's largest position + 1. rotary_dim: the elements that are rotated. */
clattn_scaled clattn_scaled_of(const clattn_problem *problem, size_t rotary_dim, double length);

/* The frequency of a pair, which is `unscaled` = base^(-2 pair / rotary_dim). */
double clattn_scaled_frequency(const clattn_problem *problem, const clattn_scaled *scaled, double unscaled,
                               size_t pair);

#endif
