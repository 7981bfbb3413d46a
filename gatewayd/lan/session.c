/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lan/session.h"

#define SCRATCH_SIZE 16384
#define STATE_MAX 4096
#define BLOCK_MAX 4096
#define NODE_MAX 65

struct GwSession {
  GwSessionSetup setup;
  const GatewaySessionFunctions *functions;
  GwChannel *channel;
  GwBody *body;         /* of the last BYTES answer */
  guint64 block_offset; /* read and sent, not yet followed by a word of the node */
  guint64 block_size;
  GwTimer turn; /* delivers OPEN, and `ended`, from the reactor */
  gboolean is_open, has_ask, is_closing, is_stepping, is_freed;
  char node[NODE_MAX];
  char memory[SCRATCH_SIZE];
  GatewayScratch scratch;
  guint64 state[]; /* the plugin's, aligned */
};

static void run_step(GwSession *session, const GatewayEvent *event);

static GatewayEvent
event_of(GatewayEventKind kind)
{
  return (GatewayEvent){ .size = sizeof(GatewayEvent), .kind = kind };
}

static void
tell(GwSession *session, GatewayEventKind kind)
{
  GatewayEvent event = event_of(kind);
  run_step(session, &event);
}

/* ---- actions ---- */

static void
do_mode(GwSession *session, guint64 number)
{
  if (number == GATEWAY_LINES)
    gw_channel_read_lines(session->channel);
  else if (number == GATEWAY_RAW)
    gw_channel_read_raw(session->channel);
  else
    gw_channel_read_exactly(session->channel, MIN(number - 2, 65536));
}

/* The block is an event of its own: the plugin words the reply around it. */
static void
do_read_block(GwSession *session, guint64 offset, guint64 count)
{
  char block[BLOCK_MAX];
  gssize n = session->body ? gw_body_read(session->body, offset, block, MIN(count, BLOCK_MAX)) : -1;
  GatewayEvent event = event_of(GATEWAY_EVENT_BLOCK);
  event.number = offset;
  if (n > 0) {
    event.text = (GatewayText){ block, (size_t)n };
    session->block_offset = offset;
    session->block_size = (guint64)n;
  }
  run_step(session, &event);
}

static void
stream_done(gpointer user, const GwTransferGauge *gauge, gboolean is_complete)
{
  GwSession *session = user;
  if (session->is_freed || gauge->acked == 0)
    return;
  session->setup.host->covered(session, gauge->offset, gauge->acked, session->setup.user);
  if (is_complete)
    tell(session, GATEWAY_EVENT_SENT);
}

static const GwTransferObserver STREAM_OBSERVER = { NULL, stream_done };

/* To the main channel; there is no data channel on a serial line, and none of TCP's yet. */
static void
do_stream(GwSession *session, const GatewayAction *action)
{
  if (action->is_data) {
    tell(session, GATEWAY_EVENT_DATA_FAILED);
    return;
  }
  guint64 size = session->body ? gw_body_size(session->body) : 0;
  guint64 left = action->number < size ? size - action->number : 0;
  guint64 count = action->count ? MIN(action->count, left) : left;
  if (count > 0 && gw_channel_stream(session->channel, session->body, (GwByteRange){ action->number, count },
                                     &STREAM_OBSERVER, session))
    return;
  GatewayEvent event = event_of(GATEWAY_EVENT_BLOCK); /* cannot be read */
  event.number = action->number;
  run_step(session, &event);
}

static void
do_ask(GwSession *session, const GatewayAsk *ask)
{
  if (!ask || session->has_ask)
    return;
  if (ask->node.size > 0 && ask->node.size < NODE_MAX) {
    memcpy(session->node, ask->node.data, ask->node.size);
    session->node[ask->node.size] = 0;
  }
  session->has_ask = TRUE;
  session->setup.host->ask(session, ask, session->setup.user);
}

static void
do_close(GwSession *session)
{
  session->is_closing = TRUE;
  gw_channel_close(session->channel);
}

static void
do_action(GwSession *session, const GatewayAction *action)
{
  switch (action->kind) {
  case GATEWAY_ACTION_SEND:
    if (!gw_channel_send(session->channel, action->text.data, action->text.size))
      do_close(session); /* a peer that reads nothing and asks on */
    return;
  case GATEWAY_ACTION_MODE:
    do_mode(session, action->number);
    return;
  case GATEWAY_ACTION_READ_BLOCK:
    do_read_block(session, action->number, action->count);
    return;
  case GATEWAY_ACTION_STREAM:
    do_stream(session, action);
    return;
  case GATEWAY_ACTION_DATA:
    tell(session, GATEWAY_EVENT_DATA_FAILED);
    return;
  case GATEWAY_ACTION_ARM:
    gw_channel_arm(session->channel, (guint)action->number % GW_CHANNEL_TIMERS,
                   (guint)MIN(action->count, G_MAXINT));
    return;
  case GATEWAY_ACTION_ASK:
    do_ask(session, action->ask);
    return;
  case GATEWAY_ACTION_RELAY:
  case GATEWAY_ACTION_CLOSE:
    do_close(session);
    return;
  default:
    return;
  }
}

/* ---- steps ---- */

static uint32_t
call_plugin(GwSession *session, const GatewayEvent *event, GatewayAction *actions)
{
  const GwSessionHost *host = session->setup.host;
  if (host->calling)
    host->calling(session, TRUE, session->setup.user);
  uint32_t n =
      session->functions->step(session->setup.settings, session->state, event, &session->scratch, actions);
  if (host->calling)
    host->calling(session, FALSE, session->setup.user);
  return MIN(n, GATEWAY_MAX_ACTIONS);
}

