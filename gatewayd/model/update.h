/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One node x one firmware under one rule, and its state machine: the table of every (state, fact) pair lives
 * in update.c and nowhere else. Pure. */
#pragma once
#include "base/clock.h"

typedef enum {
  GW_UPDATE_SCHEDULED = 1,
  GW_UPDATE_OFFERED,     /* metadata was given */
  GW_UPDATE_DOWNLOADING, /* bytes were asked for */
  GW_UPDATE_DOWNLOADED,  /* the peer acknowledged the last byte */
  GW_UPDATE_INSTALLING,  /* the node says so */
  GW_UPDATE_REPORTED,    /* the node claims success */
  GW_UPDATE_SUCCEEDED,   /* heard with the new version, or inferred */
  GW_UPDATE_FAILED,
  GW_UPDATE_REFUSED,
  GW_UPDATE_CANCELLED,
  GW_UPDATE_SUPERSEDED,
  GW_UPDATE_EXPIRED,
  GW_N_UPDATE_STATES = GW_UPDATE_EXPIRED,
} GwUpdateState;
const char *gw_update_state_name(GwUpdateState state);
gboolean gw_update_state_parse(const char *name, GwUpdateState *ret_state);
gboolean gw_update_state_is_final(GwUpdateState state);

typedef enum {
  GW_FACT_OFFERED = 1,  /* an offer was given */
  GW_FACT_OFFER_UNDONE, /* the transport could not word it */
  GW_FACT_BYTES_ASKED,  /* a request for image bytes began to be served */
  GW_FACT_INTERRUPTED,  /* a transfer ended before its last byte was acknowledged */
  GW_FACT_ALL_SENT,     /* every byte of the image was acknowledged */
  GW_FACT_TOLD_INSTALLING,
  GW_FACT_TOLD_SUCCEEDED,
  GW_FACT_TOLD_FAILED,
  GW_FACT_TOLD_REFUSED,
  GW_FACT_HEARD_TARGET, /* heard running the new version */
  GW_FACT_HEARD_OLD,    /* heard running the version it had before, in a fresh report */
  GW_FACT_HEARD_OTHER,  /* heard running a third version */
  GW_FACT_INFERRED,     /* the inference of a silent make closed */
  GW_FACT_BYTES_AGAIN,  /* a silent make asked for the bytes again after it had them all: that attempt failed
                         */
  GW_FACT_NOT_BACK,     /* not heard again within the return time */
  GW_FACT_STALLED,      /* no byte moved for the stall time */
  GW_FACT_CANCELLED,
  GW_FACT_SUPERSEDED,
  GW_FACT_EXPIRED,
  GW_FACT_GAVE_UP, /* the attempts are used up */
  GW_FACT_RETRY,   /* the back-off is over */
  GW_N_FACTS = GW_FACT_RETRY,
} GwFact;
const char *gw_fact_name(GwFact fact);
GwFact gw_fact_parse(const char *name); /* 0 = there is none of that name */

typedef struct {
  GwUpdateState next;         /* == the old one when nothing changes */
  gboolean is_attempt_failed; /* count an attempt; control then says RETRY later, or GAVE_UP */
  gboolean is_ignored;        /* the fact means nothing in this state (late, duplicate): record nothing */
} GwTransition;
/* Total: defined for every state and fact. @is_silent: the make never tells its version. HEARD_TARGET after
 * failed or expired is a late success, and counts; every other ended state stays as it is. Feed an ended
 * update only what concerns that very attempt: a version heard under a later update is not its success. */
GwTransition gw_update_next(GwUpdateState state, GwFact fact, gboolean is_silent);

typedef struct {
  gint64 id; /* row id; the wire number is gw_update_number() */
  char *node, *type;
  gint64 firmware_id, rule_id;
  GwUpdateState state;
  char *reason; /* why in this state, for people; never NULL */
  gboolean is_inferred;
  guint n_attempts;
  gint64 retry_boot_ms; /* no new offer before; 0 = now */
  GwDeadline deadline;  /* stalled, not back... by state */
  char *version_before;
  char *version; /* what the node is told that the firmware is; "" = not offered yet */
  /* What it was about when it began, as shared texts; release: the firmware's own version. */
  const char *product, *location, *release;
  GwFact cause;                               /* the fact that ended it; 0 = it is open */
  gboolean is_group;                          /* the node is a login that several devices share */
  guint n_downloads;                          /* of its members */
  guint64 acked, size;                        /* bytes of the current attempt */
  gint64 created_ms, changed_ms, finished_ms; /* wall */
} GwUpdate;
GwUpdate *gw_update_new(void);
void gw_update_free(GwUpdate *update);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwUpdate, gw_update_free)
/* A positive int32 that is never a multiple of 10, one to one with the id. 0 for what is no id, or no number:
 * ids end at 1,932,735,283. */
gint32 gw_update_number(gint64 id);
gint64 gw_update_id(gint32 number);

/* The wait before attempt @n_attempts + 1: @first_ms after the first, doubling to @max_ms; 0 before any. */
gint64 gw_update_backoff_ms(guint n_attempts, gint64 first_ms, gint64 max_ms);
