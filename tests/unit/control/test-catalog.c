/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What comes in from a cloud, and what does not: signatures before parsing, sequences, expiry, one fetch. */
#include "rig.h"

#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/sign.h"
#include "control/budget.h"

#define IMAGE_SIZE 6000

/* An Ed25519 pair made for this test: openssl genpkey -algorithm ed25519. */
static const char PRIVATE_KEY[] = "-----BEGIN PRIVATE KEY-----\n"
                                  "MC4CAQAwBQYDK2VwBCIEIIYeuweeb0k/3GEwG7jo2geok1oJ5nYF12FV3piW2Ql3\n"
                                  "-----END PRIVATE KEY-----\n";
static const char PUBLIC_KEY[] = "-----BEGIN PUBLIC KEY-----\n"
                                 "MCowBQYDK2VwAyEA3GpA86hiRCzmvzskYKzXW4tjdygn5EgYN2IHM3t631M=\n"
                                 "-----END PUBLIC KEY-----\n";

static const RigAsker NODE = { .plugin = RIG_SILENT, .node = "n1" };
static char image[IMAGE_SIZE];

static char *
key_file(void)
{
  g_autofree char *name = g_strdup_printf("gatewayd-test-%d.pub", (int)getpid());
  char *path = g_build_filename(g_get_tmp_dir(), name, NULL);

  g_assert_true(g_file_set_contents(path, PUBLIC_KEY, -1, NULL));
  return path;
}

/* A site with upstream "cloud", whose keyring may sign for weather alone. */
static Rig *
site(const char *more)
{
  g_autofree char *path = key_file();
  g_autofree char *config = g_strdup_printf("[upstream cloud]\ntype=any\n%s[keyring cloud]\nfile=%s\n"
                                            "products=weather\n",
                                            more, path);
  Rig *rig = rig_new(config);

  memset(image, 'i', sizeof(image));
  rig_product(rig, "weather", RIG_SILENT);
  return rig;
}

static char *
sign(const char *document)
{
  g_autoptr(GError) error = NULL;
  char *signature = gw_sign(PRIVATE_KEY, strlen(PRIVATE_KEY), document, strlen(document), &error);

  g_assert_no_error(error);
  return signature;
}

/* One signed release of @product with this image. */
static void
publish(Rig *rig, gint64 sequence, const char *product, const char *version, char fill)
{
  g_autofree char *release = NULL, *document = NULL, *signature = NULL;

  memset(image, fill, sizeof(image));
  release = rig_release(product, version, image, sizeof(image));
  document = rig_catalog(rig, sequence, (const char *const[]){ release, NULL });
  signature = sign(document);
  rig_announce(rig, document, signature);
}

static void
assert_status(Rig *rig, const char *words)
{
  g_autofree char *status = rig_column(rig, "upstreams", "name", "cloud", "status");

  g_assert_nonnull(strstr(status, words));
}

static void
test_unsigned(void)
{
  g_autoptr(Rig) rig = site("");
  g_autofree char *release = rig_release("weather", "5", image, sizeof(image));
  g_autofree char *document = rig_catalog(rig, 1, (const char *const[]){ release, NULL });

  rig_announce(rig, document, NULL);
  assert_status(rig, "not signed");
  g_assert_null(rig_column(rig, "firmware", "version", "5", "id"));
  rig_announce(rig, document, "bm90IGEgc2lnbmF0dXJl\n");
  assert_status(rig, "signature");
  g_assert_null(rig_column(rig, "firmware", "version", "5", "id"));
  g_assert_cmpuint(rig_count_events(rig, "upstream.catalog-refused"), ==, 2);
}

static void
test_unsigned_where_allowed(void)
{
  g_autoptr(Rig) rig = site("require-signature=no\n");
  g_autofree char *release = rig_release("weather", "5", image, sizeof(image));
  g_autofree char *document = rig_catalog(rig, 1, (const char *const[]){ release, NULL });

  rig_announce(rig, document, NULL);
  rig_assert_column(rig, "firmware", "version", "5", "signed", "false");
  /* one that is there must hold all the same */
  rig_announce(rig, document, "bm90IGEgc2lnbmF0dXJl\n");
  assert_status(rig, "signature");
}

