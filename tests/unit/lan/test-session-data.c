/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The data channel of a session: what the plugin is told and when, whom it may reach, and what counts as
 * received. */
#include "dock.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"

/* ---- passive ---- */

static void
check_text(const char *host, const char *local)
{
  Dock dock;

  dock_open(&dock, host);
  dock_say(&dock, "PASV\n");
  dock_come_to(&dock, host, dock_expect_port(&dock, local), 0);
  dock_expect(&dock, "UP\n");
  dock_say(&dock, "TEXT seven words\n");
  DOCK_UNTIL(&dock, dock.data_end != 0);
  g_assert_cmpint(dock.data_end, ==, 1);
  g_assert_cmpstr(dock.file->str, ==, "seven words");
  dock_expect(&dock, "DRAINED\n");
  g_assert_cmpuint(dock.n_covered + dock.n_streamed, ==, 0); /* it was nothing of the image */
  dock_close(&dock);
}

static void
test_text(void)
{
  check_text("127.0.0.2", "127.0.0.1");
}

static void
test_ipv6(void)
{
  check_text("::1", "::1");
}

static void
test_empty_text(void)
{
  Dock dock;

  dock_open(&dock, "127.0.0.2");
  dock_say(&dock, "PASV\n");
  dock_come_to(&dock, "127.0.0.2", dock_expect_port(&dock, "127.0.0.1"), 0);
  dock_expect(&dock, "UP\n");
  dock_say(&dock, "TEXT\n");
  DOCK_UNTIL(&dock, dock.data_end == 1);
  dock_expect(&dock, "DRAINED\n");
  g_assert_cmpuint(dock.file->len, ==, 0);
  dock_close(&dock);
}

/* The answer to DATA comes after the step that streams already, and the text is not the scratch's any more.
 */
static void
test_stream_in_the_step_that_opens(void)
{
  Dock dock;

  dock_open(&dock, "127.0.0.2");
  dock_say(&dock, "BOTH here it is\n");
  dock_come_to(&dock, "127.0.0.2", dock_expect_port(&dock, "127.0.0.1"), 0);
  dock_expect(&dock, "UP\nDRAINED\n");
  g_assert_cmpstr(dock.file->str, ==, "here it is");
  dock_close(&dock);
}

static void
test_image(void)
{
  Dock dock;

  dock_open(&dock, "127.0.0.2");
  dock_give_image(&dock);
  dock_say(&dock, "PASV\n");
  guint16 port = dock_expect_port(&dock, "127.0.0.1");
  dock_say(&dock, "IMAGE 1000 0\n");
  dock_come_to(&dock, "127.0.0.2", port, 0);
  dock_expect(&dock, "UP\nDRAINED\n");
  g_assert_cmpint(dock.data_end, ==, 1);
  dock_check_file(&dock, 1000, DOCK_IMAGE_SIZE - 1000);
  g_assert_cmpuint(dock.n_covered, ==, 1);
  g_assert_cmpuint(dock.covered_offset, ==, 1000);
  g_assert_cmpuint(dock.covered_size, ==, DOCK_IMAGE_SIZE - 1000);
  g_assert_cmpuint(dock.n_streams_over, ==, 1);

  dock_say(&dock, "PASV\n");
  dock_come_to(&dock, "127.0.0.2", dock_expect_port(&dock, "127.0.0.1"), 0);
  dock_expect(&dock, "UP\n");
  dock_say(&dock, "IMAGE 5 10\n");
  dock_expect(&dock, "DRAINED\n");
  dock_check_file(&dock, 5, 10);
  g_assert_cmpuint(dock.covered_size, ==, 10);
  dock_close(&dock);
}

/* All is written and nothing read: not drained. Then the node hangs up in the middle. */
static void
test_early_drained(void)
{
  Dock dock;

  dock_open(&dock, "127.0.0.2");
  dock_give_image(&dock);
  dock_say(&dock, "PASV\n");
  guint16 port = dock_expect_port(&dock, "127.0.0.1");
  int own = dock_dial("127.0.0.2", "127.0.0.1", port, 4096); /* reads nothing */
  dock_expect(&dock, "UP\n");
  dock_say(&dock, "IMAGE 0 0\n");
  for (guint i = 0; i < 50; i++)
    dock_breathe(&dock);
  dock_pass_ms(&dock, 300000);
  g_assert_cmpuint(dock.n_covered, ==, 0);
  g_assert_cmpuint(dock.streamed_acked, >, 0);
  g_assert_cmpuint(dock.streamed_acked, <, DOCK_IMAGE_SIZE);
  close(own);
  dock_expect(&dock, "FAILED\n");
  g_assert_cmpuint(dock.n_covered, ==, 1);
  g_assert_cmpuint(dock.covered_offset, ==, 0);
  g_assert_cmpuint(dock.covered_size, <, DOCK_IMAGE_SIZE);
  g_assert_cmpuint(dock.n_streams_over, ==, 1);
  dock_close(&dock);
}

