/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/reader.h"

#include <string.h>

GwReader
gw_reader(const void *data, gsize size)
{
  return (GwReader){ .data = data, .size = size };
}

gsize
gw_reader_left(const GwReader *reader)
{
  return reader->has_failed ? 0 : reader->size - reader->offset;
}

GwSlice
gw_reader_bytes(GwReader *reader, gsize size)
{
  GwSlice slice = { NULL, 0 };

  if (reader->has_failed || size > reader->size - reader->offset) {
    reader->has_failed = TRUE;
    return slice;
  }
  if (size > 0)
    slice = (GwSlice){ reader->data + reader->offset, size };
  reader->offset += size;
  return slice;
}

guint8
gw_reader_u8(GwReader *reader)
{
  GwSlice slice = gw_reader_bytes(reader, 1);

  return slice.size ? slice.data[0] : 0;
}

guint16
gw_reader_be16(GwReader *reader)
{
  GwSlice slice = gw_reader_bytes(reader, 2);

  return slice.size ? (guint16)(slice.data[0] << 8 | slice.data[1]) : 0;
}

guint32
gw_reader_be32(GwReader *reader)
{
  GwSlice slice = gw_reader_bytes(reader, 4);
  guint32 value;

  if (!slice.size)
    return 0;
  memcpy(&value, slice.data, sizeof value);
  return GUINT32_FROM_BE(value);
}

guint32
gw_reader_le32(GwReader *reader)
{
  return GUINT32_SWAP_LE_BE(gw_reader_be32(reader));
}

GwSlice
gw_reader_until(GwReader *reader, guint8 stop, gsize max)
{
  gsize left = gw_reader_left(reader);
  gsize reach = max < left ? max + 1 : left;
  const guint8 *found = reach ? memchr(reader->data + reader->offset, stop, reach) : NULL;
  GwSlice slice;

  if (!found) {
    reader->has_failed = TRUE;
    return (GwSlice){ NULL, 0 };
  }
  slice = gw_reader_bytes(reader, (gsize)(found - reader->data) - reader->offset);
  reader->offset++;
  return slice;
}

gboolean
gw_slice_decimal(GwSlice slice, guint64 max, guint64 *ret_value)
{
  guint64 value = 0;

  if (slice.size == 0)
    return FALSE;
  for (gsize i = 0; i < slice.size; i++) {
    guint64 digit;

    if (!g_ascii_isdigit(slice.data[i]))
      return FALSE;
    digit = (guint64)(slice.data[i] - '0');
    if (digit > max || value > (max - digit) / 10)
      return FALSE;
    value = value * 10 + digit;
  }
  *ret_value = value;
  return TRUE;
}

gboolean
gw_slice_equal(GwSlice slice, const char *text)
{
  return slice.size == strlen(text) && (slice.size == 0 || memcmp(slice.data, text, slice.size) == 0);
}

gboolean
gw_slice_equal_nocase(GwSlice slice, const char *text)
{
  return slice.size == strlen(text) &&
         (slice.size == 0 || g_ascii_strncasecmp((const char *)slice.data, text, slice.size) == 0);
}
