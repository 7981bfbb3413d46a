/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "link/fields.h"

#include <stdbool.h>
#include <string.h>

/* What a field refers to, typed. */
#define AT(Type, record, place) ((Type *)(void *)((char *)(record) + (place)))
#define AT_CONST(Type, record, place) ((Type const *)(const void *)((const char *)(record) + (place)))

/* ---- packing ---- */

static GVariant *
pack_text(const char *text)
{
  if (!text || !*text)
    return NULL;
  if (g_utf8_validate(text, -1, NULL))
    return g_variant_new_string(text);
  return g_variant_new_take_string(g_utf8_make_valid(text, -1));
}

/* NULL and "" differ here. */
static GVariant *
pack_nullable(const char *text)
{
  if (text && !*text)
    return g_variant_new_string("");
  return pack_text(text);
}

static GVariant *
pack_bytes(const void *data, gsize size)
{
  static const guint8 zero[64];

  g_assert(size <= sizeof zero);
  if (memcmp(data, zero, size) == 0)
    return NULL;
  return g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, data, size, 1);
}

static GVariant *
pack_rows(const GwField *field, gconstpointer record)
{
  guint32 n =
      MIN(*AT_CONST(guint32, record, field->count), field->max + 1); /* so that unpacking refuses it */
  const char *rows = *AT_CONST(char *, record, field->offset);
  GVariantBuilder builder;

  if (n == 0)
    return NULL;
  g_variant_builder_init(&builder, G_VARIANT_TYPE("aa{sv}"));
  for (guint32 i = 0; i < n; i++)
    g_variant_builder_add_value(&builder, gw_fields_pack(field->fields, rows + i * field->size));
  return g_variant_builder_end(&builder);
}

static GVariant *
pack_blob(const GwField *field, gconstpointer record)
{
  const char *data = *AT_CONST(char *, record, field->offset);

  if (!data)
    return NULL;
  return g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, data, *AT_CONST(guint32, record, field->count), 1);
}

/* Numbers that are zero are left out. */
static GVariant *
pack_number(const GwField *field, gconstpointer record)
{
  gint64 i64 = field->kind == GW_FIELD_I64 ? *AT_CONST(gint64, record, field->offset) : 0;
  guint64 u64 = field->kind == GW_FIELD_U64 ? *AT_CONST(guint64, record, field->offset) : 0;

  switch (field->kind) {
  case GW_FIELD_INT:
    i64 = *AT_CONST(int, record, field->offset);
    return i64 ? g_variant_new_int32((gint32)i64) : NULL;
  case GW_FIELD_U16:
    u64 = *AT_CONST(guint16, record, field->offset);
    return u64 ? g_variant_new_uint16((guint16)u64) : NULL;
  case GW_FIELD_U32:
    u64 = *AT_CONST(guint32, record, field->offset);
    return u64 ? g_variant_new_uint32((guint32)u64) : NULL;
  case GW_FIELD_BOOLEAN:
    return *AT_CONST(gboolean, record, field->offset) ? g_variant_new_boolean(TRUE) : NULL;
  case GW_FIELD_BOOL:
    return *AT_CONST(bool, record, field->offset) ? g_variant_new_boolean(TRUE) : NULL;
  case GW_FIELD_I64:
    return i64 ? g_variant_new_int64(i64) : NULL;
  default:
    return u64 ? g_variant_new_uint64(u64) : NULL;
  }
}

static GVariant *
pack_struct(const GwField *field, gconstpointer record)
{
  GVariant *variant = gw_fields_pack(field->fields, AT_CONST(char, record, field->offset));

  if (g_variant_n_children(variant) > 0)
    return variant;
  g_variant_unref(g_variant_ref_sink(variant));
  return NULL;
}

/* A value that is floating, or still the record's own; NULL = nothing to send. */
static GVariant *
pack_field(const GwField *field, gconstpointer record)
{
  char **strv;

  switch (field->kind) {
  case GW_FIELD_STRING:
    return pack_text(*AT_CONST(char *, record, field->offset));
  case GW_FIELD_TEXT:
    return pack_nullable(*AT_CONST(char *, record, field->offset));
  case GW_FIELD_BYTES:
    return pack_bytes(AT_CONST(guint8, record, field->offset), field->size);
  case GW_FIELD_BLOB:
    return pack_blob(field, record);
  case GW_FIELD_VARIANT:
    return *AT_CONST(GVariant *, record, field->offset);
  case GW_FIELD_STRV:
    strv = *AT_CONST(char **, record, field->offset);
    return strv ? g_variant_new_strv((const char *const *)strv, -1) : NULL;
  case GW_FIELD_STRUCT:
    return pack_struct(field, record);
  case GW_FIELD_ROWS:
    return pack_rows(field, record);
  default:
    return pack_number(field, record);
  }
}

