/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wan/upstream.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/file.h"
#include "model/rhythm.h"
#include "wan/wait.h"

#define RESEND_MS 100
#define MAX_HANGS 3

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
  GAsyncQueue *reports; /* GwReport; the upstream itself = no more */
  GMutex mutex;         /* guards the rest */
  GCond ended;
  guint n_running;       /* the threads that poll and report, and all jobs, waiting ones too */
  GHashTable *jobs;      /* Job *, a set: what can be cancelled */
  gint64 quiet_until_ms; /* the server asked to be left alone until then */
  guint64 report_id;     /* that the plugin sits in; 0 = none */
  gint64 report_end_ms;  /* boot; by then it should be back */
  gboolean is_hanging;   /* it was not */
  guint n_hangs;
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

/* What must not be lost while the link lives: without it the core waits for ever. Sinks @payload. */
static void
insist(GwUpstream *upstream, GwMessageType type, GVariant *payload)
{
  const GwOutgoing *out = &upstream->setup.out;
  g_autoptr(GVariant) sunk = g_variant_ref_sink(payload);

  while (!out->send(out->user, type, sunk, NULL, 0)) {
    if (gw_wait(upstream->stop, -1, 0, RESEND_MS) == GW_WAITED_STOPPED)
      return;
  }
}

static void
tell(GwUpstream *upstream, Job *job, GatewayResult result, const char *text)
{
  GwFetched fetched = {
    .id = job->fetch.id, .result = (int)result, .validator = (char *)"", .text = (char *)text
  };

  insist(upstream, GW_MESSAGE_FETCHED, gw_fetched_pack(&fetched));
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
  } else if (!upstream->setup.functions.fetch) {
    tell(upstream, job, GATEWAY_FAILED_GIVE_UP, "its plugin brings no images");
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

/* ---- reporting */

static void
report_free(GwReport *report)
{
  gw_report_clear(report);
  g_free(report);
}

/* One that never looks has nothing else to say how it is. */
static void
say_how_it_went(GwUpstream *upstream, GwWorker *worker, const char *trouble)
{
  if (!upstream->setup.functions.poll)
    gw_worker_say(worker, !*trouble, *trouble ? trouble : "takes events");
}

/* An answer that is an error to others may be good news to the plugin. */
static const char *
trouble_with(const GwWorker *worker, const GatewayResult *results, guint32 n_results)
{
  for (guint32 i = 0; i < n_results; i++) {
    if (results[i] != GATEWAY_OK)
      return gw_worker_trouble(worker);
  }
  return "";
}

static void
enter(GwUpstream *upstream, guint64 report_id)
{
  g_mutex_lock(&upstream->mutex);
  upstream->report_id = report_id;
  upstream->report_end_ms = gw_clock_boot_ms() + upstream->setup.report_timeout_ms;
  g_mutex_unlock(&upstream->mutex);
}

/* FALSE: it was so late that nobody waits any more. */
static gboolean
leave(GwUpstream *upstream)
{
  gboolean was_hanging;

  g_mutex_lock(&upstream->mutex);
  was_hanging = upstream->is_hanging;
  upstream->is_hanging = FALSE;
  upstream->report_id = 0;
  g_mutex_unlock(&upstream->mutex);
  return !was_hanging;
}

static void
pass_on(GwUpstream *upstream, GwWorker *worker, const GwReport *report)
{
  g_autofree GatewayResult *results = g_new0(GatewayResult, report->n_events);
  g_autofree char *bytes = g_malloc0(report->n_events + 1);
  GwReported reported = { .id = report->id, .results = bytes, .n_results = report->n_events };

  enter(upstream, report->id);
  gw_worker_report(worker, report, results);
  note_retry_after(upstream, worker);
  if (!leave(upstream)) {
    gw_worker_say(worker, FALSE, "its plugin came back from a report after all");
    return;
  }
  for (guint32 i = 0; i < report->n_events; i++)
    bytes[i] = (char)results[i];
  reported.retry_after_s = gw_worker_retry_after_s(worker);
  reported.text = (char *)trouble_with(worker, results, report->n_events);
  if (!g_cancellable_is_cancelled(upstream->stop))
    say_how_it_went(upstream, worker, reported.text);
  insist(upstream, GW_MESSAGE_REPORTED, gw_reported_pack(&reported));
}

static gpointer
report_thread(gpointer data)
{
  GwUpstream *upstream = data;
  GwWorker *worker = gw_worker_new(&upstream->setup, upstream->stop, -1);
  gpointer item;

  while ((item = g_async_queue_pop(upstream->reports)) != upstream) {
    pass_on(upstream, worker, item);
    report_free(item);
  }
  gw_worker_free(worker);
  end_one(upstream);
  return NULL;
}

gboolean
gw_upstream_hangs(GwUpstream *upstream, gint64 boot_ms, guint64 *ret_id)
{
  gboolean is_news;

  g_mutex_lock(&upstream->mutex);
  is_news = upstream->report_id && !upstream->is_hanging && boot_ms >= upstream->report_end_ms;
  if (is_news) {
    upstream->is_hanging = TRUE;
    upstream->n_hangs++;
    *ret_id = upstream->report_id;
  }
  g_mutex_unlock(&upstream->mutex);
  return is_news;
}

const char *
gw_upstream_holds_back(GwUpstream *upstream)
{
  const char *why = NULL;

  g_mutex_lock(&upstream->mutex);
  if (upstream->n_hangs >= MAX_HANGS)
    why = "its plugin hung in three reports and is held back until the worker starts again";
  else if (upstream->is_hanging)
    why = "its plugin hangs in a report and is held back";
  g_mutex_unlock(&upstream->mutex);
  return why;
}

gboolean
gw_upstream_takes_reports(const GwUpstream *upstream)
{
  return upstream->setup.functions.report != NULL;
}

void
gw_upstream_report(GwUpstream *upstream, GwReport *report)
{
  g_async_queue_push(upstream->reports, g_memdup2(report, sizeof *report));
  *report = (GwReport){ 0 };
}

/* ---- life */

static void
start_thread(GwUpstream *upstream, const char *what, GThreadFunc function)
{
  g_autofree char *name = g_strdup_printf("%.8s %s", upstream->setup.name, what);

  upstream->n_running++;
  g_thread_unref(g_thread_new(name, function, upstream));
}

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
  upstream->reports = g_async_queue_new();
  g_mutex_lock(&upstream->mutex); /* the first may end before the second is there */
  if (upstream->setup.functions.poll)
    start_thread(upstream, "poll", poll_thread);
  if (upstream->setup.functions.report)
    start_thread(upstream, "report", report_thread);
  g_mutex_unlock(&upstream->mutex);
  return upstream;
}

void
gw_upstream_stop(GwUpstream *upstream)
{
  g_cancellable_cancel(upstream->stop);
  g_async_queue_push(upstream->reports, upstream); /* what still waits is answered first: stopped */
  cancel_jobs(upstream, 0);                        /* those that wait for a thread get one, to end at once */
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
  g_async_queue_unref(upstream->reports);
  g_mutex_clear(&upstream->mutex);
  g_cond_clear(&upstream->ended);
  g_free(upstream);
}
