/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wan/wan.h"

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/config.h"
#include "base/error.h"
#include "base/log.h"
#include "base/mailbox.h"
#include "link/loader.h"
#include "wan/outlets.h"
#include "wan/passage.h"
#include "wan/passing.h"
#include "wan/port.h"
#include "wan/sections.h"
#include "wan/site.h"
#include "wan/upstream.h"

#define RECONNECT_MS 500
#define WATCH_MS 500
#define GRACE_US 500000 /* for what is being passed on */

typedef struct {
  GwPort port;
  GVariant *values; /* as configured */
  GwRate *rate;     /* its own, of now */
  GwUpstream *upstream;
} Entry;

struct GwWan {
  char *link_path;
  GPtrArray *plugins; /* GwPluginFile */
  GwMailbox *mailbox;
  GwLink *link; /* NULL = not connected */
  guint session;
  guint retry, watch;
  gboolean is_waiting; /* said that there is no core */
  GVariant *site_values;
  GwSite site;
  GHashTable *entries; /* name -> Entry */
  GPtrArray *retired;  /* Entry: stopped, their threads end by themselves */
  GwPassing *passing;
  GPtrArray *ports; /* GwPort of each connection so far that passed something on */
  GwOutlets *outlets;
};

/* ---- the upstreams */

static GwPort
port_now(GwWan *wan)
{
  return (GwPort){ wan->mailbox, &wan->link, &wan->session, wan->session };
}

static void
entry_free(gpointer data)
{
  Entry *entry = data;

  gw_upstream_free(entry->upstream);
  g_variant_unref(entry->values);
  gw_rate_unref(entry->rate);
  g_free(entry);
}

static void
forget_ended(GwWan *wan, gint64 until_us)
{
  for (guint i = wan->retired->len; i > 0; i--) {
    Entry *entry = wan->retired->pdata[i - 1];

    if (gw_upstream_has_ended(entry->upstream, until_us))
      g_ptr_array_remove_index_fast(wan->retired, i - 1);
  }
}

/* The threads end in their own time; what they still say on this link is passed on. */
static void
retire(GwWan *wan, const char *name)
{
  Entry *entry = g_hash_table_lookup(wan->entries, name);

  gw_upstream_stop(entry->upstream);
  g_ptr_array_add(wan->retired, entry);
  g_hash_table_remove(wan->entries, name);
}

static void
retire_all(GwWan *wan)
{
  g_autofree gpointer *names = g_hash_table_get_keys_as_array(wan->entries, NULL);

  for (guint i = 0; names[i]; i++) {
    g_autofree char *name = g_strdup(names[i]);

    retire(wan, name);
  }
  forget_ended(wan, 0);
}

static void
complain(GwWan *wan, const char *name, const char *text)
{
  gw_warning(GW_SUBJECT_UPSTREAM, name, "%s", text);
  (void)gw_link_send(wan->link, GW_MESSAGE_STATUS, gw_link_next_serial(wan->link),
                     gw_status_pack(name, FALSE, text), NULL, 0);
}

/* ---- the configuration */

static gboolean
start(GwWan *wan, GVariant *sections, const char *name, GVariant *values, GError **error)
{
  const char *type = gw_sections_type(values);
  const GwPluginFile *file;
  GwWorkerSetup setup = { 0 };
  Entry *entry;

  if (!gw_sections_is_enabled(sections, type))
    return gw_fail(error, GW_ERROR_STOPPED, "[plugin %s] enabled=no", type);
  file = gw_loader_find(wan->plugins, type);
  if (!file || !file->plugin)
    return gw_fail(error, GW_ERROR_NOT_FOUND, "type=%s: no upstream plugin of that name is loaded", type);
  if (!gw_site_upstream(&wan->site, file->plugin, name, values, &setup, error))
    return FALSE;
  gw_loader_functions(file->plugin, &setup.functions, sizeof setup.functions);
  entry = g_new0(Entry, 1);
  entry->port = port_now(wan);
  entry->rate = gw_rate_ref(setup.http.rates[1]);
  entry->values = g_variant_ref(values);
  setup.out = gw_port_outgoing(&entry->port);
  entry->upstream = gw_upstream_start(&setup);
  g_hash_table_insert(wan->entries, g_strdup(name), entry);
  return TRUE;
}

