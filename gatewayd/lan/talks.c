/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sessions in their place: the engine's asks go to the cache or the core, its bytes to the transfers. What
 * the core says is given at once, what is known already at a turn of its own: never from inside the ask. */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "lan/lan-private.h"
#include "lan/session.h"

typedef struct {
  GwTalks *talks;
  GwHosted *hosted;
  GwSession *session;
  char *listener, *peer, *node; /* as in GwOrigin */
  gboolean is_line;
  GDestroyNotify ended; /* of a line */
  gpointer ended_user;

  /* the open ask */
  GwAsker asker;
  GwPost *post;
  GwBlobWait *wait;
  GVariant *held; /* a login, until it is its turn: */
  GwTurn login;
  GwTimer turn;   /* gives the answer */
  GwGiven *given; /* which; NULL = without the core's word: */
  GatewayAnswerKind short_kind;
  GatewayReason short_reason;
  GwGiven *image;     /* of the last BYTES answer */
  GwSending *sending; /* of it, once bytes arrived */
  GList link;
} Talk;

struct GwTalks {
  GwLan *lan;
  GQueue list; /* Talk */
};

/* ---- the image ---- */

static void
end_sending(Talk *talk, gboolean is_cut)
{
  if (talk->sending)
    gw_sending_end(talk->sending, is_cut);
  talk->sending = NULL;
}

static gboolean
is_login(const Talk *talk)
{
  return talk->asker.kind == GATEWAY_ASK_INTRODUCE && !talk->is_line;
}

static void
talk_free(Talk *talk)
{
  GwLan *lan = talk->talks->lan;

  gw_turn_leave(&talk->login);

  if (talk->post)
    gw_uplink_cancel(lan->uplink, talk->post);
  talk->post = NULL;
  if (talk->wait)
    gw_blobs_cancel(lan->blobs, talk->wait);
  gw_wheel_cancel(&talk->turn);
  g_clear_pointer(&talk->held, g_variant_unref);
  gw_session_free(talk->session);
  end_sending(talk, TRUE);
  gw_given_free(talk->given);
  gw_given_free(talk->image);
  g_queue_unlink(&talk->talks->list, &talk->link);
  g_free(talk->listener);
  g_free(talk->peer);
  g_free(talk->node);
  g_free(talk);
}

static void
talk_end(Talk *talk)
{
  GDestroyNotify ended = talk->ended;
  gpointer user = talk->ended_user;

  talk_free(talk);
  if (ended)
    ended(user);
}

static GwTransferOf
transfer_of(const Talk *talk, const GwGiven *given)
{
  return gw_lan_transfer_of(talk->hosted, given, talk->is_line ? NULL : &talk->asker.peer);
}

static void
on_cut(gpointer user)
{
  talk_end(user);
}

static void
on_covered(GwSession *session, guint64 offset, guint64 size, gpointer user)
{
  Talk *talk = user;
  GwTransferOf of;

  if (!talk->image)
    return;
  of = transfer_of(talk, talk->image);
  if (!talk->sending)
    talk->sending = gw_transfers_begin(talk->talks->lan->transfers, &of, offset, on_cut, talk);
  gw_sending_covered(talk->sending, offset, size);
}

/* In one go, and over with it: another attempt is another sending. */
static void
on_streamed(GwSession *session, const GwTransferGauge *gauge, gboolean is_over, gpointer user)
{
  Talk *talk = user;
  GwTransferOf of;

  if (!talk->image)
    return;
  of = transfer_of(talk, talk->image);
  if (!talk->sending)
    talk->sending = gw_transfers_begin(talk->talks->lan->transfers, &of, gauge->offset, on_cut, talk);
  if (is_over)
    end_sending(talk, gauge->acked < gauge->size);
  else
    gw_sending_progress(talk->sending, gauge->acked);
}

/* ---- answers ---- */

static void
arm(const Talk *talk, GwTimer *timer, gint64 ms)
{
  GwReactor *reactor = talk->talks->lan->reactor;

  gw_wheel_arm(gw_reactor_wheel(reactor), timer, ms > 0 ? gw_reactor_now_ms(reactor) + ms : GW_WHEEL_SOON);
}

static void
answer_at_next_turn(Talk *talk, GwGiven *given)
{
  gw_given_free(talk->given);
  talk->given = given;
  arm(talk, &talk->turn, 0);
}

