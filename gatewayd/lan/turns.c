/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lan/turns.h"

struct GwTurns {
  GwReactor *reactor;
  GwLogins *logins;
  GQueue waiting; /* GwTurn, that may not be looked at before another has left */
};

static gint64
now_ms(const GwTurns *turns)
{
  return gw_reactor_now_ms(turns->reactor);
}

static void
wait_no_more(GwTurn *turn)
{
  if (turn->link.data)
    g_queue_unlink(&turn->turns->waiting, &turn->link);
  turn->link.data = NULL;
}

static void
come(GwTurn *turn, gboolean is_refused)
{
  turn->is_waiting = FALSE;
  turn->come(turn, is_refused);
}

static void
look(GwTurn *turn)
{
  turn->is_looked_at = gw_logins_enter(turn->turns->logins, turn->peer);
  if (turn->is_looked_at) {
    come(turn, FALSE);
    return;
  }
  turn->link.data = turn;
  g_queue_push_tail_link(&turn->turns->waiting, &turn->link);
}

static void
on_hold_over(GwTimer *timer, gint64 unused)
{
  look((GwTurn *)(void *)((char *)timer - G_STRUCT_OFFSET(GwTurn, hold)));
}

/* FALSE: it has to wait for the time of its turn, or too many do. */
static gboolean
is_its_turn(GwTurn *turn)
{
  GwTurns *turns = turn->turns;
  gint64 ms = gw_logins_hold_ms(turns->logins, turn->peer, now_ms(turns), &turn->ms);

  if (ms < 0)
    come(turn, TRUE);
  else if (ms > 0)
    gw_wheel_arm(gw_reactor_wheel(turns->reactor), &turn->hold, now_ms(turns) + ms);
  return ms == 0;
}

void
gw_turn_take(GwTurn *turn)
{
  turn->hold.fire = on_hold_over;
  turn->is_waiting = TRUE;
  if (is_its_turn(turn))
    look(turn);
}

void
gw_turn_held(GwTurn *turn)
{
  if (turn->ms > 0)
    gw_logins_release(turn->turns->logins, turn->peer, turn->ms, now_ms(turn->turns));
  turn->ms = 0;
}

gint64
gw_turn_failed_ms(GwTurn *turn)
{
  turn->ms = 0;
  return gw_logins_failed_ms(turn->turns->logins, turn->peer, now_ms(turn->turns));
}

/* The next of its address; if there was a failure, all of them wait for the time of their turns. */
static void
call_next(GwTurns *turns, const GwAddress *peer)
{
  for (GList *link = turns->waiting.head, *next; link; link = next) {
    GwTurn *turn = link->data;
    next = link->next;
    if (!gw_logins_is_same(turn->peer, peer))
      continue;
    wait_no_more(turn);
    if (!is_its_turn(turn))
      continue;
    look(turn);
    return;
  }
}

void
gw_turn_leave(GwTurn *turn)
{
  gboolean was_looked_at = turn->is_looked_at;

  if (turn->is_waiting)
    gw_turn_held(turn);
  turn->is_waiting = turn->is_looked_at = FALSE;
  wait_no_more(turn);
  gw_wheel_cancel(&turn->hold);
  if (!was_looked_at)
    return;
  gw_logins_leave(turn->turns->logins, turn->peer);
  call_next(turn->turns, turn->peer);
}

GwTurns *
gw_turns_new(GwReactor *reactor)
{
  GwTurns *turns = g_new0(GwTurns, 1);

  turns->reactor = reactor;
  turns->logins = gw_logins_new();
  return turns;
}

void
gw_turns_free(GwTurns *turns)
{
  if (!turns)
    return;
  gw_logins_free(turns->logins);
  g_free(turns);
}