/* Another image is granted while the first is on its way: what was sent of that one is the last word about
 * it.
 */
static void
test_another_image_in_the_middle(void)
{
  g_autoptr(GwBody) other = gw_body_new_bytes("another", 7, NULL);
  GatewayAnswer answer = { .size = sizeof answer, .kind = GATEWAY_ANSWER_BYTES };
  Dock dock;

  dock_open(&dock, "127.0.0.2");
  dock_give_image(&dock);
  dock_say(&dock, "PASV\n");
  guint16 port = dock_expect_port(&dock, "127.0.0.1");
  int own = dock_dial("127.0.0.2", "127.0.0.1", port, 4096); /* reads nothing */
  dock_expect(&dock, "UP\n");
  dock_say(&dock, "IMAGE 0 0\n");
  dock_say(&dock, "GET\n");
  for (guint i = 0; i < 50; i++)
    dock_breathe(&dock);
  gw_session_end_streams(dock.session);
  g_assert_cmpuint(dock.n_streams_over, ==, 1);
  g_assert_cmpuint(dock.covered_size, <, DOCK_IMAGE_SIZE);
  gw_session_answer(dock.session, &answer, other);
  dock_expect(&dock, "FAILED\nREADY\n");
  close(own);
  dock_pass_ms(&dock, 5000);
  g_assert_cmpuint(dock.n_streams_over, ==, 1);
  dock_close(&dock);
}

static void
test_nobody_comes(void)
{
  Dock dock;

  dock_open(&dock, "127.0.0.2");
  dock_say(&dock, "PASV\n");
  (void)dock_expect_port(&dock, "127.0.0.1");
  dock_pass_ms(&dock, 30000);
  dock_say(&dock, "TEXT x\n");
  dock_expect(&dock, "");
  dock_pass_ms(&dock, 59000);
  dock_expect(&dock, "");
  dock_pass_ms(&dock, 2000);
  dock_expect(&dock, "FAILED\n");
  g_assert_cmpuint(gw_passive_n_free(dock.passive), ==, gw_passive_size(dock.passive));
  dock_close(&dock);
}

/* A foreigner gets nothing, and costs the node nothing. */
static void
test_L8_foreign_peer(void)
{
  Dock dock;

  dock_open(&dock, "127.0.0.2");
  dock_say(&dock, "PASV\n");
  guint16 port = dock_expect_port(&dock, "127.0.0.1");
  dock_say(&dock, "TEXT secret\n");
  dock_come_to(&dock, "127.0.0.3", port, 0);
  DOCK_UNTIL(&dock, dock.data_end != 0);
  g_assert_cmpuint(dock.file->len, ==, 0);
  dock_expect(&dock, "");
  dock_come_to(&dock, "127.0.0.2", port, 0);
  dock_expect(&dock, "UP\nDRAINED\n");
  g_assert_cmpstr(dock.file->str, ==, "secret");
  dock_close(&dock);
}

static void
test_no_port_is_free(void)
{
  Dock dock;
  GwLease *leases[8];
  GwAddress peer = dock_address("127.0.0.9", 0);
  guint n = 0;

  dock_open(&dock, "127.0.0.2");
  while (gw_passive_n_free(dock.passive) > 0)
    leases[n++] = gw_passive_lease(dock.passive, &peer, NULL, NULL);
  dock_say(&dock, "PASV\n");
  dock_expect(&dock, "FAILED\n");
  while (n > 0)
    gw_lease_free(leases[--n]);
  dock_say(&dock, "PASV\n");
  (void)dock_expect_port(&dock, "127.0.0.1");
  dock_close(&dock);
}

/* ---- active ---- */

