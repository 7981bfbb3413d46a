/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wan/worker.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "model/catalog.h"
#include "wan/url.h"
#include "wan/wait.h"

struct GwWorker {
  GatewayWorker host; /* first: what the plugin holds is this */
  const GwWorkerSetup *setup;
  GCancellable *stop;
  int wake_fd;
  GwHttp *http;         /* as long as one poll, fetch or report */
  GwDelivery *delivery; /* inside of fetch() */
  char *trouble;
  guint32 retry_after_s;
  char *said;
  gboolean has_said; /* in this poll */
  gboolean is_polling;
  GwLogLimit log_limit;
};

void
gw_http_options_clear(GwHttpOptions *options)
{
  g_clear_pointer(&options->home, g_free);
  g_clear_pointer(&options->proxy, g_free);
  g_clear_pointer(&options->ca_file, g_free);
  gw_secret_files_clear(&options->secrets);
  for (guint i = 0; i < G_N_ELEMENTS(options->rates); i++)
    g_clear_pointer(&options->rates[i], gw_rate_unref);
  g_clear_pointer(&options->route, gw_route_unref);
}

void
gw_worker_setup_clear(GwWorkerSetup *setup)
{
  g_clear_pointer(&setup->name, g_free);
  g_clear_pointer(&setup->settings, gw_settings_free);
  gw_http_options_clear(&setup->http);
}

static GwWorker *
self(GatewayWorker *host)
{
  return (GwWorker *)host;
}

static void
set_trouble(GwWorker *worker, const char *url, const char *text)
{
  g_autofree char *place = url ? gw_url_for_people(url) : NULL;

  g_free(worker->trouble);
  worker->trouble = place ? g_strdup_printf("%s: %s", place, text) : g_strdup(text);
}

/* ---- what the plugin may call */

/* Given up is only what no repetition can mend: a URL that we will not ask, a body that is too large. A file
 * may still be put in its place, and a server be repaired. */
static GatewayResult
result_of(const GError *error, guint status)
{
  if (error->code == GW_ERROR_STOPPED)
    return GATEWAY_STOPPED;
  return error->code == GW_ERROR_BAD_INPUT && status < 300 ? GATEWAY_FAILED_GIVE_UP : GATEWAY_FAILED_RETRY;
}

static GatewayResult
host_http(GatewayWorker *host, const GatewayFetch *asked, GatewayFetched *ret_fetched, GatewaySink sink,
          void *user)
{
  GwWorker *worker = self(host);
  GatewayFetch fetch = { 0 };
  GatewayFetched fetched = { 0 };
  GwHttpSink to = { sink, user };
  g_autoptr(GError) error = NULL;
  gsize room = ret_fetched->size;

  memcpy(&fetch, asked, MIN(asked->size, sizeof fetch));
  if (!worker->http)
    worker->http = gw_http_new(&worker->setup->http, &error);
  if (worker->http && gw_http_run(worker->http, &fetch, worker->stop, &to, &fetched, &error))
    g_clear_pointer(&worker->trouble, g_free);
  memcpy(ret_fetched, &fetched, MIN(room, sizeof fetched));
  ret_fetched->size = room;
  worker->retry_after_s = MAX(worker->retry_after_s, fetched.retry_after_s);
  if (!error)
    return fetched.status == 304 ? GATEWAY_UNCHANGED : GATEWAY_OK;
  set_trouble(worker, fetch.url, error->message);
  return result_of(error, fetched.status);
}

static bool
host_resolve(GatewayWorker *host, const char *base, const char *reference, char *ret, size_t size)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *url = gw_url_resolve(base, reference, &error);

  if (!url) {
    set_trouble(self(host), NULL, error->message);
    return false;
  }
  if (strlen(url) >= size) {
    set_trouble(self(host), NULL, "the URL is too long");
    return false;
  }
  memcpy(ret, url, strlen(url) + 1);
  return true;
}

