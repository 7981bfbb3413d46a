/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "link/messages.h"

#include <string.h>

#include "base/digest.h"

/* Over the wire and back, as a message of @type. */
static GVariant *
travel(GwMessageType type, GVariant *payload)
{
  g_autoptr(GVariant) sunk = g_variant_ref_sink(payload);
  g_autoptr(GByteArray) bytes = g_byte_array_new();
  guint8 head[8] = { GW_LINK_VERSION, 0, (guint8)type, 0, 7, 0, 0, 0 };
  GwMessageType got_type;
  guint32 serial;
  GError *error = NULL;

  g_assert_cmpstr(g_variant_get_type_string(sunk), ==, gw_message_format(type));
  g_byte_array_append(bytes, head, sizeof head);
  g_byte_array_append(bytes, g_variant_get_data(sunk), (guint)g_variant_get_size(sunk));
  GVariant *got = gw_link_parse(bytes->data, bytes->len, &got_type, &serial, &error);
  g_assert_no_error(error);
  g_assert_cmpint(got_type, ==, type);
  g_assert_cmpuint(serial, ==, 7);
  g_assert_true(g_variant_equal(got, sunk));
  return got;
}

static GVariant *
map(const char *key, const char *value)
{
  GVariantBuilder builder;

  g_variant_builder_init(&builder, G_VARIANT_TYPE("a{ss}"));
  g_variant_builder_add(&builder, "{ss}", key, value);
  return g_variant_ref_sink(g_variant_builder_end(&builder));
}

static const char *
map_value(GVariant *variant, const char *key)
{
  const char *value = "";

  g_assert_nonnull(variant);
  g_variant_lookup(variant, key, "&s", &value);
  return value;
}

static GwAsk
make_ask(void)
{
  return (GwAsk){ .kind = GW_ASK_TELL,
                  .plugin = g_strdup("hello"),
                  .listener = g_strdup(":8000"),
                  .address = g_strdup("192.0.2.1"),
                  .interface = g_strdup("eth0"),
                  .identity = 4,
                  .node = g_strdup("n1"),
                  .credential = g_strdup("secret"),
                  .product = g_strdup("p"),
                  .type = g_strdup("mcu"),
                  .hardware_version = g_strdup("h1"),
                  .software_version = g_strdup("s1"),
                  .is_version_proof = TRUE,
                  .is_never_cut = TRUE,
                  .is_silent = TRUE,
                  .aliases = map("mac", "02:00:00:00:00:01"),
                  .attributes = map("battery", "30"),
                  .token = g_strdup("abc"),
                  .image_name = g_strdup("f.bin"),
                  .state = 5,
                  .percent = 42,
                  .update = 7,
                  .code = g_strdup("0021"),
                  .detail = g_strdup("d") };
}

static void
assert_ask(const GwAsk *ask)
{
  g_assert_cmpint(ask->kind, ==, GW_ASK_TELL);
  g_assert_cmpstr(ask->plugin, ==, "hello");
  g_assert_cmpstr(ask->listener, ==, ":8000");
  g_assert_cmpstr(ask->address, ==, "192.0.2.1");
  g_assert_cmpstr(ask->interface, ==, "eth0");
  g_assert_cmpint(ask->identity, ==, 4);
  g_assert_cmpstr(ask->node, ==, "n1");
  g_assert_cmpstr(ask->credential, ==, "secret");
  g_assert_cmpstr(ask->product, ==, "p");
  g_assert_cmpstr(ask->type, ==, "mcu");
  g_assert_cmpstr(ask->hardware_version, ==, "h1");
  g_assert_cmpstr(ask->software_version, ==, "s1");
  g_assert_true(ask->is_version_proof && ask->is_never_cut && ask->is_silent);
  g_assert_cmpstr(map_value(ask->aliases, "mac"), ==, "02:00:00:00:00:01");
  g_assert_cmpstr(map_value(ask->attributes, "battery"), ==, "30");
  g_assert_cmpstr(ask->token, ==, "abc");
  g_assert_cmpstr(ask->image_name, ==, "f.bin");
  g_assert_cmpint(ask->state, ==, 5);
  g_assert_cmpuint(ask->percent, ==, 42);
  g_assert_cmpint(ask->update, ==, 7);
  g_assert_cmpstr(ask->code, ==, "0021");
  g_assert_cmpstr(ask->detail, ==, "d");
}

