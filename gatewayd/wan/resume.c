/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wan/resume.h"

#include <string.h>

#include "base/reader.h"

#define MAX_DIGITS 20

gboolean
gw_validator_is_strong(const char *validator)
{
  gsize size = validator ? strlen(validator) : 0;

  return size >= 2 && validator[0] == '"' && validator[size - 1] == '"' &&
         !memchr(validator + 1, '"', size - 2);
}

static gboolean
decimal(GwSlice slice, guint64 *ret_value)
{
  return gw_slice_decimal(slice, G_MAXINT64, ret_value);
}

gboolean
gw_content_range_parse(const char *text, guint64 *ret_first, guint64 *ret_last, guint64 *ret_total)
{
  GwReader reader = gw_reader(text, strlen(text));
  GwSlice unit = gw_reader_until(&reader, ' ', 8);
  GwSlice first_text = gw_reader_until(&reader, '-', MAX_DIGITS);
  GwSlice last_text = gw_reader_until(&reader, '/', MAX_DIGITS);
  GwSlice total_text = gw_reader_bytes(&reader, gw_reader_left(&reader));
  guint64 first, last, total = 0;

  if (reader.has_failed || !gw_slice_equal_nocase(unit, "bytes"))
    return FALSE;
  if (!decimal(first_text, &first) || !decimal(last_text, &last) || first > last)
    return FALSE;
  if (!gw_slice_equal(total_text, "*") && (!decimal(total_text, &total) || last >= total))
    return FALSE;
  *ret_first = first;
  *ret_last = last;
  *ret_total = total;
  return TRUE;
}

static GwResume
judge_part(const GwResumed *resumed, guint64 *ret_total)
{
  guint64 first, last, total;

  if (!resumed->content_range || !gw_content_range_parse(resumed->content_range, &first, &last, &total))
    return GW_RESUME_ASK_WHOLE; /* also multipart/byteranges */
  if (first != resumed->offset)
    return GW_RESUME_ASK_WHOLE;
  if (resumed->etag && g_strcmp0(resumed->etag, resumed->validator) != 0)
    return GW_RESUME_ASK_WHOLE; /* a part of something else */
  *ret_total = total;
  return GW_RESUME_CONTINUES;
}

GwResume
gw_resume_judge(const GwResumed *resumed, guint64 *ret_total)
{
  if (resumed->status == 200)
    return GW_RESUME_WHOLE;
  if (resumed->offset == 0)
    return GW_RESUME_NONSENSE;
  return resumed->status == 206 ? judge_part(resumed, ret_total) : GW_RESUME_ASK_WHOLE;
}
