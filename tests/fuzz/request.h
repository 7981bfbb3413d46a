/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A request transport over foreign requests: each target adds what its device must never hear. */
#pragma once
#include "gateway-plugin.h"
#include <glib.h>

/* A reply that goes out. */
void fuzz_check_reply(const GatewayAsk *ask, const GatewayAnswer *answer, const GatewayReply *reply);
