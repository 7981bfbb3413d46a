/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control/identity.h"

#include <string.h>

#include "base/log.h"
#include "control/logins.h"
#include "control/rollouts.h"
#include "control/scheduler.h"
#include "control/timeline.h"
#include "link/table.h"
#include "model/habit.h"

#define EVENTS_PER_HOUR 100 /* about strangers; the list of nodes names all. And about wrong logins */
#define HOUR_MS G_GINT64_CONSTANT(3600000)
#define ID_TRIES 100

const char *
gw_identity_plain_address(const char *address)
{
  return g_str_has_prefix(address, "::ffff:") && strchr(address, '.') ? address + strlen("::ffff:") : address;
}

/* ---- a node of that name ---- */

/* A flood of names must not become a flood of rows on flash: strangers live in memory, and so many events an
 * hour speak of them. */
gboolean
gw_identity_may_say(const GwCore *core, GwAllowance *allowance)
{
  GwNow now = gw_core_now(core);

  if (now.boot_ms - allowance->boot_ms > HOUR_MS)
    *allowance = (GwAllowance){ .boot_ms = now.boot_ms };
  return allowance->n++ < EVENTS_PER_HOUR;
}

static void
say_seen(GwCore *core, const GwNode *node)
{
  g_autoptr(GwChange) change = NULL;

  if (!gw_identity_may_say(core, &core->seen))
    return;
  change = gw_change_new(core, NULL);
  gw_change_say(change, "node.seen", &(GwAbout){ .node = node->id }, "%s was heard for the first time%s%s",
                node->id, *node->address ? ", at " : "", node->address);
  gw_change_commit(g_steal_pointer(&change), NULL, NULL);
}

void
gw_identity_remove(GwCore *core, GwNode *node)
{
  gw_rollouts_node_gone(core, node->id);
  gw_registry_remove(core->registry, node);
}

static void
drop_strangers(GwCore *core)
{
  guint n_strangers = gw_registry_count(core->registry) - gw_registry_count_adopted(core->registry);
  g_autoptr(GPtrArray) oldest = NULL;

  if (n_strangers <= core->limits.strangers)
    return;
  /* A sixteenth at a time, so that a flood does not cost a walk over all nodes for each of its names. */
  oldest =
      gw_registry_strangers_beyond(core->registry, core->limits.strangers - core->limits.strangers / 16 - 1);
  for (guint i = 0; i < oldest->len; i++) {
    GwNode *node = oldest->pdata[i];

    gw_timeline_forget(core->timeline, node->id);
    gw_identity_remove(core, node);
  }
}

GwNode *
gw_identity_make(GwCore *core, const char *id, GwIdentity identity, const GwAsk *ask)
{
  GwNode *node;

  drop_strangers(core);
  node = gw_node_new(id);
  node->identity = identity;
  node->is_group = ask->identity == GATEWAY_IDENTITY_GROUP;
  node->first_ms = gw_core_now(core).wall_ms;
  gw_shared_text_set(&node->plugin, ask->plugin);
  g_free(node->address);
  node->address = g_strdup(gw_identity_plain_address(ask->address));
  gw_registry_add(core->registry, node);
  say_seen(core, node);
  return node;
}

gboolean
gw_identity_is_compatible(const GwNode *node, const GwAsk *ask)
{
  gboolean is_group = ask->identity == GATEWAY_IDENTITY_GROUP;

  return (!*node->plugin || strcmp(node->plugin, ask->plugin) == 0) &&
         (node->is_group == is_group || (is_group && node->n_contacts == 0));
}

static GwNode *
find_by_aliases(GwCore *core, const GwAsk *ask)
{
  const char *key, *value;
  GVariantIter iter;

  if (!ask->aliases)
    return NULL;
  g_variant_iter_init(&iter, ask->aliases);
  while (g_variant_iter_next(&iter, "{&s&s}", &key, &value)) {
    g_autofree char *alias = g_strdup_printf("%s=%s", key, value);
    GwNode *node = gw_registry_find_alias(core->registry, alias);
    char mac[18];

    if (!node && strcmp(key, "mac") == 0 && gw_mac_normalize(value, mac))
      node = gw_registry_find_mac(core->registry, mac);
    if (node && node->is_adopted && gw_identity_is_compatible(node, ask))
      return node;
  }
  return NULL;
}

