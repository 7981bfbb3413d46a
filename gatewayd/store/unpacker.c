/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/unpacker.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"

#define PATIENCE_US ((gint64)(GW_JOB_WALL_SECONDS + 5) * G_USEC_PER_SEC)

typedef struct {
  GwUnpacker *unpacker;
  int file_fd; /* -1 = a greeting, or it was sent */
  gboolean is_greeting, was_greeted;
  GVariant *job;
  GwFindingsDone done;
  gpointer user;
} Look;

struct GwUnpacker {
  char *path, *problem;
  void (*hello)(GVariant *tables, gpointer user);
  gpointer user;
  GMainContext *context;
  GQueue looks; /* the first is at work when fd is not -1 */
  int fd;
  GSource *source, *timer;
};

static void
look_free(gpointer data)
{
  Look *look = data;

  gw_close(&look->file_fd);
  g_variant_unref(look->job);
  g_free(look);
}

GwUnpacker *
gw_unpacker_new(const char *path, void (*hello)(GVariant *tables, gpointer user), gpointer user)
{
  GwUnpacker *unpacker = g_new0(GwUnpacker, 1);

  unpacker->path = g_strdup(path);
  unpacker->problem = g_strdup("");
  unpacker->hello = hello;
  unpacker->user = user;
  unpacker->context = g_main_context_ref_thread_default();
  unpacker->fd = -1;
  g_queue_init(&unpacker->looks);
  return unpacker;
}

static void
hang_up(GwUnpacker *unpacker)
{
  GSource **sources[] = { &unpacker->source, &unpacker->timer };

  for (gsize i = 0; i < G_N_ELEMENTS(sources); i++) {
    if (!*sources[i])
      continue;
    g_source_destroy(*sources[i]);
    g_clear_pointer(sources[i], g_source_unref);
  }
  gw_close(&unpacker->fd);
}

void
gw_unpacker_free(GwUnpacker *unpacker)
{
  if (!unpacker)
    return;
  hang_up(unpacker);
  g_queue_clear_full(&unpacker->looks, look_free);
  g_main_context_unref(unpacker->context);
  g_free(unpacker->path);
  g_free(unpacker->problem);
  g_free(unpacker);
}

const char *
gw_unpacker_problem(const GwUnpacker *unpacker)
{
  return unpacker->problem;
}

static void
set_problem(GwUnpacker *unpacker, const char *text)
{
  g_free(unpacker->problem);
  unpacker->problem = g_strdup(text);
}

/* ---- the socket ---- */

static int
connect_to(const char *path, GError **error)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  GW_AUTO_FD int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

  if (!path || strlen(path) >= sizeof address.sun_path) {
    gw_fail(error, GW_ERROR_OFFLINE, "there is no socket of the program that does it");
    return -1;
  }
  memcpy(address.sun_path, path, strlen(path));
  if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
    gw_fail(error, GW_ERROR_OFFLINE, "the program that does it cannot be reached: %s", g_strerror(errno));
    return -1;
  }
  return g_steal_fd(&fd);
}

static gboolean
send_job(int fd, GVariant *job, const int *fds, guint n_fds, GError **error)
{
  union {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(2 * sizeof(int))];
  } control = { 0 };
  struct iovec part = { (gpointer)g_variant_get_data(job), g_variant_get_size(job) };
  struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

  if (n_fds > 0) {
    message.msg_control = control.bytes;
    message.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
    control.align = (struct cmsghdr){ CMSG_LEN(n_fds * sizeof(int)), SOL_SOCKET, SCM_RIGHTS };
    memcpy(CMSG_DATA(&control.align), fds, n_fds * sizeof(int));
  }
  if (sendmsg(fd, &message, MSG_NOSIGNAL) < 0)
    return gw_fail(error, GW_ERROR_OFFLINE, "the program that does it takes no job: %s", g_strerror(errno));
  return TRUE;
}

/* ---- one look ---- */

static void next(GwUnpacker *unpacker);

static void
end(GwUnpacker *unpacker, const GwFindings *findings, const GError *error)
{
  Look *look = g_queue_pop_head(&unpacker->looks);

  hang_up(unpacker);
  if (!error || !g_error_matches(error, GW_ERROR, GW_ERROR_OFFLINE))
    set_problem(unpacker, "");
  else
    set_problem(unpacker, error->message);
  if (look->done)
    look->done(findings, error, look->user);
  look_free(look);
  next(unpacker);
}

static void
fail(GwUnpacker *unpacker, GwErrorCode code, const char *text)
{
  g_autoptr(GError) error = NULL;

  gw_fail(&error, code, "%s", text);
  end(unpacker, NULL, error);
}

static void
on_hello(GwUnpacker *unpacker, GVariant *tables)
{
  Look *look = g_queue_peek_head(&unpacker->looks);

  look->was_greeted = TRUE;
  unpacker->hello(tables, unpacker->user);
  if (look->is_greeting)
    end(unpacker, NULL, NULL);
}

/* Before its greeting nothing was read: then it is not the file's fault. */
static void
on_end(GwUnpacker *unpacker)
{
  const Look *look = g_queue_peek_head(&unpacker->looks);

  if (look->was_greeted)
    fail(unpacker, GW_ERROR_BAD_INPUT,
         "looking into it took more than is allowed (5 s, 64 MiB), or ended in a crash");
  else
    fail(unpacker, GW_ERROR_OFFLINE, "the program that does it ended before it began");
}

