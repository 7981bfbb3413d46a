/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What can be listed of the way up to the upstreams. */
#include "control/columns.h"
#include "control/relay.h"
#include "control/upstreams.h"

/* ---- of an upstream ---- */

static const GwOutbox *
outbox_of(GwCore *core, gconstpointer upstream)
{
  return gw_relay_outbox(core->relay, ((const GwUpstream *)upstream)->name);
}

GVariant *
gw_columns_upstream_queued(GwCore *core, gconstpointer item)
{
  const GwOutbox *outbox = outbox_of(core, item);

  return g_variant_new_int64(outbox ? gw_outbox_count(outbox) - gw_outbox_count_dead(outbox) : 0);
}

GVariant *
gw_columns_upstream_refused(GwCore *core, gconstpointer item)
{
  const GwOutbox *outbox = outbox_of(core, item);

  return g_variant_new_int64(outbox ? gw_outbox_count_dead(outbox) : 0);
}

GVariant *
gw_columns_upstream_trouble(GwCore *core, gconstpointer item)
{
  return g_variant_new_string(gw_relay_trouble(core->relay, ((const GwUpstream *)item)->name));
}

/* ---- dead letters ---- */

static const GwEvent *
event_of(gconstpointer item)
{
  return ((const GwOutboxItem *)item)->event;
}

static GVariant *
letter_name(GwCore *core, gconstpointer item)
{
  return g_variant_new_printf("%s/%" G_GINT64_FORMAT, ((const GwOutboxItem *)item)->upstream,
                              event_of(item)->id);
}

static GVariant *
letter_upstream(GwCore *core, gconstpointer item)
{
  return g_variant_new_string(((const GwOutboxItem *)item)->upstream);
}

static GVariant *
letter_event(GwCore *core, gconstpointer item)
{
  return g_variant_new_int64(event_of(item)->id);
}

static GVariant *
letter_type(GwCore *core, gconstpointer item)
{
  return g_variant_new_string(event_of(item)->type);
}

static GVariant *
letter_node(GwCore *core, gconstpointer item)
{
  return g_variant_new_string(event_of(item)->node);
}

static GVariant *
letter_time(GwCore *core, gconstpointer item)
{
  return g_variant_new_int64(event_of(item)->wall_ms);
}

static GVariant *
letter_final(GwCore *core, gconstpointer item)
{
  return g_variant_new_boolean(event_of(item)->is_final);
}

static GVariant *
letter_tries(GwCore *core, gconstpointer item)
{
  return g_variant_new_int64(((const GwOutboxItem *)item)->n_tries);
}

static GVariant *
letter_error(GwCore *core, gconstpointer item)
{
  return g_variant_new_string(((const GwOutboxItem *)item)->error);
}

static const GwColumn DEADLETTERS[] = {
  { "letter", TRUE, letter_name },  { "upstream", FALSE, letter_upstream },
  { "event", FALSE, letter_event }, { "type", TRUE, letter_type },
  { "node", TRUE, letter_node },    { "time", TRUE, letter_time },
  { "final", TRUE, letter_final },  { "tries", FALSE, letter_tries },
  { "error", TRUE, letter_error },  { NULL },
};

static GPtrArray *
deadletter_items(GwCore *core)
{
  return gw_relay_dead(core->relay);
}

const GwKind gw_columns_deadletters = { "deadletters", "event", DEADLETTERS, deadletter_items };
