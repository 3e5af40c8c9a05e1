/* A walk's heat maps as SVG files. */
#ifndef CLATTN_CLI_PICTURES_H
#define CLATTN_CLI_PICTURES_H

#include "walk.h"

/* Makes the folder where it is missing. Both: false after a complaint. */
bool pictures_prepare(const char *folder);

/* One file for each step that has a heat map; says which. */
bool pictures_write(const walk *w, const char *folder);

#endif