/* What vendors' clouds have is fetched like an upstream's. */
static void
start_passage(GwWan *wan)
{
  GwWorkerSetup setup = { 0 };
  Entry *entry;

  if (g_hash_table_contains(wan->entries, GW_PASSAGE))
    return;
  entry = g_new0(Entry, 1);
  entry->port = port_now(wan);
  entry->values = g_variant_ref_sink(g_variant_new_array(G_VARIANT_TYPE("{ss}"), NULL, 0));
  gw_passage_setup(&wan->site, &setup);
  setup.out = gw_port_outgoing(&entry->port);
  entry->upstream = gw_upstream_start(&setup);
  g_hash_table_insert(wan->entries, g_strdup(GW_PASSAGE), entry);
}

static gboolean
configure_site(GwWan *wan, GVariant *sections, GError **error)
{
  g_autoptr(GVariant) values = gw_sections_find(sections, "wan", "");

  if (!values)
    values = g_variant_ref_sink(g_variant_new_array(G_VARIANT_TYPE("{ss}"), NULL, 0));
  if (wan->site.settings && gw_site_follow(values, wan->site_values, wan->site.rate))
    return TRUE;
  retire_all(wan); /* all of them hang on it */
  gw_site_clear(&wan->site);
  g_clear_pointer(&wan->site_values, g_variant_unref);
  wan->site_values = g_steal_pointer(&values);
  return gw_site_read(wan->site_values, &wan->site, error);
}

static void
retire_changed(GwWan *wan, GVariant *sections)
{
  g_autofree gpointer *names = g_hash_table_get_keys_as_array(wan->entries, NULL);

  for (guint i = 0; names[i]; i++) {
    g_autofree char *name = g_strdup(names[i]);
    g_autoptr(GVariant) values = gw_sections_find(sections, "upstream", name);
    Entry *entry = g_hash_table_lookup(wan->entries, name);

    if (g_str_equal(name, GW_PASSAGE))
      continue;
    if (!gw_site_follow(values, entry->values, entry->rate) ||
        !gw_sections_is_enabled(sections, gw_sections_type(values)))
      retire(wan, name);
  }
}

static void
configure(GwWan *wan, GVariant *sections)
{
  g_autoptr(GError) site_error = NULL;
  GVariantIter iter;
  const char *section, *name;
  GVariant *values;

  if (!configure_site(wan, sections, &site_error))
    g_prefix_error(&site_error, "[wan] ");
  retire_changed(wan, sections);
  forget_ended(wan, 0);
  if (!site_error)
    start_passage(wan);
  g_variant_iter_init(&iter, sections);
  while (g_variant_iter_loop(&iter, "(&s&s@a{ss})", &section, &name, &values)) {
    g_autoptr(GError) error = NULL;

    if (!g_str_equal(section, "upstream") || g_hash_table_contains(wan->entries, name))
      continue;
    if (site_error)
      complain(wan, name, site_error->message);
    else if (!start(wan, sections, name, values, &error))
      complain(wan, name, error->message);
  }
}

/* ---- the outlets */

static void
say_published(gpointer user, const GwPublished *published)
{
  GwWan *wan = user;

  (void)gw_link_send(wan->link, GW_MESSAGE_PUBLISHED, gw_link_next_serial(wan->link),
                     gw_published_pack(published), NULL, 0);
}

static void
configure_outlets(GwWan *wan, GVariant *sections)
{
  GwPort port = port_now(wan);
  const GwOutletVoice voice = { gw_port_outgoing(&port), sizeof port, say_published, wan };

  gw_outlets_configure(wan->outlets, sections, &voice);
}

