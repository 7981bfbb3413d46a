/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One datagram of the link: what was accepted and unpacked packs again to the same message. */
#include <stdint.h>

#include "link/messages.h"
#include "link/table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_ask(GVariant *payload)
{
  GwAsk ask, again;

  if (!gw_ask_unpack(payload, &ask))
    return;
  g_autoptr(GVariant) packed = g_variant_ref_sink(gw_ask_pack(&ask));
  g_assert(gw_ask_unpack(packed, &again));
  g_assert_cmpstr(ask.node, ==, again.node);
  gw_ask_clear(&ask);
  gw_ask_clear(&again);
}

static void
check_answer(GVariant *payload)
{
  GwAnswer answer;

  if (!gw_answer_unpack(payload, &answer))
    return;
  g_autoptr(GVariant) packed = g_variant_ref_sink(gw_answer_pack(&answer));
  g_assert(g_variant_is_normal_form(packed));
  gw_answer_clear(&answer);
}

static void
check_told(GVariant *payload)
{
  GwTold told;

  if (gw_told_unpack(payload, &told))
    gw_told_clear(&told);
}

static void
check_packed(GVariant *payload)
{
  int kind;

  check_ask(payload);
  check_answer(payload);
  check_told(payload);
  (void)gw_ack_unpack(payload, &kind);
}

static void
check_table(GVariant *row)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GwPluginTable) table = gw_plugin_table_unpack(row, &error);

  g_assert(!table == !!error);
  if (!table)
    return;
  g_autoptr(GVariant) packed = g_variant_ref_sink(gw_plugin_table_pack(gw_plugin_table_constant(table)));
  g_autoptr(GwPluginTable) again = gw_plugin_table_unpack(packed, NULL);
  g_assert(again);
}

static void
check_hello(GVariant *payload)
{
  GwHello hello;

  if (!gw_hello_unpack(payload, &hello))
    return;
  for (gsize i = 0; hello.plugins && i < g_variant_n_children(hello.plugins); i++) {
    g_autoptr(GVariant) row = g_variant_get_child_value(hello.plugins, i);
    check_table(row);
  }
  gw_hello_clear(&hello);
}

static void
check_lists(GwMessageType type, GVariant *payload)
{
  g_autoptr(GArray) contacts = NULL;
  g_auto(GStrv) names = NULL;
  guint32 epoch;

  if (type == GW_MESSAGE_CONTACTS)
    contacts = gw_contacts_unpack(payload);
  else if (type == GW_MESSAGE_INVALIDATE)
    g_assert(!gw_invalidate_unpack(payload, &epoch, &names) || names);
  else if (type == GW_MESSAGE_TRANSFERS)
    g_assert(!gw_transfers_unpack(payload, &names) || names);
}

static void
check_small(GVariant *payload)
{
  g_autofree char *a = NULL, *b = NULL, *c = NULL, *d = NULL, *token = NULL, *reason = NULL, *name = NULL;
  GwBlobMessage blob;
  gboolean is_afresh;

  g_assert(!gw_wake_unpack(payload, &a, &b, &c, &d) || (a && b && c && d));
  g_assert(!gw_stop_unpack(payload, &token, &reason) || (token && reason));
  g_assert(!gw_poll_unpack(payload, &name, &is_afresh) || name);
  (void)gw_blob_unpack(payload, &blob);
}

static void
check_wan(GVariant *payload)
{
  g_autofree char *a = NULL, *b = NULL, *c = NULL, *d = NULL, *e = NULL, *f = NULL, *g = NULL;
  GwReported reported;
  GwFetched fetched;
  GwReport report;
  gboolean is_well;
  GwFetch fetch;
  guint64 number;

  if (gw_fetch_unpack(payload, &fetch))
    gw_fetch_clear(&fetch);
  if (gw_fetched_unpack(payload, &fetched))
    gw_fetched_clear(&fetched);
  if (gw_report_unpack(payload, &report))
    gw_report_clear(&report);
  if (gw_reported_unpack(payload, &reported))
    gw_reported_clear(&reported);
  g_assert(!gw_announce_unpack(payload, &a, &b) || (a && b));
  g_assert(!gw_found_unpack(payload, &c, &d, &e, &number) || (c && d && e));
  g_assert(!gw_status_unpack(payload, &f, &is_well, &g) || (f && g));
  (void)gw_id_unpack(payload, &number);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  g_autoptr(GError) error = NULL;
  GwMessageType type;
  guint32 serial;
  g_autoptr(GVariant) payload = gw_link_parse(data, size, &type, &serial, &error);

  g_assert(!payload == !!error);
  if (!payload)
    return 0;
  g_assert_cmpstr(g_variant_get_type_string(payload), ==, gw_message_format(type));
  check_lists(type, payload);
  check_packed(payload);
  if (!g_variant_is_of_type(payload, G_VARIANT_TYPE_VARDICT))
    return 0;
  check_hello(payload);
  check_small(payload);
  check_wan(payload);
  return 0;
}
