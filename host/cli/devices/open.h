/* Listing and opening devices for a command. The drivers may take long, or hang: after OPEN_PATIENCE seconds it is said
 * on standard error which of them does not answer. */
#ifndef CLATTN_CLI_OPEN_H
#define CLATTN_CLI_OPEN_H

#include "clattn_inspect.h"

/* As clattn_device_list_create. */
clattn_status list_devices(const clattn_device_choice *choice, clattn_device_list **list, clattn_error *error);

/* As clattn_device_open, but of devices of one kind the one that tuning found to be the fastest, where each of them has
 * a record with a rate of the same stage. */
clattn_status open_device(const clattn_device_choice *choice, clattn_device **device, clattn_error *error);

#endif
