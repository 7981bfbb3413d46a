/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What gatewayctl says about itself, made from the tables of commands. */
#pragma once
#include "ctl/parse.h"

/* Of the program, of a noun, or of a command: whatever @line names. To the standard output. */
void gw_help_print(const GwLine *line);
/* The next step after an error: what to type, or NULL where the error says it all. Caller frees. */
char *gw_help_next(const GwLine *line, const GwCtl *ctl, const GError *error);
