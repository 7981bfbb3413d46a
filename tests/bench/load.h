/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a load generator is told on its command line. */
#pragma once
#include "net/wheel.h"
#include <glib.h>
#include <sys/epoll.h>

typedef struct {
  int port;
  const char *path;           /* a {} in it becomes a number below `nodes` */
  guint connections;          /* at a time */
  double seconds;             /* so long... */
  guint64 requests;           /* ...or so many */
  gboolean is_new_each_time;  /* a connection for each request */
  gint64 block;               /* random blocks of this size by Range... */
  gint64 image_size;          /* ...out of so many bytes */
  guint64 rate;               /* bytes per second of each reader; every connection makes one request */
  gboolean is_idle;           /* one request each, then nothing until standard input is closed */
  const char *verify;         /* a file: every byte is compared */
  guint sources;              /* so many source addresses */
  int window;                 /* receive buffer in bytes, as of a small device; 0 = the system\'s */
  guint nodes, first, repeat; /* numbers from `first` on, each so often in a row */
  int status;                 /* that every reply has; 0 = 200, or 206 of a block */
} LoadOptions;

typedef struct {
  guint64 n_issued, n_done, n_bytes, n_errors, n_bad;
  guint n_connections;
} LoadCounts;

/* FALSE: it said why. */
gboolean load_options_parse(LoadOptions *options, int argc, char **argv);
