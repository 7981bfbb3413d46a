/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/policy.h"
#include <string.h>

static const struct {
  const char *name, *advice;
} reasons[] = {
  [GW_REASON_NONE] = { "none", "nothing stands in the way" },
  [GW_REASON_NOT_ADOPTED] = { "not-adopted", "the gateway does not know this node as its own: adopt it with "
                                             "\"gatewayctl nodes adopt\"" },
  [GW_REASON_NO_RULE] = { "no-rule", "no running rule has anything for this node: make one, or push a "
                                     "firmware to it" },
  [GW_REASON_UP_TO_DATE] = { "up-to-date", "the node runs this version or a newer one: there is nothing to "
                                           "do" },
  [GW_REASON_WINDOW] = { "window", "the rule's hours or dates are not now, or the clock is not trusted yet: "
                                   "wait, or change the rule" },
  [GW_REASON_CAP] = { "cap", "as many transfers as allowed are running: the node is served when one ends" },
  [GW_REASON_PAUSED] = { "paused", "the rule is paused: see why, then start it again" },
  [GW_REASON_SET_ASIDE] = { "set-aside", "the node was set aside: see why, then return it" },
  [GW_REASON_BEING_FETCHED] = { "being-fetched", "the image is not in the cache yet: see the firmware and "
                                                 "its upstream" },
  [GW_REASON_WITHDRAWN] = { "withdrawn", "the firmware is withdrawn, rejected or not verified: confirm it on "
                                         "one node, or choose another" },
  [GW_REASON_UNKNOWN_PRODUCT] = { "unknown-product", "the node has no product that the gateway knows: set "
                                                     "the node's product" },
  [GW_REASON_WRONG_HARDWARE] = { "wrong-hardware", "the firmware is made for another product, part, "
                                                   "hardware or series: choose one that fits" },
  [GW_REASON_BUSY] = { "busy", "the gateway is busy: the node will ask again" },
  [GW_REASON_RETRY_WAIT] = { "retry-wait", "the last attempt failed: the next one is made when the wait is "
                                           "over" },
};

const char *
gw_reason_name(GwReason reason)
{
  return (guint)reason < G_N_ELEMENTS(reasons) ? reasons[reason].name : "unknown";
}

const char *
gw_reason_advice(GwReason reason)
{
  return (guint)reason < G_N_ELEMENTS(reasons) ? reasons[reason].advice
                                               : "report this: the reason is unknown";
}
