/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bodies and listeners: what is mapped, what happens to a file that shrinks, which sockets are taken over. */
#include "base/error.h"
#include "base/file.h"
#include "rig.h"
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static int
make_file(gsize size)
{
  char path[] = "/tmp/net-body-XXXXXX";
  g_autofree guint8 *bytes = g_malloc(size);
  int fd = g_mkstemp_full(path, O_RDWR | O_CLOEXEC, 0600);

  g_assert_cmpint(fd, >=, 0);
  unlink(path);
  for (gsize i = 0; i < size; i++)
    bytes[i] = (guint8)(i * 13);
  g_assert_true(gw_write_all(fd, bytes, size, NULL));
  return fd;
}

static void
count(gpointer user)
{
  ++*(guint *)user;
}

static void
test_life(void)
{
  guint n_freed = 0;
  GwBody *body = gw_body_new_bytes("abc", 3, "\"e\"");

  gw_body_on_free(body, count, &n_freed);
  g_assert_cmpuint(gw_body_size(body), ==, 3);
  g_assert_cmpstr(gw_body_etag(body), ==, "\"e\"");
  g_assert_cmpint(gw_body_fd(body), ==, -1);
  gw_body_ref(body);
  gw_body_unref(body);
  g_assert_cmpuint(n_freed, ==, 0);
  gw_body_unref(body);
  g_assert_cmpuint(n_freed, ==, 1);
}

/* A page that may vanish is never touched as memory. */
static void
test_only_sealed_is_mapped(void)
{
  g_autoptr(GwBody) plain = gw_body_new_fd(make_file(5000), 5000, NULL, NULL);
  g_autoptr(GwBody) sealed = gw_body_new_fd(gw_memfd_sealed("b", "0123456789", 10, NULL), 10, NULL, NULL);
  g_autoptr(GwBody) longer = gw_body_new_fd(gw_memfd_sealed("b", "0123456789", 10, NULL), 20, NULL, NULL);
  g_autoptr(GwBody) unsealed = gw_body_new_fd(memfd_create("b", MFD_CLOEXEC), 10, NULL, NULL);

  g_assert_null(gw_body_map(plain));
  g_assert_nonnull(gw_body_map(sealed));
  g_assert_null(gw_body_map(longer));
  g_assert_null(gw_body_map(unsealed));
}

static void
test_read(void)
{
  g_autoptr(GwBody) file = gw_body_new_fd(make_file(5000), 5000, NULL, NULL);
  g_autoptr(GwBody) bytes = gw_body_new_bytes("0123456789", 10, NULL);
  g_autoptr(GwBody) shrunk = gw_body_new_fd(make_file(10), 5000, NULL, NULL);
  g_autoptr(GwBody) folder = gw_body_new_fd(open("/", O_RDONLY | O_CLOEXEC), 5000, NULL, NULL);
  guint8 buffer[64];

  g_assert_cmpint(gw_body_read(file, 4990, buffer, sizeof buffer), ==, 10);
  g_assert_cmpuint(buffer[9], ==, (guint8)(4999 * 13));
  g_assert_cmpint(gw_body_read(file, 5000, buffer, sizeof buffer), ==, 0);
  g_assert_cmpint(gw_body_read(file, G_MAXUINT64, buffer, sizeof buffer), ==, 0);
  g_assert_cmpint(gw_body_read(bytes, 8, buffer, sizeof buffer), ==, 2);
  g_assert_cmpint(gw_body_read(shrunk, 20, buffer, sizeof buffer), ==, 0);
  g_assert_cmpint(gw_body_read(folder, 0, buffer, sizeof buffer), ==, -1);
}

/* Large files are sent where they stand, in one piece and in blocks. */
static void
test_plain_file_is_served(void)
{
  g_autoptr(Rig) rig = rig_new(&(RigSetup){ 0 });
  g_autoptr(Peer) peer = peer_new(rig, NULL);
  guint8 expected[1000];

  gw_body_unref(rig->image);
  rig->image = gw_body_new_fd(make_file(300000), 300000, "\"f\"", NULL);
  peer_say(peer, "GET /image HTTP/1.1\r\nHost: h\r\n\r\n");
  RIG_UNTIL(rig, (peer_hear(peer), rig->n_complete == 1));
  g_assert_cmpuint(peer->heard->len, >, 300000);
  peer_forget(peer);
  peer_say(peer, "GET /image HTTP/1.1\r\nHost: h\r\nRange: bytes=70000-70999\r\n\r\n");
  RIG_UNTIL(rig, (peer_hear(peer), rig->n_complete == 2));
  g_assert_cmpint(gw_body_read(rig->image, 70000, expected, 1000), ==, 1000);
  g_assert_cmpmem(peer->heard->str + peer->heard->len - 1000, 1000, expected, 1000);
}

