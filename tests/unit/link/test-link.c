/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "link/link.h"

#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "link/messages.h"

/* One end, and what it saw. */
typedef struct {
  GwLink *link;
  guint n_messages, n_fds, n_closed;
  guint32 last_serial;
  gboolean was_error, frees_itself;
  int kept_fd;
} End;

typedef struct {
  GMainContext *context;
  End a, b;
} Pair;

static void
on_message(GwLink *link, const GwMessage *message, gpointer user)
{
  End *end = user;

  g_assert_cmpuint(end->n_closed, ==, 0);
  end->n_messages++;
  end->n_fds += message->n_fds;
  if (end->n_messages > 1 && message->serial != 0)
    g_assert_cmpuint(message->serial, ==, end->last_serial + 1);
  end->last_serial = message->serial;
  if (message->n_fds > 0 && end->kept_fd < 0) {
    end->kept_fd = message->fds[0];
    message->fds[0] = -1;
  }
  if (end->frees_itself)
    g_clear_pointer(&end->link, gw_link_free);
}

static void
on_closed(GwLink *link, const GError *error, gpointer user)
{
  End *end = user;

  end->n_closed++;
  end->was_error = error != NULL;
}

static const GwLinkEvents events = { on_message, on_closed };

static void
pair_open(Pair *pair)
{
  int fds[2];

  g_assert_cmpint(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), ==, 0);
  memset(pair, 0, sizeof *pair);
  pair->context = g_main_context_new();
  pair->a.kept_fd = pair->b.kept_fd = -1;
  pair->a.link = gw_link_new(fds[0], pair->context, &events, &pair->a);
  pair->b.link = gw_link_new(fds[1], pair->context, &events, &pair->b);
}

static void
pair_close(Pair *pair)
{
  gw_link_free(pair->a.link);
  gw_link_free(pair->b.link);
  gw_close(&pair->a.kept_fd);
  gw_close(&pair->b.kept_fd);
  g_main_context_unref(pair->context);
}

/* Runs until nothing is ready. */
static void
pair_run(Pair *pair)
{
  while (g_main_context_iteration(pair->context, FALSE))
    ;
}

static GVariant *
some_payload(gsize size)
{
  g_autofree char *name = g_strnfill(size, 'x');

  return gw_poll_pack(name, FALSE);
}

static void
test_order(void)
{
  Pair pair;

  pair_open(&pair);
  for (guint i = 1; i <= 100; i++)
    g_assert_true(gw_link_send(pair.a.link, GW_MESSAGE_POLL, i, some_payload(10), NULL, 0));
  pair_run(&pair);
  g_assert_cmpuint(pair.b.n_messages, ==, 100);
  g_assert_cmpuint(pair.b.last_serial, ==, 100);
  g_assert_cmpuint(pair.a.n_messages, ==, 0);
  pair_close(&pair);
}

/* The serial of the next message on a bare socket, 0 where there is none. */
static guint32
hear_serial(int fd)
{
  static guint8 buffer[GW_LINK_MAX_MESSAGE];
  g_autoptr(GError) error = NULL;
  GwMessageType type;
  guint32 serial = 0;
  ssize_t size = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);

  if (size < 0)
    return 0;
  g_autoptr(GVariant) payload = gw_link_parse(buffer, (gsize)size, &type, &serial, &error);
  g_assert_no_error(error);
  return serial;
}

