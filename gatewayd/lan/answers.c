/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lan/answers.h"

#include <string.h>

#define TEXT_MAX 64

struct GwAnswers {
  GHashTable *given;   /* GwGiven, by claim.who */
  GHashTable *of_node; /* GwGiven, by node: the first of each; those of unnamed ones are not in it */
  GwWordsPool *pool;
  GwGiven *heard;  /* list of those with contacts not told yet */
  GArray *parting; /* GwContact in boot time, of entries that went meanwhile */
  guint32 epoch;
};

/* ---- one answer ---- */

GwGiven *
gw_given_new(GwWordsPool *pool, const GwAnswer *answer)
{
  const char *node = answer->node ? answer->node : "", *token = answer->token ? answer->token : "";
  gsize node_size = strnlen(node, TEXT_MAX), token_size = strnlen(token, TEXT_MAX);
  GwGiven *given = g_malloc0(sizeof *given + node_size + token_size + 2);

  given->words = gw_words_get(pool, answer);
  given->until_ms = answer->verb && *answer->verb ? 0 : answer->until_boot_ms; /* a verb is said once */
  given->early_ms = answer->bytes_until_boot_ms > 0 && answer->bytes_until_boot_ms <= given->until_ms
                        ? (guint32)MIN(given->until_ms - answer->bytes_until_boot_ms, G_MAXINT32)
                        : G_MAXUINT32;
  given->kind = (guint8)answer->kind;
  given->epoch = answer->epoch;
  given->update = answer->update;
  given->is_adopted = answer->is_adopted != 0;
  given->is_group = answer->is_group != 0;
  given->token_at = (guint8)(node_size + 1);
  given->size = (guint8)(node_size + token_size + 2);
  memcpy(given->texts, node, node_size);
  memcpy(given->texts + given->token_at, token, token_size);
  return given;
}

GwGiven *
gw_given_copy(const GwGiven *given)
{
  GwGiven *copy = g_memdup2(given, sizeof *given + given->size);

  copy->next = copy->previous = copy->of_node = copy->of_node_before = NULL;
  copy->n_heard = 0;
  gw_words_ref(copy->words);
  return copy;
}

void
gw_given_free(GwGiven *given)
{
  if (!given)
    return;
  gw_words_unref(given->words);
  g_free(given);
}

const char *
gw_given_node(const GwGiven *given)
{
  return given->texts;
}

const char *
gw_given_token(const GwGiven *given)
{
  return given->texts + given->token_at;
}

static void
view_image(const GwGiven *given, GatewayImage *image)
{
  const GwWords *words = given->words;
  const GwAnswer *answer = &words->answer;

  image->token = gateway_text(gw_given_token(given));
  image->name = gateway_text(answer->name);
  image->size = answer->size;
  image->sha256 = (GatewayText){ words->sha256, 64 };
  image->sha1 = (GatewayText){ words->sha1, 40 };
  image->md5 = (GatewayText){ words->md5, 32 };
  image->crc32 = answer->digests.crc32;
  image->product = gateway_text(answer->product);
  image->type = gateway_text(answer->type);
  image->hardware_version = gateway_text(answer->hardware_version);
  image->software_version = gateway_text(answer->software_version);
  image->notes = gateway_text(answer->notes);
  image->n_attributes = words->n_attributes;
  for (guint i = 0; i < words->n_attributes; i++)
    image->attributes[i] =
        (GatewayPair){ gateway_text(words->attributes[i][0]), gateway_text(words->attributes[i][1]) };
}

void
gw_given_view(const GwGiven *given, GatewayAnswer *ret_answer)
{
  const GwAnswer *answer = &given->words->answer;

  memset(ret_answer, 0, offsetof(GatewayAnswer, pairs));
  ret_answer->size = sizeof *ret_answer;
  ret_answer->kind = (GatewayAnswerKind)given->kind;
  ret_answer->reason = (GatewayReason)answer->reason;
  ret_answer->wait_s = answer->wait_s;
  ret_answer->update = given->update;
  ret_answer->mode = answer->mode;
  ret_answer->node = gateway_text(gw_given_node(given));
  ret_answer->verb = gateway_text(answer->verb);
  ret_answer->verb_argument = gateway_text(answer->verb_argument);
  if (answer->size > 0)
    view_image(given, &ret_answer->image);
}

