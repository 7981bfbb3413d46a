/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Many nodes set aside, or returned, at once: by name, place, label or product. */
#include <string.h>

#include "base/error.h"
#include "control/bulk.h"
#include "control/commands-private.h"
#include "control/form.h"
#include "control/scheduler.h"

#define NODES_MAX 10000
#define REASON_MAX 200

static const GwFormKey WHO_KEYS[] = {
  { "nodes", 'a' }, { "location", 's' }, { "label", 's' }, { "product", 's' }, { NULL, 0 },
};

/* ---- who ---- */

static gboolean
has_label(const GwNode *node, const char *label)
{
  return !label || g_ptr_array_find_with_equal_func(node->labels, label, g_str_equal, NULL);
}

static gboolean
is_meant(const GwNode *node, GVariant *who)
{
  const char *product = gw_form_text(who, "product", NULL), *location = gw_form_text(who, "location", NULL);

  return node->is_adopted && (!product || strcmp(node->product, product) == 0) &&
         (!location || gw_location_match(location, node->location)) &&
         has_label(node, gw_form_text(who, "label", NULL));
}

static gboolean
take_named(GwCore *core, GVariant *who, char **ids, GPtrArray *found, GError **error)
{
  g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);

  for (char **id = ids; *id; id++) {
    GwNode *node = gw_commands_node(core, *id, error);

    if (!node)
      return FALSE;
    if (is_meant(node, who) && g_hash_table_add(seen, node))
      g_ptr_array_add(found, g_strdup(node->id));
  }
  return TRUE;
}

static void
take_all(GwCore *core, GVariant *who, GPtrArray *found)
{
  GHashTableIter iter;
  gpointer node;

  gw_registry_iter(core->registry, &iter);
  while (g_hash_table_iter_next(&iter, NULL, &node))
    if (is_meant(node, who))
      g_ptr_array_add(found, g_strdup(((GwNode *)node)->id));
}

/* Ids of those that are meant, and adopted. NULL and the error. */
static GPtrArray *
find(GwCore *core, GVariant *who, GError **error)
{
  g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(g_free);
  g_auto(GStrv) ids = NULL;

  if (!gw_form_check(who, WHO_KEYS, NULL, error))
    return NULL;
  ids = gw_form_list(who, "nodes");
  if (g_variant_n_children(who) == 0 || (ids && !*ids)) {
    gw_fail(error, GW_ERROR_BAD_INPUT,
            "which nodes? name them, or say location, label or product; location \"**\" is all of them");
    return NULL;
  }
  if (ids && !take_named(core, who, ids, found, error))
    return NULL;
  if (!ids)
    take_all(core, who, found);
  if (found->len > NODES_MAX) {
    gw_fail(error, GW_ERROR_BAD_INPUT, "these are %u nodes, and at most %d are done at once", found->len,
            NODES_MAX);
    return NULL;
  }
  return g_steal_pointer(&found);
}

/* ---- what ---- */

typedef struct {
  GwCore *core;
  GwChange *change;
  GPtrArray *ids;
  char *reason;
  gboolean is_aside;
  guint n_changed;
  GwThen then;
} Aside;

static void
aside_free(Aside *aside)
{
  g_clear_pointer(&aside->change, gw_change_free);
  g_ptr_array_unref(aside->ids);
  g_free(aside->reason);
  g_free(aside);
}

static void
set_one(gpointer job, guint index)
{
  Aside *aside = job;
  GwNode *node = gw_registry_find(aside->core->registry, aside->ids->pdata[index]);
  GwAbout about = { .reason = aside->reason };

  if (!node || node->is_set_aside == aside->is_aside)
    return;
  about.node = node->id;
  node->is_set_aside = aside->is_aside;
  node->n_failures = 0;
  gw_shared_text_set(&node->set_aside_reason, aside->is_aside ? aside->reason : "");
  gw_rows_put_node(gw_change_batch(aside->change), node);
  if (aside->is_aside)
    gw_change_say(aside->change, "node.set-aside", &about, "%s was set aside: %s", node->id, aside->reason);
  else
    gw_change_say(aside->change, "node.returned", &about, "%s was returned", node->id);
  aside->n_changed++;
}

static void
on_done(gpointer job)
{
  Aside *aside = job;

  gw_change_finish(g_steal_pointer(&aside->change), aside->then, g_variant_new("(u)", aside->n_changed));
  if (aside->n_changed)
    gw_scheduler_changed(aside->core);
  aside_free(aside);
}

static void
on_stopped(gpointer job)
{
  Aside *aside = job;
  g_autoptr(GError) error = NULL;

  gw_fail(&error, GW_ERROR_STOPPED, "the gateway is stopping");
  aside->then.done(NULL, error, aside->then.user);
  aside_free(aside);
}

/* How many of them would change. */
static guint
count(const GwCore *core, const GPtrArray *ids, gboolean is_aside)
{
  guint n = 0;

  for (guint i = 0; i < ids->len; i++)
    n += gw_registry_find(core->registry, ids->pdata[i])->is_set_aside != is_aside;
  return n;
}

void
gw_command_set_aside(GwCore *core, const GwCaller *caller, GVariant *who, const GwAsideOrder *order,
                     GwThen then)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GPtrArray) ids = find(core, who, &error);
  g_autofree char *by = g_strdup_printf("by %s", caller->name);
  GwBulkWork work = { ids ? ids->len : 0, set_one, on_done, on_stopped };
  Aside *aside;

  if (ids && strlen(order->reason) > REASON_MAX)
    gw_fail(&error, GW_ERROR_BAD_INPUT, "the reason has more than %d bytes", REASON_MAX);
  if (error) {
    gw_then_fail(core, then, g_steal_pointer(&error));
    return;
  }
  if (order->is_dry_run) {
    gw_then_succeed(core, then, g_variant_new("(u)", count(core, ids, order->is_aside)));
    return;
  }
  aside = g_new0(Aside, 1);
  *aside = (Aside){ core,
                    gw_change_new(core, caller),
                    g_steal_pointer(&ids),
                    *order->reason ? g_strdup_printf("%s (%s)", order->reason, by) : g_strdup(by),
                    order->is_aside,
                    0,
                    then };
  if (gw_bulk_begin(core, &work, aside, &error))
    return;
  aside_free(aside);
  gw_then_fail(core, then, g_steal_pointer(&error));
}
