/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Openluat / AirM2M modules (Air720 and its family) with auto-FOTA. One GET is both question and download:
 * 200 or 206 is the image, any error with a small JSON is "no", and is the end of that check. A broken
 * download is asked for again at once, from the byte where it broke, up to thirty times: bytes of another
 * image would be glued to those of the first, so a resumption is only ever served from what the node is
 * pinned to. README.md tells what the device does with each reply. */
#include "gateway-plugin.h"

#define IMEI_DIGITS 15
#define FIRMWARE_NAME_MAX 128
#define VERSION_MAX 32
#define DEFAULT_PATH "/api/site/firmware_upgrade"
#define OWN_FOLDER "/openluat/"
#define TOKEN_CHARS 16
#define CACHE_KEY_MAX 500
#define CACHE_S 600
#define REFUSAL_MAX 1024 /* the module logs it, and has little room */

static const GatewaySetting SETTINGS[] = {
  { "path", GATEWAY_SETTING_TEXT, DEFAULT_PATH, 0, 0, NULL,
    "path of the vendor's update check; a URL of the owner's own begins with /openluat/" },
  { "passthrough", GATEWAY_SETTING_TEXT, "http://iot.openluat.com", 0, 0, NULL,
    "the vendor's cloud: asked where no rule has anything for a module, and for all that is no check; no = "
    "off" },
  { "passthrough-quota", GATEWAY_SETTING_INTEGER, "5", 0, 1000, NULL,
    "checks of one module that are passed on in 24 hours: the vendor bans a module at its sixth" },
};

static const GatewayListen LISTENS[] = {
  { 80, "iot.openluat.com", "/", 0 },
  { 80, NULL, "/api/site/", 0 },
  { 80, NULL, "/openluat/", 0 },
};

static const GatewayHost HOSTS[] = {
  { "iot.openluat.com", 80, "the update check of every module that has no URL of its own" },
};

static const GatewayField FORM[] = {
  { "version", "Script version", "[0-9]+(\\.[0-9]+){0,3}", NULL, true,
    "numbers with dots, greater than the one that runs: 1.0.1" },
  { "hardware", "Core", "[A-Za-z0-9._-]{1,64}", NULL, false,
    "the core that the script was built for: the part of firmware_name behind the project, like "
    "Luat_V0028_ASR1802_720D; empty = any" },
  { "name", "File name", "[A-Za-z0-9._-]{1,64}", NULL, false, "letters, digits, dot, dash, underscore" },
  { "notes", "Notes", NULL, NULL, false, "free text" },
};

static const GatewayImageRule IMAGE_RULES[] = {
  { 1, 0, NULL, 0, NULL, "the image is empty: the module would report success and restart" },
  { 0, 0, "PK\003\004", 4, NULL,
    "this is a zip of several files: choose the one for this core and import it by itself" },
};

static const GatewayCode CODES[] = {
  { "http", "3", "the device is unknown: its IMEI is not 15 digits",
    "the module has no IMEI yet or sends a placeholder: see AT+CGSN" },
  { "http", "17", "device, firmware and project belong to different accounts",
    "mend it in the vendor's console" },
  { "http", "21", "the upgrade is not allowed", "switch it on in the vendor's console" },
  { "http", "25", "the project key is unknown",
    "make a product of that name, or correct PRODUCT_KEY in main.lua" },
  { "http", "26", "the firmware name is not of this series",
    "the module runs another core than the firmware was built for: choose one that fits" },
  { "http", "27", "nothing is due: the latest runs, or the device is not chosen, or not now",
    "see \"gatewayctl explain\" for the node" },
  { "http", "40", "the module asked the vendor too often (six times a day)",
    "wait a day; point it at the gateway" },
  { "http", "43", "the image is being fetched", "the module asks again by itself" },
  { "http", "44", "the base of a difference is missing", "upload the core that the module runs" },
  { "at", "-1000", "bad URL", "correct AT+UPGRADE=\"URL\"" },
  { "at", "-1001", "no network", "see signal, SIM and APN" },
  { "at", "-1002", "no connection to the server",
    "see that the name resolves to the gateway and port 80 is open" },
  { "at", "-1003", "bad firmware, or its difference is not ready",
    "import a file that was built for this module" },
  { "at", "-1004", "the server answered with an error", "the second number is the HTTP status" },
  { "at", "-1005", "the image could not be stored", "it is too large for the module's flash" },
  { "at", "-1006", "another error", "see the module's log" },
};

/* ---- reading ---- */

