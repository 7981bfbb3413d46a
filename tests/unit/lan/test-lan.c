/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Asks and answers: what the core is asked, what is remembered, and for how long. */
#include "bench.h"

#include <string.h>

#include "gateway-plugin.h"
#include "link/table.h"

#define CONFIG                                                                                               \
  "[('plugin', 'hello', {'listen': '127.0.0.1:0'}), ('plugin', 'teller', {'listen': '127.0.0.1:0'})]"

static const char *folders;

static void
assert_has(const char *text, const char *part)
{
  if (!strstr(text, part))
    g_error("\"%s\" is not in \"%s\"", part, text);
}

static void
test_hello(void)
{
  Bench bench;

  bench_open(&bench, folders, CONFIG);
  g_assert_cmpstr(bench.hello.role, ==, "lan");
  g_assert_cmpuint(g_variant_n_children(bench.hello.plugins), >=, 3);
  for (gsize i = 0; i < g_variant_n_children(bench.hello.plugins); i++) {
    g_autoptr(GVariant) row = g_variant_get_child_value(bench.hello.plugins, i);
    g_autoptr(GwPluginTable) table = gw_plugin_table_unpack(row, NULL);
    g_assert_nonnull(table);
  }
  g_assert_nonnull(bench.gauges);
  g_assert_nonnull(bench.running);
  bench_close(&bench);
}

static void
test_ask(void)
{
  Bench bench;

  bench_open(&bench, folders, CONFIG);
  const char *reply = bench_get(&bench, "hello", "/hello/n1?1.0.0");
  assert_has(reply, "HTTP/1.1 200 OK\r\n");
  assert_has(reply, "\r\n\r\nnone\n");
  g_assert_cmpint(bench.ask.kind, ==, GW_ASK_OFFER);
  g_assert_cmpstr(bench.ask.plugin, ==, "hello");
  g_assert_cmpstr(bench.ask.node, ==, "n1");
  g_assert_cmpstr(bench.ask.software_version, ==, "1.0.0");
  g_assert_cmpstr(bench.ask.address, ==, "127.0.0.1");
  g_assert_cmpstr(bench.ask.interface, ==, "lo");
  g_assert_cmpstr(bench.ask.listener, ==, "127.0.0.1:0");
  g_assert_cmpint(bench.ask.identity, ==, GATEWAY_IDENTITY_CLAIMED);
  g_assert_true(bench.ask.is_version_proof);
  g_assert_false(bench.ask.is_never_cut);
  bench_close(&bench);
}

/* ---- the cache ---- */

static void
test_cached(void)
{
  Bench bench;

  bench_open(&bench, folders, CONFIG);
  for (guint i = 0; i < 5; i++)
    assert_has(bench_get(&bench, "hello", "/hello/n1?1.0.0"), "none\n");
  g_assert_cmpuint(bench.n_asks, ==, 1);
  bench_pass(&bench, 1000);
  g_assert_cmpuint(bench.n_contacts, ==, 4);
  bench_close(&bench);
}

static void
test_changed_claim(void)
{
  Bench bench;

  bench_open(&bench, folders, CONFIG);
  bench_get(&bench, "hello", "/hello/n1?1.0.0");
  bench_get(&bench, "hello", "/hello/n1?1.0.1");
  g_assert_cmpuint(bench.n_asks, ==, 2);
  bench_get(&bench, "hello", "/hello/n1?1.0.0"); /* the newer claim took its place */
  g_assert_cmpuint(bench.n_asks, ==, 3);
  bench_get(&bench, "hello", "/hello/n2?1.0.0");
  g_assert_cmpuint(bench.n_asks, ==, 4);
  bench_close(&bench);
}

/* A rule change is one number, however many answers it voids. */
static void
test_epoch(void)
{
  Bench bench;

  bench_open(&bench, folders, CONFIG);
  bench_get(&bench, "hello", "/hello/n1?1.0.0");
  bench_get(&bench, "hello", "/hello/n2?1.0.0");
  bench_send(&bench, GW_MESSAGE_INVALIDATE, gw_invalidate_pack(++bench.epoch, NULL));
  bench_settle(&bench);
  bench_get(&bench, "hello", "/hello/n1?1.0.0");
  bench_get(&bench, "hello", "/hello/n2?1.0.0");
  g_assert_cmpuint(bench.n_asks, ==, 4);
  bench_get(&bench, "hello", "/hello/n2?1.0.0");
  g_assert_cmpuint(bench.n_asks, ==, 4);
  bench_close(&bench);
}

