/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control/rule-index.h"

#include <string.h>

#define LIST_MAX                                                                                             \
  1000 /* of a longer one each text is asked for, rather than stand here: starting it is cheap */
#define PREFIX_MAX 64
#define PLACE_MAX 256

typedef enum { BY_NODE, BY_MAC, BY_IMEI, BY_PREFIX, BY_LABEL, BY_PLACE, BY_PRODUCT, N_WAYS } Way;

/* Rules under one text, as they go before each other. */
typedef struct {
  char *key;
  Way way;
  GPtrArray *rules;
} Bucket;

struct GwRuleIndex {
  GHashTable *buckets[N_WAYS];       /* key, borrowed from the bucket -> Bucket, owned */
  GHashTable *of_rule;               /* GwRule -> GPtrArray of the Buckets that it stands in */
  guint n_of_length[PREFIX_MAX + 1]; /* prefixes of each length */
};

/* ---- buckets ---- */

static void
bucket_free(gpointer data)
{
  Bucket *bucket = data;

  g_free(bucket->key);
  g_ptr_array_unref(bucket->rules);
  g_free(bucket);
}

GwRuleIndex *
gw_rule_index_new(void)
{
  GwRuleIndex *index = g_new0(GwRuleIndex, 1);

  for (Way way = BY_NODE; way < N_WAYS; way++)
    index->buckets[way] = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, bucket_free);
  index->of_rule = g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)g_ptr_array_unref);
  return index;
}

void
gw_rule_index_free(GwRuleIndex *index)
{
  if (!index)
    return;
  g_hash_table_unref(index->of_rule);
  for (Way way = BY_NODE; way < N_WAYS; way++)
    g_hash_table_unref(index->buckets[way]);
  g_free(index);
}

static Bucket *
bucket_of(GwRuleIndex *index, Way way, const char *key)
{
  Bucket *bucket = g_hash_table_lookup(index->buckets[way], key);

  if (bucket)
    return bucket;
  bucket = g_new(Bucket, 1);
  *bucket = (Bucket){ g_strdup(key), way, g_ptr_array_sized_new(1) };
  g_hash_table_insert(index->buckets[way], bucket->key, bucket);
  if (way == BY_PREFIX)
    index->n_of_length[strlen(key)]++;
  return bucket;
}

static void
put_under(GwRuleIndex *index, Way way, const char *key, GwRule *rule)
{
  Bucket *bucket = bucket_of(index, way, key);
  GPtrArray *own = g_hash_table_lookup(index->of_rule, rule);
  guint at = 0;

  while (at < bucket->rules->len && gw_rule_goes_before(bucket->rules->pdata[at], rule))
    at++;
  if (at < bucket->rules->len && bucket->rules->pdata[at] == rule)
    return; /* two of its firmwares are for one product */
  g_ptr_array_insert(bucket->rules, (int)at, rule);
  g_ptr_array_add(own, bucket);
}

void
gw_rule_index_remove(GwRuleIndex *index, GwRule *rule)
{
  GPtrArray *own = g_hash_table_lookup(index->of_rule, rule);

  for (guint i = 0; own && i < own->len; i++) {
    Bucket *bucket = own->pdata[i];

    g_ptr_array_remove(bucket->rules, rule);
    if (bucket->rules->len > 0)
      continue;
    if (bucket->way == BY_PREFIX)
      index->n_of_length[strlen(bucket->key)]--;
    g_hash_table_remove(index->buckets[bucket->way], bucket->key);
  }
  g_hash_table_remove(index->of_rule, rule);
}

/* ---- where a rule stands ---- */

/* The levels of a path that hold no glob; 0 = none. */
static gsize
measure_place(const char *pattern)
{
  gsize size = strcspn(pattern, "*?");

  if (pattern[size] == '\0')
    return size;
  while (size > 0 && pattern[size - 1] != '/')
    size--;
  return size > 0 ? size - 1 : 0;
}

typedef gboolean (*Fits)(const char *text);

static gboolean
is_any(const char *text)
{
  return *text != '\0';
}

static gboolean
is_prefix(const char *text)
{
  return *text && strlen(text) <= PREFIX_MAX;
}

static gboolean
is_place(const char *text)
{
  gsize size = measure_place(text);

  return size > 0 && size < PLACE_MAX;
}

/* May the rule stand under each text of @list? TRUE also without a list. */
static gboolean
fits(GHashTable *list, Fits each)
{
  GHashTableIter iter;
  gpointer text;

  if (!list)
    return TRUE;
  if (g_hash_table_size(list) > LIST_MAX)
    return FALSE;
  g_hash_table_iter_init(&iter, list);
  while (g_hash_table_iter_next(&iter, &text, NULL))
    if (!each(text))
      return FALSE;
  return TRUE;
}

