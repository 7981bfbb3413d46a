/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An ESP8266 with the HTTP update of its Arduino core (--family=32: an ESP32). It flashes what comes with
 * 200, a length and a first byte of 0xE9, checks x-MD5 where there is one, and takes 304 for "nothing new".
 * --tasmota=1: what is too large for the room beside the running program is reached over the minimal image.
 * --esphome=ESP32-C3: a manifest says what there is. It prints one line per event and fails where the real
 * device fails; tests/nodes/test_fake_esp.py proves that. */
#include "device.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROOM_BESIDE_MINIMAL 4194304

typedef struct {
  Device device;
  const char *mac, *path, *lie, *out, *mode, *esphome;
  char *version;
  int family, free_space, poll_ms, polls, tasmota;
  gboolean is_too_large; /* what came last */
  guint n_restarts;
} Node;

typedef struct {
  int status;
  long length; /* -1 = not said */
  char *md5;
} Head;

static Head
read_head(const char *text, gsize size)
{
  Head head = { .length = -1 };
  g_autofree char *copy = g_strndup(text, size);
  g_auto(GStrv) lines = g_strsplit(copy, "\r\n", 0);

  if (strlen(lines[0]) >= 12)
    head.status = atoi(lines[0] + 9);
  for (guint i = 1; i < g_strv_length(lines); i++) {
    char *value = strchr(lines[i], ':');
    if (!value)
      continue;
    *value++ = 0;
    if (g_ascii_strcasecmp(lines[i], "Content-Length") == 0)
      head.length = atol(value);
    else if (g_ascii_strcasecmp(lines[i], "x-MD5") == 0)
      head.md5 = g_strstrip(g_strdup(value));
  }
  return head;
}

static char *
request_of(const Node *node, const char *path)
{
  const char *family = node->family == 32 ? "ESP32" : "ESP8266";
  const char *more = node->family == 32 ? "Cache-Control: no-cache\r\n" : "";
  g_autofree char *version =
      *node->version ? g_strdup_printf("x-%s-version: %s\r\n", family, node->version) : g_strdup("");
  return g_strdup_printf(
      "GET %s HTTP/1.0\r\nHost: %s:%d\r\nUser-Agent: %s-http-Update\r\nConnection: close\r\n"
      "%sx-%s-STA-MAC: %s\r\nx-%s-AP-MAC: 02:00:00:00:00:01\r\nx-%s-free-space: %d\r\n"
      "x-%s-sketch-size: 400000\r\nx-%s-chip-size: 4194304\r\nx-%s-sdk-version: 2.5.0\r\n"
      "x-%s-mode: %s\r\n%sContent-Length: 0\r\n\r\n",
      path, node->device.host, node->device.port, family, more, family, node->mac, family, family,
      node->free_space, family, family, family, family, node->mode, version);
}

/* FALSE = said why. */
static gboolean
accepts_head(Node *node, const Head *head)
{
  node->is_too_large = head->status == 200 && head->length > node->free_space;
  if (head->status == 304)
    device_say(&node->device, "nothing new");
  else if (head->status != 200)
    device_say(&node->device, "error: status %d", head->status);
  else if (head->length <= 0)
    device_say(&node->device, "error -101: no length");
  else if (head->length > node->free_space)
    device_say(&node->device, "error -100: %ld bytes do not fit", head->length);
  else
    return TRUE;
  return FALSE;
}

static gboolean
accepts_image(const Node *node, const Head *head, const GByteArray *image)
{
  g_autofree char *md5 = g_compute_checksum_for_data(G_CHECKSUM_MD5, image->data, image->len);

  if (image->data[0] != 0xE9 && image->data[0] != 0x1F)
    device_say(&node->device, "error -106: first byte %02x", image->data[0]);
  else if ((long)image->len < head->length)
    device_say(&node->device, "error: connection lost at %u of %ld", image->len, head->length);
  else if (head->md5 && g_ascii_strcasecmp(md5, head->md5) != 0)
    device_say(&node->device, "error 7: MD5 mismatch");
  else
    return TRUE;
  return FALSE;
}

