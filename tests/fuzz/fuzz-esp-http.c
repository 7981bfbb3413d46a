/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The esp-http plugin over foreign requests: the image with its MD5, or a status that flashes nothing. */
#include "request.h"

void
fuzz_check_reply(const GatewayAsk *ask, const GatewayAnswer *answer, const GatewayReply *reply)
{
  if (reply->body_is_image)
    g_assert_cmpuint(reply->status, ==, 200);
  else
    g_assert_true(reply->status == 304 || reply->status == 404);
}
