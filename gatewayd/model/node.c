/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/node.h"
#include "base/error.h"
#include <string.h>

#define MAX_COMPONENTS 8
#define MAX_ATTRIBUTES 32
#define MAX_ATTRIBUTE_SIZE 128

const char *
gw_identity_name(GwIdentity identity)
{
  static const char *const names[] = {
    [GW_IDENTITY_ADDRESS] = "address",
    [GW_IDENTITY_MAC] = "mac",
    [GW_IDENTITY_CLAIMED] = "claimed",
    [GW_IDENTITY_CREDENTIAL] = "credential",
  };
  if ((guint)identity >= G_N_ELEMENTS(names) || !names[identity])
    return "none";
  return names[identity];
}

gboolean
gw_identity_parse(const char *name, GwIdentity *ret_identity)
{
  for (GwIdentity identity = GW_IDENTITY_ADDRESS; identity <= GW_IDENTITY_CREDENTIAL; identity++)
    if (strcmp(name, gw_identity_name(identity)) == 0) {
      *ret_identity = identity;
      return TRUE;
    }
  return FALSE;
}

const char *
gw_version_source_name(GwVersionSource source)
{
  static const char *const names[] = {
    [GW_SOURCE_UNKNOWN] = "unknown",
    [GW_SOURCE_ENTERED] = "entered",
    [GW_SOURCE_INFERRED] = "inferred",
    [GW_SOURCE_HEARD] = "heard",
  };
  return (guint)source < G_N_ELEMENTS(names) ? names[source] : "unknown";
}

static void
component_clear(gpointer data)
{
  GwComponent *component = data;
  gw_shared_text_clear(&component->type);
  gw_shared_text_clear(&component->hardware_version);
  gw_shared_text_clear(&component->software_version);
}

GwNode *
gw_node_new(const char *id)
{
  GwNode *node = g_new0(GwNode, 1);
  node->id = g_strdup(id);
  gw_shared_text_set(&node->product, "");
  gw_shared_text_set(&node->plugin, "");
  gw_shared_text_set(&node->location, "");
  gw_shared_text_set(&node->set_aside_reason, "");
  gw_shared_text_set(&node->credential_digest, "");
  node->address = g_strdup("");
  node->aliases = g_ptr_array_new_with_free_func(g_free);
  node->labels = g_ptr_array_new_with_free_func(g_free);
  node->components = g_array_new(FALSE, TRUE, sizeof(GwComponent));
  g_array_set_clear_func(node->components, component_clear);
  node->identity = GW_IDENTITY_ADDRESS;
  return node;
}

void
gw_node_free(GwNode *node)
{
  if (!node)
    return;
  g_free(node->id);
  gw_shared_text_clear(&node->product);
  gw_shared_text_clear(&node->plugin);
  gw_shared_text_clear(&node->location);
  gw_shared_text_clear(&node->set_aside_reason);
  gw_shared_text_clear(&node->credential_digest);
  g_free(node->address);
  g_clear_pointer(&node->aliases, g_ptr_array_unref);
  g_clear_pointer(&node->labels, g_ptr_array_unref);
  g_clear_pointer(&node->attributes, g_hash_table_unref);
  g_clear_pointer(&node->components, g_array_unref);
  g_free(node);
}

gboolean
gw_node_check_id(const char *id, GError **error)
{
  gsize size = strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:@-");
  if (size == 0 || size > 64 || id[size] != '\0')
    return gw_fail(error, GW_ERROR_BAD_INPUT,
                   "a node's id has 1 to 64 letters, digits and characters of \"._:@-\"");
  return TRUE;
}

gboolean
gw_imei_check(const char *text)
{
  return strlen(text) == 15 && strspn(text, "0123456789") == 15;
}

gboolean
gw_mac_normalize(const char *text, char ret_mac[18])
{
  char mac[18] = "";
  char separator = text[0] && text[1] ? text[2] : '\0';
  gboolean has_separator = separator == ':' || separator == '-';
  const char *c = text;
  for (guint i = 0; i < 6; i++) {
    if (i > 0 && has_separator && *c++ != separator)
      return FALSE;
    if (!g_ascii_isxdigit(c[0]) || !g_ascii_isxdigit(c[1]))
      return FALSE;
    mac[i * 3] = g_ascii_tolower(c[0]);
    mac[i * 3 + 1] = g_ascii_tolower(c[1]);
    mac[i * 3 + 2] = i < 5 ? ':' : '\0';
    c += 2;
  }
  if (*c != '\0')
    return FALSE;
  memcpy(ret_mac, mac, sizeof mac);
  return TRUE;
}

GwComponent *
gw_node_component(const GwNode *node, const char *type)
{
  for (guint i = 0; i < node->components->len; i++) {
    GwComponent *component = &g_array_index(node->components, GwComponent, i);
    if (strcmp(component->type, type) == 0)
      return component;
  }
  if (*type == '\0' && node->components->len == 1)
    return &g_array_index(node->components, GwComponent, 0);
  return NULL;
}

const GwComponent *
gw_node_component_for(const GwNode *node, const char *type)
{
  const GwComponent *component = gw_node_component(node, type);
  if (component || node->components->len != 1)
    return component;
  component = &g_array_index(node->components, GwComponent, 0);
  return *component->type == '\0' ? component : NULL;
}

gboolean
gw_component_is_known(const GwComponent *component)
{
  return component && component->source != GW_SOURCE_UNKNOWN && *component->software_version != '\0';
}

GwComponent *
gw_node_add_component(GwNode *node, const char *type)
{
  GwComponent *found = gw_node_component(node, type);
  if (found)
    return found;
  if (node->components->len >= MAX_COMPONENTS)
    return NULL;
  GwComponent component = { .source = GW_SOURCE_UNKNOWN };
  gw_shared_text_set(&component.type, type);
  gw_shared_text_set(&component.hardware_version, "");
  gw_shared_text_set(&component.software_version, "");
  g_array_append_val(node->components, component);
  return &g_array_index(node->components, GwComponent, node->components->len - 1);
}

void
gw_component_set(GwComponent *component, const char *software_version, GwVersionSource source, gint64 wall_ms)
{
  if (gw_shared_text_set(&component->software_version, software_version) || component->source != source)
    component->since_ms = wall_ms;
  component->source = source;
}

gboolean
gw_node_set_attribute(GwNode *node, const char *key, const char *value)
{
  if (*key == '\0' || strlen(key) > MAX_ATTRIBUTE_SIZE || strlen(value) > MAX_ATTRIBUTE_SIZE)
    return FALSE;
  if (!node->attributes) /* most nodes have none, and an empty table is a fifth of a node's memory */
    node->attributes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  if (!g_hash_table_contains(node->attributes, key) && g_hash_table_size(node->attributes) >= MAX_ATTRIBUTES)
    return FALSE;
  g_hash_table_replace(node->attributes, g_strdup(key), g_strdup(value));
  return TRUE;
}
