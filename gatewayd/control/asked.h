/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One question of a node on its way through the core, and the answers that can come of it. Private to offers
 * and bytes. */
#pragma once
#include "control/core-private.h"
#include "control/workers.h"
#include "link/messages.h"
#include "model/policy.h"

typedef struct {
  GwCore *core;
  GwWorker *worker;
  guint32 serial;
  const GwAsk *ask;
  GwNow now;
  GwNode *node; /* NULL = a stranger who cannot be named */
  GwUpdate *update;
  GwPin *pin;
  GwVerdict verdict;
  GwChange *change;
} GwAsked;

/* Nothing, or later, for this reason; an operator's verb goes along. */
void gw_asked_nothing(GwAsked *asked, GwReason reason);
/* An answer without more words; GatewayAnswerKind. */
void gw_asked_kind(GwAsked *asked, int kind);
/* The image of the pin; GatewayAnswerKind. */
void gw_asked_image(GwAsked *asked, int kind, gint64 until_boot_ms);
/* May the pin's image be sent now? */
GwVerdict gw_asked_decide_bytes(const GwAsked *asked);
/* As long as the slot of the pin's update, but not for ever while a transfer runs. */
gint64 gw_asked_slot_until_ms(const GwAsked *asked);

/* In bytes.c: "give me the bytes". */
void gw_offers_bytes(GwAsked *asked);
