/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lan/answers.h"
#include <string.h>

#define KEY_MAX 320 /* longer ones are never kept */

/* A key without its own memory: points to the stack while looking, into the entry once kept. */
typedef struct {
  const char *data;
  guint size, hash;
} Key;

typedef struct Entry Entry;
struct Entry {
  Key key;
  Entry *older, *newer; /* by last use */
  Entry *same_node;     /* next entry of the same registry node */
  guint64 claim;        /* digest of the claim it answers */
  GwAnswer answer;
  char *address;
  guint32 n_contacts;       /* not yet told */
  guint place;              /* in `contacted`, while n_contacts > 0 */
  gint64 first_ms, last_ms; /* of those, wall */
  char text[];              /* the key's bytes */
};

struct GwAnswers {
  GHashTable *entries;  /* Key * -> Entry, which holds the key */
  GHashTable *by_node;  /* registry id -> first Entry; the key is that entry's answer.node */
  GHashTable *adopted;  /* addresses */
  GPtrArray *contacted; /* entries with contacts to tell; a freed one leaves a NULL */
  Entry *oldest, *newest;
  guint max;
  guint32 epoch;
  guint64 seed;
};

static guint
key_hash(gconstpointer key)
{
  return ((const Key *)key)->hash;
}

static gboolean
key_equal(gconstpointer a, gconstpointer b)
{
  const Key *left = a, *right = b;
  return left->hash == right->hash && left->size == right->size &&
         memcmp(left->data, right->data, left->size) == 0;
}

/* FNV-1a from a random start: a node could only collide with its own claims. */
static guint64
mix(guint64 hash, const char *text, gsize size)
{
  for (gsize i = 0; i < size; i++)
    hash = (hash ^ (guint8)text[i]) * G_GUINT64_CONSTANT(1099511628211);
  return hash;
}

static guint64
digest_claim(const GwAnswers *answers, const GwAskKey *key)
{
  guint64 hash = answers->seed;
  for (guint i = 0; i < G_N_ELEMENTS(key->claim); i++) {
    const char *text = key->claim[i];
    hash = text ? mix(hash, text, strlen(text) + 1) : mix(hash, "\1", 1);
  }
  return hash;
}

/* FALSE if it does not fit. */
static gboolean
make_key(const GwAnswers *answers, const GwAskKey *key, char buffer[KEY_MAX], Key *ret_key)
{
  gboolean is_named = key->node && *key->node;
  int size = g_snprintf(buffer, KEY_MAX, "%d %s %c%s %s", key->kind, key->plugin, is_named ? 'n' : 'a',
                        is_named ? key->node : key->address, key->type ? key->type : "");
  if (size >= KEY_MAX)
    return FALSE;
  guint64 hash = mix(answers->seed, buffer, (gsize)size);
  *ret_key = (Key){ buffer, (guint)size, (guint)(hash ^ (hash >> 32)) };
  return TRUE;
}

/* ---- lists ---- */

static void
unlink_used(GwAnswers *answers, Entry *entry)
{
  *(entry->older ? &entry->older->newer : &answers->oldest) = entry->newer;
  *(entry->newer ? &entry->newer->older : &answers->newest) = entry->older;
}

static void
link_newest(GwAnswers *answers, Entry *entry)
{
  entry->older = answers->newest;
  entry->newer = NULL;
  *(answers->newest ? &answers->newest->newer : &answers->oldest) = entry;
  answers->newest = entry;
}

static void
unlink_node(GwAnswers *answers, Entry *entry)
{
  const char *node = entry->answer.node;
  Entry *first = node && *node ? g_hash_table_lookup(answers->by_node, node) : NULL;
  if (first == entry) {
    g_hash_table_remove(answers->by_node, node);
    if (entry->same_node) /* the key's memory changes with the first entry */
      g_hash_table_insert(answers->by_node, entry->same_node->answer.node, entry->same_node);
    return;
  }
  for (; first; first = first->same_node) {
    if (first->same_node == entry)
      first->same_node = entry->same_node;
  }
}

static void
link_node(GwAnswers *answers, Entry *entry)
{
  const char *node = entry->answer.node;
  entry->same_node = NULL;
  if (!node || !*node)
    return;
  Entry *first = g_hash_table_lookup(answers->by_node, node);
  if (first) {
    entry->same_node = first->same_node;
    first->same_node = entry;
  } else {
    g_hash_table_insert(answers->by_node, entry->answer.node, entry);
  }
}

static void
drop(GwAnswers *answers, Entry *entry)
{
  g_hash_table_remove(answers->entries, &entry->key);
  unlink_used(answers, entry);
  unlink_node(answers, entry);
  if (entry->n_contacts)
    answers->contacted->pdata[entry->place] = NULL;
  gw_answer_clear(&entry->answer);
  g_free(entry->address);
  g_free(entry);
}

/* ---- life ---- */

GwAnswers *
gw_answers_new(guint max)
{
  GwAnswers *answers = g_new0(GwAnswers, 1);
  answers->entries = g_hash_table_new(key_hash, key_equal);
  answers->by_node = g_hash_table_new(g_str_hash, g_str_equal);
  answers->adopted = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  answers->contacted = g_ptr_array_new();
  answers->max = max ? max : GW_ANSWERS_MAX;
  gw_random(&answers->seed, sizeof answers->seed);
  return answers;
}

