/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wan/upstream.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/file.h"
#include "wan/rhythm.h"
#include "wan/wait.h"

#define RESEND_MS 100

typedef struct {
  GwFetch fetch;
  int fd;
  GCancellable *stop;
} Job;

struct GwUpstream {
  GwWorkerSetup setup;
  int wake_fd;
  gint is_afresh; /* atomic: the plugin is to forget what it announced */
  GCancellable *stop;
  GThreadPool *fetchers;
  GMutex mutex; /* guards the rest */
  GCond ended;
  guint n_running;       /* the poll thread and all jobs, waiting ones too */
  GHashTable *jobs;      /* Job *, a set: what can be cancelled */
  gint64 quiet_until_ms; /* the server asked to be left alone until then */
};

static void
job_free(Job *job)
{
  gw_fetch_clear(&job->fetch);
  gw_close(&job->fd);
  g_object_unref(job->stop);
  g_free(job);
}

static void
end_one(GwUpstream *upstream)
{
  g_mutex_lock(&upstream->mutex);
  upstream->n_running--;
  g_cond_broadcast(&upstream->ended);
  g_mutex_unlock(&upstream->mutex);
}

static void
note_retry_after(GwUpstream *upstream, const GwWorker *worker)
{
  gint64 ms = MIN((gint64)gw_worker_retry_after_s(worker) * 1000, GW_RHYTHM_MAX_PAUSE_MS);

  g_mutex_lock(&upstream->mutex);
  if (ms > 0)
    upstream->quiet_until_ms = MAX(upstream->quiet_until_ms, gw_clock_boot_ms() + ms);
  g_mutex_unlock(&upstream->mutex);
}

static gint64
quiet_ms(GwUpstream *upstream)
{
  gint64 ms;

  g_mutex_lock(&upstream->mutex);
  ms = upstream->quiet_until_ms - gw_clock_boot_ms();
  g_mutex_unlock(&upstream->mutex);
  return MAX(ms, 0);
}

/* ---- looking */

/* Until the next look is due, or asked for; never within a pause that the server asked for. FALSE: stopped.
 */
static gboolean
rest(GwUpstream *upstream, GwWorker *worker, guint n_failures)
{
  guint32 chance;
  gint64 wait_ms;

  gw_random(&chance, sizeof chance);
  wait_ms = gw_rhythm_wait_ms(upstream->setup.poll_ms, n_failures, quiet_ms(upstream), chance);
  do {
    if (!gw_worker_sleep(worker, wait_ms))
      return FALSE;
    wait_ms = quiet_ms(upstream);
  } while (wait_ms > 0);
  return TRUE;
}

static gpointer
poll_thread(gpointer data)
{
  GwUpstream *upstream = data;
  GwWorker *worker = gw_worker_new(&upstream->setup, upstream->stop, upstream->wake_fd);
  guint n_failures = 0;

  do {
    if (g_atomic_int_compare_and_exchange(&upstream->is_afresh, TRUE, FALSE)) {
      gw_worker_free(worker);
      worker = gw_worker_new(&upstream->setup, upstream->stop, upstream->wake_fd);
    }
    GatewayResult result = gw_worker_poll(worker);

    n_failures = result == GATEWAY_OK || result == GATEWAY_UNCHANGED ? 0 : n_failures + 1;
    note_retry_after(upstream, worker);
  } while (rest(upstream, worker, n_failures));
  gw_worker_free(worker);
  end_one(upstream);
  return NULL;
}

void
gw_upstream_poll(GwUpstream *upstream, gboolean is_afresh)
{
  guint64 one = 1;

  if (is_afresh)
    g_atomic_int_set(&upstream->is_afresh, TRUE);

  /* It cannot fail but for an overflow, and then it is awake anyway. */
  if (write(upstream->wake_fd, &one, sizeof one) < 0)
    return;
}

/* ---- fetching */

/* The only message that must not be lost while the link lives: without it the core waits for ever. */
static void
tell(GwUpstream *upstream, Job *job, GatewayResult result, const char *text)
{
  const GwOutgoing *out = &upstream->setup.out;
  GwFetched fetched = {
    .id = job->fetch.id, .result = (int)result, .validator = (char *)"", .text = (char *)text
  };

  while (!out->send(out->user, GW_MESSAGE_FETCHED, gw_fetched_pack(&fetched), NULL, 0)) {
    if (gw_wait(upstream->stop, -1, 0, RESEND_MS) == GW_WAITED_STOPPED)
      return;
  }
}

