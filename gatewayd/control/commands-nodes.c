/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Verbs about nodes. */
#include <string.h>

#include "base/error.h"
#include "control/commands-private.h"
#include "control/form.h"
#include "control/identity.h"
#include "control/progress.h"
#include "control/scheduler.h"
#include "control/verbs.h"
#include "control/workers.h"
#include "link/messages.h"

#define NODES_MAX 10000 /* in one command */
#define LABELS_MAX 32
#define PARTS_MAX 8 /* of a node: model/node.c */

GwNode *
gw_commands_node(GwCore *core, const char *id, GError **error)
{
  GwNode *node = gw_registry_find(core->registry, id);
  g_autofree char *imei = g_strdup_printf("imei=%.64s", id);
  char mac[18] = "";

  if (!node && gw_mac_normalize(id, mac))
    node = gw_registry_find(core->registry, mac);
  if (!node && *mac)
    node = gw_registry_find_mac(core->registry, mac);
  if (!node)
    node = gw_registry_find_alias(core->registry, imei);
  if (!node)
    gw_fail(error, GW_ERROR_NOT_FOUND,
            "there is no node \"%.64s\"; it appears in \"nodes list\" when it is heard, or enter it with "
            "\"nodes set\"",
            id);
  return node;
}

/* All or none: a list with a typing error changes nothing. */
static GPtrArray *
find_nodes(GwCore *core, const char *const *ids, GError **error)
{
  g_autoptr(GPtrArray) nodes = g_ptr_array_new();

  if (g_strv_length((char **)ids) > NODES_MAX) {
    gw_fail(error, GW_ERROR_BAD_INPUT, "more than %d nodes at once", NODES_MAX);
    return NULL;
  }
  for (const char *const *id = ids; *id; id++) {
    GwNode *node = gw_commands_node(core, *id, error);

    if (!node)
      return NULL;
    if (!g_ptr_array_find(nodes, node, NULL))
      g_ptr_array_add(nodes, node);
  }
  return g_steal_pointer(&nodes);
}

/* Their ids as the workers know them, however they were spelled; NULL-terminated. */
static char **
ids_of(const GPtrArray *nodes)
{
  char **ids = g_new0(char *, nodes->len + 1);

  for (guint i = 0; i < nodes->len; i++)
    ids[i] = g_strdup(((const GwNode *)nodes->pdata[i])->id);
  return ids;
}

/* ---- adopt, forget ---- */

static const GwFormKey ADOPT_KEYS[] = { { "product", 's' }, { "location", 's' }, { NULL, 0 } };

static gboolean
check_product(GwCore *core, const GwNode *node, const char *name, GError **error)
{
  const GwProduct *product = name ? gw_products_find(core->firmwares, name) : NULL;

  if (!name)
    return TRUE;
  if (!product)
    return gw_fail(error, GW_ERROR_NOT_FOUND, "there is no product \"%.64s\"; make it with \"product set\"",
                   name);
  if (*product->plugin && *node->plugin && strcmp(product->plugin, node->plugin) != 0)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "nodes of product %s speak %s, and %s speaks %s", name,
                   product->plugin, node->id, node->plugin);
  return TRUE;
}

static gboolean
check_adoption(GwCore *core, const GPtrArray *nodes, GVariant *options, GError **error)
{
  if (!gw_form_check(options, ADOPT_KEYS, NULL, error))
    return FALSE;
  for (guint i = 0; i < nodes->len; i++)
    if (!check_product(core, nodes->pdata[i], gw_form_text(options, "product", NULL), error))
      return FALSE;
  return TRUE;
}

void
gw_command_adopt(GwCore *core, const GwCaller *caller, const char *const *ids, GVariant *options, GwThen then)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GPtrArray) nodes = find_nodes(core, ids, &error);
  g_autoptr(GwChange) change = NULL;
  g_auto(GStrv) known = NULL;
  guint n_new = 0;

  if (!nodes || !check_adoption(core, nodes, options, &error)) {
    gw_then_fail(core, then, g_steal_pointer(&error));
    return;
  }
  change = gw_change_new(core, caller);
  for (guint i = 0; i < nodes->len; i++) {
    GwNode *node = nodes->pdata[i];

    n_new += node->is_adopted ? 0 : 1;
    gw_identity_adopt(core, node, gw_form_text(options, "product", NULL),
                      gw_form_text(options, "location", NULL), change);
  }
  gw_change_finish(g_steal_pointer(&change), then, g_variant_new("(u)", n_new));
  known = ids_of(nodes);
  gw_scheduler_nodes_changed(core, (const char *const *)known);
}