/* When the socket has room again, what is new goes behind what waits. */
static void
test_no_overtaking(void)
{
  g_autoptr(GMainContext) context = g_main_context_new();
  End end = { .kept_fd = -1 };
  guint32 n_sent = 0, serial, last = 0;
  int fds[2];

  g_assert_cmpint(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), ==, 0);
  GwLink *link = gw_link_new(fds[0], context, &events, &end);
  while (gw_link_queued(link) < 2)
    g_assert_true(gw_link_send(link, GW_MESSAGE_POLL, ++n_sent, some_payload(2000), NULL, 0));
  while ((serial = hear_serial(fds[1])) != 0)
    g_assert_cmpuint(serial, ==, ++last);
  g_assert_cmpuint(last, ==, n_sent - 2);
  g_assert_true(gw_link_send(link, GW_MESSAGE_POLL, ++n_sent, some_payload(1), NULL, 0));
  while (g_main_context_iteration(context, FALSE))
    ;
  while ((serial = hear_serial(fds[1])) != 0)
    g_assert_cmpuint(serial, ==, ++last);
  g_assert_cmpuint(last, ==, n_sent);
  gw_link_free(link);
  (void)close(fds[1]);
}

/* The socket fills, then the queue, then the sender is told; all that was taken arrives, in order. */
static void
test_queue_bound(void)
{
  Pair pair;
  guint n_sent = 0;

  pair_open(&pair);
  while (gw_link_send(pair.a.link, GW_MESSAGE_POLL, n_sent + 1, some_payload(2000), NULL, 0))
    n_sent++;
  g_assert_cmpuint(gw_link_queued(pair.a.link), ==, GW_LINK_MAX_QUEUE);
  g_assert_cmpuint(n_sent, >, GW_LINK_MAX_QUEUE);
  pair_run(&pair);
  g_assert_cmpuint(pair.b.n_messages, ==, n_sent);
  g_assert_cmpuint(gw_link_queued(pair.a.link), ==, 0);
  g_assert_true(gw_link_send(pair.a.link, GW_MESSAGE_POLL, n_sent + 1, some_payload(1), NULL, 0));
  pair_close(&pair);
}

static void
test_queue_bytes(void)
{
  Pair pair;
  guint n_sent = 0;

  pair_open(&pair);
  while (gw_link_send(pair.a.link, GW_MESSAGE_POLL, 0, some_payload(100000), NULL, 0))
    n_sent++;
  g_assert_cmpuint(n_sent, <, 400);
  g_assert_cmpuint(n_sent, >, 100);
  g_assert_false(gw_link_send(pair.b.link, GW_MESSAGE_POLL, 0, some_payload(GW_LINK_MAX_MESSAGE), NULL, 0));
  pair_close(&pair);
}

static void
test_descriptors(void)
{
  Pair pair;
  GW_AUTO_FD int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
  int fds[2] = { file, file };
  struct stat sent, got;

  pair_open(&pair);
  g_assert_true(gw_link_send(pair.a.link, GW_MESSAGE_ANNOUNCE, 1, some_payload(1), fds, 2));
  pair_run(&pair);
  g_assert_cmpuint(pair.b.n_fds, ==, 2);
  g_assert_cmpint(fstat(file, &sent), ==, 0);
  g_assert_cmpint(fstat(pair.b.kept_fd, &got), ==, 0);
  g_assert_cmpuint(sent.st_rdev, ==, got.st_rdev);
  g_assert_cmpint(fcntl(pair.b.kept_fd, F_GETFD) & FD_CLOEXEC, !=, 0);
  pair_close(&pair);
}

/* Descriptors wait with their message: the sender may close its own at once. */
static void
test_descriptors_queued(void)
{
  Pair pair;
  int file = open("/dev/null", O_RDONLY | O_CLOEXEC);

  pair_open(&pair);
  while (gw_link_queued(pair.a.link) == 0)
    g_assert_true(gw_link_send(pair.a.link, GW_MESSAGE_POLL, 0, some_payload(30000), NULL, 0));
  g_assert_true(gw_link_send(pair.a.link, GW_MESSAGE_BLOB, 0, some_payload(1), &file, 1));
  gw_close(&file);
  pair_run(&pair);
  g_assert_cmpuint(pair.b.n_fds, ==, 1);
  pair_close(&pair);
}

