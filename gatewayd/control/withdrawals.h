/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Firmware that a person has withdrawn or rejected, noted beside the database: whatever a damaged log or an
 * older snapshot says of it, it is offered to nobody again. One empty file for each, named by its id, in the
 * folder "withdrawn" of the state. Main thread. */
#pragma once
#include "control/core-private.h"

/* The folder, made where it is missing. */
gboolean gw_withdrawals_open(GwCore *core, int state_fd, GError **error);
void gw_withdrawals_close(GwCore *core);
/* On disk when it returns: before anybody is told that it is so. */
gboolean gw_withdrawals_note(const GwCore *core, gint64 firmware_id, GError **error);
/* After a start: what is noted and not so is made so. */
void gw_withdrawals_resume(GwCore *core, GwChange *change);
