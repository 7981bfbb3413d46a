/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Hashes a file as a fetched image is hashed: in pieces, as they come. hash FILE prints the SHA-256. */
#include "base/digest.h"
#include "base/file.h"
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define PIECE 65536

int
main(int argc, char **argv)
{
  static guint8 piece[PIECE];
  g_autoptr(GwDigester) digester = gw_digester_new(FALSE);
  GW_AUTO_FD int fd = argc == 2 ? open(argv[1], O_RDONLY | O_CLOEXEC) : -1;
  GwDigests digests;
  char hex[GW_SHA256_HEX_LEN + 1];
  gssize n;

  if (fd < 0) {
    fprintf(stderr, "usage: hash FILE\n");
    return 2;
  }
  while ((n = read(fd, piece, sizeof piece)) > 0)
    gw_digester_update(digester, piece, (gsize)n);
  gw_digester_finish(digester, &digests);
  gw_hex(digests.sha256, GW_SHA256_LEN, hex);
  puts(hex);
  return n < 0;
}
