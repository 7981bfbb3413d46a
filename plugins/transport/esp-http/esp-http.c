/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* ESP8266 and ESP32 with the HTTP update of their Arduino cores (also Tasmota), esp_https_ota of ESP-IDF, and
 * ESPHome, which reads a manifest first. But for the last one GET is both question and download: 200 with an
 * image that begins with 0xE9 is flashed, 304 is "nothing new". The Arduino cores say in x-ESP headers who
 * they are and how much room they have; an ESP-IDF node says nothing, but may be built to send the version
 * header as well. README.md tells what the device does with each reply. */
#include "gateway-plugin.h"

#define MAC_CHARS 17
#define VERSION_MAX 64
#define NAME_MAX_CHARS 64

static const GatewaySetting SETTINGS[] = {
  { "component", GATEWAY_SETTING_TEXT, "", 0, 0, NULL,
    "type of the firmware that the sketch itself is, where products have several; empty: the only one" },
};

static const GatewayListen LISTENS[] = { { 8266, NULL, "/", 0 } };

static const GatewayField FORM[] = {
  { "version", "Version", "[A-Za-z0-9._+-]{1,64}", NULL, true,
    "what the sketch passes to httpUpdate.update() as its version: 1.2.3" },
  { "type", "Part", "(sketch|filesystem|minimal)?", NULL, false,
    "empty or \"sketch\" for the sketch, \"filesystem\" for LittleFS or SPIFFS, \"minimal\" for Tasmota's "
    "step in between (its own image is then \"sketch\")" },
  { "name", "File name", "[A-Za-z0-9._-]{1,64}", NULL, false, "letters, digits, dot, dash, underscore" },
  { "notes", "Notes", NULL, NULL, false, "free text" },
};

static const GatewayImageRule IMAGE_RULES[] = {
  { 1024, 0, NULL, 0, NULL, "the image has less than 1024 bytes: no sketch is so small" },
  { 0, 0, "\177ELF", 4, NULL, "this is the linker's ELF file; export the compiled binary (.bin)" },
  { 0, 0, "PK\003\004", 4, NULL, "this is a zip; import the .bin that is in it" },
  { 0, 0, NULL, 0, ".elf", "this is the linker's ELF file; export the compiled binary (.bin)" },
  { 0, 0, NULL, 0, ".uf2", "the module takes the .bin, not the .uf2" },
};

static const GatewayCode CODES[] = {
  { "", "-100", "the image does not fit beside the running sketch",
    "build it smaller or with another flash layout" },
  { "", "-101", "the server did not say a length", "point the node at the gateway itself, not at a proxy" },
  { "", "-102", "the update file was not found", "see \"gatewayctl explain\" for the node" },
  { "", "-103", "the server forbids it", "see \"gatewayctl explain\" for the node" },
  { "", "-104", "wrong HTTP answer", "see the gateway's log about the node" },
  { "", "-105", "the MD5 did not match", "the link corrupts bytes: see the radio and the supply" },
  { "", "-106", "the file does not begin with 0xE9", "import the compiled binary (.bin) of this board" },
  { "", "-107", "the image is for another flash size", "build it for this board" },
};

/* ---- reading ---- */

/* Of the two families; the name as sent is "x-ESP8266-..." or "x-ESP32-...". */
static GatewayText
esp_header(const GatewayRequest *request, const char *const names[2])
{
  GatewayText value = gateway_header(request, names[0]);
  return value.size ? value : gateway_header(request, names[1]);
}

#define ESP_HEADER(request, name)                                                                            \
  esp_header((request), (const char *const[2]){ "x-ESP8266-" name, "x-ESP32-" name })

static bool
is_among(GatewayText text, const char *more, size_t max)
{
  if (text.size == 0 || text.size > max)
    return false;
  for (size_t i = 0; i < text.size; i++) {
    char c = text.data[i];
    bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!is_plain && !(c && strchr(more, c)))
      return false;
  }
  return true;
}

static GatewayText
checked(GatewayText text, const char *more, size_t max)
{
  return is_among(text, more, max) ? text : GATEWAY_NO_TEXT;
}