static void
test_ask(void)
{
  GwAsk ask = make_ask(), got;
  g_autoptr(GVariant) payload = travel(GW_MESSAGE_ASK, gw_ask_pack(&ask));

  g_assert_true(gw_ask_unpack(payload, &got));
  assert_ask(&got);
  gw_ask_clear(&got);
  gw_ask_clear(&ask);
}

static void
test_ask_empty(void)
{
  GwAsk ask = { .kind = GW_ASK_OFFER }, got;
  g_autoptr(GVariant) payload = travel(GW_MESSAGE_ASK, gw_ask_pack(&ask));

  g_assert_cmpuint(g_variant_get_size(payload), ==, 8); /* nothing but its kind */
  g_assert_true(gw_ask_unpack(payload, &got));
  g_assert_cmpstr(got.node, ==, "");
  g_assert_cmpstr(got.detail, ==, "");
  g_assert_null(got.aliases);
  gw_ask_clear(&got);
}

/* A node's words are bytes; the link carries text. */
static void
test_ask_not_utf8(void)
{
  GwAsk ask = { .kind = GW_ASK_OFFER, .software_version = (char *)"1\xff\xfe" }, got;
  g_autoptr(GVariant) payload = travel(GW_MESSAGE_ASK, gw_ask_pack(&ask));

  g_assert_true(gw_ask_unpack(payload, &got));
  g_assert_true(g_utf8_validate(got.software_version, -1, NULL));
  gw_ask_clear(&got);
}

static void
test_answer(void)
{
  GwAnswer answer = { .kind = 2,
                      .reason = 3,
                      .wait_s = 60,
                      .update = 11,
                      .mode = 2,
                      .node = (char *)"n1",
                      .is_adopted = TRUE,
                      .until_boot_ms = G_MAXINT64,
                      .epoch = 9,
                      .token = (char *)"tok",
                      .name = (char *)"f.bin",
                      .product = (char *)"p",
                      .type = (char *)"mcu",
                      .hardware_version = (char *)"h",
                      .software_version = (char *)"2",
                      .notes = (char *)"n",
                      .size = G_MAXUINT64,
                      .is_never_cut = TRUE,
                      .verb = (char *)"erase",
                      .verb_argument = (char *)"6" },
           got;
  answer.digests = (GwDigests){ .sha256 = { 1 }, .sha1 = { 2 }, .md5 = { 3 }, .crc32 = 4, .size = 5 };
  answer.attributes = map("chip", "x");
  g_autoptr(GVariant) payload = travel(GW_MESSAGE_ANSWER, gw_answer_pack(&answer));

  g_assert_true(gw_answer_unpack(payload, &got));
  g_assert_cmpint(got.kind, ==, 2);
  g_assert_cmpint(got.reason, ==, 3);
  g_assert_cmpuint(got.wait_s, ==, 60);
  g_assert_cmpint(got.update, ==, 11);
  g_assert_cmpuint(got.mode, ==, 2);
  g_assert_cmpstr(got.node, ==, "n1");
  g_assert_true(got.is_adopted && got.is_never_cut);
  g_assert_cmpint(got.until_boot_ms, ==, G_MAXINT64);
  g_assert_cmpuint(got.epoch, ==, 9);
  g_assert_cmpstr(got.token, ==, "tok");
  g_assert_cmpstr(got.name, ==, "f.bin");
  g_assert_cmpstr(got.product, ==, "p");
  g_assert_cmpstr(got.type, ==, "mcu");
  g_assert_cmpstr(got.hardware_version, ==, "h");
  g_assert_cmpstr(got.software_version, ==, "2");
  g_assert_cmpstr(got.notes, ==, "n");
  g_assert_cmpuint(got.size, ==, G_MAXUINT64);
  g_assert_cmpmem(&got.digests, sizeof got.digests, &answer.digests, sizeof answer.digests);
  g_assert_cmpstr(map_value(got.attributes, "chip"), ==, "x");
  g_assert_cmpstr(got.verb, ==, "erase");
  g_assert_cmpstr(got.verb_argument, ==, "6");
  gw_answer_clear(&got);
  g_variant_unref(answer.attributes);
}

