/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From an HTTP request to its reply: which plugin, which ask, whose answer, which bytes. A request that waits
 * for the core keeps its bytes and nothing of the plugin's: reading is pure, so it is read again when the
 * answer is there. */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "lan/lan-private.h"
#include "net/http-range.h"

#define LATER_S 10

/* One request while it is worked on; everything is borrowed for the turn. */
typedef struct {
  GwLan *lan;
  GwHttpExchange *exchange;
  const GwHttpRequest *request;
  GwPort *port;
  GwHosted *hosted;
  GwAddress local_address;
  char peer[GW_ADDRESS_TEXT + 2], local[GW_ADDRESS_TEXT + 2];
  GatewayRequest view;
  GatewayAsk ask;
  /* One step: the token of the offer whose bytes are asked for on the node's behalf; "" = not so far. */
  char token[GW_TOKEN_LEN + 1];
} Call;

/* One request that waits: for the core's word, then perhaps for a blob. */
typedef struct {
  GwLan *lan;
  GwHttpExchange *exchange;
  GwHosted *hosted;
  GwAsker asker;
  char token[GW_TOKEN_LEN + 1]; /* as in Call */
  GwPost *post;
  GwBlobWait *wait;
  GwGiven *given; /* for which the blob is awaited, or the vendor is asked */
} Parked;

/* An image on its way. */
typedef struct {
  GwSending *sending;
  GwHttpExchange *exchange;
} Stream;

/* ---- the image ---- */

static void
on_progress(gpointer user, const GwTransferGauge *gauge)
{
  gw_sending_progress(((Stream *)user)->sending, gauge->acked);
}

static void
on_done(gpointer user, const GwTransferGauge *gauge, gboolean is_complete)
{
  g_autofree Stream *stream = user;

  gw_sending_covered(stream->sending, gauge->offset, gauge->acked);
  gw_sending_end(stream->sending, !is_complete);
}

static void
on_cut(gpointer user)
{
  gw_http_abort(((Stream *)user)->exchange);
}

static const GwTransferObserver STREAM_OBSERVER = { on_progress, on_done };

/* What the server will send of @body; nothing for HEAD. */
static GwHttpRange
range_of(const Call *call, const GwBody *body, guint flags)
{
  const GwHttpHead *head = call->request->head;
  GwHttpConditions conditions = { head->range, head->if_range, head->if_none_match };
  guint range_flags = (flags & GW_HTTP_REPLY_IGNORE_RANGE ? GW_HTTP_RANGE_IGNORE : 0) |
                      (flags & GW_HTTP_REPLY_RANGE0_200 ? GW_HTTP_RANGE0_IS_200 : 0);

  if (head->method != GW_HTTP_GET)
    return (GwHttpRange){ 0 };
  return gw_http_range_select(&conditions, gw_body_size(body), gw_body_etag(body), range_flags);
}

static guint
reply_flags(const GatewayPlugin *plugin, const GatewayReply *reply)
{
  return (plugin->traits & GATEWAY_HTTP_NO_RANGE ? GW_HTTP_REPLY_IGNORE_RANGE : 0) |
         (plugin->traits & GATEWAY_HTTP_RANGE0_200 ? GW_HTTP_REPLY_RANGE0_200 : 0) |
         (plugin->traits & GATEWAY_HTTP_CLOSE ? GW_HTTP_REPLY_CLOSE : 0) |
         (plugin->traits & GATEWAY_HTTP_PLAIN_HEAD ? GW_HTTP_REPLY_PLAIN_HEAD : 0) |
         (reply->is_chunked ? GW_HTTP_REPLY_ONE_CHUNK : 0);
}

