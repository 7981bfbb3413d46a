/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the workers say that a test plays. */
#include <string.h>

#include "base/file.h"
#include "rig.h"

/* ---- the LAN worker ---- */

static GwAsk
ask_of(const RigAsker *asker, GwAskKind kind)
{
  gboolean is_silent = strcmp(asker->plugin, RIG_SILENT) == 0;

  return (GwAsk){
    .kind = kind,
    .plugin = (char *)asker->plugin,
    .listener = (char *)"",
    .address = (char *)(asker->address ? asker->address : "127.0.0.1"),
    .interface = (char *)"",
    .identity = !asker->node        ? GATEWAY_IDENTITY_ADDRESS
                : asker->is_group   ? GATEWAY_IDENTITY_GROUP
                : asker->credential ? GATEWAY_IDENTITY_CREDENTIAL
                                    : GATEWAY_IDENTITY_CLAIMED,
    .node = (char *)(asker->node ? asker->node : ""),
    .credential = (char *)(asker->credential ? asker->credential : ""),
    .product = (char *)"",
    .type = (char *)(asker->type ? asker->type : ""),
    .update = asker->update,
    .hardware_version = (char *)"",
    .software_version = (char *)(asker->version ? asker->version : ""),
    .is_version_proof = asker->version != NULL,
    .is_never_cut = is_silent,
    .is_silent = is_silent || strcmp(asker->plugin, RIG_NUMBERED) == 0,
    .token = (char *)(asker->token ? asker->token : ""),
    .image_name = (char *)(asker->image ? asker->image : ""),
    .code = (char *)"",
    .detail = (char *)"",
  };
}

static GwAnswer
send_ask(Rig *rig, const RigAsker *asker, GwAskKind kind)
{
  guint32 serial = gw_link_next_serial(rig->lan);
  g_autoptr(RigMessage) message = NULL;
  g_autoptr(GVariant) attributes = NULL, aliases = NULL;
  GwAsk ask = ask_of(asker, kind);
  GwAnswer answer;

  if (asker->radio)
    ask.attributes = attributes = g_variant_ref_sink(g_variant_new_parsed("{'radio': %s}", asker->radio));
  if (asker->chip)
    ask.attributes = attributes = g_variant_ref_sink(g_variant_new_parsed("{'chip': %s}", asker->chip));
  if (asker->imei)
    ask.aliases = aliases = g_variant_ref_sink(g_variant_new_parsed("{'imei': %s}", asker->imei));
  g_assert_true(gw_link_send(rig->lan, GW_MESSAGE_ASK, serial, gw_ask_pack(&ask), NULL, 0));
  message = rig_take_reply(rig, GW_MESSAGE_ANSWER, serial);
  g_assert_true(gw_answer_unpack(message->payload, &answer));
  return answer;
}

void
rig_send_ask(Rig *rig, const RigAsker *asker)
{
  GwAsk ask = ask_of(asker, GW_ASK_OFFER);

  g_assert_true(
      gw_link_send(rig->lan, GW_MESSAGE_ASK, gw_link_next_serial(rig->lan), gw_ask_pack(&ask), NULL, 0));
}

GwAnswer
rig_ask(Rig *rig, const RigAsker *asker)
{
  return send_ask(rig, asker, GW_ASK_OFFER);
}

GwAnswer
rig_ask_bytes(Rig *rig, const RigAsker *asker)
{
  return send_ask(rig, asker, GW_ASK_BYTES);
}

GwAnswer
rig_introduce(Rig *rig, const RigAsker *asker)
{
  return send_ask(rig, asker, GW_ASK_INTRODUCE);
}

void
rig_expect_nothing(Rig *rig, const RigAsker *asker, int reason)
{
  GwAnswer answer = rig_ask(rig, asker);

  g_assert_cmpint(answer.kind, !=, GATEWAY_ANSWER_OFFER);
  g_assert_cmpint(answer.reason, ==, reason);
  gw_answer_clear(&answer);
}

