/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Is this file a whole shared object for this machine? The dynamic loader trusts what it maps; a file cut
 * short or made for another machine must not get that far. Pure, bounded. Private to link. */
#pragma once
#include <glib.h>

/* Every segment and section that the headers announce lies inside @size bytes. */
gboolean gw_object_file_check(const void *data, gsize size, GError **error);
/* GatewayPlugin.kind as it stands in the file, without loading it; 0 = not to be found. Says only who may
 * pass the file over: whoever wants that kind has it looked at. */
guint gw_object_file_kind(const void *data, gsize size);
