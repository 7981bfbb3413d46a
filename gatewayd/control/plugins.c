/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control/plugins.h"

#include <regex.h>
#include <string.h>

#include "base/error.h"

#define PIN_MS 600000
#define HOUR_MS G_GINT64_CONSTANT(3600000)

typedef struct {
  GwPluginTable *table;
  char *worker;
} Plugin;

/* A file that a worker did not let in. */
typedef struct {
  char *worker, *reason;
} Refused;

struct GwPlugins {
  GHashTable *by_name;
  GHashTable *refused; /* name -> Refused */
};

static void
refused_free(gpointer data)
{
  Refused *refused = data;

  g_free(refused->worker);
  g_free(refused->reason);
  g_free(refused);
}

static void
plugin_free(gpointer data)
{
  Plugin *plugin = data;

  gw_plugin_table_free(plugin->table);
  g_free(plugin->worker);
  g_free(plugin);
}

GwPlugins *
gw_plugins_new(void)
{
  GwPlugins *plugins = g_new0(GwPlugins, 1);

  plugins->by_name = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, plugin_free);
  plugins->refused = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, refused_free);
  return plugins;
}

void
gw_plugins_free(GwPlugins *plugins)
{
  if (!plugins)
    return;
  g_hash_table_unref(plugins->by_name);
  g_hash_table_unref(plugins->refused);
  g_free(plugins);
}

static gboolean
is_of_worker(gpointer key, gpointer value, gpointer user)
{
  return strcmp(((Plugin *)value)->worker, user) == 0;
}

static gboolean
was_refused_by(gpointer key, gpointer value, gpointer user)
{
  return strcmp(((Refused *)value)->worker, user) == 0;
}

static void
refuse(GwPlugins *plugins, const char *worker, GVariant *row, const char *reason)
{
  const Refused refused = { g_strdup(worker), g_strdup(reason) };
  const char *name = "";

  if (!g_variant_lookup(row, "name", "&s", &name) || !*name)
    name = "(without a name)";
  g_hash_table_replace(plugins->refused, g_strdup(name), g_memdup2(&refused, sizeof(refused)));
}

guint
gw_plugins_learn(GwPlugins *plugins, const char *worker, GVariant *tables, GPtrArray **ret_problems)
{
  GPtrArray *problems = g_ptr_array_new_with_free_func(g_free);
  gsize n = tables ? g_variant_n_children(tables) : 0;

  g_hash_table_foreach_remove(plugins->by_name, is_of_worker, (gpointer)worker);
  g_hash_table_foreach_remove(plugins->refused, was_refused_by, (gpointer)worker);
  for (gsize i = 0; i < n; i++) {
    g_autoptr(GVariant) child = g_variant_get_child_value(tables, i);
    g_autoptr(GError) error = NULL;
    GwPluginTable *table = gw_plugin_table_unpack(child, &error);

    if (!table) {
      g_ptr_array_add(problems, g_strdup(error->message));
      refuse(plugins, worker, child, error->message);
      continue;
    }
    Plugin *plugin = g_new0(Plugin, 1);
    plugin->table = table;
    plugin->worker = g_strdup(worker);
    g_hash_table_insert(plugins->by_name, g_strdup(gw_plugin_table_constant(table)->name), plugin);
  }
  *ret_problems = problems;
  return problems->len;
}

static void
add_held(const Plugin *plugin, const char *name, GPtrArray *texts)
{
  g_autofree char *reason = NULL;

  if (gw_plugin_table_is_held(plugin->table, &reason))
    g_ptr_array_add(texts, g_strdup_printf("plugin %s is not used: %s", name, reason));
}

GPtrArray *
gw_plugins_problems(const GwPlugins *plugins)
{
  GPtrArray *texts = g_ptr_array_new_with_free_func(g_free);
  GHashTableIter iter;
  gpointer name, value;

  g_hash_table_iter_init(&iter, plugins->refused);
  while (g_hash_table_iter_next(&iter, &name, &value))
    g_ptr_array_add(texts, g_strdup_printf("%s: %s", ((Refused *)value)->worker, ((Refused *)value)->reason));
  g_hash_table_iter_init(&iter, plugins->by_name);
  while (g_hash_table_iter_next(&iter, &name, &value))
    add_held(value, name, texts);
  return texts;
}

GwPluginTable *
gw_plugins_table(const GwPlugins *plugins, const char *name)
{
  const Plugin *plugin = g_hash_table_lookup(plugins->by_name, name);

  return plugin ? plugin->table : NULL;
}

const GatewayPlugin *
gw_plugins_find(const GwPlugins *plugins, const char *name)
{
  const GwPluginTable *table = gw_plugins_table(plugins, name);

  return table ? gw_plugin_table_constant(table) : NULL;
}

const char *
gw_plugins_worker(const GwPlugins *plugins, const char *name)
{
  const Plugin *plugin = g_hash_table_lookup(plugins->by_name, name);
  const Refused *refused = plugin ? NULL : g_hash_table_lookup(plugins->refused, name);

  return plugin ? plugin->worker : refused ? refused->worker : "";
}

const char *
gw_plugins_refusal(const GwPlugins *plugins, const char *name)
{
  const Refused *refused = g_hash_table_lookup(plugins->refused, name);

  return refused && !gw_plugins_table(plugins, name) ? refused->reason : NULL;
}

GPtrArray *
gw_plugins_names(const GwPlugins *plugins)
{
  GPtrArray *names = g_ptr_array_new();
  GHashTableIter iter;
  gpointer name;

  g_hash_table_iter_init(&iter, plugins->by_name);
  while (g_hash_table_iter_next(&iter, &name, NULL))
    g_ptr_array_add(names, name);
  g_hash_table_iter_init(&iter, plugins->refused);
  while (g_hash_table_iter_next(&iter, &name, NULL))
    if (!g_hash_table_contains(plugins->by_name, name))
      g_ptr_array_add(names, name);
  return names;
}

