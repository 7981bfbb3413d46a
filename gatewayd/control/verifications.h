/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The firmware that is being verified, each on its one node: facts go through the model's table, and what
 * follows from its answer is written, said and timed here. Nothing else makes a firmware verified, but for
 * what comes from a cloud that is trusted with it. Main thread. */
#pragma once
#include "control/core-private.h"

/* FALSE = the fact means nothing where it stands. @detail for people: who saw it, why it ended. */
gboolean gw_verifications_fact(GwCore *core, GwFirmware *firmware, GwProof proof, const char *detail,
                               GwChange *change);
/* Is its transport one whose nodes never tell their version? BUSY while nobody has brought the transport. */
gboolean gw_verifications_ask_make(const GwCore *core, const GwNode *node, gboolean *ret_is_silent,
                                   GError **error);

typedef struct {
  const GwNode *node;
  gint64 rule_id; /* 0 = it runs there already */
  gint64 stay_ms;
  gboolean is_silent;
} GwVerificationPlan;
/* @firmware is unverified, and is tried on that node from now on. */
void gw_verifications_start(GwCore *core, GwFirmware *firmware, const GwVerificationPlan *plan,
                            GwChange *change);
/* What it is called where it runs: the number that this node was told for it, where its make is told one.
 * Caller frees. */
char *gw_verifications_version_on(const GwNode *node, const GwFirmware *firmware);

/* The node itself says that its part of that type runs this version. */
void gw_verifications_heard(GwCore *core, const GwNode *node, const char *type, const char *version,
                            GwChange *change);
/* The node was heard, with nothing new. */
void gw_verifications_contact(GwCore *core, const GwNode *node);
/* An update has ended, or a push has; what hung on it alone is over. */
/* What is tried on @old will be tried on @new: whatever ends on @old now does not end the trial. */
void gw_verifications_hand_over(GwCore *core, const char *old, const char *new);
/* It is brought to @node from the beginning. */
void gw_verifications_begin_anew(GwCore *core, const GwNode *node, GwChange *change);
void gw_verifications_update_ended(GwCore *core, const GwUpdate *update, GwChange *change);
void gw_verifications_push_ended(GwCore *core, const GwRule *rule, const char *reason, GwChange *change);
/* It is withdrawn, rejected or deleted: nothing verifies it any more. Its row is the caller's. */
void gw_verifications_close(GwCore *core, GwFirmware *firmware);
void gw_verifications_alarm(GwCore *core, gint64 firmware_id);
/* After loading: goes on with what runs; after a restored database its node has to show everything anew. What
 * is said to be verified and has no proof of it is unverified. */
void gw_verifications_resume(GwCore *core, GwChange *change);
