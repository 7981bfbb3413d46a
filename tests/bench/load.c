/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Makes HTTP load on loopback and counts what comes back: keep-alive or a connection for each request, random
 * blocks by Range, readers of a fixed speed, connections that do nothing. One thread, one epoll. Prints one
 * JSON line. */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define OPEN_PER_TURN 64
#define HEAD_ROOM 1024
#define RATE_PIECE 4096

typedef enum { CLOSED, CONNECTING, READING_HEAD, READING_BODY, IDLE } State;

typedef struct {
  GwTimer timer; /* first: the next read of a slow reader */
  int fd;
  State state;
  guint head_size;
  gint64 left;     /* of the body */
  guint64 offset;  /* of the next body byte in the file */
  gint64 begun_us; /* the request, or with a new connection for each the connect */
  gint64 first_us; /* the body's first byte */
  guint64 taken;   /* body bytes, by a slow reader */
  guint number;    /* of the connection */
  char head[HEAD_ROOM];
} Connection;

static LoadOptions options = { .path = "/", .connections = 64, .seconds = 1 };
static LoadCounts counts;
static GwWheel wheel;
static int epoll_fd;
static GRand *dice;
static Connection *connections;
static guint n_opened, n_alive;
static guint8 sink[1 << 20];
static const guint8 *expected;
static gsize expected_size;
static gint64 end_us;
static GArray *durations_us;

static void open_connection(Connection *connection);

static gboolean
is_over(void)
{
  if (options.rate || options.is_idle)
    return FALSE;
  return options.requests ? counts.n_issued >= options.requests : g_get_monotonic_time() >= end_us;
}

static void
watch(Connection *connection, int operation, guint32 events)
{
  struct epoll_event event = { .events = events, .data.ptr = connection };

  epoll_ctl(epoll_fd, operation, connection->fd, &event);
}

static void
close_connection(Connection *connection)
{
  gw_wheel_cancel(&connection->timer);
  if (connection->fd >= 0)
    close(connection->fd);
  connection->fd = -1;
  connection->state = CLOSED;
}

/* After the last request of a connection: another one, or none. */
static void
next_connection(Connection *connection)
{
  close_connection(connection);
  if (is_over() || options.rate || options.is_idle)
    n_alive--;
  else
    open_connection(connection);
}

static void
fail(Connection *connection, const char *what)
{
  if (counts.n_errors++ < 3)
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
  next_connection(connection);
}

/* ---- requests ---- */

/* "{}" becomes the number of a node: one after the other, each so often as it repeats itself. */
static void
word_path(const Connection *connection, char *ret_path, gsize room)
{
  const char *hole = strstr(options.path, "{}");
  guint64 number = options.is_new_each_time ? connection->number : counts.n_issued;

  if (hole)
    g_snprintf(ret_path, room, "%.*s%u%s", (int)(hole - options.path), options.path,
               options.first + (guint)(number / options.repeat % options.nodes), hole + 2);
  else
    g_strlcpy(ret_path, options.path, room);
}

static void
send_request(Connection *connection)
{
  char path[256], text[768];
  int size;

  word_path(connection, path, sizeof path);
  size = g_snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n%s", path,
                    options.is_new_each_time ? "Connection: close\r\n" : "");
  connection->offset = 0;
  if (options.block) {
    connection->offset = (guint64)g_rand_int_range(dice, 0, (gint32)(options.image_size / options.block)) *
                         (guint64)options.block;
    size += g_snprintf(text + size, sizeof text - (gsize)size,
                       "Range: bytes=%" G_GUINT64_FORMAT "-%" G_GUINT64_FORMAT "\r\n", connection->offset,
                       connection->offset + (guint64)options.block - 1);
  }
  size += g_snprintf(text + size, sizeof text - (gsize)size, "\r\n");
  counts.n_issued++;
  connection->head_size = 0;
  connection->taken = 0;
  connection->state = READING_HEAD;
  if (!options.is_new_each_time)
    connection->begun_us = g_get_monotonic_time();
  if (send(connection->fd, text, (gsize)size, MSG_NOSIGNAL) != size)
    fail(connection, "cannot send");
}

static void
finish_request(Connection *connection)
{
  gint64 took_us = g_get_monotonic_time() - (options.rate ? connection->first_us : connection->begun_us);

  counts.n_done++;
  g_array_append_val(durations_us, took_us);
  if (options.is_idle)
    connection->state = IDLE;
  else if (options.rate || options.is_new_each_time || is_over())
    next_connection(connection);
  else
    send_request(connection);
}

