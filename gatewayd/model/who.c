/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/who.h"
#include <string.h>

const GwWhoList gw_who_lists[] = {
  { "nodes", G_STRUCT_OFFSET(GwWho, nodes) },
  { "prefixes", G_STRUCT_OFFSET(GwWho, prefixes) },
  { "macs", G_STRUCT_OFFSET(GwWho, macs) },
  { "imeis", G_STRUCT_OFFSET(GwWho, imeis) },
  { "products", G_STRUCT_OFFSET(GwWho, products) },
  { "locations", G_STRUCT_OFFSET(GwWho, locations) },
  { "labels", G_STRUCT_OFFSET(GwWho, labels) },
  { "hardware", G_STRUCT_OFFSET(GwWho, hardware) },
  { "transports", G_STRUCT_OFFSET(GwWho, transports) },
  { "versions", G_STRUCT_OFFSET(GwWho, versions) },
  { NULL, 0 },
};

GHashTable **
gw_who_list(const GwWho *who, const GwWhoList *list)
{
  return (GHashTable **)((char *)who + list->offset);
}

GHashTable *
gw_who_set_new(void)
{
  return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
}

void
gw_who_clear(GwWho *who)
{
  for (const GwWhoList *list = gw_who_lists; list->key; list++)
    g_clear_pointer(gw_who_list(who, list), g_hash_table_unref);
}

/* ---- by name ---- */

static gboolean
has_listed_alias(GHashTable *set, const GwNode *node, const char *prefix)
{
  for (guint i = 0; i < node->aliases->len; i++) {
    const char *alias = g_ptr_array_index(node->aliases, i);
    if (g_str_has_prefix(alias, prefix) && g_hash_table_contains(set, alias + strlen(prefix)))
      return TRUE;
  }
  return FALSE;
}

static gboolean
has_listed_prefix(GHashTable *prefixes, const char *id)
{
  GHashTableIter iter;
  gpointer prefix;
  g_hash_table_iter_init(&iter, prefixes);
  while (g_hash_table_iter_next(&iter, &prefix, NULL))
    if (g_str_has_prefix(id, prefix))
      return TRUE;
  return FALSE;
}

static gboolean
is_named(const GwWho *who, const GwNode *node)
{
  if (!who->nodes && !who->prefixes && !who->macs && !who->imeis)
    return TRUE;
  if (who->nodes && g_hash_table_contains(who->nodes, node->id))
    return TRUE;
  if (who->macs && (g_hash_table_contains(who->macs, node->mac) || has_listed_alias(who->macs, node, "mac=")))
    return TRUE;
  if (who->imeis &&
      (g_hash_table_contains(who->imeis, node->id) || has_listed_alias(who->imeis, node, "imei=")))
    return TRUE;
  return who->prefixes && has_listed_prefix(who->prefixes, node->id);
}

/* ---- by what it is, and how ---- */

static gboolean
is_in_location(GHashTable *patterns, const char *location)
{
  GHashTableIter iter;
  gpointer pattern;
  g_hash_table_iter_init(&iter, patterns);
  while (g_hash_table_iter_next(&iter, &pattern, NULL))
    if (gw_location_match(pattern, location))
      return TRUE;
  return FALSE;
}

static gboolean
has_label(GHashTable *labels, const GwNode *node)
{
  for (guint i = 0; i < node->labels->len; i++)
    if (g_hash_table_contains(labels, g_ptr_array_index(node->labels, i)))
      return TRUE;
  return FALSE;
}

/* "80", "80%", "-85 dBm". FALSE when it does not say. */
static gboolean
read_measure(const GwNode *node, const char *key, gint64 *ret_value)
{
  const char *text = node->attributes ? g_hash_table_lookup(node->attributes, key) : NULL;
  char *end = NULL;
  gint64 value = text ? g_ascii_strtoll(text, &end, 10) : 0;
  if (!text || end == text)
    return FALSE;
  *ret_value = value;
  return TRUE;
}

static gboolean
is_above(const GwWho *who, const GwNode *node, const char *key, gint64 floor)
{
  gint64 value;
  if (!floor)
    return TRUE;
  return read_measure(node, key, &value) ? value >= floor : who->is_unmeasured_included;
}

