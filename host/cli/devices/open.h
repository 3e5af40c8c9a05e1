/* Lists and opens devices for a command. Drivers may be slow or hang: after OPEN_PATIENCE
 * seconds the ones that do not respond are named on standard error. */
#ifndef CLATTN_CLI_OPEN_H
#define CLATTN_CLI_OPEN_H

#include "clattn_inspect.h"

/* As clattn_device_list_create. */
clattn_status list_devices(const clattn_device_choice *choice, clattn_device_list **list, clattn_error *error);

/* As clattn_device_open, but among devices of one kind takes the one that tuning found fastest,
 * if each of them has a record with a rate for the same stage. */
clattn_status open_device(const clattn_device_choice *choice, clattn_device **device, clattn_error *error);

#endif
