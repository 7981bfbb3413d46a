/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an answer says, without to whom: the image, the reason, the wait. Equal words are one object, so that
 * ten thousand nodes that hear the same cost it once. Immutable, reference-counted, one thread. */
#pragma once
#include "link/messages.h"

#define GW_WORDS_ATTRIBUTES 16

typedef struct GwWords GwWords;
struct GwWords {
  guint refs;
  struct GwWordsPool *pool;
  GBytes *key;     /* what makes it equal to another */
  GwAnswer answer; /* node, token, update, until, epoch are nobody's: zero */
  char sha256[65], sha1[41], md5[33];
  guint n_attributes;
  const char *attributes[GW_WORDS_ATTRIBUTES][2]; /* inside answer.attributes */
};

typedef struct GwWordsPool GwWordsPool;
GwWordsPool *gw_words_pool_new(void);
/* Every reference to its words must have gone. */
void gw_words_pool_free(GwWordsPool *pool);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwWordsPool, gw_words_pool_free)
GwWords *gw_words_get(GwWordsPool *pool, const GwAnswer *answer);
GwWords *gw_words_ref(GwWords *words);
void gw_words_unref(GwWords *words);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwWords, gw_words_unref)
guint gw_words_pool_size(const GwWordsPool *pool);
