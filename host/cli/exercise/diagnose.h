/* What a wrong result speaks for. */
#ifndef CLATTN_CLI_DIAGNOSE_H
#define CLATTN_CLI_DIAGNOSE_H

#include "cli/exercise/guesses.h"

/* One or two sentences for a learner; never NULL. */
const char *diagnose(const evidence *e);

#endif