static void
test_node_changed(void)
{
  const char *nodes[] = { "n1", NULL };
  Bench bench;

  bench_open(&bench, folders, CONFIG);
  bench_get(&bench, "hello", "/hello/n1?1.0.0");
  bench.answer.node = (char *)"n2";
  bench_get(&bench, "hello", "/hello/n2?1.0.0");
  bench_send(&bench, GW_MESSAGE_INVALIDATE, gw_invalidate_pack(0, nodes));
  bench_settle(&bench);
  bench_get(&bench, "hello", "/hello/n2?1.0.0");
  g_assert_cmpuint(bench.n_asks, ==, 2);
  bench_get(&bench, "hello", "/hello/n1?1.0.0");
  g_assert_cmpuint(bench.n_asks, ==, 3);
  bench_close(&bench);
}

static void
test_until(void)
{
  Bench bench;

  bench_open(&bench, folders, CONFIG);
  bench_get(&bench, "hello", "/hello/n1?1.0.0");
  bench_pass(&bench, 50000);
  bench_get(&bench, "hello", "/hello/n1?1.0.0");
  g_assert_cmpuint(bench.n_asks, ==, 1);
  bench_pass(&bench, 12000);
  bench_get(&bench, "hello", "/hello/n1?1.0.0");
  g_assert_cmpuint(bench.n_asks, ==, 2);
  bench_close(&bench);
}

/* Said once: an operator's verb, and what the core does not want repeated. */
static void
test_not_from_cache(void)
{
  Bench bench;

  bench_open(&bench, folders, CONFIG);
  bench.keep_ms = 0;
  bench_get(&bench, "hello", "/hello/n1?1.0.0");
  bench_get(&bench, "hello", "/hello/n1?1.0.0");
  g_assert_cmpuint(bench.n_asks, ==, 2);
  bench.keep_ms = 60000;
  bench.answer.verb = (char *)"erase";
  bench_get(&bench, "hello", "/hello/n1?1.0.0");
  bench_get(&bench, "hello", "/hello/n1?1.0.0");
  g_assert_cmpuint(bench.n_asks, ==, 4);
  bench_close(&bench);
}

static void
test_offer(void)
{
  Bench bench;

  bench_open(&bench, folders, CONFIG);
  bench_answer_offer(&bench);
  assert_has(bench_get(&bench, "hello", "/hello/n1?1.0.0"), BENCH_TOKEN " 300000 010203000000");
  assert_has(bench_get(&bench, "hello", "/hello/n1?1.0.0"), BENCH_TOKEN " 300000 010203000000");
  g_assert_cmpuint(bench.n_asks, ==, 1);
  bench_close(&bench);
}

/* ---- the other asks ---- */

/* Where no rule has anything, the vendor's word counts; where one has, or the vendor is away, the site's. */
static void
test_miss_is_passed_on(void)
{
  Bench bench;

  bench_open(&bench, folders, CONFIG);
  bench.answer.kind = GATEWAY_ANSWER_NOTHING;
  bench.answer.reason = GATEWAY_REASON_WINDOW;
  assert_has(bench_get(&bench, "teller", "/t/n1/miss/1"), "kind=1 reason=4");
  g_assert_cmpuint(bench.n_relays, ==, 0);
  bench.answer.reason = GATEWAY_REASON_NO_RULE;
  assert_has(bench_get(&bench, "teller", "/t/n2/miss/1"), "kind=1 reason=2");
  g_assert_cmpuint(bench.n_relays, ==, 1);
  bench.relayed = (GwRelayAnswer){ .status = 404, .body = (char *)"no", .n_body = 2, .size = 2 };
  assert_has(bench_get(&bench, "teller", "/t/n3/miss/1?a=b"), "relayed=404 size=2 no");
  g_assert_cmpstr(bench.relay.target, ==, "/t/n3/miss/1?a=b");
  g_assert_cmpstr(bench.relay.method, ==, "GET");
  g_assert_cmpstr(bench.relay.node, ==, "n3");
  g_assert_cmpstr(bench.relay.cache_key, ==, "key");
  bench.is_silent = TRUE;
  Client *client = client_new(&bench, "teller", 1);
  client_send(client, "GET /t/n4/relay HTTP/1.1\r\nHost: gw\r\n\r\n");
  bench_pass(&bench, 5000);
  assert_has(client->heard->str, "kind=10 "); /* it was not waited for */
  bench_close(&bench);
}

