/* Writes SVG: shapes and escaped text. */
#ifndef CLATTN_ACCESS_SHAPES_H
#define CLATTN_ACCESS_SHAPES_H

#include <stdio.h>

/* `title` is what a viewer calls it; `style` writes further rules of CSS. Lengths are in pixels. */
void svg_begin(FILE *to, double width, double height, const char *title, void (*style)(FILE *));
void svg_end(FILE *to);

/* `class_name`: heading, plain, small, end (small, aligned right) or bad. */
void svg_text(FILE *to, double x, double y, const char *class_name, const char *text);

void svg_rectangle(FILE *to, double x, double y, double width, double height, const char *fill);
void svg_dot(FILE *to, double x, double y, double radius);

/* Shapes between these two calls form a group; `tip` is shown under the pointer. */
void svg_group_begin(FILE *to, const char *tip);
void svg_group_end(FILE *to);

#endif
