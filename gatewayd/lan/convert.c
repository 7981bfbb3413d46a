/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lan/convert.h"

#include <string.h>

/* Texts and fields are the same two words on both sides, so lists of them need no copy. */
G_STATIC_ASSERT(sizeof(GatewayText) == sizeof(GwSlice) &&
                offsetof(GatewayText, size) == offsetof(GwSlice, size));
G_STATIC_ASSERT(sizeof(GatewayPair) == sizeof(GwHttpField) &&
                offsetof(GatewayPair, value) == offsetof(GwHttpField, value));
G_STATIC_ASSERT((int)GATEWAY_GET == (int)GW_HTTP_GET && (int)GATEWAY_DELETE == (int)GW_HTTP_DELETE);
G_STATIC_ASSERT((int)GATEWAY_ASK_OFFER == (int)GW_ASK_OFFER &&
                (int)GATEWAY_ASK_INTRODUCE == (int)GW_ASK_INTRODUCE);

static char *
dup_text(GatewayText text)
{
  return text.size > 0 ? g_strndup(text.data, text.size) : NULL;
}

static GVariant *
dup_pairs(const GatewayPair *pairs, uint32_t n)
{
  GVariantBuilder builder;

  if (n == 0)
    return NULL;
  g_variant_builder_init(&builder, G_VARIANT_TYPE("a{ss}"));
  for (uint32_t i = 0; i < n; i++) {
    g_autofree char *key =
        g_utf8_make_valid(pairs[i].key.data ? pairs[i].key.data : "", (gssize)pairs[i].key.size);
    g_autofree char *value =
        g_utf8_make_valid(pairs[i].value.data ? pairs[i].value.data : "", (gssize)pairs[i].value.size);
    g_variant_builder_add(&builder, "{ss}", key, value);
  }
  return g_variant_ref_sink(g_variant_builder_end(&builder));
}

static void
convert_identity(const GatewayAsk *ask, const GwOrigin *origin, GwAsk *ret_ask)
{
  ret_ask->identity = ask->identity;
  ret_ask->node = dup_text(ask->node);
  if (ask->identity == GATEWAY_IDENTITY_ADDRESS && *origin->node) {
    ret_ask->identity = GATEWAY_IDENTITY_CLAIMED; /* by the operator, who knows what is wired to the line */
    ret_ask->node = g_strdup(origin->node);
  }
  ret_ask->credential = dup_text(ask->credential);
  ret_ask->aliases = dup_pairs(ask->aliases, ask->n_aliases);
  ret_ask->attributes = dup_pairs(ask->attributes, ask->n_attributes);
}

static void
convert_claim(const GatewayAsk *ask, GwAsk *ret_ask)
{
  ret_ask->product = dup_text(ask->product);
  ret_ask->type = dup_text(ask->type);
  ret_ask->hardware_version = dup_text(ask->hardware_version);
  ret_ask->software_version = dup_text(ask->software_version);
  ret_ask->is_version_proof = ask->is_version_proof;
  ret_ask->token = dup_text(ask->token);
  ret_ask->image_name = dup_text(ask->image_name);
}

static void
convert_report(const GatewayAsk *ask, GwAsk *ret_ask)
{
  ret_ask->state = ask->state;
  ret_ask->percent = MIN(ask->percent, 100);
  ret_ask->update = ask->update;
  ret_ask->code = dup_text(ask->code);
  ret_ask->detail = dup_text(ask->detail);
}

void
gw_convert_ask(const GatewayAsk *ask, const GwOrigin *origin, GwAsk *ret_ask)
{
  const GatewayPlugin *plugin = origin->hosted->plugin;

  memset(ret_ask, 0, sizeof *ret_ask);
  ret_ask->kind = (GwAskKind)ask->kind;
  ret_ask->plugin = g_strdup(plugin->name);
  ret_ask->listener = g_strdup(origin->listener);
  ret_ask->address = g_strdup(origin->peer);
  ret_ask->interface = g_strdup(origin->interface);
  ret_ask->is_never_cut = (plugin->traits & GATEWAY_NEVER_CUT) != 0;
  ret_ask->is_silent = (plugin->traits & GATEWAY_SILENT) != 0;
  convert_identity(ask, origin, ret_ask);
  convert_claim(ask, ret_ask);
  if (ask->kind == GATEWAY_ASK_TELL)
    convert_report(ask, ret_ask);
}

