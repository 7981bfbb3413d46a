/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The esp-http plugin over foreign requests: the image with its MD5, a manifest, the head of what does not
 * fit, or a status that flashes nothing. */
#include "request.h"

void
fuzz_check_reply(const GatewayAsk *ask, const GatewayAnswer *answer, const GatewayReply *reply)
{
  if (reply->body_is_image)
    g_assert_cmpuint(reply->status, ==, 200);
  else if (reply->status == 200)
    g_assert_true(reply->is_final && (reply->head_of > 0) == (reply->body.size == 0) &&
                  memchr(reply->body.data ? reply->body.data : "", '\n', reply->body.size) == NULL);
  else
    g_assert_true(reply->status == 304 || reply->status == 404);
}
