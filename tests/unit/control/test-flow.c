/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The whole way inside the core: import, push, ask, offer, bytes, complete, and what is said about it. */
#include "rig.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"

static const RigAsker NODE = { .plugin = RIG_SILENT, .node = "n1" };

static Rig *
prepared(gint64 *ret_firmware)
{
  Rig *rig = rig_new(NULL);

  rig_product(rig, "weather", RIG_SILENT);
  *ret_firmware = rig_import(rig, "weather", "5", 5000, 'x');
  rig_expect_nothing(rig, &NODE, GATEWAY_REASON_NOT_ADOPTED);
  rig_adopt(rig, "n1", "weather");
  return rig;
}

static void
test_silent_make_is_inferred(void)
{
  gint64 firmware;
  g_autoptr(Rig) rig = prepared(&firmware);
  g_autofree char *token = NULL;

  rig_expect_nothing(rig, &NODE, GATEWAY_REASON_NO_RULE);
  rig_push(rig, firmware, "n1");
  token = rig_download(rig, &NODE, "5");
  rig_assert_column(rig, "updates", "node", "n1", "state", "downloaded");
  for (int i = 0; i < 3; i++) {
    g_autofree char *again = rig_expect_offer(rig, &NODE, "5");

    g_assert_cmpstr(again, ==, token);
    rig_pass(rig, 40000);
    rig_assert_column(rig, "updates", "node", "n1", "state", "downloaded");
  }
  rig_pass(rig, 250000);
  rig_assert_column(rig, "updates", "node", "n1", "state", "downloaded");
  rig_pass(rig, 20000);
  rig_assert_column(rig, "updates", "node", "n1", "state", "succeeded");
  rig_assert_column(rig, "updates", "node", "n1", "inferred", "true");
  rig_assert_column(rig, "nodes", "id", "n1", "source", "inferred");
  rig_assert_column(rig, "firmware", "id", "1", "state", "verifying");
  g_assert_cmpuint(rig_count_events(rig, "update.succeeded"), ==, 1);
  rig_expect_nothing(rig, &NODE, GATEWAY_REASON_NO_RULE);
}

/* ---- bytes ---- */

static RigMessage *
open_blob(Rig *rig, const guint8 *sha256, GwBlobMessage *ret_blob)
{
  GwBlobMessage wanted = { 0 };
  guint32 serial = gw_link_next_serial(rig->lan);
  RigMessage *message;

  memcpy(wanted.sha256, sha256, GW_SHA256_LEN);
  gw_link_send(rig->lan, GW_MESSAGE_OPEN, serial, gw_blob_pack(&wanted), NULL, 0);
  message = rig_take_reply(rig, GW_MESSAGE_BLOB, serial);
  g_assert_true(gw_blob_unpack(message->payload, ret_blob));
  return message;
}

/* The descriptor that a worker gets holds the image, and cannot be written. */
static void
test_blob_is_served(void)
{
  gint64 firmware;
  g_autoptr(Rig) rig = prepared(&firmware);
  g_autoptr(RigMessage) message = NULL;
  g_autoptr(GError) error = NULL;
  g_autofree char *data = NULL;
  GwBlobMessage blob;
  GwAnswer answer;
  gsize size;

  rig_push(rig, firmware, "n1");
  answer = rig_ask(rig, &NODE);
  g_assert_cmpint(answer.kind, ==, GATEWAY_ANSWER_OFFER);
  message = open_blob(rig, answer.digests.sha256, &blob);
  g_assert_cmpint(message->fd, >=, 0);
  g_assert_cmpuint(blob.size, ==, 5000);
  g_assert_true(gw_fd_read(message->fd, 10000, &data, &size, &error));
  g_assert_cmpuint(size, ==, 5000);
  g_assert_true(data[0] == 'x' && data[4999] == 'x');
  g_assert_cmpint(write(message->fd, "y", 1), ==, -1);
  gw_answer_clear(&answer);
}

static void
test_blob_that_is_none(void)
{
  g_autoptr(Rig) rig = rig_new(NULL);
  const guint8 sha256[GW_SHA256_LEN] = { 1, 2, 3 };
  g_autoptr(RigMessage) message = NULL;
  GwBlobMessage blob;

  message = open_blob(rig, sha256, &blob);
  g_assert_cmpint(message->fd, ==, -1);
  g_assert_false(blob.is_busy);
}

/* A byte that flipped at rest is found before the first is sent, and nothing is offered as if it were whole.
 */
