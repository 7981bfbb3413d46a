/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an operator can ask, one function per verb, for every door (D-Bus, and through it the CLI and the
 * web). The doors check who may call; here it is checked what is asked, done, made durable and recorded as an
 * event. Main thread. @done is called once, always later, after the commit where something changed. Options
 * and forms are a{sv}; an unknown key is GW_ERROR_BAD_INPUT naming it and the known ones. */
#pragma once
#include <gio/gio.h>

typedef struct GwCore GwCore;

/* Borrowed for the call. */
typedef struct {
  const char *name;    /* "root", "uid 1000", a dashboard user */
  const char *door;    /* "dbus", "foreground", "web" */
  const char *address; /* of the remote person, or "" */
  const char *sender;  /* its connection, for gw_core_caller_left(); or NULL */
} GwCaller;

/* @result: what the command's comment says, borrowed; NULL with @error. */
typedef void (*GwCommandDone)(GVariant *result, const GError *error, gpointer user);
typedef struct {
  GwCommandDone done;
  gpointer user;
} GwThen;

/* Asked by the doors before a command that changes something. NO_SPACE = the disk of the database is full:
 * nothing new begins, nodes are served what they were promised. */
gboolean gw_core_takes_changes(GwCore *core, GError **error);

/* --- firmware --- */
/* Reads @fd (taken) to its end into the cache. @form: product, version (required unless draft=true),
 * hardware, type, name, notes, sha256, signature, draft, and the plugin's own form fields. -> (x id, s state)
 */
void gw_command_import(GwCore *core, const GwCaller *caller, int fd, GVariant *form, GwThen then);
/* This connection is gone: what it was sending is dropped. */
void gw_core_caller_left(GwCore *core, const char *sender);
/* Completes or changes the form while draft or unverified. -> (s state) */
void gw_command_firmware_edit(GwCore *core, const GwCaller *caller, gint64 id, GVariant *form, GwThen then);
/* "I saw version X run on NODE": verified; audited. Where nodes tell their version themselves, the one that
 * verifies it must have been heard with it and have stayed in contact; node and version may then be "". -> ()
 */
typedef struct {
  const char *node, *version;
} GwSighting;
void gw_command_firmware_confirm(GwCore *core, const GwCaller *caller, gint64 id, const GwSighting *seen,
                                 GwThen then);
/* Its verification ends, and it is unverified again. */
void gw_command_firmware_unverify(GwCore *core, const GwCaller *caller, gint64 id, const char *reason,
                                  GwThen then);
/* It is not to be used: no catalog brings it back. */
void gw_command_firmware_reject(GwCore *core, const GwCaller *caller, gint64 id, const char *reason,
                                GwThen then);
void gw_command_firmware_withdraw(GwCore *core, const GwCaller *caller, gint64 id, const char *reason,
                                  GwThen then);
/* Forgets a firmware that no rule or open update needs. */
void gw_command_firmware_delete(GwCore *core, const GwCaller *caller, gint64 id, GwThen then);
/* One firmware to one node: makes and starts a push rule. One that is unverified is verified there. -> (x
 * rule; 0 = the node runs it already) */
typedef enum {
  GW_PUSH_PLAIN = 0,
  GW_PUSH_VERIFY,    /* unverified, and the node must be online */
  GW_PUSH_DOWNGRADE, /* also over a newer one */
} GwPushKind;
typedef struct {
  gint64 firmware;
  const char *node;
  GVariant *options; /* a{sv}: number (i), override (as), stay (s); NULL = none */
  GwPushKind kind;
} GwPushOrder;
void gw_command_push(GwCore *core, const GwCaller *caller, const GwPushOrder *order, GwThen then);

/* --- products and nodes --- */
/* @form: plugin, scheme, series-chars, auto-adopt, least-identity, require-signature, self-verifying,
 * to-binary, origin, family, labels (as). Makes or changes. */
void gw_command_product_set(GwCore *core, const GwCaller *caller, const char *name, GVariant *form,
                            GwThen then);
/* @options: product, location. -> (u how many) */
void gw_command_adopt(GwCore *core, const GwCaller *caller, const char *const *nodes, GVariant *options,
                      GwThen then);
void gw_command_forget(GwCore *core, const GwCaller *caller, const char *const *nodes, GwThen then);
/* @form: product, location, labels (as), version, hardware, type, address, set-aside (b). Unknown id: the
 * node is made, adopted. */
void gw_command_node_set(GwCore *core, const GwCaller *caller, const char *node, GVariant *form, GwThen then);
/* A table of nodes (CSV with a line of names: id and product, labels, location, version, hardware, type,
 * address, credential): checked in full, every complaint with its line, then taken as a whole. -> (u new, u
 * changed, u as before) */
void gw_command_nodes_import(GwCore *core, const GwCaller *caller, const char *text, gboolean is_dry_run,
                             GwThen then);
/* The device of @old was swapped for @new, which takes its product, location, labels, history, rules and
 * shared logins, and begins anew under every rule. Unknown @new: it is entered. -> () */
void gw_command_node_replace(GwCore *core, const GwCaller *caller, const char *old_id, const char *new_id,
                             GwThen then);
typedef struct {
  gboolean is_aside; /* or returned */
  const char *reason;
  gboolean is_dry_run; /* only count */
} GwAsideOrder;
/* @who: nodes (as), location (glob per level), label, product; all that are said must hold. -> (u how many)
 */
void gw_command_set_aside(GwCore *core, const GwCaller *caller, GVariant *who, const GwAsideOrder *order,
                          GwThen then);