static const char *
method_name(GatewayMethod method)
{
  static const char *const NAMES[] = { [GATEWAY_GET] = "GET",
                                       [GATEWAY_HEAD] = "HEAD",
                                       [GATEWAY_POST] = "POST",
                                       [GATEWAY_PUT] = "PUT",
                                       [GATEWAY_DELETE] = "DELETE" };

  return NAMES[method];
}

static GVariant *
dup_headers(const GatewayAsk *ask, const GatewayRequest *request)
{
  GatewayPair pairs[GATEWAY_MAX_PAIRS];
  uint32_t n = 0;

  for (uint32_t i = 0; i < ask->n_relay_headers; i++) {
    g_autofree char *name = dup_text(ask->relay_headers[i]);
    GatewayText value = name ? gateway_header(request, name) : GATEWAY_NO_TEXT;
    if (value.size > 0)
      pairs[n++] = (GatewayPair){ ask->relay_headers[i], value };
  }
  return dup_pairs(pairs, n);
}

void
gw_convert_relay(const GatewayAsk *ask, const GatewayRequest *request, const GwHosted *hosted,
                 GwRelayAsk *ret_relay)
{
  *ret_relay = (GwRelayAsk){
    .plugin = g_strdup(hosted->plugin->name),
    .node = dup_text(ask->node),
    .address = dup_text(request->peer),
    .method = g_strdup(method_name(request->method)),
    .target = g_strdup_printf("%.*s%s%.*s", GATEWAY_ARGS(request->path), request->query.size > 0 ? "?" : "",
                              GATEWAY_ARGS(request->query)),
    .headers = dup_headers(ask, request),
    .body = request->body.size > 0 ? g_memdup2(request->body.data, request->body.size) : NULL,
    .n_body = (guint32)request->body.size,
    .is_check = ask->kind == GATEWAY_ASK_OFFER,
    .cache_key = dup_text(ask->cache_key),
    .cache_s = ask->relay_cache_s,
  };
}

void
gw_convert_lead(const GatewayLead *lead, const GwRelayAsk *relay, GwLead *ret_lead)
{
  *ret_lead = (GwLead){ .plugin = g_strdup(relay->plugin),
                        .node = g_strdup(relay->node),
                        .address = g_strdup(relay->address),
                        .url = dup_text(lead->url),
                        .target = g_strdup(relay->target),
                        .type = dup_text(lead->type),
                        .hardware_version = dup_text(lead->hardware_version),
                        .software_version = dup_text(lead->software_version),
                        .name = dup_text(lead->name),
                        .sha256 = dup_text(lead->sha256),
                        .size = lead->image_size };
}

void
gw_convert_relayed(const GwRelayAnswer *relayed, GatewayAnswer *ret_answer)
{
  GVariantIter iter;
  const char *key, *value;

  *ret_answer = (GatewayAnswer){ .size = sizeof *ret_answer,
                                 .kind = GATEWAY_ANSWER_RELAYED,
                                 .relay_status = relayed->status,
                                 .relay_body = { relayed->body, relayed->n_body },
                                 .relay_size = relayed->size };
  if (!relayed->headers)
    return;
  g_variant_iter_init(&iter, relayed->headers);
  while (ret_answer->n_pairs < GATEWAY_MAX_PAIRS && g_variant_iter_next(&iter, "{&s&s}", &key, &value))
    ret_answer->pairs[ret_answer->n_pairs++] = (GatewayPair){ gateway_text(key), gateway_text(value) };
}

static GatewayText
text_of(GwSlice slice)
{
  return (GatewayText){ (const char *)slice.data, slice.size };
}

/* IPv6 in brackets, as it stands in a URL. */
static void
format_local(const GwAddress *address, char *local)
{
  if (gw_address_is_ipv4(address)) {
    gw_address_format(address, local);
    return;
  }
  local[0] = '[';
  gw_address_format(address, local + 1);
  strcat(local, "]");
}

void
gw_convert_request(const GwHttpRequest *request, const GwAddress *local_address, char *peer, char *local,
                   GatewayRequest *ret_request)
{
  const GwHttpHead *head = request->head;

  gw_address_format(request->peer, peer);
  format_local(local_address, local);
  *ret_request = (GatewayRequest){ .size = sizeof *ret_request,
                                   .method = (GatewayMethod)head->method,
                                   .path = text_of(head->path),
                                   .query = text_of(head->query),
                                   .host = text_of(head->host),
                                   .body = text_of(request->body),
                                   .n_headers = head->n_fields,
                                   .headers = (const GatewayPair *)(const void *)head->fields,
                                   .peer = gateway_text(peer),
                                   .local = gateway_text(local),
                                   .local_port = local_address->port,
                                   .is_tls = request->is_tls };
}
