/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wan/passing.h"

#define THREADS 8

struct GwPassing {
  GThreadPool *threads;
  GCancellable *stop;
  GMutex mutex; /* guards the rest */
  GCond ended;
  guint n_open; /* not answered yet */
  guint n_jobs; /* that hold something of ours */
};

typedef struct {
  GwRelayAsk ask;
  GwHttpOptions options;
  GwOutgoing out;
  GCancellable *stop;
} Job;

static void
job_free(Job *job)
{
  gw_relay_ask_clear(&job->ask);
  gw_http_options_clear(&job->options);
  g_object_unref(job->stop);
  g_free(job);
}

/* Who asked may ask for more as soon as it has the reply. */
static void
count_answered(GwPassing *passing)
{
  g_mutex_lock(&passing->mutex);
  passing->n_open--;
  g_mutex_unlock(&passing->mutex);
}

static void
run(const Job *job, GwPassing *passing)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GwHttp) http = gw_http_new(&job->options, &error);
  GwRelayAnswer answer = { 0 };

  if (http)
    (void)gw_http_pass(http, &job->ask, job->stop, &answer, &error); /* the answer says why not */
  else
    answer.text = g_strdup(error->message);
  answer.id = job->ask.id;
  count_answered(passing);
  /* Where the link is gone, so is who asked. */
  (void)job->out.send(job->out.user, GW_MESSAGE_RELAYED, gw_relay_answer_pack(&answer), NULL, 0);
  gw_relay_answer_clear(&answer);
}

static void
on_job(gpointer data, gpointer user)
{
  GwPassing *passing = user;
  Job *job = data;

  if (!g_cancellable_is_cancelled(job->stop))
    run(job, passing);
  else
    count_answered(passing);
  job_free(job);
  g_mutex_lock(&passing->mutex);
  passing->n_jobs--;
  g_cond_broadcast(&passing->ended);
  g_mutex_unlock(&passing->mutex);
}

GwPassing *
gw_passing_new(void)
{
  GwPassing *passing = g_new0(GwPassing, 1);

  passing->threads = g_thread_pool_new(on_job, passing, THREADS, FALSE, NULL);
  passing->stop = g_cancellable_new();
  g_mutex_init(&passing->mutex);
  g_cond_init(&passing->ended);
  return passing;
}

static gboolean
has_room(GwPassing *passing)
{
  gboolean has_room;

  g_mutex_lock(&passing->mutex);
  has_room = passing->n_open < GW_PASSING_MAX;
  passing->n_open += has_room ? 1 : 0;
  passing->n_jobs += has_room ? 1 : 0;
  g_mutex_unlock(&passing->mutex);
  return has_room;
}

gboolean
gw_passing_ask(GwPassing *passing, GwRelayAsk *ask, GwHttpOptions *options, const GwOutgoing *out)
{
  Job *job;

  if (!has_room(passing))
    return FALSE;
  job = g_new0(Job, 1);
  job->ask = *ask;
  *ask = (GwRelayAsk){ 0 };
  job->options = *options;
  *options = (GwHttpOptions){ 0 };
  job->out = *out;
  job->stop = g_object_ref(passing->stop);
  g_thread_pool_push(passing->threads, job, NULL); /* at worst it waits for a thread */
  return TRUE;
}

void
gw_passing_stop(GwPassing *passing)
{
  g_cancellable_cancel(passing->stop);
  g_object_unref(passing->stop);
  passing->stop = g_cancellable_new();
}

gboolean
gw_passing_has_ended(GwPassing *passing, gint64 until_us)
{
  gboolean has_ended;

  g_mutex_lock(&passing->mutex);
  while (passing->n_jobs > 0 && g_cond_wait_until(&passing->ended, &passing->mutex, until_us)) {
  }
  has_ended = passing->n_jobs == 0;
  g_mutex_unlock(&passing->mutex);
  return has_ended;
}

void
gw_passing_free(GwPassing *passing)
{
  g_thread_pool_free(passing->threads, FALSE, TRUE);
  g_object_unref(passing->stop);
  g_mutex_clear(&passing->mutex);
  g_cond_clear(&passing->ended);
  g_free(passing);
}
