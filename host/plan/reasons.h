/* Reasons of a plan: for each stage, which kernel was selected and which were passed over. */
#ifndef CLATTN_REASONS_H
#define CLATTN_REASONS_H

#include "plan/choice.h"
#include "base/status.h"

/* Adds a reason for a selected or refused row; the format says why. */
clattn_status clattn_reason_add(clattn_plan *plan, clattn_reason_kind kind, const clattn_choice *choice,
                                clattn_error *error, const char *format, ...) CLATTN_PRINTF(5, 6);

/* Adds why the tuning record was not used for this stage; CLATTN_STAGE_COUNT: for all stages. */
clattn_status clattn_reason_record(clattn_plan *plan, clattn_stage stage, clattn_error *error, const char *format, ...)
    CLATTN_PRINTF(4, 5);

void clattn_reasons_release(clattn_plan *plan);

#endif
