/* Finds the likely mistake behind a wrong result. */
#ifndef CLATTN_CLI_DIAGNOSE_H
#define CLATTN_CLI_DIAGNOSE_H

#include "cli/exercise/guesses.h"

/* A hint of one or two sentences for a learner; never NULL. */
const char *diagnose(const evidence *e);

#endif
