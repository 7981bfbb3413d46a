/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "lan/session-private.h"

/* ---- what the channel says ---- */

static GwTransferGauge
gauge_of(const GwSession *session)
{
  return (GwTransferGauge){ .offset = session->data_range.offset,
                            .size = session->data_range.size,
                            .acked = gw_data_channel_acked(session->data) };
}

/* Frees it; what the node has of the image is told first. */
static void
put_away(GwSession *session)
{
  GwTransferGauge gauge = gauge_of(session);

  g_clear_pointer(&session->data, gw_data_channel_free);
  session->data_range = (GwByteRange){ 0 };
  if (gauge.size > 0)
    gw_session_streamed(session, &gauge, TRUE);
}

static void
on_up(GwDataChannel *channel, gpointer user)
{
  gw_session_post(user, GATEWAY_EVENT_DATA_UP, 0, 0);
}

static void
on_moved(GwDataChannel *channel, gpointer user)
{
  GwSession *session = user;
  GwTransferGauge gauge = gauge_of(session);

  gw_channel_touch(session->channel);
  if (gauge.size > 0)
    gw_session_streamed(session, &gauge, FALSE);
}

static void
on_over(GwDataChannel *channel, gboolean is_drained, gpointer user)
{
  GwSession *session = user;

  gw_channel_touch(session->channel);
  put_away(session);
  gw_session_post(session, is_drained ? GATEWAY_EVENT_DATA_DRAINED : GATEWAY_EVENT_DATA_FAILED, 0, 0);
}

static const GwDataEvents DATA_EVENTS = { on_up, on_moved, on_over };

/* ---- actions ---- */

static gboolean
is_of_data(GatewayEventKind kind)
{
  return kind == GATEWAY_EVENT_DATA_UP || kind == GATEWAY_EVENT_DATA_DRAINED ||
         kind == GATEWAY_EVENT_DATA_FAILED;
}

void
gw_session_data_close(GwSession *session)
{
  guint n = 0;

  for (guint i = 0; i < session->n_later; i++) {
    if (!is_of_data(session->later[i].kind))
      session->later[n++] = session->later[i];
  }
  session->n_later = n;
  if (session->data)
    put_away(session);
}

void
gw_session_data_fail(GwSession *session)
{
  gw_session_data_close(session);
  gw_session_post(session, GATEWAY_EVENT_DATA_FAILED, 0, 0);
}

/* The session's own peer, as OPEN spelled it: nobody is dialled for somebody else. */
static gboolean
find_peer(const GwSession *session, const GatewayAction *action, GwAddress *ret_peer)
{
  GwAddress peer = *gw_channel_peer(session->channel);
  char text[GW_ADDRESS_TEXT];

  gw_address_format(&peer, text);
  if (!gateway_text_equal(action->text, text) || action->number > G_MAXUINT16)
    return FALSE;
  peer.port = (guint16)action->number;
  *ret_peer = peer;
  return TRUE;
}

static GwDataChannel *
open_channel(GwSession *session, const GatewayAction *action)
{
  GwDataSetup setup = { session->setup.reactor, session->setup.pace, &DATA_EVENTS, session };
  GwAddress local, peer;

  if (session->is_line)
    return NULL;
  if (action->text.size == 0)
    return session->setup.passive
               ? gw_data_channel_listen(&setup, session->setup.passive, gw_channel_peer(session->channel))
               : NULL;
  gw_channel_local(session->channel, &local);
  return find_peer(session, action, &peer) ? gw_data_channel_connect(&setup, &local, &peer) : NULL;
}

void
gw_session_data_open(GwSession *session, const GatewayAction *action)
{
  guint16 port;

  gw_session_data_close(session);
  session->data = open_channel(session, action);
  port = session->data ? gw_data_channel_port(session->data) : 0;
  if (!session->data)
    gw_session_data_fail(session);
  else if (port > 0)
    gw_session_post(session, GATEWAY_EVENT_DATA_UP, port, 0);
}

static gboolean
send_text(GwSession *session, GatewayText text)
{
  g_autoptr(GwBody) body = gw_body_new_bytes(text.data, text.size, NULL);

  return gw_data_channel_send(session->data, body, (GwByteRange){ 0, text.size });
}

static gboolean
send_image(GwSession *session, GwByteRange range)
{
  GwTransferGauge gauge = { range.offset, range.size, 0 };

  if (!gw_data_channel_send(session->data, session->body, range))
    return FALSE;
  session->data_range = range;
  gw_session_streamed(session, &gauge, FALSE);
  return TRUE;
}

void
gw_session_data_stream(GwSession *session, const GatewayAction *action)
{
  GwByteRange range = { 0 };
  gboolean is_sent;

  if (!action->is_text && !gw_session_range(session, action, &range)) {
    gw_session_post(session, GATEWAY_EVENT_BLOCK, action->number, 0); /* cannot be read */
    return;
  }
  is_sent =
      session->data && (action->is_text ? send_text(session, action->text) : send_image(session, range));
  if (!is_sent)
    gw_session_data_fail(session);
}
