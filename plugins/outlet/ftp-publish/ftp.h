/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is asked of an FTP server, one step at a time, over one login. The only file that knows libcurl. Every
 * path is relative to the login, or begins with "/", and is made of letters, digits and "._-/" alone. */
#pragma once
#include "gateway-plugin.h"

typedef struct {
  const char *host, *user;
  uint16_t port;
  char password[256];
  int64_t connect_ms, stall_ms; /* patience */
} FtpServer;

typedef struct Ftp Ftp;
/* NULL: no memory. @server and @worker must outlive it; the stop of the worker ends every step. */
Ftp *ftp_new(const FtpServer *server, GatewayWorker *worker);
void ftp_free(Ftp *ftp);

/* Each: false and ftp_trouble(). */
bool ftp_put_fd(Ftp *ftp, const char *path, int fd, uint64_t size);
bool ftp_put_text(Ftp *ftp, const char *path, GatewayText text);
/* @ret_size -1 = there is none. */
bool ftp_size(Ftp *ftp, const char *path, int64_t *ret_size);
/* At most @size bytes; @ret_text points into @memory. */
bool ftp_get_text(Ftp *ftp, const char *path, char *memory, size_t size, GatewayText *ret_text);
/* Also over a file that is there: at once where the server can, else with a moment without one. */
bool ftp_rename(Ftp *ftp, const char *from, const char *to);
/* What cannot be deleted stays. */
void ftp_delete(Ftp *ftp, const char *path);

/* What went wrong in the last step, for people; whether to try again is no use; and whether we were stopped.
 */
const char *ftp_trouble(const Ftp *ftp);
bool ftp_is_hopeless(const Ftp *ftp);
bool ftp_is_stopped(const Ftp *ftp);
