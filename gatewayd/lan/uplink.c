/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lan/uplink.h"

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "gateway-plugin.h"

#define AGAIN_MS 2000
#define HURRY_US 300
#define MAX_REPORTS (GW_UPLINK_MAX_TELLS / 4 * 3)

struct GwPost {
  GwTimer deadline;
  GwUplink *uplink;
  GwMessageType type;
  guint32 serial;
  GVariant *payload;
  GwAnswered answered; /* of a question */
  GwPassed passed;     /* of a question to the vendor */
  GwAcked acked;       /* of a report, while somebody waits */
  gpointer user;
  gboolean is_dear; /* not to be dropped */
  GList link;       /* in asks or tells */
};

struct GwUplink {
  GwReactor *reactor;
  char *path;
  GVariant *hello;
  GwUplinkEvents events;
  gpointer user;
  GwLink *link; /* NULL = no core */
  GwTimer retry;
  GHashTable *posts;  /* serial -> GwPost */
  GQueue asks, tells; /* in order; of the tells, those before `unsent` are on their way */
  GList *unsent;
  guint32 last_serial;
  gboolean has_complained;
};

static const GwLinkEvents LINK_EVENTS;

static gint64
now_ms(const GwUplink *uplink)
{
  return gw_reactor_now_ms(uplink->reactor);
}

static void
arm(GwUplink *uplink, GwTimer *timer, gint64 ms)
{
  gw_wheel_arm(gw_reactor_wheel(uplink->reactor), timer, now_ms(uplink) + ms);
}

/* ---- what waits ---- */

static GQueue *
queue_of(GwPost *post)
{
  return post->type == GW_MESSAGE_TELL ? &post->uplink->tells : &post->uplink->asks;
}

static void
post_free(GwPost *post)
{
  GwUplink *uplink = post->uplink;

  if (uplink->unsent == &post->link)
    uplink->unsent = post->link.next;
  g_queue_unlink(queue_of(post), &post->link);
  g_hash_table_remove(uplink->posts, GUINT_TO_POINTER(post->serial));
  gw_wheel_cancel(&post->deadline);
  g_variant_unref(post->payload);
  g_free(post);
}

static void
on_deadline(GwTimer *timer, gint64 unused)
{
  GwPost *post = (GwPost *)(void *)((char *)timer - G_STRUCT_OFFSET(GwPost, deadline));
  GwAnswered answered = post->answered;
  GwPassed passed = post->passed;
  GwAcked acked = post->acked;
  gpointer user = post->user;

  post->acked = NULL;
  if (answered || passed)
    post_free(post);
  if (answered) {
    answered(NULL, user);
  } else if (passed) {
    passed(NULL, user);
  } else if (acked) {
    acked(GATEWAY_ANSWER_LATER, user);
  }
}

static GwPost *
post_new(GwUplink *uplink, GwMessageType type, GVariant *payload)
{
  GwPost *post = g_new0(GwPost, 1);

  post->uplink = uplink;
  post->type = type;
  do
    uplink->last_serial++;
  while (uplink->last_serial == 0 ||
         g_hash_table_contains(uplink->posts, GUINT_TO_POINTER(uplink->last_serial)));
  post->serial = uplink->last_serial;
  post->payload = g_variant_ref_sink(payload);
  post->deadline.fire = on_deadline;
  post->link.data = post;
  g_queue_push_tail_link(queue_of(post), &post->link);
  g_hash_table_insert(uplink->posts, GUINT_TO_POINTER(post->serial), post);
  return post;
}

static gboolean
transmit(GwPost *post)
{
  return gw_link_send(post->uplink->link, post->type, post->serial, post->payload, NULL, 0);
}

/* Tells go in order: one that finds the link full holds those behind it. */
static void
flush(GwUplink *uplink)
{
  while (uplink->link && uplink->unsent && transmit(uplink->unsent->data))
    uplink->unsent = uplink->unsent->next;
  if (uplink->link && uplink->unsent)
    arm(uplink, &uplink->retry, GW_UPLINK_RETRY_MS);
}

/* ---- the connection ---- */

static void
resend(GwUplink *uplink)
{
  uplink->unsent = uplink->tells.head;
  flush(uplink);
  /* One that does not go now is answered "later" by its deadline. What is for a vendor is not said twice. */
  for (GList *link = uplink->asks.head; link; link = link->next)
    if (((GwPost *)link->data)->type == GW_MESSAGE_ASK)
      (void)transmit(link->data);
}