/* Signed bytes are what is checked: the same JSON with one blank more is another document. */
static void
test_signature_is_over_the_exact_bytes(void)
{
  g_autoptr(Rig) rig = site("");
  g_autofree char *release = rig_release("weather", "5", image, sizeof(image));
  g_autofree char *document = rig_catalog(rig, 1, (const char *const[]){ release, NULL });
  g_autofree char *signature = sign(document);
  g_autofree char *longer = g_strconcat(document, " ", NULL);

  rig_announce(rig, longer, signature);
  assert_status(rig, "signature");
  g_assert_null(rig_column(rig, "firmware", "version", "5", "id"));
}

static void
test_key_is_scoped(void)
{
  g_autoptr(Rig) rig = site("");

  publish(rig, 1, "pump", "5", 'a');
  rig_assert_column(rig, "firmware", "product", "pump", "state", "rejected");
}

static void
test_sequence_never_decreases(void)
{
  g_autoptr(Rig) rig = site("");

  publish(rig, 7, "weather", "5", 'a');
  rig_assert_column(rig, "firmware", "version", "5", "state", "unverified");
  publish(rig, 6, "weather", "6", 'b');
  assert_status(rig, "sequence");
  publish(rig, 7, "weather", "7", 'c');
  assert_status(rig, "sequence");
  g_assert_null(rig_column(rig, "firmware", "version", "6", "id"));
  g_assert_null(rig_column(rig, "firmware", "version", "7", "id"));
  rig_stop_core(rig);
  rig_start_core(rig);
  rig_connect_wan(rig);
  publish(rig, 6, "weather", "6", 'b');
  assert_status(rig, "sequence");
  publish(rig, 8, "weather", "8", 'd');
  rig_assert_column(rig, "firmware", "version", "8", "state", "unverified");
}

/* An image under a second name, and a second image under one name, are refused and say why. */
static void
test_old_image_under_a_new_number(void)
{
  g_autoptr(Rig) rig = site("");
  g_autofree char *reason = NULL, *other = NULL;

  publish(rig, 1, "weather", "5", 'a');
  publish(rig, 2, "weather", "9", 'a');
  rig_assert_column(rig, "firmware", "version", "9", "state", "rejected");
  reason = rig_column(rig, "firmware", "version", "9", "reason");
  g_assert_nonnull(strstr(reason, "weather 5"));
  publish(rig, 3, "weather", "5", 'z');
  rig_assert_column(rig, "firmware", "id", "3", "state", "rejected");
  other = rig_column(rig, "firmware", "id", "3", "reason");
  g_assert_nonnull(strstr(other, "firmware 1"));
}

static void
test_expired_starts_nothing_new(void)
{
  g_autoptr(Rig) rig = site("prefetch=yes\n");
  g_autoptr(RigMessage) fetch = NULL;
  g_autofree char *id = NULL;

  publish(rig, 1, "weather", "5", 'a');
  fetch = rig_take(rig, FALSE, GW_MESSAGE_FETCH);
  rig_deliver(rig, fetch, image, sizeof(image), GATEWAY_OK);
  id = rig_column(rig, "firmware", "version", "5", "id");
  rig_expect_nothing(rig, &NODE, GATEWAY_REASON_NOT_ADOPTED);
  rig_adopt(rig, "n1", "weather");
  rig_push(rig, 1, "n1");
  rig_pass(rig, 2 * RIG_DAY_MS);
  g_assert_cmpuint(rig_count_events(rig, "upstream.stale"), ==, 1);
  rig_assert_column(rig, "upstreams", "name", "cloud", "stale", "true");
  rig_expect_nothing(rig, &NODE, GATEWAY_REASON_PAUSED);
  rig_refused(rig, GW_ERROR_UNTRUSTED, "expired",
              gw_command_push(rig->core, &rig_caller, &(GwPushOrder){ 1, "n1", NULL }, rig_then()));
  /* a new catalog heals it */
  publish(rig, 2, "weather", "6", 'b');
  g_free(rig_expect_offer(rig, &NODE, "5"));
}

