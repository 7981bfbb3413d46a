/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A catalog document on any web server, with its detached signature beside it (docs/catalog.md). Sees to it
 * that the core is shown a document and a signature that belong together; what they are worth the core
 * decides. */
#include "gateway-plugin.h"

#include <stdlib.h>

#define MAX_DOCUMENT (1024 * 1024)
#define MAX_SIGNATURE (16 * 1024)
#define MAX_URL 2049
#define YEAR_MS 31622400000
#define MAX_ROUNDS 3
#define PAIR_WAIT_MS 2000 /* what a publisher may need between writing one half and the other */

static const GatewaySetting SETTINGS[] = {
  { "url", GATEWAY_SETTING_TEXT, NULL, 0, 0, NULL,
    "where the catalog is; its signature is at the same with .sig" },
  { "poll", GATEWAY_SETTING_DURATION, "15min", 100, YEAR_MS, NULL, "how often to look for news, +-10 %" },
  { "proxy", GATEWAY_SETTING_TEXT, "", 0, 0, NULL,
    "URL of a proxy for this upstream; none: not even that of [wan]" },
  { "ca-file", GATEWAY_SETTING_PATH, "", 0, 0, NULL,
    "PEM file of the authorities to trust in place of the system's" },
  { "token-file", GATEWAY_SETTING_SECRET, NULL, 0, 0, NULL, "file with a bearer token" },
  { "user", GATEWAY_SETTING_TEXT, "", 0, 0, NULL, "user of the password in password-file" },
  { "password-file", GATEWAY_SETTING_SECRET, NULL, 0, 0, NULL,
    "file with a password, for basic authentication" },
};

/* One half of the pair, as it was seen last. */
typedef struct {
  char *data;
  size_t size;
  bool is_there;
  char etag[128], last_modified[64];
} Part;

typedef struct {
  Part document, signature;
  char base_url[MAX_URL];
  bool is_due; /* the pair as seen last was not announced */
} State;

/* ---- one part ---- */

typedef struct {
  char *data;
  size_t size;
} Buffer;

static bool
append(void *user, const GatewayFetched *head, const void *data, size_t size)
{
  Buffer *buffer = user;
  char *grown = realloc(buffer->data, buffer->size + size);

  (void)head;
  if (!grown)
    return false;
  memcpy(grown + buffer->size, data, size);
  buffer->data = grown;
  buffer->size += size;
  return true;
}

static bool
is_same(const Part *part, const Buffer *buffer)
{
  return part->is_there && part->size == buffer->size &&
         (part->size == 0 || memcmp(part->data, buffer->data, part->size) == 0);
}

/* A reply whose length was not said may have been cut short without anybody noticing: it gets no validators,
 * so that it is read again the next time. */
static void
take(Part *part, Buffer *buffer, const GatewayFetched *head)
{
  free(part->data);
  part->data = buffer->data;
  part->size = buffer->size;
  part->is_there = true;
  memcpy(part->etag, head->etag, sizeof part->etag);
  memcpy(part->last_modified, head->last_modified, sizeof part->last_modified);
  if (head->total == 0)
    part->etag[0] = part->last_modified[0] = '\0';
}

static void
forget(Part *part)
{
  free(part->data);
  *part = (Part){ 0 };
}

/* Looks whether the part is still as it was seen last. OK: *ret_is_changed and `head` are valid. */
static GatewayResult
look(GatewayWorker *worker, const char *url, size_t max_size, Part *part, GatewayFetched *head,
     bool *ret_is_changed)
{
  GatewayFetch fetch = { .size = sizeof fetch,
                         .url = url,
                         .etag = part->etag,
                         .last_modified = part->last_modified,
                         .max_size = max_size };
  Buffer buffer = { 0 };
  GatewayResult result;

  *head = (GatewayFetched){ .size = sizeof *head };
  result = worker->http(worker, &fetch, head, append, &buffer);
  *ret_is_changed = result == GATEWAY_OK && !is_same(part, &buffer);
  if (result == GATEWAY_OK)
    take(part, &buffer, head);
  else
    free(buffer.data);
  return result == GATEWAY_UNCHANGED ? GATEWAY_OK : result;
}

