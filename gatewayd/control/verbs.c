/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control/verbs.h"

#include <string.h>

#include "control/core-private.h"

#define KEY "verb "

struct GwVerbs {
  GHashTable *by_node;
};

void
gw_verb_free(GwVerb *verb)
{
  if (!verb)
    return;
  g_free(verb->plugin);
  g_free(verb->name);
  g_free(verb->argument);
  g_free(verb);
}

GwVerbs *
gw_verbs_new(void)
{
  GwVerbs *verbs = g_new0(GwVerbs, 1);

  verbs->by_node = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)gw_verb_free);
  return verbs;
}

void
gw_verbs_free(GwVerbs *verbs)
{
  if (!verbs)
    return;
  g_hash_table_unref(verbs->by_node);
  g_free(verbs);
}

/* A verb of no words is none. */
static void
put_row(const char *node, const GwVerb *verb, GwChange *change)
{
  g_autofree char *key = g_strconcat(KEY, node, NULL);
  g_autofree char *value =
      verb ? g_strdup_printf("%s\n%s\n%s", verb->plugin, verb->name, verb->argument) : g_strdup("");

  gw_rows_put_meta(gw_change_batch(change), key, value);
}

void
gw_verbs_put(GwCore *core, const char *node, GwVerb *verb, GwChange *change)
{
  put_row(node, verb, change);
  g_hash_table_replace(core->verbs->by_node, g_strdup(node), verb);
}

GwVerb *
gw_verbs_take(GwCore *core, const char *node, GwChange *change)
{
  g_autofree char *key = NULL;
  GwVerb *verb = NULL;

  if (!g_hash_table_steal_extended(core->verbs->by_node, node, (gpointer *)&key, (gpointer *)&verb))
    return NULL;
  put_row(node, NULL, change);
  gw_change_say(change, "node.verb-done", &(GwAbout){ .node = node }, "%s was told: %s %s", node, verb->name,
                verb->argument);
  return verb;
}

const GwVerb *
gw_verbs_peek(const GwVerbs *verbs, const char *node)
{
  return g_hash_table_lookup(verbs->by_node, node);
}

void
gw_verbs_load(GwVerbs *verbs, const char *key, const char *value)
{
  g_auto(GStrv) words = g_strsplit(value, "\n", 3);
  GwVerb *verb;

  if (!g_str_has_prefix(key, KEY) || g_strv_length(words) != 3)
    return;
  verb = g_new0(GwVerb, 1);
  *verb = (GwVerb){ g_strdup(words[0]), g_strdup(words[1]), g_strdup(words[2]) };
  g_hash_table_replace(verbs->by_node, g_strdup(key + strlen(KEY)), verb);
}