static void
test_active(void)
{
  Dock dock;
  guint16 port;

  dock_open(&dock, "127.0.0.2");
  int listen_fd = dock_socket("127.0.0.2", &port, 0);
  g_autofree char *line = g_strdup_printf("PORT 127.0.0.2 %u\n", port);
  dock_say(&dock, line);
  DOCK_UNTIL(&dock, dock.data >= 0 || (dock.data = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK)) >= 0);
  dock_expect(&dock, "UP\n");
  dock_say(&dock, "TEXT across\n");
  dock_expect(&dock, "DRAINED\n");
  g_assert_cmpstr(dock.file->str, ==, "across");
  close(listen_fd);
  dock_close(&dock);
}

/* No packet leaves: nobody comes to any of these. */
static void
test_L8_active_to_others(void)
{
  static const char *const hosts[] = {
    "127.0.0.3", "127.0.0.1", "::1", "0.0.0.0", "localhost", "127.0.0.20"
  };
  Dock dock;
  guint16 port;

  dock_open(&dock, "127.0.0.2");
  int listen_fd = dock_socket("0.0.0.0", &port, 0);
  for (guint i = 0; i < G_N_ELEMENTS(hosts); i++) {
    g_autofree char *line = g_strdup_printf("PORT %s %u\n", hosts[i], port);
    dock_say(&dock, line);
    dock_expect(&dock, "FAILED\n");
  }
  dock_say(&dock, "PORT 127.0.0.2 1023\n");
  dock_expect(&dock, "FAILED\n");
  g_autofree char *wrapped = g_strdup_printf("PORT 127.0.0.2 %u\n", 65536u + port);
  dock_say(&dock, wrapped);
  dock_expect(&dock, "FAILED\n");
  g_assert_cmpint(accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK), <, 0);
  close(listen_fd);
  dock_close(&dock);
}

static void
test_active_refused(void)
{
  Dock dock;
  guint16 port;

  dock_open(&dock, "127.0.0.2");
  close(dock_socket("127.0.0.2", &port, 0));
  g_autofree char *line = g_strdup_printf("PORT 127.0.0.2 %u\n", port);
  dock_say(&dock, line);
  dock_expect(&dock, "FAILED\n");
  dock_close(&dock);
}

/* ---- one at a time ---- */

static void
test_new_one_closes_the_old(void)
{
  Dock dock;

  dock_open(&dock, "127.0.0.2");
  dock_give_image(&dock);
  dock_say(&dock, "PASV\n");
  guint16 port = dock_expect_port(&dock, "127.0.0.1");
  int old = dock_dial("127.0.0.2", "127.0.0.1", port, 4096);
  dock_expect(&dock, "UP\n");
  dock_say(&dock, "IMAGE 0 0\n");
  for (guint i = 0; i < 50; i++)
    dock_breathe(&dock);
  dock_say(&dock, "PASV\n");
  port = dock_expect_port(&dock, "127.0.0.1"); /* and no word of the old one */
  g_assert_cmpuint(dock.n_covered, ==, 1);
  g_assert_cmpuint(dock.covered_size, <, DOCK_IMAGE_SIZE);
  dock_come_to(&dock, "127.0.0.2", port, 0);
  dock_expect(&dock, "UP\n");
  close(old);
  dock_say(&dock, "AGAIN\n");
  dock_come_to(&dock, "127.0.0.2", dock_expect_port(&dock, "127.0.0.1"), 0); /* of three, one is left */
  dock_expect(&dock, "UP\n");
  g_assert_cmpuint(gw_passive_n_free(dock.passive), ==, gw_passive_size(dock.passive));
  dock_say(&dock, "CLOSE\n");
  DOCK_UNTIL(&dock, dock.data_end == 1);
  dock_expect(&dock, "");
  dock_close(&dock);
}

static void
test_nothing_open(void)
{
  Dock dock;

  dock_open(&dock, "127.0.0.2");
  dock_say(&dock, "TEXT x\n");
  dock_expect(&dock, "FAILED\n");
  dock_say(&dock, "CLOSE\n");
  dock_expect(&dock, "");
  dock_say(&dock, "PASV\n");
  dock_come_to(&dock, "127.0.0.2", dock_expect_port(&dock, "127.0.0.1"), 0);
  dock_expect(&dock, "UP\n");
  dock_say(&dock, "IMAGE 0 0\n"); /* no image was given */
  dock_expect(&dock, "UNREADABLE\n");
  dock_say(&dock, "BOTH x\n");
  (void)dock_expect_port(&dock, "127.0.0.1");
  dock_say(&dock, "TEXT y\n"); /* one stream for each channel */
  dock_expect(&dock, "FAILED\n");
  dock_close(&dock);
}

