/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lan/answers.h"

#include <string.h>

#include "link/messages.h"

#define NOW 1000

static GwAnswer
answer_for(const char *node)
{
  return (
      GwAnswer){ .kind = GATEWAY_ANSWER_NOTHING, .node = (char *)node, .until_boot_ms = 5000, .epoch = 1 };
}

static GwGiven *
keep(GwAnswers *answers, guint64 who, guint64 what, const GwAnswer *answer)
{
  GwGiven *given = gw_given_new(gw_answers_words(answers), answer);

  given->claim = (GwClaim){ who, what };
  return gw_answers_keep(answers, given, NOW);
}

static gboolean
has(GwAnswers *answers, guint64 who, guint64 what, gint64 now_ms)
{
  return gw_answers_find(answers, &(GwClaim){ who, what }, now_ms) != NULL;
}

static void
test_find(void)
{
  g_autoptr(GwAnswers) answers = gw_answers_new();
  GwAnswer answer = answer_for("n1");

  gw_answers_set_epoch(answers, 1);
  g_assert_null(keep(answers, 1, 10, &answer));
  g_assert_true(has(answers, 1, 10, NOW));
  g_assert_false(has(answers, 1, 11, NOW)); /* another claim */
  g_assert_false(has(answers, 2, 10, NOW)); /* another asker */
  g_assert_true(has(answers, 1, 10, 4999));
  g_assert_false(has(answers, 1, 10, 5000)); /* its time is up */
  gw_answers_set_epoch(answers, 2);
  g_assert_false(has(answers, 1, 10, NOW));
}

static void
test_not_kept(void)
{
  g_autoptr(GwAnswers) answers = gw_answers_new();
  GwAnswer answer = answer_for("n1");

  gw_answers_set_epoch(answers, 1);
  answer.until_boot_ms = NOW;
  g_autoptr(GwGiven) too_late = keep(answers, 1, 1, &answer);
  g_assert_nonnull(too_late);
  answer = answer_for("n1");
  answer.epoch = 2; /* decided under rules that we have not heard of yet, or not any more */
  g_autoptr(GwGiven) other_rules = keep(answers, 1, 1, &answer);
  g_assert_nonnull(other_rules);
  answer = answer_for("n1");
  answer.verb = (char *)"erase";
  g_autoptr(GwGiven) with_verb = keep(answers, 1, 1, &answer);
  g_assert_nonnull(with_verb);
  g_assert_cmpuint(gw_answers_size(answers), ==, 0);
}

/* The image of an offer, once, while the offer stands. */
static void
test_bytes_of_an_offer(void)
{
  g_autoptr(GwAnswers) answers = gw_answers_new();
  GwAnswer offer = answer_for("n1");
  const GwClaim claim = { 1, 10 }, changed = { 1, 11 };
  const GatewayText none = { 0 };

  gw_answers_set_epoch(answers, 1);
  offer.kind = GATEWAY_ANSWER_OFFER;
  offer.name = (char *)"f.bin";
  keep(answers, 1, 10, &offer);
  g_assert_null(gw_answers_take_bytes(answers, &claim, none, NOW)); /* the core did not say so */
  offer.bytes_until_boot_ms = 4000;
  keep(answers, 1, 10, &offer);
  g_assert_null(gw_answers_take_bytes(answers, &claim, none, 4000));
  g_assert_null(gw_answers_take_bytes(answers, &changed, none, NOW));
  g_assert_null(gw_answers_take_bytes(answers, &claim, gateway_text("other"), NOW));
  g_autoptr(GwGiven) given = gw_answers_take_bytes(answers, &claim, gateway_text("f.bin"), 3999);
  g_assert_nonnull(given);
  g_assert_cmpint(given->kind, ==, GATEWAY_ANSWER_BYTES);
  g_assert_null(gw_answers_take_bytes(answers, &claim, none, NOW)); /* a second time it is asked about */
  g_assert_true(has(answers, 1, 10, NOW));                          /* the text stands */
  keep(answers, 1, 10, &offer);
  gw_answers_forget_node(answers, "n1");
  g_assert_null(gw_answers_take_bytes(answers, &claim, none, NOW));
  keep(answers, 1, 10, &offer);
  gw_answers_set_epoch(answers, 2);
  g_assert_null(gw_answers_take_bytes(answers, &claim, none, NOW));
}