/* The value of @key in the query, as it stands there; absent if it is not. */
static GatewayText
query_value(GatewayText query, const char *key)
{
  size_t key_size = strlen(key);
  const char *end = query.data + query.size;
  for (const char *part = query.data; part && part < end;) {
    const char *stop = memchr(part, '&', (size_t)(end - part));
    size_t size = (size_t)((stop ? stop : end) - part);
    if (size > key_size && part[key_size] == '=' && memcmp(part, key, key_size) == 0)
      return (GatewayText){ part + key_size + 1, size - key_size - 1 };
    part = stop ? stop + 1 : end;
  }
  return GATEWAY_NO_TEXT;
}

static bool
is_plain(char c)
{
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
         c == '-';
}

/* Plain characters only, 1 to @max; what is not is absent. */
static GatewayText
plain(GatewayText text, size_t max)
{
  if (text.size == 0 || text.size > max)
    return GATEWAY_NO_TEXT;
  for (size_t i = 0; i < text.size; i++)
    if (!is_plain(text.data[i]))
      return GATEWAY_NO_TEXT;
  return text;
}

static bool
is_imei(GatewayText text)
{
  if (text.size != IMEI_DIGITS)
    return false;
  for (size_t i = 0; i < text.size; i++)
    if (text.data[i] < '0' || text.data[i] > '9')
      return false;
  return true;
}

static bool
has_prefix(GatewayText text, const char *prefix)
{
  size_t size = strlen(prefix);
  return text.size >= size && memcmp(text.data, prefix, size) == 0;
}

static bool
contains(GatewayText text, const char *part)
{
  size_t size = strlen(part);
  for (size_t i = 0; i + size <= text.size; i++)
    if (memcmp(text.data + i, part, size) == 0)
      return true;
  return false;
}

static bool
is_at_or_below(GatewayText path, const char *folder)
{
  size_t size = strlen(folder);
  return size > 0 && has_prefix(path, folder) &&
         (path.size == size || folder[size - 1] == '/' || path.data[size] == '/');
}

/* Where the vendor may answer with firmware, whatever path= says. A path that can be spelled in another way
 * may be such a place. */
static bool
is_check(const GatewaySettings *settings, GatewayText path)
{
  return is_at_or_below(path, settings->text(settings, "path")) || is_at_or_below(path, DEFAULT_PATH) ||
         contains(path, "%") || contains(path, "//") || contains(path, "/.");
}

/* The rest of a download that broke: every range but one that begins at 0, in whatever spelling. */
static bool
is_resumption(const GatewayRequest *request)
{
  GatewayText range = gateway_header(request, "Range");
  size_t i = strlen("bytes=");
  if (range.size == 0)
    return false;
  if (!has_prefix(range, "bytes=0"))
    return true;
  while (i < range.size && range.data[i] == '0')
    i++;
  return i == range.size || range.data[i] != '-';
}

/* PROJECT_CORE: the core is what the firmware was built for. */
static void
read_firmware_name(GatewayText name, GatewayAsk *ask)
{
  const char *mark = name.size ? memchr(name.data, '_', name.size) : NULL;
  if (mark)
    ask->hardware_version = plain((GatewayText){ mark + 1, name.size - (size_t)(mark + 1 - name.data) }, 64);
}

static void
add_alias(GatewayAsk *ask, const char *key, GatewayText value)
{
  if (value.size)
    ask->aliases[ask->n_aliases++] = (GatewayPair){ gateway_text(key), value };
}

static void
read_check(const GatewayRequest *request, GatewayAsk *ask)
{
  GatewayText imei = query_value(request->query, "imei");
  ask->kind = is_resumption(request) ? GATEWAY_ASK_BYTES : GATEWAY_ASK_OFFER;
  ask->identity = GATEWAY_IDENTITY_CLAIMED;
  ask->node = imei;
  add_alias(ask, "imei", imei);
  if (ask->kind == GATEWAY_ASK_BYTES)
    return;
  ask->product = plain(query_value(request->query, "project_key"), 64);
  read_firmware_name(plain(query_value(request->query, "firmware_name"), FIRMWARE_NAME_MAX), ask);
  ask->software_version = plain(query_value(request->query, "version"), VERSION_MAX);
  ask->is_version_proof = ask->software_version.size > 0;
}

/* Of an offer that was made over the module's serial line: /openluat/TOKEN.bin */
static GatewayText
token_of(GatewayText path)
{
  size_t folder = strlen(OWN_FOLDER);
  GatewayText token = { path.data + folder, TOKEN_CHARS };
  if (!has_prefix(path, OWN_FOLDER) || path.size != folder + TOKEN_CHARS + strlen(".bin") ||
      memcmp(token.data + TOKEN_CHARS, ".bin", strlen(".bin")) != 0)
    return GATEWAY_NO_TEXT;
  for (size_t i = 0; i < token.size; i++)
    if ((token.data[i] < 'a' || token.data[i] > 'z') && (token.data[i] < '2' || token.data[i] > '7'))
      return GATEWAY_NO_TEXT;
  return token;
}