/* "DE:BA:7A:B1:E0:42" in lower case; absent if it is none. */
static GatewayText
read_mac(GatewayText text, GatewayScratch *scratch)
{
  if (text.size != MAC_CHARS || !is_among(text, ":", MAC_CHARS))
    return GATEWAY_NO_TEXT;
  GatewayText mac = gateway_print(scratch, "%.*s", GATEWAY_ARGS(text));
  char *data = (char *)mac.data;
  for (size_t i = 0; i < mac.size; i++) {
    bool is_colon_place = i % 3 == 2;
    if (is_colon_place != (data[i] == ':'))
      return GATEWAY_NO_TEXT;
    if (data[i] >= 'A' && data[i] <= 'F')
      data[i] += 'a' - 'A';
    if (!is_colon_place && !strchr("0123456789abcdef", data[i]))
      return GATEWAY_NO_TEXT;
  }
  return mac;
}

static bool
has_prefix(GatewayText text, const char *prefix)
{
  size_t size = strlen(prefix);
  return text.size >= size && memcmp(text.data, prefix, size) == 0;
}

/* "/n/NODE/anything": the name that a node without x-ESP headers was built with. */
static GatewayText
name_in_path(GatewayText path)
{
  if (!has_prefix(path, "/n/"))
    return GATEWAY_NO_TEXT;
  GatewayText rest = { path.data + 3, path.size - 3 };
  const char *slash = memchr(rest.data, '/', rest.size);
  if (!slash)
    return GATEWAY_NO_TEXT;
  return checked((GatewayText){ rest.data, (size_t)(slash - rest.data) }, "._:@-", NAME_MAX_CHARS);
}

static void
read_identity(const GatewayRequest *request, GatewayScratch *scratch, GatewayAsk *ask)
{
  GatewayText mac = read_mac(ESP_HEADER(request, "STA-MAC"), scratch);
  GatewayText name = name_in_path(request->path);
  ask->identity = mac.size || name.size ? GATEWAY_IDENTITY_CLAIMED : GATEWAY_IDENTITY_ADDRESS;
  ask->node = name.size ? name : mac;
  if (mac.size)
    ask->aliases[ask->n_aliases++] = (GatewayPair){ GATEWAY_TEXT("mac"), mac };
}

static void
add_attribute(GatewayAsk *ask, const char *key, GatewayText value)
{
  if (value.size)
    ask->attributes[ask->n_attributes++] = (GatewayPair){ gateway_text(key), value };
}

/* ---- paths ---- */

static bool
ends_in(GatewayText text, const char *suffix)
{
  size_t size = strlen(suffix);
  return text.size > size && memcmp(text.data + text.size - size, suffix, size) == 0;
}

static bool
is_image_path(GatewayText path)
{
  return ends_in(path, ".bin") || ends_in(path, ".bin.gz");
}

/* Tasmota asks for NAME-minimal.bin when NAME.bin does not fit beside what runs. */
static bool
is_minimal(GatewayText path)
{
  return ends_in(path, "-minimal.bin") || ends_in(path, "-minimal.bin.gz");
}

/* Does it know that step? Its images are all called so. */
static bool
is_of_tasmota(GatewayText path)
{
  size_t begin = path.size;
  while (begin > 0 && path.data[begin - 1] != '/')
    begin--;
  return has_prefix((GatewayText){ path.data + begin, path.size - begin }, "tasmota") &&
         is_image_path(path) && !is_minimal(path);
}

/* ESPHome's "/n/NODE/FAMILY/manifest.json" or "/n/NODE/FAMILY/VERSION/manifest.json". */
typedef struct {
  GatewayText family, version;
} Manifest;

static GatewayText
next_segment(GatewayText *rest)
{
  const char *slash = memchr(rest->data, '/', rest->size);
  size_t size = slash ? (size_t)(slash - rest->data) : rest->size;
  GatewayText segment = { rest->data, size };
  *rest = (GatewayText){ rest->data + size + (slash ? 1 : 0), rest->size - size - (slash ? 1 : 0) };
  return segment;
}

