/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/stream.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define TLS_RECORD 16384
#define MAPPED_MAX 65536
#define FEW_TRANSFERS 8
#define MANY_TRANSFERS 256
/* In a crowd a socket is refilled when it has nearly run dry, with a whole piece at once: half as much waits
 * in the kernel as with one mark for both, and it is woken for less often. */
#define REFILL_MARK 8192
#define OPEN_MARK 262144

static GwStreamResult
result_of_errno(void)
{
  if (errno == EAGAIN || errno == EINTR)
    return GW_STREAM_BLOCKED; /* level-triggered: an interrupted call is met again */
  return GW_STREAM_BROKEN;
}

/* With TLS 1.3 and without renegotiation a wish for the other direction is rare and short-lived: the next
 * event of ours meets it again. */
static GwStreamResult
result_of_tls(GwTlsResult result)
{
  switch (result) {
  case GW_TLS_DONE:
    return GW_STREAM_DONE;
  case GW_TLS_CLOSED:
    return GW_STREAM_CLOSED;
  case GW_TLS_BROKEN:
    return GW_STREAM_BROKEN;
  default:
    return GW_STREAM_BLOCKED;
  }
}

GwStreamResult
gw_stream_read(GwStream *stream, void *ret_data, gsize size, gsize *ret_size)
{
  gssize n;

  if (stream->tls)
    return result_of_tls(gw_tls_read(stream->tls, ret_data, size, ret_size));
  n = stream->is_tty ? read(stream->watch.fd, ret_data, size) : recv(stream->watch.fd, ret_data, size, 0);
  if (n < 0)
    return result_of_errno();
  if (n == 0)
    return GW_STREAM_CLOSED;
  *ret_size = (gsize)n;
  return GW_STREAM_DONE;
}

/* The first record joins the pieces, so that a head and the start of its body are one segment. */
static GwTlsResult
write_first_record(GwStream *stream, const GwSlice pieces[2], gsize *ret_size)
{
  guint8 record[TLS_RECORD];
  gsize first = MIN(pieces[0].size, sizeof record);
  gsize second = MIN(pieces[1].size, sizeof record - first);

  if (first == 0)
    return gw_tls_write(stream->tls, pieces[1].data, second, ret_size);
  memcpy(record, pieces[0].data, first);
  if (second > 0)
    memcpy(record + first, pieces[1].data, second);
  return gw_tls_write(stream->tls, record, first + second, ret_size);
}

/* As many records as the socket takes. */
static GwStreamResult
write_tls(GwStream *stream, const GwSlice pieces[2], gsize *ret_size)
{
  GwSlice rest[2] = { pieces[0], pieces[1] };
  gsize total = 0;
  GwTlsResult result = GW_TLS_DONE;

  while (result == GW_TLS_DONE && rest[0].size + rest[1].size > 0) {
    gsize n = 0;
    gsize of_first;

    result = write_first_record(stream, rest, &n);
    of_first = MIN(n, rest[0].size);
    rest[0] = (GwSlice){ rest[0].data + of_first, rest[0].size - of_first };
    rest[1] = (GwSlice){ rest[1].data + (n - of_first), rest[1].size - (n - of_first) };
    total += n;
  }
  *ret_size = total;
  return total > 0 ? GW_STREAM_DONE : result_of_tls(result);
}

GwStreamResult
gw_stream_write(GwStream *stream, const GwSlice pieces[2], gboolean has_more, gsize *ret_size)
{
  struct iovec vector[2] = { { (void *)pieces[0].data, pieces[0].size },
                             { (void *)pieces[1].data, pieces[1].size } };
  struct msghdr message = { .msg_iov = vector, .msg_iovlen = pieces[1].size ? 2 : 1 };
  gssize n;

  if (stream->tls)
    return write_tls(stream, pieces, ret_size);
  if (stream->is_tty)
    n = writev(stream->watch.fd, vector, 2);
  else if (pieces[1].size == 0) /* most replies: there is no message head to be copied and checked */
    n = send(stream->watch.fd, pieces[0].data, pieces[0].size, MSG_NOSIGNAL | (has_more ? MSG_MORE : 0));
  else
    n = sendmsg(stream->watch.fd, &message, MSG_NOSIGNAL | (has_more ? MSG_MORE : 0));
  if (n < 0)
    return result_of_errno();
  stream->written += (guint64)n;
  *ret_size = (gsize)n;
  return GW_STREAM_DONE;
}

