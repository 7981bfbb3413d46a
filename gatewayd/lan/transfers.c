/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lan/transfers.h"

#include <string.h>

#include "base/clock.h"
#include "lan/coverage.h"

#define LEFT_MAX 64 /* members of a group that stopped half-way, and may go on */

typedef struct {
  char *token, *node;
  guint64 size;
  guint8 segment[8];
  gboolean is_never_cut;
  gboolean is_group;    /* what each member has is counted apart, in its sending */
  gboolean is_open;     /* begun, and neither complete nor interrupted since */
  gboolean is_complete; /* was told */
  GwCoverage coverage;
  GArray *left;    /* of a group: GwCoverage of members that stopped half-way; NULL = none */
  GQueue sendings; /* GwSending */
  int gauge;       /* slot, or -1 */
  guint idle_ms;
  GwTimer idle;
  gint64 ended_ms; /* the last sending */
  GwTimer begun;   /* to tell so; armed: not told yet */
  char *stop_reason;
  GwTransfers *transfers;
  GList link;      /* in `recent` */
  GList open_link; /* in `open` */
} Pin;

struct GwSending {
  Pin *pin;
  guint64 acked;
  guint8 segment[8];
  GwCoverage coverage;  /* of a member of a group */
  gboolean is_complete; /* of such a member: was told */
  gboolean is_cut;      /* told to end */
  void (*cut)(gpointer user);
  gpointer user;
  GList link;
};

struct GwTransfers {
  GwReactor *reactor;
  GwGauges *gauges;
  GwTransfersTell tell;
  gpointer user;
  GwTransferCaps caps;
  GHashTable *pins; /* token -> Pin */
  GQueue recent;    /* Pin, last used first */
  GQueue open;      /* Pin */
};

static void on_idle(GwTimer *timer, gint64 now_ms);
static void on_begun(GwTimer *timer, gint64 now_ms);

/* ---- pins ---- */

static void
segment_of(const GwAddress *peer, guint8 segment[8])
{
  memset(segment, 0, 8);
  if (peer && gw_address_is_ipv4(peer))
    memcpy(segment, peer->bytes + 12, 3);
  else if (peer)
    memcpy(segment, peer->bytes, 8);
}

static void
close_pin(Pin *pin)
{
  if (!pin->is_open)
    return;
  pin->is_open = FALSE;
  g_queue_unlink(&pin->transfers->open, &pin->open_link);
  gw_gauges_give_back(pin->transfers->gauges, pin->gauge);
  pin->gauge = -1;
  gw_wheel_cancel(&pin->idle);
  gw_wheel_cancel(&pin->begun);
}

static void
pin_free(Pin *pin)
{
  GwTransfers *transfers = pin->transfers;

  close_pin(pin);
  g_hash_table_remove(transfers->pins, pin->token);
  g_queue_unlink(&transfers->recent, &pin->link);
  gw_coverage_clear(&pin->coverage);
  g_clear_pointer(&pin->left, g_array_unref);
  g_free(pin->token);
  g_free(pin->node);
  g_free(pin->stop_reason);
  g_free(pin);
}

static void
forget_oldest(GwTransfers *transfers)
{
  for (GList *link = transfers->recent.tail; link; link = link->prev) {
    Pin *pin = link->data;
    if (pin->is_open || pin->sendings.length > 0)
      continue;
    pin_free(pin);
    return;
  }
}

static Pin *
pin_get(GwTransfers *transfers, const GwTransferOf *of)
{
  Pin *pin = g_hash_table_lookup(transfers->pins, of->token);

  if (!pin) {
    if (transfers->recent.length >= GW_TRANSFERS_REMEMBERED)
      forget_oldest(transfers);
    pin = g_new0(Pin, 1);
    pin->transfers = transfers;
    pin->token = g_strdup(of->token);
    pin->node = g_strdup(of->node);
    pin->gauge = -1;
    pin->idle.fire = on_idle;
    pin->begun.fire = on_begun;
    pin->link.data = pin->open_link.data = pin;
    g_hash_table_insert(transfers->pins, pin->token, pin);
    g_queue_push_head_link(&transfers->recent, &pin->link);
  }
  g_queue_unlink(&transfers->recent, &pin->link);
  g_queue_push_head_link(&transfers->recent, &pin->link);
  pin->size = of->size;
  pin->is_never_cut = of->is_never_cut;
  pin->is_group |= of->is_group;
  pin->idle_ms = of->idle_ms;
  segment_of(of->peer, pin->segment);
  return pin;
}

