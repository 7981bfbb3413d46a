/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/wheel.h"

#define SLOT_BITS 6
#define SLOT_MASK (GW_WHEEL_SLOTS - 1)
G_STATIC_ASSERT(1 << SLOT_BITS == GW_WHEEL_SLOTS);
/* Farther deadlines wait in the last slot and are looked at again then. */
#define REACH_TICKS ((G_GINT64_CONSTANT(1) << (SLOT_BITS * GW_WHEEL_LEVELS)) - 1)

static void
list_init(GwTimer *head)
{
  head->next = head->previous = head;
}

static void
list_append(GwTimer *head, GwTimer *timer)
{
  timer->previous = head->previous;
  timer->next = head;
  head->previous->next = timer;
  head->previous = timer;
}

/* Takes the whole list over, so that what is armed meanwhile is not met again. */
static void
list_move(GwTimer *from, GwTimer *to)
{
  list_init(to);
  if (from->next == from)
    return;
  *to = (GwTimer){ .next = from->next, .previous = from->previous };
  to->next->previous = to;
  to->previous->next = to;
  list_init(from);
}

void
gw_wheel_init(GwWheel *wheel, gint64 now_ms)
{
  *wheel = (GwWheel){ .tick = now_ms / GW_WHEEL_TICK_MS, .now_ms = now_ms };
  list_init(&wheel->due);
  for (guint level = 0; level < GW_WHEEL_LEVELS; level++)
    for (guint slot = 0; slot < GW_WHEEL_SLOTS; slot++)
      list_init(&wheel->slots[level][slot]);
}

/* The first tick that begins at or after the deadline. */
static gint64
exact_tick(const GwTimer *timer)
{
  return timer->due_ms <= 0 ? 0 : 1 + (timer->due_ms - 1) / GW_WHEEL_TICK_MS;
}

static gint64
due_tick(const GwWheel *wheel, const GwTimer *timer)
{
  return CLAMP(exact_tick(timer), wheel->tick, wheel->tick + REACH_TICKS);
}

static void
insert(GwWheel *wheel, GwTimer *timer)
{
  gint64 tick = due_tick(wheel, timer);
  guint level = 0;
  guint slot;

  while ((tick - wheel->tick) >> (SLOT_BITS * (level + 1)) > 0)
    level++;
  slot = (guint)(tick >> (SLOT_BITS * level)) & SLOT_MASK;
  list_append(&wheel->slots[level][slot], timer);
  wheel->occupied[level] |= G_GUINT64_CONSTANT(1) << slot;
}

void
gw_wheel_arm(GwWheel *wheel, GwTimer *timer, gint64 due_ms)
{
  gboolean is_later = timer->next && due_ms >= timer->due_ms;

  timer->due_ms = due_ms;
  if (is_later)
    return; /* when its slot comes up it is put where it belongs */
  gw_wheel_cancel(timer);
  if (due_ms <= wheel->now_ms)
    list_append(&wheel->due, timer);
  else
    insert(wheel, timer);
}

void
gw_wheel_cancel(GwTimer *timer)
{
  if (!timer->next)
    return;
  timer->next->previous = timer->previous;
  timer->previous->next = timer->next;
  timer->next = timer->previous = NULL;
}

gboolean
gw_timer_is_armed(const GwTimer *timer)
{
  return timer->next != NULL;
}

/* Empties the slot of @level that begins at the current tick: what is due goes to @due, the rest nearer. */
static void
empty_slot(GwWheel *wheel, guint level, GwTimer *due)
{
  guint slot = (guint)(wheel->tick >> (SLOT_BITS * level)) & SLOT_MASK;
  GwTimer list;

  list_move(&wheel->slots[level][slot], &list);
  wheel->occupied[level] &= ~(G_GUINT64_CONSTANT(1) << slot);
  while (list.next != &list) {
    GwTimer *timer = list.next;

    gw_wheel_cancel(timer);
    if (due_tick(wheel, timer) == wheel->tick)
      list_append(due, timer);
    else
      insert(wheel, timer);
  }
}

/* Those in @due; one may have been moved to later by one that fired before it. */
static void
fire_all(GwWheel *wheel, GwTimer *due, gint64 now_ms)
{
  while (due->next != due) {
    GwTimer *timer = due->next;

    gw_wheel_cancel(timer);
    if (timer->due_ms > now_ms)
      insert(wheel, timer);
    else
      timer->fire(timer, now_ms);
  }
}

static void
run_tick(GwWheel *wheel, gint64 now_ms)
{
  GwTimer due;
  guint level = 0;

  list_init(&due);
  while (level + 1 < GW_WHEEL_LEVELS &&
         (wheel->tick & ((G_GINT64_CONSTANT(1) << (SLOT_BITS * (level + 1))) - 1)) == 0)
    level++;
  for (guint i = level + 1; i-- > 0;)
    empty_slot(wheel, i, &due);
  wheel->tick++;
  fire_all(wheel, &due, now_ms);
}

/* The first tick at which a slot that may hold a timer comes up, or G_MAXINT64. */
static gint64
next_tick(const GwWheel *wheel)
{
  gint64 nearest = G_MAXINT64;

  for (guint level = 0; level < GW_WHEEL_LEVELS; level++) {
    guint bits = SLOT_BITS * level;
    gint64 first =
        (wheel->tick + (G_GINT64_CONSTANT(1) << bits) - 1) >> bits; /* first slot not yet emptied */
    guint turn = (guint)first & SLOT_MASK;
    guint64 occupied = wheel->occupied[level];

    if (occupied == 0)
      continue;
    if (turn != 0)
      occupied = occupied >> turn | occupied << (GW_WHEEL_SLOTS - turn);
    nearest = MIN(nearest, (first + __builtin_ctzll(occupied)) << bits);
  }
  return nearest;
}

void
gw_wheel_advance(GwWheel *wheel, gint64 now_ms)
{
  gint64 last = now_ms / GW_WHEEL_TICK_MS;
  GwTimer due;

  list_move(&wheel->due, &due);
  wheel->now_ms = now_ms;
  fire_all(wheel, &due, now_ms);
  while (wheel->tick <= last) {
    gint64 next = next_tick(wheel);

    if (next > last) {
      wheel->tick = last + 1;
      return;
    }
    wheel->tick = next;
    run_tick(wheel, now_ms);
  }
}

int
gw_wheel_wait_ms(const GwWheel *wheel, gint64 now_ms)
{
  gint64 next = next_tick(wheel);

  if (wheel->due.next != &wheel->due)
    return 0;
  if (next == G_MAXINT64)
    return -1;
  return (int)CLAMP(next * GW_WHEEL_TICK_MS - now_ms, 0, G_MAXINT);
}
