/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Nodes' requests that are passed on to their vendors' clouds: a few at once, each in a thread for as long as
 * it takes, and each answered. Main thread. */
#pragma once
#include "wan/http.h"
#include "wan/outgoing.h"

#define GW_PASSING_MAX 64 /* under way or waiting; more are refused at once */

typedef struct GwPassing GwPassing;
GwPassing *gw_passing_new(void);
/* Takes what @ask and @options hold. What the cloud said goes out by @out, whose user must outlive the
 * passing. FALSE: too many, and nothing was taken. */
gboolean gw_passing_ask(GwPassing *passing, GwRelayAsk *ask, GwHttpOptions *options, const GwOutgoing *out);
/* Ends all that run. */
void gw_passing_stop(GwPassing *passing);
/* Has every thread ended? Waits until @until_us of g_get_monotonic_time(). */
gboolean gw_passing_has_ended(GwPassing *passing, gint64 until_us);
/* Only after it has ended. */
void gw_passing_free(GwPassing *passing);
