/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tables as text (RFC 4180), for people with a spreadsheet. What is written is safe to open there: a text
 * that the program would take for a formula is preceded by an apostrophe, and what is read may carry it.
 * Pure. */
#pragma once
#include <glib.h>

#define GW_CSV_SIZE_MAX ((gsize)8 * 1024 * 1024)
#define GW_CSV_ROWS_MAX 20000
#define GW_CSV_FIELDS_MAX 32
#define GW_CSV_FIELD_SIZE_MAX 4096

/* Adds one field, quoted where it must be; a comma before it unless it is the first of its line. */
void gw_csv_add(GString *text, const char *field);
void gw_csv_end_line(GString *text);

typedef struct {
  guint line;    /* in which it begins, from 1 */
  char **fields; /* NULL-terminated; no text holds a NUL or a control character but TAB and LF */
} GwCsvRow;
/* Rows in order, empty lines left out; free with g_ptr_array_unref(). BAD_INPUT names the line. A byte order
 * mark is passed over; lines end in LF or CR LF; what gw_csv_add() put before a formula is taken away. */
GPtrArray *gw_csv_parse(const char *text, gsize size, GError **error);
