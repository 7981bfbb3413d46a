/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The parent of the helper that looks into files. The core never parses an image: it hands a readable
 * descriptor to a process that lives for this one file, and hears what is in it. What the helper takes out
 * comes back through a pipe into an ingest, like a download. Nothing waits for it longer than a minute. Main
 * thread. */
#pragma once
#include "model/findings.h"

typedef struct GwUnpacker GwUnpacker;
/* @path: its socket; NULL = there is none. @hello is called with what it says of its plugins (aa{sv}). */
GwUnpacker *gw_unpacker_new(const char *path, void (*hello)(GVariant *tables, gpointer user), gpointer user);
/* Nobody is called any more. */
void gw_unpacker_free(GwUnpacker *unpacker);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwUnpacker, gw_unpacker_free)
/* Why files are not looked into, for people; "" = they are, as far as is known. */
const char *gw_unpacker_problem(const GwUnpacker *unpacker);
/* Asks for its plugins only. */
void gw_unpacker_greet(GwUnpacker *unpacker);

/* OFFLINE = nobody looks into files just now, and nothing is known of this one. BAD_INPUT = the helper died
 * of it, or of its limits: it is not to be used. */
typedef void (*GwFindingsDone)(const GwFindings *findings, const GError *error, gpointer user);
/* Takes @fd. One file after the other. @job is borrowed; its member is LOOK or LIST. @done is called later.
 */
void gw_unpacker_look(GwUnpacker *unpacker, int fd, const GwJob *job, GwFindingsDone done, gpointer user);
/* Takes @fd. The read end of a pipe with the bytes of @job's member, for gw_ingest_start(); it ends early
 * when anything fails, so expect the size and SHA-256 that were found. -1 and error. */
int gw_unpacker_extract(GwUnpacker *unpacker, int fd, const GwJob *job, GError **error);