void
gw_answers_free(GwAnswers *answers)
{
  if (!answers)
    return;
  gw_answers_forget_all(answers);
  g_hash_table_unref(answers->entries);
  g_hash_table_unref(answers->by_node);
  g_hash_table_unref(answers->adopted);
  g_ptr_array_unref(answers->contacted);
  g_free(answers);
}

/* ---- finding ---- */

static void
count_contact(GwAnswers *answers, Entry *entry, gint64 wall_ms)
{
  if (entry->n_contacts++ == 0) {
    entry->first_ms = wall_ms;
    entry->place = answers->contacted->len;
    g_ptr_array_add(answers->contacted, entry);
  }
  entry->last_ms = wall_ms;
}

static gboolean
is_fresh(const GwAnswers *answers, const Entry *entry, guint64 claim, gint64 boot_ms)
{
  return entry->claim == claim && entry->answer.epoch >= answers->epoch &&
         boot_ms < entry->answer.until_boot_ms;
}

const GwAnswer *
gw_answers_find(GwAnswers *answers, const GwAskKey *key, gint64 boot_ms, gint64 wall_ms)
{
  char buffer[KEY_MAX];
  Key wanted;
  Entry *entry =
      make_key(answers, key, buffer, &wanted) ? g_hash_table_lookup(answers->entries, &wanted) : NULL;
  if (!entry)
    return NULL;
  gboolean has_moved = g_strcmp0(entry->address, key->address) != 0;
  if (has_moved || !is_fresh(answers, entry, digest_claim(answers, key), boot_ms))
    return NULL; /* kept for its contacts until the new answer replaces it */
  unlink_used(answers, entry);
  link_newest(answers, entry);
  count_contact(answers, entry, wall_ms);
  return &entry->answer;
}

/* ---- keeping ---- */

static void
note_adopted(GwAnswers *answers, const char *address, gboolean is_adopted)
{
  if (!is_adopted)
    g_hash_table_remove(answers->adopted, address);
  else if (!g_hash_table_contains(answers->adopted, address)) {
    if (g_hash_table_size(answers->adopted) >= answers->max)
      g_hash_table_remove_all(answers->adopted);
    g_hash_table_add(answers->adopted, g_strdup(address));
  }
}

static Entry *
new_entry(GwAnswers *answers, const Key *key)
{
  Entry *entry = g_malloc0(sizeof *entry + key->size + 1);
  memcpy(entry->text, key->data, key->size);
  entry->key = (Key){ entry->text, key->size, key->hash };
  g_hash_table_insert(answers->entries, &entry->key, entry);
  link_newest(answers, entry);
  return entry;
}

void
gw_answers_keep(GwAnswers *answers, const GwAskKey *key, GwAnswer *answer, gint64 boot_ms)
{
  char buffer[KEY_MAX];
  Key wanted;
  note_adopted(answers, key->address, answer->is_adopted);
  if (answer->until_boot_ms <= boot_ms || answer->epoch < answers->epoch ||
      !make_key(answers, key, buffer, &wanted)) {
    gw_answer_clear(answer);
    return;
  }
  Entry *entry = g_hash_table_lookup(answers->entries, &wanted);
  if (entry) {
    unlink_node(answers, entry);
    gw_answer_clear(&entry->answer);
  } else {
    if (g_hash_table_size(answers->entries) >= answers->max)
      drop(answers, answers->oldest);
    entry = new_entry(answers, &wanted);
  }
  entry->claim = digest_claim(answers, key);
  entry->answer = *answer;
  *answer = (GwAnswer){ 0 };
  g_free(entry->address);
  entry->address = g_strdup(key->address);
  link_node(answers, entry);
}

void
gw_answers_set_epoch(GwAnswers *answers, guint32 epoch)
{
  answers->epoch = epoch;
}

void
gw_answers_forget_node(GwAnswers *answers, const char *node)
{
  Entry *entry;
  while ((entry = g_hash_table_lookup(answers->by_node, node)))
    drop(answers, entry);
}

void
gw_answers_forget_all(GwAnswers *answers)
{
  while (answers->oldest)
    drop(answers, answers->oldest);
}

guint
gw_answers_size(const GwAnswers *answers)
{
  return g_hash_table_size(answers->entries);
}

gboolean
gw_answers_is_adopted(const GwAnswers *answers, const char *address)
{
  return g_hash_table_contains(answers->adopted, address);
}

/* ---- contacts ---- */

static void
clear_contact(gpointer contact)
{
  gw_contact_clear(contact);
}

GArray *
gw_answers_take_contacts(GwAnswers *answers, guint max)
{
  guint n = MIN(answers->contacted->len, max);
  if (n == 0)
    return NULL;
  GArray *contacts = g_array_new(FALSE, TRUE, sizeof(GwContact));
  g_array_set_clear_func(contacts, clear_contact);
  for (guint i = 0; i < n; i++) {
    Entry *entry = g_ptr_array_steal_index(answers->contacted, answers->contacted->len - 1);
    if (!entry)
      continue;
    GwContact contact = { .node = g_strdup(entry->answer.node),
                          .address = g_strdup(entry->address),
                          .first_ms = entry->first_ms,
                          .last_ms = entry->last_ms,
                          .count = entry->n_contacts };
    contact.kind = entry->text[0] - '0';
    g_array_append_val(contacts, contact);
    entry->n_contacts = 0;
  }
  return contacts;
}
