/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The real worker, a plugin that kills it, and a supervisor that starts it again. The core is the test. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "gateway-plugin.h"
#include "link/link.h"
#include "link/messages.h"
#include "link/table.h"

#define BACK_MS 2000
#define PATIENCE_MS 15000

static const char *worker_path, *folders;

typedef struct {
  char *link_path, *state;
  guint16 hello_port, teller_port;
  int listen_fd;
  GwLink *core;
  pid_t worker;
  int death; /* status of the last one that died */
  guint n_deaths, n_hellos, n_crashes, n_asks;
  char *code, *node, *held;
} House;

/* ---- the core ---- */

static void
send_config(House *house)
{
  g_autofree char *text = g_strdup_printf("[('plugin', 'hello', {'listen': '127.0.0.1:%u'}),"
                                          " ('plugin', 'teller', {'listen': '127.0.0.1:%u'})]",
                                          house->hello_port, house->teller_port);
  g_autoptr(GVariant) config = g_variant_ref_sink(g_variant_new_parsed(text));

  gw_link_send(house->core, GW_MESSAGE_CONFIG, 0, gw_config_pack(1, config), NULL, 0);
  gw_link_send(house->core, GW_MESSAGE_INVALIDATE, 0, gw_invalidate_pack(1, NULL), NULL, 0);
}

static void
learn(House *house, GVariant *payload)
{
  GwHello hello;

  g_assert_true(gw_hello_unpack(payload, &hello));
  g_clear_pointer(&house->held, g_free);
  for (gsize i = 0; i < g_variant_n_children(hello.plugins); i++) {
    g_autoptr(GVariant) row = g_variant_get_child_value(hello.plugins, i);
    g_autoptr(GwPluginTable) table = gw_plugin_table_unpack(row, NULL);
    g_autofree char *reason = NULL;
    if (table && gw_plugin_table_is_held(table, &reason))
      house->held = g_strdup_printf("%s: %s", gw_plugin_table_constant(table)->name, reason);
  }
  gw_hello_clear(&hello);
}

static void
on_tell(House *house, const GwMessage *message)
{
  GwTold told;

  g_assert_true(gw_told_unpack(message->payload, &told));
  g_assert_cmpint(told.kind, ==, GW_TOLD_CRASHED);
  house->n_crashes++;
  g_free(house->code);
  g_free(house->node);
  house->code = g_steal_pointer(&told.code);
  house->node = g_steal_pointer(&told.node);
  gw_told_clear(&told);
  gw_link_send(house->core, GW_MESSAGE_ACK, message->serial, gw_ack_pack(GATEWAY_ANSWER_ACCEPTED), NULL, 0);
}

static void
on_message(GwLink *link, const GwMessage *message, gpointer user)
{
  GwAnswer nothing = { .kind = GATEWAY_ANSWER_NOTHING, .node = (char *)"n1", .epoch = 1 };
  House *house = user;

  if (message->type == GW_MESSAGE_HELLO) {
    house->n_hellos++;
    learn(house, message->payload);
    send_config(house);
  } else if (message->type == GW_MESSAGE_TELL) {
    on_tell(house, message);
  } else if (message->type == GW_MESSAGE_ASK) {
    house->n_asks++;
    gw_link_send(link, GW_MESSAGE_ANSWER, message->serial, gw_answer_pack(&nothing), NULL, 0);
  }
}

static void
on_closed(GwLink *link, const GError *error, gpointer user)
{
  g_clear_pointer(&((House *)user)->core, gw_link_free);
}

static const GwLinkEvents events = { on_message, on_closed };

/* ---- the supervisor ---- */

static void
start_worker(House *house)
{
  g_autofree char *link = g_strdup_printf("--link=%s", house->link_path);
  g_autofree char *state = g_strdup_printf("--state=%s", house->state);
  g_autofree char *path = g_strdup_printf("--plugin-path=%s", folders);
  char *words[] = {
    (char *)worker_path, (char *)"--foreground", (char *)"--log-level=warning", link, state, path, NULL
  };
  GError *error = NULL;

  g_spawn_async(NULL, words, NULL, G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, &house->worker, &error);
  g_assert_no_error(error);
}

static void
turn(House *house)
{
  int fd = house->core ? -1 : accept4(house->listen_fd, NULL, NULL, SOCK_CLOEXEC);

  if (fd >= 0)
    house->core = gw_link_new(fd, NULL, &events, house);
  while (g_main_context_iteration(NULL, FALSE))
    ;
  if (waitpid(house->worker, &house->death, WNOHANG) == house->worker) {
    house->n_deaths++;
    start_worker(house);
  }
  g_usleep(2000);
}

/* Turns until *@counter is @n; says how long it took. */
static gint64
wait_for(House *house, const guint *counter, guint n)
{
  gint64 start_ms = gw_clock_boot_ms(), now_ms = start_ms;

  for (; *counter < n; now_ms = gw_clock_boot_ms()) {
    g_assert_cmpint(now_ms - start_ms, <, PATIENCE_MS);
    turn(house);
  }
  return now_ms - start_ms;
}

/* ---- nodes ---- */

static int
try_connect(guint16 port, guint host)
{
  struct sockaddr_in from = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + host) };
  struct sockaddr_in to = { .sin_family = AF_INET,
                            .sin_port = htons(port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
  GW_AUTO_FD int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

  g_assert_cmpint(bind(fd, (struct sockaddr *)&from, sizeof from), ==, 0);
  if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0)
    return -1;
  g_assert_cmpint(fcntl(fd, F_SETFL, O_NONBLOCK), ==, 0);
  return g_steal_fd(&fd);
}