/* A node with an open update is not forgotten behind its back: the update is cancelled first, if it can be.
 */
gboolean
gw_commands_end_updates(GwCore *core, const GwNode *node, const char *why, GwChange *change, GError **error)
{
  GwUpdate *update;

  while ((update = gw_updates_open(core->updates, node->id, "")))
    if (!gw_progress_cancel(core, update, why, change))
      return gw_fail(error, GW_ERROR_BUSY,
                     "node %s was promised an image that must be served; wait until it has it, or withdraw "
                     "the rule",
                     node->id);
  return TRUE;
}

static void
drop_pins(GwCore *core, const GwNode *node, GwChange *change)
{
  const GPtrArray *pins;

  while ((pins = gw_pins_of_node(core->pins, node->id)))
    gw_progress_drop_pin(core, pins->pdata[0], change);
}

/* What it had ended is forgotten too: the row goes with it. */
static void
drop_updates(GwCore *core, const GwNode *node)
{
  const GPtrArray *held;

  while ((held = gw_updates_of_node(core->updates, node->id))) {
    GwUpdate *update = held->pdata[held->len - 1];

    gw_core_alarm(core, GW_ALARM_UPDATE, update->id, G_MAXINT64);
    gw_updates_drop(core->updates, update);
  }
}

void
gw_commands_drop_node(GwCore *core, const GwNode *node, GwChange *change)
{
  drop_pins(core, node, change);
  drop_updates(core, node);
}

void
gw_command_forget(GwCore *core, const GwCaller *caller, const char *const *ids, GwThen then)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GPtrArray) nodes = find_nodes(core, ids, &error);
  g_autoptr(GwChange) change = gw_change_new(core, caller);
  g_auto(GStrv) known = NULL;

  for (guint i = 0; nodes && !error && i < nodes->len; i++)
    gw_commands_end_updates(core, nodes->pdata[i], "the node was forgotten", change, &error);
  if (error) {
    gw_change_commit_if_any(g_steal_pointer(&change)); /* what was cancelled is */
    gw_then_fail(core, then, g_steal_pointer(&error));
    return;
  }
  known = ids_of(nodes);
  for (guint i = 0; i < nodes->len; i++) {
    gw_commands_drop_node(core, nodes->pdata[i], change);
    gw_identity_forget(core, nodes->pdata[i], change);
  }
  gw_change_finish(g_steal_pointer(&change), then, NULL);
  gw_scheduler_nodes_changed(core, (const char *const *)known);
}

/* ---- set ---- */

static const GwFormKey NODE_KEYS[] = {
  { "product", 's' }, { "location", 's' },  { "labels", 'a' },  { "version", 's' }, { "hardware", 's' },
  { "type", 's' },    { "set-aside", 'b' }, { "address", 's' }, { NULL, 0 },
};

/* Where it asks from: for one that shows no name of its own. */
static gboolean
check_address(GVariant *form, GError **error)
{
  const char *text = gw_form_text(form, "address", "");

  return !*text || g_hostname_is_ip_address(text) ||
         gw_fail(error, GW_ERROR_BAD_INPUT, "address: expected an IP address, not \"%.64s\"", text);
}

static gboolean
is_login(const GwCore *core, const char *id, GError **error)
{
  return gw_accounts_find(core->accounts, id) &&
         !gw_fail(error, GW_ERROR_EXISTS, "%s is a login that nodes share: see \"accounts list\"", id);
}

/* Of which part are version and hardware, and has it room for one more? */
static gboolean
check_part(const GwNode *node, GVariant *form, GError **error)
{
  const char *type = gw_form_text(form, "type", "");

  if (!node || (!gw_form_has(form, "version") && !gw_form_has(form, "hardware")) ||
      gw_node_component((GwNode *)node, type))
    return TRUE;
  if (!*type && node->components->len > 1)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "node %s has several parts: say which by its type", node->id);
  return node->components->len < PARTS_MAX ||
         gw_fail(error, GW_ERROR_BAD_INPUT, "node %s has %d parts already", node->id, PARTS_MAX);
}

