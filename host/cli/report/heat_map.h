/* Heat maps, for slides: one layout, drawn as SVG by the program itself or as PNG by gnuplot. */
#ifndef CLATTN_CLI_HEAT_MAP_H
#define CLATTN_CLI_HEAT_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define HEAT_MAP_COLUMNS 66

typedef struct heat_map {
  const char *title, *caption; /* caption: below the map; NULL: none */
  size_t rows, columns;
  const char *row[HEAT_MAP_COLUMNS], *column[HEAT_MAP_COLUMNS]; /* names */
  double share[HEAT_MAP_COLUMNS][HEAT_MAP_COLUMNS];             /* 0 ... 1; shown as percent */
} heat_map;

typedef enum picture_format { PICTURE_SVG, PICTURE_PNG, PICTURE_FORMATS } picture_format;

/* "--svg", ".svg" and the like. */
const char *picture_option(picture_format format);
const char *picture_ending(picture_format format);

/* Whether there is what draws the format; else complains, naming the option. */
bool picture_can(picture_format format);

/* Writes FOLDER/NAME, completely or not at all. False after a complaint. */
bool heat_map_write(picture_format format, const char *folder, const char *name, const heat_map *map);

#endif
