/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* When the login of a session is looked at: at once, unless others of its address failed or are being looked
 * at (lan/logins.h). One thread, the reactor's. */
#pragma once
#include "lan/logins.h"
#include "net/reactor.h"

typedef struct GwTurns GwTurns;
typedef struct GwTurn GwTurn;
/* Embed it; all zero but the first three. */
struct GwTurn {
  GwTurns *turns;
  const GwAddress *peer;
  /* It is its turn: show the login, then say what became of it. @is_refused: too many wait, it is not looked
   * at. May be called from inside gw_turn_take(). */
  void (*come)(GwTurn *turn, gboolean is_refused);
  GwTimer hold; /* this and what follows is the turns' own */
  GList link;   /* `data` set: waits until another has left */
  gint64 ms;    /* by which it makes others of its address wait */
  gboolean is_waiting, is_looked_at;
};

GwTurns *gw_turns_new(GwReactor *reactor);
/* Nobody may wait any more. */
void gw_turns_free(GwTurns *turns);
void gw_turn_take(GwTurn *turn);
/* It held. */
void gw_turn_held(GwTurn *turn);
/* It did not: so long that is kept from its peer. */
gint64 gw_turn_failed_ms(GwTurn *turn);
/* The verdict is there, or nobody waits for it any more. Harmless if it was never taken. */
void gw_turn_leave(GwTurn *turn);
