/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What was durable comes back: rows to nouns, then both sides of what a crash may have torn apart are brought
 * together again (images without rows, rows without images, pins without updates). Main thread, at start. */
#pragma once
#include "control/core-private.h"

gboolean gw_loading_run(GwCore *core, GError **error);
