/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The gizwits plugin over foreign requests: an image has its digest, an offer fits into one recv() of the
 * module, and the vendor's own offers never reach a node. */
#include "request.h"

static bool
has_header(const GatewayReply *reply, const char *name)
{
  for (uint32_t i = 0; i < reply->n_headers; i++)
    if (gateway_text_equal(reply->headers[i].key, name))
      return true;
  return false;
}

void
fuzz_check_reply(const GatewayAsk *ask, const GatewayAnswer *answer, const GatewayReply *reply)
{
  g_assert_cmpuint(reply->status, >=, 200);
  if (reply->body_is_image)
    g_assert_true(has_header(reply, "Firmware-MD5") && has_header(reply, "Soft-Version"));
  if (ask->kind == GATEWAY_ASK_OFFER && answer->kind == GATEWAY_ANSWER_OFFER && reply->status == 200) {
    g_assert_true(reply->is_chunked);
    g_assert_cmpuint(reply->body.size, <, 256);
  }
  if (ask->kind == GATEWAY_ASK_OFFER && answer->kind == GATEWAY_ANSWER_RELAYED)
    g_assert_cmpuint(reply->status, >=, 400);
}
