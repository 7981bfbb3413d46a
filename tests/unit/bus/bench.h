/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A bench for the bus: a private bus daemon at a fixed address, a core that remembers (fake-commands.h), the
 * gateway's bus on it, a polkit that says what the test wants, and a client. Everything in one main loop. */
#pragma once
#include <gio/gio.h>

#include "bus/bus.h"
#include "fake-commands.h"

typedef enum { POLKIT_ABSENT, POLKIT_YES, POLKIT_NO, POLKIT_ERROR, POLKIT_HOLD } BenchPolkit;

typedef struct {
  char *folder, *address;
  GPid daemon;
  GwCore *core;
  GwBus *bus;
  GDBusConnection *client;
  BenchPolkit polkit;
  GDBusConnection *polkit_connection; /* or NULL */
  GPtrArray *asked;                   /* actions that polkit was asked for, "!" added when it may prompt */
  GPtrArray *held;                    /* GDBusMethodInvocation */
  const char *yes_to;                 /* with POLKIT_NO: the one action it allows, or NULL */
} Bench;

Bench *bench_new(gboolean is_foreground, BenchPolkit polkit);
void bench_free(Bench *bench);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Bench, bench_free)

void bench_start_daemon(Bench *bench);
void bench_stop_daemon(Bench *bench);
GDBusConnection *bench_connect(const Bench *bench);
/* Iterates the main loop until *@flag; fails after 10 s. */
void bench_wait(const gboolean *flag);
void bench_wait_up(const GwBus *bus);
/* Polkit answers what it held back. */
void bench_release(Bench *bench, gboolean is_yes);

/* One call of @client; NULL and error as the remote side named it ("org.gatewayd.Error.Denied"). @parameters
 * is sunk; @fds may be NULL. */
GVariant *bench_call(GDBusConnection *client, const char *method, GVariant *parameters, GUnixFDList *fds,
                     char **ret_error_name);
/* Sends it and does not wait. */
void bench_send(GDBusConnection *client, const char *method, GVariant *parameters, GUnixFDList *fds,
                GDBusMessageFlags flags);
/* Arguments that fit @method, with these options (floating a{sv}); *ret_fds for a method that takes a file.
 */
GVariant *bench_arguments(const GDBusMethodInfo *method, GVariant *options, GUnixFDList **ret_fds);