/* The reply's head, "" when the connection ended without one. */
static char *
get(House *house, guint16 port, guint host, const char *path)
{
  g_autofree char *request = g_strdup_printf("GET %s HTTP/1.1\r\nHost: gw\r\n\r\n", path);
  gint64 start_ms = gw_clock_boot_ms();
  GString *heard = g_string_new(NULL);
  int fd = -1;

  for (; fd < 0; fd = try_connect(port, host)) {
    g_assert_cmpint(gw_clock_boot_ms() - start_ms, <, PATIENCE_MS);
    turn(house);
  }
  g_assert_cmpint(send(fd, request, strlen(request), MSG_NOSIGNAL), ==, (ssize_t)strlen(request));
  for (;;) {
    char buffer[4096];
    ssize_t n = read(fd, buffer, sizeof buffer);
    if (n > 0)
      g_string_append_len(heard, buffer, n);
    if ((n <= 0 && (n == 0 || errno != EAGAIN)) || strstr(heard->str, "\r\n\r\n"))
      break;
    g_assert_cmpint(gw_clock_boot_ms() - start_ms, <, PATIENCE_MS);
    turn(house);
  }
  gw_close(&fd);
  return g_string_free(heard, FALSE);
}

static void
expect(House *house, guint16 port, guint host, const char *path, const char *status)
{
  g_autofree char *reply = get(house, port, host, path);

  if (!g_str_has_prefix(reply, status))
    g_error("%s: \"%s\", not \"%s\"", path, reply, status);
}

/* ---- life ---- */

static guint16
free_port(void)
{
  struct sockaddr_in any = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
  socklen_t size = sizeof any;
  GW_AUTO_FD int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

  g_assert_cmpint(bind(fd, (struct sockaddr *)&any, sizeof any), ==, 0);
  g_assert_cmpint(getsockname(fd, (struct sockaddr *)&any, &size), ==, 0);
  return ntohs(any.sin_port);
}

static void
house_open(House *house)
{
  GError *error = NULL;

  *house = (House){ .hello_port = free_port(), .teller_port = free_port() };
  house->link_path = g_strdup_printf("@crash-test-%d-%u", getpid(), house->hello_port);
  house->state = g_dir_make_tmp("crash-XXXXXX", NULL);
  house->listen_fd = gw_link_listen(house->link_path, &error);
  g_assert_no_error(error);
  start_worker(house);
  wait_for(house, &house->n_hellos, 1);
  expect(house, house->hello_port, 1, "/hello/n1?1.0", "HTTP/1.1 200 ");
}

static void
house_close(House *house)
{
  g_autofree char *notes = g_build_filename(house->state, "crash-notes", NULL);

  g_assert_cmpint(kill(house->worker, SIGTERM), ==, 0);
  g_assert_cmpint(waitpid(house->worker, &house->death, 0), ==, house->worker);
  g_assert_cmpint(house->death, ==, 0);
  gw_link_free(house->core);
  gw_close(&house->listen_fd);
  unlink(notes);
  g_assert_cmpint(rmdir(house->state), ==, 0);
  g_free(house->state);
  g_free(house->link_path);
  g_free(house->code);
  g_free(house->node);
  g_free(house->held);
}

/* One death by @path from 127.0.0.@host; service is back within 2 s, and the core is told. */
static void
die(House *house, guint host, const char *path)
{
  guint n_hellos = house->n_hellos, n_crashes = house->n_crashes, n_deaths = house->n_deaths;
  g_autofree char *reply = get(house, house->teller_port, host, path);

  g_assert_cmpstr(reply, ==, "");
  wait_for(house, &house->n_deaths, n_deaths + 1);
  g_assert_true(WIFSIGNALED(house->death));
  g_assert_cmpint(wait_for(house, &house->n_hellos, n_hellos + 1), <, BACK_MS);
  wait_for(house, &house->n_crashes, n_crashes + 1);
  expect(house, house->hello_port, 1, "/hello/n1?1.0", "HTTP/1.1 200 ");
}

static void
test_crash(void)
{
  House house;

  house_open(&house);
  die(&house, 2, "/t/crash");
  g_assert_cmpstr(house.code, ==, "");
  die(&house, 2, "/t/crash");
  g_assert_cmpstr(house.code, ==, "set-aside"); /* twice on one: it is not heard any more */
  expect(&house, house.teller_port, 2, "/t/crash", "HTTP/1.1 400 ");
  expect(&house, house.teller_port, 3, "/t/n1/offer/1.0", "HTTP/1.1 200 ");
  g_assert_null(house.held);
  die(&house, 3, "/t/crash"); /* three times in one: it is not loaded any more */
  g_assert_nonnull(house.held);
  g_assert_true(g_str_has_prefix(house.held, "teller: held back"));
  g_assert_cmpint(try_connect(house.teller_port, 4), ==, -1);
  g_assert_cmpuint(house.n_deaths, ==, 3);
  house_close(&house);
}

/* A node that is known by then is named. */
static void
test_crash_of_a_node(void)
{
  House house;

  house_open(&house);
  die(&house, 2, "/t/write-crash/offer/1.0");
  g_assert_cmpstr(house.node, ==, "write-crash");
  house_close(&house);
}

static void
test_hang(void)
{
  House house;
  gint64 start_ms = gw_clock_boot_ms();

  house_open(&house);
  die(&house, 2, "/t/hang");
  g_assert_cmpint(WTERMSIG(house.death), ==, SIGABRT);
  g_assert_cmpint(gw_clock_boot_ms() - start_ms, >, 5000);
  house_close(&house);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_assert_cmpint(argc, ==, 3);
  worker_path = argv[1];
  folders = argv[2];
  g_test_add_func("/promise/L12/crash", test_crash);
  g_test_add_func("/promise/L12/crash-of-a-node", test_crash_of_a_node);
  g_test_add_func("/promise/L12/hang", test_hang);
  return g_test_run();
}