static void
hear(GwUnpacker *unpacker, const char *data, gsize size)
{
  g_auto(GwSays) says = { 0 };
  const Look *look = g_queue_peek_head(&unpacker->looks);
  g_autoptr(GError) error = NULL;

  if (!gw_says_unpack(data, size, &says, &error))
    end(unpacker, NULL, error);
  else if (says.kind == GW_SAYS_HELLO && !look->was_greeted)
    on_hello(unpacker, says.tables);
  else if (says.kind == GW_SAYS_FINDINGS && look->was_greeted)
    end(unpacker, says.findings, NULL);
  else
    fail(unpacker, GW_ERROR_BAD_INPUT, "what looks into files spoke out of turn");
}

static gboolean
on_readable(int fd, GIOCondition condition, gpointer user)
{
  g_autofree char *data = g_malloc(GW_JOB_MESSAGE_MAX);
  ssize_t n = recv(fd, data, GW_JOB_MESSAGE_MAX, 0);

  if (n < 0 && (errno == EINTR || errno == EAGAIN))
    return G_SOURCE_CONTINUE;
  if (n > 0)
    hear(user, data, (gsize)n);
  else
    on_end(user);
  return G_SOURCE_CONTINUE; /* where it ended, the source was destroyed */
}

static gboolean
on_too_late(gpointer user)
{
  GwUnpacker *unpacker = user;
  const Look *look = g_queue_peek_head(&unpacker->looks);

  fail(unpacker, look->was_greeted ? GW_ERROR_BAD_INPUT : GW_ERROR_OFFLINE,
       "the program that does it did not end within its time");
  return G_SOURCE_REMOVE;
}

static gboolean
on_begin(gpointer user)
{
  GwUnpacker *unpacker = user;
  Look *look = g_queue_peek_head(&unpacker->looks);
  g_autoptr(GError) error = NULL;

  g_clear_pointer(&unpacker->timer, g_source_unref); /* it ends with this call */
  unpacker->fd = connect_to(unpacker->path, &error);
  if (unpacker->fd < 0 ||
      !send_job(unpacker->fd, look->job, &look->file_fd, look->is_greeting ? 0 : 1, &error)) {
    end(unpacker, NULL, error);
    return G_SOURCE_REMOVE;
  }
  gw_close(&look->file_fd);
  unpacker->source = g_unix_fd_source_new(unpacker->fd, G_IO_IN);
  g_source_set_callback(unpacker->source, G_SOURCE_FUNC(on_readable), unpacker, NULL);
  g_source_attach(unpacker->source, unpacker->context);
  unpacker->timer = g_timeout_source_new((guint)(PATIENCE_US / 1000));
  g_source_set_callback(unpacker->timer, on_too_late, unpacker, NULL);
  g_source_attach(unpacker->timer, unpacker->context);
  return G_SOURCE_REMOVE;
}

/* In a turn of its own: nobody is called back from within his own call. */
static void
next(GwUnpacker *unpacker)
{
  if (unpacker->fd >= 0 || unpacker->timer || g_queue_is_empty(&unpacker->looks))
    return;
  unpacker->timer = g_idle_source_new();
  g_source_set_priority(unpacker->timer, G_PRIORITY_DEFAULT);
  g_source_set_callback(unpacker->timer, on_begin, unpacker, NULL);
  g_source_attach(unpacker->timer, unpacker->context);
}

static void
add(GwUnpacker *unpacker, Look look, const GwJob *job)
{
  look.unpacker = unpacker;
  look.job = g_variant_ref_sink(gw_job_pack(job));
  g_queue_push_tail(&unpacker->looks, g_memdup2(&look, sizeof look));
  next(unpacker);
}

void
gw_unpacker_greet(GwUnpacker *unpacker)
{
  if (unpacker->path)
    add(unpacker, (Look){ .file_fd = -1, .is_greeting = TRUE }, &(GwJob){ .member = GW_JOB_LOOK });
}

void
gw_unpacker_look(GwUnpacker *unpacker, int fd, const GwJob *job, GwFindingsDone done, gpointer user)
{
  add(unpacker, (Look){ .file_fd = fd, .done = done, .user = user }, job);
}

int
gw_unpacker_extract(GwUnpacker *unpacker, int fd, const GwJob *job, GError **error)
{
  g_autoptr(GVariant) message = g_variant_ref_sink(gw_job_pack(job));
  GW_AUTO_FD int file_fd = fd;
  GW_AUTO_FD int socket_fd = connect_to(unpacker->path, error);
  GW_AUTO_FD int read_fd = -1;
  GW_AUTO_FD int write_fd = -1;
  int ends[2];

  if (socket_fd < 0)
    return -1;
  if (pipe2(ends, O_CLOEXEC) < 0) {
    gw_fail_errno(error, errno, "cannot make a pipe");
    return -1;
  }
  read_fd = ends[0];
  write_fd = ends[1];
  if (!send_job(socket_fd, message, (int[]){ file_fd, write_fd }, 2, error))
    return -1;
  return g_steal_fd(&read_fd);
}
