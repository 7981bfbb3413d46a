/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wan/outlet.h"

#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "wan/secret.h"
#include "wan/wait.h"

#define TEXT_MAX 4096
#define RESEND_MS 100

typedef struct {
  GwPublish publish;
  int fd;
} Job;

struct GwOutlet {
  GwOutletSetup setup;
  GCancellable *stop;
  GAsyncQueue *jobs; /* Job; the outlet itself = no more */
  GMutex mutex;      /* guards the rest */
  GCond ended;
  gboolean has_ended;
};

/* What the plugin is lent for one publication. */
typedef struct {
  GatewayWorker host; /* first: what the plugin holds is this */
  GwOutlet *outlet;
  char *text, *trouble;
} Turn;

/* ---- what the plugin may call ---- */

static GatewayResult
host_sleep(GatewayWorker *host, uint32_t ms)
{
  GwOutlet *outlet = ((Turn *)host)->outlet;

  return gw_wait(outlet->stop, -1, 0, ms) == GW_WAITED_STOPPED ? GATEWAY_STOPPED : GATEWAY_OK;
}

static void
host_status(GatewayWorker *host, bool is_well, const char *text)
{
  Turn *turn = (Turn *)host;

  g_free(turn->trouble);
  turn->trouble = is_well ? NULL : g_utf8_make_valid(text, (gssize)strnlen(text, TEXT_MAX));
}

static bool
host_secret(GatewayWorker *host, const char *key, char *ret, size_t size)
{
  Turn *turn = (Turn *)host;
  const char *file = gw_settings_text(turn->outlet->setup.settings, key);
  g_autoptr(GError) error = NULL;
  char *secret = *file ? gw_secret_read(file, &error) : NULL;
  bool fits = secret && strlen(secret) < size;

  if (fits)
    memcpy(ret, secret, strlen(secret) + 1);
  if (error)
    host_status(host, false, error->message);
  gw_secret_free(secret);
  return fits;
}

static void
host_text(GatewayWorker *host, GatewayText text)
{
  Turn *turn = (Turn *)host;

  g_free(turn->text);
  turn->text = g_utf8_make_valid(text.data, (gssize)MIN(text.size, TEXT_MAX));
}

/* ---- one publication ---- */

static GatewayResult
deliver(Turn *turn, const GwPublish *publish, int fd)
{
  GatewayImage image = {
    .name = gateway_text(publish->name),
    .size = publish->size,
    .product = gateway_text(publish->product),
    .type = gateway_text(publish->type),
    .hardware_version = gateway_text(publish->hardware_version),
    .software_version = gateway_text(publish->software_version),
  };

  return turn->outlet->setup.functions.deliver(&turn->host, GATEWAY_NO_TEXT,
                                               publish->is_nothing ? NULL : &image, fd);
}

/* The core waits for this. */
static void
tell(GwOutlet *outlet, const GwPublished *published)
{
  const GwOutgoing *out = &outlet->setup.out;
  g_autoptr(GVariant) payload = g_variant_ref_sink(gw_published_pack(published));

  while (!out->send(out->user, GW_MESSAGE_PUBLISHED, payload, NULL, 0)) {
    if (gw_wait(outlet->stop, -1, 0, RESEND_MS) == GW_WAITED_STOPPED)
      return;
  }
}

static void
publish_one(GwOutlet *outlet, Job *job)
{
  Turn turn = {
    .host = { .size = sizeof turn.host,
              .name = outlet->setup.name,
              .settings = gw_settings_view(outlet->setup.settings),
              .sleep = host_sleep,
              .status = host_status,
              .secret = host_secret,
              .text = host_text },
    .outlet = outlet,
  };
  GwPublished published = { .id = job->publish.id, .outlet = outlet->setup.name, .result = GATEWAY_STOPPED };

  if (!g_cancellable_is_cancelled(outlet->stop))
    published.result = (int)deliver(&turn, &job->publish, job->fd);
  published.text = turn.text ? turn.text : (char *)"";
  published.trouble = published.result == GATEWAY_OK ? (char *)""
                      : turn.trouble                 ? turn.trouble
                                                     : (char *)"its plugin did not say why";
  if (published.result == GATEWAY_OK)
    gw_info(GW_SUBJECT_OUTLET, outlet->setup.name, "published %s",
            job->publish.is_nothing ? "that nothing is due" : job->publish.name);
  else
    gw_warning(GW_SUBJECT_OUTLET, outlet->setup.name, "could not publish: %s", published.trouble);
  tell(outlet, &published);
  g_free(turn.text);
  g_free(turn.trouble);
}

static gpointer
run(gpointer data)
{
  GwOutlet *outlet = data;
  gpointer item;

  while ((item = g_async_queue_pop(outlet->jobs)) != outlet) {
    Job *job = item;

    publish_one(outlet, job);
    gw_publish_clear(&job->publish);
    gw_close(&job->fd);
    g_free(job);
  }
  g_mutex_lock(&outlet->mutex);
  outlet->has_ended = TRUE;
  g_cond_broadcast(&outlet->ended);
  g_mutex_unlock(&outlet->mutex);
  return NULL;
}

void
gw_outlet_publish(GwOutlet *outlet, GwPublish *publish, int fd)
{
  Job *job = g_new0(Job, 1);

  job->publish = *publish;
  *publish = (GwPublish){ 0 };
  job->fd = fd;
  g_async_queue_push(outlet->jobs, job);
}

/* ---- life ---- */

GwOutlet *
gw_outlet_start(GwOutletSetup *setup)
{
  GwOutlet *outlet = g_new0(GwOutlet, 1);

  outlet->setup = *setup;
  *setup = (GwOutletSetup){ 0 };
  outlet->stop = g_cancellable_new();
  outlet->jobs = g_async_queue_new();
  g_mutex_init(&outlet->mutex);
  g_cond_init(&outlet->ended);
  g_thread_unref(g_thread_new("outlet", run, outlet));
  return outlet;
}

void
gw_outlet_stop(GwOutlet *outlet)
{
  g_cancellable_cancel(outlet->stop);
  g_async_queue_push(outlet->jobs, outlet);
}

gboolean
gw_outlet_has_ended(GwOutlet *outlet, gint64 until_us)
{
  gboolean has_ended;

  g_mutex_lock(&outlet->mutex);
  while (!outlet->has_ended && until_us > 0) {
    if (!g_cond_wait_until(&outlet->ended, &outlet->mutex, until_us))
      break;
  }
  has_ended = outlet->has_ended;
  g_mutex_unlock(&outlet->mutex);
  return has_ended;
}

void
gw_outlet_free(GwOutlet *outlet)
{
  g_assert(gw_outlet_has_ended(outlet, 0));
  g_free(outlet->setup.name);
  g_free(outlet->setup.out.user);
  gw_settings_free(outlet->setup.settings);
  g_object_unref(outlet->stop);
  g_async_queue_unref(outlet->jobs);
  g_mutex_clear(&outlet->mutex);
  g_cond_clear(&outlet->ended);
  g_free(outlet);
}
