/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Load on an FTP server of the loopback: whole sessions of a node, one after the other in each of several
 * threads, or many logins that stay idle. Prints one line of JSON. */
#include <arpa/inet.h>
#include <glib.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define REPLY_MAX 512
#define EDGE_S 2.0

static int port = 21;
static int n_threads = 32, n_idle, n_skipped;
static double seconds = 1;
static char *mode, *logins_path, *verify_path;
static char **logins; /* "USER PASSWORD" */
static char *image;
static gsize image_size;
static gint64 start_us;
static gint n_begun, n_sessions, n_first, n_last, n_errors, n_bad;

static const GOptionEntry OPTIONS[] = {
  { "port", 0, 0, G_OPTION_ARG_INT, &port, "of the server", "PORT" },
  { "threads", 0, 0, G_OPTION_ARG_INT, &n_threads, "sessions at a time [32]", "N" },
  { "seconds", 0, 0, G_OPTION_ARG_DOUBLE, &seconds, "so long [1]", "S" },
  { "mode", 0, 0, G_OPTION_ARG_STRING, &mode, "PASV, EPSV or PORT [PASV]", "VERB" },
  { "logins", 0, 0, G_OPTION_ARG_FILENAME, &logins_path, "a line \"USER PASSWORD\" for each", "FILE" },
  { "first", 0, 0, G_OPTION_ARG_INT, &n_skipped, "begin with this one of them [0]", "N" },
  { "image", 0, 0, G_OPTION_ARG_FILENAME, &verify_path, "what PROG001 must be", "FILE" },
  { "idle", 0, 0, G_OPTION_ARG_INT, &n_idle, "log in so often, then wait for the end of the input", "N" },
  { NULL, 0, 0, 0, NULL, NULL, NULL },
};

typedef struct {
  int fd;
  char reply[REPLY_MAX];
} Session;

static struct sockaddr_in
loopback(int at_port)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((guint16)at_port) };

  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

static int
dial(int to_port)
{
  struct sockaddr_in address = loopback(to_port);
  struct timeval patience = { .tv_sec = 20 };
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;

  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
    return fd;
  close(fd);
  return -1;
}

/* The code of a reply of one line; 0 = none. Replies never come unasked, so none is read too far. */
static int
hear(Session *session)
{
  gsize used = 0;

  while (used < REPLY_MAX - 1) {
    gssize n = recv(session->fd, session->reply + used, REPLY_MAX - 1 - used, 0);
    if (n <= 0)
      return 0;
    used += (gsize)n;
    session->reply[used] = 0;
    if (session->reply[used - 1] == '\n')
      return (int)g_ascii_strtoull(session->reply, NULL, 10);
  }
  return 0;
}

static int G_GNUC_PRINTF(2, 3) ask(Session *session, const char *format, ...)
{
  char line[256];
  va_list args;
  va_start(args, format);
  int size = g_vsnprintf(line, sizeof line - 2, format, args);
  va_end(args);
  memcpy(line + size, "\r\n", 2);
  if (send(session->fd, line, (gsize)size + 2, MSG_NOSIGNAL) < 0)
    return 0;
  return hear(session);
}

static gboolean
log_in(Session *session, const char *login)
{
  const char *blank = strchr(login, ' ');

  session->fd = dial(port);
  return session->fd >= 0 && hear(session) == 220 &&
         ask(session, "USER %.*s", (int)(blank - login), login) == 331 &&
         ask(session, "PASS %s", blank + 1) == 230;
}

/* ---- files ---- */

static int
dial_passive(Session *session)
{
  unsigned high, low, number;

  if (g_strcmp0(mode, "EPSV") == 0)
    return ask(session, "EPSV") == 229 && sscanf(strchr(session->reply, '('), "(|||%u|)", &number) == 1
               ? dial((int)number)
               : -1;
  if (ask(session, "PASV") != 227 ||
      sscanf(strchr(session->reply, '('), "(%*u,%*u,%*u,%*u,%u,%u)", &high, &low) != 2)
    return -1;
  return dial((int)(high << 8 | low));
}

static int
listen_active(Session *session)
{
  struct sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  guint at;

  if (bind(fd, (struct sockaddr *)&address, size) < 0 || listen(fd, 1) < 0 ||
      getsockname(fd, (struct sockaddr *)&address, &size) < 0)
    return -1;
  at = ntohs(address.sin_port);
  return ask(session, "PORT 127,0,0,1,%u,%u", at >> 8, at & 255) == 200 ? fd : -1;
}

static gsize
read_all(int fd, char *buffer, gsize size)
{
  gsize used = 0;
  gssize n;

  while ((n = recv(fd, buffer + used, size - used, 0)) > 0)
    used += (gsize)n;
  return used;
}