/* ---- the pair ---- */

static GatewayResult
look_document(GatewayWorker *worker, State *state, bool *ret_is_changed)
{
  const char *url = worker->settings->text(worker->settings, "url");
  GatewayFetched head;
  GatewayResult result = look(worker, url, MAX_DOCUMENT, &state->document, &head, ret_is_changed);

  if (result == GATEWAY_OK)
    snprintf(state->base_url, sizeof state->base_url, "%s", *head.location ? head.location : url);
  return result;
}

/* "https://a/catalog.json?x" -> "https://a/catalog.json.sig?x" */
static bool
signature_url(const char *url, char ret_url[MAX_URL])
{
  int path = (int)strcspn(url, "?#");

  return snprintf(ret_url, MAX_URL, "%.*s.sig%s", path, url, url + path) < MAX_URL;
}

/* No signature is a state like another: the core decides whether it takes an unsigned catalog. */
static GatewayResult
look_signature(GatewayWorker *worker, State *state, bool *ret_is_changed)
{
  char url[MAX_URL];
  GatewayFetched head;
  GatewayResult result;

  if (!signature_url(worker->settings->text(worker->settings, "url"), url))
    return GATEWAY_FAILED_GIVE_UP;
  result = look(worker, url, MAX_SIGNATURE, &state->signature, &head, ret_is_changed);
  if (result == GATEWAY_OK || (head.status != 404 && head.status != 410))
    return result;
  *ret_is_changed = state->signature.is_there;
  forget(&state->signature);
  return GATEWAY_OK;
}

static GatewayResult
announce(GatewayWorker *worker, State *state)
{
  const Part *signature = &state->signature;
  char text[96];
  GatewayResult result = worker->announce(worker, state->base_url, state->document.data, state->document.size,
                                          signature->is_there ? signature->data : NULL,
                                          signature->is_there ? signature->size : 0);

  if (result != GATEWAY_OK)
    return result;
  state->is_due = false;
  snprintf(text, sizeof text, "%s catalog of %zu bytes", signature->is_there ? "signed" : "unsigned",
           state->document.size);
  worker->status(worker, true, text);
  return GATEWAY_OK;
}

/* What one round of looking has come to. */
typedef enum { ROUND_AGAIN = 1, ROUND_HALF, ROUND_WHOLE, ROUND_UNCHANGED } Round;

/* The document is looked at before and after the signature; only one that stayed the same is paired with it.
 */
static GatewayResult
look_round(GatewayWorker *worker, State *state, Round *ret_round)
{
  bool is_new = !state->document.is_there, is_document_new, is_signature_new, is_moved = false;
  GatewayResult result = look_document(worker, state, &is_document_new);

  if (result == GATEWAY_OK)
    result = look_signature(worker, state, &is_signature_new);
  if (result != GATEWAY_OK)
    return result;
  state->is_due |= is_document_new || is_signature_new;
  if (is_document_new || is_signature_new)
    result = look_document(worker, state, &is_moved);
  if (is_moved)
    *ret_round = ROUND_AGAIN;
  else if (!is_new && state->signature.is_there && is_document_new != is_signature_new)
    *ret_round = ROUND_HALF;
  else
    *ret_round = state->is_due ? ROUND_WHOLE : ROUND_UNCHANGED;
  return result;
}

