/* SPDX-License-Identifier: MIT */
/* The smallest useful request transport. A node asks "GET /hello/NODE?VERSION" and hears "none" or
 * "TOKEN SIZE SHA256"; then it GETs /hello/NODE/TOKEN and has its image. */
#include "gateway-plugin.h"

static bool
hello_read(const GatewaySettings *settings, const GatewayRequest *request, GatewayScratch *scratch,
           GatewayAsk *ask)
{
  GatewayText path = { request->path.data + strlen("/hello/"), request->path.size - strlen("/hello/") };
  const char *slash = memchr(path.data, '/', path.size);
  ask->kind = slash ? GATEWAY_ASK_BYTES : GATEWAY_ASK_OFFER;
  ask->identity = GATEWAY_IDENTITY_CLAIMED;
  ask->node = (GatewayText){ path.data, slash ? (size_t)(slash - path.data) : path.size };
  if (slash)
    ask->token = (GatewayText){ slash + 1, path.size - ask->node.size - 1 };
  else
    ask->software_version = request->query;
  ask->is_version_proof = ask->software_version.size > 0;
  return request->method == GATEWAY_GET && ask->node.size > 0;
}

static void
hello_write(const GatewaySettings *settings, const GatewayRequest *request, const GatewayAsk *ask,
            const GatewayAnswer *answer, GatewayScratch *scratch, GatewayReply *reply)
{
  const GatewayImage *image = &answer->image;
  reply->status = 200;
  if (answer->kind == GATEWAY_ANSWER_BYTES)
    reply->body_is_image = true;
  else if (ask->kind == GATEWAY_ASK_BYTES)
    reply->status = 404;
  else if (answer->kind == GATEWAY_ANSWER_OFFER)
    reply->body = gateway_print(scratch, "%.*s %llu %.*s\n", GATEWAY_ARGS(image->token),
                                (unsigned long long)image->size, GATEWAY_ARGS(image->sha256));
  else
    reply->body = GATEWAY_TEXT("none\n");
}

static const GatewayListen LISTENS[] = { { 8080, NULL, "/hello/", 0 } };
static const GatewayRequestFunctions FUNCTIONS = { sizeof(FUNCTIONS), hello_read, hello_write, NULL };

GATEWAY_EXPORT const GatewayPlugin gateway_plugin = {
  .abi = GATEWAY_PLUGIN_ABI,
  .size = sizeof(GatewayPlugin),
  .kind = GATEWAY_REQUEST,
  .name = "hello",
  .title = "Example: hello over HTTP",
  .version = "1.0",
  .listens = LISTENS,
  .n_listens = GATEWAY_COUNT(LISTENS),
  .versioning = { GATEWAY_VERSION_DOTTED, 0 },
  .functions = &FUNCTIONS,
};