/* Several of one node go together, and nobody else's with them. */
static void
test_forget_node(void)
{
  g_autoptr(GwAnswers) answers = gw_answers_new();
  GwAnswer first = answer_for("n1"), second = answer_for("n2"), unnamed = answer_for("");

  gw_answers_set_epoch(answers, 1);
  for (guint64 who = 1; who <= 9; who++)
    keep(answers, who, 1, who % 3 == 0 ? &first : who % 3 == 1 ? &second : &unnamed);
  gw_answers_forget(answers, &(GwClaim){ 6, 1 }); /* in the middle of its chain */
  gw_answers_forget_node(answers, "n1");
  g_assert_cmpuint(gw_answers_size(answers), ==, 6);
  gw_answers_forget(answers, &(GwClaim){ 7, 1 }); /* the first of its chain */
  gw_answers_forget_node(answers, "n3");
  gw_answers_forget_node(answers, "");
  g_assert_cmpuint(gw_answers_size(answers), ==, 5);
  gw_answers_forget_node(answers, "n2");
  g_assert_cmpuint(gw_answers_size(answers), ==, 3);
  keep(answers, 1, 1, &second);
  gw_answers_forget_node(answers, "n2");
  g_assert_cmpuint(gw_answers_size(answers), ==, 3);
}

static void
test_forget(void)
{
  g_autoptr(GwAnswers) answers = gw_answers_new();
  GwAnswer first = answer_for("n1"), second = answer_for("n2");

  gw_answers_set_epoch(answers, 1);
  first.token = (char *)"tok";
  keep(answers, 1, 1, &first);
  keep(answers, 2, 2, &second);
  gw_answers_forget_node(answers, "n2");
  g_assert_false(has(answers, 2, 2, NOW));
  g_assert_true(has(answers, 1, 1, NOW));
  gw_answers_forget_token(answers, "tok");
  g_assert_false(has(answers, 1, 1, NOW));
  keep(answers, 1, 1, &first);
  gw_answers_forget_all(answers);
  g_assert_cmpuint(gw_answers_size(answers), ==, 0);
}

/* However many ask, no more than so many are remembered. */
static void
test_bound(void)
{
  g_autoptr(GwAnswers) answers = gw_answers_new();
  GwAnswer answer = answer_for("n1");

  gw_answers_set_epoch(answers, 1);
  for (guint64 i = 1; i <= GW_ANSWERS_MAX + 10; i++)
    keep(answers, i, 1, &answer);
  g_assert_cmpuint(gw_answers_size(answers), <=, GW_ANSWERS_MAX);
  g_assert_cmpuint(gw_answers_size(answers), >, GW_ANSWERS_MAX / 2);
  g_assert_true(has(answers, GW_ANSWERS_MAX + 10, 1, NOW));
}

/* Equal words are one object; a view of them is what the core said. */
static void
test_words(void)
{
  g_autoptr(GwAnswers) answers = gw_answers_new();
  GwAnswer answer = { .kind = GATEWAY_ANSWER_OFFER,
                      .node = (char *)"n1",
                      .token = (char *)"tok",
                      .update = 7,
                      .name = (char *)"f.bin",
                      .size = 1000,
                      .software_version = (char *)"2.0",
                      .digests = { .sha256 = { 0xab }, .sha1 = { 0xcd }, .md5 = { 0xef }, .crc32 = 5 },
                      .until_boot_ms = 5000,
                      .epoch = 1 };
  GatewayAnswer view;

  answer.attributes = g_variant_ref_sink(g_variant_new_parsed("{'chip': 'x'}"));
  gw_answers_set_epoch(answers, 1);
  keep(answers, 1, 1, &answer);
  answer.node = (char *)"n2";
  answer.token = (char *)"tok2";
  answer.update = 8;
  keep(answers, 2, 2, &answer);
  g_assert_cmpuint(gw_words_pool_size(gw_answers_words(answers)), ==, 1);
  const GwGiven *given = gw_answers_find(answers, &(GwClaim){ 2, 2 }, NOW);
  g_assert_cmpstr(gw_given_node(given), ==, "n2");
  gw_given_view(given, &view);
  g_assert_cmpint(view.kind, ==, GATEWAY_ANSWER_OFFER);
  g_assert_cmpint(view.update, ==, 8);
  g_assert_true(gateway_text_equal(view.image.token, "tok2"));
  g_assert_true(gateway_text_equal(view.image.name, "f.bin"));
  g_assert_true(gateway_text_equal(view.image.software_version, "2.0"));
  g_assert_cmpuint(view.image.size, ==, 1000);
  g_assert_true(g_str_has_prefix(view.image.sha256.data, "ab000000"));
  g_assert_cmpuint(view.image.sha256.size, ==, 64);
  g_assert_true(g_str_has_prefix(view.image.sha1.data, "cd0000"));
  g_assert_cmpuint(view.image.sha1.size, ==, 40);
  g_assert_true(g_str_has_prefix(view.image.md5.data, "ef0000"));
  g_assert_cmpuint(view.image.md5.size, ==, 32);
  g_assert_cmpuint(view.image.crc32, ==, 5);
  g_assert_cmpuint(view.image.n_attributes, ==, 1);
  g_assert_true(gateway_text_equal(view.image.attributes[0].value, "x"));
  g_variant_unref(answer.attributes);
}