gboolean
gw_who_fits(const GwWho *who, const GwNode *node, const GwComponent *component, const char **ret_reason)
{
  const char *hardware = component ? component->hardware_version : "";
  const char *reason = NULL;
  if (!is_named(who, node))
    reason = "the node is in none of the rule's lists of ids, MACs and IMEIs";
  else if (who->products && !g_hash_table_contains(who->products, node->product))
    reason = "the rule is for another product";
  else if (who->locations && !is_in_location(who->locations, node->location))
    reason = "the rule is for another location";
  else if (who->labels && !has_label(who->labels, node))
    reason = "the node bears none of the rule's labels";
  else if (who->hardware && !g_hash_table_contains(who->hardware, hardware))
    reason = "the rule is for other hardware versions, or the node's is not known";
  else if (who->transports && !g_hash_table_contains(who->transports, node->plugin))
    reason = "the rule is for nodes of another transport";
  else if (!is_above(who, node, "battery", who->min_battery))
    reason = "the node's battery is below the rule's floor, or not known";
  else if (!is_above(who, node, "signal", who->min_signal))
    reason = "the node's signal is below the rule's floor, or not known";
  if (reason && ret_reason)
    *ret_reason = reason;
  return reason == NULL;
}

gboolean
gw_who_was_heard(const GwWho *who, const GwNode *node, const GwNow *now)
{
  return !who->heard_within_ms || !now->is_trusted || now->wall_ms - node->last_ms <= who->heard_within_ms;
}

/* ---- versions ---- */

/* FALSE = it is a version alone. Either end may be "". Caller frees both. */
static gboolean
split_range(const char *text, char **ret_first, char **ret_last)
{
  const char *dots = strstr(text, "..");
  if (!dots)
    return FALSE;
  *ret_first = g_strndup(text, (gsize)(dots - text));
  *ret_last = g_strdup(dots + 2);
  return TRUE;
}

static const char *
why_no_end(const char *text, GwVersionScheme scheme)
{
  if (!*text || gw_version_check(scheme, text, NULL))
    return NULL;
  return "an end of the range is no version of the product's scheme";
}

const char *
gw_who_check_version(const char *text, GwVersionScheme scheme)
{
  g_autofree char *first = NULL;
  g_autofree char *last = NULL;
  const char *why;
  if (!split_range(text, &first, &last))
    return gw_version_check(scheme, text, NULL) ? NULL : "it is no version of the product's scheme";
  if (scheme == GW_VERSION_OPAQUE)
    return "the product's versions have no order, so that there are no ranges";
  if (!*first && !*last)
    return "the range has no ends";
  if ((why = why_no_end(first, scheme)) || (why = why_no_end(last, scheme)))
    return why;
  if (*first && *last && gw_version_compare(scheme, first, last) == GW_ORDER_GREATER)
    return "the range runs backwards";
  return NULL;
}

/* UNKNOWN: the version has no place in it. EQUAL: it is inside. */
static GwOrder
place_in(const char *range, const char *version, GwVersionScheme scheme)
{
  g_autofree char *first = NULL;
  g_autofree char *last = NULL;
  GwOrder order = GW_ORDER_EQUAL;
  if (!split_range(range, &first, &last))
    return GW_ORDER_GREATER;
  if (*first && (order = gw_version_compare(scheme, version, first)) == GW_ORDER_UNKNOWN)
    return order;
  if (*first && order == GW_ORDER_LESS)
    return order;
  if (*last && (order = gw_version_compare(scheme, version, last)) == GW_ORDER_UNKNOWN)
    return order;
  return *last && order == GW_ORDER_GREATER ? order : GW_ORDER_EQUAL;
}

static gboolean
is_listed_version(const GwWho *who, const char *version, GwVersionScheme scheme)
{
  GHashTableIter iter;
  gpointer text;
  if (g_hash_table_contains(who->versions, version))
    return TRUE;
  g_hash_table_iter_init(&iter, who->versions);
  while (g_hash_table_iter_next(&iter, &text, NULL)) {
    GwOrder place = place_in(text, version, scheme);
    if (place == GW_ORDER_EQUAL || (place == GW_ORDER_UNKNOWN && who->is_unknown_included))
      return TRUE;
  }
  return FALSE;
}