/* A receiver that has no descriptor free gets the message without, and none of two. */
static void
test_descriptors_dropped(void)
{
  Pair pair;
  GW_AUTO_FD int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
  int fds[2] = { file, file };
  struct rlimit before, tight;

  pair_open(&pair);
  g_assert_true(gw_link_send(pair.a.link, GW_MESSAGE_ANNOUNCE, 1, some_payload(1), fds, 2));
  g_assert_true(gw_link_send(pair.a.link, GW_MESSAGE_BLOB, 2, some_payload(1), &file, 1));
  g_assert_cmpint(getrlimit(RLIMIT_NOFILE, &before), ==, 0);
  GW_AUTO_FD int highest = fcntl(file, F_DUPFD_CLOEXEC, 3);
  tight = (struct rlimit){ (rlim_t)highest + 1, before.rlim_max };
  g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &tight), ==, 0);
  pair_run(&pair);
  g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &before), ==, 0);
  g_assert_cmpuint(pair.b.n_messages, ==, 2);
  g_assert_cmpuint(pair.b.n_fds, ==, 0);
  g_assert_cmpuint(pair.b.n_closed, ==, 0);
  pair_close(&pair);
}

/* Room for one of two: neither is handed on, because one may mean something else than two. */
static void
test_descriptors_cut_short(void)
{
  Pair pair;
  GW_AUTO_FD int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
  int fds[2] = { file, file };
  struct rlimit before, tight;

  pair_open(&pair);
  g_assert_true(gw_link_send(pair.a.link, GW_MESSAGE_ANNOUNCE, 1, some_payload(1), fds, 2));
  g_assert_cmpint(getrlimit(RLIMIT_NOFILE, &before), ==, 0);
  GW_AUTO_FD int next = fcntl(file, F_DUPFD_CLOEXEC, 3);
  tight = (struct rlimit){ (rlim_t)next + 1, before.rlim_max };
  gw_close(&next);
  g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &tight), ==, 0);
  pair_run(&pair);
  g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &before), ==, 0);
  g_assert_cmpuint(pair.b.n_messages, ==, 1);
  g_assert_cmpuint(pair.b.n_fds, ==, 0);
  pair_close(&pair);
}

static guint
count_descriptors(void)
{
  g_autoptr(GDir) dir = g_dir_open("/proc/self/fd", 0, NULL);
  guint n = 0;

  while (g_dir_read_name(dir))
    n++;
  return n;
}

/* What a worker in foreign hands may send: more descriptors than any message has. */
static void
send_crowd(int socket_fd, int file, guint n)
{
  union {
    struct cmsghdr head;
    char room[CMSG_SPACE(64 * sizeof(int))];
  } control = { 0 };
  g_autoptr(GVariant) payload = g_variant_ref_sink(some_payload(1));
  guint8 head[8] = { GW_LINK_VERSION, 0, GW_MESSAGE_POLL };
  struct iovec parts[2] = { { head, sizeof head },
                            { (void *)g_variant_get_data(payload), g_variant_get_size(payload) } };
  struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2, .msg_control = &control };
  int fds[64];

  for (guint i = 0; i < n; i++)
    fds[i] = file;
  message.msg_controllen = CMSG_SPACE(n * sizeof(int));
  control.head.cmsg_level = SOL_SOCKET;
  control.head.cmsg_type = SCM_RIGHTS;
  control.head.cmsg_len = CMSG_LEN(n * sizeof(int));
  memcpy(CMSG_DATA(&control.head), fds, n * sizeof(int));
  g_assert_cmpint(sendmsg(socket_fd, &message, MSG_NOSIGNAL), >, 0);
}

