/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A visit is what the caller asked for; it takes one exchange (request and reply), or several: redirects, and
 * one more when a resumed reply was of no use. Everything asynchronous happens in a main context of our own
 * that turns only inside of gw_http_run(), in the caller's thread. */
#include "wan/http-private.h"

#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "wan/resume.h"
#include "wan/status.h"
#include "wan/url.h"
#include "wan/wait.h"

#define RATE_LOOK_MS 1000

typedef struct {
  GwHttp *http;
  const GatewayFetch *fetch;
  GCancellable *stop;
  const GwHttpSink *sink;
  GatewayFetched head;
  char *url;
  guint n_redirects;
  gboolean is_home;   /* never left the origin that may see the credentials */
  gboolean ask_whole; /* the offset is given up */
} Visit;

/* ---- the request */

static gboolean
is_resumed(const Visit *visit)
{
  return visit->fetch->offset > 0 && !visit->ask_whole && gw_validator_is_strong(visit->fetch->validator);
}

static void
put_conditions(const Visit *visit, SoupMessageHeaders *headers)
{
  const GatewayFetch *fetch = visit->fetch;

  if (is_resumed(visit)) {
    g_autofree char *range = g_strdup_printf("bytes=%" G_GUINT64_FORMAT "-", fetch->offset);

    soup_message_headers_replace(headers, "Range", range);
    soup_message_headers_replace(headers, "If-Range", fetch->validator);
    return;
  }
  if (fetch->etag && *fetch->etag)
    soup_message_headers_replace(headers, "If-None-Match", fetch->etag);
  else if (fetch->last_modified && *fetch->last_modified)
    soup_message_headers_replace(headers, "If-Modified-Since", fetch->last_modified);
}

static gboolean
put_credentials(const Visit *visit, SoupMessageHeaders *headers, GError **error)
{
  char *authorization = NULL;

  if (!visit->is_home)
    return TRUE;
  if (!gw_secret_authorization(&visit->http->options->secrets, &authorization, error))
    return FALSE;
  if (authorization)
    soup_message_headers_replace(headers, "Authorization", authorization);
  gw_secret_free(authorization);
  return TRUE;
}

/* What is posted is signed for the upstream's own origin alone, as credentials are. */
static gboolean
put_body(const Visit *visit, SoupMessage *message, GError **error)
{
  const GatewayFetch *fetch = visit->fetch;
  g_autoptr(GBytes) body = g_bytes_new(fetch->body, fetch->body_size);
  g_autofree char *signature = NULL;

  if (visit->is_home && !gw_secret_signature(&visit->http->options->secrets, gw_clock_wall_ms() / 1000, body,
                                             &signature, error))
    return FALSE;
  if (signature)
    soup_message_headers_replace(soup_message_get_request_headers(message), "Gateway-Signature", signature);
  soup_message_set_request_body_from_bytes(message, fetch->content_type, body);
  return TRUE;
}

static SoupMessage *
make_message(const Visit *visit, GError **error)
{
  const GatewayFetch *fetch = visit->fetch;
  g_autoptr(SoupMessage) message = soup_message_new(fetch->method ? fetch->method : "GET", visit->url);
  SoupMessageHeaders *headers;

  if (!message) {
    gw_fail(error, GW_ERROR_BAD_INPUT, "not a URL that can be asked");
    return NULL;
  }
  soup_message_add_flags(message, SOUP_MESSAGE_NO_REDIRECT);
  headers = soup_message_get_request_headers(message);
  soup_message_headers_replace(headers, "Accept-Encoding", "identity");
  put_conditions(visit, headers);
  if (!put_credentials(visit, headers, error) || (fetch->body && !put_body(visit, message, error)))
    return NULL;
  return g_steal_pointer(&message);
}

/* ---- the reply */

/* A text that does not fit is absent: half a validator would be another one. */
static void
keep(char *target, gsize size, const char *text)
{
  if (!text || g_strlcpy(target, text, size) >= size)
    *target = '\0';
}