static bool
read_manifest(GatewayText path, Manifest *manifest)
{
  GatewayText name = name_in_path(path);
  size_t before = strlen("/n/") + name.size + 1;
  GatewayText rest = { path.data + before, name.size ? path.size - before : 0 };
  if (name.size == 0)
    return false;
  manifest->family = checked(next_segment(&rest), "-", 16);
  manifest->version = GATEWAY_NO_TEXT;
  if (!gateway_text_equal(rest, "manifest.json"))
    manifest->version = checked(next_segment(&rest), "._+-", VERSION_MAX);
  return manifest->family.size > 0 && gateway_text_equal(rest, "manifest.json");
}

static bool
is_filesystem(const GatewayRequest *request)
{
  GatewayText mode = ESP_HEADER(request, "mode");
  return gateway_text_equal(mode, "spiffs") || gateway_text_equal(mode, "littlefs");
}

/* Bytes of a download that began earlier: every range but one that begins at 0, in whatever spelling. */
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

/* The version is that of what is asked for: a program passes one with each kind of update. */
static void
read_claim(const GatewaySettings *settings, const GatewayRequest *request, GatewayAsk *ask)
{
  ask->type = is_filesystem(request)         ? GATEWAY_TEXT("filesystem")
              : is_minimal(request->path)    ? GATEWAY_TEXT("minimal")
              : is_of_tasmota(request->path) ? GATEWAY_TEXT("sketch")
                                             : gateway_text(settings->text(settings, "component"));
  ask->software_version = checked(ESP_HEADER(request, "version"), "._+-", VERSION_MAX);
  ask->is_version_proof = ask->software_version.size > 0;
  add_attribute(ask, "free-space", checked(ESP_HEADER(request, "free-space"), "", 10));
  add_attribute(ask, "chip-size", checked(ESP_HEADER(request, "chip-size"), "", 10));
  add_attribute(ask, "sdk", checked(ESP_HEADER(request, "sdk-version"), "._+()-", 64));
}

/* A browser that comes by is no node. */
static bool
is_of_node(const GatewayRequest *request, const GatewayAsk *ask)
{
  bool is_got = request->method == GATEWAY_GET || request->method == GATEWAY_HEAD;
  return is_got && (ask->node.size || is_image_path(request->path));
}

/* "ESP32-C3" is chip "esp32c3". */
static GatewayText
chip_of(GatewayText family, GatewayScratch *scratch)
{
  GatewayText chip = gateway_print(scratch, "%.*s", GATEWAY_ARGS(family));
  char *data = (char *)chip.data;
  size_t n = 0;
  for (size_t i = 0; i < chip.size; i++)
    if (data[i] != '-')
      data[n++] = data[i] >= 'A' && data[i] <= 'Z' ? (char)(data[i] + 'a' - 'A') : data[i];
  return (GatewayText){ chip.data, n };
}

/* The URL is compiled in with the firmware: what stands in it as version is what runs. */
static void
ask_by_manifest(const GatewaySettings *settings, const Manifest *manifest, GatewayScratch *scratch,
                GatewayAsk *ask)
{
  ask->kind = GATEWAY_ASK_OFFER;
  ask->type = gateway_text(settings->text(settings, "component"));
  ask->software_version = manifest->version;
  ask->is_version_proof = manifest->version.size > 0;
  add_attribute(ask, "chip", chip_of(manifest->family, scratch));
}

static bool
ask_by_token(const GatewayRequest *request, GatewayAsk *ask)
{
  size_t before = strlen("/b/"), after = strlen(".bin");
  if (request->method != GATEWAY_GET || !has_prefix(request->path, "/b/") ||
      !ends_in(request->path, ".bin") || request->path.size <= before + after)
    return false;
  ask->kind = GATEWAY_ASK_BYTES;
  ask->identity = GATEWAY_IDENTITY_ADDRESS;
  ask->token = (GatewayText){ request->path.data + before, request->path.size - before - after };
  return true;
}