/* TRUE: at once. A login that does not hold hears it late. */
static gboolean
may_hear(Talk *talk, GwGiven *given)
{
  GwLan *lan = talk->talks->lan;
  gint64 ms;

  gw_given_free(talk->given);
  talk->given = given;
  if (!is_login(talk) || given->kind != GATEWAY_ANSWER_DENIED) {
    gw_turn_held(&talk->login);
    return TRUE;
  }
  ms = gw_turn_failed_ms(&talk->login);
  arm(talk, &talk->turn, ms);
  gw_log_peer(&lan->failures, LOG_NOTICE, GW_SUBJECT_PEER, talk->peer, "%s: a login failed; answered in %u s",
              talk->hosted->plugin->name, (guint)(ms / 1000));
  return FALSE;
}

static void
answer_short(Talk *talk, GatewayAnswerKind kind, GatewayReason reason)
{
  talk->short_kind = kind;
  talk->short_reason = reason;
  answer_at_next_turn(talk, NULL);
}

static void
take_image(Talk *talk, const GwGiven *given)
{
  end_sending(talk, FALSE);
  gw_given_free(talk->image);
  talk->image = gw_given_copy(given);
}

/* FALSE: the blob must come first, or cannot. */
static gboolean
find_body(Talk *talk, GwBody **ret_body)
{
  const GwAnswer *words = &talk->given->words->answer;
  GwTransferOf of = transfer_of(talk, talk->given);

  *ret_body = NULL;
  if (talk->given->kind != GATEWAY_ANSWER_BYTES || talk->asker.kind != GATEWAY_ASK_BYTES)
    return TRUE;
  if (!gw_transfers_has_room(talk->talks->lan->transfers, &of)) {
    answer_short(talk, GATEWAY_ANSWER_LATER, GATEWAY_REASON_CAP);
    return FALSE;
  }
  *ret_body = gw_blobs_find(talk->talks->lan->blobs, words->digests.sha256);
  return *ret_body != NULL;
}

static void
on_blob(GwBody *body, gboolean is_busy, gpointer user)
{
  Talk *talk = user;

  talk->wait = NULL;
  if (body)
    answer_at_next_turn(talk, g_steal_pointer(&talk->given));
  else
    answer_short(talk, is_busy ? GATEWAY_ANSWER_LATER : GATEWAY_ANSWER_UNKNOWN, GATEWAY_REASON_BUSY);
}

static void
wait_for_blob(Talk *talk)
{
  const GwAnswer *words = &talk->given->words->answer;

  talk->wait = gw_blobs_wait(talk->talks->lan->blobs, words->digests.sha256, words->size, on_blob, talk);
  if (!talk->wait)
    answer_short(talk, GATEWAY_ANSWER_LATER, GATEWAY_REASON_BUSY);
}

static void
give(Talk *talk)
{
  g_autoptr(GwGiven) given = NULL;
  GatewayAnswer answer = gw_lan_short_answer(talk->short_kind, talk->short_reason);
  GwBody *body = NULL;

  if (talk->given && !find_body(talk, &body)) {
    if (talk->given && !gw_timer_is_armed(&talk->turn))
      wait_for_blob(talk);
    return;
  }
  given = g_steal_pointer(&talk->given);
  if (given)
    gw_given_view(given, &answer);
  if (body) {
    gw_session_end_streams(talk->session);
    take_image(talk, given);
  }
  gw_session_answer(talk->session, &answer, body);
}

static void
on_turn(GwTimer *timer, gint64 now_ms)
{
  give((Talk *)(void *)((char *)timer - G_STRUCT_OFFSET(Talk, turn)));
}

static void
on_answered(const GwAnswer *answer, gpointer user)
{
  Talk *talk = user;
  GwLan *lan = talk->talks->lan;
  g_autoptr(GwGiven) own = NULL;
  const GwGiven *given;

  talk->post = NULL;
  if (!answer) {
    gw_turn_leave(&talk->login);
    answer_short(talk, GATEWAY_ANSWER_LATER, GATEWAY_REASON_BUSY);
    return;
  }
  given = gw_lan_take_answer(lan, answer, &talk->asker, &own);
  if (may_hear(talk, gw_given_copy(given)))
    give(talk);
  gw_turn_leave(&talk->login); /* after its failure is known */
}

static void
on_acked(int kind, gpointer user)
{
  Talk *talk = user;

  talk->post = NULL;
  answer_short(talk, (GatewayAnswerKind)kind, GATEWAY_REASON_NONE);
}

/* ---- asks ---- */

static void
convert_ask(const Talk *talk, const GatewayAsk *ask, GwAsk *ret_ask)
{
  GwAddress local;
  gw_session_local(talk->session, &local);
  GwOrigin origin = { .hosted = talk->hosted,
                      .listener = talk->listener,
                      .peer = talk->is_line ? "" : talk->peer,
                      .interface = talk->is_line ? "" : gw_lan_interface(talk->talks->lan, &local),
                      .node = talk->node };

  gw_convert_ask(ask, &origin, ret_ask);
}

