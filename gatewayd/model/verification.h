/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How a firmware is proven on one node before rules may give it to many: the table of every (step, fact) pair
 * lives in verification.c and nowhere else. Pure. */
#pragma once
#include "base/clock.h"

typedef enum {
  GW_VERIFICATION_OPEN = 1, /* unverified: no node tries it */
  GW_VERIFICATION_BRINGING, /* verifying: its one node is to get it, and to be heard with it */
  GW_VERIFICATION_STAYING,  /* verifying: heard there; it must stay in contact */
  GW_VERIFICATION_STAYED,   /* verifying: it did; a person's word, or the product's, is missing */
  GW_VERIFICATION_PROVEN,   /* verified */
  GW_VERIFICATION_CLOSED,   /* a draft, withdrawn or rejected: nothing verifies it */
  GW_N_VERIFICATION_STEPS = GW_VERIFICATION_CLOSED,
} GwVerificationStep;
/* "bringing"... */
const char *gw_verification_step_name(GwVerificationStep step);
gboolean gw_verification_step_parse(const char *name, GwVerificationStep *ret_step);

typedef enum {
  GW_PROOF_STARTED = 1, /* a person named its node */
  GW_PROOF_HEARD,       /* the node itself says that it runs this version */
  GW_PROOF_HEARD_OTHER, /* the node itself says that it runs another one */
  GW_PROOF_INFERRED,    /* a silent make's update was inferred to have succeeded */
  GW_PROOF_STAYED,      /* in contact, still with this version, when its stay was over */
  GW_PROOF_LOST,        /* heard with it, and then not heard for too long */
  GW_PROOF_ENDED,       /* its update ended without success: failed, refused, cancelled... */
  GW_PROOF_LATE,        /* all of it took too long */
  GW_PROOF_SEEN,        /* a person says: I saw this version run there */
  GW_PROOF_ALLOWED,     /* the product confirms what stayed by itself */
  GW_PROOF_TRUSTED,     /* it comes from a cloud that is trusted to have proven it */
  GW_PROOF_GIVEN_UP,    /* a person ended it */
  GW_N_PROOFS = GW_PROOF_GIVEN_UP,
} GwProof;
const char *gw_proof_name(GwProof proof);

/* Total: the step after @proof; the same step = the fact means nothing there. @is_silent: nodes of that make
 * never tell their version, so only a person's eyes verify; of all others the node itself must have spoken.
 */
GwVerificationStep gw_verification_next(GwVerificationStep step, GwProof proof, gboolean is_silent);

/* One that runs. */
typedef struct {
  GwVerificationStep step; /* BRINGING, STAYING or STAYED; 0 = none runs */
  gboolean is_silent;
  gint64 rule_id;       /* of the push that brings it; 0 = it ran there before */
  gint64 stay_ms;       /* how long it must stay in contact */
  GwDeadline deadline;  /* BRINGING: given up then; STAYING: the stay is over */
  gint64 heard_boot_ms; /* last contact with it, in this boot */
} GwVerification;
