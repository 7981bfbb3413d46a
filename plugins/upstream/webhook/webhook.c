/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Events to any web server that takes a POST: CloudEvents 1.0 in JSON, several in one request. The host signs
 * each request; what the server's answer means is decided here. */
#include "gateway-plugin.h"

#include <stdlib.h>

#define MAX_REPLY (64 * 1024) /* read for nothing but the end of the exchange */

static const GatewaySetting SETTINGS[] = {
  { "url", GATEWAY_SETTING_TEXT, NULL, 0, 0, NULL, "where events are posted to" },
  { "secret-file", GATEWAY_SETTING_SECRET, NULL, 0, 0, NULL,
    "file with the secret that every request is signed with" },
  { "proxy", GATEWAY_SETTING_TEXT, "", 0, 0, NULL,
    "URL of a proxy for this upstream; none: not even that of [wan]" },
  { "ca-file", GATEWAY_SETTING_PATH, "", 0, 0, NULL,
    "PEM file of the authorities to trust in place of the system's" },
  { "token-file", GATEWAY_SETTING_SECRET, NULL, 0, 0, NULL, "file with a bearer token" },
  { "user", GATEWAY_SETTING_TEXT, "", 0, 0, NULL, "user of the password in password-file" },
  { "password-file", GATEWAY_SETTING_SECRET, NULL, 0, 0, NULL,
    "file with a password, for basic authentication" },
};

/* ---- the document ---- */

typedef struct {
  char *data;
  size_t size, room;
  bool is_failed;
} Document;

static void
add(Document *document, const char *data, size_t size)
{
  char *grown = document->data;

  if (document->is_failed)
    return;
  if (document->size + size > document->room) {
    document->room = 2 * (document->size + size);
    grown = realloc(document->data, document->room);
  }
  if (!grown) {
    document->is_failed = true;
    return;
  }
  document->data = grown;
  memcpy(grown + document->size, data, size);
  document->size += size;
}

static void
add_text(Document *document, GatewayText text)
{
  add(document, text.data, text.size);
}

/* Names of nodes come from strangers. */
static void
add_escaped(Document *document, GatewayText text)
{
  for (size_t i = 0; i < text.size; i++) {
    unsigned char c = (unsigned char)text.data[i];
    char escape[8];

    if (c == '"' || c == '\\' || c < 0x20)
      add(document, escape, (size_t)snprintf(escape, sizeof escape, "\\u%04x", c));
    else
      add(document, text.data + i, 1);
  }
}

static void
add_member(Document *document, const char *key, GatewayText value)
{
  add_text(document, gateway_text(",\""));
  add_text(document, gateway_text(key));
  add_text(document, gateway_text("\":\""));
  add_escaped(document, value);
  add_text(document, gateway_text("\""));
}

static void
add_event(Document *document, const GatewayReport *report)
{
  add_text(document, gateway_text("{\"specversion\":\"1.0\""));
  add_member(document, "id", report->id);
  add_member(document, "source", report->source);
  add_member(document, "type", report->type);
  add_member(document, "subject", report->subject);
  add_member(document, "time", report->time);
  add_member(document, "datacontenttype", GATEWAY_TEXT("application/json"));
  add_text(document, gateway_text(",\"data\":"));
  add_text(document, report->data_json);
  add_text(document, gateway_text("}"));
}

static void
add_all(Document *document, const GatewayReport *reports, uint32_t n_reports)
{
  for (uint32_t i = 0; i < n_reports; i++) {
    add_text(document, gateway_text(i == 0 ? "[" : ","));
    add_event(document, &reports[i]);
  }
  add_text(document, gateway_text("]"));
}

/* ---- the exchange ---- */

static bool
pass_over(void *user, const GatewayFetched *head, const void *data, size_t size)
{
  (void)user, (void)head, (void)data, (void)size;
  return true;
}

/* The status alone decides, whatever became of the reply's body. 409 and 410: it has it already, or wants to
 * hear no more of it. Who may post at all (401, 403, 407) says nothing about the events. */
static GatewayResult
meaning(uint32_t status)
{
  if ((status >= 200 && status < 300) || status == 409 || status == 410)
    return GATEWAY_OK;
  if (status < 400 || status >= 500)
    return GATEWAY_FAILED_RETRY;
  switch (status) {
  case 401:
  case 403:
  case 407:
  case 408:
  case 425:
  case 429:
    return GATEWAY_FAILED_RETRY;
  default:
    return GATEWAY_FAILED_GIVE_UP;
  }
}

static GatewayResult
post(GatewayWorker *worker, const Document *document)
{
  GatewayFetch fetch = { .size = sizeof fetch,
                         .url = worker->settings->text(worker->settings, "url"),
                         .max_size = MAX_REPLY,
                         .method = "POST",
                         .content_type = "application/cloudevents-batch+json",
                         .body = document->data,
                         .body_size = document->size };
  GatewayFetched head = { .size = sizeof head };
  GatewayResult result = worker->http(worker, &fetch, &head, pass_over, NULL);

  return result == GATEWAY_STOPPED && head.status == 0 ? result : meaning(head.status);
}

/* All or nothing: a batch has one answer. */
static void
webhook_report(GatewayWorker *worker, const GatewayReport *reports, uint32_t n_reports,
               GatewayResult *ret_results)
{
  Document document = { 0 };
  GatewayResult result = GATEWAY_FAILED_RETRY;

  add_all(&document, reports, n_reports);
  if (!document.is_failed)
    result = post(worker, &document);
  for (uint32_t i = 0; i < n_reports; i++)
    ret_results[i] = result;
  free(document.data);
}

static const GatewayUpstreamFunctions FUNCTIONS = {
  .size = sizeof FUNCTIONS,
  .report = webhook_report,
};

GATEWAY_EXPORT const GatewayPlugin gateway_plugin = {
  .abi = GATEWAY_PLUGIN_ABI,
  .size = sizeof(GatewayPlugin),
  .kind = GATEWAY_UPSTREAM,
  .traits = GATEWAY_REPORTS,
  .name = "webhook",
  .title = "Events to a web server",
  .version = "1",
  .setup = "The server gets POST requests of type application/cloudevents-batch+json. Answer 2xx when the "
           "events are safe with you; the same id may come again. Put a secret into a file and name it in "
           "secret-file=, and check the Gateway-Signature header with it.",
  .settings = SETTINGS,
  .n_settings = GATEWAY_COUNT(SETTINGS),
  .functions = &FUNCTIONS,
};
