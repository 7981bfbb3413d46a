/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What becomes of an update: facts go through the model's table, and what follows from its answer is written,
 * said and timed here: attempts and waits, pins, slots, deadlines, the inference of silent makes. `succeeded`
 * has two ways in: heard by proof, or inferred. Main thread. */
#pragma once
#include "control/core-private.h"

#define GW_PROGRESS_UNPROVEN "the firmware was withdrawn before it was proven: outcome unknown"

/* FALSE = the fact means nothing in this state. @detail for people. */
gboolean gw_progress_fact(GwCore *core, GwUpdate *update, GwFact fact, const char *detail, GwChange *change);
/* Its deadline, retry or inference may be due. */
void gw_progress_alarm(GwCore *core, gint64 update_id);
/* Sets that alarm; after loading, and after its times changed. */
void gw_progress_watch(GwCore *core, const GwUpdate *update);
void gw_progress_watch_all(GwCore *core);
/* A LAN worker came (back): what nodes asked while none listened is not known, so inferences count anew; and
 * the alarms of all open updates are set by the numbers that it brought. */
void gw_progress_resume(GwCore *core);

/* The transfer of an update that must end: as far as the transport can be cut. FALSE = it cannot, it goes on.
 */
gboolean gw_progress_cancel(GwCore *core, GwUpdate *update, const char *reason, GwChange *change);

void gw_progress_put_pin(GwCore *core, const GwPin *pin, GwChange *change);
void gw_progress_drop_pin(GwCore *core, GwPin *pin, GwChange *change);

/* For evidence.c: a row and a line of history, an event, without a new state; and what they hang on. */
void gw_progress_note(GwCore *core, const GwUpdate *update, GwFact fact, const char *detail,
                      GwChange *change);
void gw_progress_say(GwCore *core, const GwUpdate *update, const char *what, const char *detail,
                     GwChange *change);
GwInferenceRule gw_progress_inference(const GwCore *core, const GwPin *pin);
gboolean gw_progress_is_of_group(const GwCore *core, const GwUpdate *update);
