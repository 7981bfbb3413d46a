/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The command line: a D-Bus client that can do nothing that D-Bus does not offer, and the offline tools for
 * catalog documents. */
#include "ctl/main.h"

int
main(int argc, char **argv)
{
  return gw_ctl_main(argc, argv);
}