gboolean
gw_commands_check_node_form(GwCore *core, const char *id, GVariant *form, GError **error)
{
  const GwNode *node = gw_commands_node(core, id, NULL);
  GwNode stranger = { .id = (char *)id, .plugin = (char *)"" };
  const char *product = gw_form_text(form, "product", node ? node->product : "");
  const GwProduct *found = gw_products_find(core->firmwares, product);
  g_auto(GStrv) labels = gw_form_list(form, "labels");

  if (!gw_node_check_id(id, error) || !gw_form_check(form, NODE_KEYS, NULL, error) ||
      !check_product(core, node ? node : &stranger, gw_form_text(form, "product", NULL), error))
    return FALSE;
  if (!check_address(form, error) || !check_part(node, form, error))
    return FALSE;
  if (!node && is_login(core, id, error))
    return FALSE;
  if (labels && g_strv_length(labels) > LABELS_MAX)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "labels: at most %d", LABELS_MAX);
  if (found && gw_form_has(form, "version") &&
      !gw_version_check(found->scheme, gw_form_text(form, "version", ""), error))
    return FALSE;
  return TRUE;
}

/* ---- would it change anything? ---- */

static gboolean
is_other(GVariant *form, const char *key, const char *value)
{
  return strcmp(gw_form_text(form, key, value), value) != 0;
}

static gboolean
are_other_labels(const GwNode *node, GVariant *form)
{
  g_auto(GStrv) labels = gw_form_list(form, "labels");
  guint n = labels ? g_strv_length(labels) : 0;

  if (!labels)
    return FALSE;
  for (guint i = 0; i < n; i++)
    if (!g_ptr_array_find_with_equal_func(node->labels, labels[i], g_str_equal, NULL))
      return TRUE;
  return n != node->labels->len;
}

gboolean
gw_commands_differs(const GwCore *core, const GwNode *node, GVariant *form)
{
  const GwComponent *component = gw_node_component((GwNode *)node, gw_form_text(form, "type", ""));

  return is_other(form, "product", node->product) || is_other(form, "location", node->location) ||
         is_other(form, "address", node->address) || are_other_labels(node, form) ||
         is_other(form, "version", component ? component->software_version : "") ||
         is_other(form, "hardware", component ? component->hardware_version : "") ||
         gw_form_flag(form, "set-aside", node->is_set_aside) != node->is_set_aside;
}

/* ---- changing it ---- */

/* What a person enters is no proof: its source says so, until the node is heard. */
static void
set_component(GwCore *core, GwNode *node, GVariant *form)
{
  GwComponent *component;

  if (!gw_form_has(form, "version") && !gw_form_has(form, "hardware"))
    return;
  component = gw_node_add_component(node, gw_form_text(form, "type", ""));
  if (!component)
    return; /* it was checked */
  gw_shared_text_set(&component->hardware_version,
                     gw_form_text(form, "hardware", component->hardware_version));
  if (gw_form_has(form, "version"))
    gw_component_set(component, gw_form_text(form, "version", ""), GW_SOURCE_ENTERED,
                     gw_core_now(core).wall_ms);
}

static void
set_labels(GwNode *node, GVariant *form)
{
  g_auto(GStrv) labels = gw_form_list(form, "labels");

  if (!labels)
    return;
  g_ptr_array_set_size(node->labels, 0);
  for (char **label = labels; *label; label++)
    g_ptr_array_add(node->labels, g_strdup(*label));
}

static GwNode *
make_node(GwCore *core, const char *id)
{
  char mac[18];
  gboolean is_mac = gw_mac_normalize(id, mac);
  GwNode *node = gw_node_new(is_mac ? mac : id);

  node->identity = is_mac ? GW_IDENTITY_MAC : GW_IDENTITY_CLAIMED;
  if (is_mac)
    g_strlcpy(node->mac, mac, sizeof node->mac);
  return gw_registry_add(core->registry, node);
}

GwNode *
gw_commands_enter_node(GwCore *core, const char *id, GError **error)
{
  GwNode *node = gw_commands_node(core, id, NULL);

  if (node || !gw_node_check_id(id, error) || is_login(core, id, error))
    return node;
  return make_node(core, id);
}

static void
set_aside(GwNode *node, GVariant *form, const char *who)
{
  g_autofree char *reason = NULL;

  if (!gw_form_has(form, "set-aside"))
    return;
  reason = g_strdup_printf("by %s", who);
  node->is_set_aside = gw_form_flag(form, "set-aside", FALSE);
  node->n_failures = 0;
  gw_shared_text_set(&node->set_aside_reason, node->is_set_aside ? reason : "");
}