/* ---- messages */

static void
on_config(GwWan *wan, GVariant *payload)
{
  g_autoptr(GVariant) sections = NULL;
  guint32 epoch;

  if (!gw_config_unpack(payload, &epoch, &sections))
    return;
  configure(wan, sections);
  configure_outlets(wan, sections);
}

static void
refuse_fetch(GwWan *wan, guint64 id, const char *text)
{
  GwFetched fetched = {
    .id = id, .result = GATEWAY_FAILED_RETRY, .validator = (char *)"", .text = (char *)text
  };

  (void)gw_link_send(wan->link, GW_MESSAGE_FETCHED, gw_link_next_serial(wan->link), gw_fetched_pack(&fetched),
                     NULL, 0);
}

static void
on_fetch(GwWan *wan, GVariant *payload, int *fds, guint n_fds)
{
  GwFetch fetch = { 0 };
  Entry *entry;

  if (!gw_fetch_unpack(payload, &fetch))
    return;
  entry = g_hash_table_lookup(wan->entries, gw_passage_is(fetch.upstream) ? GW_PASSAGE : fetch.upstream);
  if (!entry) {
    refuse_fetch(wan, fetch.id, "there is no such upstream now");
  } else if (n_fds == 0) {
    refuse_fetch(wan, fetch.id, "the descriptor was lost on the way");
  } else {
    gw_upstream_fetch(entry->upstream, &fetch, fds[0]);
    fds[0] = -1;
  }
  gw_fetch_clear(&fetch);
}

/* The core repeats what was not taken, in its own time. */
static void
refuse_report(GwWan *wan, const GwReport *report, const char *text)
{
  g_autofree char *results = g_malloc(report->n_events + 1);
  GwReported reported = {
    .id = report->id, .results = results, .n_results = report->n_events, .text = (char *)text
  };

  memset(results, GATEWAY_FAILED_RETRY, report->n_events);
  (void)gw_link_send(wan->link, GW_MESSAGE_REPORTED, gw_link_next_serial(wan->link),
                     gw_reported_pack(&reported), NULL, 0);
}

static void
on_report(GwWan *wan, GVariant *payload)
{
  GwReport report;
  Entry *entry;

  if (!gw_report_unpack(payload, &report))
    return;
  entry = g_hash_table_lookup(wan->entries, report.upstream);
  if (!entry)
    refuse_report(wan, &report, "there is no such upstream now");
  else if (!gw_upstream_takes_reports(entry->upstream))
    refuse_report(wan, &report, "its plugin takes no reports");
  else if (gw_upstream_holds_back(entry->upstream))
    refuse_report(wan, &report, gw_upstream_holds_back(entry->upstream));
  else
    gw_upstream_report(entry->upstream, &report);
  gw_report_clear(&report);
}

/* The thread is the plugin's; the core need not wait for it. */
static gboolean
on_watch(gpointer user)
{
  GwWan *wan = user;
  GHashTableIter iter;
  gpointer name, value;
  GwReport report = { 0 };

  g_hash_table_iter_init(&iter, wan->entries);
  while (wan->link && g_hash_table_iter_next(&iter, &name, &value)) {
    GwUpstream *upstream = ((Entry *)value)->upstream;

    if (!gw_upstream_hangs(upstream, gw_clock_boot_ms(), &report.id))
      continue;
    complain(wan, name, gw_upstream_holds_back(upstream));
    refuse_report(wan, &report, gw_upstream_holds_back(upstream));
  }
  return G_SOURCE_CONTINUE;
}

static void
on_poll(GwWan *wan, GVariant *payload)
{
  g_autofree char *wanted = NULL;
  GHashTableIter iter;
  gpointer name, entry;
  gboolean is_afresh;

  if (!gw_poll_unpack(payload, &wanted, &is_afresh))
    return;
  g_hash_table_iter_init(&iter, wan->entries);
  while (g_hash_table_iter_next(&iter, &name, &entry)) {
    if (!*wanted || g_str_equal(wanted, name))
      gw_upstream_poll(((Entry *)entry)->upstream, is_afresh);
  }
}

