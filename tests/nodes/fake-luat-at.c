/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An Air720 with AT firmware, at the end of a serial line: it fetches from the URL that it is told with a
 * plain GET, glues nothing and checks little, says +UPGRADEIND while it does so, restarts by itself, and says
 * on its second port how far its flash is. It prints one line per event; tests/nodes/test_fake_luat_at.py
 * proves that it fails where the real one does. */
#include "device.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct {
  Device device;
  const char *imei, *lie, *out, *line, *line2;
  char *version;
  int fd, fd2, http;
  GByteArray *input, *reply;
  char *url;
  int state, error, status, cause, percent; /* what AT+UPGRADE? says */
} Module;

static gboolean
lies(const Module *module, const char *kind)
{
  return module->lie && strcmp(module->lie, kind) == 0;
}

static void say(int fd, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void
say(int fd, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  g_autofree char *text = g_strdup_vprintf(format, args);
  va_end(args);
  if (fd >= 0)
    (void)!write(fd, text, strlen(text));
}

static void
end_download(Module *module, int error, int status, int cause)
{
  if (module->http >= 0)
    close(module->http);
  module->http = -1;
  module->state = 2;
  module->error = error;
  module->status = status;
  module->cause = cause;
  device_say(&module->device, "download failed: %d, HTTP %d, cause %d", error, status, cause);
  say(module->fd, "\r\n+UPGRADEIND: %d\r\n", error);
}

/* ---- fetching ---- */

/* http://HOST[:PORT]/PATH and nothing else. */
static gboolean
split_url(const char *url, char **ret_host, int *ret_port, char **ret_path)
{
  const char *host = g_str_has_prefix(url, "http://") ? url + 7 : NULL;
  const char *slash = host ? strchr(host, '/') : NULL;
  const char *colon = slash ? memchr(host, ':', (gsize)(slash - host)) : NULL;

  if (!slash || slash == host)
    return FALSE;
  *ret_host = g_strndup(host, (gsize)((colon ? colon : slash) - host));
  *ret_port = colon ? atoi(colon + 1) : 80;
  *ret_path = g_strdup(slash);
  return TRUE;
}

static void
begin_download(Module *module)
{
  g_autofree char *host = NULL, *path = NULL, *request = NULL;
  int port;

  module->state = 1;
  module->percent = -1;
  g_byte_array_set_size(module->reply, 0);
  if (!module->url || !split_url(module->url, &host, &port, &path)) {
    end_download(module, -1000, 0, 0);
    return;
  }
  module->http = device_dial(&module->device, host, port);
  if (module->http < 0) {
    end_download(module, -1002, 0, 0);
    return;
  }
  device_say(&module->device, "fetches %s", path);
  request = g_strdup_printf("GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", path, host);
  device_send(module->http, request);
}

static void
restart(Module *module, const guint8 *image, gsize size)
{
  g_autofree char *version = device_boot("LUAT", 4, image, size);

  if (module->out)
    g_file_set_contents(module->out, (const char *)image, (gssize)size, NULL);
  if (!version) {
    end_download(module, -1003, 200, 0);
    return;
  }
  say(module->fd2, "\r\n+UPGRADEDL: 10\r\n\r\n+UPGRADDL: 100\r\n");
  if (!lies(module, "loop")) {
    g_free(module->version);
    module->version = g_steal_pointer(&version);
  }
  module->state = 0;
  device_say(&module->device, "running version %s", module->version);
  say(module->fd, "\r\nRDY\r\n\r\n+UPGRADEVER: \"%s\"\r\n\r\n+UPGRADEVER: 0\r\n", module->version);
  say(module->fd2, "\r\n+UPGRADEVER: \"%s\"\r\n", module->version);
}

/* The code in the JSON of a refusal. */
static int
cause_of(const char *body)
{
  const char *code = strstr(body, "\"code\":");
  return code ? atoi(code + 7) : 0;
}

static void
say_percent(Module *module, gsize have, gsize total)
{
  int percent = (int)(have * 100 / total);

  if (percent / 10 == module->percent / 10 && module->percent >= 0)
    return;
  module->percent = percent;
  say(module->fd, "\r\n+UPGRADEIND: %d\r\n", percent / 10 * 10);
}

static void
look_at_reply(Module *module, gboolean is_over)
{
  g_byte_array_append(module->reply, (const guint8 *)"", 1);
  g_byte_array_set_size(module->reply, module->reply->len - 1);
  const char *text = (const char *)module->reply->data, *end = strstr(text, "\r\n\r\n");
  const char *length = end ? strstr(text, "\r\nContent-Length: ") : NULL;
  gsize total = length && length < end ? strtoul(length + 18, NULL, 10) : 0;
  gsize have = end ? module->reply->len - (gsize)(end + 4 - text) : 0;
  int status = g_str_has_prefix(text, "HTTP/1.1 ") ? atoi(text + 9) : 0;

  if (!is_over && (!end || have < total))
    have = 0;
  if (end && status == 200 && total > 0)
    say_percent(module, module->reply->len - (gsize)(end + 4 - text), total);
  if (lies(module, "die-in-middle") && module->percent >= 50) {
    device_say(&module->device, "lost power in mid-image");
    exit(75);
  }
  if (!is_over && have == 0)
    return;
  if (status != 200) {
    end_download(module, -1004, status, end ? cause_of(end) : 0);
  } else if (total == 0 || have < total) {
    end_download(module, -1001, status, 0);
  } else if (lies(module, "full")) {
    end_download(module, -1005, status, 0);
  } else {
    close(module->http);
    module->http = -1;
    restart(module, (const guint8 *)end + 4, total);
  }
}

static void
on_http(Module *module)
{
  gboolean is_alive = device_take(&module->device, module->http, module->reply);
  look_at_reply(module, !is_alive);
}

/* ---- commands ---- */

static void
on_setting(Module *module, const char *text)
{
  g_auto(GStrv) parts = g_strsplit(text, ",", 2);

  device_say(&module->device, "set %s", text);
  if (strcmp(parts[0], "\"URL\"") == 0 && parts[1]) {
    g_free(module->url);
    module->url = g_strndup(parts[1] + 1, strlen(parts[1]) > 2 ? strlen(parts[1]) - 2 : 0);
  }
  say(module->fd, "\r\nOK\r\n");
}

static void
on_query(Module *module)
{
  if (module->state == 2)
    say(module->fd, "\r\n+UPGRADE: 2,%d,%d,%d\r\n\r\nOK\r\n", module->error, module->status, module->cause);
  else
    say(module->fd, "\r\n+UPGRADE: %d\r\n\r\nOK\r\n", module->state);
}

static void
on_command(Module *module, const char *text)
{
  if (lies(module, "mute"))
    return;
  if (g_str_has_prefix(text, "AT+UPGRADE=")) {
    on_setting(module, text + strlen("AT+UPGRADE="));
  } else if (strcmp(text, "AT+UPGRADE?") == 0) {
    on_query(module);
  } else if (strcmp(text, "AT+UPGRADE") == 0) {
    say(module->fd, "\r\nOK\r\n");
    begin_download(module);
  } else if (strcmp(text, "AT+CGSN") == 0) {
    say(module->fd, "\r\n%s\r\n\r\nOK\r\n", module->imei);
  } else if (strcmp(text, "AT+CGMR") == 0) {
    say(module->fd, "\r\n+CGMR: \"%s\"\r\n\r\nOK\r\n", module->version);
  } else if (strcmp(text, "AT") == 0 || strcmp(text, "ATE0") == 0) {
    say(module->fd, "\r\nOK\r\n");
  } else {
    say(module->fd, "\r\nERROR\r\n");
  }
}

static gboolean
on_line(Module *module)
{
  guint8 buffer[512];
  ssize_t n = read(module->fd, buffer, sizeof buffer);
  guint8 *end;

  if (n <= 0)
    return FALSE;
  g_byte_array_append(module->input, buffer, (guint)n);
  while (module->input->len > 0 && (end = memchr(module->input->data, '\r', module->input->len)) != NULL) {
    guint size = (guint)(end - module->input->data);
    g_autofree char *text = g_strndup((char *)module->input->data, size);
    g_byte_array_remove_range(module->input, 0, size + 1);
    on_command(module, g_strstrip(text));
  }
  return TRUE;
}

static gboolean
run(Module *module)
{
  struct pollfd watch[] = { { .fd = module->fd, .events = POLLIN },
                            { .fd = module->http, .events = POLLIN } };

  if (poll(watch, 2, module->device.stall_ms) <= 0)
    return FALSE;
  if (module->http >= 0 && watch[1].revents)
    on_http(module);
  return !watch[0].revents || on_line(module);
}

int
main(int argc, char **argv)
{
  const char *version = "AirM2M_720_V422_LTE_AT";
  Module module = { .device = { .name = "module", .stall_ms = 60000 },
                    .imei = "866888020000001",
                    .fd = -1,
                    .fd2 = -1,
                    .http = -1 };
  const DeviceOption options[] = {
    { "name", &module.device.name, NULL },
    { "imei", &module.imei, NULL },
    { "version", &version, NULL },
    { "lie", &module.lie, NULL },
    { "out", &module.out, NULL },
    { "line", &module.line, NULL },
    { "uart2", &module.line2, NULL },
    { "fd", NULL, &module.fd },
    { "fd2", NULL, &module.fd2 },
    { "stall-ms", NULL, &module.device.stall_ms },
    { NULL, NULL, NULL },
  };

  device_options(options, argc, argv);
  if (module.line)
    module.fd = device_open_line(&module.device, module.line);
  if (module.line2)
    module.fd2 = device_open_line(&module.device, module.line2);
  module.version = g_strdup(version);
  module.input = g_byte_array_new();
  module.reply = g_byte_array_new();
  while (run(&module))
    ;
  device_say(&module.device, "the line is gone");
  return 75;
}