void
gw_plugins_iter(const GwPlugins *plugins, GHashTableIter *ret_iter)
{
  g_hash_table_iter_init(ret_iter, plugins->by_name);
}

static gint64
setting_ms(const GwConfig *config, const char *name, const char *key, gint64 fallback_ms)
{
  gint64 ms = gw_config_duration_ms(config, "plugin", name, key);

  return ms > 0 ? ms : fallback_ms;
}

GwInferenceRule
gw_plugin_inference(const GatewayPlugin *plugin, const char *name, const GwConfig *config)
{
  GatewayInference own = plugin ? plugin->inference : (GatewayInference){ 0 };
  gint64 requests = gw_config_integer(config, "plugin", name, "inference-requests");

  return (GwInferenceRule){
    .requests = requests > 0 ? (guint)requests : MAX(own.requests, 1),
    .apart_ms = setting_ms(config, name, "inference-apart", own.apart_s * G_GINT64_CONSTANT(1000)),
    .bytes_ms = setting_ms(config, name, "inference-bytes", own.bytes_s ? own.bytes_s * 1000LL : HOUR_MS),
    .not_back_ms = setting_ms(config, name, "inference-not-back",
                              own.not_back_s ? own.not_back_s * 1000LL : 7 * 24 * HOUR_MS),
  };
}

gint64
gw_plugin_pin_ms(const GatewayPlugin *plugin, const char *name, const GwConfig *config)
{
  return setting_ms(config, name, "pin", plugin && plugin->pin_s ? plugin->pin_s * 1000LL : PIN_MS);
}

static const char *
form_value(const GwFirmware *firmware, const char *key)
{
  const struct {
    const char *key, *value;
  } known[] = {
    { "version", firmware->software_version },
    { "hardware", firmware->hardware_version },
    { "type", firmware->type },
    { "name", firmware->name },
    { "notes", firmware->notes },
  };
  const char *value;

  for (gsize i = 0; i < G_N_ELEMENTS(known); i++)
    if (strcmp(known[i].key, key) == 0)
      return known[i].value;
  value = g_hash_table_lookup(firmware->attributes, key);
  return value ? value : "";
}

/* A pattern that does not compile is the plugin's fault and refuses nothing: it was told at hello. */
static gboolean
matches(const char *pattern, const char *value)
{
  g_autofree char *whole = g_strdup_printf("^(%s)$", pattern);
  regex_t regex;
  gboolean is_match;

  if (regcomp(&regex, whole, REG_EXTENDED | REG_NOSUB) != 0)
    return TRUE;
  is_match = regexec(&regex, value, 0, NULL, 0) == 0;
  regfree(&regex);
  return is_match;
}

gboolean
gw_plugin_check_form(const GatewayPlugin *plugin, const GwFirmware *firmware, GError **error)
{
  for (guint32 i = 0; i < plugin->n_form; i++) {
    const GatewayField *field = &plugin->form[i];
    const char *value = form_value(firmware, field->key);
    const char *help = field->help ? field->help : "another value";

    if (!*value && field->is_required)
      return gw_fail(error, GW_ERROR_BAD_INPUT, "%s is missing; expected: %s", field->key, help);
    if (*value && field->pattern && !matches(field->pattern, value))
      return gw_fail(error, GW_ERROR_BAD_INPUT, "%s \"%s\" does not fit; expected: %s", field->key, value,
                     help);
  }
  return TRUE;
}

static gboolean
holds(const char *text, const char *part)
{
  g_autofree char *lower = g_ascii_strdown(text, -1);

  return !part || strstr(lower, part);
}

static gboolean
is_concerned(const GatewayImageRule *rule, const GwFirmware *firmware)
{
  return (!rule->type || strcmp(rule->type, firmware->type) == 0) && holds(firmware->name, rule->name_part) &&
         holds(firmware->hardware_version, rule->hardware_part);
}

static gboolean
is_refused(const GatewayImageRule *rule, const char *file_name, guint64 size, GBytes *head)
{
  gsize head_size;
  const void *bytes = g_bytes_get_data(head, &head_size);
  g_autofree char *lower = g_ascii_strdown(file_name, -1);

  if ((rule->min_size && size < rule->min_size) || (rule->max_size && size > rule->max_size))
    return TRUE;
  if (rule->head && rule->head_size && head_size >= rule->head_size &&
      memcmp(bytes, rule->head, rule->head_size) == 0)
    return TRUE;
  return (rule->suffix && g_str_has_suffix(lower, rule->suffix)) || rule->name_part;
}

gboolean
gw_plugin_check_image(const GatewayPlugin *plugin, const GwFirmware *firmware, GBytes *head, GError **error)
{
  for (guint32 i = 0; i < plugin->n_image_rules; i++)
    if (is_concerned(&plugin->image_rules[i], firmware) &&
        is_refused(&plugin->image_rules[i], firmware->name, firmware->size, head))
      return gw_fail(error, GW_ERROR_BAD_INPUT, "%s",
                     plugin->image_rules[i].reason ? plugin->image_rules[i].reason
                                                   : "the image does not fit this make");
  return TRUE;
}

gsize
gw_plugin_head_size(const GatewayPlugin *plugin)
{
  gsize size = 0;

  for (guint32 i = 0; i < plugin->n_image_rules; i++)
    size = MAX(size, plugin->image_rules[i].head_size);
  return MIN(size, 4096);
}