static void
tell_core(Talk *talk, const GatewayAsk *ask)
{
  GwTold told = { .kind = GW_TOLD_REPORT, .wall_ms = gw_clock_wall_ms() };

  convert_ask(talk, ask, &told.ask);
  talk->post = gw_uplink_report(talk->talks->lan->uplink, &told, on_acked, talk);
  gw_ask_clear(&told.ask);
}

/* Its turn has come, or too many wait for theirs. */
static void
on_login(GwTurn *turn, gboolean is_refused)
{
  Talk *talk = (Talk *)(void *)((char *)turn - G_STRUCT_OFFSET(Talk, login));
  g_autoptr(GVariant) held = g_steal_pointer(&talk->held);

  if (!is_refused)
    talk->post = gw_uplink_ask(talk->talks->lan->uplink, held, on_answered, talk);
  if (talk->post)
    return;
  gw_turn_leave(turn);
  answer_short(talk, GATEWAY_ANSWER_LATER, GATEWAY_REASON_BUSY);
}

static void
ask_core(Talk *talk, const GatewayAsk *ask)
{
  GwAsk copy;

  convert_ask(talk, ask, &copy);
  if (is_login(talk) && ask->credential.size > 0) {
    talk->held = g_variant_ref_sink(gw_ask_pack(&copy));
    gw_turn_take(&talk->login);
  } else {
    talk->post = gw_uplink_ask(talk->talks->lan->uplink, gw_ask_pack(&copy), on_answered, talk);
  }
  gw_ask_clear(&copy);
}

/* Most attributes change with every contact; one that limits what the node may be told is part of its claim.
 */
static guint64
limit_of(const Talk *talk, const GatewayPair *attribute)
{
  const GatewayNumbering *numbering = &talk->hosted->plugin->numbering;
  const GwClaimKey *key = &talk->talks->lan->key;

  for (uint32_t i = 0; i < numbering->n_limits; i++)
    if (numbering->limits[i].attribute && gateway_text_equal(attribute->key, numbering->limits[i].attribute))
      return gw_siphash(key->words[3], key->words[2] + i, attribute->value.data, attribute->value.size);
  return 0;
}

/* A line has no address: its name tells its nodes from those of another. */
static GwClaim
claim_of(const Talk *talk, const GatewayAsk *ask)
{
  GwAddress address = talk->asker.peer;

  if (talk->is_line)
    address.scope = g_str_hash(talk->listener);
  if (talk->is_line)
    memcpy(address.bytes, &address.scope, sizeof address.scope);
  GwClaim claim = gw_claim_of(&talk->talks->lan->key, talk->hosted->number, ask, &address);
  for (uint32_t i = 0; i < ask->n_attributes; i++)
    claim.what ^= limit_of(talk, &ask->attributes[i]);
  return claim;
}

/* The image of the offer that it was given just now. */
static GwGiven *
take_granted(const Talk *talk, const GatewayAsk *ask)
{
  GwLan *lan = talk->talks->lan;
  GatewayAsk offer = *ask;

  if (ask->kind != GATEWAY_ASK_BYTES || ask->token.size > 0)
    return NULL;
  offer.kind = GATEWAY_ASK_OFFER;
  offer.image_name = (GatewayText){ 0 };
  GwClaim claim = claim_of(talk, &offer);
  return gw_answers_take_bytes(lan->answers, &claim, ask->image_name, gw_reactor_now_ms(lan->reactor));
}

static void
recall_or_ask(Talk *talk, const GatewayAsk *ask)
{
  GwGiven *granted = take_granted(talk, ask);
  const GwGiven *given;

  if (granted) {
    answer_at_next_turn(talk, granted);
    return;
  }
  talk->asker.claim = claim_of(talk, ask);
  given = gw_lan_recall(talk->talks->lan, &talk->asker.claim);
  if (!given)
    ask_core(talk, ask);
  else if (may_hear(talk, gw_given_copy(given)))
    arm(talk, &talk->turn, 0);
}

static void
on_ask(GwSession *session, const GatewayAsk *asked, gpointer user)
{
  Talk *talk = user;
  GatewayAsk ask = *asked;

  if (ask.identity == 0)
    ask.identity = GATEWAY_IDENTITY_ADDRESS;
  talk->asker.kind = ask.kind;
  if (!gw_ask_is_bounded(&ask)) {
    answer_short(talk, GATEWAY_ANSWER_UNKNOWN, GATEWAY_REASON_NONE);
    return;
  }
  if (ask.kind == GATEWAY_ASK_RELAY)
    answer_short(talk, GATEWAY_ANSWER_OFFLINE, GATEWAY_REASON_NONE);
  else if (ask.kind == GATEWAY_ASK_NOTHING)
    answer_short(talk, GATEWAY_ANSWER_NOTHING, GATEWAY_REASON_NONE);
  else if (ask.kind == GATEWAY_ASK_TELL)
    tell_core(talk, &ask);
  else
    recall_or_ask(talk, &ask);
  if (!talk->post && !talk->held && !gw_timer_is_armed(&talk->turn))
    answer_short(talk, GATEWAY_ANSWER_LATER, GATEWAY_REASON_BUSY);
}