char *
rig_expect_offer(Rig *rig, const RigAsker *asker, const char *version)
{
  GwAnswer answer = rig_ask(rig, asker);
  char *token;

  g_assert_cmpint(answer.kind, ==, GATEWAY_ANSWER_OFFER);
  g_assert_cmpstr(answer.software_version, ==, version);
  token = g_strdup(answer.token);
  gw_answer_clear(&answer);
  return token;
}

static int
send_told(Rig *rig, const GwTold *told)
{
  guint32 serial = gw_link_next_serial(rig->lan);
  g_autoptr(RigMessage) message = NULL;
  int kind = 0;

  g_assert_true(gw_link_send(rig->lan, GW_MESSAGE_TELL, serial, gw_told_pack(told), NULL, 0));
  message = rig_take_reply(rig, GW_MESSAGE_ACK, serial);
  g_assert_true(gw_ack_unpack(message->payload, &kind));
  return kind;
}

static GwTold
told_of(GwToldKind kind, const char *token, guint64 acked)
{
  return (GwTold){ .kind = kind,
                   .token = (char *)token,
                   .node = (char *)"",
                   .acked = acked,
                   .size = acked,
                   .detail = (char *)"told by the rig",
                   .code = (char *)"" };
}

void
rig_send_tell(Rig *rig, GwToldKind kind, const char *token, guint64 acked)
{
  GwTold told = told_of(kind, token, acked);

  g_assert_true(
      gw_link_send(rig->lan, GW_MESSAGE_TELL, gw_link_next_serial(rig->lan), gw_told_pack(&told), NULL, 0));
}

int
rig_tell(Rig *rig, GwToldKind kind, const char *token, guint64 acked)
{
  GwTold told = told_of(kind, token, acked);

  return send_told(rig, &told);
}

int
rig_tell_of_group(Rig *rig, GwToldKind kind, const char *token, guint64 acked, guint n_members)
{
  GwTold told = told_of(kind, token, acked);

  told.n_members = n_members;
  return send_told(rig, &told);
}

int
rig_report(Rig *rig, const RigAsker *asker, int state, const char *code)
{
  GwTold told = { .kind = GW_TOLD_REPORT,
                  .token = (char *)"",
                  .node = (char *)"",
                  .detail = (char *)"",
                  .code = (char *)"",
                  .ask = ask_of(asker, GW_ASK_TELL) };

  told.ask.state = state;
  told.ask.code = (char *)code;
  return send_told(rig, &told);
}

char *
rig_download(Rig *rig, const RigAsker *asker, const char *version)
{
  char *token = rig_expect_offer(rig, asker, version);
  RigAsker bytes = *asker;
  GwAnswer answer;

  bytes.token = token;
  bytes.version = NULL;
  answer = rig_ask_bytes(rig, &bytes);
  g_assert_cmpint(answer.kind, ==, GATEWAY_ANSWER_BYTES);
  g_assert_cmpint(rig_tell(rig, GW_TOLD_BEGUN, token, 0), ==, GATEWAY_ANSWER_ACCEPTED);
  g_assert_cmpint(rig_tell(rig, GW_TOLD_COMPLETE, token, answer.size), ==, GATEWAY_ANSWER_ACCEPTED);
  gw_answer_clear(&answer);
  return token;
}

/* ---- the WAN worker ---- */

void
rig_announce(Rig *rig, const char *document, const char *signature)
{
  int fds[2] = { gw_memfd_sealed("catalog", document, strlen(document), NULL),
                 signature ? gw_memfd_sealed("signature", signature, strlen(signature), NULL) : -1 };

  gw_link_send(rig->wan, GW_MESSAGE_ANNOUNCE, 0, gw_announce_pack("cloud", "http://cloud/catalog.json"), fds,
               signature ? 2 : 1);
  gw_close(&fds[0]);
  gw_close(&fds[1]);
  rig_settle(rig);
}

