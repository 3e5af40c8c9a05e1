/* Heat maps as SVG files, for slides. */
#ifndef CLATTN_CLI_SVG_H
#define CLATTN_CLI_SVG_H

#include <stdbool.h>
#include <stddef.h>

#define SVG_COLUMNS 66

typedef struct svg_heat_map {
  const char *title, *caption; /* caption: below the map; NULL: none */
  size_t rows, columns;
  const char *row[SVG_COLUMNS], *column[SVG_COLUMNS]; /* names */
  double share[SVG_COLUMNS][SVG_COLUMNS];             /* 0 ... 1; shown as percent */
} svg_heat_map;

/* Writes the file, completely or not at all. False after a complaint. */
bool svg_write_heat_map(const char *path, const svg_heat_map *map);

#endif
