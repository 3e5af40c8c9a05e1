/* SVG, version 1.1. */
#include "cli/access/shapes.h"

static void write_escaped(FILE *to, const char *text) {
  for (; *text != '\0'; ++text) {
    if (*text == '<')
      fputs("&lt;", to);
    else if (*text == '>')
      fputs("&gt;", to);
    else if (*text == '&')
      fputs("&amp;", to);
    else if (*text == '"')
      fputs("&quot;", to);
    else
      fputc(*text, to);
  }
}

void svg_begin(FILE *to, double width, double height, const char *title, void (*style)(FILE *)) {
  fprintf(to,
          "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\" "
          "font-family=\"sans-serif\">\n<title>",
          width, height, width, height);
  write_escaped(to, title);
  fputs("</title>\n<style>\n"
        ".heading { font-size: 15px; font-weight: bold; }\n"
        ".plain { font-size: 12px; }\n"
        ".small { font-size: 9px; fill: #555; }\n"
        ".end { font-size: 9px; fill: #555; text-anchor: end; }\n"
        ".bad { font-size: 12px; fill: #b00020; }\n",
        to);
  style(to);
  fputs("</style>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n", to);
}

void svg_end(FILE *to) {
  fputs("</svg>\n", to);
}

void svg_text(FILE *to, double x, double y, const char *class_name, const char *text) {
  fprintf(to, "<text class=\"%s\" x=\"%.6g\" y=\"%.6g\">", class_name, x, y);
  write_escaped(to, text);
  fputs("</text>\n", to);
}

void svg_rectangle(FILE *to, double x, double y, double width, double height, const char *fill) {
  fprintf(to, "<rect x=\"%.6g\" y=\"%.6g\" width=\"%.6g\" height=\"%.6g\" fill=\"%s\"/>\n", x, y, width, height, fill);
}

void svg_dot(FILE *to, double x, double y, double radius) {
  fprintf(to, "<circle cx=\"%.6g\" cy=\"%.6g\" r=\"%.6g\" fill=\"#fff\" stroke=\"#000\" stroke-width=\"0.7\"/>\n", x, y,
          radius);
}

void svg_group_begin(FILE *to, const char *tip) {
  fputs("<g><title>", to);
  write_escaped(to, tip);
  fputs("</title>", to);
}

void svg_group_end(FILE *to) {
  fputs("</g>\n", to);
}