/* What the form says, for those who read the event later. Caller frees. */
static char *
describe(GVariant *form)
{
  GString *text = g_string_new(NULL);
  GVariantIter iter;
  const char *key;
  GVariant *value;

  g_variant_iter_init(&iter, form);
  while (g_variant_iter_next(&iter, "{&sv}", &key, &value)) {
    g_autoptr(GVariant) owned = value;
    g_autofree char *plain = g_variant_is_of_type(value, G_VARIANT_TYPE_STRING)
                                 ? g_variant_dup_string(value, NULL)
                                 : g_variant_print(value, FALSE);

    g_string_append_printf(text, "%s%s %s%s", text->len ? ", " : "", key, plain,
                           strcmp(key, "version") == 0 ? " (entered)" : "");
  }
  return g_string_free(text, FALSE);
}

void
gw_commands_apply_node_form(GwCore *core, GwNode *node, GVariant *form, const char *who, GwChange *change)
{
  g_autofree char *what = describe(form);

  set_component(core, node, form);
  set_labels(node, form);
  gw_form_take(form, "address", &node->address);
  if (gw_form_has(form, "address"))
    gw_registry_set_at(core->registry, node->address, node);
  set_aside(node, form, who);
  gw_identity_adopt(core, node, gw_form_text(form, "product", NULL), gw_form_text(form, "location", NULL),
                    change);
  gw_change_say(change, "node.set", &(GwAbout){ .node = node->id }, "%s was changed%s%s", node->id,
                *what ? ": " : "", what);
}

void
gw_command_node_set(GwCore *core, const GwCaller *caller, const char *id, GVariant *form, GwThen then)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GwChange) change = NULL;
  GwNode *node = NULL;

  if (gw_commands_check_node_form(core, id, form, &error))
    node = gw_commands_enter_node(core, id, &error);
  if (!node) {
    gw_then_fail(core, then, g_steal_pointer(&error));
    return;
  }
  change = gw_change_new(core, caller);
  gw_commands_apply_node_form(core, node, form, caller->name, change);
  gw_change_finish(g_steal_pointer(&change), then, NULL);
  gw_scheduler_node_changed(core, node->id);
}

/* ---- verbs of plugins ---- */

static const GatewayVerb *
find_verb(const GatewayPlugin *plugin, const char *name)
{
  for (guint32 i = 0; plugin && i < plugin->n_verbs; i++)
    if (strcmp(plugin->verbs[i].name, name) == 0)
      return &plugin->verbs[i];
  return NULL;
}

static gboolean
check_verb(GwCore *core, const char *plugin, const char *name, const GwNode *node, const char *argument,
           GError **error)
{
  const GatewayPlugin *found = gw_plugins_find(core->plugins, plugin);
  const GatewayVerb *verb = find_verb(found, name);

  if (!found)
    return gw_fail(error, GW_ERROR_NOT_FOUND, "no worker has brought plugin \"%.64s\"", plugin);
  if (!verb)
    return gw_fail(error, GW_ERROR_NOT_FOUND, "plugin %s has no verb \"%.64s\"; see \"plugins show %s\"",
                   plugin, name, plugin);
  if (strcmp(node->plugin, plugin) != 0)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "node %s speaks %s, not %s", node->id,
                   *node->plugin ? node->plugin : "nothing yet", plugin);
  if (!node->is_adopted)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "node %s is not adopted", node->id);
  if (verb->argument && !*argument)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "verb %s needs its argument: %s", name, verb->argument);
  if (strlen(argument) > 128 || strpbrk(argument, "\r\n"))
    return gw_fail(error, GW_ERROR_BAD_INPUT, "the argument has more than 128 characters, or several lines");
  return TRUE;
}

void
gw_command_plugin_verb(GwCore *core, const GwCaller *caller, const GwVerbOrder *order, GwThen then)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GwChange) change = NULL;
  GwNode *node = gw_commands_node(core, order->node, &error);
  GwVerb *verb;

  if (!node || !check_verb(core, order->plugin, order->verb, node, order->argument, &error)) {
    gw_then_fail(core, then, g_steal_pointer(&error));
    return;
  }
  verb = g_new(GwVerb, 1);
  *verb = (GwVerb){ g_strdup(order->plugin), g_strdup(order->verb), g_strdup(order->argument) };
  change = gw_change_new(core, caller);
  gw_verbs_put(core, node->id, verb, change);
  gw_change_say(change, "node.verb", &(GwAbout){ .node = node->id },
                "%s is to be told at its next contact: %s %s", node->id, order->verb, order->argument);
  gw_change_finish(g_steal_pointer(&change), then, NULL);
  gw_scheduler_node_changed(core, node->id);
  gw_workers_tell_lan(core->workers, GW_MESSAGE_WAKE,
                      gw_wake_pack(order->plugin, node->id, order->verb, order->argument));
}
