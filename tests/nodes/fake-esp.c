/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An ESP8266 with the HTTP update of its Arduino core (--family=32: an ESP32). It flashes what comes with
 * 200, a length and a first byte of 0xE9, checks x-MD5 where there is one, and takes 304 for "nothing new".
 * It prints one line per event and fails where the real device fails; tests/nodes/test_fake_esp.py proves
 * that. */
#include "device.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct {
  Device device;
  const char *mac, *path, *lie, *out, *mode;
  char *version;
  int family, free_space, poll_ms, polls;
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
request_of(const Node *node)
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
      node->path, node->device.host, node->device.port, family, more, family, node->mac, family, family,
      node->free_space, family, family, family, family, node->mode, version);
}

/* FALSE = said why. */
static gboolean
accepts_head(const Node *node, const Head *head)
{
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

static void
check(Node *node)
{
  int fd = device_dial(&node->device, node->device.host, node->device.port);
  g_autofree char *request = request_of(node);
  g_autoptr(GByteArray) bytes = g_byte_array_new();
  const char *end = NULL;
  Head head;

  if (fd < 0) {
    device_say(&node->device, "error -1: no connection");
    return;
  }
  device_send(fd, request);
  while (!end && device_take(&node->device, fd, bytes))
    end = g_strstr_len((const char *)bytes->data, bytes->len, "\r\n\r\n");
  if (end) {
    head = read_head((const char *)bytes->data, (gsize)(end - (const char *)bytes->data));
    g_byte_array_remove_range(bytes, 0, (guint)(end + 4 - (const char *)bytes->data));
    if (accepts_head(node, &head))
      read_image(node, fd, &head, bytes);
    g_free(head.md5);
  } else {
    device_say(&node->device, "error: no answer");
  }
  close(fd);
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
