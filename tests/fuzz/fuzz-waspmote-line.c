/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A command line of an FTP client, read as everything that it could be: text, path, PORT and EPRT. Input: the
 * client's address, LF, the line. */
#include "../../plugins/transport/waspmote/address.h"
#include "../../plugins/transport/waspmote/line.h"
#include "../../plugins/transport/waspmote/path.h"

#include <glib.h>
#include <stdlib.h>

#define SCRATCH_SIZE 16384

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static gboolean
clean(GatewayText line, char bytes[FTP_LINE_MAX], GatewayText *ret_clean)
{
  char again[FTP_LINE_MAX];
  size_t size = 0, n_again = 0;

  if (!ftp_line_clean(line, bytes, &size))
    return FALSE;
  g_assert(size <= line.size && size <= FTP_LINE_MAX);
  for (size_t i = 0; i < size; i++)
    g_assert((guchar)bytes[i] >= ' ' && (guchar)bytes[i] != 0x7f && (guchar)bytes[i] < 0xf0);
  *ret_clean = (GatewayText){ bytes, size };
  g_assert(ftp_line_clean(*ret_clean, again, &n_again));
  g_assert_cmpmem(bytes, size, again, n_again);
  return TRUE;
}

static void
check_queue(GatewayText line)
{
  char taken[FTP_LINE_MAX];
  size_t size = 0;
  FtpQueue queue = { .used = 0 };
  guint n = 0;

  while (ftp_queue_put(&queue, line))
    n++;
  g_assert(n >= 1 && n <= FTP_QUEUE_LINES);
  for (; n > 0; n--) {
    g_assert(ftp_queue_take(&queue, taken, &size));
    g_assert_cmpmem(taken, size, line.data, line.size);
  }
  g_assert(!ftp_queue_take(&queue, taken, &size) && queue.used == 0);
}

/* Whatever the path, only a name that an image may have comes out of it, and it stands at its end; or, with
 * ".." behind it, in it. */
static void
check_path(GatewayText path, const char *known)
{
  for (int is_in_alias = 0; is_in_alias < 2; is_in_alias++) {
    FtpTarget target = ftp_path_resolve(path, is_in_alias, known);
    if (target.place != FTP_PLACE_IMAGE)
      continue;
    g_assert(upgrade_is_name(gateway_text(target.name)));
    g_assert(path.size >= UPGRADE_NAME_CHARS &&
             memmem(path.data, path.size, target.name, UPGRADE_NAME_CHARS));
  }
}

/* Once more, by other means: the address must be the client's own. */
static void
check_port(GatewayText argument, GatewayText peer)
{
  g_autofree char *text = g_strndup(argument.data ? argument.data : "", argument.size);
  g_autofree char *own = g_strndup(peer.data ? peer.data : "", peer.size);
  const char *plain = g_str_has_prefix(own, "::ffff:") ? own + strlen("::ffff:") : own;
  guint a[6], b[4];
  guint16 port = 0;

  if (ftp_address_read_port(argument, peer, &port) != FTP_PORT_OK)
    return;
  g_assert_cmpint(sscanf(text, "%u,%u,%u,%u,%u,%u", &a[0], &a[1], &a[2], &a[3], &a[4], &a[5]), ==, 6);
  g_assert_cmpint(sscanf(plain, "%u.%u.%u.%u", &b[0], &b[1], &b[2], &b[3]), ==, 4);
  g_assert_cmpmem(a, sizeof b, b, sizeof b);
  g_assert(port >= FTP_PORT_MIN && port == a[4] * 256 + a[5]);
}

static void
check_eprt(GatewayText argument, GatewayText peer)
{
  g_autofree char *text = g_strndup(argument.data ? argument.data : "", argument.size);
  g_autofree char *own = g_strndup(peer.data ? peer.data : "", peer.size);
  guint16 port = 0;

  if (ftp_address_read_eprt(argument, peer, &port) != FTP_PORT_OK)
    return;
  const char separator[] = { text[0], 0 };
  g_auto(GStrv) parts = g_strsplit(text, separator, -1);
  g_assert(g_strv_length(parts) == 5 && port >= FTP_PORT_MIN && port == atoi(parts[3]));
  if (ftp_address_is_ipv6(peer))
    g_assert(g_ascii_strncasecmp(parts[2], own, strcspn(own, "%")) == 0);
  else
    g_assert(!strchr(parts[2], ':'));
}

static void
check_pasv(GatewayText own, GatewayText external, GatewayText peer)
{
  char memory[SCRATCH_SIZE];
  GatewayScratch scratch = { memory, sizeof memory, 0, false };
  GatewayText told = ftp_address_print_pasv(own, external, peer, &scratch);
  guint a[4];
  int end = 0;

  if (!told.size)
    return;
  g_assert_cmpint(sscanf(told.data, "%3u,%3u,%3u,%3u%n", &a[0], &a[1], &a[2], &a[3], &end), ==, 4);
  g_assert((gsize)end == told.size && MAX(MAX(a[0], a[1]), MAX(a[2], a[3])) <= 255);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  const char *end = size ? memchr(data, '\n', size) : NULL;
  GatewayText peer = { (const char *)data, end ? (size_t)(end - (const char *)data) : 0 };
  GatewayText line =
      end ? (GatewayText){ end + 1, size - peer.size - 1 } : (GatewayText){ (const char *)data, size };
  GatewayText verb, argument;
  char bytes[FTP_LINE_MAX];

  if (!clean(line, bytes, &line) || (peer.size && memchr(peer.data, 0, peer.size)))
    return 0;
  check_queue(line);
  ftp_line_split(line, &verb, &argument);
  g_assert(!verb.size || !memchr(verb.data, ' ', verb.size));
  g_assert(verb.size + argument.size <= line.size);
  check_path(argument, "");
  check_path(argument, "PROG001");
  check_port(argument, peer);
  check_eprt(argument, peer);
  check_pasv(argument, GATEWAY_NO_TEXT, peer);
  check_pasv(peer, argument, peer);
  return 0;
}
