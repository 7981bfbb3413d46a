/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* PIC32MZ W1 with Microchip's Harmony OTA service. The node GETs a JSON manifest every minute or so, compares
 * its Version with its own, GETs the image, checks its SHA-256 and resets. It says nothing about itself and
 * never reports: who it is follows from the path it was built with, or from its address; success is inferred.
 * README.md tells what the device does with each reply. */
#include "gateway-plugin.h"

#define MANIFEST_MAX 1990 /* SYS_OTA_JSON_FILE_MAXSIZE is 2000 */
#define URL_MAX 99        /* OTA_URL_SIZE is 100 with the NUL, copied without a check */
#define NAME_MAX_CHARS 64
#define SIGNATURE_CHARS 96

static const char EMPTY[] = "{\"ota\":[]}";
static const char NO_DIGEST[] = "0000000000000000000000000000000000000000000000000000000000000000";

static const GatewaySetting SETTINGS[] = {
  { "manifest-path", GATEWAY_SETTING_TEXT, "/ota.json", 0, 0, NULL,
    "path that was compiled into nodes known by their address; /n/NODE/... and /g/GROUP/... always work" },
  { "host", GATEWAY_SETTING_TEXT, "", 0, 0, NULL,
    "name or address to put into image URLs; empty: the one by which the node reached us" },
};

static const GatewayListen LISTENS[] = { { 8000, NULL, "/", 0 } };

static const GatewayField FORM[] = {
  { "version", "Version", "[1-9][0-9]{0,8}", NULL, true,
    "a whole number from 1 to 999999999, greater than the one that runs" },
  { "signature", "Signature", "[A-Za-z0-9+/]{94,96}={0,2}", NULL, false,
    "for nodes with secure boot: the 96 characters that the vendor's tool made of this image" },
  { "name", "File name", "[A-Za-z0-9._-]{1,64}", NULL, false, "letters, digits, dot, dash, underscore" },
  { "notes", "Notes", NULL, NULL, false, "free text" },
};

static const GatewayImageRule IMAGE_RULES[] = {
  { 4097, 0, NULL, 0, NULL,
    "the image has 4096 bytes or less: the device's first flash sector would never fill and it would hang" },
  { 0, 0, ":", 1, NULL,
    "this is an Intel HEX file; upload the .bin of hex2bin: this one holds the boot loader" },
  { 0, 0, NULL, 0, ".hex", "this is a HEX file; upload the .bin of hex2bin: this one holds the boot loader" },
};

static const GatewayCode CODES[] = {
  { "", "no manifest", "the node does not ask for a manifest any more",
    "it failed an image or an erase and waits for a reset: power-cycle it" },
  { "", "image again", "the node asked for an image that it had completely",
    "its SHA-256 check failed or it lost power before the boot loader ran: check supply and flash" },
};

static const GatewayVerb VERBS[] = {
  { "erase", "version", GATEWAY_ROLE_OPERATE, "delete the stored image of that version on the node",
    "after an erase the node's update service is silent until the node is reset" },
};

/* One path segment of a name that may be a node id. */
static bool
is_name(GatewayText text)
{
  if (text.size == 0 || text.size > NAME_MAX_CHARS)
    return false;
  for (size_t i = 0; i < text.size; i++) {
    char c = text.data[i];
    bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!is_plain && !strchr("._:@-", c))
      return false;
  }
  return true;
}

static bool
has_prefix(GatewayText text, const char *prefix)
{
  size_t size = strlen(prefix);
  return text.size > size && memcmp(text.data, prefix, size) == 0;
}

static GatewayText
skip(GatewayText text, size_t n)
{
  return (GatewayText){ text.data + n, text.size - n };
}

/* "NAME/anything.json": the name, or an absent text. */
static GatewayText
name_before_slash(GatewayText rest)
{
  const char *slash = memchr(rest.data, '/', rest.size);
  if (!slash)
    return GATEWAY_NO_TEXT;
  GatewayText name = { rest.data, (size_t)(slash - rest.data) };
  return is_name(name) ? name : GATEWAY_NO_TEXT;
}

static void
ask_manifest(GatewayAsk *ask, GatewayIdentity identity, GatewayText name)
{
  if (identity != GATEWAY_IDENTITY_ADDRESS && name.size == 0)
    return;
  ask->kind = GATEWAY_ASK_OFFER;
  ask->identity = identity;
  ask->node = name;
}