static void
restart(Node *node, const GByteArray *image)
{
  g_autofree char *version = device_boot("\351ESP", 4, image->data, image->len);

  if (node->out)
    g_file_set_contents(node->out, (const char *)image->data, image->len, NULL);
  if (node->lie && strcmp(node->lie, "die-at-end") == 0) {
    device_say(&node->device, "lost power after the last byte");
    exit(75);
  }
  if (!version) {
    device_say(&node->device, "bricked: %u bytes that are no sketch", image->len);
    exit(70);
  }
  if (!node->lie && *node->version) {
    g_free(node->version);
    node->version = g_steal_pointer(&version);
  }
  node->n_restarts++;
  device_say(&node->device, "restart, running version %s", *node->version ? node->version : "(not told)");
}

static void
read_image(Node *node, int fd, const Head *head, GByteArray *bytes)
{
  while ((long)bytes->len < head->length && device_take(&node->device, fd, bytes))
    if (node->lie && strcmp(node->lie, "die-in-middle") == 0 && bytes->len > 5000) {
      device_say(&node->device, "lost power in mid-image");
      exit(75);
    }
  if (bytes->len > 0 && accepts_image(node, head, bytes))
    restart(node, bytes);
}

/* The head and what came of the body with it; -1 = said why. */
static int
ask(const Device *device, const char *request, GByteArray *bytes, Head *ret_head)
{
  int fd = device_dial(device, device->host, device->port);
  const char *end = NULL;

  if (fd < 0) {
    device_say(device, "error -1: no connection");
    return -1;
  }
  device_send(fd, request);
  while (!end && device_take(device, fd, bytes))
    end = g_strstr_len((const char *)bytes->data, bytes->len, "\r\n\r\n");
  if (!end) {
    device_say(device, "error: no answer");
    close(fd);
    return -1;
  }
  *ret_head = read_head((const char *)bytes->data, (gsize)(end - (const char *)bytes->data));
  g_byte_array_remove_range(bytes, 0, (guint)(end + 4 - (const char *)bytes->data));
  return fd;
}

static void
check_image(Node *node, const char *path)
{
  g_autofree char *request = request_of(node, path);
  g_autoptr(GByteArray) bytes = g_byte_array_new();
  Head head = { 0 };
  int fd = ask(&node->device, request, bytes, &head);

  if (fd < 0)
    return;
  if (accepts_head(node, &head))
    read_image(node, fd, &head, bytes);
  g_free(head.md5);
  close(fd);
}

/* ---- Tasmota ---- */

/* "/tasmota.bin.gz" -> "/tasmota-minimal.bin.gz"; a dash in the name and what follows it are dropped. */
static char *
minimal_path(const char *path)
{
  const char *name = strrchr(path, '/') + 1, *type = strchr(name, '.'), *dash = strrchr(name, '-');
  const char *end = dash ? dash : type;

  return g_strdup_printf("%.*s-minimal%s", (int)(end - path), path, type);
}

static void
step_over_minimal(Node *node)
{
  g_autofree char *path = minimal_path(node->path);
  guint n_before = node->n_restarts;

  device_say(&node->device, "asks for %s", path);
  check_image(node, path);
  if (node->n_restarts == n_before)
    return;
  node->free_space = ROOM_BESIDE_MINIMAL;
  check_image(node, node->path);
}

/* ---- ESPHome ---- */

typedef struct {
  const char *version, *path, *md5; /* of the manifest */
} Build;

/* As the component reads it: the first build of its own family; every field must be a text. */
static gboolean
find_build(const Node *node, json_t *manifest, Build *ret_build)
{
  json_t *builds = json_object_get(manifest, "builds");
  size_t i;
  json_t *one;

  ret_build->version = json_string_value(json_object_get(manifest, "version"));
  if (!json_is_string(json_object_get(manifest, "name")) || !ret_build->version || !json_is_array(builds))
    return FALSE;
  json_array_foreach(builds, i, one)
  {
    json_t *ota = json_object_get(one, "ota");

    if (g_strcmp0(json_string_value(json_object_get(one, "chipFamily")), node->esphome) != 0)
      continue;
    ret_build->path = json_string_value(json_object_get(ota, "path"));
    ret_build->md5 = json_string_value(json_object_get(ota, "md5"));
    return ret_build->path && ret_build->md5;
  }
  return FALSE;
}

static char *
esphome_request(const char *path, const char *host)
{
  return g_strdup_printf(
      "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: ESPHome/2024.6.1 (https://esphome.io)\r\n"
      "Connection: close\r\n\r\n",
      path, host);
}