static void
put_under_all(GwRuleIndex *index, Way way, GHashTable *list, GwRule *rule)
{
  GHashTableIter iter;
  gpointer text;

  if (!list)
    return;
  g_hash_table_iter_init(&iter, list);
  while (g_hash_table_iter_next(&iter, &text, NULL)) {
    g_autofree char *key = way == BY_PLACE ? g_strndup(text, measure_place(text)) : NULL;

    put_under(index, way, key ? key : text, rule);
  }
}

static void
put_under_products(GwRuleIndex *index, GwRule *rule, const GwFirmwares *firmwares)
{
  for (guint i = 0; i < rule->firmwares->len; i++) {
    const GwFirmware *firmware = gw_firmwares_find(firmwares, gw_rule_firmware(rule, i));

    if (firmware)
      put_under(index, BY_PRODUCT, firmware->product, rule);
  }
}

static gboolean
is_named(const GwWho *who)
{
  return (who->nodes || who->macs || who->imeis || who->prefixes) && fits(who->nodes, is_any) &&
         fits(who->macs, is_any) && fits(who->imeis, is_any) && fits(who->prefixes, is_prefix);
}

void
gw_rule_index_add(GwRuleIndex *index, GwRule *rule, const GwFirmwares *firmwares)
{
  const GwWho *who = &rule->who;

  g_hash_table_insert(index->of_rule, rule, g_ptr_array_new());
  if (is_named(who)) {
    put_under_all(index, BY_NODE, who->nodes, rule);
    put_under_all(index, BY_MAC, who->macs, rule);
    put_under_all(index, BY_IMEI, who->imeis, rule);
    put_under_all(index, BY_PREFIX, who->prefixes, rule);
  } else if (who->labels && fits(who->labels, is_any)) {
    put_under_all(index, BY_LABEL, who->labels, rule);
  } else if (who->locations && fits(who->locations, is_place)) {
    put_under_all(index, BY_PLACE, who->locations, rule);
  } else {
    put_under_products(index, rule, firmwares);
  }
}

/* ---- what concerns a node ---- */

static void
collect(const GwRuleIndex *index, Way way, const char *key, GPtrArray *found)
{
  const Bucket *bucket = g_hash_table_lookup(index->buckets[way], key);

  for (guint i = 0; bucket && i < bucket->rules->len; i++)
    if (way == BY_PRODUCT || !g_ptr_array_find(found, bucket->rules->pdata[i], NULL))
      g_ptr_array_add(found, bucket->rules->pdata[i]);
}

static gboolean
has(const GwRuleIndex *index, Way way)
{
  return g_hash_table_size(index->buckets[way]) > 0;
}

static void
collect_by_aliases(const GwRuleIndex *index, const GwNode *node, GPtrArray *found)
{
  for (guint i = 0; i < node->aliases->len; i++) {
    const char *alias = node->aliases->pdata[i];

    if (g_str_has_prefix(alias, "mac="))
      collect(index, BY_MAC, alias + strlen("mac="), found);
    else if (g_str_has_prefix(alias, "imei="))
      collect(index, BY_IMEI, alias + strlen("imei="), found);
  }
}

static void
collect_by_prefixes(const GwRuleIndex *index, const char *id, GPtrArray *found)
{
  gsize size = MIN(strlen(id), PREFIX_MAX);
  char prefix[PREFIX_MAX + 1];

  for (gsize length = 1; length <= size; length++) {
    if (index->n_of_length[length] == 0)
      continue;
    memcpy(prefix, id, length);
    prefix[length] = '\0';
    collect(index, BY_PREFIX, prefix, found);
  }
}

/* "Site 7/Hall 3" lies in "Site 7/Hall 3" and in "Site 7". */
static void
collect_by_place(const GwRuleIndex *index, const char *location, GPtrArray *found)
{
  char place[PLACE_MAX];
  char *end;

  g_strlcpy(place, location, sizeof place); /* what is cut off, no rule stands under */
  while (*place) {
    collect(index, BY_PLACE, place, found);
    end = strrchr(place, '/');
    *(end ? end : place) = '\0';
  }
}

void
gw_rule_index_collect(const GwRuleIndex *index, const GwNode *node, GPtrArray *found)
{
  if (has(index, BY_NODE))
    collect(index, BY_NODE, node->id, found);
  if (has(index, BY_MAC) && *node->mac)
    collect(index, BY_MAC, node->mac, found);
  if (has(index, BY_IMEI))
    collect(index, BY_IMEI, node->id, found);
  if (has(index, BY_MAC) || has(index, BY_IMEI))
    collect_by_aliases(index, node, found);
  if (has(index, BY_PREFIX))
    collect_by_prefixes(index, node->id, found);
  for (guint i = 0; i < node->labels->len && has(index, BY_LABEL); i++)
    collect(index, BY_LABEL, node->labels->pdata[i], found);
  if (has(index, BY_PLACE))
    collect_by_place(index, node->location, found);
  collect(index, BY_PRODUCT, node->product, found);
}
