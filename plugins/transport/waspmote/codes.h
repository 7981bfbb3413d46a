/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What requestOTA() says on each of the four modems, and what to do about it. None of these codes reaches the
 * gateway: an operator reads them from the node's own log. The vendor's guide lost the minus signs of GPRS
 * and 3G; here they are back. */
#pragma once
#include "gateway-plugin.h"

enum { WASPMOTE_N_CODES = 148 };
extern const GatewayCode WASPMOTE_CODES[WASPMOTE_N_CODES];
