/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "waspmote-ftp.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define REPLY_MAX 512
#define SLOW_WINDOW 1024 /* the kernel doubles it */
#define PIECES_PER_S 10

struct WaspFtp {
  const WaspServer *server;
  int fd;
  int listen_fd; /* PORT was sent, and here it listens; -1 */
  struct sockaddr_in passive;
  char buffer[REPLY_MAX];
  gsize used;
  char reply[REPLY_MAX];
};

/* ---- sockets ---- */

static gboolean
is_ready(int fd, short events, int timeout_ms)
{
  struct pollfd watch = { .fd = fd, .events = events };

  return poll(&watch, 1, timeout_ms) > 0;
}

static int
new_socket(const WaspServer *server)
{
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), window = SLOW_WINDOW;
  struct sockaddr_in from = { .sin_family = AF_INET };

  if (server->bytes_per_s)
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &window, sizeof window);
  if (server->bind_address && inet_pton(AF_INET, server->bind_address, &from.sin_addr) == 1)
    (void)!bind(fd, (struct sockaddr *)&from, sizeof from);
  return fd;
}

static int
dial(const WaspServer *server, const struct sockaddr_in *to)
{
  int fd = new_socket(server);

  if (connect(fd, (const struct sockaddr *)to, sizeof *to) == 0)
    return fd;
  close(fd);
  return -1;
}

/* ---- replies ---- */

/* One line without its end, into ftp->reply. */
static gboolean
read_line(WaspFtp *ftp)
{
  for (;;) {
    char *end = memchr(ftp->buffer, '\n', ftp->used);
    ssize_t n;

    if (end) {
      gsize size = (gsize)(end - ftp->buffer);
      memcpy(ftp->reply, ftp->buffer, size);
      ftp->reply[size && ftp->reply[size - 1] == '\r' ? size - 1 : size] = 0;
      ftp->used -= size + 1;
      memmove(ftp->buffer, end + 1, ftp->used);
      return TRUE;
    }
    if (ftp->used == sizeof ftp->buffer || !is_ready(ftp->fd, POLLIN, ftp->server->timeout_ms))
      return FALSE;
    n = recv(ftp->fd, ftp->buffer + ftp->used, sizeof ftp->buffer - ftp->used, 0);
    if (n <= 0)
      return FALSE;
    ftp->used += (gsize)n;
  }
}

/* The code of the next reply, 0 if there is none. */
static int
read_reply(WaspFtp *ftp)
{
  do {
    if (!read_line(ftp))
      return 0;
  } while (!g_ascii_isdigit(ftp->reply[0]) || (strlen(ftp->reply) > 3 && ftp->reply[3] == '-'));
  return atoi(ftp->reply);
}

static int
command(WaspFtp *ftp, const char *verb, const char *argument)
{
  g_autofree char *line = g_strdup_printf("%s%s%s\r\n", verb, *argument ? " " : "", argument);

  if (send(ftp->fd, line, strlen(line), MSG_NOSIGNAL) < 0)
    return 0;
  return read_reply(ftp);
}

static gboolean
is_begun(int code)
{
  return code == 150 || code == 125;
}

/* ---- sessions ---- */

static void
stop_listening(WaspFtp *ftp)
{
  if (ftp->listen_fd >= 0)
    close(ftp->listen_fd);
  ftp->listen_fd = -1;
}

static void
free_session(WaspFtp *ftp)
{
  stop_listening(ftp);
  close(ftp->fd);
  g_free(ftp);
}

static gboolean
login(WaspFtp *ftp)
{
  return read_reply(ftp) == 220 && command(ftp, "USER", ftp->server->user) == 331 &&
         command(ftp, "PASS", ftp->server->password) == 230 && command(ftp, "TYPE", "I") == 200;
}

WaspFtp *
wasp_ftp_open(const WaspServer *server)
{
  struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((guint16)server->port) };
  int fd = inet_pton(AF_INET, server->host, &to.sin_addr) == 1 ? dial(server, &to) : -1;
  WaspFtp *ftp;

  if (fd < 0)
    return NULL;
  ftp = g_new0(WaspFtp, 1);
  *ftp = (WaspFtp){ .server = server, .fd = fd, .listen_fd = -1 };
  if (login(ftp))
    return ftp;
  free_session(ftp);
  return NULL;
}

gboolean
wasp_ftp_close(WaspFtp *ftp)
{
  gboolean is_answered = command(ftp, "QUIT", "") == 221;

  free_session(ftp);
  return is_answered;
}

gboolean
wasp_ftp_cwd(WaspFtp *ftp, const char *path)
{
  return command(ftp, "CWD", path) == 250;
}

gint64
wasp_ftp_size(WaspFtp *ftp, const char *name)
{
  return command(ftp, "SIZE", name) == 213 ? g_ascii_strtoll(ftp->reply + 4, NULL, 10) : -1;
}

/* ---- data connections ---- */