/* What was answered from here is told once, with its times, also of entries that went meanwhile. */
static void
test_contacts(void)
{
  g_autoptr(GwAnswers) answers = gw_answers_new();
  GwAnswer first = answer_for("n1"), second = answer_for("n2");

  gw_answers_set_epoch(answers, 1);
  keep(answers, 1, 1, &first);
  keep(answers, 2, 2, &second);
  g_assert_null(gw_answers_take_contacts(answers, 10, NOW, 0));
  has(answers, 1, 1, 1000);
  has(answers, 2, 2, 1500);
  has(answers, 1, 1, 2000);
  gw_answers_forget_node(answers, "n2");
  g_autoptr(GVariant) payload = g_variant_ref_sink(gw_answers_take_contacts(answers, 10, 3000, 1000000));
  g_autoptr(GArray) contacts = gw_contacts_unpack(payload);
  g_assert_cmpuint(contacts->len, ==, 2);
  const GwContact *gone = &g_array_index(contacts, GwContact, 0),
                  *kept = &g_array_index(contacts, GwContact, 1);
  g_assert_cmpstr(gone->node, ==, "n2");
  g_assert_cmpstr(kept->node, ==, "n1");
  g_assert_cmpuint(kept->count, ==, 2);
  g_assert_cmpint(kept->first_ms, ==, 1000000 - 2000);
  g_assert_cmpint(kept->last_ms, ==, 1000000 - 1000);
  g_assert_null(gw_answers_take_contacts(answers, 10, 3000, 1000000));
}

static void
test_contacts_in_batches(void)
{
  g_autoptr(GwAnswers) answers = gw_answers_new();
  GwAnswer answer = answer_for("n1");
  guint n_told = 0;
  GVariant *payload;

  gw_answers_set_epoch(answers, 1);
  for (guint64 i = 1; i <= 25; i++) {
    keep(answers, i, 1, &answer);
    has(answers, i, 1, NOW);
  }
  while ((payload = gw_answers_take_contacts(answers, 10, NOW, 0)) != NULL) {
    g_autoptr(GVariant) sunk = g_variant_ref_sink(payload);
    g_assert_cmpuint(g_variant_n_children(sunk), <=, 10);
    n_told += (guint)g_variant_n_children(sunk);
  }
  g_assert_cmpuint(n_told, ==, 25);
}

/* ---- claims ---- */

static GatewayAsk
claim_ask(void)
{
  return (GatewayAsk){ .size = sizeof(GatewayAsk),
                       .kind = GATEWAY_ASK_OFFER,
                       .identity = GATEWAY_IDENTITY_CLAIMED,
                       .node = GATEWAY_TEXT("n1"),
                       .software_version = GATEWAY_TEXT("1.0"),
                       .hardware_version = GATEWAY_TEXT("h") };
}