static void
test_descriptors_too_many(void)
{
  static const struct {
    guint n, n_taken;
  } rows[] = { { GW_LINK_MAX_FDS, GW_LINK_MAX_FDS },
               { GW_LINK_MAX_FDS + 1, GW_LINK_MAX_FDS },
               { 16, GW_LINK_MAX_FDS },
               { 64, 0 } };
  GW_AUTO_FD int file = open("/dev/null", O_RDONLY | O_CLOEXEC);

  for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
    g_autoptr(GMainContext) context = g_main_context_new();
    End end = { .kept_fd = -1 };
    int fds[2];

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), ==, 0);
    GwLink *link = gw_link_new(fds[0], context, &events, &end);
    guint n_before = count_descriptors();
    send_crowd(fds[1], file, rows[i].n);
    while (g_main_context_iteration(context, FALSE))
      ;
    g_assert_cmpuint(end.n_messages, ==, 1);
    g_assert_cmpuint(end.n_fds, ==, rows[i].n_taken);
    gw_close(&end.kept_fd);
    g_assert_cmpuint(count_descriptors(), ==, n_before);
    gw_link_free(link);
    (void)close(fds[1]);
  }
}

static void
test_closed(void)
{
  Pair pair;

  pair_open(&pair);
  g_assert_true(gw_link_send(pair.a.link, GW_MESSAGE_POLL, 1, some_payload(1), NULL, 0));
  g_clear_pointer(&pair.a.link, gw_link_free);
  pair_run(&pair);
  g_assert_cmpuint(pair.b.n_messages, ==, 1);
  g_assert_cmpuint(pair.b.n_closed, ==, 1);
  g_assert_false(pair.b.was_error);
  g_assert_false(gw_link_send(pair.b.link, GW_MESSAGE_POLL, 1, some_payload(1), NULL, 0));
  pair_close(&pair);
}

/* A peer killed with our messages unread resets the socket; its own last words are heard all the same. */
static void
test_killed(void)
{
  Pair pair;
  int fds[2];

  pair_open(&pair);
  gw_link_free(pair.b.link);
  gw_link_free(pair.a.link);
  pair.a.link = NULL;
  g_assert_cmpint(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), ==, 0);
  pair.b.link = gw_link_new(fds[0], pair.context, &events, &pair.b);
  g_assert_true(gw_link_send(pair.b.link, GW_MESSAGE_POLL, 1, some_payload(1), NULL, 0));
  pid_t child = fork();
  if (child == 0) {
    GwLink *link = gw_link_new(fds[1], pair.context, &events, &pair.a);
    for (guint i = 1; i <= 3; i++)
      gw_link_send(link, GW_MESSAGE_POLL, i, some_payload(1), NULL, 0);
    kill(getpid(), SIGKILL);
  }
  gw_close(&fds[1]);
  g_assert_cmpint(waitpid(child, NULL, 0), ==, child);
  pair_run(&pair);
  g_assert_cmpuint(pair.b.n_messages, ==, 3);
  g_assert_cmpuint(pair.b.n_closed, ==, 1);
  pair_close(&pair);
}

static void
test_free_inside(void)
{
  Pair pair;

  pair_open(&pair);
  pair.b.frees_itself = TRUE;
  for (guint i = 1; i <= 3; i++)
    g_assert_true(gw_link_send(pair.a.link, GW_MESSAGE_POLL, i, some_payload(1), NULL, 0));
  pair_run(&pair);
  g_assert_cmpuint(pair.b.n_messages, ==, 1);
  g_assert_cmpuint(pair.b.n_closed, ==, 0);
  g_assert_cmpuint(pair.a.n_closed, ==, 1);
  pair_close(&pair);
}

/* Sends one raw datagram to the end at @fds[1]. */
static void
send_raw(Pair *pair, const void *data, gsize size)
{
  int fds[2];

  g_assert_cmpint(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), ==, 0);
  gw_link_free(pair->b.link);
  pair->b.link = gw_link_new(fds[0], pair->context, &events, &pair->b);
  g_assert_cmpint(send(fds[1], data, size, 0), ==, size);
  pair_run(pair);
  gw_close(&fds[1]);
}

