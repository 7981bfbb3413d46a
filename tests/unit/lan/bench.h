/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A whole LAN worker in the test's own process: real plugins, real sockets on the loopback, and a core that
 * says what the test wants. Time is a counter. */
#pragma once
#include "lan/lan.h"
#include "link/link.h"
#include "link/loader.h"
#include "link/messages.h"

#define BENCH_TOKEN "abcdefghijklmnop"
#define BENCH_TOLD_MAX 64

typedef struct Bench Bench;

/* A node's connection. */
typedef struct {
  Bench *bench;
  int fd;
  GString *heard;
  gboolean is_over, was_reset; /* the other side closed */
  gboolean is_deaf;            /* reads nothing */
} Client;

struct Bench {
  GwReactor *reactor;
  GwGuard *guard;
  GPtrArray *files;
  GwLan *lan;
  char *link_path;

  /* the core */
  int listen_fd;
  GwLink *core; /* NULL = away */
  GwHello hello;
  GVariant *config;
  guint32 epoch;
  guint n_messages, n_hellos, n_asks, n_opens, n_contacts;
  guint n_relays;
  GwRelayAsk relay;      /* the last */
  GwRelayAnswer relayed; /* given to every one; status 0 = the cloud is away */
  GwAsk ask;             /* the last */
  GwAnswer answer;       /* given to every ask; texts are the test's */
  gint64 keep_ms;        /* added to now for until_boot_ms; 0 = not from cache */
  gboolean is_silent, is_acking;
  guint32 pending_serial; /* of the last ask or tell that was not answered */
  GwTold told[BENCH_TOLD_MAX];
  guint n_told;
  char **running; /* of the last TRANSFERS */
  GwGauge *gauges;
  int image_fd;                       /* sent for OPEN; -1 = without */
  gboolean is_image_busy, is_dropped; /* dropped: as if the kernel had lost the descriptor */
  char *image;
  gsize image_size;

  GPtrArray *clients;
};

/* @folders: plugin path. @config: "[('plugin', 'hello', {'listen': '127.0.0.1:0'})]". */
void bench_open(Bench *bench, const char *folders, const char *config);
void bench_close(Bench *bench);
/* Another image in place of the first, 300000 bytes. */
void bench_make_image(Bench *bench, gsize size);
/* Runs until nodes and core hear nothing more. */
void bench_settle(Bench *bench);
void bench_pass(Bench *bench, gint64 ms);
gint64 bench_now(void);
void bench_tick(void);
void bench_kill_core(Bench *bench);
void bench_start_core(Bench *bench);
void bench_configure(Bench *bench, const char *config);
void bench_send(Bench *bench, GwMessageType type, GVariant *payload);
/* The answers from now on. */
void bench_answer_nothing(Bench *bench);
void bench_answer_offer(Bench *bench);
void bench_answer_bytes(Bench *bench);
guint bench_count_told(const Bench *bench, GwToldKind kind);
const GwTold *bench_find_told(const Bench *bench, GwToldKind kind);
/* What the core reads of @token; G_MAXUINT64 = no gauge. */
guint64 bench_gauge(const Bench *bench, const char *token);

/* From 127.0.0.@host. */
Client *client_new(Bench *bench, const char *plugin, guint host);
void client_send(Client *client, const char *text);
void client_close(Client *client);
/* One request on a connection of its own; the whole reply, valid until the next. */
const char *bench_get(Bench *bench, const char *plugin, const char *path);
