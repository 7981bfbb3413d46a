/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The snapshot: which files make it up, and how it is asked. Lookups are linear; a configuration is short and
 * is read at start and reload, not per request. */
#include "base/config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/config-parse.h"
#include "base/config-schema.h"
#include "base/error.h"
#include "base/file.h"

struct GwConfig {
  gatomicrefcount n_refs;
  const GwConfigSchema *schema;
  GPtrArray *sections;
};

static GwConfig *
config_new(const GwConfigSchema *schema)
{
  GwConfig *config = g_new0(GwConfig, 1);

  g_atomic_ref_count_init(&config->n_refs);
  config->schema = schema;
  config->sections = g_ptr_array_new_with_free_func((GDestroyNotify)gw_config_section_free);
  return config;
}

GwConfig *
gw_config_ref(GwConfig *config)
{
  g_atomic_ref_count_inc(&config->n_refs);
  return config;
}

void
gw_config_unref(GwConfig *config)
{
  if (!config || !g_atomic_ref_count_dec(&config->n_refs))
    return;
  g_ptr_array_unref(config->sections);
  g_free(config);
}

GwConfig *
gw_config_load_text(const GwConfigSchema *schema, const char *name, const char *text, gsize size,
                    GError **error)
{
  g_autoptr(GwConfig) config = config_new(schema);

  if (!gw_config_parse(schema, name, text, size, config->sections, error))
    return NULL;
  return g_steal_pointer(&config);
}

static gboolean
load_file(GwConfig *config, const char *path, GError **error)
{
  g_autofree char *text = NULL;
  gsize size;

  return gw_file_read(AT_FDCWD, path, GW_CONFIG_FILE_MAX, &text, &size, error) &&
         gw_config_parse(config->schema, path, text, size, config->sections, error);
}

static int
compare_names(gconstpointer a, gconstpointer b)
{
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Full paths of the drop-ins in name order; no folder, no drop-ins. */
static GPtrArray *
list_drop_ins(const char *folder, GError **error)
{
  g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);
  g_autoptr(GError) why = NULL;
  g_autoptr(GDir) dir = g_dir_open(folder, 0, &why);
  const char *name;

  if (g_error_matches(why, G_FILE_ERROR, G_FILE_ERROR_NOENT))
    return g_steal_pointer(&paths);
  if (!dir) {
    gw_fail(error, GW_ERROR_DENIED, "cannot read the drop-ins: %s", why->message);
    return NULL;
  }
  while ((name = g_dir_read_name(dir)))
    if (*name != '.' && g_str_has_suffix(name, ".conf"))
      g_ptr_array_add(paths, g_build_filename(folder, name, NULL));
  g_ptr_array_sort(paths, compare_names);
  return g_steal_pointer(&paths);
}

GwConfig *
gw_config_load(const GwConfigSchema *schema, const char *path, GError **error)
{
  g_autoptr(GwConfig) config = config_new(schema);
  g_autofree char *folder = path ? g_strconcat(path, ".d", NULL) : NULL;
  g_autoptr(GPtrArray) drop_ins = NULL;

  if (!path)
    return g_steal_pointer(&config);
  if (!load_file(config, path, error) || !(drop_ins = list_drop_ins(folder, error)))
    return NULL;
  for (guint i = 0; i < drop_ins->len; i++)
    if (!load_file(config, drop_ins->pdata[i], error))
      return NULL;
  return g_steal_pointer(&config);
}

static const GwConfigEntry *
find(const GwConfig *config, const char *section, const char *instance, const char *key)
{
  const GwConfigSection *found = gw_config_find(config->sections, section, instance);

  g_assert(gw_schema_is_open(config->schema, section) || gw_schema_option(config->schema, section, key));
  return gw_config_section_find(found, key);
}

const char *
gw_config_text(const GwConfig *config, const char *section, const char *instance, const char *key)
{
  const GwConfigEntry *entry = find(config, section, instance, key);
  const GwOption *option = gw_schema_option(config->schema, section, key);

  return entry ? entry->value : option ? option->fallback : NULL;
}

gint64
gw_config_integer(const GwConfig *config, const char *section, const char *instance, const char *key)
{
  const char *text = gw_config_text(config, section, instance, key);

  return text ? g_ascii_strtoll(text, NULL, 10) : 0;
}

gint64
gw_config_size(const GwConfig *config, const char *section, const char *instance, const char *key)
{
  const char *text = gw_config_text(config, section, instance, key);
  gint64 bytes = 0;

  return text && gw_parse_size(text, &bytes) ? bytes : 0;
}

gint64
gw_config_duration_ms(const GwConfig *config, const char *section, const char *instance, const char *key)
{
  const char *text = gw_config_text(config, section, instance, key);
  gint64 ms = 0;

  return text && gw_parse_duration_ms(text, &ms) ? ms : 0;
}

gboolean
gw_config_boolean(const GwConfig *config, const char *section, const char *instance, const char *key)
{
  const char *text = gw_config_text(config, section, instance, key);
  gboolean is_yes = FALSE;

  return text && gw_parse_boolean(text, &is_yes) && is_yes;
}

char **
gw_config_list(const GwConfig *config, const char *section, const char *instance, const char *key)
{
  const char *text = gw_config_text(config, section, instance, key);
  g_auto(GStrv) words = g_strsplit_set(text ? text : "", ",;", -1);
  g_autoptr(GStrvBuilder) list = g_strv_builder_new();

  for (char **word = words; *word; word++)
    if (*g_strstrip(*word))
      g_strv_builder_add(list, *word);
  return g_strv_builder_end(list);
}

char **
gw_config_instances(const GwConfig *config, const char *section)
{
  g_autoptr(GStrvBuilder) list = g_strv_builder_new();

  for (guint i = 0; i < config->sections->len; i++) {
    const GwConfigSection *found = config->sections->pdata[i];

    if (found->instance && strcmp(found->kind, section) == 0)
      g_strv_builder_add(list, found->instance);
  }
  return g_strv_builder_end(list);
}

GVariant *
gw_config_section(const GwConfig *config, const char *section, const char *instance)
{
  const GwConfigSection *found = gw_config_find(config->sections, section, instance);
  GVariantBuilder builder;

  g_variant_builder_init(&builder, G_VARIANT_TYPE("a{ss}"));
  for (guint i = 0; found && i < found->entries->len; i++) {
    const GwConfigEntry *entry = found->entries->pdata[i];

    g_variant_builder_add(&builder, "{ss}", entry->key, entry->value);
  }
  return g_variant_builder_end(&builder);
}

const char *
gw_config_where(const GwConfig *config, const char *section, const char *instance, const char *key)
{
  const GwConfigEntry *entry = find(config, section, instance, key);

  return entry ? entry->where : "default";
}
