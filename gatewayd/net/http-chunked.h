/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Decodes a chunked request body (RFC 9112 section 7.1), strictly: lines end in CRLF, sizes are hexadecimal
 * digits of at most 16, extensions are skipped up to a limit, trailers are skipped up to a limit. Pure: state
 * and bytes in, bytes out. */
#pragma once
#include "base/reader.h"
#include <glib.h>

#define GW_HTTP_CHUNK_LINE_MAX 256
#define GW_HTTP_TRAILER_MAX 2048

/* All zero = at the start. */
typedef struct {
  guint8 state;
  guint8 digits;
  guint16 line_size;
  guint16 trailer_size;
  guint64 left; /* of the current chunk */
} GwHttpChunked;

typedef enum {
  GW_HTTP_CHUNKED_MORE = 0, /* all of @data was framing: call again when more has come */
  GW_HTTP_CHUNKED_DATA,     /* ret_data holds bytes: take them, then call again with the rest */
  GW_HTTP_CHUNKED_END,      /* the body is over */
  GW_HTTP_CHUNKED_BAD,      /* refuse with 400 and close */
} GwHttpChunkedStep;

/* Looks at @data; says in @ret_used how much of it was read and in @ret_data which of these bytes are body.
 */
GwHttpChunkedStep gw_http_chunked_next(GwHttpChunked *chunked, GwSlice data, gsize *ret_used,
                                       GwSlice *ret_data);