static void
send_reply(Call *call, const GatewayReply *reply, const GwGiven *given, GwBody *body)
{
  const GatewayPlugin *plugin = call->hosted->plugin;
  GwHttpReply out = { .status = reply->status,
                      .flags = reply_flags(plugin, reply),
                      .fields = (const GwHttpField *)(const void *)reply->headers,
                      .n_fields = reply->n_headers,
                      .idle_ms = plugin->idle_s * 1000,
                      .head_of = reply->head_of };

  if (!reply->body_is_image) {
    out.bytes = (GwSlice){ (const guint8 *)reply->body.data, reply->body.size };
    gw_http_reply(call->exchange, &out);
    return;
  }
  GwHttpRange range = range_of(call, body, out.flags);
  out.body = body;
  out.status = 200;
  if (range.size > 0) {
    GwTransferOf of = gw_lan_transfer_of(call->hosted, given, call->request->peer);
    Stream *stream = g_new0(Stream, 1);
    stream->exchange = call->exchange;
    stream->sending = gw_transfers_begin(call->lan->transfers, &of, range.offset, on_cut, stream);
    out.observer = &STREAM_OBSERVER;
    out.observer_user = stream;
  }
  gw_http_reply(call->exchange, &out);
}

/* ---- the reply ---- */

static void ask_offered(Call *call, const GwGiven *given);

static gboolean
is_one_step(const Call *call)
{
  return call->ask.kind == GATEWAY_ASK_OFFER && (call->hosted->plugin->traits & GATEWAY_ONE_STEP) != 0;
}

/* What the core is asked: what the node asked, or the bytes of what it was offered. */
static GatewayAsk
ask_of(const Call *call)
{
  GatewayAsk ask = call->ask;

  if (*call->token) {
    ask.kind = GATEWAY_ASK_BYTES;
    ask.token = gateway_text(call->token);
  }
  return ask;
}

/* @answer NULL: the plugin asked nothing. @body: with BYTES. */
static void
finish(Call *call, const GatewayAnswer *answer, const GwGiven *given, GwBody *body)
{
  GatewayReply reply;

  gw_hosted_write(call->hosted, &call->view, &call->ask, answer, &reply);
  if (reply.body_is_image && !body)
    reply = (GatewayReply){ .size = sizeof reply, .status = 500 };
  if (reply.refused && answer && answer->kind == GATEWAY_ANSWER_OFFER) {
    GwClaim claim = given->claim; /* `given` may go with what is forgotten */
    gw_lan_tell_undone(call->lan, given, reply.refused_detail);
    send_reply(call, &reply, NULL, NULL);
    gw_answers_forget(call->lan->answers, &claim);
    return;
  }
  if (is_one_step(call) && !reply.is_final && !*call->token && answer && answer->kind == GATEWAY_ANSWER_OFFER)
    ask_offered(call, given);
  else
    send_reply(call, &reply, given, body);
}

static void
finish_short(Call *call, GatewayAnswerKind kind, GatewayReason reason)
{
  GatewayAnswer answer = gw_lan_short_answer(kind, reason);

  finish(call, &answer, NULL, NULL);
}

static void
finish_bytes(Call *call, const GwGiven *given, GwBody *body)
{
  GwTransferOf of = gw_lan_transfer_of(call->hosted, given, call->request->peer);
  GatewayAnswer answer;

  if (call->request->head->method == GW_HTTP_GET && !gw_transfers_has_room(call->lan->transfers, &of)) {
    finish_short(call, GATEWAY_ANSWER_LATER, GATEWAY_REASON_CAP);
    return;
  }
  gw_given_view(given, &answer);
  finish(call, &answer, given, body);
}

/* ---- waiting ---- */

static void answer_bytes(Call *call, const GwGiven *given);
static void pass_on(Call *call, const GwGiven *missed);

static void
parked_free(Parked *parked)
{
  if (parked->post)
    gw_uplink_cancel(parked->lan->uplink, parked->post);
  if (parked->wait)
    gw_blobs_cancel(parked->lan->blobs, parked->wait);
  gw_given_free(parked->given);
  g_free(parked);
}