static void
test_nonsense(void)
{
  static const guint8 nonsense[8] = { 99 }, unknown[8] = { GW_LINK_VERSION, 0, 200 };
  Pair pair;

  pair_open(&pair);
  send_raw(&pair, nonsense, sizeof nonsense);
  g_assert_cmpuint(pair.b.n_closed, ==, 1);
  g_assert_true(pair.b.was_error);
  pair.b.n_closed = 0;
  send_raw(&pair, "x", 1);
  g_assert_cmpuint(pair.b.n_closed, ==, 1);
  pair.b.n_closed = 0;
  send_raw(&pair, unknown, sizeof unknown); /* a newer side may say more than we know */
  g_assert_cmpuint(pair.b.n_closed, ==, 0);
  g_assert_cmpuint(pair.b.n_messages, ==, 0);
  pair_close(&pair);
}

static void
test_serial(void)
{
  Pair pair;

  pair_open(&pair);
  g_assert_cmpuint(gw_link_next_serial(pair.a.link), ==, 1);
  g_assert_cmpuint(gw_link_next_serial(pair.a.link), ==, 2);
  pair_close(&pair);
}

static void
test_sockets(void)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *folder = g_dir_make_tmp("link-XXXXXX", NULL);
  g_autofree char *path = g_build_filename(folder, "lan.sock", NULL);
  g_autofree char *too_long = g_strnfill(200, 'x');

  g_assert_cmpint(gw_link_connect(path, &error), ==, -1);
  g_assert_error(error, GW_ERROR, GW_ERROR_OFFLINE);
  g_clear_error(&error);
  GW_AUTO_FD int first = gw_link_listen(path, &error);
  g_assert_no_error(error);
  GW_AUTO_FD int again = gw_link_listen(path, &error); /* as after a kill: the file is there */
  g_assert_no_error(error);
  GW_AUTO_FD int client = gw_link_connect(path, &error);
  g_assert_no_error(error);
  GW_AUTO_FD int server = accept4(again, NULL, NULL, SOCK_CLOEXEC);
  g_assert_cmpint(server, >=, 0);
  g_assert_cmpuint(gw_link_peer_uid(server), ==, getuid());
  g_assert_cmpuint(gw_link_peer_uid(-1), ==, (guint)-1);
  g_assert_cmpint(gw_link_listen(too_long, &error), ==, -1);
  g_assert_error(error, GW_ERROR, GW_ERROR_BAD_INPUT);
  unlink(path);
  rmdir(folder);
}

static void
test_not_a_socket(void)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *folder = g_dir_make_tmp("link-XXXXXX", NULL);
  g_autofree char *path = g_build_filename(folder, "precious", NULL);

  g_assert_true(g_file_set_contents(path, "data", 4, NULL));
  g_assert_cmpint(gw_link_listen(path, &error), ==, -1);
  g_assert_nonnull(error);
  g_assert_true(g_file_test(path, G_FILE_TEST_IS_REGULAR));
  unlink(path);
  rmdir(folder);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/link/order", test_order);
  g_test_add_func("/link/no-overtaking", test_no_overtaking);
  g_test_add_func("/link/queue-bound", test_queue_bound);
  g_test_add_func("/link/queue-bytes", test_queue_bytes);
  g_test_add_func("/link/descriptors", test_descriptors);
  g_test_add_func("/link/descriptors-queued", test_descriptors_queued);
  g_test_add_func("/link/descriptors-dropped", test_descriptors_dropped);
  g_test_add_func("/link/descriptors-cut-short", test_descriptors_cut_short);
  g_test_add_func("/link/descriptors-too-many", test_descriptors_too_many);
  g_test_add_func("/link/closed", test_closed);
  g_test_add_func("/link/killed", test_killed);
  g_test_add_func("/link/free-inside", test_free_inside);
  g_test_add_func("/link/nonsense", test_nonsense);
  g_test_add_func("/link/serial", test_serial);
  g_test_add_func("/link/sockets", test_sockets);
  g_test_add_func("/link/not-a-socket", test_not_a_socket);
  return g_test_run();
}
