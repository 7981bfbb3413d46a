/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What was seen and heard of a node, as facts about its updates: versions that it says, metadata and bytes
 * that it asks for, transfers that end. What follows from a fact is progress.c's. Main thread. */
#pragma once
#include "control/core-private.h"
#include "link/messages.h"

/* A node said which version it runs. Facts go to its open update, or to the newest that had ended. */
void gw_evidence_heard(GwCore *core, GwNode *node, const GwAsk *ask, GwChange *change);
/* A silent make asked for metadata again and was given the same; or for bytes it had. */
void gw_evidence_metadata(GwCore *core, GwUpdate *update, GwPin *pin, GwChange *change);
void gw_evidence_bytes(GwCore *core, GwUpdate *update, GwPin *pin, GwChange *change);
/* The whole image was acknowledged. @n_members: of a group, that are still being sent it. */
void gw_evidence_complete(GwCore *core, GwPin *pin, guint64 size, guint n_members, GwChange *change);
/* A transfer ended early, at @acked. */
void gw_evidence_interrupted(GwCore *core, GwPin *pin, guint64 acked, const char *detail, GwChange *change);
/* One member's did, and others of its group are still being sent the image. */
void gw_evidence_member_interrupted(GwCore *core, const GwPin *pin, const char *detail, GwChange *change);
