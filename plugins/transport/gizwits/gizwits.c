/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Gizwits GAgent: a Wi-Fi module that registers, is provisioned, and asks for firmware of its own (type 1)
 * and of the MCU behind it (type 2) with host name and port 80 compiled in. It parses with strstr() what one
 * recv() brought, so what a reply looks like to the byte decides whether it is understood: README.md. What is
 * not about firmware is the vendor's: it goes to the real cloud, so that nodes keep their identity. */
#include "gateway-plugin.h"

#define DID_SIZE 22
#define VERSION_SIZE 8
#define HOST_MAX 64 /* host and path of a URL are built in a buffer of 200 bytes: 130 are safe */
#define CACHE_S 600
#define TOKEN_SIZE 16
#define CHECK_PATH "/dev/ota/v4.1/update_and_check/"
#define LATEST_PATH "/dev/ota/v4.1/latest"
#define DOWNLOAD_PATH "/dev/ota/v4.1/download/"
#define FID_PATH "/dev/ota/target_fid"
#define FID_DOWNLOAD_PATH "/dev/ota/download/"
#define DEVICES_PATH "/dev/devices"

static const GatewaySetting SETTINGS[] = {
  { "passthrough", GATEWAY_SETTING_TEXT, "http://api.gizwits.com", 0, 0, NULL,
    "the vendor's cloud: registers and provisions modules, and is asked where no rule has anything; no = "
    "off" },
  { "passthrough-quota", GATEWAY_SETTING_INTEGER, "24", 0, 1000, NULL,
    "checks of one module that are passed on in a day" },
  { "m2m-host", GATEWAY_SETTING_TEXT, "", 0, 0, NULL,
    "MQTT host that modules are told instead of the vendor's: the gateway's own name or address" },
};

static const GatewayListen LISTENS[] = {
  { 80, "api.gizwits.com", "/", 0 },
  { 80, "api.iotsdk.com", "/", 0 },
  { 80, NULL, "/dev/", 0 },
};

static const GatewayHost HOSTS[] = {
  { "api.gizwits.com", 80, "registration, provisioning and update check of every module" },
  { "api.iotsdk.com", 80, "the same in test builds" },
};

static const GatewayField FORM[] = {
  { "type", "Firmware type", "wifi|mcu", "wifi", true,
    "wifi for the module itself, mcu for what is behind it" },
  { "push", "Push method", "V4|V4\\.1", "V4.1", false, "V4.1, or V4 for modules before 04010004" },
  { "hardware", "Hardware version", "[A-Za-z0-9]{8}", NULL, true, "exactly 8 characters, like 00ESP826" },
  { "version", "Software version", "[A-Za-z0-9]{8}", NULL, true,
    "exactly 8 characters, like 04020019: the first four are the series, and greater as text than what "
    "runs" },
  { "name", "File name", "[A-Za-z0-9_-]{1,90}\\.(bin|hex)", NULL, true,
    ".bin, or for an MCU also .hex; of High-Flying modules the web edition" },
  { "notes", "Notes", NULL, NULL, false, "free text" },
};

static const GatewayImageRule IMAGE_RULES[] = {
  { .min_size = 600, .reason = "the image has less than 600 bytes: the module would crash on it" },
  { .suffix = ".hex", .type = "wifi", .reason = "a module takes .bin only; .hex is for an MCU" },
  { .name_part = "combine",
    .hardware_part = "esp826",
    .reason = "a \"combine\" file is for the first flashing of an ESP8266: take the one without it" },
};

static const GatewayCode CODES[] = {
  { "http", "9500", "no push rule for this device", "see \"gatewayctl explain\" for the node" },
  { "http", "9502", "the rule is not in effect, or the device is updated already",
    "see \"gatewayctl explain\" for the node" },
};

/* ---- reading ---- */

static bool
is_name(GatewayText text, size_t size)
{
  if (text.size != size)
    return false;
  for (size_t i = 0; i < size; i++) {
    char c = text.data[i];
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')))
      return false;
  }
  return true;
}

static bool
has_prefix(GatewayText text, const char *prefix)
{
  size_t size = strlen(prefix);
  return text.size >= size && memcmp(text.data, prefix, size) == 0;
}

static GatewayText
behind(GatewayText text, const char *prefix)
{
  size_t size = strlen(prefix);
  return (GatewayText){ text.data + size, text.size - size };
}