static void
test_introduce_and_relay(void)
{
  Bench bench;

  bench_open(&bench, folders, CONFIG);
  bench.answer.kind = GATEWAY_ANSWER_ACCEPTED;
  assert_has(bench_get(&bench, "teller", "/t/n1/introduce"), "kind=4 ");
  g_assert_cmpint(bench.ask.kind, ==, GW_ASK_INTRODUCE);
  assert_has(bench_get(&bench, "teller", "/t/n1/relay"), "kind=10 "); /* the cloud is away */
  g_assert_cmpuint(bench.n_asks, ==, 1);
  bench_close(&bench);
}

/* A node hears that its report was taken when it is durable, and not before. */
static void
test_report_after_ack(void)
{
  Bench bench;

  bench_open(&bench, folders, CONFIG);
  bench.is_acking = FALSE;
  Client *client = client_new(&bench, "teller", 1);
  client_send(client, "GET /t/n1/tell/2.0 HTTP/1.1\r\nHost: gw\r\n\r\n");
  g_assert_cmpuint(bench_count_told(&bench, GW_TOLD_REPORT), ==, 1);
  g_assert_cmpint(bench.told[0].ask.state, ==, GATEWAY_TELL_SUCCEEDED);
  g_assert_cmpstr(bench.told[0].ask.node, ==, "n1");
  g_assert_cmpstr(client->heard->str, ==, "");
  gw_link_send(bench.core, GW_MESSAGE_ACK, bench.pending_serial, gw_ack_pack(GATEWAY_ANSWER_CLOSED), NULL, 0);
  bench_settle(&bench);
  assert_has(client->heard->str, "kind=5 ");
  bench_close(&bench);
}

/* No ack in time: the node hears "later", the report stays and is told again to the next core. */
static void
test_report_without_ack(void)
{
  Bench bench;

  bench_open(&bench, folders, CONFIG);
  bench.is_acking = FALSE;
  Client *client = client_new(&bench, "teller", 1);
  client_send(client, "GET /t/n1/tell/2.0 HTTP/1.1\r\nHost: gw\r\n\r\n");
  bench_kill_core(&bench);
  bench_pass(&bench, 11000);
  assert_has(client->heard->str, "kind=7 ");
  bench.is_acking = TRUE;
  bench_start_core(&bench);
  g_assert_cmpuint(bench_count_told(&bench, GW_TOLD_REPORT), ==, 2);
  bench_kill_core(&bench);
  bench_start_core(&bench);
  g_assert_cmpuint(bench_count_told(&bench, GW_TOLD_REPORT), ==, 2); /* acknowledged: not again */
  bench_close(&bench);
}

/* The core could not write it down. */
static void
test_report_again(void)
{
  Bench bench;

  bench_open(&bench, folders, CONFIG);
  bench.is_acking = FALSE;
  Client *client = client_new(&bench, "teller", 1);
  client_send(client, "GET /t/n1/tell/2.0 HTTP/1.1\r\nHost: gw\r\n\r\n");
  gw_link_send(bench.core, GW_MESSAGE_ACK, bench.pending_serial, gw_ack_pack(GATEWAY_ANSWER_LATER), NULL, 0);
  bench.is_acking = TRUE;
  bench_pass(&bench, 3000);
  assert_has(client->heard->str, "kind=7 ");
  g_assert_cmpuint(bench_count_told(&bench, GW_TOLD_REPORT), ==, 2);
  bench_close(&bench);
}

static void
test_undone(void)
{
  Bench bench;

  bench_open(&bench, folders, CONFIG);
  bench_answer_offer(&bench);
  bench_get(&bench, "teller", "/t/n1/refuse");
  const GwTold *told = bench_find_told(&bench, GW_TOLD_UNDONE);
  g_assert_nonnull(told);
  g_assert_cmpstr(told->token, ==, BENCH_TOKEN);
  g_assert_cmpstr(told->detail, ==, "no words for it");
  bench_get(&bench, "teller", "/t/n1/refuse"); /* not from cache: the core decides anew */
  g_assert_cmpuint(bench.n_asks, ==, 2);
  bench_close(&bench);
}

