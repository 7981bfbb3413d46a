/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A Wi-Fi module with Gizwits GAgent at its start: registers, is provisioned, and checks for itself (type 1)
 * and its MCU (type 2). It reads a reply with one recv() of 1024 bytes and looks into it with strstr(), as
 * the real one does; the first read of an image is 600 bytes and taken for full. One line per event;
 * tests/nodes/test_fake_gagent.py proves that it fails where the real module fails. */
#include "device.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define RECV_SIZE 1024
#define FIRST_READ 600
#define URL_SIZE 256
#define REQUEST_SIZE 200
#define DID_SIZE 22

typedef struct {
  Device device;
  const char *did, *passcode, *hard, *mcu_hard, *product, *out, *lie;
  char did_text[DID_SIZE + 1];
  char version[9], mcu_version[9];
  int is_old; /* push method V4 */
  int polls, poll_ms, fid;
} Module;

/* One request on a connection of its own; what one recv() brings, terminated. -1 = nothing. */
static gssize
ask(Module *module, const char *request, char reply[RECV_SIZE + 1])
{
  int fd = device_dial(&module->device, module->device.host, module->device.port);
  gssize size = -1;

  if (fd < 0)
    return -1;
  device_send(fd, request);
  if (device_wait(&module->device, fd))
    size = recv(fd, reply, RECV_SIZE, 0);
  reply[MAX(size, 0)] = 0;
  close(fd);
  return size;
}

static int
status_of(const char *reply)
{
  return g_str_has_prefix(reply, "HTTP/1.1 ") ? atoi(reply + 9) : 0;
}

/* The text between @key and the first of @ends; NULL = one of them is not there. Caller frees. */
static char *
between(const char *reply, const char *key, const char *ends)
{
  const char *begin = strstr(reply, key);
  gsize size;

  if (!begin)
    return NULL;
  begin += strlen(key);
  size = strcspn(begin, ends);
  return begin[size] ? g_strndup(begin, size) : NULL;
}

/* ---- registration and provisioning ---- */

static gboolean
register_once(Module *module)
{
  char reply[RECV_SIZE + 1];
  g_autofree char *body =
      g_strdup_printf("passcode=%s&mac=000000000000&product_key=%s", module->passcode, module->product);
  g_autofree char *request =
      g_strdup_printf("POST /dev/devices HTTP/1.1\r\nHost: api.gizwits.com\r\nContent-Length: %zu\r\n"
                      "Content-Type: application/x-www-form-urlencoded\r\n\r\n%s",
                      strlen(body), body);
  const char *did;

  if (ask(module, request, reply) <= 0 || status_of(reply) != 201 || !(did = strstr(reply, "did="))) {
    device_say(&module->device, "registration failed: %d", status_of(reply));
    return FALSE;
  }
  g_strlcpy(module->did_text, did + 4, sizeof module->did_text);
  device_say(&module->device, "registered as %s", module->did_text);
  return TRUE;
}

static gboolean
provision(Module *module)
{
  char reply[RECV_SIZE + 1];
  g_autofree char *request =
      g_strdup_printf("GET /dev/devices/%s HTTP/1.1\r\nHost: api.gizwits.com\r\nCache-Control: no-cache\r\n"
                      "Content-Type: application/x-www-form-urlencoded\r\n\r\n",
                      module->did_text);
  g_autofree char *host = NULL, *port = NULL, *time = NULL;

  if (ask(module, request, reply) <= 0 || status_of(reply) != 200) {
    device_say(&module->device, "provisioning failed: %d", status_of(reply));
    return FALSE;
  }
  host = between(reply, "host=", "&");
  port = between(reply, "&port=", "&");
  time = between(reply, "&server_ts=", "&\r");
  if (!host || !port || !time) {
    device_say(&module->device, "crash: a field of the provisioning is missing");
    exit(70);
  }
  device_say(&module->device, "provisioned: %s:%s", host, port);
  return TRUE;
}

/* ---- the image ---- */

static gboolean
read_exactly(Module *module, int fd, char *buffer, gsize size)
{
  while (size > 0) {
    gssize n = device_wait(&module->device, fd) ? recv(fd, buffer, size, 0) : -1;
    if (n <= 0)
      return FALSE;
    buffer += n;
    size -= (gsize)n;
    device_rest(&module->device, (gsize)n);
  }
  return TRUE;
}