static void
test_told(void)
{
  GwTold told = { .kind = GW_TOLD_REPORT,
                  .token = (char *)"t",
                  .node = (char *)"n",
                  .acked = 5,
                  .size = 6,
                  .detail = (char *)"d",
                  .code = (char *)"c",
                  .wall_ms = 77,
                  .ask = make_ask() },
         got;
  g_autoptr(GVariant) payload = travel(GW_MESSAGE_TELL, gw_told_pack(&told));

  g_assert_true(gw_told_unpack(payload, &got));
  g_assert_cmpint(got.kind, ==, GW_TOLD_REPORT);
  g_assert_cmpstr(got.token, ==, "t");
  g_assert_cmpstr(got.node, ==, "n");
  g_assert_cmpuint(got.acked, ==, 5);
  g_assert_cmpuint(got.size, ==, 6);
  g_assert_cmpstr(got.detail, ==, "d");
  g_assert_cmpstr(got.code, ==, "c");
  g_assert_cmpint(got.wall_ms, ==, 77);
  assert_ask(&got.ask);
  gw_told_clear(&got);
  gw_ask_clear(&told.ask);
}

/* Without a report the ask's texts are there all the same, and empty. */
static void
test_told_bare(void)
{
  GwTold told = { .kind = GW_TOLD_BEGUN, .token = (char *)"t" }, got;
  g_autoptr(GVariant) payload = travel(GW_MESSAGE_TELL, gw_told_pack(&told));

  g_assert_true(gw_told_unpack(payload, &got));
  g_assert_cmpstr(got.ask.node, ==, "");
  gw_told_clear(&got);
}

static void
test_blob(void)
{
  GwBlobMessage blob = { .sha256 = { 9, 8, 7 }, .size = 1000, .is_busy = TRUE, .is_mapped = TRUE }, got;
  g_autoptr(GVariant) payload = travel(GW_MESSAGE_BLOB, gw_blob_pack(&blob));

  g_assert_true(gw_blob_unpack(payload, &got));
  g_assert_cmpmem(got.sha256, 32, blob.sha256, 32);
  g_assert_cmpuint(got.size, ==, 1000);
  g_assert_true(got.is_busy && got.is_mapped);
}

static void
test_contacts(void)
{
  GwContact contacts[2] = { { (char *)"a", (char *)"192.0.2.1", (char *)"1", 5, 6, 7, 2 },
                            { (char *)"b", NULL, NULL, 1, 2, 3, 5 } };
  g_autoptr(GVariant) payload = travel(GW_MESSAGE_CONTACTS, gw_contacts_pack(contacts, 2));
  g_autoptr(GArray) got = gw_contacts_unpack(payload);

  g_assert_cmpuint(got->len, ==, 2);
  const GwContact *first = &g_array_index(got, GwContact, 0);
  g_assert_cmpstr(first->node, ==, "a");
  g_assert_cmpstr(first->address, ==, "192.0.2.1");
  g_assert_cmpstr(first->software_version, ==, "1");
  g_assert_cmpint(first->first_ms, ==, 5);
  g_assert_cmpint(first->last_ms, ==, 6);
  g_assert_cmpuint(first->count, ==, 7);
  g_assert_cmpint(first->kind, ==, 2);
  g_assert_cmpstr(g_array_index(got, GwContact, 1).address, ==, "");
}

