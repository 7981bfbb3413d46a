/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A table of nodes from anywhere: whatever it is, it is read within its bounds, and what was read is written
 * and read again as the same. */
#include <stddef.h>
#include <stdint.h>

#include "base/csv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static GString *
write_rows(const GPtrArray *rows)
{
  GString *text = g_string_new(NULL);

  for (guint i = 0; i < rows->len; i++) {
    for (char **field = ((GwCsvRow *)rows->pdata[i])->fields; *field; field++)
      gw_csv_add(text, *field);
    gw_csv_end_line(text);
  }
  return text;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  g_autoptr(GPtrArray) rows = gw_csv_parse((const char *)data, size, NULL), again = NULL;
  g_autoptr(GString) text = NULL;

  if (!rows)
    return 0;
  g_assert_cmpuint(rows->len, <=, GW_CSV_ROWS_MAX);
  text = write_rows(rows);
  again = gw_csv_parse(text->str, text->len, NULL);
  if (!again) /* an apostrophe made it too long */
    return 0;
  g_assert_cmpuint(again->len, ==, rows->len);
  for (guint i = 0; i < rows->len; i++)
    g_assert_true(g_strv_equal((const char *const *)((GwCsvRow *)rows->pdata[i])->fields,
                               (const char *const *)((GwCsvRow *)again->pdata[i])->fields));
  return 0;
}