static bool
esp_http_read(const GatewaySettings *settings, const GatewayRequest *request, GatewayScratch *scratch,
              GatewayAsk *ask)
{
  GatewayAsk found = { .size = ask->size, .kind = GATEWAY_ASK_NOTHING };
  Manifest manifest;
  ask->kind = GATEWAY_ASK_NOTHING;
  if (ask_by_token(request, ask))
    return true;
  read_identity(request, scratch, &found);
  if (!is_of_node(request, &found))
    return true;
  *ask = found;
  if (read_manifest(request->path, &manifest)) {
    ask_by_manifest(settings, &manifest, scratch, ask);
    return true;
  }
  ask->kind = is_resumption(request) ? GATEWAY_ASK_BYTES : GATEWAY_ASK_OFFER;
  if (ask->kind == GATEWAY_ASK_OFFER)
    read_claim(settings, request, ask);
  return true;
}

/* ---- writing ---- */

/* The room that the node says it has; 0 = it does not say. */
static uint64_t
free_space(const GatewayRequest *request)
{
  GatewayText text = checked(ESP_HEADER(request, "free-space"), "", 10);
  uint64_t space = 0;
  for (size_t i = 0; i < text.size && text.data[i] >= '0' && text.data[i] <= '9'; i++)
    space = space * 10 + (uint64_t)(text.data[i] - '0');
  return space;
}

static void
check_room(const GatewayRequest *request, const GatewayImage *image, GatewayScratch *scratch,
           GatewayReply *reply)
{
  uint64_t space = free_space(request);
  if (is_minimal(request->path) && !gateway_text_equal(image->type, "minimal")) {
    reply->is_final = true; /* what is due is the sketch: that it does not fit is why this one is asked for */
    return;
  }
  if (space == 0 || image->size <= space)
    return;
  if (is_of_tasmota(request->path)) { /* it must see that, to ask for the minimal one */
    reply->status = 200;
    reply->is_final = true;
    reply->head_of = image->size;
    return;
  }
  reply->refused = GATEWAY_REASON_WRONG_HARDWARE;
  reply->refused_detail = gateway_print(scratch, "the image has %llu bytes, and the node has room for %llu",
                                        (unsigned long long)image->size, (unsigned long long)space);
}

static void
write_image(const GatewayImage *image, GatewayReply *reply)
{
  reply->status = 200;
  reply->body_is_image = true;
  reply->headers[reply->n_headers++] =
      (GatewayPair){ GATEWAY_TEXT("Content-Type"), GATEWAY_TEXT("application/octet-stream") };
  if (image->md5.size)
    reply->headers[reply->n_headers++] = (GatewayPair){ GATEWAY_TEXT("x-MD5"), image->md5 };
}

/* What may stand in a URL and in JSON without escaping. */
static bool
is_host(GatewayText host)
{
  return is_among(host, ".-:[]", 255);
}

/* Why this image cannot stand in a manifest, or NULL. */
static const char *
unfit(const GatewayImage *image)
{
  if (image->md5.size == 0)
    return "the image has no MD5, which a manifest needs";
  if (!is_among(image->software_version, "._+-", VERSION_MAX))
    return "the version cannot stand in a manifest: letters, digits and . _ + - only";
  return NULL;
}

/* The node compares the version for equality alone; with "" there is no update. */
static GatewayText
print_manifest(const GatewayImage *image, GatewayText family, GatewayText url, GatewayScratch *scratch)
{
  GatewayText product = checked(image->product, "._-", 64);
  return gateway_print(scratch,
                       "{\"name\":\"%.*s\",\"version\":\"%.*s\",\"builds\":[{\"chipFamily\":\"%.*s\","
                       "\"ota\":{\"md5\":\"%.*s\",\"path\":\"%.*s\"}}]}",
                       GATEWAY_ARGS(product), GATEWAY_ARGS(image->software_version), GATEWAY_ARGS(family),
                       GATEWAY_ARGS(image->md5), GATEWAY_ARGS(url));
}

