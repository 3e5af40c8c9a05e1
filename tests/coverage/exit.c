/* Of the preset coverage, linked by -Wl,--wrap=_exit: what a child process has counted is kept when it ends by _exit.
 */
#include <gcov.h>

void __real__exit(int code); /* NOLINT: the linker's names */
void __wrap__exit(int code); /* NOLINT */

void __wrap__exit(int code) {
  __gcov_dump();
  __real__exit(code);
}
