/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Load on an FTP server of the loopback: whole sessions of a node, many at a time in one thread, or many
 * logins that stay idle. One thread, because a load of many makes each send of the server wake one of them,
 * which the server is charged for and which no node on a network costs. Prints one line of JSON. */
#include <arpa/inet.h>
#include <errno.h>
#include <glib.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define REPLY_MAX 512
#define EDGE_S 2.0
#define PATIENCE_S 20.0 /* after the end, for what is under way */
#define BATCH 256
#define TEXT "UPGRADE.TXT"
#define IMAGE "PROG001"
#define TEXT_BEGINS "FILE:" IMAGE "\n"

static int port = 21;
static int n_sessions_at_once = 32, n_idle, n_skipped, n_introduced;
static double seconds = 1;
static char *mode, *logins_path, *verify_path;
static char **logins; /* "USER PASSWORD" */
static guint n_logins;
static char *image;
static gsize image_size;
static gint64 start_us;
static int epoll_fd;
static int n_begun, n_alive, n_held, n_sessions, n_first, n_last, n_errors, n_bad;

static const GOptionEntry OPTIONS[] = {
  { "port", 0, 0, G_OPTION_ARG_INT, &port, "of the server", "PORT" },
  { "sessions", 0, 0, G_OPTION_ARG_INT, &n_sessions_at_once, "sessions at a time [32]", "N" },
  { "seconds", 0, 0, G_OPTION_ARG_DOUBLE, &seconds, "so long [1]", "S" },
  { "mode", 0, 0, G_OPTION_ARG_STRING, &mode, "PASV, EPSV or PORT [PASV]", "VERB" },
  { "logins", 0, 0, G_OPTION_ARG_FILENAME, &logins_path, "a line \"USER PASSWORD\" for each", "FILE" },
  { "first", 0, 0, G_OPTION_ARG_INT, &n_skipped, "begin with this one of them [0]", "N" },
  { "image", 0, 0, G_OPTION_ARG_FILENAME, &verify_path, "what " IMAGE " must be", "FILE" },
  { "introduce", 0, 0, G_OPTION_ARG_INT, &n_introduced, "so many log in once, and go", "N" },
  { "idle", 0, 0, G_OPTION_ARG_INT, &n_idle, "log in so often, then wait for the end of the input", "N" },
  { NULL, 0, 0, 0, NULL, NULL, NULL },
};

/* What is awaited. */
typedef enum { BANNER, USER, PASS, TYPE, DATA, RETR, ALL, QUIT, HELD } State;

typedef struct Session Session;

typedef struct {
  int fd;
  void (*ready)(Session *session);
  Session *session;
} Handle;

struct Session {
  Handle control, data, listening;
  State state;
  int number;
  const char *login;
  gboolean is_image; /* the second file */
  gboolean is_data_over, is_told_over;
  gsize got;
  gsize used;
  char reply[REPLY_MAX];
};

static void begin(Session *session);
static void hear_data(Session *session);

static double
now_s(void)
{
  return (double)(g_get_monotonic_time() - start_us) / 1e6;
}

/* ---- descriptors ---- */

static struct sockaddr_in
loopback(int at_port)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((guint16)at_port) };

  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

static void
watch(Handle *handle, int fd)
{
  struct epoll_event event = { .events = EPOLLIN, .data.ptr = handle };

  handle->fd = fd;
  epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

static void
drop(Handle *handle)
{
  if (handle->fd >= 0)
    close(handle->fd);
  handle->fd = -1;
}

static gboolean
dial(Handle *handle, int to_port)
{
  struct sockaddr_in address = loopback(to_port);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), yes = 1;

  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0 && errno != EINPROGRESS) {
    close(fd);
    return FALSE;
  }
  watch(handle, fd);
  return TRUE;
}

/* ---- a session ---- */

static void
finish(Session *session)
{
  drop(&session->control);
  drop(&session->data);
  drop(&session->listening);
  n_alive--;
}

/* Another in its place, while there is time. */
static void
next(Session *session)
{
  finish(session);
  if (n_introduced ? n_begun < n_introduced : !n_idle && now_s() < seconds)
    begin(session);
}

static void
fail(Session *session)
{
  if (n_errors++ == 0)
    fprintf(stderr, "the first that failed, in state %d, heard last: %s\n", session->state, session->reply);
  next(session);
}

static void
succeed(Session *session)
{
  n_sessions++;
  n_first += now_s() < EDGE_S;
  n_last += now_s() >= seconds - EDGE_S && now_s() < seconds;
  next(session);
}

static void G_GNUC_PRINTF(3, 4) say(Session *session, State awaited, const char *format, ...)
{
  char line[256];
  va_list args;
  va_start(args, format);
  int size = g_vsnprintf(line, sizeof line - 2, format, args);
  va_end(args);
  memcpy(line + size, "\r\n", 2);
  session->state = awaited;
  /* What does not go will be missed at the end of the control connection. */
  (void)!send(session->control.fd, line, (gsize)size + 2, MSG_NOSIGNAL);
}

