/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is asked of a vendor's cloud on nodes' behalf: how often, and what nodes hear while it says nothing.
 */
#include <string.h>

#include "control/core.h"
#include "rig.h"

#define HOUR_MS G_GINT64_CONSTANT(3600000)

/* ---- the node's side ---- */

static guint32
ask_from(Rig *rig, const char *address, const char *node, const char *key)
{
  guint32 serial = gw_link_next_serial(rig->lan);
  GwRelayAsk relay = { .plugin = (char *)RIG_TOLD,
                       .node = (char *)node,
                       .address = (char *)address,
                       .method = (char *)"GET",
                       .target = (char *)"/check?a=b",
                       .is_check = *key != 0,
                       .cache_key = (char *)key,
                       .cache_s = 600 };

  g_assert_true(gw_link_send(rig->lan, GW_MESSAGE_RELAY, serial, gw_relay_ask_pack(&relay), NULL, 0));
  rig_settle(rig);
  return serial;
}

static guint32
ask(Rig *rig, const char *node, const char *key)
{
  return ask_from(rig, "192.0.2.1", node, key);
}

/* @body NULL: the cloud could not be asked. */
static void
expect(Rig *rig, guint32 serial, const char *body)
{
  g_autoptr(RigMessage) message = rig_take_reply(rig, GW_MESSAGE_RELAYED, serial);
  GwRelayAnswer answer;

  g_assert_true(gw_relay_answer_unpack(message->payload, &answer));
  g_assert_cmpuint(answer.status, ==, body ? 404 : 0);
  if (body)
    g_assert_cmpmem(answer.body, answer.n_body, body, strlen(body));
  gw_relay_answer_clear(&answer);
}

/* ---- the vendor's side ---- */

static guint64
asked(Rig *rig)
{
  g_autoptr(RigMessage) message = rig_take(rig, FALSE, GW_MESSAGE_RELAY);
  GwRelayAsk relay;
  guint64 id;

  g_assert_true(gw_relay_ask_unpack(message->payload, &relay));
  g_assert_cmpstr(relay.url, ==, "http://vendor.example/check?a=b");
  id = relay.id;
  gw_relay_ask_clear(&relay);
  return id;
}

static void
assert_not_asked(Rig *rig)
{
  rig_settle(rig);
  for (GList *link = rig->wan_messages->head; link; link = link->next)
    g_assert_cmpint(((RigMessage *)link->data)->type, !=, GW_MESSAGE_RELAY);
}

/* @body NULL: it was not reached. */
static void
vendor_says(Rig *rig, guint64 id, const char *body)
{
  GwRelayAnswer answer = { .id = id,
                           .status = body ? 404 : 0,
                           .body = (char *)body,
                           .n_body = body ? (guint32)strlen(body) : 0,
                           .is_unreached = !body,
                           .is_whole = TRUE,
                           .text = (char *)"unplugged" };

  g_assert_true(gw_link_send(rig->wan, GW_MESSAGE_RELAYED, 0, gw_relay_answer_pack(&answer), NULL, 0));
  rig_settle(rig);
}

static GVariant *
headers_of(const char *value)
{
  GVariantBuilder builder;

  g_variant_builder_init(&builder, G_VARIANT_TYPE("a{ss}"));
  g_variant_builder_add(&builder, "{ss}", "X-Header", value);
  return g_variant_ref_sink(g_variant_builder_end(&builder));
}

/* ---- the cases ---- */

static void
test_equal_questions_are_one(void)
{
  g_autoptr(Rig) rig = rig_new(NULL);
  guint32 first = ask(rig, "n1", "key"), second = ask(rig, "n2", "key"), third;
  guint64 id = asked(rig);

  assert_not_asked(rig);
  vendor_says(rig, id, "no");
  expect(rig, first, "no");
  expect(rig, second, "no");
  third = ask(rig, "n3", "key");
  expect(rig, third, "no");
  assert_not_asked(rig);
  rig_pass(rig, HOUR_MS);
  ask(rig, "n3", "key");
  asked(rig);
}

static void
test_so_many_a_day(void)
{
  g_autoptr(Rig) rig = rig_new(NULL);

  for (int i = 0; i < 2; i++) {
    g_autofree char *key = g_strdup_printf("key %d", i);
    guint32 serial = ask(rig, "n1", key);
    vendor_says(rig, asked(rig), "no");
    expect(rig, serial, "no");
  }
  expect(rig, ask(rig, "n1", "key 3"), NULL);
  expect(rig, ask(rig, "n1", "key 0"), "no"); /* known already */
  assert_not_asked(rig);
  ask(rig, "n2", "key 3"); /* another node's day */
  asked(rig);
  ask(rig, "n1", ""); /* a report is no question */
  asked(rig);
  rig_pass(rig, 25 * HOUR_MS);
  ask(rig, "n1", "key 4");
  asked(rig);
}

/* The vendor counts, too, and not from when we began. */
static void
test_day_slides(void)
{
  g_autoptr(Rig) rig = rig_new(NULL);

  for (int i = 0; i < 2; i++) {
    g_autofree char *key = g_strdup_printf("key %d", i);
    ask(rig, "n1", key);
    vendor_says(rig, asked(rig), "no");
    rig_pass(rig, 20 * HOUR_MS); /* the first at 0 h, the second at 20 h */
  }
  ask(rig, "n1", "at 40 h");
  vendor_says(rig, asked(rig), "no");
  expect(rig, ask(rig, "n1", "too early"), NULL);
  assert_not_asked(rig);
  rig_pass(rig, 5 * HOUR_MS);
  ask(rig, "n1", "at 45 h");
  asked(rig);
}

