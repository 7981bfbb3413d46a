/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A transport for tests: its path says what it does. With STUBBORN it is never-cut and has /s/ for /t/.
 *
 *   /t/NODE/tell         tells success              /t/NODE/offer/VERSION  asks for an offer
 *   /t/NODE/introduce    introduces itself          /t/NODE/refuse         cannot word an offer
 *   /t/NODE/relay        passes on                  /t/NODE/bytes/TOKEN    asks for the image
 *   /t/crash, /t/hang    dies, sits                 /t/write-crash         dies while it answers
 *   /t/long, /t/nul      a name beyond the bounds   /t/full                overfills the scratch
 *   /t/image             sends an image nobody gave */
#include "gateway-plugin.h"

#include <stdlib.h>
#include <unistd.h>

#ifdef STUBBORN
#define NAME "stubborn"
#define PREFIX "/s/"
#define TRAITS GATEWAY_NEVER_CUT
#else
#define NAME "teller"
#define PREFIX "/t/"
#define TRAITS 0
#endif

static GatewayText
part(GatewayText *path)
{
  const char *slash = path->size ? memchr(path->data, '/', path->size) : NULL;
  GatewayText text = { path->data, slash ? (size_t)(slash - path->data) : path->size };
  size_t used = text.size + (slash ? 1 : 0);
  *path = (GatewayText){ path->data + used, path->size - used };
  return text;
}

static void
hang(void)
{
  for (;;)
    pause();
}

static bool
read_alone(GatewayText word, GatewayScratch *scratch, GatewayAsk *ask)
{
  static const char with_nul[] = "a\0b";
  ask->kind = GATEWAY_ASK_NOTHING;
  if (gateway_text_equal(word, "crash"))
    abort();
  if (gateway_text_equal(word, "hang"))
    hang();
  if (gateway_text_equal(word, "long"))
    *ask = (GatewayAsk){ .size = sizeof *ask,
                         .kind = GATEWAY_ASK_OFFER,
                         .identity = GATEWAY_IDENTITY_CLAIMED,
                         .node = gateway_print(scratch, "%065d", 1) };
  if (gateway_text_equal(word, "nul"))
    *ask = (GatewayAsk){ .size = sizeof *ask,
                         .kind = GATEWAY_ASK_OFFER,
                         .identity = GATEWAY_IDENTITY_CLAIMED,
                         .node = { with_nul, sizeof with_nul - 1 } };
  return true;
}

static bool
teller_read(const GatewaySettings *settings, const GatewayRequest *request, GatewayScratch *scratch,
            GatewayAsk *ask)
{
  GatewayText path = { request->path.data + strlen(PREFIX), request->path.size - strlen(PREFIX) };
  GatewayText node = part(&path), verb = part(&path);
  if (verb.size == 0)
    return read_alone(node, scratch, ask);
  ask->identity = GATEWAY_IDENTITY_CLAIMED;
  ask->node = node;
  ask->kind = GATEWAY_ASK_OFFER;
  if (gateway_text_equal(verb, "tell"))
    ask->kind = GATEWAY_ASK_TELL;
  if (gateway_text_equal(verb, "introduce"))
    ask->kind = GATEWAY_ASK_INTRODUCE;
  if (gateway_text_equal(verb, "relay"))
    ask->kind = GATEWAY_ASK_RELAY;
  ask->relays_miss = gateway_text_equal(verb, "miss");
  ask->cache_key = GATEWAY_TEXT("key");
  ask->n_relay_headers = 1;
  ask->relay_headers[0] = GATEWAY_TEXT("X-Kind");
  if (gateway_text_equal(verb, "bytes"))
    ask->kind = GATEWAY_ASK_BYTES;
  if (ask->kind == GATEWAY_ASK_BYTES)
    ask->token = path;
  else
    ask->software_version = path;
  ask->state = GATEWAY_TELL_SUCCEEDED;
  return true;
}

static void
teller_write(const GatewaySettings *settings, const GatewayRequest *request, const GatewayAsk *ask,
             const GatewayAnswer *answer, GatewayScratch *scratch, GatewayReply *reply)
{
  GatewayText path = { request->path.data + strlen(PREFIX), request->path.size - strlen(PREFIX) };
  GatewayText word = part(&path), verb = part(&path);
  reply->status = 200;
  if (gateway_text_equal(word, "write-crash"))
    abort();
  if (gateway_text_equal(word, "full"))
    for (int i = 0; i < 100000; i++)
      gateway_print(scratch, "%d", i);
  if (gateway_text_equal(word, "image"))
    reply->body_is_image = true;
  if (!answer)
    return;
  if (answer->kind == GATEWAY_ANSWER_OFFER && gateway_text_equal(verb, "refuse")) {
    reply->refused = GATEWAY_REASON_UNKNOWN_PRODUCT;
    reply->refused_detail = GATEWAY_TEXT("no words for it");
  }
  reply->body_is_image = answer->kind == GATEWAY_ANSWER_BYTES;
  reply->body = gateway_print(scratch, "kind=%d reason=%d", answer->kind, answer->reason);
  if (answer->kind == GATEWAY_ANSWER_RELAYED)
    reply->body = gateway_print(scratch, "relayed=%u size=%u %.*s", answer->relay_status,
                                (unsigned)answer->relay_size, GATEWAY_ARGS(answer->relay_body));
}

static const GatewayListen LISTENS[] = { { 8081, NULL, PREFIX, 0 } };
static const GatewayRequestFunctions FUNCTIONS = { sizeof(FUNCTIONS), teller_read, teller_write, NULL };

GATEWAY_EXPORT const GatewayPlugin gateway_plugin = {
  .abi = GATEWAY_PLUGIN_ABI,
  .size = sizeof(GatewayPlugin),
  .kind = GATEWAY_REQUEST,
  .traits = TRAITS,
  .name = NAME,
  .title = "A transport for tests",
  .version = "1.0",
  .listens = LISTENS,
  .n_listens = GATEWAY_COUNT(LISTENS),
  .versioning = { GATEWAY_VERSION_DOTTED, 0 },
  .functions = &FUNCTIONS,
};
