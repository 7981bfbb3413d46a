/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wan/port.h"

typedef struct {
  const GwPort *port;
  GwMessageType type;
  GVariant *payload;
  const int *fds;
  guint n_fds;
  GMutex mutex; /* guards the rest */
  GCond cond;
  gboolean is_sent, is_done;
} Parcel;

static void
parcel_post(gpointer data)
{
  Parcel *parcel = data;
  const GwPort *port = parcel->port;

  if (*port->link && *port->current == port->session)
    parcel->is_sent = gw_link_send(*port->link, parcel->type, gw_link_next_serial(*port->link),
                                   parcel->payload, parcel->fds, parcel->n_fds);
}

static void
parcel_done(gpointer data)
{
  Parcel *parcel = data;

  g_mutex_lock(&parcel->mutex);
  parcel->is_done = TRUE;
  g_cond_signal(&parcel->cond);
  g_mutex_unlock(&parcel->mutex);
}

/* In a thread. The mailbox calls parcel_done() in any case, so that nobody waits for ever. */
static gboolean
port_send(gpointer user, GwMessageType type, GVariant *payload, const int *fds, guint n_fds)
{
  const GwPort *port = user;
  g_autoptr(GVariant) sunk = g_variant_ref_sink(payload);
  Parcel parcel = { .port = port, .type = type, .payload = sunk, .fds = fds, .n_fds = n_fds };

  g_mutex_init(&parcel.mutex);
  g_cond_init(&parcel.cond);
  gw_mailbox_post(port->mailbox, parcel_post, &parcel, parcel_done);
  g_mutex_lock(&parcel.mutex);
  while (!parcel.is_done)
    g_cond_wait(&parcel.cond, &parcel.mutex);
  g_mutex_unlock(&parcel.mutex);
  g_mutex_clear(&parcel.mutex);
  g_cond_clear(&parcel.cond);
  return parcel.is_sent;
}

GwOutgoing
gw_port_outgoing(GwPort *port)
{
  return (GwOutgoing){ port_send, port };
}