/* An action may bring the next event at once (a block, a failure): then a step runs inside a step, whose
 * actions go first; depth is bounded because each such event answers one action of a bounded list. */
static void
run_step(GwSession *session, const GatewayEvent *event)
{
  GatewayAction actions[GATEWAY_MAX_ACTIONS] = { 0 };
  if (session->is_closing && event->kind != GATEWAY_EVENT_HANGUP)
    return;
  gboolean is_outermost = !session->is_stepping;
  if (is_outermost)
    session->scratch = (GatewayScratch){ session->memory, SCRATCH_SIZE, 0, false };
  session->is_stepping = TRUE;
  uint32_t n = call_plugin(session, event, actions);
  for (uint32_t i = 0; i < n && !session->is_closing && event->kind != GATEWAY_EVENT_HANGUP; i++)
    do_action(session, &actions[i]);
  if (is_outermost)
    session->is_stepping = FALSE;
}

/* ---- what the channel brings ---- */

/* The node speaks again: what was read for it in a block has arrived. */
static void
settle_block(GwSession *session)
{
  if (session->block_size == 0)
    return;
  guint64 size = session->block_size;
  session->block_size = 0;
  session->setup.host->covered(session, session->block_offset, size, session->setup.user);
}

static void
on_line(GwChannel *channel, GwSlice line, gpointer user)
{
  GwSession *session = user;
  settle_block(session);
  GatewayEvent event = event_of(GATEWAY_EVENT_LINE);
  event.text = (GatewayText){ (const char *)line.data, line.size };
  run_step(session, &event);
}

static void
on_line_too_long(GwChannel *channel, gpointer user)
{
  tell(user, GATEWAY_EVENT_LINE_TOO_LONG);
}

static void
on_bytes(GwChannel *channel, GwSlice bytes, gpointer user)
{
  GwSession *session = user;
  settle_block(session);
  GatewayEvent event = event_of(GATEWAY_EVENT_BYTES);
  event.text = (GatewayText){ (const char *)bytes.data, bytes.size };
  run_step(session, &event);
}

static void
on_timer(GwChannel *channel, guint id, gpointer user)
{
  GatewayEvent event = event_of(GATEWAY_EVENT_TIMER);
  event.number = id;
  run_step(user, &event);
}

static void
on_end(GwChannel *channel, GwChannelEnd why, gpointer user)
{
  GwSession *session = user;
  tell(session, GATEWAY_EVENT_HANGUP);
  session->is_closing = TRUE;
  gw_wheel_arm(gw_reactor_wheel(session->setup.reactor), &session->turn,
               gw_reactor_now_ms(session->setup.reactor));
}

static const GwChannelEvents EVENTS = { on_line, on_line_too_long, on_bytes, on_timer, on_end };

/* ---- life ---- */

static void
deliver_open(GwSession *session)
{
  char peer[GW_ADDRESS_TEXT] = "", local[GW_ADDRESS_TEXT] = "";
  GwAddress address = { 0 };
  gw_channel_local(session->channel, &address);
  gw_address_format(gw_channel_peer(session->channel), peer);
  gw_address_format(&address, local);
  GatewayEvent event = event_of(GATEWAY_EVENT_OPEN);
  event.text = gateway_text(peer);
  event.text2 = gateway_text(local);
  event.number = address.port;
  session->is_open = TRUE;
  run_step(session, &event);
}

static void
on_turn(GwTimer *timer, gint64 now_ms)
{
  GwSession *session = (GwSession *)(void *)((char *)timer - G_STRUCT_OFFSET(GwSession, turn));
  if (!session->is_open && !session->is_closing)
    deliver_open(session);
  else
    session->setup.host->ended(session, session->setup.user);
}

GwSession *
gw_session_new(const GwSessionSetup *setup, const GwAccepted *accepted, int tty_fd)
{
  const GatewaySessionFunctions *functions = setup->plugin->functions;
  GwSession *session = g_malloc0(sizeof *session + MIN(functions->state_size, STATE_MAX));
  GwChannelLimits limits = { .max_line = functions->max_line, .idle_ms = setup->plugin->idle_s * 1000 };
  session->setup = *setup;
  session->functions = functions;
  session->turn.fire = on_turn;
  session->channel = accepted ? gw_channel_new(setup->reactor, accepted, &limits, &EVENTS, session)
                              : gw_channel_new_tty(setup->reactor, tty_fd, &limits, &EVENTS, session);
  if (accepted)
    gw_channel_set_pace(session->channel, setup->pace);
  gw_wheel_arm(gw_reactor_wheel(setup->reactor), &session->turn, gw_reactor_now_ms(setup->reactor));
  return session;
}

void
gw_session_free(GwSession *session)
{
  if (!session)
    return;
  session->is_freed = TRUE;
  gw_wheel_cancel(&session->turn);
  gw_channel_free(session->channel);
  g_clear_pointer(&session->body, gw_body_unref);
  gw_reactor_free_later(session->setup.reactor, session);
}

void
gw_session_answer(GwSession *session, const GatewayAnswer *answer, GwBody *body)
{
  if (!session->has_ask || session->is_closing)
    return;
  session->has_ask = FALSE;
  if (body) {
    GwBody *old = session->body;
    session->body = gw_body_ref(body);
    g_clear_pointer(&old, gw_body_unref);
  }
  GatewayEvent event = event_of(GATEWAY_EVENT_ANSWER);
  event.answer = answer;
  run_step(session, &event);
}

void
gw_session_wake(GwSession *session, const char *verb, const char *argument)
{
  GatewayEvent event = event_of(GATEWAY_EVENT_WAKE);
  event.text = gateway_text(verb);
  event.text2 = gateway_text(argument);
  run_step(session, &event);
}

const char *
gw_session_node(const GwSession *session)
{
  return session->node;
}