GVariant *
gw_fields_pack(const GwField *fields, gconstpointer record)
{
  GVariantBuilder builder;

  g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
  for (const GwField *field = fields; field->key; field++) {
    GVariant *value = pack_field(field, record);
    if (value)
      g_variant_builder_add(&builder, "{sv}", field->key, value);
  }
  return g_variant_builder_end(&builder);
}

/* ---- unpacking ---- */

static const char *
field_type(const GwField *field)
{
  static const char *const types[] = {
    [GW_FIELD_STRING] = "s",    [GW_FIELD_TEXT] = "s",       [GW_FIELD_INT] = "i",   [GW_FIELD_U16] = "q",
    [GW_FIELD_U32] = "u",       [GW_FIELD_I64] = "x",        [GW_FIELD_U64] = "t",   [GW_FIELD_BOOLEAN] = "b",
    [GW_FIELD_BOOL] = "b",      [GW_FIELD_BYTES] = "ay",     [GW_FIELD_BLOB] = "ay", [GW_FIELD_STRV] = "as",
    [GW_FIELD_ROWS] = "aa{sv}", [GW_FIELD_STRUCT] = "a{sv}",
  };

  return field->kind == GW_FIELD_VARIANT ? field->type : types[field->kind];
}

static gboolean
unpack_bytes(const GwField *field, GVariant *value, gpointer record)
{
  gsize size;
  const void *data = g_variant_get_fixed_array(value, &size, 1);

  if (size != field->size)
    return FALSE;
  memcpy(AT(guint8, record, field->offset), data, size);
  return TRUE;
}

static gboolean
unpack_blob(const GwField *field, GVariant *value, gpointer record)
{
  gsize size;
  const void *data = g_variant_get_fixed_array(value, &size, 1);

  if (size == 0 || size > field->size)
    return FALSE;
  *AT(char *, record, field->offset) = g_memdup2(data, size);
  *AT(guint32, record, field->count) = (guint32)size;
  return TRUE;
}

static gboolean fill(GVariant *payload, const GwField *fields, gpointer record);

static gboolean
unpack_rows(const GwField *field, GVariant *value, gpointer record)
{
  gsize n = g_variant_n_children(value);
  char *rows;

  if (n == 0 || n > field->max)
    return n == 0;
  rows = g_malloc0_n(n, field->size);
  *AT(char *, record, field->offset) = rows;
  *AT(guint32, record, field->count) = (guint32)n;
  for (gsize i = 0; i < n; i++) {
    g_autoptr(GVariant) row = g_variant_get_child_value(value, i);
    if (!fill(row, field->fields, rows + i * field->size))
      return FALSE;
  }
  return TRUE;
}

static gboolean
unpack_text(const GwField *field, GVariant *value, gpointer record)
{
  gsize size;
  const char *text = g_variant_get_string(value, &size);

  if (field->size > 0 && size > field->size)
    return FALSE;
  *AT(char *, record, field->offset) = g_strndup(text, size);
  return TRUE;
}

static gboolean
unpack_number(const GwField *field, GVariant *value, gpointer record)
{
  if (field->kind == GW_FIELD_INT)
    *AT(int, record, field->offset) = g_variant_get_int32(value);
  else if (field->kind == GW_FIELD_U16)
    *AT(guint16, record, field->offset) = g_variant_get_uint16(value);
  else if (field->kind == GW_FIELD_U32)
    *AT(guint32, record, field->offset) = g_variant_get_uint32(value);
  else if (field->kind == GW_FIELD_I64)
    *AT(gint64, record, field->offset) = g_variant_get_int64(value);
  else if (field->kind == GW_FIELD_U64)
    *AT(guint64, record, field->offset) = g_variant_get_uint64(value);
  else if (field->kind == GW_FIELD_BOOL)
    *AT(bool, record, field->offset) = g_variant_get_boolean(value);
  else
    *AT(gboolean, record, field->offset) = g_variant_get_boolean(value);
  return TRUE;
}

