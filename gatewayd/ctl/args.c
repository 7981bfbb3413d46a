/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a command reads from its parsed options and operands. */
#include <string.h>

#include "base/error.h"
#include "ctl/command.h"

gboolean
gw_args_has(const GwArgs *args, const char *name)
{
  return g_hash_table_contains(args->values, name);
}

const char *
gw_args_text(const GwArgs *args, const char *name, const char *fallback)
{
  GVariant *value = g_hash_table_lookup(args->values, name);

  return value ? g_variant_get_string(value, NULL) : fallback;
}

guint32
gw_args_number(const GwArgs *args, const char *name, guint32 fallback)
{
  GVariant *value = g_hash_table_lookup(args->values, name);

  return value ? g_variant_get_uint32(value) : fallback;
}

const char **
gw_args_texts(const GwArgs *args, const char *name)
{
  GVariant *value = g_hash_table_lookup(args->values, name);

  return value ? g_variant_get_strv(value, NULL) : g_new0(const char *, 1);
}

void
gw_args_add_form(const GwArgs *args, GVariantBuilder *builder)
{
  for (const GwArg *arg = args->args; arg && arg->name; arg++) {
    GVariant *value = arg->key ? g_hash_table_lookup(args->values, arg->name) : NULL;

    if (value)
      g_variant_builder_add(builder, "{sv}", arg->key, value);
  }
}

gboolean
gw_args_add_pairs(const GwArgs *args, const char *name, GVariantBuilder *builder, GError **error)
{
  g_autofree const char **pairs = gw_args_texts(args, name);

  for (const char **pair = pairs; *pair; pair++) {
    const char *equals = strchr(*pair, '=');
    g_autofree char *key = equals ? g_strndup(*pair, (gsize)(equals - *pair)) : NULL;

    if (!equals || equals == *pair)
      return gw_fail(error, GW_ERROR_BAD_INPUT, "--%s=%s: expected KEY=VALUE", name, *pair);
    g_variant_builder_add(builder, "{sv}", key, g_variant_new_string(equals + 1));
  }
  return TRUE;
}

gboolean
gw_args_id(const GwArgs *args, guint i, const char *noun, gint64 *ret_id, GError **error)
{
  if (g_ascii_string_to_signed(args->operands[i], 10, 1, G_MAXINT64, ret_id, NULL))
    return TRUE;
  return gw_fail(error, GW_ERROR_BAD_INPUT,
                 "\"%s\" is no id: the number in the first column of \"gatewayctl %s\"", args->operands[i],
                 noun);
}
