/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Answers to what nodes ask. An offer is answered only when its pin is on disk. Main thread. */
#pragma once
#include "control/workers.h"
#include "link/messages.h"

/* Answers @ask of @worker with ANSWER @serial, now or after a commit. */
void gw_offers_ask(GwCore *core, GwWorker *worker, guint32 serial, const GwAsk *ask);