/* ---- replies ---- */

static void
take_body(Connection *connection, const guint8 *bytes, gsize size)
{
  counts.n_bytes += size;
  if (expected &&
      (connection->offset + size > expected_size || memcmp(expected + connection->offset, bytes, size) != 0))
    counts.n_bad++;
  connection->offset += size;
  connection->left -= (gint64)size;
  connection->taken += size;
}

/* TRUE once the head is whole; what came of the body is taken. */
static gboolean
take_head(Connection *connection)
{
  const char *end, *length;
  gsize body;

  connection->head[connection->head_size] = '\0';
  end = strstr(connection->head, "\r\n\r\n");
  if (!end)
    return FALSE;
  length = strcasestr(connection->head, "\r\nContent-Length: ");
  if (atoi(connection->head + 9) != (options.status ? options.status : options.block ? 206 : 200) || !length)
    counts.n_bad++;
  connection->left = length ? atoll(length + 18) : 0;
  connection->state = READING_BODY;
  connection->first_us = g_get_monotonic_time();
  body = connection->head_size - (gsize)(end + 4 - connection->head);
  take_body(connection, (const guint8 *)end + 4, body);
  return TRUE;
}

static void
read_head(Connection *connection)
{
  gsize room = HEAD_ROOM - 1 - connection->head_size;
  gssize n = recv(connection->fd, connection->head + connection->head_size, room, 0);

  if (n < 0 && errno == EAGAIN)
    return;
  if (n <= 0) {
    fail(connection, "no reply");
    return;
  }
  connection->head_size += (guint)n;
  if (!take_head(connection)) {
    if (connection->head_size >= HEAD_ROOM - 1)
      fail(connection, "a head without end");
    return;
  }
  if (connection->left == 0)
    finish_request(connection);
}

/* FALSE: nothing is there, or the request has ended. */
static gboolean
read_body(Connection *connection, gsize most)
{
  gsize want = (gsize)MIN(connection->left, (gint64)most);
  gssize n = recv(connection->fd, sink, want, expected ? 0 : MSG_TRUNC);

  if (n < 0 && errno == EAGAIN)
    return FALSE;
  if (n <= 0) {
    fail(connection, "a body too short");
    return FALSE;
  }
  take_body(connection, sink, (gsize)n);
  if (connection->left > 0)
    return (gsize)n == want;
  finish_request(connection);
  return FALSE;
}

/* A slow reader takes a piece whenever its time has come, however much waits. */
static void
on_slow_turn(GwTimer *timer, gint64 now_ms)
{
  Connection *connection = (Connection *)timer;
  gint64 due_us;

  if (connection->state == READING_HEAD)
    read_head(connection);
  else if (connection->state == READING_BODY)
    read_body(connection, RATE_PIECE);
  if (connection->state == CLOSED)
    return;
  due_us = connection->state == READING_BODY
               ? connection->first_us + (gint64)(connection->taken * G_USEC_PER_SEC / options.rate)
               : g_get_monotonic_time() + 8000;
  gw_wheel_arm(&wheel, timer, due_us / 1000);
}

/* ---- connections ---- */

static int
make_socket(guint number)
{
  struct sockaddr_in from = { .sin_family = AF_INET };
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  int one = 1;

  if (fd < 0)
    return -1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (options.window)
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &options.window, sizeof options.window);
  if (options.sources) {
    from.sin_addr.s_addr = htonl(0x7f010000u + 1 + number % options.sources);
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    bind(fd, (struct sockaddr *)&from, sizeof from);
  }
  return fd;
}

static void
open_connection(Connection *connection)
{
  struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((guint16)options.port) };

  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  connection->number = counts.n_connections++;
  connection->fd = make_socket(connection->number / options.repeat); /* a node has one address */
  connection->begun_us = g_get_monotonic_time();
  connection->state = CONNECTING;
  if (connection->fd < 0 ||
      (connect(connection->fd, (struct sockaddr *)&to, sizeof to) < 0 && errno != EINPROGRESS)) {
    if (counts.n_errors++ < 3)
      perror("load: connect");
    close_connection(connection);
    n_alive--;
    return;
  }
  watch(connection, EPOLL_CTL_ADD, EPOLLOUT);
}