static Parked *
park(Call *call, const GwClaim *claim)
{
  Parked *parked = g_new0(Parked, 1);

  parked->lan = call->lan;
  parked->exchange = call->exchange;
  parked->hosted = call->hosted;
  parked->asker = (GwAsker){ *claim, *call->request->peer, ask_of(call).kind };
  memcpy(parked->token, call->token, sizeof parked->token);
  gw_http_exchange_set_data(call->exchange, parked);
  return parked;
}

/* There is nobody to wait for. */
static void
give_up(Call *call, Parked *parked)
{
  gw_http_exchange_set_data(call->exchange, NULL);
  parked_free(parked);
  finish_short(call, GATEWAY_ANSWER_LATER, GATEWAY_REASON_BUSY);
}

/* Fills @call; FALSE: not understood, or from a peer on whom the worker died. */
static gboolean
read_request(Call *call, GwLan *lan, GwHttpExchange *exchange, const GwHttpRequest *request, GwHosted *hosted)
{
  call->lan = lan;
  call->exchange = exchange;
  call->request = request;
  call->port = request->tag;
  call->hosted = hosted;
  *call->token = 0;
  gw_http_exchange_local(exchange, &call->local_address);
  gw_convert_request(request, &call->local_address, call->peer, call->local, &call->view);
  return !gw_guard_is_set_aside(lan->setup.guard, call->peer, gw_reactor_now_ms(lan->reactor)) &&
         gw_hosted_read(hosted, &call->view, &call->ask);
}

/* The waiting is over: takes @parked apart, and reads the request again. FALSE: the plugin reads it otherwise
 * now (it was configured anew, or switched off); it was told to come again. */
static gboolean
unpark(Parked *parked, Call *call)
{
  GwHttpExchange *exchange = parked->exchange;
  gboolean is_same =
      gw_hosted_is_on(parked->hosted) &&
      read_request(call, parked->lan, exchange, gw_http_exchange_request(exchange), parked->hosted);

  memcpy(call->token, parked->token, sizeof call->token);
  is_same = is_same && ask_of(call).kind == parked->asker.kind;
  gw_http_exchange_set_data(exchange, NULL);
  parked_free(parked);
  if (!is_same)
    gw_http_reply_status(exchange, 503);
  return is_same;
}

/* No rule of the site has anything to say about it: the vendor may. */
static gboolean
is_miss(const Call *call, const GwGiven *given)
{
  int reason = given->words->answer.reason;

  return call->ask.relays_miss && call->ask.kind == GATEWAY_ASK_OFFER && !*call->token &&
         given->kind == GATEWAY_ANSWER_NOTHING &&
         (reason == GATEWAY_REASON_NO_RULE || reason == GATEWAY_REASON_UP_TO_DATE);
}

static void
respond(Call *call, const GwGiven *given)
{
  GatewayAnswer answer;

  if (is_miss(call, given)) {
    pass_on(call, given);
    return;
  }
  if (given->kind == GATEWAY_ANSWER_BYTES && ask_of(call).kind == GATEWAY_ASK_BYTES) {
    answer_bytes(call, given);
    return;
  }
  gw_given_view(given, &answer);
  finish(call, &answer, given, NULL);
}

static void
on_blob(GwBody *body, gboolean is_busy, gpointer user)
{
  Parked *parked = user;
  g_autoptr(GwGiven) given = g_steal_pointer(&parked->given);
  Call call;

  parked->wait = NULL;
  if (!unpark(parked, &call))
    return;
  if (body)
    finish_bytes(&call, given, body);
  else
    finish_short(&call, is_busy ? GATEWAY_ANSWER_LATER : GATEWAY_ANSWER_UNKNOWN, GATEWAY_REASON_BUSY);
}

