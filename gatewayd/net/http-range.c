/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/http-range.h"

#include <string.h>

/* Digits that say more than 64 bits can hold mean "beyond every end". */
static gboolean
read_position(GwSlice digits, guint64 *ret_position)
{
  guint64 position = 0;

  if (digits.size == 0)
    return FALSE;
  for (gsize i = 0; i < digits.size; i++) {
    guint digit = (guint)(digits.data[i] - '0');

    if (digit > 9)
      return FALSE;
    position = position > (G_MAXUINT64 - digit) / 10 ? G_MAXUINT64 : position * 10 + digit;
  }
  *ret_position = position;
  return TRUE;
}

typedef enum { RANGE_ABSENT, RANGE_GOOD, RANGE_UNSATISFIABLE } RangeKind;

/* @spec: "0-499", "500-" or "-500". */
static RangeKind
read_spec(GwSlice spec, guint64 body_size, GwHttpRange *ret_range)
{
  GwReader reader = gw_reader(spec.data, spec.size);
  GwSlice first_text = gw_reader_until(&reader, '-', spec.size);
  GwSlice last_text = gw_reader_bytes(&reader, gw_reader_left(&reader));
  guint64 first, last;

  if (reader.has_failed)
    return RANGE_ABSENT;
  if (first_text.size == 0) {
    if (!read_position(last_text, &last))
      return RANGE_ABSENT;
    if (last == 0 || body_size == 0)
      return last == 0 ? RANGE_UNSATISFIABLE : RANGE_ABSENT;
    last = MIN(last, body_size);
    *ret_range = (GwHttpRange){ 206, body_size - last, last };
    return RANGE_GOOD;
  }
  if (!read_position(first_text, &first))
    return RANGE_ABSENT;
  last = G_MAXUINT64;
  if (last_text.size > 0 && (!read_position(last_text, &last) || last < first))
    return RANGE_ABSENT;
  if (first >= body_size)
    return RANGE_UNSATISFIABLE;
  last = MIN(last, body_size - 1);
  *ret_range = (GwHttpRange){ 206, first, last - first + 1 };
  return RANGE_GOOD;
}

static RangeKind
read_range(GwSlice value, guint64 body_size, guint flags, GwHttpRange *ret_range)
{
  GwReader reader = gw_reader(value.data, value.size);
  GwSlice unit = gw_reader_until(&reader, '=', 16);
  GwSlice spec = gw_reader_bytes(&reader, gw_reader_left(&reader));

  if (reader.has_failed || !gw_slice_equal_nocase(unit, "bytes"))
    return RANGE_ABSENT;
  if ((flags & GW_HTTP_RANGE0_IS_200) && gw_slice_equal(spec, "0-"))
    return RANGE_ABSENT;
  return read_spec(spec, body_size, ret_range); /* a comma is no digit: several ranges are answered whole */
}

/* One entity tag at the start of @reader, W/ told apart. */
static gboolean
read_etag(GwReader *reader, GwSlice *ret_etag)
{
  gsize start = reader->offset;

  if (gw_reader_left(reader) >= 2 && memcmp(reader->data + start, "W/", 2) == 0) {
    gw_reader_bytes(reader, 2);
    start += 2;
  }
  if (gw_reader_u8(reader) != '"')
    return FALSE;
  gw_reader_until(reader, '"', gw_reader_left(reader));
  if (reader->has_failed)
    return FALSE;
  *ret_etag = (GwSlice){ reader->data + start, reader->offset - start };
  return TRUE;
}

static void
skip_list_blanks(GwReader *reader)
{
  while (gw_reader_left(reader) > 0 && memchr(" \t,", reader->data[reader->offset], 3))
    gw_reader_u8(reader);
}

/* If-None-Match: "*" or a list, compared weakly. */
static gboolean
is_known_to_peer(GwSlice if_none_match, const char *etag)
{
  GwReader reader = gw_reader(if_none_match.data, if_none_match.size);
  GwSlice candidate;

  if (gw_slice_equal(if_none_match, "*"))
    return TRUE;
  for (skip_list_blanks(&reader); gw_reader_left(&reader) > 0; skip_list_blanks(&reader)) {
    if (!read_etag(&reader, &candidate))
      return FALSE;
    if (gw_slice_equal(candidate, etag))
      return TRUE;
  }
  return FALSE;
}

GwHttpRange
gw_http_range_select(const GwHttpConditions *conditions, guint64 body_size, const char *etag, guint flags)
{
  GwHttpRange range = { 200, 0, body_size };

  if (conditions->if_none_match.data && etag && is_known_to_peer(conditions->if_none_match, etag))
    return (GwHttpRange){ 304, 0, 0 };
  if (!conditions->range.data || (flags & GW_HTTP_RANGE_IGNORE))
    return range;
  if (conditions->if_range.data && !(etag && gw_slice_equal(conditions->if_range, etag)))
    return range;
  if (read_range(conditions->range, body_size, flags, &range) == RANGE_UNSATISFIABLE)
    return (GwHttpRange){ 416, 0, 0 };
  return range;
}