static gboolean
send_port(WaspFtp *ftp)
{
  struct sockaddr_in own = { 0 };
  socklen_t size = sizeof own;
  g_autofree char *argument = NULL;
  const guint8 *a = (const guint8 *)&own.sin_addr, *p = (const guint8 *)&own.sin_port;

  getsockname(ftp->fd, (struct sockaddr *)&own, &size);
  own.sin_port = 0;
  ftp->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (bind(ftp->listen_fd, (struct sockaddr *)&own, sizeof own) < 0 || listen(ftp->listen_fd, 1) < 0)
    return FALSE;
  getsockname(ftp->listen_fd, (struct sockaddr *)&own, &size);
  argument = g_strdup_printf("%u,%u,%u,%u,%u,%u", a[0], a[1], a[2], a[3], p[0], p[1]);
  return command(ftp, "PORT", argument) == 200;
}

static gboolean
send_pasv(WaspFtp *ftp)
{
  guint8 *a = (guint8 *)&ftp->passive.sin_addr, *p = (guint8 *)&ftp->passive.sin_port;
  const char *bracket;

  if (command(ftp, "PASV", "") != 227)
    return FALSE;
  bracket = strchr(ftp->reply, '(');
  ftp->passive.sin_family = AF_INET;
  return bracket &&
         sscanf(bracket, "(%hhu,%hhu,%hhu,%hhu,%hhu,%hhu)", &a[0], &a[1], &a[2], &a[3], &p[0], &p[1]) == 6;
}

static gboolean
prepare(WaspFtp *ftp)
{
  stop_listening(ftp);
  return ftp->server->is_active ? send_port(ftp) : send_pasv(ftp);
}

/* Only now is the passive one dialled, so that a server must wait for its client. */
static int
open_data(WaspFtp *ftp)
{
  int fd = -1;

  if (!ftp->server->is_active)
    return dial(ftp->server, &ftp->passive);
  if (is_ready(ftp->listen_fd, POLLIN, ftp->server->timeout_ms))
    fd = accept(ftp->listen_fd, NULL, NULL);
  stop_listening(ftp);
  return fd;
}

/* FALSE: it stalled or was reset. */
static gboolean
read_data(WaspFtp *ftp, int fd, gsize limit, GByteArray *content)
{
  int rate = ftp->server->bytes_per_s;
  char buffer[4096];
  gsize piece = rate ? (gsize)MAX(rate / PIECES_PER_S, 1) : sizeof buffer;
  ssize_t n = 1;

  while (n > 0 && (!limit || content->len < limit)) {
    if (!is_ready(fd, POLLIN, ftp->server->timeout_ms))
      return FALSE;
    n = recv(fd, buffer, MIN(piece, limit ? MIN(limit - content->len, sizeof buffer) : sizeof buffer), 0);
    if (n > 0)
      g_byte_array_append(content, (const guint8 *)buffer, (guint)n);
    if (n > 0 && rate)
      g_usleep((gulong)n * 1000000 / (gulong)rate);
  }
  return n >= 0;
}

/* "(1234 bytes)", from which modems take the size; -1 without it. */
static gint64
announced_size(const char *reply)
{
  const char *bracket = strrchr(reply, '(');

  return bracket && strstr(bracket, " bytes)") ? g_ascii_strtoll(bracket + 1, NULL, 10) : -1;
}

static WaspFtpResult
transfer(WaspFtp *ftp, gsize limit, GByteArray *content)
{
  gint64 announced = announced_size(ftp->reply);
  int fd = open_data(ftp);
  gboolean is_whole;

  if (fd < 0) {
    (void)read_reply(ftp);
    return WASP_FTP_NO_DATA;
  }
  is_whole = read_data(ftp, fd, limit, content);
  close(fd);
  if (read_reply(ftp) != 226 || !is_whole)
    return WASP_FTP_BROKEN;
  return announced < 0 || announced == (gint64)content->len ? WASP_FTP_OK : WASP_FTP_BROKEN;
}

static gboolean
send_rest(WaspFtp *ftp, gsize offset)
{
  g_autofree char *argument = g_strdup_printf("%" G_GSIZE_FORMAT, offset);

  return offset == 0 || command(ftp, "REST", argument) == 350;
}

WaspFtpResult
wasp_ftp_retrieve(WaspFtp *ftp, const char *name, gsize limit, GByteArray *content)
{
  if (!prepare(ftp))
    return WASP_FTP_NO_DATA;
  if (!send_rest(ftp, content->len) || !is_begun(command(ftp, "RETR", name)))
    return WASP_FTP_REFUSED;
  return transfer(ftp, limit, content);
}

/* The fifth word that blanks leave. */
static gint64
fifth_word(const char *line)
{
  g_auto(GStrv) words = g_strsplit_set(line, " \r\n", -1);
  int n = 0;

  for (char **word = words; *word; word++) {
    n += **word != 0;
    if (n == 5)
      return g_ascii_isdigit(**word) ? g_ascii_strtoll(*word, NULL, 10) : -1;
  }
  return -1;
}

gint64
wasp_ftp_list_size(WaspFtp *ftp, const char *name)
{
  g_autoptr(GByteArray) list = g_byte_array_new();

  if (!prepare(ftp) || !is_begun(command(ftp, "LIST", name)))
    return -1;
  ftp->reply[0] = 0; /* no size is expected of a list */
  if (transfer(ftp, 0, list) != WASP_FTP_OK)
    return -1;
  g_byte_array_append(list, (const guint8 *)"", 1);
  return fifth_word((const char *)list->data);
}