static gint64
date_of(SoupMessageHeaders *headers, const char *name, gint64 otherwise)
{
  const char *text = soup_message_headers_get_one(headers, name);
  g_autoptr(GDateTime) date = text ? soup_date_time_new_from_http_string(text) : NULL;

  return date ? g_date_time_to_unix(date) : otherwise;
}

/* RFC 9110 §10.2.3: seconds, or a date; measured against the server's own clock where it tells it. */
static guint32
retry_after_s(SoupMessageHeaders *headers)
{
  const char *text = soup_message_headers_get_one(headers, "Retry-After");
  gint64 now = date_of(headers, "Date", gw_clock_wall_ms() / 1000);
  guint64 seconds = 0;

  if (text && g_ascii_string_to_unsigned(text, 10, 0, G_MAXUINT32, &seconds, NULL))
    return (guint32)seconds;
  return (guint32)CLAMP(date_of(headers, "Retry-After", now) - now, 0, G_MAXINT32);
}

/* What may change again within the second that it names proves nothing (RFC 9110 §8.8.2.2). A minute also
 * covers servers whose files and answers are dated by two clocks. */
static const char *
strong_last_modified(SoupMessageHeaders *headers)
{
  gint64 date = date_of(headers, "Date", 0), modified = date_of(headers, "Last-Modified", date);

  return modified <= date - 60 ? soup_message_headers_get_one(headers, "Last-Modified") : NULL;
}

static void
note_head(Visit *visit, SoupMessage *message)
{
  SoupMessageHeaders *headers = soup_message_get_response_headers(message);
  GatewayFetched *head = &visit->head;

  head->status = soup_message_get_status(message);
  keep(head->etag, sizeof head->etag, soup_message_headers_get_one(headers, "ETag"));
  keep(head->last_modified, sizeof head->last_modified, strong_last_modified(headers));
  keep(head->location, sizeof head->location, visit->n_redirects > 0 ? visit->url : NULL);
  head->retry_after_s = retry_after_s(headers);
  head->offset = 0;
  head->total = soup_message_headers_get_encoding(headers) == SOUP_ENCODING_CONTENT_LENGTH
                    ? (guint64)soup_message_headers_get_content_length(headers)
                    : 0;
}

typedef enum { STEP_FAILED = 0, STEP_AGAIN, STEP_DONE, STEP_BODY } Step;

static Step
step_redirect(Visit *visit, SoupMessage *message, GError **error)
{
  const char *location = soup_message_headers_get_one(soup_message_get_response_headers(message), "Location");
  char *to = gw_url_redirect(visit->url, location, ++visit->n_redirects, error);

  if (!to)
    return STEP_FAILED;
  g_free(visit->url);
  visit->url = to;
  visit->is_home = visit->is_home && gw_url_same_origin(to, visit->http->options->home);
  return STEP_AGAIN;
}

static Step
step_content(Visit *visit, SoupMessage *message, GError **error)
{
  GwResumed resumed = {
    .offset = is_resumed(visit) ? visit->fetch->offset : 0,
    .validator = visit->fetch->validator,
    .status = visit->head.status,
    .content_range =
        soup_message_headers_get_one(soup_message_get_response_headers(message), "Content-Range"),
    .etag = *visit->head.etag ? visit->head.etag : NULL,
  };
  guint64 total = 0;

  switch (gw_resume_judge(&resumed, &total)) {
  case GW_RESUME_WHOLE:
    return STEP_BODY;
  case GW_RESUME_CONTINUES:
    visit->head.total = total;
    visit->head.offset = resumed.offset;
    return STEP_BODY;
  case GW_RESUME_ASK_WHOLE:
    visit->ask_whole = TRUE;
    return STEP_AGAIN;
  default:
    gw_http_fail_status(visit->head.status, "to a request for everything", error);
    return STEP_FAILED;
  }
}

static Step
step_judge(Visit *visit, SoupMessage *message, GError **error)
{
  guint status = visit->head.status;
  gboolean is_read = !visit->fetch->method || g_str_equal(visit->fetch->method, "GET");

  if (status == 304)
    return STEP_DONE;
  if (is_read && (status == 301 || status == 302 || status == 303 || status == 307 || status == 308))
    return step_redirect(visit, message, error);
  if (status == 200 || (is_read && (status == 206 || status == 416)))
    return step_content(visit, message, error);
  if (!is_read && status < 300)
    return STEP_BODY;
  gw_http_fail_status(status, soup_status_get_phrase(status), error);
  return STEP_FAILED;
}

