/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The words of a command line against the tables of commands. Pure, but for the tables. */
#pragma once
#include "ctl/command.h"

/* Options that every command takes; ended by name NULL. */
extern const GwArg gw_common_args[];
/* All tables of commands, ended by NULL. */
extern const GwCommand *const gw_command_tables[];

#define GW_FOR_EACH_COMMAND(command)                                                                         \
  for (const GwCommand *const *table_ = gw_command_tables; *table_; table_++)                                \
    for (const GwCommand *command = *table_; command->noun; command++)

typedef struct {
  const GwCommand *command; /* NULL: none was named */
  const char *noun;         /* the noun that was named, in its proper form, or NULL */
  gboolean is_verb_named;   /* or it is the noun's usual one */
  GwArgs args;              /* values hold the common options too */
} GwLine;

/* @words without the program's name, NULL-terminated, borrowed until gw_line_clear(). Errors are BAD_INPUT;
 * even then @ret_line says as much as was understood, and must be cleared. With --help, operands and missing
 * verbs are not complained about. */
gboolean gw_line_parse(char **words, GwLine *ret_line, GError **error);
void gw_line_clear(GwLine *line);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(GwLine, gw_line_clear)
