/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who is it that shows a secret? Nobody becomes known by showing one: a node was given its own before, or an
 * account was made for named nodes. Main thread. */
#pragma once
#include "control/core-private.h"
#include "link/messages.h"

/* NULL = refused, and said so in an event. */
GwNode *gw_logins_resolve(GwCore *core, const GwAsk *ask);
/* A group was told a number: so was each of its members. */
void gw_logins_tell_members(GwCore *core, const GwNode *group, GwChange *change);
/* Accounts that ended meanwhile: what was answered to them is void. */
void gw_logins_check_expiry(GwCore *core);
/* At start: of which they were told already. */
void gw_logins_load(GwCore *core, const char *key, const char *value);
