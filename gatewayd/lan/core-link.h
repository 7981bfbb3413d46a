/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The worker's end of the link: finds the core and finds it again, sends asks and keeps tells until they are
 * acknowledged, in order, across a lost core. What the core says is handed on; nothing here blocks.
 * One thread. */
#pragma once
#include "link/messages.h"

typedef struct GwCoreLink GwCoreLink;

typedef struct {
  /* For HELLO: this worker's words; aa{sv}, floating. */
  GVariant *(*plugins)(gpointer user);
  /* For TRANSFERS: tokens being sent right now; NULL-terminated, caller frees. */
  char **(*transfers)(gpointer user);
  void (*config)(GVariant *sections, gpointer user); /* a(ssa{ss}) */
  void (*invalidate)(guint32 epoch, char **nodes, gpointer user);
  void (*wake)(const char *plugin, const char *node, const char *verb, const char *argument, gpointer user);
  void (*stop)(const char *token, const char *reason, gpointer user);
  /* The core came (TRUE) or went (FALSE). */
  void (*state)(gboolean is_up, gpointer user);
} GwCoreEvents;

/* @path: the core's socket; tried again every 200 ms until it answers. @instance: "net", "serial" or "all".
 * @gauges_fd: borrowed, sent at each connection. */
typedef struct {
  const char *path, *instance;
  int gauges_fd;
  const GwCoreEvents *events;
  gpointer user;
} GwCoreLinkSetup;
GwCoreLink *gw_core_link_new(const GwCoreLinkSetup *setup);
void gw_core_link_free(GwCoreLink *link);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwCoreLink, gw_core_link_free)
gboolean gw_core_link_is_up(const GwCoreLink *link);

/* @answer NULL = later: the core is away, busy, or silent for 10 s. May be changed, and taken from, by the
 * callee; cleared afterwards. Called once, never from inside gw_core_link_ask(). */
typedef void (*GwAskDone)(GwAnswer *answer, gpointer user);
/* The id for gw_core_link_forget(), 0 = later: nothing was sent, @done is not called. */
guint32 gw_core_link_ask(GwCoreLink *link, const GwAsk *ask, GwAskDone done, gpointer user);
/* The asker left: @done is not called any more. */
void gw_core_link_forget(GwCoreLink *link, guint32 id);

/* @kind: GatewayAnswerKind of the ACK. Called when the fact is durable. */
typedef void (*GwTellDone)(int kind, gpointer user);
/* Kept and sent again until acknowledged. @done may be NULL. 0: too many are waiting, nothing was taken. */
guint32 gw_core_link_tell(GwCoreLink *link, const GwTold *told, GwTellDone done, gpointer user);
/* The teller left: the fact is still told, @done is not called. */
void gw_core_link_unheed(GwCoreLink *link, guint32 id);

/* @fd (the callee's to close) -1: cannot be read, or @is_busy = try again. Called once. */
typedef void (*GwOpenDone)(const guint8 sha256[GW_SHA256_LEN], int fd, gboolean is_busy, gpointer user);
/* FALSE: later. One callback for all opens. */
gboolean gw_core_link_open(GwCoreLink *link, const guint8 sha256[GW_SHA256_LEN], guint64 size,
                           GwOpenDone done, gpointer user);
/* Contacts are only worth telling while the core listens. */
void gw_core_link_contacts(GwCoreLink *link, const GArray *contacts);