/* "http://host:port/path", or a path of the manifest's own server. */
static void
flash(Node *node, const Build *build)
{
  g_auto(GStrv) parts = g_strsplit(build->path, "/", 4);
  gboolean is_url = g_str_has_prefix(build->path, "http://") && g_strv_length(parts) == 4;
  g_auto(GStrv) host = g_strsplit(is_url ? parts[2] : node->device.host, ":", 2);
  g_autofree char *path = g_strconcat("/", is_url ? parts[3] : build->path + 1, NULL);
  g_autofree char *request = esphome_request(path, is_url ? parts[2] : node->device.host);
  g_autoptr(GByteArray) bytes = g_byte_array_new();
  Device server = node->device;
  Head head = { 0 };
  int fd;

  server.host = host[0];
  server.port = is_url && host[1] ? atoi(host[1]) : node->device.port;
  fd = ask(&server, request, bytes, &head);
  if (fd < 0)
    return;
  if (accepts_head(node, &head)) {
    g_free(head.md5);
    head.md5 = g_strdup(build->md5);
    read_image(node, fd, &head, bytes);
  }
  g_free(head.md5);
  close(fd);
}

static void
weigh_manifest(Node *node, const GByteArray *bytes)
{
  json_t *manifest = json_loadb((const char *)bytes->data, bytes->len, 0, NULL);
  Build build = { 0 };

  if (!manifest || !find_build(node, manifest, &build))
    device_say(&node->device, "Failed to parse JSON");
  else if (!*build.version || strcmp(build.version, node->version) == 0)
    device_say(&node->device, "nothing new");
  else
    flash(node, &build);
  json_decref(manifest);
}

static void
check_manifest(Node *node)
{
  g_autofree char *path =
      g_strdup_printf("/n/%s/%s/%s/manifest.json", node->device.name, node->esphome, node->version);
  g_autofree char *request = esphome_request(path, node->device.host);
  g_autoptr(GByteArray) bytes = g_byte_array_new();
  Head head = { 0 };
  int fd = ask(&node->device, request, bytes, &head);

  if (fd < 0)
    return;
  while ((long)bytes->len < head.length && device_take(&node->device, fd, bytes))
    ;
  close(fd);
  if (head.status != 200)
    device_say(&node->device, "Failed to fetch manifest: status %d", head.status);
  else
    weigh_manifest(node, bytes);
  g_free(head.md5);
}

static void
check(Node *node)
{
  if (node->esphome)
    check_manifest(node);
  else
    check_image(node, node->path);
  if (node->tasmota && node->is_too_large)
    step_over_minimal(node);
}

int
main(int argc, char **argv)
{
  const char *version = "1.0.0";
  Node node = { .device = { .name = "esp", .host = "127.0.0.1", .port = 80, .stall_ms = 8000 },
                .mac = "DE:BA:7A:B1:E0:42",
                .path = "/fw.bin",
                .mode = "sketch",
                .family = 8266,
                .free_space = 4194304,
                .poll_ms = 60000,
                .polls = 1 };
  const DeviceOption options[] = {
    { "name", &node.device.name, NULL },
    { "host", &node.device.host, NULL },
    { "port", NULL, &node.device.port },
    { "bind", &node.device.bind_address, NULL },
    { "mac", &node.mac, NULL },
    { "version", &version, NULL },
    { "path", &node.path, NULL },
    { "lie", &node.lie, NULL },
    { "out", &node.out, NULL },
    { "mode", &node.mode, NULL },
    { "esphome", &node.esphome, NULL },
    { "tasmota", NULL, &node.tasmota },
    { "family", NULL, &node.family },
    { "free-space", NULL, &node.free_space },
    { "poll-ms", NULL, &node.poll_ms },
    { "polls", NULL, &node.polls },
    { "stall-ms", NULL, &node.device.stall_ms },
    { "rate", NULL, &node.device.rate },
    { NULL, NULL, NULL },
  };

  device_options(options, argc, argv);
  node.version = g_strdup(version);
  for (int i = 0; !node.polls || i < node.polls; i++) {
    if (i)
      g_usleep((gulong)node.poll_ms * 1000);
    check(&node);
  }
  g_free(node.version);
  return 0;
}
