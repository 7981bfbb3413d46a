/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/log.h"

#define FRAME_HEAD 24
#define PAGE_MAX 65536

static guint32
word_at(const guint8 *bytes, gboolean is_big_endian)
{
  return is_big_endian
             ? (guint32)bytes[0] << 24 | (guint32)bytes[1] << 16 | (guint32)bytes[2] << 8 | bytes[3]
             : (guint32)bytes[3] << 24 | (guint32)bytes[2] << 16 | (guint32)bytes[1] << 8 | bytes[0];
}

typedef struct {
  gboolean is_big_endian;
  guint32 a, b;
} Sum;

/* @size is a multiple of 8. */
static void
sum_add(Sum *sum, const guint8 *bytes, gsize size)
{
  for (gsize i = 0; i < size; i += 8) {
    sum->a += word_at(bytes + i, sum->is_big_endian) + sum->b;
    sum->b += word_at(bytes + i + 4, sum->is_big_endian) + sum->a;
  }
}

static gboolean
sum_is(const Sum *sum, const guint8 *bytes)
{
  return sum->a == word_at(bytes, TRUE) && sum->b == word_at(bytes + 4, TRUE);
}

static gboolean
has_head(const guint8 *log, gsize size, Sum *ret_sum)
{
  guint32 magic = size < GW_LOG_HEAD_SIZE ? 0 : word_at(log, TRUE);
  Sum sum = { .is_big_endian = magic & 1 };

  if ((magic | 1) != 0x377f0683)
    return FALSE;
  sum_add(&sum, log, 24);
  *ret_sum = sum;
  return sum_is(&sum, log + 24);
}

/* Frames of this log carry its salt; older ones, left behind by a log that was begun again, another. */
static gboolean
is_of(const guint8 *frame, const guint8 *log)
{
  return memcmp(frame + 8, log + 16, 8) == 0;
}

static gboolean
is_good(const guint8 *frame, gsize page_size, const guint8 *log, Sum *sum)
{
  Sum next = *sum;

  sum_add(&next, frame, 8);
  sum_add(&next, frame + FRAME_HEAD, page_size);
  *sum = next;
  return is_of(frame, log) && sum_is(&next, frame + 16);
}

/* After a bad frame: was a transaction begun when the one that holds it had ended? Then it had been synced
 * before, for each is; else it is the tail that a power cut may leave. */
static GwLogState
judge_rest(const guint8 *rest, gsize size, gsize frame_size, const guint8 *log)
{
  GwLogState state = GW_LOG_GOOD;
  gboolean has_ended = FALSE;

  for (gsize at = 0; at + FRAME_HEAD <= size; at += frame_size) {
    if (!is_of(rest + at, log))
      continue;
    if (has_ended)
      return GW_LOG_HAS_GAP;
    has_ended = word_at(rest + at + 4, TRUE) != 0;
    state = GW_LOG_HAS_TAIL;
  }
  return state;
}

GwLogState
gw_log_check(const guint8 *log, gsize size)
{
  Sum sum;
  gsize page_size, frame_size;

  if (size == 0)
    return GW_LOG_GOOD;
  if (!has_head(log, size, &sum))
    return GW_LOG_UNREADABLE;
  page_size = word_at(log + 8, TRUE);
  if (page_size < 512 || page_size > PAGE_MAX || page_size % 8 != 0)
    return GW_LOG_UNREADABLE;
  frame_size = FRAME_HEAD + page_size;
  for (gsize at = GW_LOG_HEAD_SIZE; at + frame_size <= size; at += frame_size)
    if (!is_good(log + at, page_size, log, &sum))
      return judge_rest(log + at, size - at, frame_size, log);
  return GW_LOG_GOOD;
}