/* A name that another transport uses for a node of its own gets the transport's name behind it. */
static GwNode *
resolve_name(GwCore *core, const GwAsk *ask)
{
  char mac[18];
  const char *name = gw_mac_normalize(ask->node, mac) ? mac : ask->node;
  GwNode *node = gw_registry_find(core->registry, name);
  g_autofree char *longer = NULL;

  if (!gw_node_check_id(name, NULL))
    return NULL;
  if (node && !gw_identity_is_compatible(node, ask)) {
    longer = g_strdup_printf("%s@%s%s", name, ask->plugin,
                             ask->identity == GATEWAY_IDENTITY_GROUP ? "@group" : "");
    name = longer;
    if (!gw_node_check_id(name, NULL))
      return NULL;
    node = gw_registry_find(core->registry, name);
  }
  if (!node)
    node = find_by_aliases(core, ask);
  if (!node)
    return gw_identity_make(core, name, GW_IDENTITY_CLAIMED, ask);
  node->is_group |= ask->identity == GATEWAY_IDENTITY_GROUP; /* entered by hand, and never heard so far */
  return node;
}

/* ---- a node without a name ---- */

static gboolean
find_mac(GwCore *core, const char *address, const char *interface, char ret_mac[18])
{
  return core->neighbours && gw_neighbours_find(core->neighbours, address, interface, ret_mac);
}

/* What an address was good for before its MAC was known: an adopted node keeps its name and gains the MAC. */
static GwNode *
upgrade_to_mac(GwCore *core, const char *address, const char *mac)
{
  GwNode *node = gw_registry_at(core->registry, address);

  if (!node || *node->mac || node->identity != GW_IDENTITY_ADDRESS || !node->is_adopted)
    return NULL;
  gw_registry_set_mac(core->registry, node, mac);
  node->identity = GW_IDENTITY_MAC;
  return node;
}

/* The address, made fit for a name; another one if a node that was known by it has moved away since. */
static char *
free_id(GwCore *core, const char *address)
{
  g_autofree char *base = g_strdelimit(g_strdup(address), "%/ ", '@');

  if (!gw_node_check_id(base, NULL))
    return NULL;
  for (int i = 2; i < ID_TRIES; i++) {
    g_autofree char *id = i == 2 ? g_strdup(base) : g_strdup_printf("%s@%d", base, i - 1);

    if (!gw_registry_find(core->registry, id))
      return g_steal_pointer(&id);
  }
  return NULL;
}

static GwNode *
resolve_mac(GwCore *core, const GwAsk *ask, const char *address, const char *mac)
{
  GwNode *node = gw_registry_find_mac(core->registry, mac);

  if (!node)
    node = upgrade_to_mac(core, address, mac);
  if (!node)
    node = gw_registry_find(core->registry, mac);
  if (!node)
    node = gw_identity_make(core, mac, GW_IDENTITY_MAC, ask);
  gw_registry_set_mac(core->registry, node, mac);
  return node;
}

/* One question to the kernel per address: afterwards it tells us of every change. A node loaded at start is
 * asked about once more. */
static GwNode *
resolve_address(GwCore *core, const GwAsk *ask)
{
  const char *address = gw_identity_plain_address(ask->address);
  GwNode *node = gw_registry_at(core->registry, address);
  g_autofree char *id = NULL;
  char mac[18];

  if (node && node->last_boot_ms)
    return node;
  if (find_mac(core, address, ask->interface, mac))
    node = resolve_mac(core, ask, address, mac);
  else if (!node && (id = free_id(core, address)))
    node = gw_identity_make(core, id, GW_IDENTITY_ADDRESS, ask);
  if (node)
    gw_registry_set_at(core->registry, address, node);
  return node;
}

GwNode *
gw_identity_resolve(GwCore *core, const GwAsk *ask, gboolean *ret_is_denied)
{
  gboolean has_name = ask->identity != GATEWAY_IDENTITY_ADDRESS && *ask->node;
  GwNode *node;

  if (ask->identity == GATEWAY_IDENTITY_CREDENTIAL) {
    node = gw_logins_resolve(core, ask);
    *ret_is_denied = !node;
    return node;
  }
  node = has_name ? resolve_name(core, ask) : resolve_address(core, ask);
  *ret_is_denied = node && *node->credential_digest; /* one with a secret of its own must show it */
  return *ret_is_denied ? NULL : node;
}