static void
test_contacts_too_many(void)
{
  g_autofree GwContact *contacts = g_new0(GwContact, 2049);
  g_autoptr(GVariant) most = g_variant_ref_sink(gw_contacts_pack(contacts, 2048));
  g_autoptr(GVariant) more = g_variant_ref_sink(gw_contacts_pack(contacts, 2049));
  g_autoptr(GArray) got = gw_contacts_unpack(most);

  g_assert_cmpuint(got->len, ==, 2048);
  g_assert_null(gw_contacts_unpack(more));
}

static void
test_lists(void)
{
  const char *nodes[] = { "a", "b", NULL };
  g_autoptr(GVariant) invalidate = travel(GW_MESSAGE_INVALIDATE, gw_invalidate_pack(5, nodes));
  g_autoptr(GVariant) epoch_only = travel(GW_MESSAGE_INVALIDATE, gw_invalidate_pack(6, NULL));
  g_autoptr(GVariant) transfers = travel(GW_MESSAGE_TRANSFERS, gw_transfers_pack(nodes));
  g_auto(GStrv) got_nodes = NULL, no_nodes = NULL, tokens = NULL;
  guint32 epoch;

  g_assert_true(gw_invalidate_unpack(invalidate, &epoch, &got_nodes));
  g_assert_cmpuint(epoch, ==, 5);
  g_assert_cmpstrv(got_nodes, nodes);
  g_assert_true(gw_invalidate_unpack(epoch_only, &epoch, &no_nodes));
  g_assert_cmpuint(epoch, ==, 6);
  g_assert_cmpuint(g_strv_length(no_nodes), ==, 0);
  g_assert_true(gw_transfers_unpack(transfers, &tokens));
  g_assert_cmpstrv(tokens, nodes);
}

static void
test_small(void)
{
  g_autoptr(GVariant) ack = travel(GW_MESSAGE_ACK, gw_ack_pack(4));
  g_autoptr(GVariant) wake = travel(GW_MESSAGE_WAKE, gw_wake_pack("p", "n", "v", "a"));
  g_autoptr(GVariant) stop = travel(GW_MESSAGE_STOP, gw_stop_pack("t", "r"));
  g_autofree char *plugin = NULL, *node = NULL, *verb = NULL, *argument = NULL, *token = NULL, *reason = NULL;
  int kind;

  g_assert_true(gw_ack_unpack(ack, &kind));
  g_assert_cmpint(kind, ==, 4);
  g_assert_true(gw_wake_unpack(wake, &plugin, &node, &verb, &argument));
  g_assert_cmpstr(plugin, ==, "p");
  g_assert_cmpstr(node, ==, "n");
  g_assert_cmpstr(verb, ==, "v");
  g_assert_cmpstr(argument, ==, "a");
  g_assert_true(gw_stop_unpack(stop, &token, &reason));
  g_assert_cmpstr(token, ==, "t");
  g_assert_cmpstr(reason, ==, "r");
}

static void
test_hello(void)
{
  g_autoptr(GVariant) plugins = g_variant_ref_sink(g_variant_new_parsed("[{'name': <'hello'>}]"));
  GwHello hello = { 3, (char *)"lan", (char *)"net", (char *)"0.1.0", plugins }, got;
  g_autoptr(GVariant) payload = travel(GW_MESSAGE_HELLO, gw_hello_pack(&hello));

  g_assert_true(gw_hello_unpack(payload, &got));
  g_assert_cmpuint(got.version, ==, 3);
  g_assert_cmpstr(got.role, ==, "lan");
  g_assert_cmpstr(got.instance, ==, "net");
  g_assert_cmpstr(got.build, ==, "0.1.0");
  g_assert_true(g_variant_equal(got.plugins, plugins));
  gw_hello_clear(&got);
}