/* A file that is shorter than it was: never wrong bytes, never a whole reply. */
static void
test_short_file_is_a_reset(void)
{
  static const char *const ranges[] = { "bytes=0-", "bytes=9000-9999" };

  for (guint i = 0; i < G_N_ELEMENTS(ranges); i++) {
    g_autoptr(Rig) rig = rig_new(&(RigSetup){ 0 });
    g_autoptr(Peer) peer = peer_new(rig, NULL);
    g_autofree char *request =
        g_strdup_printf("GET /image HTTP/1.1\r\nHost: h\r\nRange: %s\r\n\r\n", ranges[i]);

    gw_body_unref(rig->image);
    rig->image = gw_body_new_fd(make_file(5000), 300000, NULL, NULL);
    peer_say(peer, request);
    peer_hear_end(peer);
    g_assert_true(peer->is_reset);
    g_assert_cmpuint(rig->n_done, ==, 1);
    g_assert_cmpuint(rig->n_complete, ==, 0);
  }
}

/* It is cut while it is mapped: the kernel meets the missing page, not we. */
static void
test_shrinking_file_is_a_reset(void)
{
  g_autoptr(Rig) rig = rig_new(&(RigSetup){ 0 });
  g_autoptr(Peer) peer = peer_new(rig, NULL);
  int fd = make_file(300000);

  gw_body_unref(rig->image);
  rig->image = gw_body_new_fd(fd, 300000, NULL, NULL);
  g_assert_nonnull(gw_body_lend(rig->image));
  g_assert_null(gw_body_map(rig->image));
  g_assert_cmpint(ftruncate(fd, 5000), ==, 0);
  peer_say(peer, "GET /image HTTP/1.1\r\nHost: h\r\nRange: bytes=9000-9999\r\n\r\n");
  peer_hear_end(peer);
  g_assert_true(peer->is_reset);
  g_assert_cmpuint(rig->n_complete, ==, 0);
}

static void
on_accept(const GwAccepted *accepted, gpointer user)
{
  g_assert_not_reached();
}

static GwListener *
listen_on_fd(Rig *rig, int fd, GError **error)
{
  const GwListen listen_on = { .inherited_fd = fd };

  return gw_listener_new(rig->reactor, rig->gate, &listen_on, on_accept, NULL, error);
}

static void
test_inherited_socket(void)
{
  g_autoptr(Rig) rig = rig_new(&(RigSetup){ 0 });
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
  g_autoptr(GError) error = NULL;
  g_autoptr(GwListener) listener = NULL;
  char text[GW_ADDRESS_TEXT];
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

  g_assert_cmpint(bind(fd, (struct sockaddr *)&address, sizeof address), ==, 0);
  g_assert_null(listen_on_fd(rig, dup(fd), &error)); /* not listening yet */
  g_assert_error(error, GW_ERROR, GW_ERROR_BAD_INPUT);
  g_assert_cmpint(listen(fd, 5), ==, 0);
  listener = listen_on_fd(rig, fd, NULL);
  g_assert_nonnull(listener);
  gw_address_format(gw_listener_address(listener), text);
  g_assert_cmpstr(text, ==, "127.0.0.1");
  g_assert_cmpuint(gw_listener_address(listener)->port, >, 0);
}

static void
test_address_in_use(void)
{
  g_autoptr(Rig) rig = rig_new(&(RigSetup){ 0 });
  GwListen listen_on = { .address = *gw_listener_address(rig->listener), .inherited_fd = -1 };
  g_autoptr(GError) error = NULL;
  g_autofree char *port = g_strdup_printf("port %u", rig->port);

  g_assert_null(gw_listener_new(rig->reactor, rig->gate, &listen_on, on_accept, NULL, &error));
  g_assert_nonnull(strstr(error->message, "127.0.0.1"));
  g_assert_nonnull(strstr(error->message, port));
}

/* ":80" takes IPv4 too, and its peers are IPv4 peers. */
static void
test_any_address(void)
{
  g_autoptr(Rig) rig = rig_new(&(RigSetup){ 0 });
  GwListen listen_on = { .inherited_fd = -1 };
  g_autoptr(GError) error = NULL;
  g_autoptr(Peer) peer = NULL;
  const GwListener *listener;

  g_assert_true(gw_address_parse(":0", 0, &listen_on.address, NULL));
  listener = gw_http_server_listen(rig->server, &listen_on, NULL, NULL, &error);
  g_assert_no_error(error);
  rig->port = gw_listener_address(listener)->port;
  peer = peer_new(rig, NULL);
  peer_say(peer, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
  RIG_UNTIL(rig, rig->parked != NULL);
  g_assert_true(gw_address_is_ipv4(gw_http_exchange_request(rig->parked)->peer));
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/net/body/life", test_life);
  g_test_add_func("/net/body/mapped", test_only_sealed_is_mapped);
  g_test_add_func("/net/body/read", test_read);
  g_test_add_func("/net/body/plain-file", test_plain_file_is_served);
  g_test_add_func("/net/body/short-file", test_short_file_is_a_reset);
  g_test_add_func("/net/body/shrinking-file", test_shrinking_file_is_a_reset);
  g_test_add_func("/net/listener/inherited", test_inherited_socket);
  g_test_add_func("/net/listener/in-use", test_address_in_use);
  g_test_add_func("/net/listener/any", test_any_address);
  return g_test_run();
}