/* What was offered before the catalog expired is served on. */
static void
test_expired_serves_on(void)
{
  g_autoptr(Rig) rig = site("prefetch=yes\n");
  g_autoptr(RigMessage) fetch = NULL;
  g_autofree char *token = NULL;
  GwAnswer answer;

  publish(rig, 1, "weather", "5", 'a');
  fetch = rig_take(rig, FALSE, GW_MESSAGE_FETCH);
  rig_deliver(rig, fetch, image, sizeof(image), GATEWAY_OK);
  rig_expect_nothing(rig, &NODE, GATEWAY_REASON_NOT_ADOPTED);
  rig_adopt(rig, "n1", "weather");
  rig_push(rig, 1, "n1");
  token = rig_expect_offer(rig, &NODE, "5");
  rig_pass(rig, 2 * RIG_DAY_MS);
  answer = rig_ask_bytes(rig, &(RigAsker){ .plugin = RIG_SILENT, .token = token });
  g_assert_cmpint(answer.kind, ==, GATEWAY_ANSWER_BYTES);
  gw_answer_clear(&answer);
}

static void
test_single_flight(void)
{
  g_autoptr(Rig) rig = site("");
  g_autoptr(RigMessage) first = NULL, second = NULL;
  char names[20][8];

  publish(rig, 1, "weather", "5", 'a');
  for (int i = 0; i < 20; i++) {
    RigAsker node = { .plugin = RIG_SILENT, .node = names[i] };

    g_snprintf(names[i], sizeof(names[i]), "n%d", i);
    rig_expect_nothing(rig, &node, GATEWAY_REASON_NOT_ADOPTED);
    rig_adopt(rig, names[i], "weather");
  }
  rig_run(rig,
          gw_command_firmware_confirm(rig->core, &rig_caller, 1, &(GwSighting){ "n0", "5" }, rig_then()));
  rig_rule(rig, "all", 1, NULL);
  for (int i = 1; i < 20; i++)
    rig_expect_nothing(rig, &(RigAsker){ .plugin = RIG_SILENT, .node = names[i] },
                       GATEWAY_REASON_BEING_FETCHED);
  first = rig_take(rig, FALSE, GW_MESSAGE_FETCH);
  g_assert_nonnull(first);
  second = rig_take(rig, FALSE, GW_MESSAGE_FETCH);
  g_assert_null(second);
  rig_deliver(rig, first, image, sizeof(image), GATEWAY_OK);
  for (int i = 1; i < 20; i++)
    g_free(rig_expect_offer(rig, &(RigAsker){ .plugin = RIG_SILENT, .node = names[i] }, "5"));
}

static void
test_wrong_bytes_are_rejected(void)
{
  g_autoptr(Rig) rig = site("prefetch=yes\n");
  g_autoptr(RigMessage) fetch = NULL;

  publish(rig, 1, "weather", "5", 'a');
  fetch = rig_take(rig, FALSE, GW_MESSAGE_FETCH);
  memset(image, 'b', sizeof(image));
  rig_deliver(rig, fetch, image, sizeof(image), GATEWAY_OK);
  rig_assert_column(rig, "firmware", "version", "5", "state", "rejected");
  g_assert_cmpuint(rig_count_events(rig, "firmware.rejected"), ==, 1);
}

static void
test_broken_fetch_is_tried_again(void)
{
  g_autoptr(Rig) rig = site("prefetch=yes\n");
  g_autoptr(RigMessage) first = NULL, second = NULL;
  GwFetch wanted;

  publish(rig, 1, "weather", "5", 'a');
  first = rig_take(rig, FALSE, GW_MESSAGE_FETCH);
  rig_deliver(rig, first, image, 1000, GATEWAY_FAILED_RETRY);
  rig_assert_column(rig, "firmware", "version", "5", "image", "wanted");
  g_assert_null(rig_take(rig, FALSE, GW_MESSAGE_FETCH));
  rig_pass(rig, 10000);
  second = rig_take(rig, FALSE, GW_MESSAGE_FETCH);
  g_assert_true(gw_fetch_unpack(second->payload, &wanted));
  g_assert_cmpuint(wanted.offset, ==, 1000); /* resumed by its strong validator */
  g_assert_cmpstr(wanted.validator, ==, "\"v1\"");
  gw_fetch_clear(&wanted);
  rig_deliver(rig, second, image, sizeof(image), GATEWAY_OK); /* the rig always begins at 0 */
  rig_assert_column(rig, "firmware", "version", "5", "image", "sealed");
}

