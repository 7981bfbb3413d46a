/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Also runs under the thread sanitizer; see tests/tsan.sh. */
#include "base/mailbox.h"

#define N_SENDERS 4
#define N_LETTERS 2000

typedef struct {
  guint sender, number;
} Note;

/* Written by the receiving thread alone: no atomics, so that the sanitizer would see a second writer. */
static guint next_of[N_SENDERS];
static guint n_run;
static gint n_freed;
static GMainLoop *loop;

static void
note_free(gpointer data)
{
  g_atomic_int_inc(&n_freed);
  g_free(data);
}

static void
count_letter(gpointer data)
{
  n_run++;
}

static void
receive(gpointer data)
{
  const Note *note = data;

  g_assert_cmpuint(note->number, ==, next_of[note->sender]);
  next_of[note->sender]++;
  n_run++;
  if (loop && n_run == N_SENDERS * N_LETTERS)
    g_main_loop_quit(loop);
}

typedef struct {
  GwMailbox *mailbox;
  guint sender;
} Sender;

static gpointer
send_all(gpointer data)
{
  Sender *sender = data;

  for (guint i = 0; i < N_LETTERS; i++) {
    Note *note = g_new(Note, 1);

    *note = (Note){ sender->sender, i };
    gw_mailbox_post(sender->mailbox, receive, note, note_free);
  }
  gw_mailbox_unref(sender->mailbox);
  return NULL;
}

static void
reset(void)
{
  n_run = 0;
  n_freed = 0;
  for (guint i = 0; i < N_SENDERS; i++)
    next_of[i] = 0;
}

static void
test_many_threads_keep_their_order(void)
{
  g_autoptr(GMainContext) context = g_main_context_new();
  g_autoptr(GwMailbox) mailbox = gw_mailbox_new(context);
  Sender senders[N_SENDERS];
  GThread *threads[N_SENDERS];

  reset();
  loop = g_main_loop_new(context, FALSE);
  for (guint i = 0; i < N_SENDERS; i++) {
    senders[i] = (Sender){ gw_mailbox_ref(mailbox), i };
    threads[i] = g_thread_new("sender", send_all, &senders[i]);
  }
  g_main_loop_run(loop);
  for (guint i = 0; i < N_SENDERS; i++)
    g_thread_join(threads[i]);
  g_assert_cmpuint(n_run, ==, N_SENDERS * N_LETTERS);
  g_assert_cmpint(n_freed, ==, N_SENDERS * N_LETTERS);
  g_clear_pointer(&loop, g_main_loop_unref);
}

/* Each letter ends up run or dropped, and is freed once, wherever the close falls. */
static void
test_close_while_others_post(void)
{
  for (guint round = 0; round < 20; round++) {
    g_autoptr(GMainContext) context = g_main_context_new();
    g_autoptr(GwMailbox) mailbox = gw_mailbox_new(context);
    Sender senders[N_SENDERS];
    GThread *threads[N_SENDERS];
    guint n_run_at_close;

    reset();
    for (guint i = 0; i < N_SENDERS; i++) {
      senders[i] = (Sender){ gw_mailbox_ref(mailbox), i };
      threads[i] = g_thread_new("sender", send_all, &senders[i]);
    }
    for (guint i = 0; i < round; i++)
      g_main_context_iteration(context, FALSE);
    gw_mailbox_close(mailbox);
    n_run_at_close = n_run;
    for (guint i = 0; i < N_SENDERS; i++)
      g_thread_join(threads[i]);
    while (g_main_context_iteration(context, FALSE))
      ;
    g_assert_cmpuint(n_run, ==, n_run_at_close);
    g_assert_cmpint(g_atomic_int_get(&n_freed), ==, N_SENDERS * N_LETTERS);
  }
}

static void
close_it(gpointer data)
{
  gw_mailbox_close(data);
}

static void
test_a_letter_closes(void)
{
  g_autoptr(GwMailbox) mailbox = gw_mailbox_new(NULL);

  reset();
  gw_mailbox_post(mailbox, count_letter, g_new(Note, 1), note_free);
  gw_mailbox_post(mailbox, close_it, mailbox, NULL);
  gw_mailbox_post(mailbox, count_letter, g_new(Note, 1), note_free);
  while (g_main_context_iteration(NULL, FALSE))
    ;
  g_assert_cmpuint(n_run, ==, 1);
  g_assert_cmpint(n_freed, ==, 2);
  gw_mailbox_post(mailbox, count_letter, g_new(Note, 1), note_free);
  g_assert_cmpint(n_freed, ==, 3);
  gw_mailbox_close(mailbox);
}

static void
post_again(gpointer data)
{
  n_run++;
  if (n_run < 3)
    gw_mailbox_post(data, post_again, data, NULL);
}

/* A letter that posts to its own mailbox must not keep other sources from their turn. */
static void
test_a_letter_posts(void)
{
  g_autoptr(GwMailbox) mailbox = gw_mailbox_new(NULL);

  reset();
  gw_mailbox_post(mailbox, post_again, mailbox, NULL);
  for (guint i = 1; i <= 3; i++) {
    g_assert_true(g_main_context_iteration(NULL, FALSE));
    g_assert_cmpuint(n_run, ==, i);
  }
  g_assert_false(g_main_context_iteration(NULL, FALSE));
}

static void
test_the_last_unref_drops(void)
{
  GwMailbox *mailbox = gw_mailbox_new(NULL);

  reset();
  gw_mailbox_post(mailbox, count_letter, g_new(Note, 1), note_free);
  gw_mailbox_unref(mailbox);
  g_assert_cmpint(n_freed, ==, 1);
  g_assert_false(g_main_context_iteration(NULL, FALSE));
  g_assert_cmpuint(n_run, ==, 0);
  gw_mailbox_unref(NULL);
}

static void
unref_it(gpointer data)
{
  gw_mailbox_unref(data);
}

static void
test_a_letter_holds_the_last_reference(void)
{
  GwMailbox *mailbox = gw_mailbox_new(NULL);

  reset();
  gw_mailbox_post(mailbox, unref_it, mailbox, NULL);
  gw_mailbox_post(mailbox, count_letter, g_new(Note, 1), note_free);
  while (g_main_context_iteration(NULL, FALSE))
    ;
  g_assert_cmpuint(n_run, ==, 0);
  g_assert_cmpint(n_freed, ==, 1);
}

static void
test_the_context_goes_first(void)
{
  GMainContext *context = g_main_context_new();
  g_autoptr(GwMailbox) mailbox = gw_mailbox_new(context);

  reset();
  gw_mailbox_post(mailbox, count_letter, g_new(Note, 1), note_free);
  g_main_context_unref(context);
  gw_mailbox_post(mailbox, count_letter, g_new(Note, 1), note_free);
  g_clear_pointer(&mailbox, gw_mailbox_unref);
  g_assert_cmpuint(n_run, ==, 0);
  g_assert_cmpint(n_freed, ==, 2);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/mailbox/many-threads-keep-their-order", test_many_threads_keep_their_order);
  g_test_add_func("/mailbox/close-while-others-post", test_close_while_others_post);
  g_test_add_func("/mailbox/a-letter-closes", test_a_letter_closes);
  g_test_add_func("/mailbox/a-letter-posts", test_a_letter_posts);
  g_test_add_func("/mailbox/the-last-unref-drops", test_the_last_unref_drops);
  g_test_add_func("/mailbox/a-letter-holds-the-last-reference", test_a_letter_holds_the_last_reference);
  g_test_add_func("/mailbox/the-context-goes-first", test_the_context_goes_first);
  return g_test_run();
}