/* A refusal is repeated for so long: the module asks again at once where its connection broke. */
static void
read_miss(const GatewayRequest *request, GatewayAsk *ask)
{
  if (ask->kind != GATEWAY_ASK_OFFER || request->query.size > CACHE_KEY_MAX)
    return;
  ask->relays_miss = true;
  ask->cache_key = request->query;
  ask->relay_cache_s = CACHE_S;
}

/* No check: reports of results, and what else the vendor's libraries ask of their host. */
static void
read_other(const GatewayRequest *request, GatewayAsk *ask)
{
  GatewayText imei = query_value(request->query, "imei");
  ask->kind = GATEWAY_ASK_RELAY;
  ask->identity = is_imei(imei) ? GATEWAY_IDENTITY_CLAIMED : GATEWAY_IDENTITY_ADDRESS;
  ask->node = is_imei(imei) ? imei : GATEWAY_NO_TEXT;
  ask->n_relay_headers = 2;
  ask->relay_headers[0] = GATEWAY_TEXT("Content-Type");
  ask->relay_headers[1] = GATEWAY_TEXT("Authorization");
}

/* A URL of the owner's own, asked without any query: who it is follows from the address. */
static void
read_plain(const GatewayRequest *request, GatewayAsk *ask)
{
  ask->kind = is_resumption(request) ? GATEWAY_ASK_BYTES : GATEWAY_ASK_OFFER;
  ask->identity = GATEWAY_IDENTITY_ADDRESS;
}

static bool
openluat_read(const GatewaySettings *settings, const GatewayRequest *request, GatewayScratch *scratch,
              GatewayAsk *ask)
{
  (void)scratch;
  bool is_check_path = is_check(settings, request->path);
  bool is_own_url = has_prefix(request->path, OWN_FOLDER);
  bool is_get = request->method == GATEWAY_GET;
  GatewayText token = token_of(request->path);
  ask->kind = GATEWAY_ASK_NOTHING;
  if (!is_check_path && !is_own_url) {
    read_other(request, ask);
  } else if (is_get && token.size) {
    ask->kind = GATEWAY_ASK_BYTES;
    ask->identity = GATEWAY_IDENTITY_ADDRESS;
    ask->token = token;
  } else if (is_get && is_imei(query_value(request->query, "imei"))) {
    read_check(request, ask);
  } else if (is_get && is_own_url && request->query.size == 0) {
    read_plain(request, ask);
  }
  if (is_check_path)
    read_miss(request, ask);
  return true;
}

/* ---- writing ---- */

/* "No", as the vendor's own platform says it. The device logs the text and ends its check. */
static void
write_no(unsigned code, const char *text, GatewayScratch *scratch, GatewayReply *reply)
{
  reply->status = 400;
  reply->n_headers = 1;
  reply->headers[0] = (GatewayPair){ GATEWAY_TEXT("Content-Type"), GATEWAY_TEXT("application/json") };
  reply->body = gateway_print(scratch, "{\"code\": %u, \"msg\": \"%s\"}", code, text);
}

static void
write_reason(GatewayReason reason, GatewayScratch *scratch, GatewayReply *reply)
{
  switch (reason) {
  case GATEWAY_REASON_UNKNOWN_PRODUCT:
    write_no(25, "invalid project", scratch, reply);
    break;
  case GATEWAY_REASON_WRONG_HARDWARE:
    write_no(26, "invalid firmware name", scratch, reply);
    break;
  case GATEWAY_REASON_BEING_FETCHED:
    write_no(43, "being prepared, ask again", scratch, reply);
    break;
  default:
    write_no(27, "nothing due", scratch, reply);
  }
}

/* What is nobody's: an empty yes stops retries. */
static void
write_other(const GatewaySettings *settings, const GatewayRequest *request, GatewayScratch *scratch,
            GatewayReply *reply)
{
  if (is_check(settings, request->path))
    write_no(3, "invalid device", scratch, reply);
  else
    reply->status = 200;
}

static GatewayText
relayed_header(const GatewayAnswer *answer, const char *name)
{
  GatewayRequest view = { .headers = answer->pairs, .n_headers = answer->n_pairs };
  return gateway_header(&view, name);
}

static void
pass_header(const GatewayAnswer *answer, const char *name, GatewayReply *reply)
{
  GatewayText value = relayed_header(answer, name);
  if (value.size > 0)
    reply->headers[reply->n_headers++] = (GatewayPair){ gateway_text(name), value };
}

