/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A bounded reader over foreign bytes: it cannot overrun, and once a read failed every later one fails too,
 * so a parser checks once at its end. All functions return FALSE / 0 / an empty slice after the end. No
 * allocation. */
#pragma once
#include <glib.h>

typedef struct {
  const guint8 *data;
  gsize size;
} GwSlice;

typedef struct {
  const guint8 *data;
  gsize size, offset;
  gboolean has_failed;
} GwReader;

GwReader gw_reader(const void *data, gsize size);
gsize gw_reader_left(const GwReader *reader);
guint8 gw_reader_u8(GwReader *reader);
guint16 gw_reader_be16(GwReader *reader);
guint32 gw_reader_be32(GwReader *reader);
guint32 gw_reader_le32(GwReader *reader);
GwSlice gw_reader_bytes(GwReader *reader, gsize size);
/* Up to and without @stop, which is consumed; fails if @stop does not come within @max bytes. */
GwSlice gw_reader_until(GwReader *reader, guint8 stop, gsize max);
/* Decimal digits at the start of @slice, all of it; FALSE for empty, a sign, a blank, or above @max. */
gboolean gw_slice_decimal(GwSlice slice, guint64 max, guint64 *ret_value);
gboolean gw_slice_equal(GwSlice slice, const char *text);
gboolean gw_slice_equal_nocase(GwSlice slice, const char *text);
