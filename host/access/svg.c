/* */ typedef int svg_none;