static bool
harmony_read(const GatewaySettings *settings, const GatewayRequest *request, GatewayScratch *scratch,
             GatewayAsk *ask)
{
  (void)scratch;
  ask->kind = GATEWAY_ASK_NOTHING;
  ask->identity = GATEWAY_IDENTITY_ADDRESS;
  if (request->method != GATEWAY_GET && request->method != GATEWAY_HEAD)
    return true;
  GatewayText path = request->path;
  if (has_prefix(path, "/b/")) {
    ask->kind = GATEWAY_ASK_BYTES;
    ask->token = skip(path, strlen("/b/"));
  } else if (has_prefix(path, "/n/")) {
    ask_manifest(ask, GATEWAY_IDENTITY_CLAIMED, name_before_slash(skip(path, strlen("/n/"))));
  } else if (has_prefix(path, "/g/")) {
    ask_manifest(ask, GATEWAY_IDENTITY_GROUP, name_before_slash(skip(path, strlen("/g/"))));
  } else if (gateway_text_equal(path, settings->text(settings, "manifest-path"))) {
    ask_manifest(ask, GATEWAY_IDENTITY_ADDRESS, GATEWAY_NO_TEXT);
  }
  return true;
}

/* What may stand in a URL and in JSON without escaping. */
static bool
is_host(GatewayText host)
{
  for (size_t i = 0; i < host.size; i++) {
    char c = host.data[i];
    bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!is_plain && !strchr(".-:[]", c))
      return false;
  }
  return host.size > 0;
}

static GatewayText
print_url(const GatewayRequest *request, GatewayText host, GatewayText token, GatewayScratch *scratch)
{
  uint16_t usual = request->is_tls ? 443 : 80;
  const char *scheme = request->is_tls ? "https" : "http";
  if (request->local_port == usual)
    return gateway_print(scratch, "%s://%.*s/b/%.*s", scheme, GATEWAY_ARGS(host), GATEWAY_ARGS(token));
  return gateway_print(scratch, "%s://%.*s:%u/b/%.*s", scheme, GATEWAY_ARGS(host), request->local_port,
                       GATEWAY_ARGS(token));
}

/* The URL by the configured host, the Host header, or our address: the first that fits. */
static GatewayText
image_url(const GatewaySettings *settings, const GatewayRequest *request, GatewayText token,
          GatewayScratch *scratch)
{
  GatewayText hosts[] = { gateway_text(settings->text(settings, "host")), request->host, request->local };
  for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
    if (!is_host(hosts[i]))
      continue;
    GatewayText url = print_url(request, hosts[i], token, scratch);
    if (url.size > 0 && url.size <= URL_MAX)
      return url;
  }
  return GATEWAY_NO_TEXT;
}

/* One element of the array; the rest of the device's words for it are `more`, which begins with a comma. */
typedef struct {
  GatewayText version, url, digest, more;
  bool is_erase;
} Entry;

static GatewayText
print_entry(const Entry *entry, GatewayScratch *scratch)
{
  return gateway_print(
      scratch, "{\"ota\":[{\"Version\":%.*s,\"URL\":\"%.*s\",\"Digest\":\"%.*s\",\"EraseVer\":%s%.*s}]}",
      GATEWAY_ARGS(entry->version), GATEWAY_ARGS(entry->url), GATEWAY_ARGS(entry->digest),
      entry->is_erase ? "true" : "false", GATEWAY_ARGS(entry->more));
}

static GatewayText
attribute_of(const GatewayImage *image, const char *key)
{
  for (uint32_t i = 0; i < image->n_attributes && i < GATEWAY_MAX_PAIRS; i++)
    if (gateway_text_equal(image->attributes[i].key, key))
      return image->attributes[i].value;
  return GATEWAY_NO_TEXT;
}

/* Base64 as the vendor's tool wrote it: it goes through unchanged, or not at all. */
static bool
is_signature(GatewayText text)
{
  for (size_t i = 0; i < text.size; i++) {
    char c = text.data[i];
    bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!is_plain && c != '+' && c != '/' && !(c == '=' && i >= SIGNATURE_CHARS - 2))
      return false;
  }
  return text.size == SIGNATURE_CHARS;
}

/* JSON takes the version as it is only when it is a plain positive number. */
static bool
is_number(GatewayText version)
{
  for (size_t i = 0; i < version.size; i++) {
    if (version.data[i] < '0' || version.data[i] > '9')
      return false;
  }
  return version.size > 0 && version.size <= 9 && version.data[0] != '0';
}

static void
refuse(GatewayReply *reply, GatewayReason reason, const char *text)
{
  reply->refused = reason;
  reply->refused_detail = gateway_text(text);
}

