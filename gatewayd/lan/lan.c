/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "base/clock.h"
#include "base/config.h"
#include "base/error.h"
#include "base/log.h"
#include "lan/lan-private.h"

#define LATER_S 10
#define IDLE_MS 60000
#define HURRY_MS 20
#define MAX_ADOPTED 65536
#define CONTACTS_BATCH 512

/* ---- answers ---- */

static gboolean
is_adopted(const GwAddress *address, gpointer user)
{
  return g_hash_table_contains(((GwLan *)user)->adopted, address);
}

static guint
hash_address(gconstpointer address)
{
  return gw_address_hash_host(address);
}

static gboolean
equal_address(gconstpointer a, gconstpointer b)
{
  return gw_address_equal_host(a, b);
}

/* Adopted nodes have more room at the gate; whose address it is, only the core knows. */
static void
note_adopted(GwLan *lan, const GwAddress *peer, gboolean is_adopted_now)
{
  if (!is_adopted_now) {
    g_hash_table_remove(lan->adopted, peer);
    return;
  }
  if (g_hash_table_contains(lan->adopted, peer))
    return;
  if (g_hash_table_size(lan->adopted) >= MAX_ADOPTED)
    g_hash_table_remove_all(lan->adopted); /* learned again with their next answers */
  g_hash_table_add(lan->adopted, g_memdup2(peer, sizeof *peer));
}

const GwGiven *
gw_lan_take_answer(GwLan *lan, const GwAnswer *answer, const GwAsker *asker, GwGiven **ret_own)
{
  GwGiven *given = gw_given_new(gw_answers_words(lan->answers), answer);

  given->claim = asker->claim;
  given->peer = asker->peer;
  given->ask_kind = (guint8)asker->kind;
  note_adopted(lan, &asker->peer, answer->is_adopted);
  *ret_own = gw_answers_keep(lan->answers, given, gw_reactor_now_ms(lan->reactor));
  return given;
}

const char *
gw_lan_interface(GwLan *lan, const GwAddress *local)
{
  return gw_interfaces_find(lan->interfaces, local, gw_reactor_now_ms(lan->reactor));
}

const GwGiven *
gw_lan_recall(GwLan *lan, const GwClaim *claim)
{
  gint64 now_ms = gw_reactor_now_ms(lan->reactor);
  const GwGiven *given = gw_answers_find(lan->answers, claim, now_ms);

  if (given && !gw_timer_is_armed(&lan->contacts))
    gw_wheel_arm(gw_reactor_wheel(lan->reactor), &lan->contacts, now_ms + GW_LAN_CONTACTS_MS);
  return given;
}

GatewayAnswer
gw_lan_short_answer(GatewayAnswerKind kind, GatewayReason reason)
{
  return (GatewayAnswer){ .size = sizeof(GatewayAnswer),
                          .kind = kind,
                          .reason = reason,
                          .wait_s = kind == GATEWAY_ANSWER_LATER ? LATER_S : 0 };
}

/* While the core is away they stay where they are. */
static void
tell_contacts(GwLan *lan)
{
  gint64 now_ms = gw_reactor_now_ms(lan->reactor);
  GVariant *payload;

  while (gw_uplink_is_connected(lan->uplink) &&
         (payload = gw_answers_take_contacts(lan->answers, CONTACTS_BATCH, now_ms, gw_clock_wall_ms())) !=
             NULL)
    (void)gw_uplink_send(lan->uplink, GW_MESSAGE_CONTACTS, payload, NULL, 0);
}

static void
on_contacts(GwTimer *timer, gint64 now_ms)
{
  tell_contacts((GwLan *)(void *)((char *)timer - G_STRUCT_OFFSET(GwLan, contacts)));
}

/* ---- facts ---- */

void
gw_lan_tell_undone(GwLan *lan, const GwGiven *given, GatewayText detail)
{
  g_autofree char *text = detail.size > 0 ? g_strndup(detail.data, detail.size) : NULL;
  GwTold told = { .kind = GW_TOLD_UNDONE,
                  .token = (char *)gw_given_token(given),
                  .node = (char *)gw_given_node(given),
                  .detail = text,
                  .wall_ms = gw_clock_wall_ms() };

  gw_uplink_tell(lan->uplink, &told);
}

GwTransferOf
gw_lan_transfer_of(const GwHosted *hosted, const GwGiven *given, const GwAddress *peer)
{
  const GatewayPlugin *plugin = hosted->plugin;

  return (GwTransferOf){ .token = gw_given_token(given),
                         .node = gw_given_node(given),
                         .peer = peer,
                         .size = given->words->answer.size,
                         .is_never_cut =
                             given->words->answer.is_never_cut || (plugin->traits & GATEWAY_NEVER_CUT),
                         .is_group = given->is_group,
                         .idle_ms = plugin->idle_s ? plugin->idle_s * 1000 : IDLE_MS };
}