/* The value of @key in "a=b&c=d"; absent if it is not there. */
static GatewayText
value_of(GatewayText form, const char *key)
{
  size_t key_size = strlen(key);
  const char *end = form.data + form.size;
  for (const char *part = form.data; part && part < end;) {
    const char *stop = memchr(part, '&', (size_t)(end - part));
    size_t size = (size_t)((stop ? stop : end) - part);
    if (size > key_size && part[key_size] == '=' && memcmp(part, key, key_size) == 0)
      return (GatewayText){ part + key_size + 1, size - key_size - 1 };
    part = stop ? stop + 1 : end;
  }
  return GATEWAY_NO_TEXT;
}

static GatewayText
version_of(GatewayText form, const char *key)
{
  GatewayText version = value_of(form, key);
  return is_name(version, VERSION_SIZE) ? version : GATEWAY_NO_TEXT;
}

static void
name_node(GatewayAsk *ask, GatewayText did)
{
  ask->identity = is_name(did, DID_SIZE) ? GATEWAY_IDENTITY_CLAIMED : GATEWAY_IDENTITY_ADDRESS;
  if (ask->identity != GATEWAY_IDENTITY_CLAIMED)
    return;
  ask->node = did;
  ask->aliases[ask->n_aliases++] = (GatewayPair){ GATEWAY_TEXT("did"), did };
}

/* The version of an MCU is what was offered to it last, whether it took it or not: no proof. */
static void
read_check(GatewayText form, GatewayText did, GatewayScratch *scratch, GatewayAsk *ask)
{
  GatewayText type = value_of(form, "type"), product = value_of(form, "product_key");
  bool is_wifi = gateway_text_equal(type, "1");
  if (!is_wifi && !gateway_text_equal(type, "2"))
    return;
  ask->kind = GATEWAY_ASK_OFFER;
  name_node(ask, did);
  ask->type = is_wifi ? GATEWAY_TEXT("wifi") : GATEWAY_TEXT("mcu");
  ask->hardware_version = version_of(form, "hard_version");
  ask->software_version = version_of(form, "soft_version");
  ask->is_version_proof = is_wifi && ask->software_version.size > 0;
  ask->product = is_name(product, 32) ? product : GATEWAY_NO_TEXT;
  ask->relays_miss = true;
  ask->relay_cache_s = CACHE_S;
  ask->cache_key =
      gateway_print(scratch, "check %.*s %.*s %.*s %.*s", GATEWAY_ARGS(ask->node), GATEWAY_ARGS(ask->type),
                    GATEWAY_ARGS(ask->hardware_version), GATEWAY_ARGS(ask->software_version));
}

/* Whoever has a token is who was offered it. */
static void
read_download(GatewayText token, GatewayAsk *ask)
{
  bool is_token = token.size == TOKEN_SIZE;
  for (size_t i = 0; is_token && i < token.size; i++)
    is_token =
        (token.data[i] >= 'a' && token.data[i] <= 'z') || (token.data[i] >= '2' && token.data[i] <= '7');
  if (!is_token)
    return;
  ask->kind = GATEWAY_ASK_BYTES;
  ask->identity = GATEWAY_IDENTITY_ADDRESS;
  ask->token = token;
}

/* What the vendor said last is what is known of a registration or provisioning while its cloud is away. */
static void
read_vendors(const GatewayRequest *request, GatewayScratch *scratch, GatewayAsk *ask)
{
  static const char *const HEADERS[] = { "Content-Type", "Cache-Control", "Accept", "Authorization",
                                         "User-Agent" };
  bool is_device = has_prefix(request->path, DEVICES_PATH);
  ask->kind = GATEWAY_ASK_RELAY;
  ask->n_relay_headers = GATEWAY_COUNT(HEADERS);
  for (uint32_t i = 0; i < ask->n_relay_headers; i++)
    ask->relay_headers[i] = gateway_text(HEADERS[i]);
  name_node(ask, is_device && request->path.size > strlen(DEVICES_PATH)
                     ? behind(request->path, DEVICES_PATH "/")
                     : value_of(request->body, "did"));
  if (is_device && request->method == GATEWAY_GET && ask->node.size > 0)
    ask->cache_key = gateway_print(scratch, "provision %.*s", GATEWAY_ARGS(ask->node));
  else if (is_device && request->method == GATEWAY_POST && request->body.size < 400)
    ask->cache_key = gateway_print(scratch, "register %.*s", GATEWAY_ARGS(request->body));
}

