/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A struct described once, as a table of fields; packing, unpacking and freeing follow from it. What is zero,
 * NULL or empty is not sent; unknown keys are passed over; a known key with another type than ours refuses
 * the whole. At most 64
 * fields. Private to link. */
#pragma once
#include <glib.h>
#include <stddef.h>

typedef enum {
  GW_FIELD_STRING = 1, /* char *, "" when absent */
  GW_FIELD_TEXT,       /* char *, NULL when absent */
  GW_FIELD_INT,        /* int */
  GW_FIELD_U16,        /* guint16 */
  GW_FIELD_U32,        /* guint32 */
  GW_FIELD_I64,        /* gint64 */
  GW_FIELD_U64,        /* guint64 */
  GW_FIELD_BOOLEAN,    /* gboolean */
  GW_FIELD_BOOL,       /* C bool */
  GW_FIELD_BYTES,      /* guint8[size] */
  GW_FIELD_BLOB,       /* char * of as many bytes as the guint32 at `count` says; NULL when absent */
  GW_FIELD_VARIANT,    /* GVariant * of `type`, NULL when absent */
  GW_FIELD_STRV,       /* char **, NULL when absent */
  GW_FIELD_STRUCT,     /* a struct inside this one, described by `fields` */
  GW_FIELD_ROWS,       /* array of structs described by `fields`, as many as the guint32 at `count` says */
} GwFieldKind;

typedef struct GwField GwField;
struct GwField {
  const char *key; /* NULL ends the table */
  GwFieldKind kind;
  gsize offset, count;   /* into the struct */
  gsize size;            /* BYTES: exactly; BLOB, STRING, TEXT: at most, 0 = any; ROWS: of one */
  guint max;             /* ROWS, STRV: at most so many elements */
  const char *type;      /* VARIANT */
  const GwField *fields; /* STRUCT, ROWS */
};

#define GW_FIELD(Struct, member, Kind)                                                                       \
  {                                                                                                          \
    .key = #member, .kind = GW_FIELD_##Kind, .offset = offsetof(Struct, member)                              \
  }
#define GW_FIELD_NONE                                                                                        \
  {                                                                                                          \
    .key = NULL                                                                                              \
  }

/* Floating a{sv}. Text that is not UTF-8 is made so. */
GVariant *gw_fields_pack(const GwField *fields, gconstpointer record);
/* @ret_record of @size bytes is untouched on failure; on success it owns everything in it. */
gboolean gw_fields_unpack(GVariant *payload, const GwField *fields, gsize size, gpointer ret_record);
/* Frees what the fields own and sets them to zero. Harmless on a record that is all zero. */
void gw_fields_clear(const GwField *fields, gpointer record);