static void
answer_bytes(Call *call, const GwGiven *given)
{
  const GwAnswer *words = &given->words->answer;
  GwBody *body = gw_blobs_find(call->lan->blobs, words->digests.sha256);
  Parked *parked;

  if (body) {
    finish_bytes(call, given, body);
    return;
  }
  parked = park(call, &given->claim);
  parked->wait = gw_blobs_wait(call->lan->blobs, words->digests.sha256, words->size, on_blob, parked);
  parked->given = gw_given_copy(given);
  if (!parked->wait)
    give_up(call, parked);
}

static void
on_answered(const GwAnswer *answer, gpointer user)
{
  Parked *parked = user;
  g_autoptr(GwGiven) own = NULL;
  const GwGiven *given = NULL;
  Call call;

  parked->post = NULL;
  if (answer)
    given = gw_lan_take_answer(parked->lan, answer, &parked->asker, &own);
  if (!unpark(parked, &call))
    return;
  if (given)
    respond(&call, given);
  else
    finish_short(&call, GATEWAY_ANSWER_LATER, GATEWAY_REASON_BUSY);
}

static void
on_acked(int kind, gpointer user)
{
  Parked *parked = user;
  Call call;

  parked->post = NULL;
  if (unpark(parked, &call))
    finish_short(&call, (GatewayAnswerKind)kind, GATEWAY_REASON_NONE);
}

/* ---- the vendor's cloud ---- */

/* What the site said, or that nobody can be asked. */
static void
finish_missed(Call *call, const GwGiven *missed)
{
  GatewayAnswer answer;

  if (!missed) {
    finish_short(call, GATEWAY_ANSWER_OFFLINE, GATEWAY_REASON_NONE);
    return;
  }
  gw_given_view(missed, &answer);
  finish(call, &answer, missed, NULL);
}

/* One that does not reach the core now is learned again at the node's next question. */
static void
learn(Call *call, const GatewayAnswer *answer)
{
  GatewayLead learned;
  GwRelayAsk relay;
  GwLead lead;

  if (!gw_hosted_learn(call->hosted, &call->view, answer, &learned))
    return;
  gw_convert_relay(&call->ask, &call->view, call->hosted, &relay);
  gw_convert_lead(&learned, &relay, &lead);
  (void)gw_uplink_send(call->lan->uplink, GW_MESSAGE_LEAD, gw_lead_pack(&lead), NULL, 0);
  gw_lead_clear(&lead);
  gw_relay_ask_clear(&relay);
}

static void
on_passed(const GwRelayAnswer *relayed, gpointer user)
{
  Parked *parked = user;
  g_autoptr(GwGiven) missed = g_steal_pointer(&parked->given);
  GatewayAnswer answer;
  Call call;

  parked->post = NULL;
  if (!unpark(parked, &call))
    return;
  if (!relayed || relayed->status == 0) {
    finish_missed(&call, missed);
    return;
  }
  gw_convert_relayed(relayed, &answer);
  learn(&call, &answer);
  finish(&call, &answer, NULL, NULL);
}

/* Another gateway passed it on to us, or we ourselves did. */
static gboolean
is_looping(const Call *call)
{
  GatewayText via = gateway_header(&call->view, "Via");

  return via.size > 0 && g_strstr_len(via.data, (gssize)via.size, "gatewayd");
}

static void
pass_on(Call *call, const GwGiven *missed)
{
  if (is_looping(call)) {
    finish_missed(call, missed);
    return;
  }
  GwGiven *copy = missed ? gw_given_copy(missed) : NULL;
  Parked *parked = park(call, missed ? &missed->claim : &(GwClaim){ 0 });
  GwRelayAsk relay;

  parked->given = copy;
  gw_convert_relay(&call->ask, &call->view, call->hosted, &relay);
  parked->post = gw_uplink_pass(call->lan->uplink, gw_relay_ask_pack(&relay), on_passed, parked);
  gw_relay_ask_clear(&relay);
  if (parked->post)
    return;
  g_autoptr(GwGiven) given = g_steal_pointer(&parked->given);
  gw_http_exchange_set_data(call->exchange, NULL);
  parked_free(parked);
  finish_missed(call, given);
}