static GatewayResult
host_announce(GatewayWorker *host, const char *base_url, const void *document, size_t document_size,
              const void *signature, size_t signature_size)
{
  GwWorker *worker = self(host);
  GW_AUTO_FD int document_fd = -1;
  GW_AUTO_FD int signature_fd = -1;
  g_autoptr(GError) error = NULL;
  int fds[2];
  gboolean is_sent;

  if (document_size > GW_CATALOG_MAX_SIZE || signature_size > GW_WORKER_MAX_SIGNATURE) {
    set_trouble(worker, NULL, "the catalog or its signature is too large");
    return GATEWAY_FAILED_GIVE_UP;
  }
  document_fd = gw_memfd_sealed("catalog", document, document_size, &error);
  if (signature && document_fd >= 0)
    signature_fd = gw_memfd_sealed("signature", signature, signature_size, &error);
  if (error) {
    set_trouble(worker, NULL, error->message);
    return GATEWAY_FAILED_RETRY;
  }
  fds[0] = document_fd;
  fds[1] = signature_fd;
  is_sent = worker->setup->out.send(worker->setup->out.user, GW_MESSAGE_ANNOUNCE,
                                    gw_announce_pack(worker->setup->name, base_url), fds, signature ? 2 : 1);
  if (!is_sent)
    set_trouble(worker, NULL, "the core does not listen now");
  return is_sent ? GATEWAY_OK : GATEWAY_FAILED_RETRY;
}

static GatewayResult
host_found(GatewayWorker *host, const char *url, const char *file_name, uint64_t size)
{
  GwWorker *worker = self(host);

  if (!g_utf8_validate(file_name, -1, NULL) || !g_utf8_validate(url, -1, NULL)) {
    set_trouble(worker, NULL, "a file name is not UTF-8");
    return GATEWAY_FAILED_GIVE_UP;
  }
  if (worker->setup->out.send(worker->setup->out.user, GW_MESSAGE_FOUND,
                              gw_found_pack(worker->setup->name, url, file_name, size), NULL, 0))
    return GATEWAY_OK;
  set_trouble(worker, NULL, "the core does not listen now");
  return GATEWAY_FAILED_RETRY;
}

static GatewayResult
delivered(GwWorker *worker, GatewayResult result)
{
  if (result != GATEWAY_OK)
    set_trouble(worker, NULL, worker->delivery->trouble);
  return result;
}

static GatewayResult
host_deliver(GatewayWorker *host, const void *data, size_t size)
{
  GwWorker *worker = self(host);

  if (!worker->delivery)
    return GATEWAY_FAILED_GIVE_UP;
  return delivered(worker, gw_delivery_write(worker->delivery, data, size));
}

static GatewayResult
host_begin(GatewayWorker *host, uint64_t offset, const char *validator)
{
  GwWorker *worker = self(host);

  if (!worker->delivery)
    return GATEWAY_FAILED_GIVE_UP;
  return delivered(worker, gw_delivery_begin(worker->delivery, offset, validator));
}

static GatewayResult
host_sleep(GatewayWorker *host, uint32_t ms)
{
  return gw_worker_sleep(self(host), ms) ? GATEWAY_OK : GATEWAY_STOPPED;
}

static void
host_status(GatewayWorker *host, bool is_well, const char *text)
{
  if (self(host)->delivery && !is_well)
    set_trouble(self(host), NULL, text); /* goes with the outcome of the fetch */
  else
    gw_worker_say(self(host), is_well, text);
}

/* ---- the host's side */

GwWorker *
gw_worker_new(const GwWorkerSetup *setup, GCancellable *stop, int wake_fd)
{
  GwWorker *worker = g_new0(GwWorker, 1);

  worker->host = (GatewayWorker){
    .size = sizeof worker->host,
    .name = setup->name,
    .settings = gw_settings_view(setup->settings),
    .http = host_http,
    .resolve = host_resolve,
    .announce = host_announce,
    .found = host_found,
    .deliver = host_deliver,
    .sleep = host_sleep,
    .status = host_status,
    .begin = host_begin,
  };
  worker->setup = setup;
  worker->stop = stop;
  worker->wake_fd = wake_fd;
  return worker;
}

void
gw_worker_free(GwWorker *worker)
{
  if (!worker)
    return;
  if (worker->setup->functions.close)
    worker->setup->functions.close(&worker->host);
  g_free(worker->trouble);
  g_free(worker->said);
  g_free(worker);
}