static void
tell_transfer(const GwTold *told, gpointer user)
{
  gw_uplink_tell(((GwLan *)user)->uplink, told);
}

/* What the last worker died of. Said once; the core sets a node aside when told so. */
static void
tell_death(GwLan *lan)
{
  GwDeath death;

  if (lan->has_told_death || !gw_guard_last_death(lan->setup.guard, &death))
    return;
  lan->has_told_death = TRUE;
  g_autofree char *text = g_strdup_printf(
      "in plugin %s, with %s%s%s; %u times in this plugin, %u times with this peer", death.plugin, death.peer,
      *death.node ? ", node " : "", death.node, death.plugin_deaths, death.peer_deaths);
  GwTold told = { .kind = GW_TOLD_CRASHED,
                  .node = death.node,
                  .code = (char *)(death.peer_deaths >= GW_GUARD_PEER_DEATHS ? "set-aside" : ""),
                  .detail = text,
                  .wall_ms = gw_clock_wall_ms() };
  gw_err(GW_SUBJECT_PLUGIN, death.plugin, "the last worker died %s", text);
  gw_uplink_tell(lan->uplink, &told);
}

static gboolean
send_open(const GwBlobMessage *wanted, gpointer user)
{
  return gw_uplink_send(((GwLan *)user)->uplink, GW_MESSAGE_OPEN, gw_blob_pack(wanted), NULL, 0);
}

/* ---- configuration ---- */

static GVariant *
find_section(GVariant *sections, const char *section, const char *instance)
{
  GVariantIter iter;
  const char *a_section, *an_instance;
  GVariant *values;

  g_variant_iter_init(&iter, sections);
  while (g_variant_iter_next(&iter, "(&s&s@a{ss})", &a_section, &an_instance, &values)) {
    if (strcmp(a_section, section) == 0 && strcmp(an_instance, instance) == 0)
      return values;
    g_variant_unref(values);
  }
  return NULL;
}

/* A number of [lan]; what is not written, or makes no sense, is @fallback: the core checked the file. */
static guint64
lan_number(GVariant *section, const char *key, guint64 fallback)
{
  const char *text = NULL;
  gint64 number;

  if (!section || !g_variant_lookup(section, key, "&s", &text) || !gw_parse_size(text, &number))
    return fallback;
  return (guint64)number;
}

static void
apply_limits(GwLan *lan, GVariant *section)
{
  GwGateLimits gate = { .max_total = (guint)lan_number(section, "connections", 0),
                        .max_per_stranger = (guint)lan_number(section, "stranger-connections", 0),
                        .max_per_adopted = (guint)lan_number(section, "adopted-connections", 0),
                        .is_adopted = is_adopted,
                        .user = lan };
  GwHttpLimits http = { .total_bytes_per_s = lan_number(section, "rate", 0),
                        .segment_bytes_per_s = lan_number(section, "segment-rate", 0),
                        .node_bytes_per_s = lan_number(section, "node-rate", 0),
                        .transfer_bytes_per_s = lan_number(section, "transfer-rate", 0) };
  GwTransferCaps caps = { .total = (guint)lan_number(section, "transfers", GW_GAUGE_COUNT),
                          .per_segment = (guint)lan_number(section, "segment-transfers", 8),
                          .per_node = (guint)lan_number(section, "node-transfers", 2) };

  gw_gate_set_limits(lan->gate, &gate);
  gw_http_server_set_limits(lan->server, &http);
  gw_transfers_set_caps(lan->transfers, &caps);
}

static void
on_foreign(const GwAddress *peer, gpointer user)
{
  GwLan *lan = user;
  char text[GW_ADDRESS_TEXT];

  gw_address_format(peer, text);
  gw_log_peer(&lan->foreigners, LOG_NOTICE, GW_SUBJECT_PEER, text,
              "came to a port where another peer's data connection is expected: shown out");
}

static void
open_passive_ports(GwLan *lan, GwHosted *hosted)
{
  const char *name = hosted->plugin->name;
  g_autoptr(GError) error = NULL;
  guint n_wanted;

  if (strcmp(lan->setup.instance, "serial") == 0)
    return;
  if (!gw_hosted_open_ports(hosted, lan->reactor, &error))
    gw_err(GW_SUBJECT_PLUGIN, name, "has no passive ports: %s", error->message);
  if (!hosted->passive)
    return;
  gw_passive_on_foreign(hosted->passive, on_foreign, lan);
  n_wanted = (guint)hosted->passive_range.last - hosted->passive_range.first + 1;
  if (gw_passive_size(hosted->passive) < n_wanted)
    gw_warning(GW_SUBJECT_PLUGIN, name, "has %u of %u passive ports; others hold the rest",
               gw_passive_size(hosted->passive), n_wanted);
}