gboolean
gw_who_takes_version(const GwWho *who, const GwComponent *component, GwVersionScheme scheme,
                     const char **ret_reason)
{
  const char *reason = NULL;
  if (!gw_component_is_known(component)) {
    if (!who->is_unknown_included)
      reason = "the node's version is unknown, and the rule does not include such nodes";
  } else if (who->versions && !is_listed_version(who, component->software_version, scheme)) {
    reason = "the rule is for nodes that run other versions";
  }
  if (reason && ret_reason)
    *ret_reason = reason;
  return reason == NULL;
}

/* ---- as text ---- */

static void
say_list(GString *line, const char *key, GHashTable *set)
{
  GHashTableIter iter;
  gpointer text = NULL;
  if (!set)
    return;
  g_hash_table_iter_init(&iter, set);
  g_string_append_printf(line, "%s%s ", line->len ? ", " : "", key);
  if (g_hash_table_size(set) == 1 && g_hash_table_iter_next(&iter, &text, NULL))
    g_string_append(line, text);
  else
    g_string_append_printf(line, "(%u)", g_hash_table_size(set));
}

static void
say_floor(GString *line, const char *key, gint64 floor)
{
  if (floor)
    g_string_append_printf(line, "%s%s %" G_GINT64_FORMAT, line->len ? ", " : "", key, floor);
}

char *
gw_who_text(const GwWho *who)
{
  GString *line = g_string_new(NULL);
  for (const GwWhoList *list = gw_who_lists; list->key; list++)
    say_list(line, list->key, *gw_who_list(who, list));
  say_floor(line, "heard-within-hours", (who->heard_within_ms + 3599999) / 3600000);
  say_floor(line, "battery-at-least", who->min_battery);
  say_floor(line, "signal-at-least", who->min_signal);
  return g_string_free(line, FALSE);
}

/* ---- locations ---- */

/* One character further, whole UTF-8 sequences at a time, never past the NUL. */
static const char *
next_char(const char *text)
{
  text++;
  while ((*text & 0xC0) == 0x80)
    text++;
  return text;
}

static gboolean
same_char(const char *a, const char *b)
{
  gsize size = (gsize)(next_char(a) - a);
  return size == (gsize)(next_char(b) - b) && memcmp(a, b, size) == 0;
}

/* One level of a path, both without '/'. Goes back to the last star only, so it is never exponential. */
static gboolean
level_match(const char *pattern, const char *pattern_end, const char *text, const char *text_end)
{
  const char *star = NULL, *star_text = NULL;
  while (text < text_end) {
    if (pattern < pattern_end && *pattern == '*') {
      star = ++pattern;
      star_text = text;
    } else if (pattern < pattern_end && (*pattern == '?' || same_char(pattern, text))) {
      pattern = next_char(pattern);
      text = next_char(text);
    } else if (star) {
      pattern = star;
      text = star_text = next_char(star_text);
    } else {
      return FALSE;
    }
  }
  while (pattern < pattern_end && *pattern == '*')
    pattern++;
  return pattern == pattern_end;
}

gboolean
gw_location_match(const char *pattern, const char *location)
{
  if (*pattern == '\0')
    return TRUE;
  if (*location == '\0') /* no levels at all, which is not one level of no characters */
    return strcmp(pattern, "**") == 0;
  for (;;) {
    if (strcmp(pattern, "**") == 0)
      return TRUE;
    const char *pattern_end = strchrnul(pattern, '/');
    const char *location_end = strchrnul(location, '/');
    if (!level_match(pattern, pattern_end, location, location_end))
      return FALSE;
    if (*location_end == '\0')
      return *pattern_end == '\0' || strcmp(pattern_end, "/**") == 0;
    if (*pattern_end == '\0')
      return FALSE;
    pattern = pattern_end + 1;
    location = location_end + 1;
  }
}
