/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Values as people read them. Whatever came from a node, a cloud or a file is made inert (control,
 * bidirectional and invisible characters spelled out) before it reaches a terminal. */
#pragma once
#include "ctl/terminal.h"

/* "1.2 MiB", "912 B". Caller frees. */
char *gw_text_size(guint64 bytes);
/* "2026-11-21 12:00:00", UTC; "-" for 0. Caller frees. */
char *gw_text_time(gint64 wall_ms);
/* "3 d", "5 h", "20 min", "12 s"; "" for a negative one. Caller frees. */
char *gw_text_span(gint64 ms);
/* Value of a dictionary, on one line; what it is follows from its type and from the name of its key. "" for
 * NULL. Caller frees. */
char *gw_text_value(const char *key, GVariant *value);
/* Is it of a kind that means nothing when it is cut: a number, a size, a time? And is it best aligned right?
 */
gboolean gw_text_is_rigid(GVariant *value);
gboolean gw_text_is_number(const char *key, GVariant *value);
/* Good, bad or worth a look? By the words that the gateway uses for states. */
GwColour gw_text_colour(const char *key, const char *text);

/* Columns that @text takes on a terminal; it must be inert. */
guint gw_text_width(const char *text);
/* @text cut to @width columns with a mark at its end, or as it is. Caller frees. */
char *gw_text_cut(const char *text, guint width);
/* Prints @text, inert line by line, broken at blanks to @width columns (0 = unlimited), each line begun with
 * @indent blanks and those of its own. */
void gw_text_print_lines(const char *text, guint indent, guint width);
/* Prints inert @text, broken at blanks to @width; the first word stands in @column already, further lines
 * begin with @hang blanks. */
void gw_text_print_words(const char *text, guint column, guint hang, guint width);
