/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The harmony plugin over foreign requests: whatever path and Host come in, a manifest that goes out is one
 * that the device survives. Input: path, LF, Host, LF, version. */
#include "gateway-plugin.h"
#include <glib.h>
#include <jansson.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *
setting_text(const GatewaySettings *settings, const char *key)
{
  (void)settings;
  return strcmp(key, "manifest-path") == 0 ? "/ota.json" : "";
}

static GatewayText
take_line(const char **data, size_t *size)
{
  const char *end = memchr(*data, '\n', *size);
  GatewayText line = { *data, end ? (size_t)(end - *data) : *size };
  size_t used = line.size + (end ? 1 : 0);
  *data += used;
  *size -= used;
  return line;
}

static void
check_manifest(GatewayText body)
{
  g_assert_cmpuint(body.size, <=, 1990);
  json_t *root = json_loadb(body.data, body.size, 0, NULL);
  g_assert_nonnull(root);
  json_t *array = json_object_get(root, "ota");
  g_assert_cmpuint(json_array_size(array), <=, 1);
  json_t *entry = json_array_get(array, 0);
  if (entry) {
    g_assert_cmpuint(json_string_length(json_object_get(entry, "URL")), <=, 99);
    g_assert_cmpuint(json_string_length(json_object_get(entry, "Digest")), ==, 64);
    g_assert_cmpint(json_integer_value(json_object_get(entry, "Version")), >, 0);
    g_assert_true(json_is_boolean(json_object_get(entry, "EraseVer")));
  }
  json_decref(root);
}

static void
answer(const GatewaySettings *settings, const GatewayRequest *request, const GatewayAsk *ask,
       GatewayText version)
{
  char memory[16384];
  GatewayScratch scratch = { memory, sizeof memory, 0, false };
  GatewayAnswer answer = { .size = sizeof answer, .kind = GATEWAY_ANSWER_OFFER };
  answer.image.token = GATEWAY_TEXT("abcdefghijklmnop");
  answer.image.sha256 = GATEWAY_TEXT("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
  answer.image.software_version = version;
  if (version.size > 0 && version.data[0] == 'e') {
    answer.kind = GATEWAY_ANSWER_NOTHING;
    answer.verb = GATEWAY_TEXT("erase");
    answer.verb_argument = (GatewayText){ version.data + 1, version.size - 1 };
  }
  GatewayReply reply = { .size = sizeof reply };
  const GatewayRequestFunctions *functions = gateway_plugin.functions;
  functions->write(settings, request, ask, &answer, &scratch, &reply);
  g_assert_cmpuint(reply.status, >=, 200);
  if (ask->kind == GATEWAY_ASK_OFFER)
    check_manifest(reply.body);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  const char *rest = (const char *)data;
  GatewayRequest request = { .size = sizeof request, .method = GATEWAY_GET, .local_port = 8000 };
  request.path = take_line(&rest, &size);
  request.host = take_line(&rest, &size);
  request.local = GATEWAY_TEXT("192.168.1.1");
  GatewayText version = { rest, size };
  GatewaySettings settings = { .size = sizeof settings, .text = setting_text };
  char memory[16384];
  GatewayScratch scratch = { memory, sizeof memory, 0, false };
  GatewayAsk ask = { .size = sizeof ask };
  const GatewayRequestFunctions *functions = gateway_plugin.functions;
  if (functions->read(&settings, &request, &scratch, &ask))
    answer(&settings, &request, &ask, version);
  return 0;
}
