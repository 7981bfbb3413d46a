/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The only way between threads: post a function and its data to the thread that runs a GMainContext.
 * Order per sender is kept; the poster never waits. */
#pragma once
#include <glib.h>

typedef struct GwMailbox GwMailbox;
typedef void (*GwLetter)(gpointer data);
/* Letters are run by whoever iterates @context (NULL = the default context). */
GwMailbox *gw_mailbox_new(GMainContext *context);
GwMailbox *gw_mailbox_ref(GwMailbox *mailbox);
void gw_mailbox_unref(GwMailbox *mailbox);
/* Runs letter(data) once in the mailbox's thread. @free (or NULL) is called exactly once: after the letter
 * has run, or, when the mailbox is or gets closed, instead of it (then perhaps in the posting thread). Any
 * thread. */
void gw_mailbox_post(GwMailbox *mailbox, GwLetter letter, gpointer data, GDestroyNotify free);
/* No letter is run after this returns in the receiving thread. The last gw_mailbox_unref() closes too. */
void gw_mailbox_close(GwMailbox *mailbox);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwMailbox, gw_mailbox_unref)