static void
configure_hosted(GwLan *lan, GwHosted *hosted, GVariant *sections)
{
  g_autoptr(GVariant) section = find_section(sections, "plugin", hosted->plugin->name);
  g_autoptr(GError) error = NULL;

  if (hosted->section && section && g_variant_equal(section, hosted->section))
    return;
  gw_talks_end_of(lan->talks, hosted);
  if (!gw_hosted_configure(hosted, section, &error))
    gw_err(GW_SUBJECT_PLUGIN, hosted->plugin->name, "is off: [plugin %s] %s", hosted->plugin->name,
           error->message);
  open_passive_ports(lan, hosted);
}

static void
configure(GwLan *lan, GVariant *sections)
{
  g_autoptr(GVariant) section = find_section(sections, "lan", "");

  if (lan->sections && g_variant_equal(sections, lan->sections))
    return;
  g_clear_pointer(&lan->sections, g_variant_unref);
  lan->sections = g_variant_ref(sections);
  apply_limits(lan, section);
  for (guint i = 0; i < lan->hosted->len; i++)
    configure_hosted(lan, lan->hosted->pdata[i], sections);
  if (strcmp(lan->setup.instance, "serial") != 0)
    gw_ports_configure(lan->ports, lan->hosted, section);
  gw_lines_configure(lan->lines, sections);
}

/* ---- the core ---- */

static void
on_connected(gpointer user)
{
  GwLan *lan = user;
  g_auto(GStrv) tokens = gw_transfers_tokens(lan->transfers);
  int fd = gw_gauges_fd(lan->gauges);

  gw_answers_forget_all(lan->answers);
  (void)gw_uplink_send(lan->uplink, GW_MESSAGE_GAUGES, g_variant_new("a{sv}", NULL), &fd, 1);
  (void)gw_uplink_send(lan->uplink, GW_MESSAGE_TRANSFERS, gw_transfers_pack((const char *const *)tokens),
                       NULL, 0);
  gw_blobs_ask_again(lan->blobs);
  tell_death(lan);
  tell_contacts(lan);
}

static void
on_config(GwLan *lan, GVariant *payload)
{
  g_autoptr(GVariant) sections = NULL;
  guint32 epoch;

  if (gw_config_unpack(payload, &epoch, &sections))
    configure(lan, sections);
}

static void
on_blob(GwLan *lan, const GwMessage *message)
{
  GwBlobMessage blob;
  int none = -1;

  if (gw_blob_unpack(message->payload, &blob))
    gw_blobs_arrived(lan->blobs, &blob, message->n_fds > 0 ? &message->fds[0] : &none);
}

static void
on_invalidate(GwLan *lan, GVariant *payload)
{
  g_auto(GStrv) nodes = NULL;
  guint32 epoch;

  if (!gw_invalidate_unpack(payload, &epoch, &nodes))
    return;
  if (epoch > 0)
    gw_answers_set_epoch(lan->answers, epoch);
  for (char **node = nodes; *node; node++)
    gw_answers_forget_node(lan->answers, *node);
}

static void
on_wake(GwLan *lan, GVariant *payload)
{
  g_autofree char *plugin = NULL, *node = NULL, *verb = NULL, *argument = NULL;

  if (gw_wake_unpack(payload, &plugin, &node, &verb, &argument))
    gw_talks_wake(lan->talks, plugin, node, verb, argument);
}

static void
on_stop(GwLan *lan, GVariant *payload)
{
  g_autofree char *token = NULL, *reason = NULL;

  if (!gw_stop_unpack(payload, &token, &reason))
    return;
  gw_answers_forget_token(lan->answers, token);
  gw_transfers_stop(lan->transfers, token, reason);
}

static void
on_message(const GwMessage *message, gpointer user)
{
  GwLan *lan = user;

  switch (message->type) {
  case GW_MESSAGE_CONFIG:
    on_config(lan, message->payload);
    break;
  case GW_MESSAGE_BLOB:
    on_blob(lan, message);
    break;
  case GW_MESSAGE_INVALIDATE:
    on_invalidate(lan, message->payload);
    break;
  case GW_MESSAGE_WAKE:
    on_wake(lan, message->payload);
    break;
  case GW_MESSAGE_STOP:
    on_stop(lan, message->payload);
    break;
  default:
    break; /* a newer core may say more */
  }
}

static void
on_lost(gpointer user)
{
  gw_blobs_give_up(((GwLan *)user)->blobs);
}

static const GwUplinkEvents UPLINK_EVENTS = { on_connected, on_message, on_lost };

