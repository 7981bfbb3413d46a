/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Input: a byte (method, kind of answer), path, LF, query, LF, then "NAME:VALUE" header lines. */
#include "request.h"

#include <stdint.h>

#define HEADERS_MAX 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *
setting_text(const GatewaySettings *settings, const char *key)
{
  for (uint32_t i = 0; i < gateway_plugin.n_settings; i++)
    if (strcmp(gateway_plugin.settings[i].key, key) == 0)
      return gateway_plugin.settings[i].fallback;
  g_assert_not_reached();
}

static GatewayText
take_line(GatewayText *rest)
{
  const char *end = rest->size ? memchr(rest->data, '\n', rest->size) : NULL;
  GatewayText line = { rest->data, end ? (size_t)(end - rest->data) : rest->size };
  size_t used = line.size + (end ? 1 : 0);
  rest->data += used;
  rest->size -= used;
  return line;
}

static uint32_t
take_headers(GatewayText *rest, GatewayPair headers[HEADERS_MAX])
{
  uint32_t n = 0;
  while (rest->size > 0 && n < HEADERS_MAX) {
    GatewayText line = take_line(rest);
    const char *colon = line.size ? memchr(line.data, ':', line.size) : NULL;
    if (!colon)
      continue;
    size_t name = (size_t)(colon - line.data);
    headers[n++] = (GatewayPair){ { line.data, name }, { colon + 1, line.size - name - 1 } };
  }
  return n;
}

/* A name goes into the registry, logs and files: only what cannot mean anything there. */
static void
check_ask(const GatewayAsk *ask)
{
  g_assert_cmpuint(ask->n_aliases, <=, GATEWAY_MAX_PAIRS);
  g_assert_cmpuint(ask->n_attributes, <=, GATEWAY_MAX_PAIRS);
  for (size_t i = 0; i < ask->node.size; i++)
    g_assert_true(g_ascii_isalnum(ask->node.data[i]) || strchr("._:@-", ask->node.data[i]));
  g_assert_true(ask->identity != GATEWAY_IDENTITY_CLAIMED || ask->kind == GATEWAY_ASK_NOTHING ||
                ask->node.size);
}

static void
answer(const GatewaySettings *settings, const GatewayRequest *request, const GatewayAsk *ask, uint8_t choice)
{
  char memory[16384];
  GatewayScratch scratch = { memory, sizeof memory, 0, false };
  GatewayAnswer given = { .size = sizeof given,
                          .kind = GATEWAY_ANSWER_NOTHING + choice % (GATEWAY_ANSWER_OFFLINE),
                          .reason = choice % (GATEWAY_REASON_SENT + 1) };
  GatewayReply reply = { .size = sizeof reply };
  const GatewayRequestFunctions *functions = gateway_plugin.functions;
  given.image.size = 300000;
  given.image.token = GATEWAY_TEXT("abcdefghijklmnop");
  given.image.md5 = GATEWAY_TEXT("0123456789abcdef0123456789abcdef");
  given.relay_status = 200 + 100u * (choice % 4);
  given.relay_body = request->query;
  given.relay_size = request->query.size + (choice & 16u);
  if (functions->learn && given.kind == GATEWAY_ANSWER_RELAYED) {
    GatewayLead lead = { .size = sizeof lead };
    functions->learn(settings, request, &given, &scratch, &lead);
  }
  functions->write(settings, request, ask, ask->kind == GATEWAY_ASK_NOTHING ? NULL : &given, &scratch,
                   &reply);
  g_assert_false(scratch.is_full);
  g_assert_true(!reply.body_is_image || given.kind == GATEWAY_ANSWER_BYTES);
  fuzz_check_reply(ask, &given, &reply);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  if (size == 0)
    return 0;
  GatewayText rest = { (const char *)data + 1, size - 1 };
  GatewayPair headers[HEADERS_MAX];
  GatewayRequest request = { .size = sizeof request, .method = GATEWAY_GET + data[0] / 64, .local_port = 80 };
  request.path = take_line(&rest);
  request.query = take_line(&rest);
  request.n_headers = take_headers(&rest, headers);
  request.headers = headers;
  request.body = request.query; /* forms are written alike */
  GatewaySettings settings = { .size = sizeof settings, .text = setting_text };
  char memory[16384];
  GatewayScratch scratch = { memory, sizeof memory, 0, false };
  GatewayAsk ask = { .size = sizeof ask };
  const GatewayRequestFunctions *functions = gateway_plugin.functions;
  if (functions->read(&settings, &request, &scratch, &ask)) {
    check_ask(&ask);
    answer(&settings, &request, &ask, data[0] % 64);
  }
  return 0;
}