static void
write_offer(const GatewaySettings *settings, const GatewayRequest *request, const GatewayImage *image,
            GatewayScratch *scratch, GatewayReply *reply)
{
  GatewayText url = image_url(settings, request, image->token, scratch);
  GatewayText signature = attribute_of(image, "signature"), more = GATEWAY_NO_TEXT;
  if (signature.size && is_signature(signature))
    more = gateway_print(scratch, ",\"Signature\":\"%.*s\"", GATEWAY_ARGS(signature));
  if (!is_number(image->software_version)) {
    refuse(reply, GATEWAY_REASON_UNKNOWN_PRODUCT, "the version is no whole number from 1 to 999999999");
  } else if (url.size == 0) {
    refuse(reply, GATEWAY_REASON_UNKNOWN_PRODUCT,
           "the image URL would have more than 99 characters; set host=");
  } else if (signature.size && more.size == 0) {
    refuse(reply, GATEWAY_REASON_UNKNOWN_PRODUCT,
           "the signature has not the 96 characters of base64 that nodes take");
  } else {
    Entry entry = { image->software_version, url, image->sha256, more, false };
    GatewayText manifest = print_entry(&entry, scratch);
    if (manifest.size > 0 && manifest.size <= MANIFEST_MAX)
      reply->body = manifest;
  }
}

static void
write_erase(const GatewaySettings *settings, const GatewayRequest *request, GatewayText version,
            GatewayScratch *scratch, GatewayReply *reply)
{
  GatewayText url = image_url(settings, request, GATEWAY_TEXT("erase"), scratch);
  if (is_number(version) && url.size > 0)
    reply->body =
        print_entry(&(Entry){ version, url, GATEWAY_TEXT(NO_DIGEST), GATEWAY_NO_TEXT, true }, scratch);
}

static void
write_manifest(const GatewaySettings *settings, const GatewayRequest *request, const GatewayAnswer *answer,
               GatewayScratch *scratch, GatewayReply *reply)
{
  reply->status = 200;
  reply->n_headers = 1;
  reply->headers[0] = (GatewayPair){ GATEWAY_TEXT("Content-Type"), GATEWAY_TEXT("application/json") };
  reply->body = GATEWAY_TEXT(EMPTY);
  if (answer->kind == GATEWAY_ANSWER_OFFER)
    write_offer(settings, request, &answer->image, scratch, reply);
  else if (gateway_text_equal(answer->verb, "erase"))
    write_erase(settings, request, answer->verb_argument, scratch, reply);
}

static void
write_bytes(const GatewayAnswer *answer, GatewayReply *reply)
{
  reply->n_headers = 1;
  reply->headers[0] = (GatewayPair){ GATEWAY_TEXT("Content-Type"), GATEWAY_TEXT("application/octet-stream") };
  reply->body_is_image = answer->kind == GATEWAY_ANSWER_BYTES;
  reply->status = reply->body_is_image ? 200 : answer->kind == GATEWAY_ANSWER_LATER ? 503 : 404;
}

static void
harmony_write(const GatewaySettings *settings, const GatewayRequest *request, const GatewayAsk *ask,
              const GatewayAnswer *answer, GatewayScratch *scratch, GatewayReply *reply)
{
  if (ask->kind == GATEWAY_ASK_OFFER)
    write_manifest(settings, request, answer, scratch, reply);
  else if (ask->kind == GATEWAY_ASK_BYTES)
    write_bytes(answer, reply);
  else
    reply->status = 404;
}

static const GatewayRequestFunctions FUNCTIONS = {
  .size = sizeof(GatewayRequestFunctions),
  .read = harmony_read,
  .write = harmony_write,
};

GATEWAY_EXPORT const GatewayPlugin gateway_plugin = {
  .abi = GATEWAY_PLUGIN_ABI,
  .size = sizeof(GatewayPlugin),
  .kind = GATEWAY_REQUEST,
  .traits = GATEWAY_NEVER_CUT | GATEWAY_SILENT,
  .name = "harmony",
  .title = "Microchip PIC32MZ W1 (Harmony OTA service)",
  .version = "1.0",
  .setup =
      "Build the node with the OTA URL http://GATEWAY:8000/n/NODE/ota.json to know it by a name of its own,\n"
      "http://GATEWAY:8000/g/GROUP/ota.json for nodes that share one build,\n"
      "or http://GATEWAY:8000/ota.json to know it by its address. Poll every 60 s; auto-reset on.",
  .settings = SETTINGS,
  .n_settings = GATEWAY_COUNT(SETTINGS),
  .listens = LISTENS,
  .n_listens = GATEWAY_COUNT(LISTENS),
  .form = FORM,
  .n_form = GATEWAY_COUNT(FORM),
  .codes = CODES,
  .n_codes = GATEWAY_COUNT(CODES),
  .verbs = VERBS,
  .n_verbs = GATEWAY_COUNT(VERBS),
  .image_rules = IMAGE_RULES,
  .n_image_rules = GATEWAY_COUNT(IMAGE_RULES),
  .versioning = { GATEWAY_VERSION_INTEGER, 0 },
  .inference = { .requests = 3, .apart_s = 30, .bytes_s = 300, .not_back_s = 7 * 86400 },
  .pin_s = 600,
  .idle_s = 300,
  .functions = &FUNCTIONS,
};
