/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Internal to net. A non-blocking byte stream: a TCP socket, the same under TLS, or a terminal. It reads,
 * writes, sends ranges of bodies, and knows how many bytes the other side has not acknowledged. */
#pragma once
#include "base/reader.h"
#include "net/body.h"
#include "net/reactor.h"
#include "net/tls.h"

/* What one turn may take of a connection. */
#define GW_STREAM_BUDGET (1u << 20)

typedef struct {
  GwWatch watch; /* first, so that a watch leads to its stream */
  GwReactor *reactor;
  GwTlsSession *tls;
  guint64 written; /* without TLS: bytes handed to the kernel */
  gboolean is_tty;
  gboolean is_refilled; /* it is one of a crowd */
} GwStream;

typedef enum { GW_STREAM_DONE, GW_STREAM_BLOCKED, GW_STREAM_CLOSED, GW_STREAM_BROKEN } GwStreamResult;

GwStreamResult gw_stream_read(GwStream *stream, void *ret_data, gsize size, gsize *ret_size);
/* Both pieces, in one segment if they fit; takes what it can. @has_more: more follows at once, wait for it.
 */
GwStreamResult gw_stream_write(GwStream *stream, const GwSlice pieces[2], gboolean has_more, gsize *ret_size);
/* Up to @size bytes at @offset of @body. DONE: @ret_size > 0 were taken. Under TLS, after BLOCKED, the next
 * call must offer the same bytes, and no fewer. BROKEN also when the body cannot be read so far. */
GwStreamResult gw_stream_send(GwStream *stream, const GwBody *body, guint64 offset, gsize size,
                              gsize *ret_size);
/* All bytes written so far, as gw_stream_unacked() counts them. */
guint64 gw_stream_position(const GwStream *stream);
/* Of these the other side has not acknowledged so many. */
guint64 gw_stream_unacked(const GwStream *stream);
/* Few bytes wait unsent in the kernel when many send at once. */
void gw_stream_limit_queue(GwStream *stream, guint n_transfers);
/* The last piece comes now, and shutdown() after it: it goes with our FIN, not before it. */
void gw_stream_cork(GwStream *stream);
/* Frees descriptor and TLS. close(): in order; what the kernel holds is still delivered. reset(): RST. */
void gw_stream_close(GwStream *stream);
void gw_stream_reset(GwStream *stream);