/* ---- what a plugin must not do ---- */

static void
test_bounds(void)
{
  Bench bench;

  bench_open(&bench, folders, CONFIG);
  assert_has(bench_get(&bench, "teller", "/t/long"), "HTTP/1.1 400 ");
  assert_has(bench_get(&bench, "teller", "/t/nul"), "HTTP/1.1 400 ");
  assert_has(bench_get(&bench, "teller", "/t/full"), "HTTP/1.1 500 ");
  assert_has(bench_get(&bench, "teller", "/t/image"), "HTTP/1.1 500 ");
  assert_has(bench_get(&bench, "hello", "/hello/"), "HTTP/1.1 400 ");
  assert_has(bench_get(&bench, "hello", "/elsewhere"), "HTTP/1.1 404 ");
  g_assert_cmpuint(bench.n_asks, ==, 0);
  bench_close(&bench);
}

/* ---- the core comes and goes ---- */

static void
test_core_away(void)
{
  Bench bench;

  bench_open(&bench, folders, CONFIG);
  bench_get(&bench, "teller", "/t/n1/offer/1.0");
  bench_kill_core(&bench);
  bench_settle(&bench);
  assert_has(bench_get(&bench, "teller", "/t/n1/offer/1.0"),
             "kind=1 reason=2");                                         /* what it said still holds */
  assert_has(bench_get(&bench, "teller", "/t/n2/offer/1.0"), "kind=7 "); /* what it never said is "later" */
  bench_start_core(&bench);
  g_assert_cmpuint(bench.n_hellos, ==, 2);
  g_assert_cmpuint(bench.n_contacts, ==, 1); /* told now */
  assert_has(bench_get(&bench, "teller", "/t/n1/offer/1.0"), "kind=1 reason=2");
  g_assert_cmpuint(bench.n_asks, ==, 2); /* a new core may see it otherwise */
  bench_close(&bench);
}

/* A question that waits when the core dies is asked again. */
static void
test_ask_again(void)
{
  Bench bench;

  bench_open(&bench, folders, CONFIG);
  bench.is_silent = TRUE;
  Client *client = client_new(&bench, "teller", 1);
  client_send(client, "GET /t/n1/offer/1.0 HTTP/1.1\r\nHost: gw\r\n\r\n");
  g_assert_cmpuint(bench.n_asks, ==, 1);
  bench.is_silent = FALSE;
  bench_kill_core(&bench);
  bench_start_core(&bench);
  g_assert_cmpuint(bench.n_asks, ==, 2);
  assert_has(client->heard->str, "kind=1 reason=2");
  bench_close(&bench);
}

static void
test_no_word(void)
{
  Bench bench;

  bench_open(&bench, folders, CONFIG);
  bench.is_silent = TRUE;
  Client *client = client_new(&bench, "teller", 1);
  client_send(client, "GET /t/n1/offer/1.0 HTTP/1.1\r\nHost: gw\r\n\r\n");
  bench_pass(&bench, 11000);
  assert_has(client->heard->str, "kind=7 ");
  bench_close(&bench);
}

/* A node that leaves while it waits takes nothing with it. */
static void
test_gone(void)
{
  Bench bench;

  bench_open(&bench, folders, CONFIG);
  bench.is_silent = TRUE;
  Client *client = client_new(&bench, "teller", 1);
  client_send(client, "GET /t/n1/offer/1.0 HTTP/1.1\r\nHost: gw\r\n\r\n");
  client_close(client);
  bench_answer_nothing(&bench);
  gw_link_send(bench.core, GW_MESSAGE_ANSWER, bench.pending_serial, gw_answer_pack(&bench.answer), NULL, 0);
  bench_settle(&bench);
  bench.is_silent = FALSE;
  assert_has(bench_get(&bench, "teller", "/t/n1/offer/1.0"), "kind=1 ");
  bench_close(&bench);
}

/* ---- configuration ---- */