static void
test_config(void)
{
  g_autoptr(GVariant) sections =
      g_variant_ref_sink(g_variant_new_parsed("[('plugin', 'hello', {'enabled': 'yes'})]"));
  g_autoptr(GVariant) payload = travel(GW_MESSAGE_CONFIG, gw_config_pack(4, sections));
  g_autoptr(GVariant) got = NULL;
  guint32 epoch;

  g_assert_true(gw_config_unpack(payload, &epoch, &got));
  g_assert_cmpuint(epoch, ==, 4);
  g_assert_true(g_variant_equal(got, sections));
}

static void
test_wan_names(void)
{
  g_autoptr(GVariant) announce = travel(GW_MESSAGE_ANNOUNCE, gw_announce_pack("u", "http://x/"));
  g_autoptr(GVariant) found = travel(GW_MESSAGE_FOUND, gw_found_pack("u", "file:a", "a", 10));
  g_autoptr(GVariant) poll = travel(GW_MESSAGE_POLL, gw_poll_pack("u", TRUE));
  g_autoptr(GVariant) cancel = travel(GW_MESSAGE_CANCEL, gw_id_pack(12));
  g_autoptr(GVariant) status = travel(GW_MESSAGE_STATUS, gw_status_pack("u", TRUE, "well"));
  g_autofree char *upstream = NULL, *base = NULL, *from = NULL, *url = NULL, *file = NULL, *name = NULL;
  g_autofree char *who = NULL, *text = NULL;
  guint64 size, id;
  gboolean is_well, is_afresh;

  g_assert_true(gw_announce_unpack(announce, &upstream, &base));
  g_assert_cmpstr(upstream, ==, "u");
  g_assert_cmpstr(base, ==, "http://x/");
  g_assert_true(gw_found_unpack(found, &from, &url, &file, &size));
  g_assert_cmpstr(from, ==, "u");
  g_assert_cmpstr(url, ==, "file:a");
  g_assert_cmpstr(file, ==, "a");
  g_assert_cmpuint(size, ==, 10);
  g_assert_true(gw_poll_unpack(poll, &name, &is_afresh));
  g_assert_true(is_afresh);
  g_assert_cmpstr(name, ==, "u");
  g_assert_true(gw_id_unpack(cancel, &id));
  g_assert_cmpuint(id, ==, 12);
  g_assert_true(gw_status_unpack(status, &who, &is_well, &text));
  g_assert_cmpstr(who, ==, "u");
  g_assert_true(is_well);
  g_assert_cmpstr(text, ==, "well");
}

static void
test_fetch(void)
{
  GwFetch fetch = { 1, (char *)"u", (char *)"a.bin", (char *)"http://x/", (char *)"\"e\"", 100, 200 }, got;
  GwFetched fetched = { 1, -1, TRUE, (char *)"\"e\"", (char *)"t" }, got_fetched;
  g_autoptr(GVariant) payload = travel(GW_MESSAGE_FETCH, gw_fetch_pack(&fetch));
  g_autoptr(GVariant) fetched_payload = travel(GW_MESSAGE_FETCHED, gw_fetched_pack(&fetched));

  g_assert_true(gw_fetch_unpack(payload, &got));
  g_assert_cmpuint(got.id, ==, 1);
  g_assert_cmpstr(got.upstream, ==, "u");
  g_assert_cmpstr(got.url, ==, "a.bin");
  g_assert_cmpstr(got.base_url, ==, "http://x/");
  g_assert_cmpstr(got.validator, ==, "\"e\"");
  g_assert_cmpuint(got.offset, ==, 100);
  g_assert_cmpuint(got.expected_size, ==, 200);
  g_assert_true(gw_fetched_unpack(fetched_payload, &got_fetched));
  g_assert_cmpuint(got_fetched.id, ==, 1);
  g_assert_cmpint(got_fetched.result, ==, -1);
  g_assert_true(got_fetched.is_restarted);
  g_assert_cmpstr(got_fetched.validator, ==, "\"e\"");
  g_assert_cmpstr(got_fetched.text, ==, "t");
  gw_fetch_clear(&got);
  gw_fetched_clear(&got_fetched);
}