static gboolean
unpack_field(const GwField *field, GVariant *value, gpointer record)
{
  switch (field->kind) {
  case GW_FIELD_STRING:
  case GW_FIELD_TEXT:
    return unpack_text(field, value, record);
  case GW_FIELD_BYTES:
    return unpack_bytes(field, value, record);
  case GW_FIELD_BLOB:
    return unpack_blob(field, value, record);
  case GW_FIELD_VARIANT:
    *AT(GVariant *, record, field->offset) = g_variant_ref(value);
    return TRUE;
  case GW_FIELD_STRV:
    *AT(char **, record, field->offset) = g_variant_dup_strv(value, NULL);
    return g_variant_n_children(value) <= field->max;
  case GW_FIELD_STRUCT:
    return fill(value, field->fields, AT(char, record, field->offset));
  case GW_FIELD_ROWS:
    return unpack_rows(field, value, record);
  default:
    return unpack_number(field, value, record);
  }
}

/* Strings that were not sent are "". */
static void
fill_absent(const GwField *fields, gpointer record)
{
  for (const GwField *field = fields; field->key; field++) {
    if (field->kind == GW_FIELD_STRING && !*AT(char *, record, field->offset))
      *AT(char *, record, field->offset) = g_strdup("");
    else if (field->kind == GW_FIELD_STRUCT)
      fill_absent(field->fields, AT(char, record, field->offset));
  }
}

static const GwField *
find_field(const GwField *fields, const char *key)
{
  for (; fields->key; fields++) {
    if (strcmp(fields->key, key) == 0)
      return fields;
  }
  return NULL;
}

/* On failure @record holds a part, to be cleared. */
static gboolean
fill(GVariant *payload, const GwField *fields, gpointer record)
{
  gsize n = g_variant_n_children(payload);
  guint64 seen = 0;

  for (gsize i = 0; i < n; i++) {
    g_autoptr(GVariant) value = NULL;
    const char *key;
    g_autoptr(GVariant) entry = g_variant_get_child_value(payload, i);
    g_variant_get(entry, "{&sv}", &key, &value);
    const GwField *field = find_field(fields, key);
    if (!field)
      continue;
    guint64 bit = G_GUINT64_CONSTANT(1) << (field - fields);
    if (seen & bit || !g_variant_is_of_type(value, G_VARIANT_TYPE(field_type(field))) ||
        !unpack_field(field, value, record))
      return FALSE;
    seen |= bit;
  }
  fill_absent(fields, record);
  return TRUE;
}

gboolean
gw_fields_unpack(GVariant *payload, const GwField *fields, gsize size, gpointer ret_record)
{
  g_autofree char *record = g_malloc0(size);

  if (!g_variant_is_of_type(payload, G_VARIANT_TYPE_VARDICT))
    return FALSE;
  if (!fill(payload, fields, record)) {
    gw_fields_clear(fields, record);
    return FALSE;
  }
  memcpy(ret_record, record, size);
  return TRUE;
}

/* ---- freeing ---- */

static void
clear_rows(const GwField *field, gpointer record)
{
  char **rows = AT(char *, record, field->offset);
  guint32 *n = AT(guint32, record, field->count);

  for (guint32 i = 0; *rows && i < *n; i++)
    gw_fields_clear(field->fields, *rows + i * field->size);
  g_clear_pointer(rows, g_free);
  *n = 0;
}

static void
clear_field(const GwField *field, gpointer record)
{
  switch (field->kind) {
  case GW_FIELD_STRING:
  case GW_FIELD_TEXT:
  case GW_FIELD_BLOB:
    g_clear_pointer(AT(char *, record, field->offset), g_free);
    break;
  case GW_FIELD_VARIANT:
    g_clear_pointer(AT(GVariant *, record, field->offset), g_variant_unref);
    break;
  case GW_FIELD_STRV:
    g_clear_pointer(AT(char **, record, field->offset), g_strfreev);
    break;
  case GW_FIELD_STRUCT:
    gw_fields_clear(field->fields, AT(char, record, field->offset));
    break;
  case GW_FIELD_ROWS:
    clear_rows(field, record);
    break;
  default:
    break;
  }
}

void
gw_fields_clear(const GwField *fields, gpointer record)
{
  for (const GwField *field = fields; field->key; field++)
    clear_field(field, record);
}
