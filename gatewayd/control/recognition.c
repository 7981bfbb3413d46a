/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control/recognition.h"

#include <fcntl.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"

#define HELPER "unpack"
#define FILE_MAX (16 * 1024)

typedef struct {
  GwCore *core;
  char *file_name;
  guint32 member;
  GwFindingsDone looked;
  GwExtracted extracted;
  gpointer user;
} Wish;

static void
wish_free(Wish *wish)
{
  g_free(wish->file_name);
  g_free(wish);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Wish, wish_free)

/* The files whose names stand in @paths, one after the other: the helper can open none. One that cannot be
 * read leaves a word that is no key, so that nothing is let in by its absence. */
static char *
read_files(const char *paths)
{
  g_auto(GStrv) names = g_strsplit(paths, ",", -1);
  GString *text = g_string_new(NULL);

  for (char **name = names; *name; name++) {
    g_autofree char *data = NULL;
    gsize size;

    if (gw_file_read(AT_FDCWD, g_strstrip(*name), FILE_MAX, &data, &size, NULL))
      g_string_append_len(text, data, (gssize)size);
    else
      g_string_append(text, "unreadable\n");
  }
  return g_string_free(text, FALSE);
}

static gboolean
is_path(const GatewayPlugin *plugin, const char *key)
{
  for (guint32 i = 0; plugin && i < plugin->n_settings; i++)
    if (strcmp(plugin->settings[i].key, key) == 0)
      return plugin->settings[i].kind == GATEWAY_SETTING_PATH;
  return FALSE;
}

static GVariant *
section_of(const GwCore *core, const char *name)
{
  g_autoptr(GVariant) written = g_variant_ref_sink(gw_config_section(core->config, "plugin", name));
  const GatewayPlugin *plugin = gw_plugins_find(core->plugins, name);
  GVariantBuilder builder;
  GVariantIter iter;
  const char *key, *value;

  g_variant_builder_init(&builder, G_VARIANT_TYPE("a{ss}"));
  g_variant_iter_init(&iter, written);
  while (g_variant_iter_next(&iter, "{&s&s}", &key, &value)) {
    g_autofree char *text = is_path(plugin, key) && *value ? read_files(value) : g_strdup(value);

    g_variant_builder_add(&builder, "{ss}", key, text);
  }
  return g_variant_builder_end(&builder);
}

static gboolean
is_ours(const GwCore *core, const char *plugin)
{
  const char *worker = gw_plugins_worker(core->plugins, plugin);

  return *worker == '\0' || strcmp(worker, HELPER) == 0;
}

/* What the configuration says to each of the helper's plugins, and to those of which nobody has said yet
 * whose they are: a key that is only a path then lets nothing in. */
static GVariant *
settings_of(const GwCore *core)
{
  g_auto(GStrv) names = gw_config_instances(core->config, "plugin");
  GVariantBuilder builder;

  g_variant_builder_init(&builder, G_VARIANT_TYPE("a{sa{ss}}"));
  for (char **name = names; *name; name++)
    if (is_ours(core, *name))
      g_variant_builder_add(&builder, "{s@a{ss}}", *name, section_of(core, *name));
  return g_variant_builder_end(&builder);
}

static GwJob
job_of(const Wish *wish)
{
  return (GwJob){ .file_name = wish->file_name,
                  .member = wish->member,
                  .max_size = wish->core->limits.max_image,
                  .settings = settings_of(wish->core) };
}

/* ---- look ---- */

static void
on_served_to_look(int fd, gboolean is_memory, const GError *error, gpointer user)
{
  g_autoptr(Wish) wish = user;

  if (error) {
    wish->looked(NULL, error, wish->user);
    return;
  }
  GwJob job = job_of(wish);
  gw_unpacker_look(wish->core->unpacker, fd, &job, wish->looked, wish->user);
}

static void
look(GwSealed *sealed, const Wish *wish)
{
  gw_store_serve(wish->core->store, sealed, on_served_to_look, g_memdup2(wish, sizeof *wish));
}

void
gw_recognition_run(GwCore *core, GwSealed *sealed, const char *file_name, GwFindingsDone done, gpointer user)
{
  look(sealed, &(Wish){ core, g_strdup(file_name), GW_JOB_LOOK, done, NULL, user });
}

