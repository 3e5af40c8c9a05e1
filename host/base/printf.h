/* Lets compilers check the arguments of functions that take a format as printf() does. */
#ifndef CLATTN_PRINTF_H
#define CLATTN_PRINTF_H

#include <stdio.h> /* MinGW defines the name of its printf there: "printf" may be an older one without %zu */

#if defined(__MINGW_PRINTF_FORMAT)
#define CLATTN_PRINTF(format_index, first_argument)                                                                    \
  __attribute__((format(__MINGW_PRINTF_FORMAT, format_index, first_argument)))
#elif defined(__GNUC__)
#define CLATTN_PRINTF(format_index, first_argument) __attribute__((format(printf, format_index, first_argument)))
#else
#define CLATTN_PRINTF(format_index, first_argument)
#endif

#endif
