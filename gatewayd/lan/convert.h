/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Between the words of the plugin contract and those of the link and the network. */
#pragma once
#include "lan/hosted.h"
#include "link/messages.h"
#include "net/http-head.h"
#include "net/http-server.h"

/* Where an ask came from. */
typedef struct {
  const GwHosted *hosted;
  const char *listener;  /* ":8000", or the name of a line */
  const char *peer;      /* numeric address, or "" on a line */
  const char *interface; /* that it reached, or "" */
  const char *node;      /* that is wired to the line, or "" */
} GwOrigin;

/* A copy for the link; free with gw_ask_clear(). */
void gw_convert_ask(const GatewayAsk *ask, const GwOrigin *origin, GwAsk *ret_ask);
/* What is passed on of a request, a copy; free with gw_relay_ask_clear(). */
void gw_convert_relay(const GatewayAsk *ask, const GatewayRequest *request, const GwHosted *hosted,
                      GwRelayAsk *ret_relay);
/* What was learned of a reply to it, a copy; free with gw_lead_clear(). */
void gw_convert_lead(const GatewayLead *lead, const GwRelayAsk *relay, GwLead *ret_lead);
/* What a plugin sees of the vendor's reply. Borrows from @relayed. */
void gw_convert_relayed(const GwRelayAnswer *relayed, GatewayAnswer *ret_answer);
/* What a plugin sees of an HTTP request. Borrows from all of it; @peer and @local have room for
 * GW_ADDRESS_TEXT + 2.
 */
void gw_convert_request(const GwHttpRequest *request, const GwAddress *local_address, char *peer, char *local,
                        GatewayRequest *ret_request);
