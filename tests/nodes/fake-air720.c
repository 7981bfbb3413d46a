/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An Air720 with auto-FOTA, as trusting as the real one: it glues whatever comes behind what it has, takes a
 * chunked reply for a success, knows header names in one spelling only, and asks thirty times in a row. It
 * prints one line per event and fails where the real device fails; tests/nodes/test_fake_air720.py proves
 * that. */
#include "device.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define UNKNOWN_TOTAL 2147483647L

typedef enum { DONE, RETRY, ENDED, ELSEWHERE } Result;

typedef struct {
  Device device;
  const char *imei, *key, *firmware_name, *path, *lie, *out;
  char *version, *location;
  int poll_ms, polls, retries;
  GByteArray *image;
} Module;

typedef struct {
  int status;
  long total; /* of the whole image */
  gboolean is_chunked;
  char *location;
} Head;

static gboolean
lies(const Module *module, const char *kind)
{
  return module->lie && strcmp(module->lie, kind) == 0;
}

/* ---- the head ---- */

static void
read_line(char *line, Head *head)
{
  char *slash;

  if (g_str_has_prefix(line, "Content-Length: ") && head->total == UNKNOWN_TOTAL)
    head->total = atol(line + 16);
  if (g_str_has_prefix(line, "Content-Range: ") && (slash = strchr(line, '/')) != NULL)
    head->total = atol(slash + 1);
  if (g_str_has_prefix(line, "Transfer-Encoding: chunked"))
    head->is_chunked = TRUE;
  if (g_str_has_prefix(line, "Location: "))
    head->location = g_strdup(line + 10);
}

/* "HTTP/1.1 200 OK": without the reason its pattern runs on into the first header line, which is lost. */
static Head
read_head(const char *text, gsize size)
{
  Head head = { .total = UNKNOWN_TOTAL };
  g_autofree char *copy = g_strndup(text, size);
  g_auto(GStrv) lines = g_strsplit(copy, "\r\n", 0);
  guint first = 1;

  if (g_str_has_prefix(lines[0], "HTTP/1.1 "))
    head.status = atoi(lines[0] + 9);
  if (strlen(lines[0]) < 13 && lines[1])
    first = 2;
  for (guint i = first; i < g_strv_length(lines); i++)
    read_line(lines[i], &head);
  return head;
}

/* ---- one connection ---- */

static char *
request_of(const Module *module, const char *target)
{
  const char *query = strchr(target, '?') ? "" : "?";
  g_autofree char *parameters =
      *query ? g_strdup_printf("project_key=%s&imei=%s&device_key=SN0001&firmware_name=%s&version=%s",
                               module->key, module->imei, module->firmware_name, module->version)
             : g_strdup("");
  return g_strdup_printf("GET %s%s%s HTTP/1.1\r\nHost: iot.openluat.com\r\nRange: bytes=%u-\r\n"
                         "Connection: short\r\n\r\n",
                         target, query, parameters, module->image->len);
}

static Result
read_image(Module *module, int fd, const Head *head, GByteArray *bytes)
{
  do {
    g_byte_array_append(module->image, bytes->data, bytes->len);
    g_byte_array_set_size(bytes, 0);
    if (lies(module, "die-in-middle") && module->image->len > 5000) {
      device_say(&module->device, "lost power in mid-image");
      exit(75);
    }
    if ((long)module->image->len >= head->total)
      return DONE;
  } while (device_take(&module->device, fd, bytes));
  if (head->total == UNKNOWN_TOTAL) {
    device_say(&module->device, "length unknown: took what came until the close");
    return DONE;
  }
  device_say(&module->device, "broke off at %u of %ld", module->image->len, head->total);
  return RETRY;
}

static Result
judge(Module *module, int fd, Head *head, GByteArray *bytes)
{
  if (head->location && head->status >= 300 && head->status < 400) {
    g_free(module->location);
    module->location = g_steal_pointer(&head->location);
    return ELSEWHERE;
  }
  if (head->status != 200 && head->status != 206) {
    device_say(&module->device, "no: status %d %.*s", head->status, (int)MIN(bytes->len, 200), bytes->data);
    return ENDED;
  }
  if (head->is_chunked) {
    device_say(&module->device, "success without a byte");
    return DONE;
  }
  return read_image(module, fd, head, bytes);
}