static void
on_cancel(GwWan *wan, GVariant *payload)
{
  GHashTableIter iter;
  gpointer entry;
  guint64 id;

  if (!gw_id_unpack(payload, &id))
    return;
  g_hash_table_iter_init(&iter, wan->entries);
  while (g_hash_table_iter_next(&iter, NULL, &entry))
    gw_upstream_cancel(((Entry *)entry)->upstream, id);
}

/* Threads may still hold it when the connection is gone. */
static GwPort *
port_of_session(GwWan *wan)
{
  GwPort *port = wan->ports->len > 0 ? wan->ports->pdata[wan->ports->len - 1] : NULL;

  if (port && port->session == wan->session)
    return port;
  port = g_new(GwPort, 1);
  *port = port_now(wan);
  g_ptr_array_add(wan->ports, port);
  return port;
}

static void
refuse_relay(GwWan *wan, guint64 id, const char *text)
{
  GwRelayAnswer answer = { .id = id, .text = (char *)text };

  (void)gw_link_send(wan->link, GW_MESSAGE_RELAYED, gw_link_next_serial(wan->link),
                     gw_relay_answer_pack(&answer), NULL, 0);
}

static void
on_relay(GwWan *wan, GVariant *payload)
{
  GwHttpOptions options = { 0 };
  GwRelayAsk ask = { 0 };
  guint64 id;

  if (!gw_relay_ask_unpack(payload, &ask))
    return;
  id = ask.id;
  if (!wan->site.settings) {
    refuse_relay(wan, id, "[wan] is wrong");
  } else {
    gw_site_passing(&wan->site, &options);
    GwOutgoing out = gw_port_outgoing(port_of_session(wan));
    if (!gw_passing_ask(wan->passing, &ask, &options, &out))
      refuse_relay(wan, id, "too many requests are under way");
  }
  gw_http_options_clear(&options);
  gw_relay_ask_clear(&ask);
}

static void
on_message(GwLink *link, const GwMessage *message, gpointer user)
{
  GwWan *wan = user;

  switch (message->type) {
  case GW_MESSAGE_HELLO:
    break;
  case GW_MESSAGE_CONFIG:
    on_config(wan, message->payload);
    break;
  case GW_MESSAGE_FETCH:
    on_fetch(wan, message->payload, message->fds, message->n_fds);
    break;
  case GW_MESSAGE_REPORT:
    on_report(wan, message->payload);
    break;
  case GW_MESSAGE_RELAY:
    on_relay(wan, message->payload);
    break;
  case GW_MESSAGE_POLL:
    on_poll(wan, message->payload);
    break;
  case GW_MESSAGE_CANCEL:
    on_cancel(wan, message->payload);
    break;
  case GW_MESSAGE_PUBLISH:
    gw_outlets_message(wan->outlets, message);
    break;
  default:
    gw_debug(GW_SUBJECT_LINK, "core", "a %s message is not for this worker", gw_message_name(message->type));
  }
}

/* ---- the connection */

static gboolean reconnect(gpointer user);

static void
on_closed(GwLink *link, const GError *error, gpointer user)
{
  GwWan *wan = user;

  if (error)
    gw_warning(GW_SUBJECT_LINK, "core", "ended: %s", error->message);
  else
    gw_notice(GW_SUBJECT_LINK, "core", "the core is gone");
  g_clear_pointer(&wan->link, gw_link_free);
  wan->session++;
  retire_all(wan);
  gw_passing_stop(wan->passing);
  gw_outlets_stop(wan->outlets);
  wan->retry = g_timeout_add(RECONNECT_MS, reconnect, wan);
}

