/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdarg.h>
#include <string.h>

#include "store/db-private.h"

/* One fact about an update: its row, its history, its event, its pin. */
#define USUAL_STATEMENTS 8
#define USUAL_VALUES 96
#define USUAL_BYTES 2048

typedef struct {
  const char *sql;
  guint first, n; /* of the values */
} Statement;

struct GwBatch {
  GArray *statements;  /* Statement */
  GArray *values;      /* GwDbValue */
  GStringChunk *bytes; /* what texts and blobs point to */
  GSList *owned;
};

GwBatch *
gw_batch_new(void)
{
  GwBatch *batch = g_new0(GwBatch, 1);

  batch->statements = g_array_sized_new(FALSE, FALSE, sizeof(Statement), USUAL_STATEMENTS);
  batch->values = g_array_sized_new(FALSE, FALSE, sizeof(GwDbValue), USUAL_VALUES);
  batch->bytes = g_string_chunk_new(USUAL_BYTES);
  return batch;
}

void
gw_batch_free(GwBatch *batch)
{
  if (!batch)
    return;
  g_array_unref(batch->statements);
  g_array_unref(batch->values);
  g_string_chunk_free(batch->bytes);
  g_slist_free_full(batch->owned, g_free);
  g_free(batch);
}

static GwDbValue
value_of_bytes(GwBatch *batch, char kind, const void *bytes, gsize size)
{
  if (!bytes && kind == 's')
    return (GwDbValue){ .kind = 'n' };
  return (GwDbValue){
    .kind = kind,
    .bytes = size > 0 ? g_string_chunk_insert_len(batch->bytes, bytes, (gssize)size) : "",
    .size = size,
  };
}

void
gw_batch_add(GwBatch *batch, const char *sql, const char *format, ...)
{
  va_list args;

  va_start(args, format);
  gw_batch_add_valist(batch, sql, format, args);
  va_end(args);
}

void
gw_batch_add_valist(GwBatch *batch, const char *sql, const char *format, va_list args)
{
  Statement statement = { sql, batch->values->len, (guint)strlen(format) };

  for (; *format; format++) {
    GwDbValue value = { .kind = *format };

    if (*format == 'i') {
      value.integer = va_arg(args, gint64);
    } else if (*format == 'd') {
      value.real = va_arg(args, double);
    } else if (*format == 's') {
      const char *text = va_arg(args, const char *);

      value = value_of_bytes(batch, 's', text, text ? strlen(text) : 0);
    } else {
      const void *blob = va_arg(args, const void *);

      g_assert(*format == 'b');
      value = value_of_bytes(batch, 'b', blob, va_arg(args, gsize));
    }
    g_array_append_val(batch->values, value);
  }
  g_array_append_val(batch->statements, statement);
}

void
gw_batch_add_statement(GwBatch *batch, const GwDbStatement *statement)
{
  Statement added = { statement->sql, batch->values->len, statement->n_values };

  for (guint i = 0; i < statement->n_values; i++) {
    GwDbValue value = statement->values[i];

    if (value.kind == 's' || value.kind == 'b')
      value = value_of_bytes(batch, value.kind, value.bytes, value.size);
    g_array_append_val(batch->values, value);
  }
  g_array_append_val(batch->statements, added);
}

gboolean
gw_batch_is_empty(const GwBatch *batch)
{
  return batch->statements->len == 0;
}

gpointer
gw_batch_own(GwBatch *batch, gpointer memory)
{
  batch->owned = g_slist_prepend(batch->owned, memory);
  return memory;
}

guint
gw_batch_size(const GwBatch *batch)
{
  return batch->statements->len;
}

GwDbStatement
gw_batch_statement(const GwBatch *batch, guint index)
{
  const Statement *statement = &g_array_index(batch->statements, Statement, index);

  return (GwDbStatement){
    .sql = statement->sql,
    .n_values = statement->n,
    .values = statement->n > 0 ? &g_array_index(batch->values, GwDbValue, statement->first) : NULL,
  };
}
