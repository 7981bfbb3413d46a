/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control/numbering.h"

#include <string.h>

#include "base/error.h"
#include "control/form.h"

#define LIMITS_MAX 64

const GatewayNumbering *
gw_numbering_of(const GwCore *core, const GwFirmware *firmware)
{
  const GwProduct *product = gw_products_find(core->firmwares, firmware->product);
  const char *name = *firmware->plugin ? firmware->plugin : product ? product->plugin : "";
  const GatewayPlugin *plugin = gw_plugins_find(core->plugins, name);

  return plugin && plugin->numbering.label ? &plugin->numbering : NULL;
}

/* 0 = it is none. */
static gint64
number_of(const char *text)
{
  gint64 number = 0;

  return g_ascii_string_to_signed(text, 10, 0, G_MAXINT32, &number, NULL) ? number : 0;
}

static gboolean
is_limited(const GatewayNumberLimit *limit, const GwNode *node)
{
  const char *value =
      limit->attribute && node->attributes ? g_hash_table_lookup(node->attributes, limit->attribute) : NULL;

  return !limit->attribute || g_strcmp0(value, limit->value) == 0;
}

void
gw_number_scope_add(GwNumberScope *scope, const GwNode *node)
{
  const GwComponent *component = gw_node_component_for(node, scope->type);
  gint64 running = component ? number_of(component->software_version) : 0;

  scope->told = MAX(scope->told, MAX(node->told_number, running));
  for (guint32 i = 0; i < MIN(scope->numbering->n_limits, LIMITS_MAX); i++)
    if (is_limited(&scope->numbering->limits[i], node))
      scope->are_limited |= G_GUINT64_CONSTANT(1) << i;
}

gint64
gw_number_propose(const GwNumberScope *scope)
{
  return MAX(scope->told + 1, scope->numbering->min);
}

static gboolean
is_overridden(const char *overrides, const char *name)
{
  g_auto(GStrv) names = g_strsplit(overrides, ",", -1);

  return g_strv_contains((const char *const *)names, name);
}

/* The first that stands in the way: the number is beyond it, or jumps onto it, after which nothing could
 * follow. */
static const GatewayNumberLimit *
find_limit(const GwNumberScope *scope, gint64 number, const char *overrides)
{
  gint64 proposed = gw_number_propose(scope);

  for (guint32 i = 0; i < MIN(scope->numbering->n_limits, LIMITS_MAX); i++) {
    const GatewayNumberLimit *limit = &scope->numbering->limits[i];
    gboolean is_last = number == limit->max && number > proposed;

    if (scope->are_limited >> i & 1 && (number > limit->max || is_last) &&
        !is_overridden(overrides, limit->name))
      return limit;
  }
  return NULL;
}

static gboolean
check_overrides(const GatewayNumbering *numbering, const char *overrides, GError **error)
{
  g_auto(GStrv) names = g_strsplit(overrides, ",", -1); /* of "" there are none */
  g_autoptr(GString) known = g_string_new(NULL);

  for (guint32 i = 0; i < numbering->n_limits; i++)
    g_string_append_printf(known, "%s%s", i ? ", " : "", numbering->limits[i].name);
  for (char **name = names; *name; name++) {
    gboolean is_known = FALSE;

    for (guint32 i = 0; i < numbering->n_limits; i++)
      is_known |= strcmp(numbering->limits[i].name, *name) == 0;
    if (!is_known)
      return gw_fail(error, GW_ERROR_BAD_INPUT, "there is no limit \"%.64s\" to override; there are: %s",
                     *name, known->str);
  }
  return TRUE;
}

gboolean
gw_number_check(const GwNumberScope *scope, gint64 number, const char *overrides, GError **error)
{
  const GatewayNumbering *numbering = scope->numbering;
  const GatewayNumberLimit *limit;

  if (!check_overrides(numbering, overrides, error))
    return FALSE;
  limit = find_limit(scope, number, overrides);
  if (number < numbering->min || number > numbering->max)
    return gw_fail(error, GW_ERROR_BAD_INPUT,
                   "%s %" G_GINT64_FORMAT " cannot be said: it is %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT,
                   numbering->label, number, numbering->min, numbering->max);
  if (number <= scope->told)
    return gw_fail(error, GW_ERROR_BAD_INPUT,
                   "%s %" G_GINT64_FORMAT " is not above %" G_GINT64_FORMAT
                   ", which one of the nodes was told or runs: they would refuse it",
                   numbering->label, number, scope->told);
  if (limit)
    return gw_fail(error, GW_ERROR_BAD_INPUT,
                   "%s %" G_GINT64_FORMAT " %s %" G_GINT64_FORMAT ": %s; next would be %" G_GINT64_FORMAT
                   ", and --override=%s does it all the same",
                   numbering->label, number, number > limit->max ? "is above" : "jumps to", limit->max,
                   limit->reason, gw_number_propose(scope), limit->name);
  return TRUE;
}

gboolean
gw_number_pick(const GwNumberScope *scope, const char *entered, const char *overrides, char **ret_number,
               GError **error)
{
  gint64 number;

  if (!scope->numbering && (*entered || *overrides))
    return gw_fail(error, GW_ERROR_BAD_INPUT,
                   "this make is told no number with a publication, or its transport is away");
  if (!scope->numbering) {
    *ret_number = g_strdup("");
    return TRUE;
  }
  number = gw_number_propose(scope);
  if (*entered && !g_ascii_string_to_signed(entered, 10, G_MININT64, G_MAXINT64, &number, error))
    return FALSE;
  if (!gw_number_check(scope, number, overrides, error))
    return FALSE;
  *ret_number = g_strdup_printf("%" G_GINT64_FORMAT, number);
  return TRUE;
}

void
gw_number_read_form(GVariant *form, char **ret_entered, char **ret_overrides)
{
  g_auto(GStrv) overrides = gw_form_list(form, "override");

  *ret_entered = gw_form_has(form, "number")
                     ? g_strdup_printf("%" G_GINT64_FORMAT, gw_form_integer(form, "number", 0))
                     : g_strdup("");
  *ret_overrides = overrides ? g_strjoinv(",", overrides) : g_strdup("");
}

/* ---- at the offer ---- */

const char *
gw_number_why_not(const GwCore *core, const GwNode *node, const GwRule *rule, const GwFirmware *firmware)
{
  GwNumberScope scope = { .numbering = gw_numbering_of(core, firmware), .type = firmware->type };
  gint64 number = number_of(rule->number);
  const GatewayNumberLimit *limit;

  if (!scope.numbering)
    return NULL;
  if (!number)
    return "the rule has no number that its make needs: publish the firmware anew";
  gw_number_scope_add(&scope, node);
  if (node->told_firmware > firmware->id && !(rule->is_push && firmware->is_downgrade_allowed))
    return "the node was offered a newer firmware; only a push as a downgrade brings an older one";
  if (number == node->told_number && firmware->id == node->told_firmware)
    return NULL;
  if (number <= scope.told)
    return "the rule's number is not above one that the node was told: publish the firmware with a greater "
           "one";
  limit = find_limit(&scope, number, rule->overrides);
  return limit ? limit->reason : NULL;
}

gboolean
gw_number_told(GwNode *node, const GwRule *rule)
{
  gint64 number = number_of(rule->number);

  if (!number)
    return FALSE;
  node->told_number = MAX(node->told_number, number);
  node->told_firmware = gw_rule_firmware(rule, 0);
  return TRUE;
}
