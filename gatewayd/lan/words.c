/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lan/words.h"

struct GwWordsPool {
  GHashTable *words; /* GBytes of the words -> GwWords */
};

GwWordsPool *
gw_words_pool_new(void)
{
  GwWordsPool *pool = g_new0(GwWordsPool, 1);

  pool->words = g_hash_table_new(g_bytes_hash, g_bytes_equal);
  return pool;
}

void
gw_words_pool_free(GwWordsPool *pool)
{
  if (!pool)
    return;
  g_assert(g_hash_table_size(pool->words) == 0);
  g_hash_table_unref(pool->words);
  g_free(pool);
}

guint
gw_words_pool_size(const GwWordsPool *pool)
{
  return g_hash_table_size(pool->words);
}

static void
list_attributes(GwWords *words)
{
  GVariantIter iter;

  if (!words->answer.attributes)
    return;
  g_variant_iter_init(&iter, words->answer.attributes);
  while (words->n_attributes < GW_WORDS_ATTRIBUTES &&
         g_variant_iter_next(&iter, "{&s&s}", &words->attributes[words->n_attributes][0],
                             &words->attributes[words->n_attributes][1]))
    words->n_attributes++;
}

static GwWords *
words_new(GwWordsPool *pool, GVariant *packed, GBytes *key)
{
  GwWords *words = g_new0(GwWords, 1);

  g_assert(gw_answer_unpack(packed, &words->answer)); /* we packed it ourselves */
  words->pool = pool;
  words->key = g_bytes_ref(key);
  gw_hex(words->answer.digests.sha256, 32, words->sha256);
  gw_hex(words->answer.digests.sha1, 20, words->sha1);
  gw_hex(words->answer.digests.md5, 16, words->md5);
  list_attributes(words);
  g_hash_table_insert(pool->words, words->key, words);
  return words;
}

GwWords *
gw_words_get(GwWordsPool *pool, const GwAnswer *answer)
{
  GwAnswer common = *answer;

  common.node = common.token = NULL;
  common.update = 0;
  common.until_boot_ms = common.bytes_until_boot_ms = 0;
  common.epoch = 0;
  common.is_adopted = common.is_group = FALSE;
  g_autoptr(GVariant) packed = g_variant_ref_sink(gw_answer_pack(&common));
  g_autoptr(GBytes) key = g_variant_get_data_as_bytes(packed);
  GwWords *words = g_hash_table_lookup(pool->words, key);
  return gw_words_ref(words ? words : words_new(pool, packed, key));
}

GwWords *
gw_words_ref(GwWords *words)
{
  words->refs++;
  return words;
}

void
gw_words_unref(GwWords *words)
{
  if (!words || --words->refs > 0)
    return;
  g_hash_table_remove(words->pool->words, words->key);
  g_bytes_unref(words->key);
  gw_answer_clear(&words->answer);
  g_free(words);
}
