/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A node with a power supply: the emulator's process, started again with the version it last said to run when
 * it loses power, and left dead when it is bricked. */
#pragma once
#include <gio/gio.h>

typedef struct Powered Powered;

/* Starts it; it lives as long as this process. Takes @arguments (a NULL-terminated vector, the program first)
 * and
 * @line (a descriptor that the emulator finds as 3; -1 = none). @power_s > 0: the power is cut at random,
 * after so many seconds in the mean. */
Powered *powered_new(const char *name, char **arguments, int line, double power_s);

/* What a line of an emulator says that the node runs now, as options for its next start. FALSE = nothing. */
gboolean powered_read(const char *line, char **ret_version, char **ret_program);