static void
take(GwUplink *uplink, int fd)
{
  uplink->has_complained = FALSE;
  uplink->link = gw_link_new(fd, gw_reactor_context(uplink->reactor), &LINK_EVENTS, uplink);
  (void)gw_link_send(uplink->link, GW_MESSAGE_HELLO, 0, uplink->hello, NULL, 0);
  uplink->events.connected(uplink->user);
  resend(uplink);
}

static void
connect_now(GwUplink *uplink)
{
  g_autoptr(GError) error = NULL;
  int fd = gw_link_connect(uplink->path, &error);

  if (fd >= 0) {
    take(uplink, fd);
    return;
  }
  if (!uplink->has_complained)
    gw_notice(GW_SUBJECT_LINK, "core", "waiting for it: %s", error->message);
  uplink->has_complained = TRUE;
  arm(uplink, &uplink->retry, GW_UPLINK_RETRY_MS);
}

static void
on_retry(GwTimer *timer, gint64 unused)
{
  GwUplink *uplink = (GwUplink *)(void *)((char *)timer - G_STRUCT_OFFSET(GwUplink, retry));

  if (uplink->link)
    flush(uplink);
  else
    connect_now(uplink);
}

static void
on_answer(GwUplink *uplink, const GwMessage *message)
{
  GwPost *post = g_hash_table_lookup(uplink->posts, GUINT_TO_POINTER(message->serial));
  GwAnswer answer;

  if (!post || !post->answered || !gw_answer_unpack(message->payload, &answer))
    return;
  GwAnswered answered = post->answered;
  gpointer user = post->user;
  post_free(post);
  answered(&answer, user);
  gw_answer_clear(&answer);
}

static void
on_relayed(GwUplink *uplink, const GwMessage *message)
{
  GwPost *post = g_hash_table_lookup(uplink->posts, GUINT_TO_POINTER(message->serial));
  GwRelayAnswer answer;

  if (!post || !post->passed || !gw_relay_answer_unpack(message->payload, &answer))
    return;
  GwPassed passed = post->passed;
  gpointer user = post->user;
  post_free(post);
  passed(&answer, user);
  gw_relay_answer_clear(&answer);
}

/* The core could not write it down. All that it has not acknowledged goes out once more, in order; it knows
 * facts that it has heard before. */
static void
tell_again(GwUplink *uplink)
{
  uplink->unsent = uplink->tells.head;
  arm(uplink, &uplink->retry, AGAIN_MS);
}

static void
on_ack(GwUplink *uplink, const GwMessage *message)
{
  GwPost *post = g_hash_table_lookup(uplink->posts, GUINT_TO_POINTER(message->serial));
  int kind;

  if (!post || post->type != GW_MESSAGE_TELL || !gw_ack_unpack(message->payload, &kind))
    return;
  GwAcked acked = post->acked;
  gpointer user = post->user;
  post->acked = NULL;
  if (kind == GATEWAY_ANSWER_LATER)
    tell_again(uplink);
  else
    post_free(post);
  if (acked)
    acked(kind, user);
}

static void
on_message(GwLink *link, const GwMessage *message, gpointer user)
{
  GwUplink *uplink = user;

  if (message->type == GW_MESSAGE_ANSWER)
    on_answer(uplink, message);
  else if (message->type == GW_MESSAGE_ACK)
    on_ack(uplink, message);
  else if (message->type == GW_MESSAGE_RELAYED)
    on_relayed(uplink, message);
  else if (message->type != GW_MESSAGE_HELLO)
    uplink->events.message(message, uplink->user);
}

static void
on_closed(GwLink *link, const GError *error, gpointer user)
{
  GwUplink *uplink = user;

  gw_warning(GW_SUBJECT_LINK, "core", "lost%s%s", error ? ": " : "", error ? error->message : "");
  g_clear_pointer(&uplink->link, gw_link_free);
  uplink->unsent = uplink->tells.head;
  uplink->events.lost(uplink->user);
  arm(uplink, &uplink->retry, GW_UPLINK_RETRY_MS);
}

static const GwLinkEvents LINK_EVENTS = { on_message, on_closed };

/* ---- life ---- */

GwUplink *
gw_uplink_new(GwReactor *reactor, const char *path, GVariant *hello, const GwUplinkEvents *events,
              gpointer user)
{
  GwUplink *uplink = g_new0(GwUplink, 1);

  uplink->reactor = reactor;
  uplink->path = g_strdup(path);
  uplink->hello = g_variant_ref_sink(hello);
  uplink->events = *events;
  uplink->user = user;
  uplink->posts = g_hash_table_new(NULL, NULL);
  uplink->retry.fire = on_retry;
  arm(uplink, &uplink->retry, 0);
  return uplink;
}