static void
begin_turn(GwWorker *worker)
{
  g_clear_pointer(&worker->trouble, g_free);
  worker->retry_after_s = 0;
  worker->has_said = FALSE;
}

GatewayResult
gw_worker_poll(GwWorker *worker)
{
  GatewayResult result;
  gboolean is_well;

  begin_turn(worker);
  worker->is_polling = TRUE;
  result = worker->setup->functions.poll(&worker->host);
  g_clear_pointer(&worker->http, gw_http_free);
  is_well = result == GATEWAY_OK || result == GATEWAY_UNCHANGED;
  if (!is_well && result != GATEWAY_STOPPED && *gw_worker_trouble(worker))
    gw_worker_say(worker, FALSE, worker->trouble);
  else if (result != GATEWAY_STOPPED && !worker->has_said)
    gw_worker_say(worker, is_well, is_well ? "looked" : "the look failed");
  worker->is_polling = FALSE;
  return result;
}

GatewayResult
gw_worker_fetch(GwWorker *worker, GwDelivery *delivery)
{
  const GwFetch *fetch = delivery->fetch;
  GatewayWanted wanted = {
    .size = sizeof wanted,
    .url = fetch->url,
    .base_url = fetch->base_url,
    .offset = fetch->offset,
    .validator = *fetch->validator ? fetch->validator : NULL,
    .expected_size = fetch->expected_size,
  };
  GatewayResult result;

  begin_turn(worker);
  worker->delivery = delivery;
  result = worker->setup->functions.fetch(&worker->host, &wanted);
  g_clear_pointer(&worker->http, gw_http_free);
  if (result == GATEWAY_OK)
    result = delivered(worker, gw_delivery_end(delivery));
  worker->delivery = NULL;
  return result;
}

void
gw_worker_report(GwWorker *worker, const GwReport *report, GatewayResult *ret_results)
{
  g_autofree GatewayReport *reports = g_new0(GatewayReport, report->n_events);

  for (guint32 i = 0; i < report->n_events; i++) {
    const GwReportEvent *event = &report->events[i];

    reports[i] = (GatewayReport){
      .id = gateway_text(event->id),
      .type = gateway_text(event->type),
      .source = gateway_text(event->source),
      .subject = gateway_text(event->subject),
      .time = gateway_text(event->time),
      .data_json = gateway_text(event->data),
    };
    ret_results[i] = GATEWAY_FAILED_RETRY;
  }
  begin_turn(worker);
  worker->setup->functions.report(&worker->host, reports, report->n_events, ret_results);
  g_clear_pointer(&worker->http, gw_http_free);
}

gboolean
gw_worker_sleep(GwWorker *worker, gint64 ms)
{
  GwWaited waited = gw_wait(worker->stop, worker->wake_fd, POLLIN, ms);
  guint64 n;

  if (waited == GW_WAITED_READY && read(worker->wake_fd, &n, sizeof n) < 0 && errno != EAGAIN)
    return FALSE;
  return waited != GW_WAITED_STOPPED;
}

const char *
gw_worker_trouble(const GwWorker *worker)
{
  return worker->trouble ? worker->trouble : "";
}

guint32
gw_worker_retry_after_s(const GwWorker *worker)
{
  return worker->retry_after_s;
}

void
gw_worker_say(GwWorker *worker, gboolean is_well, const char *text)
{
  g_autofree char *said = g_strdup_printf("%c%s", is_well ? '+' : '-', text);

  worker->has_said = TRUE;
  if (!worker->is_polling && g_strcmp0(said, worker->said) == 0)
    return;
  if (!worker->setup->out.send(worker->setup->out.user, GW_MESSAGE_STATUS,
                               gw_status_pack(worker->setup->name, is_well, text), NULL, 0))
    return;
  if (g_strcmp0(said, worker->said) == 0)
    return; /* the core counts the looks, the log does not */
  gw_log_peer(&worker->log_limit, is_well ? LOG_INFO : LOG_WARNING, GW_SUBJECT_UPSTREAM, worker->setup->name,
              "%s", text);
  g_free(worker->said);
  worker->said = g_steal_pointer(&said);
}