/* What cannot go from descriptor to socket directly passes through memory. */
static GwStreamResult
send_copy(GwStream *stream, const GwBody *body, guint64 offset, gsize size, gsize *ret_size)
{
  guint8 copy[TLS_RECORD];
  GwSlice pieces[2] = { { NULL, 0 }, { NULL, 0 } };
  const guint8 *mapped = gw_body_map(body);

  size = MIN(size, mapped ? MAPPED_MAX : sizeof copy);
  if (mapped)
    pieces[0] = (GwSlice){ mapped + offset, size };
  else {
    gssize n = gw_body_read(body, offset, copy, size);

    if (n <= 0 || (stream->tls && (gsize)n < size))
      return GW_STREAM_BROKEN; /* shorter than it should be */
    pieces[0] = (GwSlice){ copy, (gsize)n };
  }
  return gw_stream_write(stream, pieces, FALSE, ret_size);
}

static void
set_unsent_mark(GwStream *stream, int bytes)
{
  setsockopt(stream->watch.fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &bytes, sizeof bytes);
}

static gssize
send_file(GwStream *stream, int fd, guint64 offset, gsize size)
{
  off_t position = (off_t)offset;
  gssize n;

  if (!stream->is_refilled)
    return sendfile(stream->watch.fd, fd, &position, size);
  set_unsent_mark(stream, OPEN_MARK);
  n = sendfile(stream->watch.fd, fd, &position, size);
  set_unsent_mark(stream, REFILL_MARK);
  return n;
}

GwStreamResult
gw_stream_send(GwStream *stream, const GwBody *body, guint64 offset, gsize size, gsize *ret_size)
{
  gssize n;

  if (stream->tls || stream->is_tty || gw_body_fd(body) < 0)
    return send_copy(stream, body, offset, size, ret_size);
  n = send_file(stream, gw_body_fd(body), offset, size);
  if (n < 0)
    return result_of_errno();
  if (n == 0)
    return GW_STREAM_BROKEN;
  stream->written += (guint64)n;
  *ret_size = (gsize)n;
  return GW_STREAM_DONE;
}

guint64
gw_stream_position(const GwStream *stream)
{
  return stream->tls ? gw_tls_written(stream->tls) : stream->written;
}

guint64
gw_stream_unacked(const GwStream *stream)
{
  int held = 0;

  if (stream->watch.fd < 0 || ioctl(stream->watch.fd, stream->is_tty ? TIOCOUTQ : SIOCOUTQ, &held) < 0)
    return G_MAXUINT64; /* nothing is known: nothing is claimed */
  return (guint64)MAX(held, 0);
}

void
gw_stream_limit_queue(GwStream *stream, guint n_transfers)
{
  if (stream->is_tty || (stream->tls && n_transfers <= FEW_TRANSFERS))
    return;
  stream->is_refilled = !stream->tls && n_transfers > MANY_TRANSFERS;
  if (!stream->is_refilled)
    set_unsent_mark(stream, n_transfers <= FEW_TRANSFERS    ? 65536
                            : n_transfers <= MANY_TRANSFERS ? 32768
                                                            : 16384);
}

void
gw_stream_cork(GwStream *stream)
{
  int yes = 1;

  (void)setsockopt(stream->watch.fd, IPPROTO_TCP, TCP_CORK, &yes,
                   sizeof yes); /* else there is a packet more */
}

void
gw_stream_close(GwStream *stream)
{
  gw_tls_session_free(g_steal_pointer(&stream->tls), TRUE);
  gw_reactor_close(stream->reactor, &stream->watch);
}

void
gw_stream_reset(GwStream *stream)
{
  struct linger linger = { .l_onoff = 1, .l_linger = 0 };

  gw_tls_session_free(g_steal_pointer(&stream->tls), FALSE);
  if (stream->watch.fd >= 0 && !stream->is_tty)
    setsockopt(stream->watch.fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
  gw_reactor_close(stream->reactor, &stream->watch);
}
