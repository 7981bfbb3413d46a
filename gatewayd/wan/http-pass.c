/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A node's own request, to its vendor's cloud: the words are the node's, and the reply is passed back as it
 * is. Nothing of ours is shown but that it came through us. */
#include <string.h>

#include "base/error.h"
#include "wan/http-private.h"
#include "wan/url.h"

#define HEADERS_MAX 16
#define HEADER_MAX 512

/* RFC 9110 §7.6.1 and what is true of our own connection only. */
static const char *const HOP_BY_HOP[] = { "connection",         "keep-alive", "transfer-encoding",
                                          "content-length",     "trailer",    "upgrade",
                                          "proxy-connection",   "te",         "date",
                                          "proxy-authenticate", "via",        NULL };

static gboolean
is_hop_by_hop(const char *name)
{
  g_autofree char *lower = g_ascii_strdown(name, -1);

  return g_strv_contains(HOP_BY_HOP, lower);
}

static void
put_headers(SoupMessage *message, GVariant *headers)
{
  SoupMessageHeaders *to = soup_message_get_request_headers(message);
  GVariantIter iter;
  const char *key, *value;

  soup_message_headers_replace(to, "Accept-Encoding", "identity");
  g_variant_iter_init(&iter, headers);
  while (g_variant_iter_next(&iter, "{&s&s}", &key, &value))
    if (!is_hop_by_hop(key) && g_ascii_strcasecmp(key, "Host") != 0 && !strpbrk(value, "\r\n"))
      soup_message_headers_replace(to, key, value);
  soup_message_headers_replace(to, "Via", "1.1 gatewayd");
}

static SoupMessage *
make_message(const GwRelayAsk *ask, GError **error)
{
  SoupMessage *message = gw_url_check(ask->url, error) ? soup_message_new(ask->method, ask->url) : NULL;
  g_autoptr(GVariant) none = g_variant_ref_sink(g_variant_new_array(G_VARIANT_TYPE("{ss}"), NULL, 0));
  const char *type = NULL;

  if (!message) {
    g_clear_error(error);
    gw_fail(error, GW_ERROR_BAD_INPUT, "not a URL that can be asked");
    return NULL;
  }
  soup_message_add_flags(message, SOUP_MESSAGE_NO_REDIRECT);
  put_headers(message, ask->headers ? ask->headers : none);
  type = soup_message_headers_get_one(soup_message_get_request_headers(message), "Content-Type");
  if (ask->n_body > 0) {
    g_autoptr(GBytes) body = g_bytes_new(ask->body, ask->n_body);
    g_autofree char *copy = g_strdup(type ? type : "application/octet-stream");
    soup_message_set_request_body_from_bytes(message, copy, body);
  }
  return message;
}

static GVariant *
take_headers(SoupMessage *message)
{
  GVariantBuilder builder;
  SoupMessageHeadersIter iter;
  const char *name, *value;
  guint n = 0;

  g_variant_builder_init(&builder, G_VARIANT_TYPE("a{ss}"));
  soup_message_headers_iter_init(&iter, soup_message_get_response_headers(message));
  while (n < HEADERS_MAX && soup_message_headers_iter_next(&iter, &name, &value)) {
    if (is_hop_by_hop(name) || strlen(name) > HEADER_MAX || strlen(value) > HEADER_MAX ||
        !g_utf8_validate(name, -1, NULL) || !g_utf8_validate(value, -1, NULL))
      continue;
    g_variant_builder_add(&builder, "{ss}", name, value);
    n++;
  }
  return g_variant_ref_sink(g_variant_builder_end(&builder));
}

/* Whatever its head says of a length. */
static gboolean
has_no_body(SoupMessage *message)
{
  SoupStatus status = soup_message_get_status(message);

  return soup_message_get_method(message) == SOUP_METHOD_HEAD || status == SOUP_STATUS_NO_CONTENT ||
         status == SOUP_STATUS_NOT_MODIFIED;
}

/* FALSE: it broke off. What is larger than we pass on is not read to its end. */
static gboolean
take_body(GwExchange *exchange, GwRelayAnswer *answer, GError **error)
{
  SoupMessageHeaders *headers = soup_message_get_response_headers(exchange->message);
  g_autoptr(GByteArray) body = g_byte_array_new();
  g_autofree void *buffer = g_malloc(GW_HTTP_BUFFER);
  gssize n = 0;

  answer->is_whole = has_no_body(exchange->message);
  if (answer->is_whole)
    return TRUE;
  answer->is_whole = soup_message_headers_get_encoding(headers) == SOUP_ENCODING_CONTENT_LENGTH;
  if (answer->is_whole)
    answer->size = (guint64)soup_message_headers_get_content_length(headers);
  if (answer->size > GW_RELAY_BODY_MAX)
    return TRUE;
  while (body->len <= GW_RELAY_BODY_MAX && (n = gw_exchange_read(exchange, buffer, error)) > 0)
    g_byte_array_append(body, buffer, (guint)n);
  if (n < 0)
    return FALSE;
  if (body->len > GW_RELAY_BODY_MAX)
    return TRUE;
  if (answer->size > body->len)
    return gw_fail(error, GW_ERROR_CORRUPT, "the server ended in the middle of the body");
  answer->size = answer->n_body = body->len;
  answer->body = body->len > 0 ? g_memdup2(body->data, body->len) : NULL;
  return TRUE;
}

/* The connection failed, or its peer fell silent: others would not fare better. */
static gboolean
is_nobodys_fault(const GwExchange *exchange)
{
  return !g_cancellable_is_cancelled(exchange->stop) && (!exchange->body || exchange->verdict == WATCH_SLOW);
}

static gboolean
pass(GwHttp *http, const GwRelayAsk *ask, GCancellable *stop, GwRelayAnswer *answer, GError **error)
{
  g_auto(GwExchange) exchange = { 0 };
  SoupMessage *message = make_message(ask, error);

  if (!message)
    return FALSE;
  if (!gw_exchange_send(&exchange, http, stop, message, error) || !take_body(&exchange, answer, error)) {
    answer->is_unreached = is_nobodys_fault(&exchange);
    return FALSE;
  }
  answer->status = soup_message_get_status(message);
  answer->headers = take_headers(message);
  return TRUE;
}

gboolean
gw_http_pass(GwHttp *http, const GwRelayAsk *ask, GCancellable *stop, GwRelayAnswer *ret_answer,
             GError **error)
{
  GwRelayAnswer answer = { 0 };
  gboolean is_done;

  g_main_context_push_thread_default(http->context);
  is_done = pass(http, ask, stop, &answer, error);
  g_main_context_pop_thread_default(http->context);
  if (!is_done)
    answer.text = g_strdup((*error)->message);
  *ret_answer = answer;
  return is_done;
}
