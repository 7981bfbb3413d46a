/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What depends on whether a person or a program reads our output: width, colour, bars, questions. */
#pragma once
#include <glib.h>

typedef enum { GW_COLOUR_NONE, GW_COLOUR_GOOD, GW_COLOUR_WARN, GW_COLOUR_BAD, GW_COLOUR_BOLD } GwColour;

/* Columns of the output: COLUMNS where it is set, else those of the terminal; 0 = unlimited, for a program.
 */
guint gw_terminal_width(void);
/* Escape sequences around a coloured text; "" where nobody would see colour (NO_COLOR is respected). Static.
 */
const char *gw_terminal_begin(GwColour colour);
const char *gw_terminal_end(GwColour colour);

/* May a person be asked: are input and error output terminals? */
gboolean gw_terminal_can_ask(void);
/* "question [y/N] "; anything but yes is no. */
gboolean gw_terminal_ask(const char *question);

/* A secret, typed unseen on the terminal, twice; or else the first line of the standard input. NULL = none,
 * or the two differ. Caller frees. */
char *gw_terminal_secret(const char *prompt);

/* One line on the error output that is drawn again and again; nothing unless it is a terminal. */
void gw_progress_draw(const char *label, guint64 done, guint64 total);
/* Takes the line away. */
void gw_progress_clear(void);