/* Bytes over the WAN have a limit for the month: told before it is reached, kept over a restart, and over
 * with the month. Catalogs pass. */
static void
test_month_of_the_wan(void)
{
  g_autofree char *more =
      g_strdup_printf("prefetch=yes\n[limits]\nwan-month=%zu\n", sizeof(image) + sizeof(image) / 5);
  g_autoptr(Rig) rig = site(more);
  g_autoptr(RigMessage) first = NULL, second = NULL;

  publish(rig, 1, "weather", "5", 'a');
  first = rig_take(rig, FALSE, GW_MESSAGE_FETCH);
  rig_deliver(rig, first, image, sizeof(image), GATEWAY_OK);
  rig_assert_column(rig, "firmware", "version", "5", "image", "sealed");
  g_assert_cmpuint(rig_count_events(rig, "daemon.budget-low"), ==, 1);
  publish(rig, 2, "weather", "6", 'b'); /* the catalog is read, its image does not fit */
  g_assert_null(rig_take(rig, FALSE, GW_MESSAGE_FETCH));
  rig_stop_core(rig);
  rig_start_core(rig);
  g_assert_cmpuint(gw_budget_used(rig->core), ==, sizeof(image));
  rig_connect_lan(rig);
  rig_connect_wan(rig);
  rig_pass(rig, RIG_DAY_MS / 24);
  g_assert_null(rig_take(rig, FALSE, GW_MESSAGE_FETCH));
  rig->wall_ms += 31 * RIG_DAY_MS;
  publish(rig, 3, "weather", "6", 'b');
  rig_pass(rig, RIG_DAY_MS / 24);
  second = rig_take(rig, FALSE, GW_MESSAGE_FETCH);
  g_assert_nonnull(second);
  rig_deliver(rig, second, image, sizeof(image), GATEWAY_OK);
  g_assert_cmpuint(rig_count_events(rig, "daemon.budget-low"), ==, 2);
  g_assert_cmpuint(rig_count_events(rig, "daemon.budget-spent"), ==, 0);
}

/* Bytes of a fetch that the core's end cut short came over the WAN as well. */
static void
test_month_counts_what_was_cut(void)
{
  g_autoptr(Rig) rig = site("prefetch=yes\n");
  g_autoptr(RigMessage) first = NULL, second = NULL;

  publish(rig, 1, "weather", "5", 'a');
  first = rig_take(rig, FALSE, GW_MESSAGE_FETCH);
  rig_begin_to_deliver(rig, first, image, 1000);
  for (int i = 0; i < 2; i++) { /* and they are counted once */
    rig_stop_core(rig);
    rig_start_core(rig);
    g_assert_cmpuint(gw_budget_used(rig->core), ==, 1000);
  }
  rig_connect_lan(rig);
  rig_connect_wan(rig);
  publish(rig, 2, "weather", "5", 'a');
  second = rig_take(rig, FALSE, GW_MESSAGE_FETCH);
  g_assert_nonnull(second);
  rig_deliver(rig, second, image, sizeof(image), GATEWAY_OK); /* from its beginning */
  rig_assert_column(rig, "firmware", "version", "5", "image", "sealed");
  g_assert_cmpuint(gw_budget_used(rig->core), ==, 1000 + sizeof(image));
}

/* Nor are those counted twice whose entry was deleted while they came. */
static void
test_month_counts_what_was_deleted(void)
{
  g_autoptr(Rig) rig = site("prefetch=yes\n");
  g_autoptr(RigMessage) first = NULL;

  publish(rig, 1, "weather", "5", 'a');
  first = rig_take(rig, FALSE, GW_MESSAGE_FETCH);
  rig_begin_to_deliver(rig, first, image, 1000);
  rig_run(rig, gw_command_firmware_delete(rig->core, &rig_caller, 1, rig_then()));
  gw_close(&first->fd); /* as a worker does that was told */
  rig_settle(rig);
  g_assert_cmpuint(gw_budget_used(rig->core), ==, 1000);
  rig_stop_core(rig);
  rig_start_core(rig);
  g_assert_cmpuint(gw_budget_used(rig->core), ==, 1000);
}