/* The head must be in the first read, and body behind it; names in one spelling only. */
static char *
take_image(Module *module, int fd, gsize *ret_size, char ret_md5[33], char ret_version[9])
{
  char first[FIRST_READ + 1] = { 0 };
  gssize n = device_wait(&module->device, fd) ? recv(fd, first, FIRST_READ, 0) : -1;
  const char *body = n > 0 ? strstr(first, "\r\n\r\n") : NULL;
  const char *length = strstr(first, "Content-Length: "), *md5 = strstr(first, "Firmware-MD5: ");
  const char *version = strstr(first, "Soft-Version: "), *name = strstr(first, "filename=\"");
  gsize head, size;
  char *image;

  if (status_of(first) != 200 || !body || !length || !md5 || !version || !name) {
    device_say(&module->device, "download failed: %d, a header is missing or late", status_of(first));
    return NULL;
  }
  head = (gsize)(body + 4 - first);
  size = (gsize)atol(length + 16);
  if (size < FIRST_READ - head) {
    device_say(&module->device, "crash: an image of %zu bytes", size);
    exit(70);
  }
  g_strlcpy(ret_md5, md5 + 14, 33);
  g_strlcpy(ret_version, version + 14, 9);
  image = g_malloc0(MAX(size, FIRST_READ));
  memcpy(image, first + head, FIRST_READ - head); /* taken for full, whatever came */
  if (!read_exactly(module, fd, image + (FIRST_READ - head), size - (FIRST_READ - head))) {
    device_say(&module->device, "download broke off");
    g_clear_pointer(&image, g_free);
  }
  *ret_size = size;
  return image;
}

/* "http://HOST/PATH"; the port is fixed, and a colon becomes part of a name that does not resolve. */
static int
begin_download(Module *module, const char *url)
{
  g_auto(GStrv) parts = g_strsplit(url, "/", 4);
  g_autofree char *request = NULL;
  int fd;

  if (g_strv_length(parts) < 4 || strcmp(parts[0], "http:") != 0 || strchr(parts[2], ':')) {
    device_say(&module->device, "a URL that is not understood: %s", url);
    return -1;
  }
  request = g_strdup_printf("GET /%s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/text\r\n\r\n",
                            parts[3], parts[2]);
  if (strlen(request) >= REQUEST_SIZE) {
    device_say(&module->device, "crash: a URL of %zu characters", strlen(url));
    exit(70);
  }
  fd = device_dial(&module->device, module->device.host, module->device.port);
  if (fd >= 0)
    device_send(fd, request);
  return fd;
}

static void
download(Module *module, const char *url, gboolean is_wifi)
{
  char md5[33] = "", version[9] = "";
  gsize size = 0;
  int fd = begin_download(module, url);
  g_autofree char *image = fd >= 0 ? take_image(module, fd, &size, md5, version) : NULL;
  g_autofree char *is = image ? g_compute_checksum_for_data(G_CHECKSUM_MD5, (guint8 *)image, size) : NULL;

  if (fd >= 0)
    close(fd);
  if (!is_wifi && *version)
    memcpy(module->mcu_version, version, sizeof version); /* reported from now on, whatever becomes of it */
  if (!image)
    return;
  if (strcmp(is, md5) != 0) {
    device_say(&module->device, "wrong MD5");
    return;
  }
  if (module->out)
    g_file_set_contents(module->out, image, (gssize)size, NULL);
  if (is_wifi && !module->lie)
    memcpy(module->version, version, sizeof version);
  if (is_wifi)
    device_say(&module->device, "restart, running version %s", module->version);
  else
    device_say(&module->device, "MCU runs %s", version);
}

/* ---- the check ---- */