static GatewayResult
poll_pair(GatewayWorker *worker, State *state)
{
  for (int i = 0; i < MAX_ROUNDS; i++) {
    Round round;
    GatewayResult result = look_round(worker, state, &round);

    if (result != GATEWAY_OK)
      return result;
    if (round == ROUND_UNCHANGED)
      return GATEWAY_UNCHANGED;
    /* Half of a pair: somebody is publishing just now, or only one half will ever change. */
    if (round == ROUND_HALF && i == 0 && worker->sleep(worker, PAIR_WAIT_MS) != GATEWAY_OK)
      return GATEWAY_STOPPED;
    if (round == ROUND_WHOLE || (round == ROUND_HALF && i > 0))
      return announce(worker, state);
  }
  return announce(worker, state);
}

static GatewayResult
http_catalog_poll(GatewayWorker *worker)
{
  State *state = worker->private_data;
  GatewayResult result;

  if (!state)
    state = worker->private_data = calloc(1, sizeof *state);
  if (!state)
    return GATEWAY_FAILED_RETRY;
  result = poll_pair(worker, state);
  if (result == GATEWAY_UNCHANGED)
    worker->status(worker, true,
                   state->signature.is_there ? "signed catalog, unchanged" : "unsigned catalog, unchanged");
  return result;
}

/* ---- images ---- */

typedef struct {
  GatewayWorker *worker;
  const GatewayWanted *wanted;
  bool is_begun;
  GatewayResult result;
} Transfer;

static bool
deliver(void *user, const GatewayFetched *head, const void *data, size_t size)
{
  Transfer *transfer = user;
  const char *validator = *head->etag || head->offset == 0 ? head->etag : transfer->wanted->validator;

  if (!transfer->is_begun)
    transfer->result = transfer->worker->begin(transfer->worker, head->offset, validator);
  transfer->is_begun = true;
  if (transfer->result == GATEWAY_OK)
    transfer->result = transfer->worker->deliver(transfer->worker, data, size);
  return transfer->result == GATEWAY_OK;
}

static GatewayResult
http_catalog_fetch(GatewayWorker *worker, const GatewayWanted *wanted)
{
  char url[MAX_URL];
  GatewayFetch fetch = { .size = sizeof fetch,
                         .url = url,
                         .offset = wanted->offset,
                         .validator = wanted->validator,
                         .max_size = wanted->expected_size };
  GatewayFetched head = { .size = sizeof head };
  Transfer transfer = { worker, wanted, false, GATEWAY_OK };
  GatewayResult result;

  if (!worker->resolve(worker, wanted->base_url, wanted->url, url, sizeof url))
    return GATEWAY_FAILED_GIVE_UP;
  result = worker->http(worker, &fetch, &head, deliver, &transfer);
  if (result == GATEWAY_OK && head.total > 0 && head.total != wanted->expected_size) {
    worker->status(worker, false, "an image is shorter than the catalog announced");
    return GATEWAY_FAILED_GIVE_UP; /* whole by the server's own word: asking again brings the same */
  }
  return transfer.result != GATEWAY_OK ? transfer.result : result;
}

static void
http_catalog_close(GatewayWorker *worker)
{
  State *state = worker->private_data;

  if (!state)
    return;
  free(state->document.data);
  free(state->signature.data);
  free(state);
  worker->private_data = NULL;
}

static const GatewayUpstreamFunctions FUNCTIONS = {
  .size = sizeof FUNCTIONS,
  .poll = http_catalog_poll,
  .fetch = http_catalog_fetch,
  .close = http_catalog_close,
};

GATEWAY_EXPORT const GatewayPlugin gateway_plugin = {
  .abi = GATEWAY_PLUGIN_ABI,
  .size = sizeof(GatewayPlugin),
  .kind = GATEWAY_UPSTREAM,
  .name = "http-catalog",
  .title = "Catalog on a web server",
  .version = "1",
  .setup = "Put catalog.json, catalog.json.sig and the images on any web server. Sign the catalog "
           "with \"gatewayctl catalog sign\", and give the gateway the public key in a [keyring NAME].",
  .settings = SETTINGS,
  .n_settings = GATEWAY_COUNT(SETTINGS),
  .functions = &FUNCTIONS,
};
