/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/csv.h"

#include <string.h>

#include "base/error.h"

#define BYTE_ORDER_MARK "\xef\xbb\xbf"
#define FORMULA "=+-@\t\r"

/* --- writing --- */

/* Behind the apostrophes that it may have already. */
static gboolean
is_formula(const char *field)
{
  char first = field[strspn(field, "'")];

  return first && strchr(FORMULA, first);
}

void
gw_csv_add(GString *text, const char *field)
{
  gboolean is_first = text->len == 0 || text->str[text->len - 1] == '\n';
  gboolean is_marked = is_formula(field);

  if (!is_first)
    g_string_append_c(text, ',');
  if (!is_marked && !strpbrk(field, ",\"\r\n") && !(is_first && !*field)) {
    g_string_append(text, field);
    return;
  }
  g_string_append(text, is_marked ? "\"'" : "\"");
  for (; *field; field++) {
    if (*field == '"')
      g_string_append_c(text, '"');
    g_string_append_c(text, *field);
  }
  g_string_append_c(text, '"');
}

void
gw_csv_end_line(GString *text)
{
  g_string_append(text, "\r\n");
}

/* --- reading --- */

typedef struct {
  const char *at, *end;
  guint line;
  GPtrArray *rows;
  GPtrArray *fields; /* of the row that is being read */
  GString *field;
  guint row_line;
} Reader;

static void
row_free(gpointer data)
{
  GwCsvRow *row = data;

  g_strfreev(row->fields);
  g_free(row);
}

static gboolean
complain(const Reader *reader, const char *what, GError **error)
{
  return gw_fail(error, GW_ERROR_BAD_INPUT, "line %u: %s", reader->line, what);
}

static gboolean
end_field(Reader *reader, GError **error)
{
  const char *text = reader->field->str;

  if (reader->fields->len >= GW_CSV_FIELDS_MAX)
    return complain(reader, "more than " G_STRINGIFY(GW_CSV_FIELDS_MAX) " columns", error);
  if (!g_utf8_validate(text, (gssize)reader->field->len, NULL))
    return complain(reader, "this is no UTF-8 text", error);
  g_ptr_array_add(reader->fields, g_strdup(*text == '\'' && is_formula(text + 1) ? text + 1 : text));
  g_string_truncate(reader->field, 0);
  return TRUE;
}

static gboolean
end_row(Reader *reader, GError **error)
{
  GwCsvRow *row;

  if (!end_field(reader, error))
    return FALSE;
  if (reader->fields->len == 1 && !*(char *)reader->fields->pdata[0]) { /* an empty line */
    g_ptr_array_set_size(reader->fields, 0);
    return TRUE;
  }
  if (reader->rows->len >= GW_CSV_ROWS_MAX)
    return complain(reader, "more than " G_STRINGIFY(GW_CSV_ROWS_MAX) " rows", error);
  row = g_new(GwCsvRow, 1);
  g_ptr_array_add(reader->fields, NULL);
  *row = (GwCsvRow){ reader->row_line, (char **)g_ptr_array_steal(reader->fields, NULL) };
  g_ptr_array_add(reader->rows, row);
  return TRUE;
}

static gboolean
take(Reader *reader, char byte, GError **error)
{
  if (((guchar)byte < 0x20 && byte != '\t' && byte != '\n') || byte == 0x7f)
    return complain(reader, "a control character", error);
  if (reader->field->len >= GW_CSV_FIELD_SIZE_MAX)
    return complain(reader, "a text of more than " G_STRINGIFY(GW_CSV_FIELD_SIZE_MAX) " bytes", error);
  g_string_append_c(reader->field, byte);
  return TRUE;
}

/* Behind the opening quote, up to and with the closing one. */
static gboolean
take_quoted(Reader *reader, GError **error)
{
  for (; reader->at < reader->end; reader->at++) {
    char byte = *reader->at;

    if (byte == '"' && (reader->at + 1 == reader->end || reader->at[1] != '"')) {
      reader->at++;
      return TRUE;
    }
    if (byte == '"')
      reader->at++;
    if (byte == '\r' && reader->at + 1 < reader->end && reader->at[1] == '\n')
      continue; /* the line end of the text is LF */
    if (!take(reader, byte, error))
      return FALSE;
    reader->line += byte == '\n';
  }
  return complain(reader, "a quote is opened and never closed", error);
}

static gboolean
is_at_end_of_field(const Reader *reader)
{
  return reader->at == reader->end || *reader->at == ',' || *reader->at == '\n' ||
         (*reader->at == '\r' && reader->at + 1 < reader->end && reader->at[1] == '\n');
}

static gboolean
read_field(Reader *reader, GError **error)
{
  gboolean is_quoted = reader->at < reader->end && *reader->at == '"';

  if (is_quoted) {
    reader->at++;
    if (!take_quoted(reader, error))
      return FALSE;
  }
  for (; !is_at_end_of_field(reader); reader->at++)
    if (is_quoted)
      return complain(reader, "text behind a closing quote", error);
    else if (*reader->at == '"')
      return complain(reader, "a quote within a text that is not quoted", error);
    else if (!take(reader, *reader->at, error))
      return FALSE;
  return TRUE;
}

static gboolean
read_row(Reader *reader, GError **error)
{
  reader->row_line = reader->line;
  for (;;) {
    if (!read_field(reader, error))
      return FALSE;
    if (reader->at == reader->end || *reader->at != ',')
      break;
    reader->at++;
    if (!end_field(reader, error))
      return FALSE;
  }
  if (!end_row(reader, error))
    return FALSE;
  if (reader->at < reader->end && *reader->at == '\r')
    reader->at++;
  if (reader->at < reader->end)
    reader->at++;
  reader->line++;
  return TRUE;
}

GPtrArray *
gw_csv_parse(const char *text, gsize size, GError **error)
{
  g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func(row_free);
  g_autoptr(GPtrArray) fields = g_ptr_array_new_with_free_func(g_free);
  g_autoptr(GString) field = g_string_new(NULL);
  gsize mark = size >= 3 && memcmp(text, BYTE_ORDER_MARK, 3) == 0 ? 3 : 0;
  Reader reader = { text + mark, text + size, 1, rows, fields, field, 1 };

  if (size > GW_CSV_SIZE_MAX) {
    gw_fail(error, GW_ERROR_BAD_INPUT, "more than %d MiB", (int)(GW_CSV_SIZE_MAX / 1024 / 1024));
    return NULL;
  }
  while (reader.at < reader.end)
    if (!read_row(&reader, error))
      return NULL;
  return g_steal_pointer(&rows);
}