/* ---- asking ---- */

static void
convert_ask(const Call *call, GwAsk *ret_ask)
{
  GwOrigin origin = { .hosted = call->hosted,
                      .listener = call->port->text,
                      .peer = call->peer,
                      .interface = gw_lan_interface(call->lan, &call->local_address),
                      .node = "" };

  GatewayAsk ask = ask_of(call);

  gw_convert_ask(&ask, &origin, ret_ask);
}

static void
ask_core(Call *call, const GwClaim *claim)
{
  Parked *parked = park(call, claim);
  GwAsk ask;

  convert_ask(call, &ask);
  parked->post = gw_uplink_ask(call->lan->uplink, gw_ask_pack(&ask), on_answered, parked);
  gw_ask_clear(&ask);
  if (!parked->post)
    give_up(call, parked);
}

static void
tell_core(Call *call)
{
  Parked *parked = park(call, &(GwClaim){ 0 });
  GwTold told = { .kind = GW_TOLD_REPORT, .wall_ms = gw_clock_wall_ms() };

  convert_ask(call, &told.ask);
  parked->post = gw_uplink_report(call->lan->uplink, &told, on_acked, parked);
  gw_ask_clear(&told.ask);
  if (!parked->post)
    give_up(call, parked);
}

static void
recall_or_ask(Call *call)
{
  GatewayAsk ask = ask_of(call);
  GwClaim claim = gw_claim_of(&call->lan->key, call->hosted->number, &ask, call->request->peer);
  const GwGiven *given = gw_lan_recall(call->lan, &claim);

  if (given)
    respond(call, given);
  else
    ask_core(call, &claim);
}

/* There is an offer, and the same request is for its image. */
static void
ask_offered(Call *call, const GwGiven *given)
{
  g_strlcpy(call->token, gw_given_token(given), sizeof call->token);
  recall_or_ask(call);
}

static void
act(Call *call)
{
  switch (call->ask.kind) {
  case GATEWAY_ASK_NOTHING:
    finish(call, NULL, NULL, NULL);
    break;
  case GATEWAY_ASK_TELL:
    tell_core(call);
    break;
  case GATEWAY_ASK_RELAY:
    pass_on(call, NULL);
    break;
  default:
    recall_or_ask(call);
  }
}

/* ---- the handler ---- */

static void
refuse(GwLan *lan, GwHttpExchange *exchange, const char *peer, guint status, const char *why)
{
  gw_log_peer(&lan->refusals, LOG_INFO, GW_SUBJECT_PEER, peer, "%u: %s", status, why);
  gw_http_reply_status(exchange, status);
}

static void
on_request(GwHttpExchange *exchange, const GwHttpRequest *request, gpointer user)
{
  const GwHttpHead *head = request->head;
  GwHosted *hosted = gw_port_route(request->tag, head->host, head->path);
  GwLan *lan = user;
  Call call;

  if (!hosted)
    gw_http_reply_status(exchange, 404);
  else if (!read_request(&call, lan, exchange, request, hosted))
    refuse(lan, exchange, call.peer, 400, "not understood, or set aside");
  else
    act(&call);
}

static void
on_gone(GwHttpExchange *exchange, gpointer user)
{
  Parked *parked = gw_http_exchange_data(exchange);

  if (parked)
    parked_free(parked);
}

static void
on_refused(const GwAddress *peer, guint status, const char *why, gpointer user)
{
  GwLan *lan = user;
  char text[GW_ADDRESS_TEXT];

  gw_address_format(peer, text);
  gw_log_peer(&lan->refusals, LOG_INFO, GW_SUBJECT_PEER, text, "%u: %s", status, why);
}

const GwHttpHandler gw_lan_http_handler = { .request = on_request, .gone = on_gone, .refused = on_refused };
