/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wan/outlets.h"

#include "base/error.h"
#include "base/log.h"

static const char *const CORE_KEYS[] = { "type", NULL };

typedef struct {
  GVariant *values; /* as configured */
  GwOutlet *outlet;
} Entry;

struct GwOutlets {
  GPtrArray *plugins;
  GHashTable *entries; /* name -> Entry */
  GPtrArray *retired;  /* Entry: stopped, their threads end by themselves */
  void (*say)(gpointer user, const GwPublished *published);
  gpointer say_user;
};

static void
entry_free(gpointer data)
{
  Entry *entry = data;

  gw_outlet_free(entry->outlet);
  g_variant_unref(entry->values);
  g_free(entry);
}

GwOutlets *
gw_outlets_new(GPtrArray *plugins)
{
  GwOutlets *outlets = g_new0(GwOutlets, 1);

  outlets->plugins = g_ptr_array_ref(plugins);
  outlets->entries = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  outlets->retired = g_ptr_array_new_with_free_func(entry_free);
  return outlets;
}

void
gw_outlets_free(GwOutlets *outlets)
{
  g_ptr_array_unref(outlets->plugins);
  g_hash_table_unref(outlets->entries);
  g_ptr_array_unref(outlets->retired);
  g_free(outlets);
}

/* ---- the configuration ---- */

static gboolean
start(GwOutlets *outlets, const char *name, GVariant *values, const GwOutletVoice *voice, GError **error)
{
  const char *type = "";
  const GwPluginFile *file;
  GwOutletSetup setup = { .out = voice->out };
  Entry *entry;

  (void)g_variant_lookup(values, "type", "&s", &type);
  file = gw_loader_find(outlets->plugins, type);
  if (!file || !file->plugin || file->plugin->kind != GATEWAY_OUTLET)
    return gw_fail(error, GW_ERROR_NOT_FOUND, "type=%s: no outlet plugin of that name is loaded", type);
  setup.settings =
      gw_settings_new(file->plugin->settings, file->plugin->n_settings, values, CORE_KEYS, error);
  if (!setup.settings)
    return FALSE;
  gw_loader_functions(file->plugin, &setup.functions, sizeof setup.functions);
  setup.name = g_strdup(name);
  setup.out.user = g_memdup2(voice->out.user, voice->user_size);
  entry = g_new0(Entry, 1);
  entry->values = g_variant_ref(values);
  entry->outlet = gw_outlet_start(&setup);
  g_hash_table_insert(outlets->entries, g_strdup(name), entry);
  return TRUE;
}

static void
forget_ended(GwOutlets *outlets, gint64 until_us)
{
  for (guint i = outlets->retired->len; i > 0; i--)
    if (gw_outlet_has_ended(((Entry *)outlets->retired->pdata[i - 1])->outlet, until_us))
      g_ptr_array_remove_index_fast(outlets->retired, i - 1);
}

/* Is it still written as it was? */
static gboolean
is_same(const Entry *entry, const char *name, GVariant *sections)
{
  GVariantIter iter;
  const char *section, *instance;
  GVariant *values;
  gboolean is_same = FALSE;

  g_variant_iter_init(&iter, sections);
  while (g_variant_iter_loop(&iter, "(&s&s@a{ss})", &section, &instance, &values))
    is_same = is_same || (g_str_equal(section, "outlet") && g_str_equal(instance, name) &&
                          g_variant_equal(values, entry->values));
  return is_same;
}

/* @sections NULL: all of them. */
static void
retire(GwOutlets *outlets, GVariant *sections)
{
  GHashTableIter iter;
  gpointer name, value;

  g_hash_table_iter_init(&iter, outlets->entries);
  while (g_hash_table_iter_next(&iter, &name, &value)) {
    Entry *entry = value;

    if (sections && is_same(entry, name, sections))
      continue;
    gw_outlet_stop(entry->outlet);
    g_ptr_array_add(outlets->retired, entry);
    g_hash_table_iter_remove(&iter);
  }
}

static void
say(const GwOutletVoice *voice, const char *name, GatewayResult result, const char *text)
{
  const GwPublished published = {
    .outlet = (char *)name, .result = (int)result, .text = (char *)"", .trouble = (char *)text
  };

  voice->say(voice->user, &published);
}

void
gw_outlets_configure(GwOutlets *outlets, GVariant *sections, const GwOutletVoice *voice)
{
  GVariantIter iter;
  const char *section, *name;
  GVariant *values;

  outlets->say = voice->say;
  outlets->say_user = voice->user;
  retire(outlets, sections);
  forget_ended(outlets, 0);
  g_variant_iter_init(&iter, sections);
  while (g_variant_iter_loop(&iter, "(&s&s@a{ss})", &section, &name, &values)) {
    g_autoptr(GError) error = NULL;

    if (!g_str_equal(section, "outlet") || g_hash_table_contains(outlets->entries, name))
      continue;
    if (start(outlets, name, values, voice, &error)) {
      say(voice, name, GATEWAY_OK, "");
    } else {
      gw_warning(GW_SUBJECT_OUTLET, name, "%s", error->message);
      say(voice, name, GATEWAY_FAILED_GIVE_UP, error->message);
    }
  }
}

/* ---- */

static void
publish(GwOutlets *outlets, GwPublish *order, const GwMessage *message)
{
  gboolean has_bytes = !order->is_nothing && !order->is_there;
  int fd = has_bytes && message->n_fds > 0 ? message->fds[0] : -1;
  Entry *entry = g_hash_table_lookup(outlets->entries, order->outlet);
  const char *why = !entry                ? "there is no such outlet now"
                    : has_bytes && fd < 0 ? "the descriptor was lost on the way"
                                          : NULL;
  const GwPublished refused = { .id = order->id,
                                .outlet = order->outlet,
                                .result = GATEWAY_FAILED_RETRY,
                                .text = (char *)"",
                                .trouble = (char *)why };

  if (why) {
    outlets->say(outlets->say_user, &refused);
    return;
  }
  gw_outlet_publish(entry->outlet, order, fd);
  if (fd >= 0)
    message->fds[0] = -1;
}

void
gw_outlets_message(GwOutlets *outlets, const GwMessage *message)
{
  GwPublish order = { 0 };

  if (!gw_publish_unpack(message->payload, &order))
    return;
  publish(outlets, &order, message);
  gw_publish_clear(&order);
}

void
gw_outlets_stop(GwOutlets *outlets)
{
  retire(outlets, NULL);
  forget_ended(outlets, 0);
}

gboolean
gw_outlets_has_ended(GwOutlets *outlets, gint64 until_us)
{
  forget_ended(outlets, until_us);
  return outlets->retired->len == 0 && g_hash_table_size(outlets->entries) == 0;
}