/* ---- life ---- */

static void
on_calling(GwSession *session, gboolean is_begun, gpointer user)
{
  Talk *talk = user;
  const char *node = session ? gw_session_node(session) : "";

  if (is_begun)
    gw_guard_enter(talk->hosted->guard, talk->hosted->plugin->name, talk->peer, node, strlen(node));
  else
    gw_guard_leave(talk->hosted->guard);
}

static void
on_ended(GwSession *session, gpointer user)
{
  talk_end(user);
}

static const GwSessionHost SESSION_HOST = { on_ask, on_covered, on_calling, on_ended, on_streamed };

static Talk *
talk_new(GwTalks *talks, GwHosted *hosted, const char *listener)
{
  Talk *talk = g_new0(Talk, 1);

  talk->talks = talks;
  talk->hosted = hosted;
  talk->listener = g_strdup(listener);
  talk->turn.fire = on_turn;
  talk->login = (GwTurn){ .turns = talks->lan->turns, .peer = &talk->asker.peer, .come = on_login };
  talk->link.data = talk;
  g_queue_push_tail_link(&talks->list, &talk->link);
  return talk;
}

static void
talk_start(Talk *talk, const GwAccepted *accepted, int tty_fd)
{
  GwLan *lan = talk->talks->lan;
  GwSessionSetup setup = { .reactor = lan->reactor,
                           .pace = gw_http_server_pace(lan->server),
                           .plugin = talk->hosted->plugin,
                           .settings = gw_settings_view(talk->hosted->settings),
                           .host = &SESSION_HOST,
                           .user = talk,
                           .passive = talk->hosted->passive,
                           .line = talk->is_line ? talk->listener : NULL };

  talk->session = gw_session_new(&setup, accepted, tty_fd);
}

static void
format_peer(Talk *talk, const GwAccepted *accepted)
{
  char text[GW_ADDRESS_TEXT];

  gw_address_format(&accepted->peer, text);
  talk->peer = g_strdup(text);
  talk->asker.peer = accepted->peer;
}

void
gw_talks_accept(GwPort *port, const GwAccepted *accepted, gpointer user)
{
  GwLan *lan = user;
  Talk *talk = talk_new(lan->talks, port->session, port->text);

  format_peer(talk, accepted);
  talk->node = g_strdup("");
  talk_start(talk, accepted, -1);
  if (gw_guard_is_set_aside(lan->setup.guard, talk->peer, gw_reactor_now_ms(lan->reactor)))
    talk_end(talk);
}

void
gw_talks_open_line(GwTalks *talks, const GwTalkOnLine *line, int tty_fd)
{
  Talk *talk = talk_new(talks, line->hosted, line->name);

  talk->is_line = TRUE;
  talk->peer = g_strdup(line->name);
  talk->node = g_strdup(line->node);
  talk->ended = line->ended;
  talk->ended_user = line->user;
  talk_start(talk, NULL, tty_fd);
}

void
gw_talks_wake(GwTalks *talks, const char *plugin, const char *node, const char *verb, const char *argument)
{
  for (GList *link = talks->list.head; link;) {
    Talk *talk = link->data;
    link = link->next;
    gboolean is_node =
        strcmp(gw_session_node(talk->session), node) == 0 || (*node && strcmp(talk->node, node) == 0);
    if (is_node && strcmp(talk->hosted->plugin->name, plugin) == 0)
      gw_session_wake(talk->session, verb, argument);
  }
}

void
gw_talks_end_of(GwTalks *talks, const GwHosted *hosted)
{
  for (GList *link = talks->list.head; link;) {
    Talk *talk = link->data;
    link = link->next;
    if (talk->hosted == hosted)
      talk_end(talk);
  }
}

void
gw_talks_end_line(GwTalks *talks, gconstpointer user)
{
  for (GList *link = talks->list.head; link; link = link->next) {
    Talk *talk = link->data;
    if (!talk->is_line || talk->ended_user != user)
      continue;
    talk_end(talk);
    return;
  }
}

GwTalks *
gw_talks_new(GwLan *lan)
{
  GwTalks *talks = g_new0(GwTalks, 1);

  talks->lan = lan;
  return talks;
}

void
gw_talks_free(GwTalks *talks)
{
  if (!talks)
    return;
  while (talks->list.head)
    talk_free(talks->list.head->data);
  g_free(talks);
}
