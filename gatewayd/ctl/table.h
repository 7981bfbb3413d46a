/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rows as a table that fits the terminal: wide columns give way first, then the last columns are left out,
 * and the reader is told. Details of one thing as lines. */
#pragma once
#include <glib.h>

/* @rows: aa{sv}. @columns: keys in order; NULL or empty = as the rows have them, without those that say
 * nothing in any row. @width: 0 = unlimited. */
void gw_table_print(GVariant *rows, const char *const *columns, guint width);
/* An a{sv} in full: one line for each value, a table for each list of dictionaries, texts as paragraphs;
 * what is empty is left out. */
void gw_details_print(GVariant *details, guint width);
