/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Events as an upstream gets them: CloudEvents, whose data says what each is about. Pure. */
#pragma once
#include "control/events.h"

/* A REPORT of @events (GwEvent), floating. */
GVariant *gw_report_of(guint64 id, const char *upstream, const char *source, const GPtrArray *events);
