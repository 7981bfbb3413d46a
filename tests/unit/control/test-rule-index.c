/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The index may offer too many rules, and never one too few: it is held against asking every rule, over rules
 * and nodes by chance, while rules come, change and go. */
#include "control/rules.h"

#include <string.h>

#define N_RULES 200
#define N_NODES 300
#define N_CHANGES 400

typedef struct {
  GRand *rand;
  GwFirmwares *firmwares;
  GwRules *rules;
  GPtrArray *nodes;
} Site;

static const char *const PRODUCTS[] = { "weather", "water", "wind" };
static const char *const PLACES[] = { "", "A", "A/B", "A/B/C", "A/BB", "D", "D/E", "Ä/Ö" };
static const char *const PATTERNS[] = {
  "A", "A/*", "A/**", "A/B*", "*", "**", "A/?", "D/E", "Ä/*", "A/B/C/**"
};
static const char *const PREFIXES[] = { "n", "n1", "n12", "x", "n1234" };
static const char *const LABELS[] = { "roof", "cellar", "north" };

#define CHANCE(site, list) (list)[g_rand_int_range((site)->rand, 0, G_N_ELEMENTS(list))]

static gboolean
is_so(Site *site, int percent)
{
  return g_rand_int_range(site->rand, 0, 100) < percent;
}

static void
add_text(GHashTable **list, char *text)
{
  if (!*list)
    *list = gw_who_set_new();
  g_hash_table_add(*list, text);
}

/* ---- by chance ---- */

static char *
any_id(Site *site)
{
  return g_strdup_printf("n%d", g_rand_int_range(site->rand, 0, N_NODES));
}

static char *
any_mac(Site *site)
{
  int n = g_rand_int_range(site->rand, 0, N_NODES);

  return g_strdup_printf("02:00:00:00:%02x:%02x", n >> 8, n & 255);
}

static void
ask_for_names(Site *site, GwWho *who)
{
  for (int i = 0; i < 3; i++) {
    if (is_so(site, 20))
      add_text(&who->nodes, any_id(site));
    if (is_so(site, 20))
      add_text(&who->macs, any_mac(site));
    if (is_so(site, 10))
      add_text(&who->imeis, any_id(site));
    if (is_so(site, 10))
      add_text(&who->prefixes, g_strdup(CHANCE(site, PREFIXES)));
  }
}

static void
ask_for_more(Site *site, GwWho *who)
{
  for (int i = 0; i < 2; i++) {
    if (is_so(site, 20))
      add_text(&who->labels, g_strdup(CHANCE(site, LABELS)));
    if (is_so(site, 40))
      add_text(&who->locations, g_strdup(CHANCE(site, PATTERNS)));
  }
}

static void
add_rule(Site *site, gint64 id)
{
  GwRule *rule = gw_rule_new("any");

  rule->id = id;
  rule->state = is_so(site, 80) ? GW_RULE_RUNNING : GW_RULE_DRAFT;
  rule->priority = g_rand_int_range(site->rand, -1, 2);
  for (gint64 firmware = 1; firmware <= 4; firmware++)
    if (is_so(site, 50))
      gw_rule_add_firmware(rule, firmware);
  if (is_so(site, 50))
    ask_for_names(site, &rule->who);
  if (is_so(site, 70))
    ask_for_more(site, &rule->who);
  gw_rules_add(site->rules, rule);
}

static void
add_node(Site *site, int number)
{
  g_autofree char *id = g_strdup_printf("n%d", number);
  g_autofree char *mac = any_mac(site);
  GwNode *node = gw_node_new(id);

  gw_shared_text_set(&node->product, CHANCE(site, PRODUCTS));
  gw_shared_text_set(&node->location, CHANCE(site, PLACES));
  if (is_so(site, 50))
    g_strlcpy(node->mac, mac, sizeof node->mac);
  else
    g_ptr_array_add(node->aliases, g_strconcat("mac=", mac, NULL));
  if (is_so(site, 20))
    g_ptr_array_add(node->aliases, g_strdup_printf("imei=n%d", g_rand_int_range(site->rand, 0, N_NODES)));
  for (guint i = 0; i < G_N_ELEMENTS(LABELS); i++)
    if (is_so(site, 30))
      g_ptr_array_add(node->labels, g_strdup(LABELS[i]));
  g_ptr_array_add(site->nodes, node);
}