void
gw_uplink_hurry(GwUplink *uplink, guint max_ms)
{
  gint64 end_us = g_get_monotonic_time() + (gint64)max_ms * 1000;
  int fd;

  while ((fd = gw_link_connect(uplink->path, NULL)) < 0 && g_get_monotonic_time() < end_us)
    g_usleep(HURRY_US);
  if (fd < 0)
    return;
  gw_wheel_cancel(&uplink->retry);
  take(uplink, fd);
}

void
gw_uplink_free(GwUplink *uplink)
{
  if (!uplink)
    return;
  gw_link_free(uplink->link);
  while (uplink->asks.head)
    post_free(uplink->asks.head->data);
  while (uplink->tells.head)
    post_free(uplink->tells.head->data);
  gw_wheel_cancel(&uplink->retry);
  g_hash_table_unref(uplink->posts);
  g_variant_unref(uplink->hello);
  g_free(uplink->path);
  g_free(uplink);
}

gboolean
gw_uplink_is_connected(const GwUplink *uplink)
{
  return uplink->link != NULL;
}

static GwPost *
add_ask(GwUplink *uplink, GwMessageType type, GVariant *payload, gint64 wait_ms)
{
  g_autoptr(GVariant) sunk = g_variant_ref_sink(payload);
  GwPost *post;

  if (!uplink->link || uplink->asks.length >= GW_UPLINK_MAX_ASKS)
    return NULL;
  post = post_new(uplink, type, sunk);
  if (!transmit(post)) {
    post_free(post);
    return NULL;
  }
  arm(uplink, &post->deadline, wait_ms);
  return post;
}

GwPost *
gw_uplink_ask(GwUplink *uplink, GVariant *ask, GwAnswered answered, gpointer user)
{
  GwPost *post = add_ask(uplink, GW_MESSAGE_ASK, ask, GW_UPLINK_WAIT_MS);

  if (post) {
    post->answered = answered;
    post->user = user;
  }
  return post;
}

GwPost *
gw_uplink_pass(GwUplink *uplink, GVariant *relay, GwPassed passed, gpointer user)
{
  GwPost *post = add_ask(uplink, GW_MESSAGE_RELAY, relay, GW_UPLINK_PASS_MS);

  if (post) {
    post->passed = passed;
    post->user = user;
  }
  return post;
}

/* The oldest that the core can do without makes room. */
static gboolean
make_room(GwUplink *uplink)
{
  if (uplink->tells.length < GW_UPLINK_MAX_TELLS)
    return TRUE;
  for (GList *link = uplink->tells.head; link; link = link->next) {
    GwPost *post = link->data;
    if (post->is_dear)
      continue;
    post_free(post);
    return TRUE;
  }
  return FALSE;
}

static GwPost *
add_tell(GwUplink *uplink, const GwTold *told)
{
  GwPost *post = post_new(uplink, GW_MESSAGE_TELL, gw_told_pack(told));

  post->is_dear = told->kind == GW_TOLD_REPORT || told->kind == GW_TOLD_COMPLETE;
  if (!uplink->unsent)
    uplink->unsent = &post->link;
  flush(uplink);
  return post;
}

GwPost *
gw_uplink_report(GwUplink *uplink, const GwTold *told, GwAcked acked, gpointer user)
{
  GwPost *post;

  if (uplink->tells.length >= MAX_REPORTS)
    return NULL;
  post = add_tell(uplink, told);
  post->acked = acked;
  post->user = user;
  arm(uplink, &post->deadline, GW_UPLINK_WAIT_MS);
  return post;
}

void
gw_uplink_tell(GwUplink *uplink, const GwTold *told)
{
  static GwLogLimit limit;

  if (make_room(uplink))
    add_tell(uplink, told);
  else
    gw_log_peer(&limit, LOG_ERR, GW_SUBJECT_LINK, "core", "too many facts wait for it; one was lost");
}

void
gw_uplink_cancel(GwUplink *uplink, GwPost *post)
{
  post->acked = NULL;
  if (post->type != GW_MESSAGE_TELL)
    post_free(post);
}

gboolean
gw_uplink_send(GwUplink *uplink, GwMessageType type, GVariant *payload, const int *fds, guint n_fds)
{
  g_autoptr(GVariant) sunk = g_variant_ref_sink(payload);

  return uplink->link &&
         gw_link_send(uplink->link, type, gw_link_next_serial(uplink->link), sunk, fds, n_fds);
}

guint
gw_uplink_waiting(const GwUplink *uplink)
{
  return uplink->tells.length;
}