/* ---- the body */

static guint64
max_size(const Visit *visit)
{
  return visit->fetch->max_size ? visit->fetch->max_size : GW_HTTP_DEFAULT_MAX_SIZE;
}

static gboolean
fail_size(const Visit *visit, GError **error)
{
  return gw_fail(error, GW_ERROR_BAD_INPUT, "larger than %" G_GUINT64_FORMAT " bytes", max_size(visit));
}

/* Hands on what came, then waits as the rates demand; the server is not blamed for either. */
static gboolean
pass_on(Visit *visit, GwExchange *exchange, const void *data, gsize size, GError **error)
{
  gint64 begun_ms = gw_clock_boot_ms();
  GwRate *const *rates = visit->http->options->rates;
  gint64 wait_ms = gw_rates_take(rates, begun_ms, size);

  if (!visit->sink->sink(visit->sink->user, &visit->head, data, size))
    return gw_fail(error, GW_ERROR_STOPPED, "stopped by the receiver");
  wait_ms -= gw_clock_boot_ms() - begun_ms;
  for (; wait_ms > 0; wait_ms = gw_rates_take(rates, gw_clock_boot_ms(), 0)) /* it may be another by now */
    if (gw_wait(visit->stop, -1, 0, MIN(wait_ms, RATE_LOOK_MS)) == GW_WAITED_STOPPED)
      return gw_fail(error, GW_ERROR_STOPPED, "stopped");
  gw_throttle_hold(&exchange->throttle, gw_clock_boot_ms() - begun_ms);
  return TRUE;
}

/* A chunked body that is cut short ends, for libsoup, like a whole one: only a digest or signature can tell.
 */
static gboolean
read_body(Visit *visit, GwExchange *exchange, GError **error)
{
  g_autofree void *buffer = g_malloc(GW_HTTP_BUFFER);
  guint64 end = visit->head.offset;
  gssize n;

  if (visit->head.total > max_size(visit))
    return fail_size(visit, error);
  while ((n = gw_exchange_read(exchange, buffer, error)) > 0) {
    end += (guint64)n;
    if (end > max_size(visit))
      return fail_size(visit, error);
    if (!pass_on(visit, exchange, buffer, (gsize)n, error))
      return FALSE;
  }
  if (n == 0 && visit->head.total > 0 && end != visit->head.total)
    return gw_fail(error, GW_ERROR_CORRUPT, "the server ended in the middle of the body");
  return n == 0;
}

/* ---- the visit */

static gboolean
visit_run(Visit *visit, GError **error)
{
  Step step = STEP_AGAIN;

  while (step == STEP_AGAIN) {
    g_auto(GwExchange) exchange = { 0 };
    SoupMessage *message = make_message(visit, error);

    if (!message || !gw_exchange_send(&exchange, visit->http, visit->stop, message, error))
      return FALSE;
    note_head(visit, message);
    step = step_judge(visit, message, error);
    if (step == STEP_BODY)
      return read_body(visit, &exchange, error);
  }
  return step == STEP_DONE;
}

gboolean
gw_http_run(GwHttp *http, const GatewayFetch *fetch, GCancellable *stop, const GwHttpSink *sink,
            GatewayFetched *ret_fetched, GError **error)
{
  Visit visit = { .http = http, .fetch = fetch, .stop = stop, .sink = sink };
  gboolean is_done;

  if (!gw_url_check(fetch->url, error))
    return FALSE;
  visit.head.size = sizeof visit.head;
  visit.url = g_strdup(fetch->url);
  visit.is_home =
      http->options->home && *http->options->home && gw_url_same_origin(visit.url, http->options->home);
  g_main_context_push_thread_default(http->context);
  is_done = visit_run(&visit, error);
  g_main_context_pop_thread_default(http->context);
  *ret_fetched = visit.head;
  g_free(visit.url);
  return is_done;
}