/* ---- facts ---- */

static guint64
acked_of_member(const GwSending *sending)
{
  return gw_coverage_total(&sending->coverage) + sending->acked;
}

/* Of a group: the member that is farthest. */
static guint64
acked_of(const Pin *pin)
{
  guint64 acked = gw_coverage_total(&pin->coverage);

  for (GList *link = pin->sendings.head; link; link = link->next)
    acked =
        pin->is_group ? MAX(acked, acked_of_member(link->data)) : acked + ((GwSending *)link->data)->acked;
  return MIN(acked, pin->size);
}

/* Members of the group that are being sent it now. */
static guint
count_members(const Pin *pin)
{
  guint n = 0;

  for (GList *link = pin->sendings.head; pin->is_group && link; link = link->next)
    n += ((const GwSending *)link->data)->is_complete ? 0 : 1;
  return n;
}

static void
tell_acked(Pin *pin, GwToldKind kind, guint64 acked, const char *detail)
{
  GwTold told = { .kind = kind,
                  .token = pin->token,
                  .node = pin->node,
                  .acked = MIN(acked, pin->size),
                  .size = pin->size,
                  .n_members = count_members(pin),
                  .detail = (char *)detail,
                  .wall_ms = gw_clock_wall_ms() };

  pin->transfers->tell(&told, pin->transfers->user);
}

static void
tell(Pin *pin, GwToldKind kind, const char *detail)
{
  tell_acked(pin, kind, acked_of(pin), detail);
}

static void
show(const Pin *pin)
{
  gw_gauges_set(pin->transfers->gauges, pin->gauge, acked_of(pin));
}

static void
open_pin(Pin *pin)
{
  GwReactor *reactor = pin->transfers->reactor;

  if (pin->is_open)
    return;
  pin->is_open = TRUE;
  pin->is_complete = FALSE;
  g_queue_push_tail_link(&pin->transfers->open, &pin->open_link);
  g_clear_pointer(&pin->stop_reason, g_free);
  pin->gauge = gw_gauges_take(pin->transfers->gauges, pin->token, pin->size);
  show(pin);
  if (pin->is_group)
    tell(pin, GW_TOLD_BEGUN, NULL);
  else
    gw_wheel_arm(gw_reactor_wheel(reactor), &pin->begun, gw_reactor_now_ms(reactor) + GW_TRANSFERS_BRIEF_MS);
}

static void
on_begun(GwTimer *timer, gint64 now_ms)
{
  tell((Pin *)(void *)((char *)timer - G_STRUCT_OFFSET(Pin, begun)), GW_TOLD_BEGUN, NULL);
}

static void
interrupt(Pin *pin)
{
  if (!pin->is_open)
    return;
  if (gw_timer_is_armed(&pin->begun))
    tell(pin, GW_TOLD_BEGUN, NULL);
  tell(pin, GW_TOLD_INTERRUPTED, pin->stop_reason);
  close_pin(pin);
}

static void
on_idle(GwTimer *timer, gint64 now_ms)
{
  interrupt((Pin *)(void *)((char *)timer - G_STRUCT_OFFSET(Pin, idle)));
}

/* ---- members of a group ---- */

static void
clear_coverage(gpointer coverage)
{
  gw_coverage_clear(coverage);
}

/* It stopped half-way: whoever asks for what comes next goes on with it. */
static void
leave(GwSending *sending)
{
  Pin *pin = sending->pin;

  if (sending->coverage.n == 0 || sending->is_complete)
    return;
  if (!pin->left) {
    pin->left = g_array_new(FALSE, FALSE, sizeof(GwCoverage));
    g_array_set_clear_func(pin->left, clear_coverage);
  }
  if (pin->left->len == LEFT_MAX)
    g_array_remove_index(pin->left, 0);
  g_array_append_val(pin->left, sending->coverage);
  sending->coverage = (GwCoverage){ 0 };
}

/* Nobody knows which member it is; but each that stopped goes on once, so that the count is true. */
static void
go_on(GwSending *sending, guint64 offset)
{
  Pin *pin = sending->pin;

  for (guint i = 0; offset > 0 && pin->left && i < pin->left->len; i++) {
    GwCoverage *coverage = &g_array_index(pin->left, GwCoverage, i);
    if (!gw_coverage_has_all(coverage, offset))
      continue;
    sending->coverage = *coverage;
    *coverage = (GwCoverage){ 0 };
    g_array_remove_index(pin->left, i);
    return;
  }
}

