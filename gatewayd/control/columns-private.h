/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of columns share: functions of the plain members of a struct, and what a table holds.
 * Private to control. */
#pragma once
#include "control/columns.h"

/* The values that @iter still has, borrowed. Caller frees the array. */
GPtrArray *gw_columns_values(GHashTableIter *iter);

#define TEXT(function, Type, member)                                                                         \
  static GVariant *function(GwCore *core, gconstpointer item)                                                \
  {                                                                                                          \
    return g_variant_new_string(((const Type *)item)->member);                                               \
  }
#define NUMBER(function, Type, member)                                                                       \
  static GVariant *function(GwCore *core, gconstpointer item)                                                \
  {                                                                                                          \
    return g_variant_new_int64((gint64)((const Type *)item)->member);                                        \
  }
#define FLAG(function, Type, member)                                                                         \
  static GVariant *function(GwCore *core, gconstpointer item)                                                \
  {                                                                                                          \
    return g_variant_new_boolean(((const Type *)item)->member);                                              \
  }