static bool
is_provisioning(const GatewayRequest *request)
{
  return request->method == GATEWAY_GET && has_prefix(request->path, DEVICES_PATH "/");
}

static bool
gizwits_read(const GatewaySettings *settings, const GatewayRequest *request, GatewayScratch *scratch,
             GatewayAsk *ask)
{
  (void)settings;
  bool is_get = request->method == GATEWAY_GET;
  ask->kind = GATEWAY_ASK_NOTHING;
  if (request->method == GATEWAY_POST && has_prefix(request->path, CHECK_PATH))
    read_check(request->body, behind(request->path, CHECK_PATH), scratch, ask);
  else if (is_get && gateway_text_equal(request->path, FID_PATH))
    read_check(request->query, value_of(request->query, "did"), scratch, ask);
  else if (is_get && gateway_text_equal(request->path, LATEST_PATH))
    read_check(request->query, GATEWAY_NO_TEXT, scratch, ask);
  else if (is_get && has_prefix(request->path, DOWNLOAD_PATH))
    read_download(behind(request->path, DOWNLOAD_PATH), ask);
  else if (is_get && has_prefix(request->path, FID_DOWNLOAD_PATH))
    read_download(behind(request->path, FID_DOWNLOAD_PATH), ask);
  else
    read_vendors(request, scratch, ask);
  return true;
}

/* ---- writing ---- */

static void
add_header(GatewayReply *reply, const char *name, GatewayText value)
{
  reply->headers[reply->n_headers++] = (GatewayPair){ gateway_text(name), value };
}

/* Any status but 200 is "nothing to do"; the codes are for whoever reads the module's log. */
static void
write_no(unsigned code, const char *text, GatewayScratch *scratch, GatewayReply *reply)
{
  reply->status = 404;
  add_header(reply, "Content-Type", GATEWAY_TEXT("application/json"));
  reply->body = gateway_print(scratch, "{\"error_code\":%u,\"error_message\":\"%s\"}", code, text);
}

static void
write_reason(const GatewayAnswer *answer, GatewayScratch *scratch, GatewayReply *reply)
{
  if (answer->kind == GATEWAY_ANSWER_NOTHING &&
      (answer->reason == GATEWAY_REASON_NO_RULE || answer->reason == GATEWAY_REASON_NOT_ADOPTED))
    write_no(9500, "Don't have a push rule id on device", scratch, reply);
  else
    write_no(9502, "push rule not in effect or device already upgrade", scratch, reply);
}

static void
refuse(const char *detail, GatewayScratch *scratch, GatewayReply *reply)
{
  write_no(9502, "push rule not in effect or device already upgrade", scratch, reply);
  reply->refused = GATEWAY_REASON_WRONG_HARDWARE;
  reply->refused_detail = gateway_text(detail);
}

/* The name that led the module here leads it here again; it takes no port. */
static GatewayText
host_of(const GatewayRequest *request)
{
  bool is_plain = request->host.size > 0 && request->host.size <= HOST_MAX;
  for (size_t i = 0; is_plain && i < request->host.size; i++) {
    char c = request->host.data[i];
    is_plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-';
  }
  return is_plain ? request->host : request->local;
}

static bool
is_push_method(const GatewayImage *image, const char *method)
{
  for (uint32_t i = 0; i < image->n_attributes; i++)
    if (gateway_text_equal(image->attributes[i].key, "push"))
      return gateway_text_equal(image->attributes[i].value, method);
  return true;
}

/* Older modules compare a number of the file with that of the file they took last. */
static void
write_fid(const GatewayRequest *request, const GatewayAnswer *answer, GatewayScratch *scratch,
          GatewayReply *reply)
{
  GatewayText current = value_of(request->query, "current_fid"), host = host_of(request);
  unsigned fid = (unsigned)answer->update % 999999998u + 2;
  GatewayText text = gateway_print(scratch, "%u", fid);
  if (text.size == current.size && memcmp(text.data, current.data, text.size) == 0)
    fid--;
  reply->body = gateway_print(scratch, "target_fid=%u&download_url=http://%.*s" FID_DOWNLOAD_PATH "%.*s&",
                              fid, GATEWAY_ARGS(host), GATEWAY_ARGS(answer->image.token));
}

/* One chunk in one segment: its CRLF ends the URL, and newer clients that take all of the body do not have
 * one in theirs. */