static void
begin_member(GwSending *sending, guint64 offset)
{
  Pin *pin = sending->pin;

  go_on(sending, offset);
  if (!pin->is_open)
    open_pin(pin);
  else if (offset == 0)
    tell(pin, GW_TOLD_BEGUN, NULL);
}

static void
complete_member(GwSending *sending)
{
  Pin *pin = sending->pin;

  if (sending->is_complete || !gw_coverage_has_all(&sending->coverage, pin->size))
    return;
  sending->is_complete = TRUE;
  tell_acked(pin, GW_TOLD_COMPLETE, pin->size, NULL);
  if (count_members(pin) == 0)
    close_pin(pin);
}

/* @sending is out of the list. FALSE: others go on, or it may go on itself. */
static gboolean
end_member(GwSending *sending, gboolean is_cut)
{
  Pin *pin = sending->pin;
  guint64 acked = acked_of_member(sending);

  leave(sending);
  if (is_cut && pin->is_open && !sending->is_complete && count_members(pin) > 0)
    tell_acked(pin, GW_TOLD_INTERRUPTED, acked, pin->stop_reason);
  return pin->is_open && count_members(pin) == 0;
}

/* ---- sendings ---- */

static void
begin_node(GwSending *sending, guint64 offset)
{
  Pin *pin = sending->pin;

  /* From the first byte: a new attempt, whatever an earlier one brought. A complete pin is not begun anew by
   * a node that only wants its last piece again. */
  if (offset == 0 && (pin->sendings.length == 1 || pin->is_complete))
    gw_coverage_clear(&pin->coverage);
  if (offset == 0 || !pin->is_complete)
    open_pin(pin);
}

GwSending *
gw_transfers_begin(GwTransfers *transfers, const GwTransferOf *of, guint64 offset, void (*cut)(gpointer user),
                   gpointer user)
{
  Pin *pin = pin_get(transfers, of);
  GwSending *sending = g_new0(GwSending, 1);

  gw_wheel_cancel(&pin->idle);
  sending->pin = pin;
  sending->cut = cut;
  sending->user = user;
  sending->link.data = sending;
  segment_of(of->peer, sending->segment);
  g_queue_push_tail_link(&pin->sendings, &sending->link);
  if (pin->is_group)
    begin_member(sending, offset);
  else
    begin_node(sending, offset);
  return sending;
}

void
gw_sending_progress(GwSending *sending, guint64 acked)
{
  sending->acked = acked;
  show(sending->pin);
}

void
gw_sending_covered(GwSending *sending, guint64 offset, guint64 size)
{
  Pin *pin = sending->pin;

  sending->acked = 0; /* it is in the coverage now */
  gw_coverage_add(pin->is_group ? &sending->coverage : &pin->coverage, offset, size);
  show(pin);
  if (pin->is_group)
    complete_member(sending);
  if (pin->is_group || !pin->is_open || !gw_coverage_has_all(&pin->coverage, pin->size))
    return;
  pin->is_complete = TRUE;
  tell(pin, GW_TOLD_COMPLETE, NULL);
  close_pin(pin);
}

void
gw_sending_end(GwSending *sending, gboolean is_cut)
{
  Pin *pin = sending->pin;
  GwReactor *reactor = pin->transfers->reactor;
  gboolean is_last;

  g_queue_unlink(&pin->sendings, &sending->link);
  pin->ended_ms = gw_reactor_now_ms(reactor);
  is_last = pin->is_group ? end_member(sending, is_cut) : pin->sendings.length == 0 && pin->is_open;
  gw_coverage_clear(&sending->coverage);
  g_free(sending);
  if (is_last && (is_cut || pin->stop_reason))
    interrupt(pin);
  else if (is_last)
    gw_wheel_arm(gw_reactor_wheel(reactor), &pin->idle, gw_reactor_now_ms(reactor) + pin->idle_ms);
}

static GwSending *
find_uncut(Pin *pin)
{
  for (GList *link = pin->sendings.head; link; link = link->next) {
    GwSending *sending = link->data;
    if (!sending->is_cut && !sending->is_complete)
      return sending;
  }
  return NULL;
}