/* Room is made by what nothing needs; what is gone is not offered as if it were there. */
static void
test_room_is_made(void)
{
  g_autoptr(Rig) rig = site("prefetch=yes\n[cache]\nsize=9000\n");
  g_autoptr(RigMessage) first = NULL, second = NULL;

  publish(rig, 1, "weather", "5", 'a');
  first = rig_take(rig, FALSE, GW_MESSAGE_FETCH);
  rig_deliver(rig, first, image, sizeof(image), GATEWAY_OK);
  rig_assert_column(rig, "firmware", "version", "5", "image", "sealed");
  publish(rig, 2, "weather", "6", 'b');
  second = rig_take(rig, FALSE, GW_MESSAGE_FETCH);
  rig_deliver(rig, second, image, sizeof(image), GATEWAY_OK);
  rig_assert_column(rig, "firmware", "version", "6", "image", "sealed");
  rig_assert_column(rig, "firmware", "version", "5", "image", "wanted");
}

/* The image that was imported is in nobody's hands but ours. */
static void
test_only_copy_stays(void)
{
  g_autoptr(Rig) rig = site("prefetch=yes\n[cache]\nsize=9000\n");
  g_autoptr(RigMessage) fetch = NULL, again = NULL;
  gint64 id = rig_import(rig, "weather", "4", 6000, 'o');
  g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT, id);

  publish(rig, 1, "weather", "6", 'b');
  fetch = rig_take(rig, FALSE, GW_MESSAGE_FETCH);
  g_assert_null(fetch); /* there is no room */
  rig_assert_column(rig, "firmware", "id", text, "image", "sealed");
  g_assert_cmpuint(rig_count_events(rig, "firmware.no-space"), ==, 1);
  rig_run(rig, gw_command_firmware_withdraw(rig->core, &rig_caller, id, "not wanted", rig_then()));
  rig_pass(rig, RIG_DAY_MS / 2);
  again = rig_take(rig, FALSE, GW_MESSAGE_FETCH);
  g_assert_nonnull(again);
  rig_assert_column(rig, "firmware", "id", text, "image", "wanted");
}

/* C2: it is found when a node wants it, and comes again. */
static void
test_flipped_byte_is_fetched_again(void)
{
  g_autoptr(Rig) rig = site("prefetch=yes\n");
  g_autofree char *blobs = g_build_filename(rig->folder, "cache", "blobs", NULL);
  g_autoptr(RigMessage) first = NULL, again = NULL, reply = NULL;
  GwBlobMessage wanted = { 0 };
  GwAnswer answer;

  publish(rig, 1, "weather", "5", 'a');
  first = rig_take(rig, FALSE, GW_MESSAGE_FETCH);
  rig_deliver(rig, first, image, sizeof(image), GATEWAY_OK);
  rig_expect_nothing(rig, &NODE, GATEWAY_REASON_NOT_ADOPTED);
  rig_adopt(rig, "n1", "weather");
  rig_push(rig, 1, "n1");
  answer = rig_ask(rig, &NODE);
  rig_stop_core(rig);
  rig_spoil_files(blobs);
  rig_start_core(rig);
  rig_connect_wan(rig);
  rig_connect_lan(rig);
  memcpy(wanted.sha256, answer.digests.sha256, GW_SHA256_LEN);
  gw_link_send(rig->lan, GW_MESSAGE_OPEN, 7, gw_blob_pack(&wanted), NULL, 0);
  reply = rig_take_reply(rig, GW_MESSAGE_BLOB, 7);
  g_assert_cmpint(reply->fd, ==, -1); /* not one byte of it */
  g_assert_cmpuint(rig_count_events(rig, "firmware.image-lost"), ==, 1);
  again = rig_take(rig, FALSE, GW_MESSAGE_FETCH);
  g_assert_nonnull(again);
  rig_deliver(rig, again, image, sizeof(image), GATEWAY_OK);
  rig_assert_column(rig, "firmware", "version", "5", "image", "sealed");
  gw_answer_clear(&answer);
}

