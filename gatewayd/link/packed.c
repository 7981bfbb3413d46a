/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "link/packed.h"

#include <string.h>

#include "base/reader.h"

#define SIZE_HINT 384
#define DEPTH_MAX 2 /* a record within a record */

/* What a field refers to, typed. */
#define AT(Type, record, place) ((Type *)(void *)((char *)(record) + (place)))
#define AT_CONST(Type, record, place) ((Type const *)(const void *)((const char *)(record) + (place)))

/* In front of each field. */
typedef struct {
  guint32 place : 8, size : 24;
} Head;
G_STATIC_ASSERT(sizeof(Head) == 4);

/* ---- packing ---- */

static void pack_all(GByteArray *bytes, const GwField *fields, gconstpointer record);

static void
put(GByteArray *bytes, guint place, const void *data, gsize size)
{
  Head head = { place, (guint32)size };

  g_byte_array_append(bytes, (const guint8 *)&head, sizeof head);
  g_byte_array_append(bytes, data, (guint)size);
}

static void
put_text(GByteArray *bytes, guint place, const char *text)
{
  if (!text || !*text)
    return;
  if (g_utf8_validate(text, -1, NULL)) {
    put(bytes, place, text, strlen(text));
    return;
  }
  g_autofree char *valid = g_utf8_make_valid(text, -1);
  put(bytes, place, valid, strlen(valid));
}

static void
put_number(GByteArray *bytes, guint place, const void *number, gsize size)
{
  static const guint8 zero[sizeof(guint64)];

  if (memcmp(number, zero, size) != 0)
    put(bytes, place, number, size);
}

static void
put_bytes(GByteArray *bytes, guint place, const guint8 *data, gsize size)
{
  for (gsize i = 0; i < size; i++) {
    if (data[i] == 0)
      continue;
    put(bytes, place, data, size);
    return;
  }
}

static void
put_variant(GByteArray *bytes, guint place, GVariant *variant)
{
  if (variant && g_variant_get_size(variant) > 0)
    put(bytes, place, g_variant_get_data(variant), g_variant_get_size(variant));
}

static void
put_struct(GByteArray *bytes, guint place, const GwField *fields, gconstpointer record)
{
  guint start = bytes->len;
  Head head = { place, 0 };

  g_byte_array_append(bytes, (const guint8 *)&head, sizeof head);
  pack_all(bytes, fields, record);
  head.size = bytes->len - start - (guint)sizeof head;
  if (head.size > 0)
    memcpy(bytes->data + start, &head, sizeof head);
  else
    g_byte_array_set_size(bytes, start);
}

static gsize
size_of_number(GwFieldKind kind)
{
  return kind == GW_FIELD_I64 || kind == GW_FIELD_U64 ? 8 : 4;
}

static void
pack_all(GByteArray *bytes, const GwField *fields, gconstpointer record)
{
  for (const GwField *field = fields; field->key; field++) {
    guint place = (guint)(field - fields);

    if (field->kind == GW_FIELD_STRING)
      put_text(bytes, place, *AT_CONST(char *, record, field->offset));
    else if (field->kind == GW_FIELD_BYTES)
      put_bytes(bytes, place, AT_CONST(guint8, record, field->offset), field->size);
    else if (field->kind == GW_FIELD_VARIANT)
      put_variant(bytes, place, *AT_CONST(GVariant *, record, field->offset));
    else if (field->kind == GW_FIELD_STRUCT)
      put_struct(bytes, place, field->fields, AT_CONST(char, record, field->offset));
    else
      put_number(bytes, place, AT_CONST(char, record, field->offset), size_of_number(field->kind));
  }
}

GVariant *
gw_packed_pack(const GwField *fields, gconstpointer record)
{
  GByteArray *bytes = g_byte_array_sized_new(SIZE_HINT);

  pack_all(bytes, fields, record);
  g_autoptr(GBytes) all = g_byte_array_free_to_bytes(bytes);
  return g_variant_new_from_bytes(G_VARIANT_TYPE_BYTESTRING, all, TRUE);
}

/* ---- unpacking ---- */

static gboolean fill(GwSlice all, const GwField *fields, gpointer record, guint depth);

static gboolean
take_text(GwSlice value, char **ret_text)
{
  if (!g_utf8_validate_len((const char *)value.data, value.size, NULL))
    return FALSE;
  *ret_text = g_strndup((const char *)value.data, value.size);
  return TRUE;
}

static gboolean
take_bytes(GwSlice value, gpointer place, gsize size)
{
  if (value.size != size)
    return FALSE;
  memcpy(place, value.data, size);
  return TRUE;
}

static gboolean
take_variant(GwSlice value, const char *type, GVariant **ret_variant)
{
  g_autoptr(GBytes) bytes = g_bytes_new(value.data, value.size);
  g_autoptr(GVariant) variant =
      g_variant_ref_sink(g_variant_new_from_bytes(G_VARIANT_TYPE(type), bytes, FALSE));

  if (!g_variant_is_normal_form(variant))
    return FALSE;
  *ret_variant = g_steal_pointer(&variant);
  return TRUE;
}

static gboolean
take_field(GwSlice value, const GwField *field, gpointer record, guint depth)
{
  switch (field->kind) {
  case GW_FIELD_STRING:
    return take_text(value, AT(char *, record, field->offset));
  case GW_FIELD_BYTES:
    return take_bytes(value, AT(char, record, field->offset), field->size);
  case GW_FIELD_VARIANT:
    return take_variant(value, field->type, AT(GVariant *, record, field->offset));
  case GW_FIELD_STRUCT:
    return depth < DEPTH_MAX && fill(value, field->fields, AT(char, record, field->offset), depth + 1);
  case GW_FIELD_BOOLEAN:
    *AT(gboolean, record, field->offset) = TRUE;
    return value.size == sizeof(gboolean);
  default:
    return take_bytes(value, AT(char, record, field->offset), size_of_number(field->kind));
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

static guint
count(const GwField *fields)
{
  guint n = 0;

  while (fields[n].key)
    n++;
  return n;
}

/* Places come in rising order, so none comes twice. On failure @record holds a part, to be cleared. */
static gboolean
fill(GwSlice all, const GwField *fields, gpointer record, guint depth)
{
  GwReader reader = gw_reader(all.data, all.size);
  guint n = count(fields), next = 0;

  while (gw_reader_left(&reader) > 0) {
    GwSlice raw = gw_reader_bytes(&reader, sizeof(Head));
    Head head = { 0 };

    if (raw.size == sizeof head)
      memcpy(&head, raw.data, sizeof head);
    GwSlice value = gw_reader_bytes(&reader, head.size);
    if (reader.has_failed || head.place < next)
      return FALSE;
    next = head.place + 1;
    if (head.place < n && !take_field(value, &fields[head.place], record, depth))
      return FALSE;
  }
  return TRUE;
}

gboolean
gw_packed_unpack(GVariant *payload, const GwField *fields, gsize size, gpointer ret_record)
{
  g_autofree char *record = g_malloc0(size);
  GwSlice all;

  if (!g_variant_is_of_type(payload, G_VARIANT_TYPE_BYTESTRING))
    return FALSE;
  all.data = g_variant_get_fixed_array(payload, &all.size, 1);
  if (!fill(all, fields, record, 0)) {
    gw_fields_clear(fields, record);
    return FALSE;
  }
  fill_absent(fields, record);
  memcpy(ret_record, record, size);
  return TRUE;
}
