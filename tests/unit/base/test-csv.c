/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tables as text: what is written is harmless in a spreadsheet, and is read back as it was. */
#include <string.h>

#include "base/csv.h"
#include "base/error.h"

static const struct {
  const char *field, *written;
} WRITTEN[] = {
  { "roof", "x,roof" },
  { "", "x," },
  { "a,b", "x,\"a,b\"" },
  { "say \"hi\"", "x,\"say \"\"hi\"\"\"" },
  { "two\nlines", "x,\"two\nlines\"" },
  { "=HYPERLINK(1)", "x,\"'=HYPERLINK(1)\"" },
  { "+1", "x,\"'+1\"" },
  { "-1", "x,\"'-1\"" },
  { "@SUM(A1)", "x,\"'@SUM(A1)\"" },
  { "\tx", "x,\"'\tx\"" },
  { "\rx", "x,\"'\rx\"" },
  { "'=1", "x,\"''=1\"" },
  { "''=1", "x,\"'''=1\"" },
  { "it's", "x,it's" },
  { "1-2", "x,1-2" },
};

static void
test_written(void)
{
  for (gsize i = 0; i < G_N_ELEMENTS(WRITTEN); i++) {
    g_autoptr(GString) text = g_string_new(NULL);

    gw_csv_add(text, "x");
    gw_csv_add(text, WRITTEN[i].field);
    g_assert_cmpstr(text->str, ==, WRITTEN[i].written);
  }
}

static void
test_read_back(void)
{
  g_autoptr(GString) text = g_string_new(NULL);
  g_autoptr(GPtrArray) rows = NULL;
  g_autoptr(GError) error = NULL;

  for (gsize i = 0; i < G_N_ELEMENTS(WRITTEN); i++) {
    if (strchr(WRITTEN[i].field, '\r'))
      continue; /* no text that is kept holds one */
    gw_csv_add(text, i == 0 ? "first" : "x");
    gw_csv_add(text, WRITTEN[i].field);
    gw_csv_end_line(text);
  }
  g_string_prepend(text, "\xef\xbb\xbf");
  rows = gw_csv_parse(text->str, text->len, &error);
  g_assert_no_error(error);
  for (gsize i = 0, r = 0; i < G_N_ELEMENTS(WRITTEN); i++) {
    const GwCsvRow *row;

    if (strchr(WRITTEN[i].field, '\r'))
      continue;
    row = rows->pdata[r++];
    g_assert_cmpuint(g_strv_length(row->fields), ==, 2);
    g_assert_cmpstr(row->fields[1], ==, WRITTEN[i].field);
  }
}

static void
test_lines_are_counted(void)
{
  const char *text = "id,location\r\n\r\na,\"Plant 2\nRoof\"\nb,\"\"\n\n  c  ,x";
  g_autoptr(GError) error = NULL;
  g_autoptr(GPtrArray) rows = gw_csv_parse(text, strlen(text), &error);
  const guint lines[] = { 1, 3, 5, 7 };

  g_assert_no_error(error);
  g_assert_cmpuint(rows->len, ==, G_N_ELEMENTS(lines));
  for (guint i = 0; i < rows->len; i++)
    g_assert_cmpuint(((GwCsvRow *)rows->pdata[i])->line, ==, lines[i]);
  g_assert_cmpstr(((GwCsvRow *)rows->pdata[1])->fields[1], ==, "Plant 2\nRoof");
  g_assert_cmpstr(((GwCsvRow *)rows->pdata[2])->fields[1], ==, "");
}

static const struct {
  const char *text, *complaint;
} BAD[] = {
  { "a\nb,\"x", "line 2: a quote is opened" },
  { "a\n\"x\"y", "line 2: text behind" },
  { "a\nb\"c", "line 2: a quote within" },
  { "a\n\n\x01", "line 3: a control character" },
  { "a\rb", "line 1: a control character" },
  { "a\n\xff\xfe", "line 2: this is no UTF-8" },
  { "1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2,3", "line 1: more than 32 columns" },
};

static void
test_complaints(void)
{
  for (gsize i = 0; i < G_N_ELEMENTS(BAD); i++) {
    g_autoptr(GError) error = NULL;

    g_assert_null(gw_csv_parse(BAD[i].text, strlen(BAD[i].text), &error));
    g_assert_error(error, GW_ERROR, GW_ERROR_BAD_INPUT);
    g_assert_true(g_str_has_prefix(error->message, BAD[i].complaint));
  }
}

static void
test_bounds(void)
{
  g_autofree char *rows = g_malloc(2 * GW_CSV_ROWS_MAX + 2), *wide = g_malloc(GW_CSV_FIELD_SIZE_MAX + 1);
  g_autoptr(GPtrArray) parsed = NULL;

  for (gsize i = 0; i < GW_CSV_ROWS_MAX + 1; i++)
    memcpy(rows + 2 * i, "a\n", 2);
  parsed = gw_csv_parse(rows, (gsize)2 * GW_CSV_ROWS_MAX, NULL);
  g_assert_cmpuint(parsed->len, ==, GW_CSV_ROWS_MAX);
  g_assert_null(gw_csv_parse(rows, (gsize)2 * GW_CSV_ROWS_MAX + 2, NULL));
  memset(wide, 'x', GW_CSV_FIELD_SIZE_MAX + 1);
  g_assert_null(gw_csv_parse(wide, GW_CSV_FIELD_SIZE_MAX + 1, NULL));
  g_assert_null(gw_csv_parse("a\0b", 3, NULL));
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/csv/written", test_written);
  g_test_add_func("/csv/read-back", test_read_back);
  g_test_add_func("/csv/lines-are-counted", test_lines_are_counted);
  g_test_add_func("/csv/complaints", test_complaints);
  g_test_add_func("/csv/bounds", test_bounds);
  return g_test_run();
}