static void
test_report(void)
{
  GwReportEvent events[2] = {
    { (char *)"1", (char *)"a.b", (char *)"urn:x", (char *)"node/n", (char *)"t", (char *)"{\"text\":1}" },
    { (char *)"2", (char *)"a.c", (char *)"urn:x", (char *)"", (char *)"t", (char *)"{}" },
  };
  GwReport report = { 7, (char *)"u", events, 2 }, got;
  char results[2] = { 0, 3 };
  GwReported reported = { 7, results, 2, 30, (char *)"why" }, answer;
  g_autoptr(GVariant) payload = travel(GW_MESSAGE_REPORT, gw_report_pack(&report));
  g_autoptr(GVariant) reply = travel(GW_MESSAGE_REPORTED, gw_reported_pack(&reported));

  g_assert_true(gw_report_unpack(payload, &got));
  g_assert_cmpuint(got.id, ==, 7);
  g_assert_cmpstr(got.upstream, ==, "u");
  g_assert_cmpuint(got.n_events, ==, 2);
  g_assert_cmpstr(got.events[0].data, ==, "{\"text\":1}");
  g_assert_cmpstr(got.events[1].subject, ==, "");
  g_assert_true(gw_reported_unpack(reply, &answer));
  g_assert_cmpuint(answer.id, ==, 7);
  g_assert_cmpmem(answer.results, answer.n_results, results, 2);
  g_assert_cmpuint(answer.retry_after_s, ==, 30);
  g_assert_cmpstr(answer.text, ==, "why");
  gw_report_clear(&got);
  gw_reported_clear(&answer);
}

static void
test_report_too_long(void)
{
  g_autofree GwReportEvent *events = g_new0(GwReportEvent, GW_REPORT_MAX_EVENTS + 1);
  g_autofree char *results = g_malloc0(GW_REPORT_MAX_EVENTS + 1);
  GwReport report = { 1, (char *)"u", events, GW_REPORT_MAX_EVENTS + 1 }, got;
  GwReported reported = { 1, results, GW_REPORT_MAX_EVENTS + 1, 0, (char *)"" }, answer;
  g_autoptr(GVariant) payload = g_variant_ref_sink(gw_report_pack(&report));
  g_autoptr(GVariant) reply = g_variant_ref_sink(gw_reported_pack(&reported));

  g_assert_false(gw_report_unpack(payload, &got));
  g_assert_false(gw_reported_unpack(reply, &answer));
}

/* ---- what is not so ---- */

static void
test_refused_digest(void)
{
  g_autoptr(GVariant) payload = g_variant_ref_sink(g_variant_new_parsed("{'sha256': <[byte 1, 2]>}"));
  GwBlobMessage blob;

  g_assert_false(gw_blob_unpack(payload, &blob));
}

/* The bytes of one ask as a datagram. */
static GByteArray *
ask_bytes(void)
{
  GwAsk ask = make_ask();
  g_autoptr(GVariant) payload = g_variant_ref_sink(gw_ask_pack(&ask));
  GByteArray *bytes = g_byte_array_new();
  guint8 head[8] = { GW_LINK_VERSION, 0, GW_MESSAGE_ASK, 0, 1, 0, 0, 0 };

  g_byte_array_append(bytes, head, sizeof head);
  g_byte_array_append(bytes, g_variant_get_data(payload), (guint)g_variant_get_size(payload));
  gw_ask_clear(&ask);
  return bytes;
}

static gboolean
is_message(const guint8 *data, gsize size)
{
  g_autoptr(GError) error = NULL;
  GwMessageType type;
  guint32 serial;
  g_autoptr(GVariant) payload = gw_link_parse(data, size, &type, &serial, &error);
  GwAsk ask;

  g_assert_true(!payload == !!error);
  if (!payload || type != GW_MESSAGE_ASK)
    return payload != NULL;
  if (!gw_ask_unpack(payload, &ask))
    return FALSE;
  gw_ask_clear(&ask);
  return TRUE;
}

