/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* gatewayctl from its words to its exit status. */
#pragma once

int gw_ctl_main(int argc, char **argv);