static void
test_reconfigured(void)
{
  Bench bench;

  bench_open(&bench, folders, CONFIG);
  Client *client = client_new(&bench, "teller", 1);
  bench_configure(
      &bench, "[('plugin', 'hello', {'listen': '127.0.0.1:0'}), ('plugin', 'teller', {'enabled': 'no'})]");
  bench_settle(&bench);
  g_assert_null(gw_lan_address(bench.lan, "teller"));
  client_send(client, "GET /t/n1/offer/1.0 HTTP/1.1\r\nHost: gw\r\n\r\n");
  assert_has(client->heard->str, "HTTP/1.1 404 ");
  assert_has(bench_get(&bench, "hello", "/hello/n1?1.0.0"), "none\n");
  bench_configure(&bench, CONFIG);
  bench_settle(&bench);
  assert_has(bench_get(&bench, "teller", "/t/n1/offer/1.0"), "kind=1 ");
  bench_close(&bench);
}

static void
test_wrong_section(void)
{
  Bench bench;

  bench_open(&bench, folders,
             "[('plugin', 'hello', {'listen': '127.0.0.1:0'}),"
             " ('plugin', 'teller', {'listen': '127.0.0.1:0', 'lissten': 'x'})]");
  g_assert_null(gw_lan_address(bench.lan, "teller"));
  assert_has(bench_get(&bench, "hello", "/hello/n1?1.0.0"), "none\n");
  bench_close(&bench);
}

/* Two plugins at one address, told apart by their paths. */
static void
test_shared_port(void)
{
  Bench bench;

  bench_open(&bench, folders, CONFIG);
  g_autofree char *port = g_strdup_printf("%u", gw_lan_address(bench.lan, "hello")->port);
  g_autofree char *config = g_strdup_printf("[('plugin', 'hello', {'listen': '127.0.0.1:%s'}),"
                                            " ('plugin', 'teller', {'listen': '127.0.0.1:%s'})]",
                                            port, port);
  bench_configure(&bench,
                  "[('plugin', 'hello', {'enabled': 'no'}), ('plugin', 'teller', {'enabled': 'no'})]");
  bench_settle(&bench);
  bench_configure(&bench, config);
  bench_settle(&bench);
  g_assert_true(gw_lan_address(bench.lan, "hello") == gw_lan_address(bench.lan, "teller"));
  assert_has(bench_get(&bench, "hello", "/t/n1/offer/1.0"), "kind=1 ");
  assert_has(bench_get(&bench, "hello", "/hello/n1?1.0.0"), "none\n");
  assert_has(bench_get(&bench, "hello", "/"), "HTTP/1.1 404 ");
  bench_close(&bench);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_assert_cmpint(argc, ==, 2);
  folders = argv[1];
  g_test_add_func("/lan/hello", test_hello);
  g_test_add_func("/lan/ask", test_ask);
  g_test_add_func("/lan/cached", test_cached);
  g_test_add_func("/lan/changed-claim", test_changed_claim);
  g_test_add_func("/lan/epoch", test_epoch);
  g_test_add_func("/lan/node-changed", test_node_changed);
  g_test_add_func("/lan/until", test_until);
  g_test_add_func("/lan/not-from-cache", test_not_from_cache);
  g_test_add_func("/lan/offer", test_offer);
  g_test_add_func("/lan/introduce-and-relay", test_introduce_and_relay);
  g_test_add_func("/lan/miss-is-passed-on", test_miss_is_passed_on);
  g_test_add_func("/lan/report-after-ack", test_report_after_ack);
  g_test_add_func("/lan/report-without-ack", test_report_without_ack);
  g_test_add_func("/lan/report-again", test_report_again);
  g_test_add_func("/lan/undone", test_undone);
  g_test_add_func("/lan/bounds", test_bounds);
  g_test_add_func("/lan/core-away", test_core_away);
  g_test_add_func("/lan/ask-again", test_ask_again);
  g_test_add_func("/lan/no-word", test_no_word);
  g_test_add_func("/lan/gone", test_gone);
  g_test_add_func("/lan/reconfigured", test_reconfigured);
  g_test_add_func("/lan/wrong-section", test_wrong_section);
  g_test_add_func("/lan/shared-port", test_shared_port);
  return g_test_run();
}
