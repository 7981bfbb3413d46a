/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Opens a serial line: raw, exclusive, non-blocking. The path comes from the operator's configuration, never
 * from a peer. */
#pragma once
#include <glib.h>

typedef struct {
  guint baud;                 /* a standard speed, 1200 to 4000000 */
  guint data_bits;            /* 7 or 8; 0 = 8 */
  char parity;                /* 'n', 'e', 'o'; 0 = 'n' */
  guint stop_bits;            /* 1 or 2; 0 = 1 */
  gboolean has_hardware_flow; /* RTS/CTS */
} GwSerialLine;

/* "115200", "9600 8n1", "115200 8e1 rtscts". */
gboolean gw_serial_parse(const char *text, GwSerialLine *ret_line, GError **error);
/* The descriptor, or -1: GW_ERROR_NOT_FOUND when the device is not there (yet), GW_ERROR_BUSY when another
 * holds it. */
int gw_serial_open(const char *path, const GwSerialLine *line, GError **error);
/* Raw mode and speed on an open terminal (a pty in tests). */
gboolean gw_serial_configure(int fd, const GwSerialLine *line, GError **error);
