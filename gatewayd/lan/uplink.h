/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The worker's end of the link: finds the core in any start order, finds it again, and keeps what must be
 * said. A question waits a while and is asked again when the core comes back; a tell waits for ever (bounded,
 * in order) until the core says that it is durable. One thread, the reactor's. */
#pragma once
#include "link/link.h"
#include "link/messages.h"
#include "net/reactor.h"

#define GW_UPLINK_MAX_ASKS 1024
#define GW_UPLINK_MAX_TELLS 4096 /* of these, reports of nodes: three quarters */
#define GW_UPLINK_WAIT_MS 10000  /* so long a node waits for the core's word */
#define GW_UPLINK_PASS_MS 4500   /* and for its vendor's */
#define GW_UPLINK_RETRY_MS 250

typedef struct GwUplink GwUplink;
typedef struct GwPost GwPost; /* what waits for the core's word */

typedef struct {
  /* The core is there and has our hello; what was waiting goes out when this returns. */
  void (*connected)(gpointer user);
  /* All but hello, answers and acks. */
  void (*message)(const GwMessage *message, gpointer user);
  void (*lost)(gpointer user);
} GwUplinkEvents;

/* @hello as in HELLO, floating or not. Connects at the reactor's next turn. */
GwUplink *gw_uplink_new(GwReactor *reactor, const char *path, GVariant *hello, const GwUplinkEvents *events,
                        gpointer user);
/* Before the loop runs: connects now. A core that starts beside us may be a moment behind: it is waited for,
 * up to @max_ms. */
void gw_uplink_hurry(GwUplink *uplink, guint max_ms);
/* Nobody who waits is told any more. */
void gw_uplink_free(GwUplink *uplink);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwUplink, gw_uplink_free)
gboolean gw_uplink_is_connected(const GwUplink *uplink);

/* @answer NULL: no word came in time. Not called after gw_uplink_cancel(), and never from inside the function
 * that asked. */
typedef void (*GwAnswered)(const GwAnswer *answer, gpointer user);
/* NULL: no core, or too many questions: "later". Sinks @ask (gw_ask_pack()). */
GwPost *gw_uplink_ask(GwUplink *uplink, GVariant *ask, GwAnswered answered, gpointer user);
/* A node's request for its vendor's cloud; the word may be NULL, as above, and is not waited for any longer
 * than that. */
typedef void (*GwPassed)(const GwRelayAnswer *answer, gpointer user);
GwPost *gw_uplink_pass(GwUplink *uplink, GVariant *relay, GwPassed passed, gpointer user);
/* @kind: as in ACK; GATEWAY_ANSWER_LATER when no word came in time (the tell is still on its way). */
typedef void (*GwAcked)(int kind, gpointer user);
/* A node's report. NULL: too many wait. */
GwPost *gw_uplink_report(GwUplink *uplink, const GwTold *told, GwAcked acked, gpointer user);
/* What the worker itself saw; COMPLETE is never dropped for another's sake. */
void gw_uplink_tell(GwUplink *uplink, const GwTold *told);
/* Whoever waited waits no more. A question is forgotten, a report still told. */
void gw_uplink_cancel(GwUplink *uplink, GwPost *post);
/* A message of the moment: FALSE and dropped if it cannot go now. Sinks @payload. */
gboolean gw_uplink_send(GwUplink *uplink, GwMessageType type, GVariant *payload, const int *fds, guint n_fds);
/* Tells that are not acknowledged yet. */
guint gw_uplink_waiting(const GwUplink *uplink);
