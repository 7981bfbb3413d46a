/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GLib's locks are futexes in code that the thread sanitizer did not instrument, so it takes everything that
 * they guard for a race. Preloaded, this tells it what they order. Internal calls of GLib are not seen, so
 * what GLib itself hands between threads is told at its public door. */
#include <dlfcn.h>
#include <glib.h>

extern void __tsan_acquire(void *address) __attribute__((weak));
extern void __tsan_release(void *address) __attribute__((weak));

#define REAL(name)                                                                                           \
  static __typeof__(&name) real;                                                                             \
  if (!real)                                                                                                 \
  real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

void
g_mutex_lock(GMutex *mutex)
{
  REAL(g_mutex_lock);
  real(mutex);
  __tsan_acquire(mutex);
}

gboolean
g_mutex_trylock(GMutex *mutex)
{
  REAL(g_mutex_trylock);
  gboolean is_locked = real(mutex);

  if (is_locked)
    __tsan_acquire(mutex);
  return is_locked;
}

void
g_mutex_unlock(GMutex *mutex)
{
  REAL(g_mutex_unlock);
  __tsan_release(mutex);
  real(mutex);
}

void
g_cond_wait(GCond *cond, GMutex *mutex)
{
  REAL(g_cond_wait);
  __tsan_release(mutex);
  real(cond, mutex);
  __tsan_acquire(mutex);
}

gboolean
g_cond_wait_until(GCond *cond, GMutex *mutex, gint64 end_time)
{
  REAL(g_cond_wait_until);
  __tsan_release(mutex);
  gboolean is_signalled = real(cond, mutex, end_time);
  __tsan_acquire(mutex);
  return is_signalled;
}

void
g_async_queue_push(GAsyncQueue *queue, gpointer data)
{
  REAL(g_async_queue_push);
  __tsan_release(queue);
  real(queue, data);
}

gpointer
g_async_queue_pop(GAsyncQueue *queue)
{
  REAL(g_async_queue_pop);
  gpointer data = real(queue);

  __tsan_acquire(queue);
  return data;
}

gpointer
g_async_queue_try_pop(GAsyncQueue *queue)
{
  REAL(g_async_queue_try_pop);
  gpointer data = real(queue);

  if (data)
    __tsan_acquire(queue);
  return data;
}

/* A pool: what was pushed is seen by the work, and what the work wrote by whoever waited for the pool's end.
 */
typedef struct {
  GFunc func;
  gpointer user_data;
} Work;

static void
run_work(gpointer data, gpointer user_data)
{
  Work *work = user_data;

  __tsan_acquire(work);
  work->func(data, work->user_data);
  __tsan_release(work);
}

GThreadPool *
g_thread_pool_new(GFunc func, gpointer user_data, gint max_threads, gboolean exclusive, GError **error)
{
  REAL(g_thread_pool_new);
  Work *work = g_new(Work, 1);

  *work = (Work){ func, user_data };
  return real(run_work, work, max_threads, exclusive, error);
}

gboolean
g_thread_pool_push(GThreadPool *pool, gpointer data, GError **error)
{
  REAL(g_thread_pool_push);
  __tsan_release(pool->user_data);
  return real(pool, data, error);
}

void
g_thread_pool_free(GThreadPool *pool, gboolean immediate, gboolean wait)
{
  REAL(g_thread_pool_free);
  gpointer work = pool->user_data;

  real(pool, immediate, wait);
  __tsan_acquire(work);
}