static void
write_offer(const GatewayRequest *request, const GatewayAnswer *answer, GatewayScratch *scratch,
            GatewayReply *reply)
{
  const GatewayImage *image = &answer->image;
  GatewayText host = host_of(request);
  bool is_old = gateway_text_equal(request->path, FID_PATH);
  if (image->software_version.size != VERSION_SIZE) {
    refuse("its software version has not 8 characters", scratch, reply);
    return;
  }
  if (!is_push_method(image, is_old ? "V4" : "V4.1")) {
    refuse(is_old ? "the module asks by push method V4, and the firmware is for V4.1"
                  : "the module asks by push method V4.1, and the firmware is for V4",
           scratch, reply);
    return;
  }
  reply->status = 200;
  reply->is_chunked = true;
  add_header(reply, "Content-Type", GATEWAY_TEXT("text/html"));
  if (is_old)
    write_fid(request, answer, scratch, reply);
  else
    reply->body =
        gateway_print(scratch, "soft_ver=%.*s&download_url=http://%.*s" DOWNLOAD_PATH "%.*s",
                      GATEWAY_ARGS(image->software_version), GATEWAY_ARGS(host), GATEWAY_ARGS(image->token));
}

static bool
is_hex(GatewayText name)
{
  return name.size > 4 && memcmp(name.data + name.size - 4, ".hex", 4) == 0;
}

/* The module looks for these names as they are spelled here, and takes three characters behind the first dot
 * of the file name for its kind. */
static void
write_image(const GatewayAnswer *answer, GatewayReply *reply)
{
  const GatewayImage *image = &answer->image;
  reply->status = 200;
  add_header(reply, "Content-Type", GATEWAY_TEXT("application/octet-stream"));
  add_header(reply, "Soft-Version", image->software_version);
  add_header(reply, "Firmware-MD5", image->md5);
  add_header(reply, "Content-Disposition",
             is_hex(image->name) ? GATEWAY_TEXT("attachment; filename=\"mcu.hex\"")
                                 : GATEWAY_TEXT("attachment; filename=\"firmware.bin\""));
  reply->body_is_image = true;
}

static GatewayText
find(GatewayText text, const char *part)
{
  const char *at = text.size ? memmem(text.data, text.size, part, strlen(part)) : NULL;
  return at ? (GatewayText){ at, text.size - (size_t)(at - text.data) } : GATEWAY_NO_TEXT;
}

/* host=HOST&port=PORT&server_ts=SECONDS: another host, if the operator wants modules to come by here. */
static GatewayText
with_our_host(GatewayText body, const char *host, GatewayScratch *scratch)
{
  GatewayText port = find(body, "&port=");
  if (!*host || !has_prefix(body, "host=") || port.size == 0)
    return body;
  GatewayText rest = find(port, "&server_ts=");
  return gateway_print(scratch, "host=%s&port=1883%.*s", host, GATEWAY_ARGS(rest));
}

static GatewayText
relayed_header(const GatewayAnswer *answer, const char *name)
{
  GatewayRequest view = { .headers = answer->pairs, .n_headers = answer->n_pairs };
  return gateway_header(&view, name);
}

/* What the vendor said; its own offers come by the rules of the site. One chunk, because the module reads on
 * to a "&" or a CR behind the last value. */
static void
write_relayed(const GatewaySettings *settings, const GatewayRequest *request, const GatewayAsk *ask,
              const GatewayAnswer *answer, GatewayScratch *scratch, GatewayReply *reply)
{
  GatewayText type = relayed_header(answer, "Content-Type"), body = answer->relay_body;
  bool is_whole = answer->relay_size == body.size && answer->relay_status >= 200;
  if (ask->kind == GATEWAY_ASK_OFFER && (answer->relay_status < 400 || !is_whole || body.size > 512)) {
    write_no(9502, "push rule not in effect or device already upgrade", scratch, reply);
    return;
  }
  reply->status = is_whole ? answer->relay_status : 502;
  if (type.size > 0)
    add_header(reply, "Content-Type", type);
  if (!is_whole)
    return;
  reply->body = body;
  if (answer->relay_status < 300 && is_provisioning(request))
    reply->body = with_our_host(body, settings->text(settings, "m2m-host"), scratch);
  reply->is_chunked = answer->relay_status < 300 && has_prefix(request->path, DEVICES_PATH);
}

