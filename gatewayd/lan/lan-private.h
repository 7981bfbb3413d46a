/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The worker's own struct: the nouns of this room in one place, for those of its files that need several of
 * them. The nouns themselves know nothing of it. Private to lan. */
#pragma once
#include "lan/answers.h"
#include "lan/blobs.h"
#include "lan/convert.h"
#include "lan/interfaces.h"
#include "lan/lan.h"
#include "lan/ports.h"
#include "lan/transfers.h"
#include "lan/turns.h"
#include "lan/uplink.h"

typedef struct GwLines GwLines;
typedef struct GwTalks GwTalks;

struct GwLan {
  GwReactor *reactor;
  GwLanSetup setup;
  GPtrArray *hosted; /* GwHosted */
  GwGate *gate;
  GwHttpServer *server;
  GwPorts *ports;
  GwTalks *talks;
  GwLines *lines;
  GwUplink *uplink;
  GwGauges *gauges;
  GwTransfers *transfers;
  GwBlobs *blobs;
  GwAnswers *answers;
  GwTurns *turns;
  GwInterfaces *interfaces;
  GwClaimKey key;
  GHashTable *adopted; /* GwAddress of adopted nodes */
  GVariant *sections;  /* CONFIG's, as last applied */
  GwTimer contacts;    /* to tell them */
  gboolean has_told_death;
  GwLogLimit refusals, foreigners, failures;
};

/* Who waits for an answer. */
typedef struct {
  GwClaim claim;
  GwAddress peer; /* all zero: a line */
  GatewayAskKind kind;
} GwAsker;

/* A copy of the core's answer, remembered if it may be given again. @ret_own: what the caller must free, else
 * NULL.
 */
const GwGiven *gw_lan_take_answer(GwLan *lan, const GwAnswer *answer, const GwAsker *asker,
                                  GwGiven **ret_own);
/* The name of the interface that has @local, or "". */
const char *gw_lan_interface(GwLan *lan, const GwAddress *local);
/* From cache, counted as a contact, or NULL. */
const GwGiven *gw_lan_recall(GwLan *lan, const GwClaim *claim);
/* What an answer without the core's word says. */
GatewayAnswer gw_lan_short_answer(GatewayAnswerKind kind, GatewayReason reason);
/* The transport could not word an offer. */
void gw_lan_tell_undone(GwLan *lan, const GwGiven *given, GatewayText detail);
GwTransferOf gw_lan_transfer_of(const GwHosted *hosted, const GwGiven *given, const GwAddress *peer);

/* requests.c: the handler of the HTTP server; its user is the GwLan. */
extern const GwHttpHandler gw_lan_http_handler;

/* A session on a line; texts are borrowed for the call. */
typedef struct {
  GwHosted *hosted;
  const char *name, *node; /* of the line, and of the node wired to it or "" */
  GDestroyNotify ended;
  gpointer user;
} GwTalkOnLine;

/* talks.c: sessions over TCP connections and lines. */
GwTalks *gw_talks_new(GwLan *lan);
void gw_talks_free(GwTalks *talks);
void gw_talks_accept(GwPort *port, const GwAccepted *accepted, gpointer lan);
/* Takes @tty_fd. line->ended(user) when the session is over. */
void gw_talks_open_line(GwTalks *talks, const GwTalkOnLine *line, int tty_fd);
/* Ends the session that was opened for @user, who is told. */
void gw_talks_end_line(GwTalks *talks, gconstpointer user);
void gw_talks_wake(GwTalks *talks, const char *plugin, const char *node, const char *verb,
                   const char *argument);
/* Ends its sessions: its settings change. */
void gw_talks_end_of(GwTalks *talks, const GwHosted *hosted);

/* lines.c: serial devices. A line is tried again and again. */
GwLines *gw_lines_new(GwLan *lan);
void gw_lines_free(GwLines *lines);
void gw_lines_configure(GwLines *lines, GVariant *sections);
