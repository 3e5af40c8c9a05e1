/* Why a plan is as it is: what was chosen for each stage and what was passed over. */
#ifndef CLATTN_REASONS_H
#define CLATTN_REASONS_H

#include "plan/choice.h"
#include "base/status.h"

/* Of a chosen or refused row; the format says why. */
clattn_status clattn_reason_add(clattn_plan *plan, clattn_reason_kind kind, const clattn_choice *choice,
                                clattn_error *error, const char *format, ...) CLATTN_PRINTF(5, 6);

/* Of a record, which was not used for this stage; CLATTN_STAGE_COUNT: for none. */
clattn_status clattn_reason_record(clattn_plan *plan, clattn_stage stage, clattn_error *error, const char *format, ...)
    CLATTN_PRINTF(4, 5);

void clattn_reasons_release(clattn_plan *plan);

#endif