/* All bytes had come when the power was cut; the cloud is not asked for one of them again. */
static void
test_complete_part_is_published(void)
{
  g_autoptr(Rig) rig = site("prefetch=yes\n");
  g_autoptr(RigMessage) fetch = NULL, again = NULL;
  g_autofree char *digest = NULL, *name = NULL, *path = NULL;

  publish(rig, 1, "weather", "5", 'a');
  fetch = rig_take(rig, FALSE, GW_MESSAGE_FETCH);
  g_assert_nonnull(fetch);
  rig_stop_core(rig);
  digest = g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *)image, sizeof(image));
  name = g_strconcat(digest, ".part", NULL);
  path = g_build_filename(rig->folder, "cache", "parts", name, NULL);
  g_assert_true(
      g_file_set_contents_full(path, image, sizeof(image), G_FILE_SET_CONTENTS_CONSISTENT, 0400, NULL));
  rig_start_core(rig);
  rig_connect_wan(rig);
  publish(rig, 1, "weather", "5", 'a');
  again = rig_take(rig, FALSE, GW_MESSAGE_FETCH);
  g_assert_null(again);
  rig_assert_column(rig, "firmware", "version", "5", "image", "sealed");
}

/* The same, but its bytes are not what was announced: then all of them come again. */
static void
test_wrong_part_is_fetched_again(void)
{
  g_autoptr(Rig) rig = site("prefetch=yes\n");
  g_autoptr(RigMessage) fetch = NULL, again = NULL;
  g_autofree char *digest = NULL, *name = NULL, *path = NULL;

  publish(rig, 1, "weather", "5", 'a');
  fetch = rig_take(rig, FALSE, GW_MESSAGE_FETCH);
  g_assert_nonnull(fetch);
  rig_stop_core(rig);
  digest = g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *)image, sizeof(image));
  name = g_strconcat(digest, ".part", NULL);
  path = g_build_filename(rig->folder, "cache", "parts", name, NULL);
  memset(image, 'z', sizeof(image));
  g_assert_true(g_file_set_contents(path, image, sizeof(image), NULL));
  rig_start_core(rig);
  rig_connect_wan(rig);
  publish(rig, 1, "weather", "5", 'a');
  rig_pass(rig, 3600000);
  again = rig_take(rig, FALSE, GW_MESSAGE_FETCH);
  g_assert_nonnull(again);
  rig_deliver(rig, again, image, sizeof(image), GATEWAY_OK);
  rig_assert_column(rig, "firmware", "version", "5", "image", "sealed");
}

static void
test_lost_worker_fetches_again(void)
{
  g_autoptr(Rig) rig = site("prefetch=yes\n");
  g_autoptr(RigMessage) first = NULL, second = NULL;

  publish(rig, 1, "weather", "5", 'a');
  first = rig_take(rig, FALSE, GW_MESSAGE_FETCH);
  g_assert_nonnull(first);
  g_clear_pointer(&first, rig_message_free); /* its end of the pipe dies with it */
  rig_connect_wan(rig);
  second = rig_take(rig, FALSE, GW_MESSAGE_FETCH);
  g_assert_nonnull(second);
  rig_deliver(rig, second, image, sizeof(image), GATEWAY_OK);
  rig_assert_column(rig, "firmware", "version", "5", "image", "sealed");
}

static void
test_bare_file_is_a_draft(void)
{
  g_autoptr(Rig) rig = site("");
  g_autoptr(RigMessage) fetch = NULL;
  g_autoptr(GVariant) form =
      g_variant_ref_sink(g_variant_new_parsed("{'product': <'weather'>, 'version': <'9'>}"));

  for (int i = 0; i < 2; i++) /* seen twice, taken once */
    gw_link_send(rig->wan, GW_MESSAGE_FOUND, 0,
                 gw_found_pack("cloud", "file:///stick/fw.bin", "fw.bin", 6000), NULL, 0);
  fetch = rig_take(rig, FALSE, GW_MESSAGE_FETCH);
  rig_deliver(rig, fetch, image, sizeof(image), GATEWAY_OK);
  rig_assert_column(rig, "firmware", "name", "fw.bin", "state", "draft");
  rig_assert_column(rig, "firmware", "name", "fw.bin", "image", "sealed");
  rig_expect_nothing(rig, &NODE, GATEWAY_REASON_NOT_ADOPTED);
  rig_adopt(rig, "n1", "weather");
  rig_refused(rig, GW_ERROR_BAD_INPUT, "draft",
              gw_command_push(rig->core, &rig_caller, &(GwPushOrder){ 1, "n1", NULL }, rig_then()));
  rig_run(rig, gw_command_firmware_edit(rig->core, &rig_caller, 1, form, rig_then()));
  rig_assert_column(rig, "firmware", "id", "1", "state", "unverified");
  rig_push(rig, 1, "n1");
  g_free(rig_expect_offer(rig, &NODE, "9"));
  g_assert_null(rig_column(rig, "firmware", "id", "2", "state"));
}

