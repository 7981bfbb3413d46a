/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "address.h"

#include "line.h"

#define UNSPECIFIED "::" /* some clients over IPv6 say so, meaning themselves */

typedef struct {
  uint8_t bytes[4];
} Ipv4;

/* Up to the next @separator, which is taken away; all if there is none. */
static GatewayText
take(GatewayText *rest, char separator)
{
  const char *end = rest->size ? memchr(rest->data, separator, rest->size) : NULL;
  GatewayText part = { rest->data, end ? (size_t)(end - rest->data) : rest->size };
  size_t used = part.size + (end ? 1 : 0);
  *rest = used ? (GatewayText){ rest->data + used, rest->size - used } : GATEWAY_NO_TEXT;
  return part;
}

/* @n numbers of one byte each, with @separator between them, and nothing else. */
static bool
read_bytes(GatewayText text, char separator, uint8_t *ret_bytes, size_t n)
{
  for (size_t i = 0; i < n; i++) {
    uint64_t number;
    if (i + 1 < n && (!text.size || !memchr(text.data, separator, text.size)))
      return false;
    GatewayText part = i + 1 < n ? take(&text, separator) : text;
    if (part.size > 3 || !ftp_number(part, &number) || number > UINT8_MAX)
      return false;
    ret_bytes[i] = (uint8_t)number;
  }
  return true;
}

static GatewayText
without_mapping(GatewayText address)
{
  static const char MAPPED[] = "::ffff:";
  size_t size = sizeof MAPPED - 1;
  bool is_mapped = address.size > size && memcmp(address.data, MAPPED, size) == 0 &&
                   memchr(address.data, '.', address.size);
  return is_mapped ? (GatewayText){ address.data + size, address.size - size } : address;
}

static bool
read_ipv4(GatewayText address, Ipv4 *ret_ipv4)
{
  GatewayText plain = without_mapping(address);
  return read_bytes(plain, '.', ret_ipv4->bytes, sizeof ret_ipv4->bytes);
}

bool
ftp_address_is_ipv6(GatewayText address)
{
  GatewayText plain = without_mapping(address);
  return plain.size && memchr(plain.data, ':', plain.size);
}

static FtpPort
judge(bool is_own, uint32_t port, uint16_t *ret_port)
{
  if (!is_own || port < FTP_PORT_MIN || port > UINT16_MAX)
    return FTP_PORT_FOREIGN;
  *ret_port = (uint16_t)port;
  return FTP_PORT_OK;
}

FtpPort
ftp_address_read_port(GatewayText argument, GatewayText peer, uint16_t *ret_port)
{
  uint8_t bytes[6];
  Ipv4 own;
  if (!read_bytes(argument, ',', bytes, sizeof bytes))
    return FTP_PORT_UNREADABLE;
  bool is_own = read_ipv4(peer, &own) && memcmp(own.bytes, bytes, sizeof own.bytes) == 0;
  return judge(is_own, (uint32_t)bytes[4] << 8 | bytes[5], ret_port);
}

static char
lower(char c)
{
  return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* The spelling must be the usual one; the scope behind "%" has another name on each host. */
static bool
is_same_ipv6(GatewayText a, GatewayText b)
{
  GatewayText one = take(&a, '%'), other = take(&b, '%');
  bool is_same = one.size == other.size && one.size > 0;
  for (size_t i = 0; is_same && i < one.size; i++)
    is_same = lower(one.data[i]) == lower(other.data[i]);
  return is_same;
}

static bool
is_own_address(GatewayText address, uint64_t family, GatewayText peer)
{
  Ipv4 named, own;
  if (family == 1)
    return read_bytes(address, '.', named.bytes, sizeof named.bytes) && read_ipv4(peer, &own) &&
           memcmp(named.bytes, own.bytes, sizeof own.bytes) == 0;
  return ftp_address_is_ipv6(peer) &&
         (gateway_text_equal(address, UNSPECIFIED) || is_same_ipv6(address, peer));
}

FtpPort
ftp_address_read_eprt(GatewayText argument, GatewayText peer, uint16_t *ret_port)
{
  uint64_t family, port;
  if (argument.size < 2 || argument.data[argument.size - 1] != argument.data[0])
    return FTP_PORT_UNREADABLE;
  char separator = argument.data[0];
  GatewayText rest = { argument.data + 1, argument.size - 2 };
  GatewayText parts[3] = { take(&rest, separator), take(&rest, separator), rest };
  if (parts[0].size > 5 || !ftp_number(parts[0], &family) || parts[1].size == 0 || parts[2].size > 5 ||
      !ftp_number(parts[2], &port))
    return FTP_PORT_UNREADABLE;
  if (family != 1 && family != 2)
    return FTP_PORT_FAMILY;
  return judge(is_own_address(parts[1], family, peer), (uint32_t)port, ret_port);
}

/* RFC 1918, RFC 3927 and the loopback: such a peer is no guest from outside. */
static bool
is_private(Ipv4 address)
{
  const uint8_t *b = address.bytes;
  return b[0] == 10 || b[0] == 127 || (b[0] == 172 && b[1] >= 16 && b[1] < 32) ||
         (b[0] == 192 && b[1] == 168) || (b[0] == 169 && b[1] == 254);
}

GatewayText
ftp_address_print_pasv(GatewayText own, GatewayText external, GatewayText peer, GatewayScratch *scratch)
{
  Ipv4 told, guest, outer;
  bool is_told = read_ipv4(own, &told) || read_bytes(own, ',', told.bytes, sizeof told.bytes);
  if (read_ipv4(external, &outer) && read_ipv4(peer, &guest) && !is_private(guest)) {
    told = outer;
    is_told = true;
  }
  if (!is_told)
    return GATEWAY_NO_TEXT;
  const uint8_t *b = told.bytes;
  return gateway_print(scratch, "%u,%u,%u,%u", b[0], b[1], b[2], b[3]);
}
