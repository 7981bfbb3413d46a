/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What emulated nodes have in common: a socket, a voice, and a boot loader. Vendor behaviour stays with each.
 */
#pragma once
#include <glib.h>

typedef struct {
  const char *name, *host, *bind_address; /* bind_address may be NULL */
  int port, stall_ms;                     /* patience between reads */
  int rate;                               /* bytes/s that it reads at most; 0 = as they come */
} Device;

void device_say(const Device *device, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* A serial line, raw, at whatever speed it has. Ends the program where there is none. */
int device_open_line(const Device *device, const char *path);
/* -1 = no connection. */
int device_dial(const Device *device, const char *host, int port);
void device_send(int fd, const char *text);
/* As long as a slow device is busy with so many bytes; device_take() does so by itself. */
void device_rest(const Device *device, gsize size);
/* Appends what comes. FALSE = the end: closed, reset, or nothing for stall_ms. */
gboolean device_take(const Device *device, int fd, GByteArray *bytes);

/* FALSE = nothing came for stall_ms. */
gboolean device_wait(const Device *device, int fd);

/* A bootable image of the tests is MAGIC VERSION LF, anything, and the SHA-256 of all of that. The version
 * that runs after a restart; NULL = the device does not boot any more. Caller frees. */
char *device_boot(const char *magic, gsize magic_size, const guint8 *image, gsize size);

/* One long option each, "--KEY VALUE". */
typedef struct {
  const char *key;
  const char **text; /* one of the two */
  int *number;
} DeviceOption;
/* Ends the program on a wrong one, and on --help, with the list. @options ends with a NULL key. */
void device_options(const DeviceOption *options, int argc, char **argv);