/* ---- life ---- */

static GVariant *
make_hello(const GwLanSetup *setup)
{
  g_autoptr(GVariant) plugins = g_variant_ref_sink(gw_loader_hello(setup->files));
  GwHello hello = { .version = GW_LINK_VERSION,
                    .role = (char *)"lan",
                    .instance = (char *)setup->instance,
                    .build = (char *)GW_VERSION,
                    .plugins = plugins };

  return gw_hello_pack(&hello);
}

static void
add_hosted(GwLan *lan)
{
  lan->hosted = g_ptr_array_new_with_free_func((GDestroyNotify)gw_hosted_free);
  for (guint i = 0; i < lan->setup.files->len; i++) {
    const GwPluginFile *file = lan->setup.files->pdata[i];
    if (file->plugin)
      g_ptr_array_add(lan->hosted, gw_hosted_new(file, i + 1, lan->setup.guard));
  }
}

static void
open_net(GwLan *lan)
{
  GwHttpLimits http = { 0 };
  GwGateLimits gate = { .is_adopted = is_adopted, .user = lan };

  lan->adopted = g_hash_table_new_full(hash_address, equal_address, g_free, NULL);
  lan->gate = gw_gate_new(&gate);
  lan->server = gw_http_server_new(lan->reactor, lan->gate, &http, &gw_lan_http_handler, lan);
  GwPortsSetup ports = { .reactor = lan->reactor,
                         .gate = lan->gate,
                         .server = lan->server,
                         .inherited = lan->setup.inherited,
                         .credentials = lan->setup.credentials,
                         .session = gw_talks_accept,
                         .user = lan };
  lan->ports = gw_ports_new(&ports);
}

GwLan *
gw_lan_new(GwReactor *reactor, const GwLanSetup *setup, GError **error)
{
  g_autoptr(GwGauges) gauges = gw_gauges_new(error);
  GwLan *lan;

  if (!gauges)
    return NULL;
  lan = g_new0(GwLan, 1);
  lan->reactor = reactor;
  lan->setup = *setup;
  lan->contacts.fire = on_contacts;
  gw_claim_key_random(&lan->key);
  lan->gauges = g_steal_pointer(&gauges);
  lan->transfers = gw_transfers_new(reactor, lan->gauges, tell_transfer, lan);
  lan->blobs = gw_blobs_new(send_open, lan);
  lan->answers = gw_answers_new();
  lan->turns = gw_turns_new(reactor);
  lan->interfaces = gw_interfaces_new();
  add_hosted(lan);
  open_net(lan);
  lan->talks = gw_talks_new(lan);
  lan->lines = gw_lines_new(lan);
  lan->uplink = gw_uplink_new(reactor, setup->link_path, make_hello(setup), &UPLINK_EVENTS, lan);
  gw_uplink_hurry(lan->uplink, HURRY_MS);
  return lan;
}

void
gw_lan_free(GwLan *lan)
{
  if (!lan)
    return;
  gw_wheel_cancel(&lan->contacts);
  gw_lines_free(lan->lines);
  gw_talks_free(lan->talks);
  gw_http_server_free(lan->server);
  gw_ports_free(lan->ports);
  gw_gate_unref(lan->gate);
  gw_transfers_free(lan->transfers);
  gw_blobs_free(lan->blobs);
  gw_uplink_free(lan->uplink);
  gw_answers_free(lan->answers);
  gw_turns_free(lan->turns);
  gw_interfaces_free(lan->interfaces);
  gw_gauges_free(lan->gauges);
  g_hash_table_unref(lan->adopted);
  g_ptr_array_unref(lan->hosted);
  g_clear_pointer(&lan->sections, g_variant_unref);
  g_free(lan);
}

gboolean
gw_lan_is_configured(const GwLan *lan)
{
  return lan->sections != NULL;
}

static guint
count_on(const GwLan *lan)
{
  guint n = 0;

  for (guint i = 0; i < lan->hosted->len; i++)
    n += gw_hosted_is_on(lan->hosted->pdata[i]) ? 1 : 0;
  return n;
}

char *
gw_lan_condition(const GwLan *lan)
{
  if (!gw_uplink_is_connected(lan->uplink) || !lan->sections)
    return g_strdup_printf("no core: %u downloads go on, other nodes hear \"later\"",
                           gw_transfers_open(lan->transfers));
  if (!gw_ports_are_open(lan->ports))
    return g_strdup("a port cannot be listened at, see the log");
  return g_strdup_printf("%u transports, %u downloads", count_on(lan), gw_transfers_open(lan->transfers));
}

const GwAddress *
gw_lan_address(const GwLan *lan, const char *plugin)
{
  return gw_ports_find(lan->ports, plugin);
}