/* ---- the cache ---- */

static guint
hash_given(gconstpointer key)
{
  return (guint)((const GwGiven *)key)->claim.who;
}

static gboolean
equal_given(gconstpointer a, gconstpointer b)
{
  return ((const GwGiven *)a)->claim.who == ((const GwGiven *)b)->claim.who;
}

static guint
hash_node(gconstpointer key)
{
  return g_str_hash(gw_given_node(key));
}

static gboolean
equal_node(gconstpointer a, gconstpointer b)
{
  return strcmp(gw_given_node(a), gw_given_node(b)) == 0;
}

GwAnswers *
gw_answers_new(void)
{
  GwAnswers *answers = g_new0(GwAnswers, 1);

  answers->given = g_hash_table_new(hash_given, equal_given);
  answers->of_node = g_hash_table_new(hash_node, equal_node);
  answers->pool = gw_words_pool_new();
  answers->parting = g_array_new(FALSE, FALSE, sizeof(GwContact));
  g_array_set_clear_func(answers->parting, (GDestroyNotify)gw_contact_clear);
  return answers;
}

/* Moves its contacts out of the entry. */
static void
part(GwAnswers *answers, GwGiven *given)
{
  char address[GW_ADDRESS_TEXT];

  if (given->n_heard == 0)
    return;
  gw_address_format(&given->peer, address);
  GwContact contact = { .node = g_strdup(gw_given_node(given)),
                        .address = g_strdup(address),
                        .first_ms = given->first_ms,
                        .last_ms = given->last_ms,
                        .count = given->n_heard,
                        .kind = given->ask_kind };
  g_array_append_val(answers->parting, contact);
  *(given->previous ? &given->previous->next : &answers->heard) = given->next;
  if (given->next)
    given->next->previous = given->previous;
  given->next = given->previous = NULL;
  given->n_heard = 0;
}

static void
index_node(GwAnswers *answers, GwGiven *given)
{
  if (!*gw_given_node(given))
    return;
  given->of_node = g_hash_table_lookup(answers->of_node, given);
  if (given->of_node)
    given->of_node->of_node_before = given;
  g_hash_table_replace(answers->of_node, given, given);
}

static void
unindex_node(GwAnswers *answers, GwGiven *given)
{
  if (given->of_node)
    given->of_node->of_node_before = given->of_node_before;
  if (given->of_node_before)
    given->of_node_before->of_node = given->of_node;
  else if (given->of_node)
    g_hash_table_replace(answers->of_node, given->of_node, given->of_node);
  else if (*gw_given_node(given))
    g_hash_table_remove(answers->of_node, given);
}

static void
drop(GwAnswers *answers, GwGiven *given)
{
  part(answers, given);
  unindex_node(answers, given);
  gw_given_free(given);
}

typedef struct {
  GwAnswers *answers;
  const char *token;
  gint64 now_ms;
  guint n_more; /* so many of those that are still good go, too */
} Sweep;

static gboolean
is_swept(gpointer key, gpointer value, gpointer user)
{
  GwGiven *given = value;
  Sweep *sweep = user;
  gboolean is_void = given->until_ms <= sweep->now_ms || given->epoch != sweep->answers->epoch ||
                     (sweep->token && strcmp(sweep->token, gw_given_token(given)) == 0);

  if (!is_void && sweep->n_more == 0)
    return FALSE;
  sweep->n_more -= is_void ? 0 : 1;
  drop(sweep->answers, given);
  return TRUE;
}

static void
sweep_all(GwAnswers *answers, Sweep sweep)
{
  sweep.answers = answers;
  g_hash_table_foreach_remove(answers->given, is_swept, &sweep);
}

void
gw_answers_free(GwAnswers *answers)
{
  if (!answers)
    return;
  sweep_all(answers, (Sweep){ .now_ms = G_MAXINT64 });
  g_hash_table_unref(answers->given);
  g_hash_table_unref(answers->of_node);
  g_array_unref(answers->parting);
  gw_words_pool_free(answers->pool);
  g_free(answers);
}

GwWordsPool *
gw_answers_words(GwAnswers *answers)
{
  return answers->pool;
}

guint
gw_answers_size(const GwAnswers *answers)
{
  return g_hash_table_size(answers->given);
}

