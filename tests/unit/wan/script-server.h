/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A server on loopback that plays a script: the n-th connection gets the n-th reply, whatever it asks, and
 * each request's head is kept. A thread of its own; it never parses anything. */
#pragma once
#include <gio/gio.h>

typedef struct {
  const char *reply;    /* bytes, as they are; NULL = accept and say nothing until the client goes */
  const char *repeated; /* then this again and again... */
  gint64 every_ms;      /* ...with pauses in between, until the client goes; NULL = close at once */
} ScriptReply;

typedef struct ScriptServer ScriptServer;
/* @replies is borrowed; the last one is played for all further connections. */
ScriptServer *script_server_new(const ScriptReply *replies, guint n_replies);
void script_server_free(ScriptServer *server);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ScriptServer, script_server_free)
/* "http://127.0.0.1:PORT"; caller frees. */
char *script_server_url(const ScriptServer *server);
/* The head of the @n-th request; waits for it up to 5 s; caller frees. */
char *script_server_request(ScriptServer *server, guint n);
guint script_server_count(ScriptServer *server);
