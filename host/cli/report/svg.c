/* Draws as SVG: rectangles and text, no script and no font of its own. Texts may hold any character; those with a
 * meaning in XML are written as entities. */
#include "cli/report/canvas.h"

static void write_text(FILE *to, const char *text) {
  for (; *text != '\0'; ++text) switch (*text) {
    case '&':
      fputs("&amp;", to);
      break;
    case '<':
      fputs("&lt;", to);
      break;
    case '>':
      fputs("&gt;", to);
      break;
    default:
      if ((unsigned char)*text >= ' ') fputc(*text, to);
    }
}

static void begin(FILE *to, double width, double height) {
  fprintf(to,
          "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\" "
          "font-family=\"Helvetica, Arial, sans-serif\" font-size=\"16\">\n",
          width, height, width, height);
  fprintf(to, "<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n");
}

static void rectangle(FILE *to, double x, double y, double width, double height, unsigned colour) {
  fprintf(to, "<rect x=\"%.0f\" y=\"%.0f\" width=\"%.0f\" height=\"%.0f\" fill=\"#%06x\"/>\n", x, y, width, height,
          colour);
}

static void text(FILE *to, double x, double y, const text_look *look, const char *text) {
  static const char *const anchors[] = {"start", "middle", "end"};
  fprintf(to, "<text x=\"%.0f\" y=\"%.0f\" text-anchor=\"%s\" fill=\"#%06x\"%s>", x, y, anchors[look->anchor],
          look->colour, look->heading ? " font-size=\"20\" font-weight=\"bold\"" : "");
  write_text(to, text);
  fputs("</text>\n", to);
}

static void end(FILE *to) {
  fputs("</svg>\n", to);
}

const canvas svg_canvas = {begin, rectangle, text, end};
