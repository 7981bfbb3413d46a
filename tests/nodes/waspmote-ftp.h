/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The FTP client inside a modem: one command, one reply, one data connection to wherever the server says. */
#pragma once
#include <glib.h>

typedef struct {
  const char *host, *user, *password, *bind_address;
  int port;
  int timeout_ms;  /* for a reply, a connection, the next byte */
  int bytes_per_s; /* 0 = as fast as it comes */
  gboolean is_active;
} WaspServer;

typedef enum {
  WASP_FTP_OK,
  WASP_FTP_REFUSED, /* the server said no */
  WASP_FTP_NO_DATA, /* no data connection came about */
  WASP_FTP_BROKEN,  /* too few bytes, or no 226 behind them */
} WaspFtpResult;

typedef struct WaspFtp WaspFtp;

/* Login and TYPE I; NULL if the server does not want that. @server is borrowed. */
WaspFtp *wasp_ftp_open(const WaspServer *server);
/* QUIT; FALSE: it was not answered. */
gboolean wasp_ftp_close(WaspFtp *ftp);
gboolean wasp_ftp_cwd(WaspFtp *ftp, const char *path);
/* By SIZE; -1: refused. */
gint64 wasp_ftp_size(WaspFtp *ftp, const char *name);
/* By LIST of one file: the fifth word that blanks leave. -1: there is none. */
gint64 wasp_ftp_list_size(WaspFtp *ftp, const char *name);
/* Appends what comes from @content->len on (REST if that is not 0). Stops, and drops the connection, when
 * @content has @limit bytes; 0 = no limit. */
WaspFtpResult wasp_ftp_retrieve(WaspFtp *ftp, const char *name, gsize limit, GByteArray *content);
