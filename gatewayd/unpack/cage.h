/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is taken away before the first foreign byte is read: everything but reading, writing and memory. There
 * is no way back. */
#pragma once
#include <glib.h>

#define GW_CAGE_MEMORY ((guint64)64 * 1024 * 1024) /* beyond what there is */

/* From here on: no file is opened or grown, nothing is started, 5 s of CPU, a minute in all. Whoever asks the
 * kernel for more is killed. INTERNAL = not in force; then read nothing. */
gboolean gw_cage_enter(GError **error);