static void
add_firmware(Site *site, gint64 id, const char *product)
{
  GwFirmware *firmware = gw_firmware_new();

  firmware->id = id;
  g_free(firmware->product);
  firmware->product = g_strdup(product);
  gw_firmwares_add(site->firmwares, firmware);
}

/* ---- what must hold ---- */

static gboolean
is_for(const Site *site, const GwRule *rule, const GwNode *node)
{
  for (guint i = 0; i < rule->firmwares->len; i++)
    if (gw_rule_targets(rule, node, gw_firmwares_find(site->firmwares, gw_rule_firmware(rule, i)), NULL))
      return TRUE;
  return FALSE;
}

static void
check_node(Site *site, const GwNode *node, guint *n_spared)
{
  g_autoptr(GPtrArray) found = g_ptr_array_new();
  g_autoptr(GHashTable) once = g_hash_table_new(NULL, NULL);
  GHashTableIter iter;
  gpointer rule;

  gw_rules_collect(site->rules, node, found);
  for (guint i = 0; i < found->len; i++)
    g_assert_true(g_hash_table_add(once, found->pdata[i]));
  gw_rules_iter(site->rules, &iter);
  while (g_hash_table_iter_next(&iter, NULL, &rule)) {
    if (!gw_rule_is_live(rule))
      g_assert_false(g_hash_table_contains(once, rule));
    else if (is_for(site, rule, node))
      g_assert_true(g_hash_table_contains(once, rule));
    else
      *n_spared += g_hash_table_contains(once, rule) ? 0 : 1;
  }
}

static void
check_all(Site *site)
{
  guint n_spared = 0;

  for (guint i = 0; i < site->nodes->len; i++)
    check_node(site, site->nodes->pdata[i], &n_spared);
  g_assert_cmpuint(n_spared, >, site->nodes->len); /* it is of use */
}

static void
change_one(Site *site, gint64 id)
{
  GwRule *rule = gw_rules_find(site->rules, id);

  if (is_so(site, 10)) {
    gw_rules_remove(site->rules, rule);
    add_rule(site, id);
  } else if (is_so(site, 50)) {
    rule->state = gw_rule_is_live(rule) ? GW_RULE_STOPPED : GW_RULE_RUNNING;
  } else {
    GwFirmware *firmware = gw_firmwares_find(site->firmwares, g_rand_int_range(site->rand, 1, 5));

    g_free(firmware->product);
    firmware->product = g_strdup(CHANCE(site, PRODUCTS));
  }
  gw_rules_reindex(site->rules);
}

static void
test_never_one_too_few(void)
{
  Site site = { .rand = g_rand_new_with_seed((guint32)g_test_rand_int()),
                .firmwares = gw_firmwares_new(),
                .nodes = g_ptr_array_new_with_free_func((GDestroyNotify)gw_node_free) };

  site.rules = gw_rules_new(site.firmwares);
  for (gint64 id = 1; id <= 4; id++)
    add_firmware(&site, id, PRODUCTS[(id - 1) % G_N_ELEMENTS(PRODUCTS)]);
  for (int i = 0; i < N_NODES; i++)
    add_node(&site, i);
  for (gint64 id = 1; id <= N_RULES; id++)
    add_rule(&site, id);
  check_all(&site);
  for (int i = 0; i < N_CHANGES; i++) {
    change_one(&site, g_rand_int_range(site.rand, 1, N_RULES + 1));
    if (i % 40 == 0)
      check_all(&site);
  }
  check_all(&site);
  gw_rules_free(site.rules);
  gw_firmwares_free(site.firmwares);
  g_ptr_array_unref(site.nodes);
  g_rand_free(site.rand);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/control/rule-index/never-one-too-few", test_never_one_too_few);
  return g_test_run();
}