static void
test_away_is_left_alone(void)
{
  g_autoptr(Rig) rig = rig_new(NULL);
  guint32 serial = ask(rig, "n1", "key");

  vendor_says(rig, asked(rig), "no");
  expect(rig, serial, "no");
  rig_pass(rig, HOUR_MS);
  serial = ask(rig, "n1", "key");
  vendor_says(rig, asked(rig), NULL);
  expect(rig, serial, "no"); /* what it said last */
  expect(rig, ask(rig, "n2", "other"), NULL);
  assert_not_asked(rig);
  rig_pass(rig, 31000);
  ask(rig, "n2", "other");
  asked(rig);
}

/* One request that cannot be asked says nothing of the others. */
static void
test_bad_request_is_not_away(void)
{
  g_autoptr(Rig) rig = rig_new(NULL);
  guint32 serial = ask(rig, "n1", "bad");
  GwRelayAnswer answer = { .id = asked(rig), .text = (char *)"not a URL that can be asked" };

  g_assert_true(gw_link_send(rig->wan, GW_MESSAGE_RELAYED, 0, gw_relay_answer_pack(&answer), NULL, 0));
  expect(rig, serial, NULL);
  ask(rig, "n2", "good");
  asked(rig);
}

/* What may have been cut short, or is large, is passed on once. */
static void
test_kept_only_if_whole_and_small(void)
{
  g_autoptr(Rig) rig = rig_new(NULL);
  g_autofree char *large = g_strnfill(5000, 'x');
  const GwRelayAnswer replies[] = {
    { .status = 404, .body = (char *)"n", .n_body = 1, .size = 1 },
    { .status = 404, .body = large, .n_body = 5000, .size = 5000, .is_whole = TRUE },
    { .status = 404, .is_whole = TRUE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS(replies); i++) {
    g_autofree char *node = g_strdup_printf("n%zu", i);
    GwRelayAnswer reply = replies[i];
    guint32 serial = ask(rig, node, "key");

    reply.id = asked(rig);
    reply.headers = i == 2 ? headers_of(large) : NULL;
    g_assert_true(gw_link_send(rig->wan, GW_MESSAGE_RELAYED, 0, gw_relay_answer_pack(&reply), NULL, 0));
    g_clear_pointer(&reply.headers, g_variant_unref);
    rig_message_free(rig_take_reply(rig, GW_MESSAGE_RELAYED, serial));
  }
  ask(rig, "n9", "key");
  asked(rig);
}

static void
test_so_many_of_one_address(void)
{
  g_autoptr(Rig) rig = rig_new(NULL);
  guint32 first = ask(rig, "n1", "");
  guint64 id = asked(rig);

  for (int i = 1; i < 4; i++) {
    ask(rig, "n1", "");
    asked(rig);
  }
  expect(rig, ask(rig, "n2", ""), NULL); /* whatever it calls itself */
  assert_not_asked(rig);
  ask_from(rig, "192.0.2.2", "n3", "");
  asked(rig);
  vendor_says(rig, id, "no");
  expect(rig, first, "no");
  ask(rig, "n1", "");
  asked(rig);
}

static void
test_slow_is_not_waited_for(void)
{
  g_autoptr(Rig) rig = rig_new(NULL);
  guint32 serial = ask(rig, "n1", "key");
  guint64 id = asked(rig);

  rig_pass(rig, 4000);
  expect(rig, serial, NULL);
  expect(rig, ask(rig, "n2", "key"), NULL); /* nor by those who come later */
  assert_not_asked(rig);
  vendor_says(rig, id, "no");
  expect(rig, ask(rig, "n3", "key"), "no");
  assert_not_asked(rig);
}

static void
test_lost_reply(void)
{
  g_autoptr(Rig) rig = rig_new(NULL);

  ask(rig, "n1", "key");
  asked(rig);
  rig_pass(rig, 4000);
  expect(rig, ask(rig, "n2", "key"), NULL);
  assert_not_asked(rig);
  rig_pass(rig, 121000);
  ask(rig, "n2", "key");
  asked(rig);
}

static void
test_lost_worker(void)
{
  g_autoptr(Rig) rig = rig_new(NULL);
  guint32 serial = ask(rig, "n1", "key");

  asked(rig);
  g_clear_pointer(&rig->wan, gw_link_free);
  rig_settle(rig);
  expect(rig, serial, NULL);
  expect(rig, ask(rig, "n1", "key"), NULL);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/control/passing/equal-questions", test_equal_questions_are_one);
  g_test_add_func("/control/passing/so-many-a-day", test_so_many_a_day);
  g_test_add_func("/control/passing/day-slides", test_day_slides);
  g_test_add_func("/control/passing/away", test_away_is_left_alone);
  g_test_add_func("/control/passing/bad-request", test_bad_request_is_not_away);
  g_test_add_func("/control/passing/kept", test_kept_only_if_whole_and_small);
  g_test_add_func("/control/passing/address", test_so_many_of_one_address);
  g_test_add_func("/control/passing/slow", test_slow_is_not_waited_for);
  g_test_add_func("/control/passing/lost-reply", test_lost_reply);
  g_test_add_func("/control/passing/lost-worker", test_lost_worker);
  return g_test_run();
}