static void
on_connected(Connection *connection)
{
  int error = 0;
  socklen_t size = sizeof error;

  getsockopt(connection->fd, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error) {
    errno = error;
    fail(connection, "cannot connect");
    return;
  }
  watch(connection, EPOLL_CTL_MOD, options.rate ? 0 : EPOLLIN);
  send_request(connection);
  if (options.rate && connection->state == READING_HEAD)
    gw_wheel_arm(&wheel, &connection->timer, g_get_monotonic_time() / 1000 + 8);
}

static void
on_event(Connection *connection, guint32 events)
{
  if (connection->state == CONNECTING)
    on_connected(connection);
  else if (options.rate && (events & (EPOLLERR | EPOLLHUP)))
    fail(connection, "cut");
  else if (connection->state == IDLE)
    fail(connection, "an idle connection was closed");
  else if (connection->state == READING_HEAD)
    read_head(connection);
  if (connection->state != READING_BODY || options.rate)
    return;
  while (connection->state == READING_BODY && read_body(connection, sizeof sink))
    ;
}

static void
run_turn(void)
{
  struct epoll_event events[256];
  gboolean is_opening = n_opened < options.connections;
  int n;

  for (guint i = 0; i < OPEN_PER_TURN && n_opened < options.connections; i++)
    open_connection(&connections[n_opened++]);
  n = epoll_wait(epoll_fd, events, G_N_ELEMENTS(events), is_opening ? 0 : options.rate ? 4 : 20);
  for (int i = 0; i < n; i++)
    on_event(events[i].data.ptr, events[i].events);
  if (options.rate)
    gw_wheel_advance(&wheel, g_get_monotonic_time() / 1000);
}

/* Idle connections are held until somebody closes our standard input. */
static void
hold(void)
{
  char byte;

  while (n_alive > 0 &&
         (n_opened < options.connections || counts.n_done + counts.n_errors < options.connections))
    run_turn();
  printf("held\n");
  fflush(stdout);
  while (read(STDIN_FILENO, &byte, 1) > 0)
    ;
}

/* ---- the report ---- */

static int
compare(gconstpointer a, gconstpointer b)
{
  gint64 x = *(const gint64 *)a;
  gint64 y = *(const gint64 *)b;

  return (x > y) - (x < y);
}

static gint64
quantile_us(double part)
{
  if (durations_us->len == 0)
    return 0;
  return g_array_index(durations_us, gint64, (guint)(part * (durations_us->len - 1)));
}

static void
report(double elapsed_s)
{
  g_array_sort(durations_us, compare);
  printf("{\"requests\": %" G_GUINT64_FORMAT ", \"bytes\": %" G_GUINT64_FORMAT
         ", \"errors\": %" G_GUINT64_FORMAT ", \"bad\": %" G_GUINT64_FORMAT ", \"p50_us\": %" G_GINT64_FORMAT
         ", \"p99_us\": %" G_GINT64_FORMAT ", \"elapsed_s\": %.4f}\n",
         counts.n_done, counts.n_bytes, counts.n_errors, counts.n_bad, quantile_us(0.5), quantile_us(0.99),
         elapsed_s);
}

static gboolean
load_expected(const char *path)
{
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  struct stat status;

  if (fd < 0 || fstat(fd, &status) < 0)
    return FALSE;
  expected_size = (gsize)status.st_size;
  expected = mmap(NULL, expected_size, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
  close(fd);
  return expected != MAP_FAILED;
}

int
main(int argc, char **argv)
{
  struct rlimit limit;
  gint64 start_us;

  if (!load_options_parse(&options, argc, argv))
    return 2;
  if (options.verify && !load_expected(options.verify)) {
    perror(options.verify);
    return 2;
  }
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  dice = g_rand_new_with_seed(1);
  durations_us = g_array_new(FALSE, FALSE, sizeof(gint64));
  connections = g_new0(Connection, options.connections);
  for (guint i = 0; i < options.connections; i++)
    connections[i] = (Connection){ .fd = -1, .timer.fire = on_slow_turn };
  n_alive = options.connections;
  start_us = g_get_monotonic_time();
  end_us = start_us + (gint64)(options.seconds * G_USEC_PER_SEC);
  gw_wheel_init(&wheel, start_us / 1000);
  if (options.is_idle)
    hold();
  else
    while (n_alive > 0 && (!is_over() || options.requests || options.is_new_each_time))
      run_turn();
  report((double)(g_get_monotonic_time() - start_us) / G_USEC_PER_SEC);
  return counts.n_errors || counts.n_bad ? 1 : 0;
}
