/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A core that only remembers: every command and query of control/commands.h is noted as one line of text and
 * answered, later, with what the test laid down. */
#pragma once
#include "control/commands.h"

GwCore *fake_core_new(void);
void fake_core_free(GwCore *core);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwCore, fake_core_free)

/* The answer to a command ("rule-start"), or to a query of one thing ("list:nodes", "list:nodes@CURSOR",
 * "get:plugins:NAME"). @text is GVariant text, "!bad-input what is wrong", or "!never". Unset: a small
 * fitting one. */
void fake_core_answer(GwCore *core, const char *command, const char *text);
/* Lines "COMMAND<TAB>TEXT", "#" begins a comment. */
void fake_core_answers(GwCore *core, const char *lines);

/* "rule-start foreground|root|(int64 7,)", in order; element type char *. Borrowed. */
const GPtrArray *fake_core_calls(const GwCore *core);
void fake_core_forget(GwCore *core);
/* Each call is also printed. */
void fake_core_print(GwCore *core);
/* What a core does when events were recorded. */
void fake_core_tell(GwCore *core, gint64 newest);