static void
accept_data(Session *session)
{
  int fd = accept4(session->listening.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

  if (fd < 0)
    return;
  drop(&session->listening);
  watch(&session->data, fd);
  hear_data(session);
}

static void
say_port(Session *session)
{
  struct sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  guint at;

  if (bind(fd, (struct sockaddr *)&address, size) < 0 || listen(fd, 1) < 0 ||
      getsockname(fd, (struct sockaddr *)&address, &size) < 0) {
    close(fd);
    fail(session);
    return;
  }
  watch(&session->listening, fd);
  at = ntohs(address.sin_port);
  say(session, DATA, "PORT 127,0,0,1,%u,%u", at >> 8, at & 255);
}

static void
ask_for_file(Session *session)
{
  session->is_data_over = session->is_told_over = FALSE;
  session->got = 0;
  if (g_strcmp0(mode, "PORT") == 0)
    say_port(session);
  else
    say(session, DATA, "%s", mode ? mode : "PASV");
}

static gboolean
dial_data(Session *session, int code)
{
  const char *where = strchr(session->reply, '(');
  unsigned high, low, number;

  if (code == 227 && where && sscanf(where, "(%*u,%*u,%*u,%*u,%u,%u)", &high, &low) == 2)
    return dial(&session->data, (int)(high << 8 | low));
  return code == 229 && where && sscanf(where, "(|||%u|)", &number) == 1 && dial(&session->data, (int)number);
}

static void
end_file(Session *session)
{
  if (!session->is_data_over || !session->is_told_over)
    return;
  drop(&session->data);
  n_bad += session->is_image && session->got != image_size;
  if (session->is_image) {
    say(session, QUIT, "QUIT");
    return;
  }
  session->is_image = TRUE;
  ask_for_file(session);
}

/* ---- what comes ---- */

static gboolean
is_right(const Session *session, const char *bytes, gsize size)
{
  const char *expected = session->is_image ? image : TEXT_BEGINS;
  gsize of = session->is_image ? image_size : strlen(TEXT_BEGINS);
  gsize at = MIN(session->got, of);

  if (session->is_image && size > of - at)
    return FALSE;
  return memcmp(bytes, expected + at, MIN(size, of - at)) == 0;
}

static void
hear_data(Session *session)
{
  static char buffer[1 << 18];
  gssize n;

  while ((n = recv(session->data.fd, buffer, sizeof buffer, 0)) > 0) {
    n_bad += !is_right(session, buffer, (gsize)n);
    session->got += (gsize)n;
  }
  if (n < 0 && errno == EAGAIN)
    return;
  if (n < 0 || session->got == 0) {
    fail(session);
    return;
  }
  drop(&session->data);
  session->is_data_over = TRUE;
  end_file(session);
}

static void
log_in(Session *session, int code)
{
  const char *blank = strchr(session->login, ' ');

  if (session->state == BANNER && code == 220)
    say(session, USER, "USER %.*s", (int)(blank - session->login), session->login);
  else if (session->state == USER && code == 331)
    say(session, PASS, "PASS %s", blank + 1);
  else if (session->state != PASS || code != 230)
    fail(session);
  else if (n_introduced)
    say(session, QUIT, "QUIT");
  else if (!n_idle)
    say(session, TYPE, "TYPE I");
  else {
    session->state = HELD;
    n_held++;
  }
}

static void
hear_reply(Session *session, int code)
{
  if (session->state < TYPE)
    log_in(session, code);
  else if (session->state == TYPE && code == 200)
    ask_for_file(session);
  else if (session->state == DATA && (session->listening.fd >= 0 ? code == 200 : dial_data(session, code)))
    say(session, RETR, "RETR %s", session->is_image ? IMAGE : TEXT);
  else if (session->state == RETR && code == 150)
    session->state = ALL;
  else if (session->state == ALL && code == 226) {
    session->is_told_over = TRUE;
    end_file(session);
  } else if (session->state == QUIT && code == 221)
    succeed(session);
  else
    fail(session);
}

/* Replies are of one line; the next one is asked for when the last was heard. */
static void
hear_control(Session *session)
{
  gssize n = recv(session->control.fd, session->reply + session->used, REPLY_MAX - 1 - session->used, 0);
  char *end;

  if (n < 0 && errno == EAGAIN)
    return;
  if (n <= 0) {
    fail(session);
    return;
  }
  session->used += (gsize)n;
  session->reply[session->used] = 0;
  while ((end = strchr(session->reply, '\n'))) {
    int number = session->number;
    *end = 0;
    hear_reply(session, (int)g_ascii_strtoull(session->reply, NULL, 10));
    if (session->number != number || session->control.fd < 0)
      return; /* that one is over */
    session->used -= (gsize)(end + 1 - session->reply);
    memmove(session->reply, end + 1, session->used + 1);
  }
}

static void
begin(Session *session)
{
  *session = (Session){ .control = { -1, hear_control, session },
                        .data = { -1, hear_data, session },
                        .listening = { -1, accept_data, session },
                        .number = n_begun,
                        .login = logins[(guint)n_begun % n_logins] };
  n_begun++;
  n_alive++;
  if (!dial(&session->control, port))
    fail(session);
}

/* ---- what is run ---- */

static void
turn(void)
{
  struct epoll_event events[BATCH];
  int n = epoll_wait(epoll_fd, events, BATCH, 100);

  for (int i = 0; i < n; i++) {
    Handle *handle = events[i].data.ptr;
    if (handle->fd >= 0)
      handle->ready(handle->session);
  }
}

static int
run_load(void)
{
  g_autofree Session *sessions = g_new0(Session, n_sessions_at_once);
  double elapsed_s;

  for (int i = 0; i < n_sessions_at_once; i++)
    begin(&sessions[i]);
  while (n_alive > 0 && (n_introduced || now_s() < seconds + PATIENCE_S))
    turn();
  n_errors += n_alive;
  elapsed_s = now_s();
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

  for (int i = 0; i < n_idle && n_errors == 0; i++) {
    begin(&sessions[i]);
    while (n_errors == 0 && n_alive - n_held >= n_sessions_at_once)
      turn();
  }
  while (n_errors == 0 && n_held < n_idle)
    turn();
  if (n_errors > 0)
    return 1;
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
  n_logins = g_strv_length(logins);
  n_begun = n_skipped;
  start_us = g_get_monotonic_time();
  epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  return n_idle > 0 ? run_idle() : run_load();
}
