/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lan/session-private.h"

#include <string.h>

#define SCRATCH_SIZE 16384
#define STATE_MAX 4096
#define BLOCK_MAX 4096
#define STEPS_PER_TURN 64 /* then others have their turn */

static void drain(GwSession *session);

static GatewayEvent
event_of(GatewayEventKind kind)
{
  return (GatewayEvent){ .size = sizeof(GatewayEvent), .kind = kind };
}

/* Nothing is read while an ask is open, or while a plugin is busy with itself: it need not think of lines
 * that come in between. */
static void
hold(GwSession *session)
{
  gw_channel_pause(session->channel, session->has_ask || session->is_resting);
}

static void
do_close(GwSession *session)
{
  session->is_closing = TRUE;
  gw_session_data_close(session);
  gw_channel_close(session->channel);
}

void
gw_session_post(GwSession *session, GatewayEventKind kind, guint64 number, guint64 count)
{
  if (session->is_freed)
    return;
  if (session->n_later == GW_SESSION_LATER_MAX) {
    do_close(session);
    return;
  }
  if (!session->later)
    session->later = g_new(GwLater, GW_SESSION_LATER_MAX);
  session->later[session->n_later++] = (GwLater){ kind, number, count };
  drain(session);
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

void
gw_session_streamed(GwSession *session, const GwTransferGauge *gauge, gboolean is_over)
{
  const GwSessionHost *host = session->setup.host;

  if (session->is_freed)
    return;
  if (is_over && gauge->acked > 0)
    host->covered(session, gauge->offset, gauge->acked, session->setup.user);
  if (host->streamed)
    host->streamed(session, gauge, is_over, session->setup.user);
}

static void
stream_moved(gpointer user, const GwTransferGauge *gauge)
{
  if (!((GwSession *)user)->is_stale)
    gw_session_streamed(user, gauge, FALSE);
}

static void
stream_done(gpointer user, const GwTransferGauge *gauge, gboolean is_complete)
{
  GwSession *session = user;

  if (!session->is_stale)
    gw_session_streamed(session, gauge, TRUE);
  session->is_streaming = session->is_stale = FALSE;
  if (is_complete)
    gw_session_post(user, GATEWAY_EVENT_SENT, 0, 0);
}

static const GwTransferObserver STREAM_OBSERVER = { stream_moved, stream_done };

gboolean
gw_session_range(const GwSession *session, const GatewayAction *action, GwByteRange *ret_range)
{
  guint64 size = session->body ? gw_body_size(session->body) : 0;
  guint64 left = action->number < size ? size - action->number : 0;

  *ret_range = (GwByteRange){ action->number, action->count ? MIN(action->count, left) : left };
  return ret_range->size > 0;
}

static void
do_stream(GwSession *session, const GatewayAction *action)
{
  gboolean was_streaming;
  GwByteRange range;

  if (action->is_data || action->is_text) {
    gw_session_data_stream(session, action);
    return;
  }
  was_streaming = session->is_streaming;
  session->is_streaming = TRUE; /* it may be over when the call returns */
  if (gw_session_range(session, action, &range) &&
      gw_channel_stream(session->channel, session->body, range, &STREAM_OBSERVER, session))
    return;
  session->is_streaming = was_streaming;
  gw_session_post(session, GATEWAY_EVENT_BLOCK, action->number, 0); /* cannot be read */
}

static void
do_ask(GwSession *session, const GatewayAsk *ask)
{
  if (!ask || session->has_ask)
    return;
  if (ask->node.size > 0 && ask->node.size < GW_SESSION_NODE_MAX) {
    memcpy(session->node, ask->node.data, ask->node.size);
    session->node[ask->node.size] = 0;
  }
  session->has_ask = TRUE;
  hold(session);
  session->setup.host->ask(session, ask, session->setup.user);
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
    gw_session_post(session, GATEWAY_EVENT_BLOCK, action->number, MIN(action->count, BLOCK_MAX));
    return;
  case GATEWAY_ACTION_STREAM:
    do_stream(session, action);
    return;
  case GATEWAY_ACTION_DATA:
    gw_session_data_open(session, action);
    return;
  case GATEWAY_ACTION_DATA_CLOSE:
    gw_session_data_close(session);
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
      session->functions->step(session->setup.settings, session->state, event, session->scratch, actions);
  if (host->calling)
    host->calling(session, FALSE, session->setup.user);
  return MIN(n, GATEWAY_MAX_ACTIONS);
}

static void
step(GwSession *session, const GatewayEvent *event)
{
  GatewayAction actions[GATEWAY_MAX_ACTIONS] = { 0 };
  char memory[SCRATCH_SIZE];
  GatewayScratch scratch = { memory, SCRATCH_SIZE, 0, false };
  gboolean is_last = event->kind == GATEWAY_EVENT_HANGUP;

  if (session->is_closing && !is_last)
    return;
  session->scratch = &scratch;
  session->is_busy = TRUE;
  uint32_t n = call_plugin(session, event, actions);
  for (uint32_t i = 0; i < n && !session->is_closing && !is_last; i++)
    do_action(session, &actions[i]);
  session->scratch = NULL;
  session->is_busy = FALSE;
}

static GatewayText
print_local(const GwSession *session, char text[GW_ADDRESS_TEXT])
{
  GwAddress local;

  gw_channel_local(session->channel, &local);
  gw_address_format(&local, text);
  return gateway_text(text);
}

/* The block is an event of its own: the plugin words the reply around it. */
static void
step_later(GwSession *session, const GwLater *later)
{
  GatewayEvent event = event_of(later->kind);
  char block[BLOCK_MAX], local[GW_ADDRESS_TEXT];
  gssize n = 0;

  event.number = later->number;
  if (later->kind == GATEWAY_EVENT_DATA_UP && later->number > 0)
    event.text = print_local(session, local);
  if (later->count > 0 && session->body)
    n = gw_body_read(session->body, later->number, block, later->count);
  if (n > 0) {
    event.text = (GatewayText){ block, (size_t)n };
    gw_coverage_add(&session->blocks, later->number, (guint64)n);
  }
  step(session, &event);
}

/* A plugin may go on for ever without a word of its node; others go on too. */
static void
drain(GwSession *session)
{
  GwReactor *reactor = session->setup.reactor;

  for (guint i = 0; session->n_later > 0 && !session->is_busy; i++) {
    GwLater later = session->later[0];
    session->is_resting = i == STEPS_PER_TURN;
    hold(session);
    if (session->is_resting) {
      gw_wheel_arm(gw_reactor_wheel(reactor), &session->turn, GW_WHEEL_SOON);
      return;
    }
    session->n_later--;
    memmove(session->later, session->later + 1, session->n_later * sizeof(GwLater));
    step_later(session, &later);
  }
  if (session->n_later == 0)
    g_clear_pointer(&session->later, g_free);
}

static void
run_step(GwSession *session, const GatewayEvent *event)
{
  step(session, event);
  drain(session);
}

/* ---- what the channel brings ---- */

/* The node speaks again: the blocks that were read for it have arrived, if the line says so too. */
static void
settle_blocks(GwSession *session)
{
  GwCoverage blocks = session->blocks;

  if (blocks.n == 0 || gw_channel_unacked(session->channel) > 0)
    return;
  session->blocks = (GwCoverage){ 0 };
  for (guint i = 0; i < blocks.n; i++)
    session->setup.host->covered(session, blocks.ranges[i].start,
                                 blocks.ranges[i].end - blocks.ranges[i].start, session->setup.user);
  gw_coverage_clear(&blocks);
}

static void
on_line(GwChannel *channel, GwSlice line, gpointer user)
{
  GwSession *session = user;
  settle_blocks(session);
  GatewayEvent event = event_of(GATEWAY_EVENT_LINE);
  event.text = (GatewayText){ (const char *)line.data, line.size };
  run_step(session, &event);
}

static void
on_line_too_long(GwChannel *channel, gpointer user)
{
  gw_session_post(user, GATEWAY_EVENT_LINE_TOO_LONG, 0, 0);
}

static void
on_bytes(GwChannel *channel, GwSlice bytes, gpointer user)
{
  GwSession *session = user;
  settle_blocks(session);
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
  GatewayEvent event = event_of(GATEWAY_EVENT_HANGUP);
  step(session, &event);
  session->is_closing = session->has_ended = TRUE;
  gw_session_data_close(session);
  gw_wheel_arm(gw_reactor_wheel(session->setup.reactor), &session->turn, GW_WHEEL_SOON);
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
  event.text = gateway_text(session->setup.line ? session->setup.line : peer);
  event.text2 = gateway_text(local);
  event.number = address.port;
  session->is_open = TRUE;
  run_step(session, &event);
}

static void
on_turn(GwTimer *timer, gint64 now_ms)
{
  GwSession *session = (GwSession *)(void *)((char *)timer - G_STRUCT_OFFSET(GwSession, turn));
  if (session->has_ended)
    session->setup.host->ended(session, session->setup.user);
  else if (!session->is_open)
    deliver_open(session);
  else
    drain(session);
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
  session->is_line = !accepted;
  session->channel = accepted ? gw_channel_new(setup->reactor, accepted, &limits, &EVENTS, session)
                              : gw_channel_new_tty(setup->reactor, tty_fd, &limits, &EVENTS, session);
  if (accepted)
    gw_channel_set_pace(session->channel, setup->pace);
  gw_wheel_arm(gw_reactor_wheel(setup->reactor), &session->turn, GW_WHEEL_SOON);
  return session;
}

void
gw_session_free(GwSession *session)
{
  if (!session)
    return;
  gw_session_data_close(session);
  session->is_freed = TRUE;
  session->n_later = 0;
  g_clear_pointer(&session->later, g_free);
  gw_wheel_cancel(&session->turn);
  gw_channel_free(session->channel);
  g_clear_pointer(&session->body, gw_body_unref);
  gw_coverage_clear(&session->blocks);
  gw_reactor_free_later(session->setup.reactor, session);
}

void
gw_session_end_streams(GwSession *session)
{
  session->is_stale = session->is_streaming;
  if (session->data_range.size > 0)
    gw_session_data_fail(session);
}

void
gw_session_answer(GwSession *session, const GatewayAnswer *answer, GwBody *body)
{
  if (!session->has_ask || session->is_closing)
    return;
  session->has_ask = FALSE;
  hold(session);
  if (body) {
    GwBody *old = session->body;
    session->body = gw_body_ref(body);
    gw_coverage_clear(&session->blocks);
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

void
gw_session_local(GwSession *session, GwAddress *ret_address)
{
  gw_channel_local(session->channel, ret_address);
}

const char *
gw_session_node(const GwSession *session)
{
  return session->node;
}
