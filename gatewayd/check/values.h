/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The values that cross the plugin boundary, as words of a byte table: an answer is read from key=value
 * words, an ask is compared with them, both by one description of their members. Pure. */
#pragma once
#include "check/words.h"

/* "offer", "bytes"...; 0 for an unknown name. */
int gw_value_number(const char *const *names, const char *name);
extern const char *const GW_ASK_NAMES[],
    *const GW_ANSWER_NAMES[], *const GW_METHOD_NAMES[], *const GW_EVENT_NAMES[], *const GW_ACTION_NAMES[],
                                                                                     *const GW_REASON_NAMES[];

/* @words: kind, then key=value; texts point into them. */
gboolean gw_value_read_answer(const GPtrArray *words, guint first, GatewayAnswer *ret_answer, GError **error);
/* What of @words (kind, key=value) @ask does not say; NULL when all hold. Caller frees. */
char *gw_value_compare_ask(const GPtrArray *words, guint first, const GatewayAsk *ask);
/* The words that would match @ask, for messages. Caller frees. */
char *gw_value_print_ask(const GatewayAsk *ask);

/* Calls @look for each text of an ask or reply, with its name. */
typedef void (*GwTextLook)(const char *name, GatewayText text, gpointer user);
void gw_value_each_ask_text(const GatewayAsk *ask, GwTextLook look, gpointer user);