/* "150" and "226" may come in one piece. */
static gboolean
hear_all_is_well(Session *session)
{
  return strstr(session->reply, "\n226") || hear(session) == 226;
}

static gboolean
fetch(Session *session, const char *name, char *buffer, gsize *ret_size)
{
  gboolean is_active = g_strcmp0(mode, "PORT") == 0;
  int listen_fd = is_active ? listen_active(session) : -1;
  int fd = is_active ? -1 : dial_passive(session);
  int code = ask(session, "RETR %s", name);

  if (is_active)
    fd = code == 150 ? accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC) : -1;
  *ret_size = fd >= 0 && code == 150 ? read_all(fd, buffer, image_size + 1) : 0;
  if (listen_fd >= 0)
    close(listen_fd);
  if (fd >= 0)
    close(fd);
  return *ret_size > 0 && hear_all_is_well(session);
}

static gboolean
run_session(const char *login, char *buffer)
{
  Session session = { .fd = -1 };
  gsize size;
  gboolean is_good = log_in(&session, login) && ask(&session, "TYPE I") == 200 &&
                     fetch(&session, "UPGRADE.TXT", buffer, &size) &&
                     fetch(&session, "PROG001", buffer, &size);

  if (is_good && (size != image_size || memcmp(buffer, image, size) != 0))
    g_atomic_int_inc(&n_bad);
  if (is_good)
    (void)ask(&session, "QUIT");
  else if (g_atomic_int_add(&n_errors, 1) == 0)
    fprintf(stderr, "the first that failed heard last: %s", session.reply);
  if (session.fd >= 0)
    close(session.fd);
  return is_good;
}

static gpointer
run_thread(gpointer user)
{
  g_autofree char *buffer = g_malloc(image_size + 1);
  guint n_logins = g_strv_length(logins);
  double now_s;

  while ((now_s = (double)(g_get_monotonic_time() - start_us) / 1e6) < seconds) {
    if (!run_session(logins[(guint)g_atomic_int_add(&n_begun, 1) % n_logins], buffer))
      continue;
    g_atomic_int_inc(&n_sessions);
    if (now_s < EDGE_S)
      g_atomic_int_inc(&n_first);
    if (now_s >= seconds - EDGE_S)
      g_atomic_int_inc(&n_last);
  }
  return NULL;
}

/* ---- what is run ---- */

static int
run_load(void)
{
  g_autofree GThread **threads = g_new(GThread *, n_threads);
  double elapsed_s;

  n_begun = n_skipped;
  start_us = g_get_monotonic_time();
  for (int i = 0; i < n_threads; i++)
    threads[i] = g_thread_new("node", run_thread, NULL);
  for (int i = 0; i < n_threads; i++)
    g_thread_join(threads[i]);
  elapsed_s = (double)(g_get_monotonic_time() - start_us) / 1e6;
  printf(
      "{\"requests\": %d, \"bytes\": %.0f, \"elapsed_s\": %.3f, \"errors\": %d, \"bad\": %d, \"first\": %d, "
      "\"last\": %d}\n",
      n_sessions, (double)n_sessions * (double)image_size, elapsed_s, n_errors, n_bad, n_first, n_last);
  return n_sessions > 0 && n_bad == 0 ? 0 : 1;
}

static int
run_idle(void)
{
  g_autofree Session *sessions = g_new0(Session, n_idle);

  for (int i = 0; i < n_idle; i++) {
    if (log_in(&sessions[i], logins[(guint)i % g_strv_length(logins)]))
      continue;
    fprintf(stderr, "login %d failed: %s\n", i, sessions[i].reply);
    return 1;
  }
  printf("{\"idle\": %d}\n", n_idle);
  fflush(stdout);
  (void)getchar();
  return 0;
}

int
main(int argc, char **argv)
{
  g_autoptr(GOptionContext) context = g_option_context_new(NULL);
  g_autoptr(GError) error = NULL;
  g_autofree char *text = NULL;

  g_option_context_add_main_entries(context, OPTIONS, NULL);
  if (!g_option_context_parse(context, &argc, &argv, &error) || !logins_path || !verify_path ||
      !g_file_get_contents(logins_path, &text, NULL, &error) ||
      !g_file_get_contents(verify_path, &image, &image_size, &error)) {
    fprintf(stderr, "%s\n", error ? error->message : "--logins and --image must be given");
    return 2;
  }
  logins = g_strsplit(g_strstrip(text), "\n", -1);
  return n_idle > 0 ? run_idle() : run_load();
}
