/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Other servers on which an operator publishes firmware: what was published last, and what is under way. One
 * publication at a time for each [outlet NAME]; it is done by the WAN worker. Main thread. */
#pragma once
#include "control/core-private.h"

typedef struct {
  char *name;
  char *text;      /* what devices read there, as far as it is known; "" = it is not */
  char *status;    /* of its section, or of the last publication; "" = well */
  gint64 number;   /* the greatest that was published; 0 = none */
  gint64 firmware; /* published last; 0 = nothing was due */
  gint64 changed_ms;
  guint64 job; /* under way; 0 = none */
} GwOutlet;

typedef struct GwOutlets GwOutlets;
GwOutlets *gw_outlets_new(GwCore *core);
void gw_outlets_free(GwOutlets *outlets);
/* At start: what was published before. */
void gw_outlets_load(GwOutlets *outlets, const char *key, const char *value);
/* The one of that name, made if need be. */
GwOutlet *gw_outlets_get(GwOutlets *outlets, const char *name);
/* Those that are configured. Borrowed items; caller frees the array. */
GPtrArray *gw_outlets_list(GwOutlets *outlets);

/* Of the WAN worker: PUBLISHED; and it is gone. */
void gw_outlets_published(GwOutlets *outlets, GVariant *payload);
void gw_outlets_lost(GwOutlets *outlets);