char *
rig_release(const char *product, const char *version, const void *image, gsize size)
{
  g_autofree char *digest = g_compute_checksum_for_data(G_CHECKSUM_SHA256, image, size);

  return g_strdup_printf("{\"product\":\"%s\",\"version\":\"%s\",\"url\":\"fw.bin\",\"size\":%" G_GSIZE_FORMAT
                         ",\"sha256\":\"%s\"}",
                         product, version, size, digest);
}

char *
rig_catalog(Rig *rig, gint64 sequence, const char *const *releases)
{
  g_autofree char *list = g_strjoinv(",", (char **)releases);
  g_autofree char *expires = gw_clock_format(rig->wall_ms + RIG_DAY_MS);

  return g_strdup_printf("{\"sequence\":%" G_GINT64_FORMAT ",\"expires\":\"%s\",\"releases\":[%s]}", sequence,
                         expires, list);
}

void
rig_deliver(Rig *rig, RigMessage *fetch, const void *image, gsize size, int result)
{
  GwFetch wanted;
  GwFetched begun = { .result = -1, .validator = (char *)"\"v1\"", .text = (char *)"" };
  GwFetched done = { .result = result, .validator = (char *)"", .text = (char *)"said by the rig" };

  g_assert_true(gw_fetch_unpack(fetch->payload, &wanted));
  g_assert_cmpint(fetch->fd, >=, 0);
  begun.id = done.id = wanted.id;
  begun.is_restarted = TRUE;
  gw_link_send(rig->wan, GW_MESSAGE_FETCHED, 0, gw_fetched_pack(&begun), NULL, 0);
  rig_settle(rig);
  g_assert_true(gw_write_all(fetch->fd, image, size, NULL));
  gw_link_send(rig->wan, GW_MESSAGE_FETCHED, 0, gw_fetched_pack(&done), NULL, 0);
  rig_settle(rig);
  gw_close(&fetch->fd);
  gw_fetch_clear(&wanted);
  rig_settle(rig);
}

/* ---- reports ---- */

void
rig_report_free(GwReport *report)
{
  if (!report)
    return;
  gw_report_clear(report);
  g_free(report);
}

GwReport *
rig_take_report(Rig *rig, const char *upstream)
{
  g_autoptr(RigMessage) message = rig_take(rig, FALSE, GW_MESSAGE_REPORT);
  GwReport *report;

  if (!message)
    return NULL;
  report = g_new0(GwReport, 1);
  g_assert_true(gw_report_unpack(message->payload, report));
  g_assert_cmpstr(report->upstream, ==, upstream);
  g_assert_cmpuint(report->n_events, >, 0);
  return report;
}

void
rig_answer_report(Rig *rig, const GwReport *report, int result, const char *text)
{
  g_autofree char *results = g_malloc(report->n_events);
  GwReported reported = {
    .id = report->id, .results = results, .n_results = report->n_events, .text = (char *)text
  };

  memset(results, result, report->n_events);
  gw_link_send(rig->wan, GW_MESSAGE_REPORTED, 0, gw_reported_pack(&reported), NULL, 0);
  rig_settle(rig);
}

void
rig_begin_to_deliver(Rig *rig, const RigMessage *fetch, const char *bytes, gsize size)
{
  GwFetched begun = { .result = -1, .is_restarted = TRUE, .validator = (char *)"\"v1\"", .text = (char *)"" };
  GwFetch wanted;

  g_assert_true(gw_fetch_unpack(fetch->payload, &wanted));
  begun.id = wanted.id;
  gw_fetch_clear(&wanted);
  gw_link_send(rig->wan, GW_MESSAGE_FETCHED, 0, gw_fetched_pack(&begun), NULL, 0);
  rig_settle(rig);
  g_assert_true(gw_write_all(fetch->fd, bytes, size, NULL));
  rig_settle(rig);
}
