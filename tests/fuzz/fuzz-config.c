/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The configuration: what is refused names its line, and what is taken can be asked for everything. */
#include <stdint.h>
#include <string.h>

#include "base/config.h"
#include "base/error.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const GwOption options[] = {
  { "daemon", "text", GW_OPTION_STRING, "x", 0, 0, NULL, "" },
  { "daemon", "number", GW_OPTION_INTEGER, "5", -10, 10, NULL, "" },
  { "daemon", "size", GW_OPTION_SIZE, "1KiB", 1, 1 << 20, NULL, "" },
  { "daemon", "wait", GW_OPTION_DURATION, "1s", 1000, 60000, NULL, "" },
  { "daemon", "flag", GW_OPTION_BOOLEAN, "no", 0, 0, NULL, "" },
  { "daemon", "list", GW_OPTION_LIST, "", 0, 0, NULL, "" },
  { "daemon", "mode", GW_OPTION_CHOICE, "a", 0, 0, "a|b", "" },
  { "daemon", "path", GW_OPTION_PATH, NULL, 0, 0, NULL, "" },
  { NULL, NULL, 0, NULL, 0, 0, NULL, NULL },
};
static const char *const instanced[] = { "plugin", NULL };
static const GwConfigSchema schema = { options, instanced, instanced };

static void
ask_instances(const GwConfig *config)
{
  g_auto(GStrv) names = gw_config_instances(config, "plugin");

  for (char **name = names; *name; name++) {
    g_autoptr(GVariant) section = g_variant_ref_sink(gw_config_section(config, "plugin", *name));
    GVariantIter iter;
    const char *key, *value;

    g_assert(**name && strlen(*name) <= 64);
    g_variant_iter_init(&iter, section);
    while (g_variant_iter_next(&iter, "{&s&s}", &key, &value)) {
      g_assert_cmpstr(gw_config_text(config, "plugin", *name, key), ==, value);
      g_assert(g_str_has_prefix(gw_config_where(config, "plugin", *name, key), "fuzz:"));
      gw_config_duration_ms(config, "plugin", *name, key);
    }
  }
}

static void
ask_everything(const GwConfig *config)
{
  g_auto(GStrv) list = gw_config_list(config, "daemon", NULL, "list");
  const char *path = gw_config_text(config, "daemon", NULL, "path");
  gint64 number = gw_config_integer(config, "daemon", NULL, "number");
  gint64 bytes = gw_config_size(config, "daemon", NULL, "size");
  gint64 wait_ms = gw_config_duration_ms(config, "daemon", NULL, "wait");

  g_assert(number >= -10 && number <= 10);
  g_assert(bytes >= 1 && bytes <= 1 << 20);
  g_assert(wait_ms >= 1000 && wait_ms <= 60000);
  g_assert(!path || *path == '/');
  gw_config_boolean(config, "daemon", NULL, "flag");
  ask_instances(config);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GwConfig) config = gw_config_load_text(&schema, "fuzz", (const char *)data, size, &error);

  g_assert(!config == !!error);
  if (config)
    ask_everything(config);
  else
    g_assert(error->code == GW_ERROR_BAD_INPUT && g_str_has_prefix(error->message, "fuzz:"));
  return 0;
}