static GatewayText
image_url(const GatewayRequest *request, const GatewayImage *image, GatewayScratch *scratch)
{
  GatewayText host = is_host(request->host) ? request->host : request->local;
  return gateway_print(scratch, "http%s://%.*s:%u/b/%.*s.bin", request->is_tls ? "s" : "", GATEWAY_ARGS(host),
                       request->local_port, GATEWAY_ARGS(image->token));
}

static void
write_manifest(const GatewayRequest *request, const Manifest *manifest, const GatewayAnswer *answer,
               GatewayScratch *scratch, GatewayReply *reply)
{
  static const GatewayImage nothing;
  const GatewayImage *image = answer->kind == GATEWAY_ANSWER_OFFER ? &answer->image : &nothing;
  const char *why = image == &nothing ? NULL : unfit(image);
  if (why) {
    reply->refused = GATEWAY_REASON_UNKNOWN_PRODUCT;
    reply->refused_detail = gateway_text(why);
    image = &nothing;
  }
  GatewayText url = image == &nothing ? GATEWAY_TEXT("/none") : image_url(request, image, scratch);
  reply->is_final = true;
  reply->status = 200;
  reply->body = print_manifest(image, manifest->family, url, scratch);
  reply->headers[reply->n_headers++] =
      (GatewayPair){ GATEWAY_TEXT("Content-Type"), GATEWAY_TEXT("application/json") };
}

static void
esp_http_write(const GatewaySettings *settings, const GatewayRequest *request, const GatewayAsk *ask,
               const GatewayAnswer *answer, GatewayScratch *scratch, GatewayReply *reply)
{
  Manifest manifest;
  (void)settings;
  reply->status = 304;
  if (ask->kind == GATEWAY_ASK_NOTHING)
    reply->status = 404;
  else if (ask->kind == GATEWAY_ASK_OFFER && read_manifest(request->path, &manifest))
    write_manifest(request, &manifest, answer, scratch, reply);
  else if (answer->kind == GATEWAY_ANSWER_OFFER)
    check_room(request, &answer->image, scratch, reply);
  else if (answer->kind == GATEWAY_ANSWER_BYTES)
    write_image(&answer->image, reply);
  else if (ask->kind == GATEWAY_ASK_BYTES)
    reply->status = 404; /* what it began is gone: it begins anew without a range */
}

static const GatewayRequestFunctions FUNCTIONS = {
  .size = sizeof(GatewayRequestFunctions),
  .read = esp_http_read,
  .write = esp_http_write,
};

GATEWAY_EXPORT const GatewayPlugin gateway_plugin = {
  .abi = GATEWAY_PLUGIN_ABI,
  .size = sizeof(GatewayPlugin),
  .kind = GATEWAY_REQUEST,
  .traits = GATEWAY_ONE_STEP,
  .name = "esp-http",
  .title = "ESP8266 and ESP32: Arduino HTTP update, Tasmota, esp_https_ota, ESPHome",
  .version = "1.0",
  .setup = "Arduino: httpUpdate.update(client, \"http://GATEWAY:8266/update.bin\", \"1.0.0\") with the "
           "running version.\n"
           "Tasmota: OtaUrl http://GATEWAY:8266/tasmota.bin\n"
           "ESPHome: update: platform http_request, source http://GATEWAY:8266/n/NODE/ESP32-C3/${version}/"
           "manifest.json\n"
           "ESP-IDF: http://GATEWAY:8266/n/NODE/firmware.bin, and send the running version in the header "
           "x-ESP32-version.",
  .settings = SETTINGS,
  .n_settings = GATEWAY_COUNT(SETTINGS),
  .listens = LISTENS,
  .n_listens = GATEWAY_COUNT(LISTENS),
  .form = FORM,
  .n_form = GATEWAY_COUNT(FORM),
  .codes = CODES,
  .n_codes = GATEWAY_COUNT(CODES),
  .image_rules = IMAGE_RULES,
  .n_image_rules = GATEWAY_COUNT(IMAGE_RULES),
  .versioning = { GATEWAY_VERSION_DOTTED, 0 },
  .pin_s = 3600,
  .idle_s = 60,
  .functions = &FUNCTIONS,
};