/* An address has another MAC, or lost it: whoever asks from there next is looked up again. */
void
gw_core_neighbour_changed(const char *address, const char *mac, gpointer user)
{
  GwCore *core = user;
  GwNode *node = gw_registry_at(core->registry, address);

  if (!node || !*mac || strcmp(node->mac, mac) == 0)
    return;
  gw_scheduler_node_changed(core, node->id);
  gw_registry_forget_at(core->registry, address);
}

void
gw_identity_device(GwCore *core, const GwAsk *ask, char ret_mac[18])
{
  *ret_mac = '\0';
  (void)find_mac(core, gw_identity_plain_address(ask->address), ask->interface, ret_mac);
}

gboolean
gw_identity_is_other(GwCore *core, GwPin *pin, const GwAsk *ask, GwChange *change)
{
  char mac[18];

  gw_identity_device(core, ask, mac);
  if (!*mac || !*pin->mac || strcmp(mac, pin->mac) == 0)
    return FALSE;
  if (!pin->is_doubted)
    gw_change_say(change, "node.two-devices", &(GwAbout){ .node = pin->node },
                  "%s: %s asks under its name, and %s took the image: what the first asks proves nothing; "
                  "give each device a name of its own",
                  pin->node, mac, pin->mac);
  pin->is_doubted = TRUE;
  return TRUE;
}

/* ---- what an ask says beside its question ---- */

void
gw_identity_contact(GwNode *node, gint64 wall_ms, gint64 boot_ms, guint count)
{
  if (!node->first_ms)
    node->first_ms = wall_ms;
  node->last_ms = MAX(node->last_ms, wall_ms);
  node->last_boot_ms = boot_ms;
  node->n_contacts += count;
  node->habit = gw_habit_note(node->habit, wall_ms);
}

static gboolean
replace_text(char **text, const char *value)
{
  if (!*value || strcmp(*text, value) == 0)
    return FALSE;
  g_free(*text);
  *text = g_strdup(value);
  return TRUE;
}

static gboolean
replace_shared(const char **text, const char *value)
{
  return *value && gw_shared_text_set(text, value);
}

static gboolean
learn_place(GwCore *core, GwNode *node, const GwAsk *ask)
{
  const char *address = gw_identity_plain_address(ask->address);
  gboolean is_moved = replace_text(&node->address, address);
  char mac[18];

  if (node->identity == GW_IDENTITY_MAC || (!is_moved && node->last_boot_ms))
    return is_moved && node->is_adopted;
  if (find_mac(core, address, ask->interface, mac))
    gw_registry_set_mac(core->registry, node, mac);
  return is_moved;
}

static gboolean
learn_aliases(GwCore *core, GwNode *node, const GwAsk *ask)
{
  gboolean is_new = FALSE;
  const char *key, *value;
  GVariantIter iter;

  if (!ask->aliases)
    return FALSE;
  g_variant_iter_init(&iter, ask->aliases);
  while (g_variant_iter_next(&iter, "{&s&s}", &key, &value)) {
    g_autofree char *alias = g_strdup_printf("%s=%s", key, value);

    is_new |= gw_registry_add_alias(core->registry, node, alias);
  }
  return is_new;
}

static gboolean
is_limiting(const GatewayPlugin *plugin, const char *key)
{
  for (guint32 i = 0; plugin && i < plugin->numbering.n_limits; i++)
    if (g_strcmp0(plugin->numbering.limits[i].attribute, key) == 0)
      return TRUE;
  return FALSE;
}

/* Battery and signal change with every contact: they are written with the next thing that matters. What
 * limits the numbers that the node may be told is such a thing. */
static gboolean
learn_attributes(GwCore *core, GwNode *node, const GwAsk *ask)
{
  gboolean is_new = FALSE;
  const char *key, *value;
  GVariantIter iter;

  if (!ask->attributes)
    return FALSE;
  g_variant_iter_init(&iter, ask->attributes);
  while (g_variant_iter_next(&iter, "{&s&s}", &key, &value)) {
    const char *before = node->attributes ? g_hash_table_lookup(node->attributes, key) : NULL;
    gboolean is_same = g_strcmp0(before, value) == 0;

    is_new |= gw_node_set_attribute(node, key, value) && !is_same &&
              is_limiting(gw_plugins_find(core->plugins, ask->plugin), key);
  }
  return is_new;
}

