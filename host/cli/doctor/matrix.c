/* Asks which matrix units the device has. */
#include <stdio.h>

#include "cli/doctor/doctor.h"

void doctor_matrix(clattn_device *device) {
  static const clattn_type types[] = {CLATTN_F16, CLATTN_BF16};
  for (size_t i = 0; i < sizeof types / sizeof types[0]; ++i) {
    const char *name = NULL;
    clattn_error error;
    printf("    matrix unit for %s: ", clattn_type_name(types[i]));
    fflush(stdout); /* the driver may take its time, or crash */
    const clattn_status status = clattn_device_matrix_unit(device, types[i], &name, &error);
    if (status == CLATTN_OK && name != NULL)
      printf("%s, right\n", name);
    else if (status == CLATTN_OK)
      puts("none that clattn knows");
    else
      printf("not usable (%s)\n", error.message);
  }
}