/* Its descriptors were lost on the way. The cloud says "unchanged" for ever after. */
static void
test_lost_catalog_is_asked_for_again(void)
{
  g_autoptr(Rig) rig = site("");
  g_autoptr(RigMessage) early = NULL, poll = NULL, twice = NULL;
  g_autofree char *name = NULL;
  gboolean is_afresh = FALSE;

  gw_link_send(rig->wan, GW_MESSAGE_ANNOUNCE, 0, gw_announce_pack("cloud", "http://cloud/catalog.json"), NULL,
               0);
  rig_settle(rig);
  early = rig_take(rig, FALSE, GW_MESSAGE_POLL);
  g_assert_null(early);
  rig_pass(rig, 61000);
  poll = rig_take(rig, FALSE, GW_MESSAGE_POLL);
  g_assert_nonnull(poll);
  g_assert_true(gw_poll_unpack(poll->payload, &name, &is_afresh));
  g_assert_cmpstr(name, ==, "cloud");
  g_assert_true(is_afresh);
  rig_pass(rig, 61000);
  twice = rig_take(rig, FALSE, GW_MESSAGE_POLL);
  g_assert_null(twice);
}

int
main(int argc, char *argv[])
{
  int status;
  g_autofree char *path = NULL;

  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/promise/U1/unsigned", test_unsigned);
  g_test_add_func("/promise/U1/unsigned-where-allowed", test_unsigned_where_allowed);
  g_test_add_func("/promise/U1/exact-bytes", test_signature_is_over_the_exact_bytes);
  g_test_add_func("/promise/U1/key-is-scoped", test_key_is_scoped);
  g_test_add_func("/promise/U1/wrong-bytes", test_wrong_bytes_are_rejected);
  g_test_add_func("/promise/U3/sequence", test_sequence_never_decreases);
  g_test_add_func("/promise/U3/old-image-under-a-new-number", test_old_image_under_a_new_number);
  g_test_add_func("/promise/U4/starts-nothing-new", test_expired_starts_nothing_new);
  g_test_add_func("/promise/U4/serves-on", test_expired_serves_on);
  g_test_add_func("/promise/C3/single-flight", test_single_flight);
  g_test_add_func("/control/catalog/broken-fetch", test_broken_fetch_is_tried_again);
  g_test_add_func("/control/catalog/month-of-the-wan", test_month_of_the_wan);
  g_test_add_func("/control/catalog/month-counts-what-was-cut", test_month_counts_what_was_cut);
  g_test_add_func("/control/catalog/month-counts-what-was-deleted", test_month_counts_what_was_deleted);
  g_test_add_func("/control/catalog/room", test_room_is_made);
  g_test_add_func("/promise/C2/fetched-again", test_flipped_byte_is_fetched_again);
  g_test_add_func("/control/catalog/only-copy-stays", test_only_copy_stays);
  g_test_add_func("/control/catalog/complete-part-is-published", test_complete_part_is_published);
  g_test_add_func("/control/catalog/wrong-part-is-fetched-again", test_wrong_part_is_fetched_again);
  g_test_add_func("/control/catalog/lost-worker", test_lost_worker_fetches_again);
  g_test_add_func("/control/catalog/bare-file", test_bare_file_is_a_draft);
  g_test_add_func("/control/catalog/lost-is-asked-for-again", test_lost_catalog_is_asked_for_again);
  status = g_test_run();
  path = key_file();
  (void)unlink(path);
  return status;
}