void
gw_recognition_list(GwCore *core, GwSealed *sealed, const char *file_name, GwFindingsDone done, gpointer user)
{
  look(sealed, &(Wish){ core, g_strdup(file_name), GW_JOB_LIST, done, NULL, user });
}

gboolean
gw_recognition_is_wrong_kind(const GwCore *core, const GwFirmware *firmware, const GwFindings *findings)
{
  const GwProduct *product = gw_products_find(core->firmwares, firmware->product);
  const GatewayPlugin *format = findings ? gw_plugins_find(core->plugins, findings->format) : NULL;

  return product && product->is_to_binary && format && format->traits & GATEWAY_ENCODING &&
         !*findings->refusal;
}

gboolean
gw_recognition_is_away(const GError *error)
{
  return g_error_matches(error, GW_ERROR, GW_ERROR_OFFLINE);
}

/* ---- take out ---- */

static void
on_served_to_extract(int fd, gboolean is_memory, const GError *error, gpointer user)
{
  g_autoptr(Wish) wish = user;
  g_autoptr(GError) why = NULL;

  if (error) {
    wish->extracted(-1, error, wish->user);
    return;
  }
  GwJob job = job_of(wish);
  int pipe_fd = gw_unpacker_extract(wish->core->unpacker, fd, &job, &why);
  wish->extracted(pipe_fd, why, wish->user);
}

void
gw_recognition_extract(GwCore *core, GwSealed *sealed, guint32 member, GwExtracted done, gpointer user)
{
  Wish *wish = g_new0(Wish, 1);

  *wish = (Wish){ .core = core, .member = member, .extracted = done, .user = user };
  gw_store_serve(core->store, sealed, on_served_to_extract, wish);
}

/* ---- compare ---- */

/* A version that the product's scheme cannot read is the image's own matter; so is any that differs from a
 * catalog's, as long as nobody has said what the product's versions are. */
static gboolean
is_comparable(const GwCore *core, const GwFirmware *firmware, const char *key, const char *value)
{
  const GwProduct *product = gw_products_find(core->firmwares, firmware->product);

  if (strcmp(key, "version") != 0 || !product)
    return TRUE;
  return *product->plugin ? gw_version_check(product->scheme, value, NULL) : *firmware->upstream == '\0';
}

static gboolean
take_fact(const GwCore *core, GwFirmware *firmware, const char *key, const char *value, GError **error)
{
  const struct {
    const char *key;
    char **text;
  } fields[] = {
    { "product", &firmware->product },
    { "type", &firmware->type },
    { "hardware", &firmware->hardware_version },
    { "version", &firmware->software_version },
  };
  const char *given = g_hash_table_lookup(firmware->attributes, key);
  char **field = NULL;

  if (!is_comparable(core, firmware, key, value))
    return TRUE;
  for (gsize i = 0; i < G_N_ELEMENTS(fields); i++)
    if (strcmp(fields[i].key, key) == 0)
      field = fields[i].text;
  if (field)
    given = *field;
  if (given && *given)
    return strcmp(given, value) == 0 ||
           gw_fail(error, GW_ERROR_BAD_INPUT, "the image says %s %s, not %s", key, value, given);
  if (field) {
    g_free(*field);
    *field = g_strdup(value);
  } else {
    g_hash_table_replace(firmware->attributes, g_strdup(key), g_strdup(value));
  }
  return TRUE;
}

gboolean
gw_recognition_apply(const GwCore *core, GwFirmware *firmware, const GwFindings *findings, GError **error)
{
  const GwMember *itself = gw_findings_itself(findings);
  GHashTableIter iter;
  gpointer key, value;

  if (*findings->refusal)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "the image is not usable: %s", findings->refusal);
  if (!itself)
    return TRUE;
  g_hash_table_iter_init(&iter, itself->facts);
  while (g_hash_table_iter_next(&iter, &key, &value))
    if (!take_fact(core, firmware, key, value, error))
      return FALSE;
  return TRUE;
}

/* ---- the helper's plugins ---- */

void
gw_recognition_hello(GVariant *tables, gpointer user)
{
  GwCore *core = user;
  g_autoptr(GPtrArray) problems = NULL;

  gw_plugins_learn(core->plugins, HELPER, tables, &problems);
}