static void
test_flipped_byte(void)
{
  gint64 firmware;
  g_autoptr(Rig) rig = prepared(&firmware);
  g_autofree char *blobs = g_build_filename(rig->folder, "cache", "blobs", NULL);
  g_autoptr(RigMessage) message = NULL;
  GwBlobMessage blob;
  GwAnswer answer;

  rig_push(rig, firmware, "n1");
  answer = rig_ask(rig, &NODE);
  rig_stop_core(rig);
  rig_spoil_files(blobs);
  rig_start_core(rig);
  rig_connect_lan(rig);
  message = open_blob(rig, answer.digests.sha256, &blob);
  g_assert_cmpint(message->fd, ==, -1);
  rig_assert_column(rig, "firmware", "id", "1", "image", "wanted");
  g_assert_cmpuint(rig_count_events(rig, "firmware.image-lost"), ==, 1);
  rig_expect_nothing(rig, &NODE, GATEWAY_REASON_BEING_FETCHED);
  gw_answer_clear(&answer);
}

/* ---- what is told beside asks ---- */

static void
test_contacts_from_cache(void)
{
  gint64 firmware;
  g_autoptr(Rig) rig = prepared(&firmware);
  GwContact contact = { (char *)"n1", (char *)"127.0.0.1", (char *)"", 0, 0, 7, GW_ASK_OFFER };
  g_autofree char *before = NULL, *after = NULL;

  rig_expect_nothing(rig, &NODE, GATEWAY_REASON_NO_RULE);
  before = rig_column(rig, "nodes", "id", "n1", "contacts");
  rig->wall_ms += 60000;
  contact.first_ms = contact.last_ms = rig->wall_ms;
  gw_link_send(rig->lan, GW_MESSAGE_CONTACTS, 0, gw_contacts_pack(&contact, 1), NULL, 0);
  rig_settle(rig);
  after = rig_column(rig, "nodes", "id", "n1", "contacts");
  g_assert_cmpint(atoi(after), ==, atoi(before) + 7);
}

/* A transfer that moves by its gauge is not stalled, however long it takes. */
static void
test_gauge_is_progress(void)
{
  gint64 firmware;
  g_autoptr(Rig) rig = prepared(&firmware);
  int fd = memfd_create("gauges", MFD_ALLOW_SEALING | MFD_CLOEXEC);
  g_autofree char *token = NULL;
  GwGauge *shared;

  g_assert_cmpint(ftruncate(fd, GW_GAUGE_COUNT * sizeof(GwGauge)), ==, 0);
  g_assert_cmpint(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), ==, 0);
  shared = mmap(NULL, GW_GAUGE_COUNT * sizeof(GwGauge), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  g_assert_true(shared != MAP_FAILED);
  gw_link_send(rig->lan, GW_MESSAGE_GAUGES, 0, g_variant_new("a{sv}", NULL), &fd, 1);
  rig_push(rig, firmware, "n1");
  token = rig_expect_offer(rig, &NODE, "5");
  rig_tell(rig, GW_TOLD_BEGUN, token, 0);
  g_strlcpy(shared[3].token, token, sizeof(shared[3].token));
  shared[3].is_used = 1;
  for (int i = 1; i <= 6; i++) {
    shared[3].acked = (guint64)i * 100;
    rig_pass(rig, 14 * 60000);
    rig_assert_column(rig, "updates", "node", "n1", "state", "downloading");
  }
  rig_pass(rig, 31 * 60000);
  rig_assert_column(rig, "updates", "node", "n1", "state", "scheduled");
  munmap(shared, GW_GAUGE_COUNT * sizeof(GwGauge));
  gw_close(&fd);
}

/* Who does not say hello, or says it in another tongue, is not heard. */
static void
test_no_hello(void)
{
  gint64 firmware;
  g_autoptr(Rig) rig = prepared(&firmware);
  GwHello hello = { GW_LINK_VERSION, (char *)"wan", (char *)"", (char *)"", NULL };
  GwAsk ask = { .kind = GW_ASK_OFFER, .plugin = (char *)RIG_SILENT, .address = (char *)"127.0.0.1" };

  for (int i = 0; i < 2; i++) {
    rig_connect_mute(rig);
    if (i == 1) /* a WAN worker at the LAN's door */
      gw_link_send(rig->lan, GW_MESSAGE_HELLO, 1, gw_hello_pack(&hello), NULL, 0);
    gw_link_send(rig->lan, GW_MESSAGE_ASK, 9, gw_ask_pack(&ask), NULL, 0);
    g_assert_null(rig_take(rig, TRUE, GW_MESSAGE_ANSWER));
  }
}

int
main(int argc, char *argv[])
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/control/flow/silent-make-is-inferred", test_silent_make_is_inferred);
  g_test_add_func("/control/blob/served", test_blob_is_served);
  g_test_add_func("/control/blob/none", test_blob_that_is_none);
  g_test_add_func("/promise/C2/flipped-byte", test_flipped_byte);
  g_test_add_func("/control/contacts", test_contacts_from_cache);
  g_test_add_func("/control/gauge", test_gauge_is_progress);
  g_test_add_func("/control/no-hello", test_no_hello);
  return g_test_run();
}
