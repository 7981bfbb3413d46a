/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The outlets that the core's configuration names: they come and go with it. Main thread. */
#pragma once
#include "link/loader.h"
#include "wan/outlet.h"

typedef struct GwOutlets GwOutlets;
/* @plugins: GwPluginFile. */
GwOutlets *gw_outlets_new(GPtrArray *plugins);
/* Only when gw_outlets_has_ended(). */
void gw_outlets_free(GwOutlets *outlets);
/* How an outlet speaks to the core. */
typedef struct {
  GwOutgoing out; /* for its thread; each outlet gets a copy of the @user_size bytes of its user */
  gsize user_size;
  void (*say)(gpointer user, const GwPublished *published); /* at once: what is wrong with a section */
  gpointer user;
} GwOutletVoice;
/* @sections: a(ssa{ss}) of CONFIG. say() and its user serve until the next call. */
void gw_outlets_configure(GwOutlets *outlets, GVariant *sections, const GwOutletVoice *voice);
/* PUBLISH: what cannot be is said at once. */
void gw_outlets_message(GwOutlets *outlets, const GwMessage *message);
/* All of them end, in their own time. */
void gw_outlets_stop(GwOutlets *outlets);
gboolean gw_outlets_has_ended(GwOutlets *outlets, gint64 until_us);