/* A body without a type may be anything. */
static bool
may_be_image(const GatewayAnswer *answer)
{
  GatewayText type = relayed_header(answer, "Content-Type");
  static const char IMAGE[] = "application/octet-stream";
  if (answer->relay_body.size == 0)
    return false;
  return type.size == 0 || (type.size >= strlen(IMAGE) && strncasecmp(type.data, IMAGE, strlen(IMAGE)) == 0);
}

/* The vendor's own word. Its images come by the site's rules: to a check only its refusals are passed, to
 * anything else no image nor the way to one. */
static void
write_relayed(const GatewayAsk *ask, const GatewayAnswer *answer, GatewayScratch *scratch,
              GatewayReply *reply)
{
  bool is_whole = answer->relay_size == answer->relay_body.size;
  bool is_refusal = answer->relay_status >= 400 && answer->relay_body.size <= REFUSAL_MAX && is_whole;
  if (ask->kind == GATEWAY_ASK_OFFER && !is_refusal) {
    write_no(27, "nothing due", scratch, reply);
    return;
  }
  is_whole = is_whole && (ask->kind == GATEWAY_ASK_OFFER || !may_be_image(answer));
  reply->status = is_whole && answer->relay_status >= 200 ? answer->relay_status : 502;
  pass_header(answer, "Content-Type", reply);
  if (is_whole)
    reply->body = answer->relay_body;
}

static void
openluat_write(const GatewaySettings *settings, const GatewayRequest *request, const GatewayAsk *ask,
               const GatewayAnswer *answer, GatewayScratch *scratch, GatewayReply *reply)
{
  if (ask->kind == GATEWAY_ASK_NOTHING) {
    write_other(settings, request, scratch, reply);
  } else if (answer->kind == GATEWAY_ANSWER_RELAYED) {
    write_relayed(ask, answer, scratch, reply);
  } else if (ask->kind == GATEWAY_ASK_RELAY) {
    reply->status = 200; /* the vendor is away: the host wrote down that it was asked */
  } else if (answer->kind == GATEWAY_ANSWER_BYTES) {
    reply->status = 200;
    reply->n_headers = 1;
    reply->headers[0] =
        (GatewayPair){ GATEWAY_TEXT("Content-Type"), GATEWAY_TEXT("application/octet-stream") };
    reply->body_is_image = true;
  } else {
    write_reason(answer->reason, scratch, reply);
  }
}

/* 200 to a check is an image, and says nothing of its version: that is the operator's to enter. */
static bool
openluat_learn(const GatewaySettings *settings, const GatewayRequest *request, const GatewayAnswer *relayed,
               GatewayScratch *scratch, GatewayLead *lead)
{
  (void)scratch;
  GatewayAsk ask = { .size = sizeof ask };
  bool is_elsewhere = relayed->relay_status == 302 || relayed->relay_status == 301;
  if (!is_check(settings, request->path) || (relayed->relay_status != 200 && !is_elsewhere) ||
      (!is_elsewhere && relayed->relay_size == 0))
    return false;
  read_firmware_name(plain(query_value(request->query, "firmware_name"), FIRMWARE_NAME_MAX), &ask);
  lead->hardware_version = ask.hardware_version;
  lead->name = GATEWAY_TEXT("vendor.bin");
  lead->url = is_elsewhere ? relayed_header(relayed, "Location") : GATEWAY_NO_TEXT;
  lead->image_size = is_elsewhere ? 0 : relayed->relay_size;
  return !is_elsewhere || lead->url.size > 0;
}

static const GatewayRequestFunctions FUNCTIONS = {
  .size = sizeof(GatewayRequestFunctions),
  .read = openluat_read,
  .write = openluat_write,
  .learn = openluat_learn,
};

GATEWAY_EXPORT const GatewayPlugin gateway_plugin = {
  .abi = GATEWAY_PLUGIN_ABI,
  .size = sizeof(GatewayPlugin),
  .kind = GATEWAY_REQUEST,
  .traits = GATEWAY_ONE_STEP | GATEWAY_HTTP_PLAIN_HEAD,
  .name = "openluat",
  .title = "Openluat / AirM2M Air720 family (auto-FOTA)",
  .version = "1.0",
  .setup = "Let iot.openluat.com resolve to the gateway in the modules' network, port 80.\n"
           "Make a product whose name is the project key (PRODUCT_KEY in main.lua) of the modules.\n"
           "A module with a URL of its own: http://GATEWAY/openluat/NAME.bin",
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
  .versioning = { GATEWAY_VERSION_DOTTED, 0 },
  .pin_s = 86400,
  .idle_s = 60,
  .functions = &FUNCTIONS,
};