static gboolean
learn_hardware(GwNode *node, const GwAsk *ask)
{
  GwComponent *component;

  if (!*ask->type && !*ask->hardware_version)
    return FALSE;
  component = gw_node_add_component(node, ask->type);
  return component && replace_shared(&component->hardware_version, ask->hardware_version);
}

static gboolean
learn_strength(GwNode *node)
{
  if (!*node->credential_digest || node->identity == GW_IDENTITY_CREDENTIAL)
    return FALSE; /* none of its own: it came by a login that it shares */
  node->identity = GW_IDENTITY_CREDENTIAL;
  return TRUE;
}

/* What it says it is, if there is such a product; else the only product of its transport. */
static GwProduct *
learn_product(GwCore *core, GwNode *node, const GwAsk *ask)
{
  GwProduct *product = *node->product ? gw_products_find(core->firmwares, node->product) : NULL;

  if (*node->product)
    return product;
  product = *ask->product ? gw_products_find(core->firmwares, ask->product)
                          : gw_products_find_sole(core->firmwares, ask->plugin);
  if (product && (!*product->plugin || strcmp(product->plugin, ask->plugin) == 0))
    gw_shared_text_set(&node->product, product->name);
  return product;
}

void
gw_identity_learn(GwCore *core, GwNode *node, const GwAsk *ask, GwChange *change)
{
  GwNow now = gw_core_now(core);
  gboolean is_changed = learn_place(core, node, ask);
  GwProduct *product;

  is_changed |= learn_aliases(core, node, ask);
  is_changed |= learn_strength(node);
  is_changed |= learn_hardware(node, ask);
  is_changed |= replace_shared(&node->plugin, *node->plugin ? "" : ask->plugin);
  is_changed |= learn_attributes(core, node, ask);
  product = learn_product(core, node, ask);
  gw_identity_contact(node, now.wall_ms, now.boot_ms, 1);
  if (product && product->is_auto_adopt && !node->is_adopted &&
      (int)node->identity >= product->least_identity)
    gw_identity_adopt(core, node, NULL, NULL, change); /* nothing was answered to it yet */
  else if (is_changed && node->is_adopted)
    gw_rows_put_node(gw_change_batch(change), node);
}

/* ---- adoption ---- */

void
gw_identity_adapt_products(GwCore *core, GwChange *change)
{
  GHashTableIter iter;
  gpointer value;

  gw_products_iter(core->firmwares, &iter);
  while (g_hash_table_iter_next(&iter, NULL, &value)) {
    GwProduct *product = value;
    const GatewayPlugin *plugin = gw_plugins_find(core->plugins, product->plugin);

    if (!plugin || product->scheme != GW_VERSION_OPAQUE ||
        plugin->versioning.scheme == GATEWAY_VERSION_OPAQUE || !plugin->versioning.scheme)
      continue;
    product->scheme = (GwVersionScheme)plugin->versioning.scheme;
    product->series_chars = plugin->versioning.series_chars;
    gw_rows_put_product(gw_change_batch(change), product);
  }
}

/* The first node of a product that was only named so far tells what its transport and versions are. */
static void
complete_product(GwCore *core, const GwNode *node, GwChange *change)
{
  GwProduct *product = *node->product ? gw_products_find(core->firmwares, node->product) : NULL;

  if (!product || *product->plugin || !*node->plugin)
    return;
  replace_text(&product->plugin, node->plugin);
  gw_rows_put_product(gw_change_batch(change), product);
  gw_identity_adapt_products(core, change);
}

void
gw_identity_adopt(GwCore *core, GwNode *node, const char *product, const char *location, GwChange *change)
{
  gboolean is_new = !node->is_adopted;

  if (product)
    replace_shared(&node->product, product);
  if (location)
    gw_shared_text_set(&node->location, location);
  gw_registry_set_adopted(core->registry, node, TRUE);
  complete_product(core, node, change);
  gw_rows_put_node(gw_change_batch(change), node);
  if (is_new)
    gw_change_say(change, "node.adopted", &(GwAbout){ .node = node->id }, "%s was adopted%s%s", node->id,
                  *node->product ? " as a node of " : "", node->product);
}

void
gw_identity_forget(GwCore *core, GwNode *node, GwChange *change)
{
  gw_change_say(change, "node.forgotten", &(GwAbout){ .node = node->id }, "%s was forgotten", node->id);
  gw_rows_delete_node(gw_change_batch(change), node->id);
  gw_timeline_forget(core->timeline, node->id);
  gw_identity_remove(core, node);
}