/* Each cut may end its sending at once, and the last one the transfer. */
void
gw_transfers_stop(GwTransfers *transfers, const char *token, const char *reason)
{
  Pin *pin = g_hash_table_lookup(transfers->pins, token);
  GwSending *sending;

  if (!pin || pin->is_never_cut || !pin->is_open)
    return;
  g_free(pin->stop_reason);
  pin->stop_reason = g_strdup(reason);
  while ((sending = find_uncut(pin)) != NULL) {
    sending->is_cut = TRUE;
    sending->cut(sending->user);
  }
  if (pin->sendings.length == 0)
    interrupt(pin);
}

/* ---- caps ---- */

/* A node takes one place, also between two pieces; a group one for each member that is being sent it. */
static guint
count_of(const Pin *pin)
{
  return MAX(count_members(pin), 1);
}

static gboolean
has_place(const Pin *pin)
{
  return pin->sendings.length > 0 ||
         gw_reactor_now_ms(pin->transfers->reactor) - pin->ended_ms < GW_TRANSFERS_PLACE_MS;
}

static gboolean
is_of_segment(const GwSending *sending, const guint8 segment[8])
{
  return !sending->is_complete && memcmp(sending->segment, segment, 8) == 0;
}

static guint
count_of_segment(const GwTransfers *transfers, const guint8 segment[8])
{
  guint n = 0;

  for (GList *link = transfers->open.head; link; link = link->next) {
    const Pin *pin = link->data;
    n += count_members(pin) == 0 && has_place(pin) && memcmp(pin->segment, segment, 8) == 0;
    for (GList *member = pin->sendings.head; pin->is_group && member; member = member->next)
      n += is_of_segment(member->data, segment);
  }
  return n;
}

static guint
count_places(const GwTransfers *transfers)
{
  guint n = 0;

  for (GList *link = transfers->open.head; link; link = link->next)
    n += has_place(link->data) ? count_of(link->data) : 0;
  return n;
}

static guint
count_of_node(const GwTransfers *transfers, const char *node)
{
  guint n = 0;

  for (GList *link = transfers->open.head; link; link = link->next) {
    const Pin *pin = link->data;
    n += strcmp(pin->node, node) == 0 ? pin->sendings.length : 0;
  }
  return n;
}

gboolean
gw_transfers_has_room(const GwTransfers *transfers, const GwTransferOf *of)
{
  const Pin *pin = g_hash_table_lookup(transfers->pins, of->token);
  guint8 segment[8];

  if (of->is_never_cut)
    return TRUE;
  if (!of->is_group && count_of_node(transfers, of->node) >= transfers->caps.per_node)
    return FALSE;
  if (pin && pin->is_open && has_place(pin) && (!of->is_group || count_members(pin) == 0))
    return TRUE;
  segment_of(of->peer, segment);
  return count_places(transfers) < transfers->caps.total &&
         (!of->peer || count_of_segment(transfers, segment) < transfers->caps.per_segment);
}

/* ---- life ---- */

GwTransfers *
gw_transfers_new(GwReactor *reactor, GwGauges *gauges, GwTransfersTell tell_func, gpointer user)
{
  GwTransfers *transfers = g_new0(GwTransfers, 1);

  transfers->reactor = reactor;
  transfers->gauges = gauges;
  transfers->tell = tell_func;
  transfers->user = user;
  transfers->caps = (GwTransferCaps){ 64, 8, 2 };
  transfers->pins = g_hash_table_new(g_str_hash, g_str_equal);
  return transfers;
}

void
gw_transfers_free(GwTransfers *transfers)
{
  if (!transfers)
    return;
  while (transfers->recent.head) {
    Pin *pin = transfers->recent.head->data;
    g_assert(pin->sendings.length == 0);
    pin_free(pin);
  }
  g_hash_table_unref(transfers->pins);
  g_free(transfers);
}

void
gw_transfers_set_caps(GwTransfers *transfers, const GwTransferCaps *caps)
{
  transfers->caps = *caps;
}

guint
gw_transfers_open(const GwTransfers *transfers)
{
  guint n = 0;

  for (GList *link = transfers->open.head; link; link = link->next)
    n += count_of(link->data);
  return n;
}

char **
gw_transfers_tokens(const GwTransfers *transfers)
{
  GPtrArray *tokens = g_ptr_array_new();

  for (GList *link = transfers->open.head; link; link = link->next) {
    const Pin *pin = link->data;
    for (guint i = count_of(pin); i > 0; i--)
      g_ptr_array_add(tokens, g_strdup(pin->token));
  }
  g_ptr_array_add(tokens, NULL);
  return (char **)g_ptr_array_free(tokens, FALSE);
}
