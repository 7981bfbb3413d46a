/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The openluat plugin over foreign requests: a reply is the image, an empty yes to what is no check, or an
 * error with a small JSON. */
#include "request.h"

#include <jansson.h>

void
fuzz_check_reply(const GatewayAsk *ask, const GatewayAnswer *answer, const GatewayReply *reply)
{
  if (ask->kind == GATEWAY_ASK_RELAY) {
    g_assert_false(reply->body_is_image);
    return;
  }
  if (ask->kind == GATEWAY_ASK_OFFER && answer->kind == GATEWAY_ANSWER_RELAYED) {
    g_assert_cmpuint(reply->status, >=, 400); /* the vendor's own words, but never its image */
    return;
  }
  if (reply->status == 200) {
    g_assert_true(reply->body_is_image || (ask->kind == GATEWAY_ASK_NOTHING && reply->body.size == 0));
    return;
  }
  g_assert_cmpuint(reply->status, ==, 400);
  g_assert_cmpuint(reply->body.size, <=, 200);
  json_t *root = json_loadb(reply->body.data, reply->body.size, 0, NULL);
  g_assert_cmpint(json_integer_value(json_object_get(root, "code")), >, 0);
  json_decref(root);
}
