/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "device.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

static const int SLOW_WINDOW = 4096; /* else the kernel would take what a slow node does not read */

void
device_say(const Device *device, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  g_autofree char *text = g_strdup_vprintf(format, args);
  va_end(args);
  printf("%s: %s\n", device->name, text);
  fflush(stdout);
}

int
device_open_line(const Device *device, const char *path)
{
  struct termios settings;
  int fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (fd < 0 || tcgetattr(fd, &settings) < 0) {
    device_say(device, "%s is no serial line", path);
    exit(1);
  }
  cfmakeraw(&settings);
  tcsetattr(fd, TCSANOW, &settings);
  return fd;
}

int
device_dial(const Device *device, const char *host, int port)
{
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in from = { .sin_family = AF_INET },
                     to = { .sin_family = AF_INET, .sin_port = htons((guint16)port) };
  if (device->bind_address && inet_pton(AF_INET, device->bind_address, &from.sin_addr) == 1)
    (void)!bind(fd, (struct sockaddr *)&from, sizeof from);
  if (device->rate)
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &SLOW_WINDOW, sizeof SLOW_WINDOW);
  if (inet_pton(AF_INET, host, &to.sin_addr) == 1 && connect(fd, (struct sockaddr *)&to, sizeof to) == 0)
    return fd;
  close(fd);
  return -1;
}

void
device_send(int fd, const char *text)
{
  (void)!send(fd, text, strlen(text), MSG_NOSIGNAL);
}

gboolean
device_wait(const Device *device, int fd)
{
  struct pollfd watch = { .fd = fd, .events = POLLIN };
  return poll(&watch, 1, device->stall_ms) > 0;
}

void
device_rest(const Device *device, gsize size)
{
  if (device->rate)
    g_usleep(size * G_USEC_PER_SEC / (gulong)device->rate);
}

gboolean
device_take(const Device *device, int fd, GByteArray *bytes)
{
  guint8 buffer[2048];
  ssize_t n = device_wait(device, fd) ? recv(fd, buffer, sizeof buffer, 0) : 0;
  if (n > 0)
    g_byte_array_append(bytes, buffer, (guint)n);
  if (n > 0)
    device_rest(device, (gsize)n);
  return n > 0;
}

char *
device_boot(const char *magic, gsize magic_size, const guint8 *image, gsize size)
{
  guint8 digest[32];
  gsize digest_size = sizeof digest;
  if (size <= magic_size + sizeof digest || memcmp(image, magic, magic_size) != 0)
    return NULL;
  gsize body = size - sizeof digest;
  g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA256);
  g_checksum_update(checksum, image, (gssize)body);
  g_checksum_get_digest(checksum, digest, &digest_size);
  const guint8 *version = image + magic_size, *end = memchr(version, '\n', body - magic_size);
  if (memcmp(digest, image + body, sizeof digest) != 0 || !end)
    return NULL;
  return g_strndup((const char *)version, (gsize)(end - version));
}

static G_GNUC_NORETURN void
show_options(const DeviceOption *options, const char *program, const char *what)
{
  FILE *to = what ? stderr : stdout;
  fprintf(to, "%s: %s%soptions, each with a value:", program, what ? what : "", what ? "; " : "");
  for (; options->key; options++)
    fprintf(to, " --%s", options->key);
  fprintf(to, "\n");
  exit(what ? 2 : 0);
}

void
device_options(const DeviceOption *options, int argc, char **argv)
{
  for (int i = 1; i < argc; i++) {
    const char *word = g_str_has_prefix(argv[i], "--") ? argv[i] + 2 : "";
    gsize size = strcspn(word, "=");
    const DeviceOption *option = options;
    if (strcmp(argv[i], "--help") == 0)
      show_options(options, argv[0], NULL);
    while (option->key && (strlen(option->key) != size || strncmp(option->key, word, size) != 0))
      option++;
    const char *value = word[size] ? word + size + 1 : i + 1 < argc ? argv[++i] : NULL;
    if (!option->key || !value)
      show_options(options, argv[0], !option->key ? "unknown option" : "a value is missing");
    if (option->text)
      *option->text = value;
    else
      *option->number = atoi(value);
  }
}