static void
test_truncated(void)
{
  g_autoptr(GByteArray) bytes = ask_bytes();
  guint n_accepted = 0;

  g_assert_true(is_message(bytes->data, bytes->len));
  for (guint size = 0; size < bytes->len; size++)
    n_accepted += is_message(bytes->data, size);
  g_assert_cmpuint(n_accepted, <=, 24); /* between two fields */
}

static void
test_flipped(void)
{
  g_autoptr(GByteArray) bytes = ask_bytes();
  guint n_refused = 0;

  for (guint bit = 0; bit < bytes->len * 8; bit++) {
    bytes->data[bit / 8] ^= (guint8)(1 << bit % 8);
    n_refused += !is_message(bytes->data, bytes->len);
    bytes->data[bit / 8] ^= (guint8)(1 << bit % 8);
  }
  g_assert_cmpuint(n_refused, >, 8);
}

/* What is not packed bytes must be the serialisation of its type, to the last byte. */
static void
test_malformed(void)
{
  g_autoptr(GVariant) payload = g_variant_ref_sink(g_variant_new_parsed("{'name': <'hello'>}"));
  g_autoptr(GByteArray) bytes = g_byte_array_new();
  guint8 head[8] = { GW_LINK_VERSION, 0, GW_MESSAGE_HELLO };

  g_assert_cmpstr(gw_message_format(GW_MESSAGE_HELLO), ==, g_variant_get_type_string(payload));
  g_byte_array_append(bytes, head, sizeof head);
  g_byte_array_append(bytes, g_variant_get_data(payload), (guint)g_variant_get_size(payload));
  g_assert_true(is_message(bytes->data, bytes->len));
  for (guint size = 9; size < bytes->len; size++)
    g_assert_false(is_message(bytes->data, size));
}

static void
test_heads(void)
{
  guint8 other_version[8] = { GW_LINK_VERSION + 1, 0, GW_MESSAGE_ASK };
  guint8 unknown[8] = { GW_LINK_VERSION, 0, 200 };
  g_autofree guint8 *huge = g_malloc0(GW_LINK_MAX_MESSAGE + 1);

  g_assert_false(is_message(other_version, 8));
  g_assert_false(is_message(unknown, 8));
  huge[2] = GW_MESSAGE_ASK;
  g_assert_false(is_message(huge, GW_LINK_MAX_MESSAGE + 1));
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/messages/ask", test_ask);
  g_test_add_func("/messages/ask-empty", test_ask_empty);
  g_test_add_func("/messages/ask-not-utf8", test_ask_not_utf8);
  g_test_add_func("/messages/answer", test_answer);
  g_test_add_func("/messages/told", test_told);
  g_test_add_func("/messages/told-bare", test_told_bare);
  g_test_add_func("/messages/blob", test_blob);
  g_test_add_func("/messages/contacts", test_contacts);
  g_test_add_func("/messages/contacts-too-many", test_contacts_too_many);
  g_test_add_func("/messages/lists", test_lists);
  g_test_add_func("/messages/small", test_small);
  g_test_add_func("/messages/hello", test_hello);
  g_test_add_func("/messages/config", test_config);
  g_test_add_func("/messages/wan-names", test_wan_names);
  g_test_add_func("/messages/fetch", test_fetch);
  g_test_add_func("/messages/report", test_report);
  g_test_add_func("/messages/report-too-long", test_report_too_long);
  g_test_add_func("/messages/refused-digest", test_refused_digest);
  g_test_add_func("/messages/truncated", test_truncated);
  g_test_add_func("/messages/flipped", test_flipped);
  g_test_add_func("/messages/heads", test_heads);
  g_test_add_func("/messages/malformed", test_malformed);
  return g_test_run();
}
