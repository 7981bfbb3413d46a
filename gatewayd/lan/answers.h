/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Answers that may be given again without asking the core: decisions may not go stale, so each carries its
 * end, the epoch it was decided in, and the claim it was an answer to. A changed claim, a later epoch or a
 * passed end is a miss. Bounded: the least recently used goes first. Contacts answered from here are counted
 * and told in batches. One thread; time is an argument. */
#pragma once
#include "link/messages.h"

#define GW_ANSWERS_MAX 20000

typedef struct GwAnswers GwAnswers;
GwAnswers *gw_answers_new(guint max);
void gw_answers_free(GwAnswers *answers);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwAnswers, gw_answers_free)

/* What an answer is for. All texts borrowed; the claim is everything that could change the decision. */
typedef struct {
  const char *plugin;
  const char *address; /* numeric, of the peer */
  const char *node;    /* the claimed name, or "" = known by its address */
  const char *type;
  const char *claim[6]; /* product, hardware, version, credential... NULL = absent */
  int kind;             /* GwAskKind */
} GwAskKey;

/* An answer that may be given at @boot_ms, or NULL. Borrowed until the next call. Counts one contact. */
const GwAnswer *gw_answers_find(GwAnswers *answers, const GwAskKey *key, gint64 boot_ms, gint64 wall_ms);
/* Keeps @answer (cleared on return, also when it is not kept because until_boot_ms is over or its epoch is
 * old). */
void gw_answers_keep(GwAnswers *answers, const GwAskKey *key, GwAnswer *answer, gint64 boot_ms);
/* From now on answers of an earlier epoch are misses: one compare each, no walk. */
void gw_answers_set_epoch(GwAnswers *answers, guint32 epoch);
void gw_answers_forget_node(GwAnswers *answers, const char *node);
void gw_answers_forget_all(GwAnswers *answers);
guint gw_answers_size(const GwAnswers *answers);
/* Has an answer for an adopted node been given to this address? For the cap of connections. */
gboolean gw_answers_is_adopted(const GwAnswers *answers, const char *address);
/* Contacts counted since the last call, at most @max, as GwContact (address, node, first, last, count, kind);
 * NULL = none. The array frees them. */
GArray *gw_answers_take_contacts(GwAnswers *answers, guint max);