void
gw_answers_forget(GwAnswers *answers, const GwClaim *claim)
{
  GwGiven key = { .claim = *claim };
  GwGiven *given = g_hash_table_lookup(answers->given, &key);

  if (!given)
    return;
  g_hash_table_remove(answers->given, given);
  drop(answers, given);
}

GwGiven *
gw_answers_keep(GwAnswers *answers, GwGiven *given, gint64 now_ms)
{
  gw_answers_forget(answers, &given->claim);
  if (given->until_ms <= now_ms || given->epoch != answers->epoch)
    return given;
  if (g_hash_table_size(answers->given) >= GW_ANSWERS_MAX)
    sweep_all(answers, (Sweep){ .now_ms = now_ms, .n_more = GW_ANSWERS_MAX / 8 });
  g_hash_table_add(answers->given, given);
  index_node(answers, given);
  return NULL;
}

static void
hear(GwAnswers *answers, GwGiven *given, gint64 now_ms)
{
  if (given->n_heard++ == 0) {
    given->first_ms = now_ms;
    given->next = answers->heard;
    if (answers->heard)
      answers->heard->previous = given;
    answers->heard = given;
  }
  given->last_ms = now_ms;
}

static GwGiven *
find(GwAnswers *answers, const GwClaim *claim, gint64 now_ms)
{
  GwGiven key = { .claim = *claim };
  GwGiven *given = g_hash_table_lookup(answers->given, &key);

  if (!given || given->claim.what != claim->what || given->epoch != answers->epoch ||
      given->until_ms <= now_ms)
    return NULL;
  return given;
}

const GwGiven *
gw_answers_find(GwAnswers *answers, const GwClaim *claim, gint64 now_ms)
{
  GwGiven *given = find(answers, claim, now_ms);

  if (given)
    hear(answers, given, now_ms);
  return given;
}

GwGiven *
gw_answers_take_bytes(GwAnswers *answers, const GwClaim *offer, GatewayText image, gint64 now_ms)
{
  GwGiven *given = find(answers, offer, now_ms), *copy;

  if (!given || given->kind != GATEWAY_ANSWER_OFFER || given->early_ms == G_MAXUINT32 ||
      given->until_ms - given->early_ms <= now_ms ||
      (image.size > 0 && !gateway_text_equal(image, given->words->answer.name)))
    return NULL;
  given->early_ms = G_MAXUINT32;
  copy = gw_given_copy(given);
  copy->kind = GATEWAY_ANSWER_BYTES;
  copy->until_ms = 0;
  return copy;
}

void
gw_answers_set_epoch(GwAnswers *answers, guint32 epoch)
{
  answers->epoch = epoch;
}

void
gw_answers_forget_all(GwAnswers *answers)
{
  sweep_all(answers, (Sweep){ .now_ms = G_MAXINT64 });
}

void
gw_answers_forget_node(GwAnswers *answers, const char *node)
{
  gsize size = strnlen(node, TEXT_MAX);
  g_autofree GwGiven *key = g_malloc0(sizeof *key + size + 1);
  GwGiven *given;

  memcpy(key->texts, node, size);
  while (*node && (given = g_hash_table_lookup(answers->of_node, key)) != NULL) {
    g_hash_table_remove(answers->given, given);
    drop(answers, given);
  }
}

void
gw_answers_forget_token(GwAnswers *answers, const char *token)
{
  sweep_all(answers, (Sweep){ .now_ms = G_MININT64, .token = token });
}

GVariant *
gw_answers_take_contacts(GwAnswers *answers, guint max, gint64 now_ms, gint64 wall_ms)
{
  GArray *parting = answers->parting;
  GVariant *payload;
  guint n;

  while (answers->heard && parting->len < max)
    part(answers, answers->heard);
  n = MIN(parting->len, max);
  if (n == 0)
    return NULL;
  for (guint i = 0; i < n; i++) {
    GwContact *contact = &g_array_index(parting, GwContact, i);
    contact->first_ms += wall_ms - now_ms;
    contact->last_ms += wall_ms - now_ms;
  }
  payload = gw_contacts_pack((const GwContact *)(void *)parting->data, n);
  g_array_remove_range(parting, 0, n);
  return payload;
}
