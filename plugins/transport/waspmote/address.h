/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Addresses in data-channel commands. A client names its own address in PORT and EPRT; it is compared with
 * the one it speaks from and never used for anything else, so nothing can be bounced. Pure. */
#pragma once
#include "gateway-plugin.h"

#define FTP_PORT_MIN 1024

typedef enum {
  FTP_PORT_OK,
  FTP_PORT_UNREADABLE,
  FTP_PORT_FOREIGN, /* another address than the peer's, or a port below FTP_PORT_MIN */
  FTP_PORT_FAMILY,  /* EPRT: neither 1 nor 2 */
} FtpPort;

/* "h1,h2,h3,h4,p1,p2" */
FtpPort ftp_address_read_port(GatewayText argument, GatewayText peer, uint16_t *ret_port);
/* "|1|192.0.2.1|1234|", RFC 2428 */
FtpPort ftp_address_read_eprt(GatewayText argument, GatewayText peer, uint16_t *ret_port);

/* Not IPv4, nor IPv4 written as IPv6. */
bool ftp_address_is_ipv6(GatewayText address);
/* What PASV's reply holds: "h1,h2,h3,h4". @own is our address as the host said it, with dots or commas;
 * @external, if it is an IPv4 address, is told to peers that do not sit in a private network. Absent if there
 * is no IPv4 address to tell. */
GatewayText ftp_address_print_pasv(GatewayText own, GatewayText external, GatewayText peer,
                                   GatewayScratch *scratch);