static GVariant *
pack_hello(GwWan *wan)
{
  g_autoptr(GVariant) plugins = g_variant_ref_sink(gw_loader_hello(wan->plugins));
  GwHello hello = { .version = GW_LINK_VERSION,
                    .role = (char *)"wan",
                    .instance = (char *)"",
                    .build = (char *)GW_VERSION,
                    .plugins = plugins };

  return gw_hello_pack(&hello);
}

static gboolean
connect_now(GwWan *wan)
{
  static const GwLinkEvents EVENTS = { on_message, on_closed };
  g_autoptr(GError) error = NULL;
  int fd = gw_link_connect(wan->link_path, &error);

  if (fd < 0) {
    if (!wan->is_waiting)
      gw_info(GW_SUBJECT_LINK, "core", "waiting for the core: %s", error->message);
    wan->is_waiting = TRUE;
    return FALSE;
  }
  wan->is_waiting = FALSE;
  wan->link = gw_link_new(fd, NULL, &EVENTS, wan);
  (void)gw_link_send(wan->link, GW_MESSAGE_HELLO, gw_link_next_serial(wan->link), pack_hello(wan), NULL, 0);
  gw_info(GW_SUBJECT_LINK, "core", "connected");
  return TRUE;
}

static gboolean
reconnect(gpointer user)
{
  GwWan *wan = user;

  if (!connect_now(wan))
    return G_SOURCE_CONTINUE;
  wan->retry = 0;
  return G_SOURCE_REMOVE;
}

/* ---- life */

char *
gw_wan_condition(const GwWan *wan)
{
  if (!wan->link || !wan->site_values)
    return g_strdup("no core: nothing is fetched");
  return g_strdup_printf("%u upstreams",
                         g_hash_table_size(wan->entries) - g_hash_table_contains(wan->entries, GW_PASSAGE));
}

GwWan *
gw_wan_start(const char *link_path, GPtrArray *plugins)
{
  GwWan *wan = g_new0(GwWan, 1);

  wan->link_path = g_strdup(link_path);
  wan->plugins = g_ptr_array_ref(plugins);
  wan->mailbox = gw_mailbox_new(NULL);
  wan->entries = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  wan->retired = g_ptr_array_new_with_free_func(entry_free);
  wan->passing = gw_passing_new();
  wan->ports = g_ptr_array_new_with_free_func(g_free);
  wan->outlets = gw_outlets_new(plugins);
  if (!connect_now(wan))
    wan->retry = g_timeout_add(RECONNECT_MS, reconnect, wan);
  wan->watch = g_timeout_add(WATCH_MS, on_watch, wan);
  return wan;
}

gboolean
gw_wan_stop(GwWan *wan, guint grace_ms)
{
  gint64 until_us = g_get_monotonic_time() + (gint64)grace_ms * 1000;

  gw_mailbox_close(wan->mailbox); /* nobody waits for us any more */
  g_clear_handle_id(&wan->retry, g_source_remove);
  g_clear_handle_id(&wan->watch, g_source_remove);
  g_clear_pointer(&wan->link, gw_link_free);
  retire_all(wan);
  gw_passing_stop(wan->passing);
  gw_outlets_stop(wan->outlets);
  forget_ended(wan, until_us);
  if (wan->retired->len > 0 || !gw_passing_has_ended(wan->passing, g_get_monotonic_time() + GRACE_US) ||
      !gw_outlets_has_ended(wan->outlets, until_us))
    return FALSE;
  gw_passing_free(wan->passing);
  g_ptr_array_unref(wan->ports);
  gw_outlets_free(wan->outlets);
  g_ptr_array_unref(wan->retired);
  g_hash_table_unref(wan->entries);
  g_clear_pointer(&wan->site_values, g_variant_unref);
  gw_site_clear(&wan->site);
  gw_mailbox_unref(wan->mailbox);
  g_ptr_array_unref(wan->plugins);
  g_free(wan->link_path);
  g_free(wan);
  return TRUE;
}