static void
check_old(Module *module)
{
  char reply[RECV_SIZE + 1];
  g_autofree char *request = g_strdup_printf(
      "GET /dev/ota/target_fid?did=%s&product_key=%s&type=1&hard_version=%s&soft_version=%s"
      "&current_fid=%d HTTP/1.1\r\nHost: api.gizwits.com\r\nContent-Type: application/text\r\n\r\n",
      module->did_text, module->product, module->hard, module->version, module->fid);
  g_autofree char *fid = NULL, *path = NULL, *url = NULL;

  if (ask(module, request, reply) <= 0 || status_of(reply) != 200) {
    device_say(&module->device, "nothing to do: %d", status_of(reply));
    return;
  }
  fid = between(reply, "target_fid=", "&");
  path = between(reply, "/dev/ota/download/", "&");
  if (!fid || !path || atoi(fid) == module->fid) {
    device_say(&module->device, "check failed");
    return;
  }
  url = g_strdup_printf("http://api.gizwits.com/dev/ota/download/%s", path);
  module->fid = atoi(fid);
  download(module, url, TRUE);
}

static void
check(Module *module, gboolean is_wifi)
{
  char reply[RECV_SIZE + 1];
  const char *version = is_wifi ? module->version : module->mcu_version;
  g_autofree char *body =
      g_strdup_printf("passcode=%s&type=%d&hard_version=%s&soft_version=%s", module->passcode,
                      is_wifi ? 1 : 2, is_wifi ? module->hard : module->mcu_hard, version);
  g_autofree char *request =
      g_strdup_printf("POST /dev/ota/v4.1/update_and_check/%s HTTP/1.1\r\nHost:api.gizwits.com\r\n"
                      "Content-Length:%zu\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\n%s",
                      module->did_text, strlen(body), body);
  g_autofree char *offered = NULL, *url = NULL;

  if (ask(module, request, reply) <= 0 || status_of(reply) != 200) {
    device_say(&module->device, "type %d: nothing to do: %d", is_wifi ? 1 : 2, status_of(reply));
    return;
  }
  offered = between(reply, "soft_ver=", "&");
  url = between(reply, "download_url=", "\r");
  if (!offered || !url || strlen(offered) >= 32 || strlen(url) >= URL_SIZE) {
    device_say(&module->device, "type %d: check failed", is_wifi ? 1 : 2);
    return;
  }
  if (strcmp(version, offered) >= 0)
    device_say(&module->device, "%s is not greater than %s", offered, version);
  else
    download(module, url, is_wifi);
}

static void
start(Module *module)
{
  if (!*module->did_text && !register_once(module))
    return;
  if (!provision(module))
    return;
  if (module->is_old) {
    check_old(module);
    return;
  }
  check(module, TRUE);
  check(module, FALSE);
}

int
main(int argc, char **argv)
{
  const char *version = "04020006", *mcu_version = "03030006";
  Module module = { .device = { .name = "gagent", .host = "127.0.0.1", .port = 80, .stall_ms = 5000 },
                    .did = "",
                    .passcode = "0123456789",
                    .hard = "00ESP826",
                    .mcu_hard = "03010100",
                    .product = "0123456789abcdef0123456789abcdef",
                    .fid = 1,
                    .poll_ms = 60000,
                    .polls = 1 };
  const DeviceOption options[] = {
    { "name", &module.device.name, NULL },
    { "host", &module.device.host, NULL },
    { "port", NULL, &module.device.port },
    { "bind", &module.device.bind_address, NULL },
    { "did", &module.did, NULL },
    { "product", &module.product, NULL },
    { "hardware", &module.hard, NULL },
    { "version", &version, NULL },
    { "mcu-version", &mcu_version, NULL },
    { "old", NULL, &module.is_old },
    { "lie", &module.lie, NULL },
    { "out", &module.out, NULL },
    { "poll-ms", NULL, &module.poll_ms },
    { "polls", NULL, &module.polls },
    { "stall-ms", NULL, &module.device.stall_ms },
    { "rate", NULL, &module.device.rate },
    { NULL, NULL, NULL },
  };

  device_options(options, argc, argv);
  g_strlcpy(module.did_text, module.did, sizeof module.did_text);
  g_strlcpy(module.version, version, sizeof module.version);
  g_strlcpy(module.mcu_version, mcu_version, sizeof module.mcu_version);
  for (int i = 0; !module.polls || i < module.polls; i++) {
    if (i)
      g_usleep((gulong)module.poll_ms * 1000);
    start(&module);
  }
  return 0;
}
