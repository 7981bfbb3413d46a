/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* jansson with limits, and strict reading by a field table: errors say the path ("releases[2].size: ...").
 * Used for every JSON document that comes from outside. Any thread. */
#pragma once
#include <glib.h>
#include <jansson.h>

G_DEFINE_AUTOPTR_CLEANUP_FUNC(json_t, json_decref)

/* Duplicate keys, NUL in strings, depth above 32 and more than @max_size bytes are refused. */
json_t *gw_json_parse(const char *data, gsize size, gsize max_size, GError **error);

typedef enum {
  GW_JSON_STRING,
  GW_JSON_INTEGER,
  GW_JSON_BOOLEAN,
  GW_JSON_OBJECT,
  GW_JSON_ARRAY,
  GW_JSON_ANY
} GwJsonKind;
typedef struct {
  const char *key;
  GwJsonKind kind;
  gboolean is_required;
  gsize offset;    /* into the target: const char * (borrowed from the json_t), gint64, gboolean, json_t * */
  gint64 min, max; /* integers: range; strings: length in bytes; arrays: elements; 0,0 = any */
} GwJsonField;
/* Fills @target from @object by @fields (ended by key NULL); an unknown key is an error unless
 * @allow_unknown. Members whose key is absent keep their value; after an error all do. @path (or NULL) begins
 * the path in errors; one that begins with a slash is a JSON pointer, "/" the document's own: "/when/hours".
 */
gboolean gw_json_read(const json_t *object, const char *path, const GwJsonField *fields,
                      gboolean allow_unknown, gpointer target, GError **error);
