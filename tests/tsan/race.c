/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Two threads and one number. With "guarded" a GMutex stands before it: that must pass and the other must
 * not, or the sanitizer is not looking. */
#include <glib.h>

static GMutex mutex;
static int number;

static gpointer
add(gpointer is_guarded)
{
  for (int i = 0; i < 1000; i++) {
    if (is_guarded)
      g_mutex_lock(&mutex);
    number++;
    if (is_guarded)
      g_mutex_unlock(&mutex);
  }
  return NULL;
}

int
main(int argc, char **argv)
{
  gpointer is_guarded = GINT_TO_POINTER(argc > 1);
  GThread *a = g_thread_new("a", add, is_guarded);
  GThread *b = g_thread_new("b", add, is_guarded);

  g_thread_join(a);
  g_thread_join(b);
  return 0;
}