static void
bring(GwUpstream *upstream, Job *job)
{
  GwDelivery delivery = {
    .fetch = &job->fetch, .fd = job->fd, .stop = job->stop, .out = upstream->setup.out
  };
  g_autoptr(GwWorker) worker = gw_worker_new(&upstream->setup, job->stop, -1);
  GatewayResult result = gw_worker_fetch(worker, &delivery);

  note_retry_after(upstream, worker);
  tell(upstream, job, result, gw_worker_trouble(worker));
}

static void
fetch_job(gpointer data, gpointer user)
{
  GwUpstream *upstream = user;
  Job *job = data;
  gint64 pause_ms = quiet_ms(upstream);

  if (g_cancellable_is_cancelled(job->stop)) {
    tell(upstream, job, GATEWAY_STOPPED, "stopped");
  } else if (pause_ms > 0) {
    g_autofree char *text =
        g_strdup_printf("the server asked for a pause: %" G_GINT64_FORMAT " s left", (pause_ms + 999) / 1000);

    tell(upstream, job, GATEWAY_FAILED_RETRY, text);
  } else {
    bring(upstream, job);
  }
  g_mutex_lock(&upstream->mutex);
  g_hash_table_remove(upstream->jobs, job);
  g_mutex_unlock(&upstream->mutex);
  job_free(job); /* closes the pipe */
  end_one(upstream);
}

void
gw_upstream_fetch(GwUpstream *upstream, GwFetch *fetch, int fd)
{
  Job *job = g_new0(Job, 1);

  job->fetch = *fetch;
  *fetch = (GwFetch){ 0 };
  job->fd = fd;
  job->stop = g_cancellable_new();
  g_mutex_lock(&upstream->mutex);
  upstream->n_running++;
  g_hash_table_add(upstream->jobs, job);
  g_mutex_unlock(&upstream->mutex);
  g_thread_pool_push(upstream->fetchers, job, NULL); /* at worst it waits for a thread */
}

/* Cancels the job with that id, or all with id 0. */
static void
cancel_jobs(GwUpstream *upstream, guint64 id)
{
  g_autoptr(GPtrArray) stops = g_ptr_array_new_with_free_func(g_object_unref);
  GHashTableIter iter;
  gpointer key;

  g_mutex_lock(&upstream->mutex);
  g_hash_table_iter_init(&iter, upstream->jobs);
  while (g_hash_table_iter_next(&iter, &key, NULL)) {
    Job *job = key;

    if (id == 0 || job->fetch.id == id)
      g_ptr_array_add(stops, g_object_ref(job->stop));
  }
  g_mutex_unlock(&upstream->mutex);
  for (guint i = 0; i < stops->len; i++)
    g_cancellable_cancel(stops->pdata[i]);
}

void
gw_upstream_cancel(GwUpstream *upstream, guint64 id)
{
  if (id != 0)
    cancel_jobs(upstream, id);
}

/* ---- life */

GwUpstream *
gw_upstream_start(GwWorkerSetup *setup)
{
  GwUpstream *upstream = g_new0(GwUpstream, 1);

  upstream->setup = *setup;
  *setup = (GwWorkerSetup){ 0 };
  upstream->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  upstream->stop = g_cancellable_new();
  g_mutex_init(&upstream->mutex);
  g_cond_init(&upstream->ended);
  upstream->jobs = g_hash_table_new(NULL, NULL);
  upstream->fetchers = g_thread_pool_new(fetch_job, upstream, GW_UPSTREAM_MAX_FETCHES, FALSE, NULL);
  upstream->n_running = 1;
  g_thread_unref(g_thread_new(upstream->setup.name, poll_thread, upstream));
  return upstream;
}

void
gw_upstream_stop(GwUpstream *upstream)
{
  g_cancellable_cancel(upstream->stop);
  cancel_jobs(upstream, 0); /* those that wait for a thread get one, to end at once */
}

gboolean
gw_upstream_has_ended(GwUpstream *upstream, gint64 until_us)
{
  gboolean has_ended;

  g_mutex_lock(&upstream->mutex);
  while (upstream->n_running > 0 && until_us > 0) {
    if (!g_cond_wait_until(&upstream->ended, &upstream->mutex, until_us))
      break;
  }
  has_ended = upstream->n_running == 0;
  g_mutex_unlock(&upstream->mutex);
  return has_ended;
}

void
gw_upstream_free(GwUpstream *upstream)
{
  g_assert(g_cancellable_is_cancelled(upstream->stop) && gw_upstream_has_ended(upstream, 0));
  g_thread_pool_free(upstream->fetchers, FALSE, TRUE); /* no job is left to wait for */
  gw_worker_setup_clear(&upstream->setup);
  (void)close(upstream->wake_fd);
  g_object_unref(upstream->stop);
  g_hash_table_unref(upstream->jobs);
  g_mutex_clear(&upstream->mutex);
  g_cond_clear(&upstream->ended);
  g_free(upstream);
}
