/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Answers of the core, and those of them that may be given again. An entry is void when its time is up, when
 * the rules have another epoch, when its node was named in an invalidation, or when the claim is another one;
 * then the core is asked. What was answered from here is told to the core in batches. Time is an argument
 * (boot clock, ms). One thread. */
#pragma once
#include "lan/claim.h"
#include "lan/words.h"

#define GW_ANSWERS_MAX 32768

/* One answer, to one asker. */
typedef struct GwGiven GwGiven;
struct GwGiven {
  GwClaim claim;
  gint64 until_ms; /* 0 = not from cache */
  GwWords *words;
  gint64 first_ms, last_ms;          /* of the contacts not yet told */
  GwGiven *next, *previous;          /* in the list of those */
  GwGiven *of_node, *of_node_before; /* others of its node */
  guint32 early_ms; /* of an offer: until so long before `until_ms` its image may be begun, once, without
                     * asking; MAXUINT32 = not */
  guint32 n_heard;
  guint32 epoch;
  gint32 update;
  GwAddress peer;
  guint8 ask_kind; /* GatewayAskKind */
  guint8 kind;     /* GatewayAnswerKind */
  guint is_adopted : 1, is_group : 1;
  guint8 token_at, size; /* where in `texts` the token begins, and their size */
  char texts[];          /* node and token, each with its NUL */
};

/* For an answer that is used once; free with gw_given_free(). Too long texts (over 64 bytes) are cut. */
GwGiven *gw_given_new(GwWordsPool *pool, const GwAnswer *answer);
/* For one use, too. */
GwGiven *gw_given_copy(const GwGiven *given);
void gw_given_free(GwGiven *given);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwGiven, gw_given_free)
const char *gw_given_node(const GwGiven *given);
const char *gw_given_token(const GwGiven *given);
/* As a plugin sees it; borrows from @given. */
void gw_given_view(const GwGiven *given, GatewayAnswer *ret_answer);

typedef struct GwAnswers GwAnswers;
GwAnswers *gw_answers_new(void);
void gw_answers_free(GwAnswers *answers);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwAnswers, gw_answers_free)
GwWordsPool *gw_answers_words(GwAnswers *answers);
guint gw_answers_size(const GwAnswers *answers);

/* Takes @given if it may be given again (else returns it, still the caller's), in place of an older one of
 * the same asker. */
GwGiven *gw_answers_keep(GwAnswers *answers, GwGiven *given, gint64 now_ms);
/* A valid one, counted as a contact, or NULL. Valid until the next call. */
const GwGiven *gw_answers_find(GwAnswers *answers, const GwClaim *claim, gint64 now_ms);
/* The bytes of a valid offer, once: a copy for one use whose kind is BYTES, or NULL. @image: its name, or
 * empty. */
GwGiven *gw_answers_take_bytes(GwAnswers *answers, const GwClaim *offer, GatewayText image, gint64 now_ms);
/* Every answer of another epoch is void. */
void gw_answers_set_epoch(GwAnswers *answers, guint32 epoch);
/* After the core was away: what it says now may rest on something else. */
void gw_answers_forget_all(GwAnswers *answers);
void gw_answers_forget_node(GwAnswers *answers, const char *node);
void gw_answers_forget_token(GwAnswers *answers, const char *token);
void gw_answers_forget(GwAnswers *answers, const GwClaim *claim);
/* Up to @max contacts that were not told yet; NULL when there are none. Floating, the payload of CONTACTS. */
GVariant *gw_answers_take_contacts(GwAnswers *answers, guint max, gint64 now_ms, gint64 wall_ms);