/* A transfer that takes longer than the main channel may be idle. */
static void
test_data_is_motion(void)
{
  char buffer[900];
  Dock dock;

  dock_open(&dock, "127.0.0.2");
  dock_give_image(&dock);
  dock_say(&dock, "PASV\n");
  int own = dock_dial("127.0.0.2", "127.0.0.1", dock_expect_port(&dock, "127.0.0.1"), 4096);
  dock_expect(&dock, "UP\n");
  dock_say(&dock, "IMAGE 0 0\n");
  for (guint i = 0; i < 10; i++)
    dock_breathe(&dock);
  for (guint i = 0; i < DOCK_IMAGE_SIZE / sizeof buffer; i++) {
    gssize n = 0;
    DOCK_UNTIL(&dock, n > 0 || (n = recv(own, buffer, sizeof buffer, MSG_DONTWAIT)) > 0);
    dock_pass_ms(&dock, 14000);
    g_assert_false(dock.has_ended);
  }
  dock.data = own;
  DOCK_UNTIL(&dock, dock.data_end != 0);
  dock_expect(&dock, "DRAINED\n");
  dock_pass_ms(&dock, 890000);
  g_assert_false(dock.has_ended);
  dock_pass_ms(&dock, 20000);
  DOCK_UNTIL(&dock, dock.has_ended);
  dock_close(&dock);
}

/* The session goes, and the channel with it. What arrived was counted. */
static void
check_end(gboolean is_by_us)
{
  Dock dock;

  dock_open(&dock, "127.0.0.2");
  dock_give_image(&dock);
  dock_say(&dock, "PASV\n");
  dock_come_to(&dock, "127.0.0.2", dock_expect_port(&dock, "127.0.0.1"), 4096);
  int own = dock.data;
  dock.data = -1; /* reads nothing for now */
  dock_expect(&dock, "UP\n");
  dock_say(&dock, "IMAGE 0 0\n");
  for (guint i = 0; i < 50; i++)
    dock_breathe(&dock);
  if (is_by_us)
    dock_say(&dock, "BYE\n");
  else
    gw_close(&dock.node);
  DOCK_UNTIL(&dock, dock.has_ended);
  g_assert_cmpuint(dock.n_covered, ==, 1);
  g_assert_cmpuint(dock.n_streams_over, ==, 1);
  dock.data = own;
  DOCK_UNTIL(&dock, dock.data_end != 0);
  g_assert_cmpint(dock.data_end, ==, -1); /* no node takes the piece for the whole */
  dock_close(&dock);
}

static void
test_we_end(void)
{
  check_end(TRUE);
}

static void
test_node_ends(void)
{
  check_end(FALSE);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/session-data/another-image", test_another_image_in_the_middle);
  g_test_add_func("/lan/data/text", test_text);
  g_test_add_func("/lan/data/ipv6", test_ipv6);
  g_test_add_func("/lan/data/empty-text", test_empty_text);
  g_test_add_func("/lan/data/stream-in-the-step-that-opens", test_stream_in_the_step_that_opens);
  g_test_add_func("/lan/data/image", test_image);
  g_test_add_func("/lan/data/early-drained", test_early_drained);
  g_test_add_func("/lan/data/nobody-comes", test_nobody_comes);
  g_test_add_func("/promise/L8/session-foreign-peer", test_L8_foreign_peer);
  g_test_add_func("/lan/data/no-port-is-free", test_no_port_is_free);
  g_test_add_func("/lan/data/active", test_active);
  g_test_add_func("/promise/L8/active-to-others", test_L8_active_to_others);
  g_test_add_func("/lan/data/active-refused", test_active_refused);
  g_test_add_func("/lan/data/new-one-closes-the-old", test_new_one_closes_the_old);
  g_test_add_func("/lan/data/nothing-open", test_nothing_open);
  g_test_add_func("/lan/data/data-is-motion", test_data_is_motion);
  g_test_add_func("/lan/data/we-end", test_we_end);
  g_test_add_func("/lan/data/node-ends", test_node_ends);
  return g_test_run();
}
