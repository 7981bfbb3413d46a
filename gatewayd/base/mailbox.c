/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The mailbox is its own GSource, so the main context keeps the queue alive while it dispatches, whoever lets
 * go of the mailbox meanwhile and in whatever thread. */
#include "base/mailbox.h"

typedef struct {
  GwLetter letter;
  gpointer data;
  GDestroyNotify free;
} Letter;

struct GwMailbox {
  GSource source;
  gatomicrefcount n_refs;
  GMutex mutex; /* guards the rest */
  GQueue letters;
  gboolean is_closed;
};

static void
letter_free(gpointer data)
{
  Letter *letter = data;

  if (letter->free)
    letter->free(letter->data);
  g_free(letter);
}

/* The next letter of a batch that was counted when the dispatch began, or NULL. */
static Letter *
take(GwMailbox *mailbox, guint *n_left)
{
  Letter *letter = NULL;

  g_mutex_lock(&mailbox->mutex);
  if (*n_left > 0)
    letter = g_queue_pop_head(&mailbox->letters);
  if (letter)
    (*n_left)--;
  if (g_queue_is_empty(&mailbox->letters))
    g_source_set_ready_time(&mailbox->source, -1);
  g_mutex_unlock(&mailbox->mutex);
  return letter;
}

static gboolean
mailbox_dispatch(GSource *source, GSourceFunc callback, gpointer user_data)
{
  GwMailbox *mailbox = (GwMailbox *)source;
  Letter *letter;
  guint n_left;

  g_mutex_lock(&mailbox->mutex);
  n_left = mailbox->letters.length;
  g_mutex_unlock(&mailbox->mutex);
  while ((letter = take(mailbox, &n_left))) {
    letter->letter(letter->data);
    letter_free(letter);
  }
  return G_SOURCE_CONTINUE;
}

static void
mailbox_finalize(GSource *source)
{
  GwMailbox *mailbox = (GwMailbox *)source;

  g_queue_clear_full(&mailbox->letters, letter_free);
  g_mutex_clear(&mailbox->mutex);
}

static GSourceFuncs mailbox_funcs = { .dispatch = mailbox_dispatch, .finalize = mailbox_finalize };

GwMailbox *
gw_mailbox_new(GMainContext *context)
{
  GwMailbox *mailbox = (GwMailbox *)g_source_new(&mailbox_funcs, sizeof *mailbox);

  g_atomic_ref_count_init(&mailbox->n_refs);
  g_mutex_init(&mailbox->mutex);
  g_queue_init(&mailbox->letters);
  g_source_set_static_name(&mailbox->source, "mailbox");
  g_source_set_can_recurse(&mailbox->source, FALSE);
  g_source_attach(&mailbox->source, context);
  return mailbox;
}

GwMailbox *
gw_mailbox_ref(GwMailbox *mailbox)
{
  g_atomic_ref_count_inc(&mailbox->n_refs);
  return mailbox;
}

void
gw_mailbox_unref(GwMailbox *mailbox)
{
  if (!mailbox || !g_atomic_ref_count_dec(&mailbox->n_refs))
    return;
  gw_mailbox_close(mailbox);
  g_source_unref(&mailbox->source);
}

void
gw_mailbox_post(GwMailbox *mailbox, GwLetter letter, gpointer data, GDestroyNotify free)
{
  Letter *post = g_new(Letter, 1);
  gboolean is_closed;

  *post = (Letter){ letter, data, free };
  g_mutex_lock(&mailbox->mutex);
  is_closed = mailbox->is_closed;
  if (!is_closed) {
    g_queue_push_tail(&mailbox->letters, post);
    g_source_set_ready_time(&mailbox->source, 0);
  }
  g_mutex_unlock(&mailbox->mutex);
  if (is_closed)
    letter_free(post);
}

void
gw_mailbox_close(GwMailbox *mailbox)
{
  GQueue dropped;

  g_mutex_lock(&mailbox->mutex);
  mailbox->is_closed = TRUE;
  dropped = mailbox->letters;
  g_queue_init(&mailbox->letters);
  g_mutex_unlock(&mailbox->mutex);
  g_queue_clear_full(&dropped, letter_free);
  g_source_destroy(&mailbox->source);
}