static Result
try_once(Module *module, const char *host, int port, const char *target)
{
  int fd = device_dial(&module->device, host, port);
  g_autofree char *request = request_of(module, target);
  g_autoptr(GByteArray) bytes = g_byte_array_new();
  const char *end = NULL;
  Head head;
  Result result;

  if (fd < 0)
    return RETRY;
  device_send(fd, request);
  while (!end && device_take(&module->device, fd, bytes))
    end = g_strstr_len((const char *)bytes->data, bytes->len, "\r\n\r\n");
  if (!end) {
    close(fd);
    return RETRY;
  }
  head = read_head((const char *)bytes->data, (gsize)(end - (const char *)bytes->data));
  g_byte_array_remove_range(bytes, 0, (guint)(end + 4 - (const char *)bytes->data));
  result = judge(module, fd, &head, bytes);
  g_free(head.location);
  close(fd);
  return result;
}

/* ---- a check ---- */

static Result
follow(Module *module)
{
  g_auto(GStrv) parts = g_strsplit(module->location, "/", 4); /* http: "" host:port path */
  g_autofree char *target = NULL;
  char *colon;

  if (g_strv_length(parts) < 4)
    return ENDED;
  target = g_strdup_printf("/%s%s", parts[3], strchr(parts[3], '?') ? "" : "?");
  colon = strchr(parts[2], ':');
  if (colon)
    *colon = 0;
  return try_once(module, parts[2], colon ? atoi(colon + 1) : 80, target);
}

static Result
try_often(Module *module)
{
  Result result = RETRY;

  for (int i = 0; i <= module->retries && (result == RETRY || result == ELSEWHERE); i++)
    result = result == ELSEWHERE ? follow(module)
                                 : try_once(module, module->device.host, module->device.port, module->path);
  return result;
}

static void
restart(Module *module)
{
  g_autofree char *version = device_boot("LUAT", 4, module->image->data, module->image->len);

  if (module->out)
    g_file_set_contents(module->out, (const char *)module->image->data, module->image->len, NULL);
  if (lies(module, "die-at-end")) {
    device_say(&module->device, "lost power after the last byte");
    exit(75);
  }
  if (module->image->len == 0 || lies(module, "loop")) {
    device_say(&module->device, "restart, running version %s", module->version);
    return;
  }
  if (!version) {
    device_say(&module->device, "bricked: %u bytes that are no firmware", module->image->len);
    exit(70);
  }
  g_free(module->version);
  module->version = g_steal_pointer(&version);
  device_say(&module->device, "restart, running version %s", module->version);
}

static void
check(Module *module)
{
  Result result;

  g_byte_array_set_size(module->image, 0);
  result = try_often(module);
  if (result == DONE)
    restart(module);
  else
    device_say(&module->device, result == ENDED ? "check ended" : "gave up");
}

int
main(int argc, char **argv)
{
  const char *version = "1.0.0";
  Module module = { .device = { .name = "air720", .host = "127.0.0.1", .port = 80, .stall_ms = 60000 },
                    .imei = "866888020000001",
                    .key = "AbCdEfGhIjKlMnOpQrStUvWxYz012345",
                    .firmware_name = "demo_Luat_V0028_ASR1802_720D",
                    .path = "/api/site/firmware_upgrade",
                    .poll_ms = 60000,
                    .polls = 1,
                    .retries = 30,
                    .image = g_byte_array_new() };
  const DeviceOption options[] = {
    { "name", &module.device.name, NULL },
    { "host", &module.device.host, NULL },
    { "port", NULL, &module.device.port },
    { "bind", &module.device.bind_address, NULL },
    { "imei", &module.imei, NULL },
    { "key", &module.key, NULL },
    { "version", &version, NULL },
    { "firmware-name", &module.firmware_name, NULL },
    { "path", &module.path, NULL },
    { "lie", &module.lie, NULL },
    { "out", &module.out, NULL },
    { "poll-ms", NULL, &module.poll_ms },
    { "polls", NULL, &module.polls },
    { "retries", NULL, &module.retries },
    { "stall-ms", NULL, &module.device.stall_ms },
    { "rate", NULL, &module.device.rate },
    { NULL, NULL, NULL },
  };

  device_options(options, argc, argv);
  module.version = g_strdup(version);
  for (int i = 0; !module.polls || i < module.polls; i++) {
    if (i)
      g_usleep((gulong)module.poll_ms * 1000);
    check(&module);
  }
  g_byte_array_unref(module.image);
  g_free(module.version);
  g_free(module.location);
  return 0;
}
