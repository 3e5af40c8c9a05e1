/* Queries each driver alone, before the loader loads them all. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/doctor/doctor.h"
#include "cli/devices/icd.h"
#include "cli/report/terminal.h"
#include "base/text.h"

enum { SHOWN_BYTES = 200 }; /* of a name that may hold anything */

/* Whether the loader may load it. */
static bool judge(const icd *one, unsigned seconds, bool *pocl) {
  char name[ICD_PATH_BYTES], library[SHOWN_BYTES], text[3 * ICD_TEXT_BYTES];
  const icd_response response = icd_query(one, seconds, text, sizeof text);
  const bool good = response == ICD_HAS_DEVICES || response == ICD_NOT_QUERIED;
  icd_name(one, name, sizeof name);
  clattn_text_copy(library, sizeof library, one->library[0] != '\0' ? one->library : "?", false);
  if (one->file[0] != '\0')
    printf("  %s -> %s%s", name, library, strlen(library) + 4 > sizeof library ? "..." : "");
  else
    printf("  %s", name);
  printf(": %s%s%s\n", style(good ? GREEN : response == ICD_HAS_NONE ? BOLD : RED), text, style(PLAIN));
  *pocl = *pocl || strstr(one->library, "pocl") != NULL;
  if (response != ICD_HANGS && response != ICD_CRASHES) return true;
  complain("%s: %s", name, text);
  return false;
}

bool doctor_loader(unsigned seconds, bool *pocl) {
  char loader[ICD_PATH_BYTES + 256];
  icd_list list;
  bool usable = true;
  icd_loader(loader, sizeof loader);
  printf("%sloader%s    %s\n", style(BOLD), style(PLAIN), loader);
  *pocl = false;
  if (!icd_find(&list)) {
    complain("no host memory for the list of drivers");
    return false;
  }
  if (list.from[0] != '\0') printf("%s\n", list.from);
  if (list.trouble[0] != '\0') printf("  %s%s%s\n", style(RED), list.trouble, style(PLAIN));
  for (size_t i = 0; i < list.count; ++i) usable = judge(&list.one[i], seconds, pocl) && usable;
  icd_free(&list);
  return usable;
}