/* A new login secret for an adopted node, in place of the one before; said this once. -> (s secret) */
void gw_command_credential_make(GwCore *core, const GwCaller *caller, const char *node, GwThen then);
/* From now on nothing that it shows is right. */
void gw_command_credential_revoke(GwCore *core, const GwCaller *caller, const char *node, GwThen then);
/* A login that named nodes share. @form: password, nodes (as), expires ("90d" or RFC 3339; at most a year),
 * all of them; in place of an earlier one. */
void gw_command_account_set(GwCore *core, const GwCaller *caller, const char *login, GVariant *form,
                            GwThen then);
void gw_command_account_remove(GwCore *core, const GwCaller *caller, const char *login, GwThen then);
/* On another server, for whoever reads there. @form: firmware (x) or nothing (b); there (b: the server has
 * the image from an earlier time), number (i), override (as), unverified (b). -> (s what is read there now)
 */
void gw_command_publish(GwCore *core, const GwCaller *caller, const char *outlet, GVariant *form,
                        GwThen then);
/* Why does this node get what it gets? -> a{sv}: lines (as), reason, advice, and the numbers behind them */
void gw_command_explain(GwCore *core, const GwCaller *caller, const char *node, GwThen then);
/* What would this node read if it asked now, word for word? -> (s text) */
void gw_command_offer(GwCore *core, const GwCaller *caller, const char *node, GwThen then);

/* --- rules --- */
/* @form: the keys of the written form, flat; see CreateRule in the D-Bus interface. A draft. -> (x id) */
void gw_command_rule_create(GwCore *core, const GwCaller *caller, GVariant *form, GwThen then);
/* @text: the written form. Makes the rule of that name, a draft, or changes it; once it was started, only
 * what may change then. -> a{sv}: rule (x, unless it would be made), action (s: create, change, none),
 * changes (as)
 */
void gw_command_rule_apply(GwCore *core, const GwCaller *caller, const char *text, gboolean is_dry_run,
                           GwThen then);
/* How many would match now -> a{sv}: matching (u), unknown (u), sample (as), warnings (as), number (s)
 * where the make is told one */
void gw_command_rule_preview(GwCore *core, const GwCaller *caller, gint64 id, GwThen then);
void gw_command_rule_start(GwCore *core, const GwCaller *caller, gint64 id, GwThen then);
void gw_command_rule_pause(GwCore *core, const GwCaller *caller, gint64 id, const char *reason, GwThen then);
/* Its next group may begin. BAD_INPUT: it does not wait for that. */
void gw_command_rule_approve(GwCore *core, const GwCaller *caller, gint64 id, GwThen then);
/* Open updates are cancelled as far as the transport can be cut. */
void gw_command_rule_stop(GwCore *core, const GwCaller *caller, gint64 id, GwThen then);
void gw_command_rule_delete(GwCore *core, const GwCaller *caller, gint64 id,
                            GwThen then); /* drafts and ended ones */
void gw_command_update_cancel(GwCore *core, const GwCaller *caller, gint64 id, GwThen then);

/* --- the rest --- */
void gw_command_upstream_poll(GwCore *core, const GwCaller *caller, const char *name, GwThen then);
/* A verb of a plugin's table for one node; done at the node's next contact. */
typedef struct {
  const char *plugin, *verb, *node, *argument; /* never NULL; argument may be "" */
} GwVerbOrder;
void gw_command_plugin_verb(GwCore *core, const GwCaller *caller, const GwVerbOrder *order, GwThen then);
/* Events that an upstream refused for good, each as "UPSTREAM/EVENT", or "UPSTREAM" for all of it: sent
 * again, or given up. -> (u how many) */
void gw_command_deadletter_retry(GwCore *core, const GwCaller *caller, const char *const *letters,
                                 GwThen then);
void gw_command_deadletter_drop(GwCore *core, const GwCaller *caller, const char *const *letters,
                                GwThen then);
void gw_command_reload(GwCore *core, const GwCaller *caller, GwThen then);

/* --- questions; no event, no change --- */
/* -> a{sv}: version, started, clock-trusted, nodes, adopted, updates by state, cache numbers, links... */
void gw_query_status(GwCore *core, GwThen then);
typedef struct {
  const char *kind; /* firmware, nodes, rules, updates, upstreams, plugins, products, accounts, cache,
                       deadletters */
  const char *const *columns; /* empty = the kind's usual ones; an unknown one is an error naming the known */
  GVariant *filter;           /* a{sv}: column -> exact value, or text with * globs */
  const char *sort;           /* column, "-column" = descending; "" = the kind's usual one */
  const char *cursor;         /* "" = from the start; opaque, stays valid when rows come and go */
  guint limit;                /* 1..500; 0 = 100 */
} GwListQuery;
/* -> (aa{sv} rows, s next cursor or "", u total) */
void gw_query_list(GwCore *core, const GwListQuery *query, GwThen then);
/* How updates went, @by rule, product, location or version; forty keys at a time. -> (aa{sv} rows, s next
 * cursor or ""). Counted as they happen: costs nothing that grows with the number of updates. */
void gw_query_statistics(GwCore *core, const char *by, const char *cursor, GwThen then);
/* One thing in full, with its history. -> a{sv} */
void gw_query_get(GwCore *core, const char *kind, const char *id, GwThen then);
/* Events with id > @after_id, oldest first; @after_id < 0: the newest @limit ones, oldest first. @filter
 * a{sv}: type (glob), node, firmware, rule, final. -> (aa{sv} events, x last) */
void gw_query_events(GwCore *core, gint64 after_id, GVariant *filter, guint limit, GwThen then);

/* Told with the newest event id, at most 4 times a second; the listener returns nothing and cannot wait. */
void gw_core_set_listener(GwCore *core, void (*newest)(gint64 event_id, gpointer user), gpointer user);