static void
test_claims(void)
{
  GwClaimKey key = { { 1, 2, 3, 4 } };
  GwAddress peer = { .bytes = { 1 } }, other_peer = { .bytes = { 2 } };
  GatewayAsk ask = claim_ask(), other = ask;
  GwClaim claim = gw_claim_of(&key, 1, &ask, &peer), got;

#define CHANGED(member, value)                                                                               \
  (other = claim_ask(), other.member = (value), got = gw_claim_of(&key, 1, &other, &peer), &got)
#define SAME_WHO(changed) ((changed)->who == claim.who && got.what != claim.what)
  g_assert_true(SAME_WHO(CHANGED(software_version, GATEWAY_TEXT("1.1"))));
  g_assert_true(SAME_WHO(CHANGED(hardware_version, GATEWAY_TEXT("i"))));
  g_assert_true(SAME_WHO(CHANGED(credential, GATEWAY_TEXT("secret"))));
  g_assert_true(SAME_WHO(CHANGED(product, GATEWAY_TEXT("p"))));
  g_assert_true(SAME_WHO(CHANGED(is_version_proof, true)));
  g_assert_cmpuint(CHANGED(node, GATEWAY_TEXT("n2"))->who, !=, claim.who);
  g_assert_cmpuint(CHANGED(type, GATEWAY_TEXT("mcu"))->who, !=, claim.who);
  g_assert_cmpuint(CHANGED(kind, GATEWAY_ASK_BYTES)->who, !=, claim.who);
  g_assert_cmpuint(CHANGED(token, GATEWAY_TEXT("t"))->who, !=, claim.who);
  g_assert_cmpuint(CHANGED(percent, 5)->what, ==, claim.what);
  g_assert_cmpuint(gw_claim_of(&key, 2, &ask, &peer).who, !=, claim.who);
  got = gw_claim_of(&key, 1, &ask, &other_peer);
  g_assert_true(
      SAME_WHO(&got)); /* who said its name is the same one elsewhere, but the core must hear of it */
  other = (GatewayAsk){ .kind = GATEWAY_ASK_OFFER, .identity = GATEWAY_IDENTITY_ADDRESS };
  g_assert_cmpuint(gw_claim_of(&key, 1, &other, &peer).who, !=,
                   gw_claim_of(&key, 1, &other, &other_peer).who);
}

/* No two lists of texts run into each other. */
static void
test_claim_borders(void)
{
  GwClaimKey key = { { 1, 2, 3, 4 } };
  GwAddress peer = { .bytes = { 1 } };
  GatewayAsk first = claim_ask(), second = first;

  first.product = GATEWAY_TEXT("ab");
  first.hardware_version = GATEWAY_TEXT("c");
  second.product = GATEWAY_TEXT("a");
  second.hardware_version = GATEWAY_TEXT("bc");
  g_assert_cmpuint(gw_claim_of(&key, 1, &first, &peer).what, !=, gw_claim_of(&key, 1, &second, &peer).what);
}

/* The reference's own vectors: key 00 01 .. 0f, input 00 01 .. */
static void
test_siphash(void)
{
  guint8 input[64];

  for (guint i = 0; i < sizeof input; i++)
    input[i] = (guint8)i;
#define SIP(size) gw_siphash(0x0706050403020100u, 0x0f0e0d0c0b0a0908u, input, (size))
  g_assert_cmphex(SIP(0), ==, 0x726fdb47dd0e0e31u);
  g_assert_cmphex(SIP(1), ==, 0x74f839c593dc67fdu);
  g_assert_cmphex(SIP(8), ==, 0x93f5f5799a932462u);
  g_assert_cmphex(SIP(15), ==, 0xa129ca6149be45e5u);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/answers/bytes-of-an-offer", test_bytes_of_an_offer);
  g_test_add_func("/answers/forget-node", test_forget_node);
  g_test_add_func("/answers/find", test_find);
  g_test_add_func("/answers/not-kept", test_not_kept);
  g_test_add_func("/answers/forget", test_forget);
  g_test_add_func("/answers/bound", test_bound);
  g_test_add_func("/answers/words", test_words);
  g_test_add_func("/answers/contacts", test_contacts);
  g_test_add_func("/answers/contacts-in-batches", test_contacts_in_batches);
  g_test_add_func("/answers/claims", test_claims);
  g_test_add_func("/answers/claim-borders", test_claim_borders);
  g_test_add_func("/answers/siphash", test_siphash);
  return g_test_run();
}