static void
gizwits_write(const GatewaySettings *settings, const GatewayRequest *request, const GatewayAsk *ask,
              const GatewayAnswer *answer, GatewayScratch *scratch, GatewayReply *reply)
{
  const char *m2m = settings->text(settings, "m2m-host");
  if (ask->kind == GATEWAY_ASK_NOTHING) {
    write_no(9502, "push rule not in effect or device already upgrade", scratch, reply);
  } else if (answer->kind == GATEWAY_ANSWER_RELAYED) {
    write_relayed(settings, request, ask, answer, scratch, reply);
  } else if (answer->kind == GATEWAY_ANSWER_OFFER) {
    write_offer(request, answer, scratch, reply);
  } else if (answer->kind == GATEWAY_ANSWER_BYTES) {
    write_image(answer, reply);
  } else if (ask->kind == GATEWAY_ASK_RELAY && is_provisioning(request) && *m2m) {
    reply->status = 200;
    reply->is_chunked = true;
    reply->body = gateway_print(scratch, "host=%s&port=1883&server_ts=0&", m2m);
  } else if (ask->kind == GATEWAY_ASK_RELAY || answer->kind == GATEWAY_ANSWER_LATER) {
    reply->status = 503; /* it comes again by itself */
  } else {
    write_reason(answer, scratch, reply);
  }
}

/* ---- what the vendor has ---- */

static GatewayText
until_end(GatewayText text)
{
  size_t size = 0;
  while (size < text.size && text.data[size] > ' ' && text.data[size] != '&')
    size++;
  return (GatewayText){ text.data, size };
}

static bool
gizwits_learn(const GatewaySettings *settings, const GatewayRequest *request, const GatewayAnswer *relayed,
              GatewayScratch *scratch, GatewayLead *lead)
{
  GatewayAsk ask = { .size = sizeof ask };
  if (relayed->relay_status != 200 || !gizwits_read(settings, request, scratch, &ask) ||
      ask.kind != GATEWAY_ASK_OFFER || gateway_text_equal(request->path, FID_PATH))
    return false;
  GatewayText version = find(relayed->relay_body, "soft_ver="),
              url = find(relayed->relay_body, "download_url=");
  if (version.size == 0 || url.size == 0)
    return false;
  lead->software_version = until_end(behind(version, "soft_ver="));
  lead->url = until_end(behind(url, "download_url="));
  lead->type = ask.type;
  lead->hardware_version = ask.hardware_version;
  lead->name =
      gateway_print(scratch, "%s_%.*s_%.*s.bin", gateway_text_equal(ask.type, "wifi") ? "GAgent" : "mcu",
                    GATEWAY_ARGS(ask.hardware_version), GATEWAY_ARGS(lead->software_version));
  return is_name(lead->software_version, VERSION_SIZE) && has_prefix(lead->url, "http");
}

static const GatewayRequestFunctions FUNCTIONS = {
  .size = sizeof(GatewayRequestFunctions),
  .read = gizwits_read,
  .write = gizwits_write,
  .learn = gizwits_learn,
};

GATEWAY_EXPORT const GatewayPlugin gateway_plugin = {
  .abi = GATEWAY_PLUGIN_ABI,
  .size = sizeof(GatewayPlugin),
  .kind = GATEWAY_REQUEST,
  .traits = GATEWAY_HTTP_NO_RANGE | GATEWAY_HTTP_PLAIN_HEAD | GATEWAY_HTTP_CLOSE,
  .name = "gizwits",
  .title = "Gizwits GAgent (Wi-Fi module and the MCU behind it)",
  .version = "1.0",
  .setup =
      "Let api.gizwits.com resolve to the gateway in the modules' network (an A record), port 80.\n"
      "Set passthrough-resolver= in [wan], so that modules are registered and provisioned by the vendor.\n"
      "High-Flying modules take the web edition of a firmware.",
  .settings = SETTINGS,
  .n_settings = GATEWAY_COUNT(SETTINGS),
  .listens = LISTENS,
  .n_listens = GATEWAY_COUNT(LISTENS),
  .hosts = HOSTS,
  .n_hosts = GATEWAY_COUNT(HOSTS),
  .form = FORM,
  .n_form = GATEWAY_COUNT(FORM),
  .codes = CODES,
  .n_codes = GATEWAY_COUNT(CODES),
  .image_rules = IMAGE_RULES,
  .n_image_rules = GATEWAY_COUNT(IMAGE_RULES),
  .versioning = { GATEWAY_VERSION_LEX8, 4 },
  .pin_s = 3600,
  .idle_s = 60,
  .functions = &FUNCTIONS,
};
