/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lan/core-link.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "gateway-plugin.h"

#define RETRY_MS 200
#define ASK_TIMEOUT_MS 10000
#define ASKS_MAX 4096
#define TELLS_MAX 20000

typedef struct {
  guint32 id;
  gint64 due_ms;
  GwAskDone done;
  gpointer user;
} Ask;

typedef struct {
  guint32 id;
  GVariant *payload;
  gboolean is_sent; /* on this connection */
  GwTellDone done;
  gpointer user;
} Tell;

typedef struct {
  guint8 sha256[GW_SHA256_LEN];
  GwOpenDone done;
  gpointer user;
} Open;

struct GwCoreLink {
  GwCoreLinkSetup setup;
  char *path, *instance;
  GwLink *link;   /* NULL = away */
  gboolean is_up; /* the core said hello */
  guint32 last_id;
  GHashTable *asks;     /* id -> Ask */
  GQueue tells;         /* Tell, in order */
  GHashTable *tell_ids; /* id -> GList of `tells` */
  GHashTable *opens;    /* id -> Open */
  guint timer;
  GwLogLimit limit;
};

static void on_message(GwLink *link, const GwMessage *message, gpointer user);
static void on_closed(GwLink *link, const GError *error, gpointer user);
static const GwLinkEvents LINK_EVENTS = { on_message, on_closed };

static guint32
next_id(GwCoreLink *self)
{
  if (++self->last_id == 0)
    self->last_id = 1;
  return self->last_id;
}

static void
tell_free(gpointer data)
{
  Tell *tell = data;
  g_variant_unref(tell->payload);
  g_free(tell);
}

/* ---- connecting ---- */

static void
connect_now(GwCoreLink *self)
{
  g_autoptr(GError) error = NULL;
  int fd = gw_link_connect(self->path, &error);
  if (fd < 0) {
    gw_log_peer(&self->limit, LOG_INFO, GW_SUBJECT_LINK, "core", "waiting for the core: %s", error->message);
    return;
  }
  self->link = gw_link_new(fd, NULL, &LINK_EVENTS, self);
  GwHello hello = { .version = GW_LINK_VERSION, .role = "lan", .instance = self->instance, .build = "" };
  g_autoptr(GVariant) plugins = g_variant_ref_sink(self->setup.events->plugins(self->setup.user));
  hello.plugins = plugins;
  gw_link_send(self->link, GW_MESSAGE_HELLO, gw_link_next_serial(self->link), gw_hello_pack(&hello), NULL, 0);
}

/* In order, as far as the queue takes them; the rest goes when acknowledgements come. */
static void
send_tells(GwCoreLink *self)
{
  for (GList *at = self->tells.head; at && self->is_up; at = at->next) {
    Tell *tell = at->data;
    if (tell->is_sent)
      continue;
    if (!gw_link_send(self->link, GW_MESSAGE_TELL, tell->id, tell->payload, NULL, 0))
      return;
    tell->is_sent = TRUE;
  }
}

static void
on_hello(GwCoreLink *self)
{
  if (self->is_up)
    return;
  self->is_up = TRUE;
  gw_info(GW_SUBJECT_LINK, "core", "connected");
  gw_link_send(self->link, GW_MESSAGE_GAUGES, 0, g_variant_new("a{sv}", NULL), &self->setup.gauges_fd, 1);
  g_auto(GStrv) tokens = self->setup.events->transfers(self->setup.user);
  gw_link_send(self->link, GW_MESSAGE_TRANSFERS, 0, gw_transfers_pack((const char *const *)tokens), NULL, 0);
  self->setup.events->state(TRUE, self->setup.user);
  send_tells(self);
}

static void
fail_asks(GwCoreLink *self, gint64 before_ms)
{
  GHashTableIter iter;
  gpointer value;
  g_autoptr(GPtrArray) failed = g_ptr_array_new_with_free_func(g_free);
  g_hash_table_iter_init(&iter, self->asks);
  while (g_hash_table_iter_next(&iter, NULL, &value)) {
    if (((Ask *)value)->due_ms > before_ms)
      continue;
    g_hash_table_iter_steal(&iter);
    g_ptr_array_add(failed, value);
  }
  for (guint i = 0; i < failed->len; i++) {
    Ask *ask = failed->pdata[i];
    ask->done(NULL, ask->user);
  }
}

static void
fail_opens(GwCoreLink *self)
{
  GHashTableIter iter;
  gpointer value;
  g_autoptr(GPtrArray) failed = g_ptr_array_new_with_free_func(g_free);
  g_hash_table_iter_init(&iter, self->opens);
  while (g_hash_table_iter_next(&iter, NULL, &value)) {
    g_hash_table_iter_steal(&iter);
    g_ptr_array_add(failed, value);
  }
  for (guint i = 0; i < failed->len; i++) {
    Open *open = failed->pdata[i];
    open->done(open->sha256, -1, TRUE, open->user);
  }
}

static void
on_closed(GwLink *link, const GError *error, gpointer user)
{
  GwCoreLink *self = user;
  gw_log_peer(&self->limit, LOG_WARNING, GW_SUBJECT_LINK, "core", "the core is gone%s%s", error ? ": " : "",
              error ? error->message : "");
  g_clear_pointer(&self->link, gw_link_free);
  self->is_up = FALSE;
  for (GList *at = self->tells.head; at; at = at->next)
    ((Tell *)at->data)->is_sent = FALSE;
  fail_asks(self, G_MAXINT64);
  fail_opens(self);
  self->setup.events->state(FALSE, self->setup.user);
}

static gboolean
on_timer(gpointer user)
{
  GwCoreLink *self = user;
  if (!self->link)
    connect_now(self);
  fail_asks(self, gw_clock_boot_ms());
  if (self->is_up)
    send_tells(self);
  return G_SOURCE_CONTINUE;
}

/* ---- what the core says ---- */

static void
on_answer(GwCoreLink *self, guint32 id, GVariant *payload)
{
  GwAnswer answer = { 0 };
  gpointer value;
  if (!g_hash_table_steal_extended(self->asks, GUINT_TO_POINTER(id), NULL, &value))
    return;
  g_autofree Ask *ask = value;
  gboolean is_good = gw_answer_unpack(payload, &answer);
  ask->done(is_good ? &answer : NULL, ask->user);
  gw_answer_clear(&answer);
}

static void
on_ack(GwCoreLink *self, guint32 id, GVariant *payload)
{
  int kind;
  GList *at = g_hash_table_lookup(self->tell_ids, GUINT_TO_POINTER(id));
  if (!at || !gw_ack_unpack(payload, &kind))
    return;
  Tell *tell = at->data;
  if (kind == GATEWAY_ANSWER_LATER && !tell->done) {
    tell->is_sent = FALSE; /* nobody waits for it: it stays in its place and is told again */
    return;
  }
  g_hash_table_remove(self->tell_ids, GUINT_TO_POINTER(id));
  g_queue_delete_link(&self->tells, at);
  if (tell->done)
    tell->done(kind, tell->user);
  tell_free(tell);
  send_tells(self);
}

static void
on_blob(GwCoreLink *self, const GwMessage *message)
{
  GwBlobMessage blob = { .is_busy = TRUE };
  gpointer value;
  if (!g_hash_table_steal_extended(self->opens, GUINT_TO_POINTER(message->serial), NULL, &value))
    return;
  g_autofree Open *open = value;
  gboolean is_good =
      gw_blob_unpack(message->payload, &blob) && memcmp(blob.sha256, open->sha256, GW_SHA256_LEN) == 0;
  int fd = is_good && message->n_fds == 1 ? message->fds[0] : -1;
  if (fd >= 0)
    message->fds[0] = -1;
  /* a message that promised a descriptor and came without one lost it on the way: busy */
  open->done(open->sha256, fd, fd < 0 && (blob.is_busy || blob.size > 0), open->user);
}

static void
on_invalidate(GwCoreLink *self, GVariant *payload)
{
  guint32 epoch;
  g_auto(GStrv) nodes = NULL;
  if (gw_invalidate_unpack(payload, &epoch, &nodes))
    self->setup.events->invalidate(epoch, nodes, self->setup.user);
}

static void
on_config(GwCoreLink *self, GVariant *payload)
{
  guint32 epoch;
  g_autoptr(GVariant) sections = NULL;
  if (gw_config_unpack(payload, &epoch, &sections))
    self->setup.events->config(sections, self->setup.user);
}

static void
on_wake(GwCoreLink *self, GVariant *payload)
{
  g_autofree char *plugin = NULL, *node = NULL, *verb = NULL, *argument = NULL;
  if (gw_wake_unpack(payload, &plugin, &node, &verb, &argument))
    self->setup.events->wake(plugin, node, verb, argument, self->setup.user);
}

static void
on_stop(GwCoreLink *self, GVariant *payload)
{
  g_autofree char *token = NULL, *reason = NULL;
  if (gw_stop_unpack(payload, &token, &reason))
    self->setup.events->stop(token, reason, self->setup.user);
}

static void
on_message(GwLink *link, const GwMessage *message, gpointer user)
{
  GwCoreLink *self = user;
  switch (message->type) {
  case GW_MESSAGE_HELLO:
    on_hello(self);
    return;
  case GW_MESSAGE_CONFIG:
    on_config(self, message->payload);
    return;
  case GW_MESSAGE_ANSWER:
    on_answer(self, message->serial, message->payload);
    return;
  case GW_MESSAGE_ACK:
    on_ack(self, message->serial, message->payload);
    return;
  case GW_MESSAGE_BLOB:
    on_blob(self, message);
    return;
  case GW_MESSAGE_INVALIDATE:
    on_invalidate(self, message->payload);
    return;
  case GW_MESSAGE_WAKE:
    on_wake(self, message->payload);
    return;
  case GW_MESSAGE_STOP:
    on_stop(self, message->payload);
    return;
  default:
    return; /* a newer core */
  }
}

/* ---- life ---- */

GwCoreLink *
gw_core_link_new(const GwCoreLinkSetup *setup)
{
  GwCoreLink *self = g_new0(GwCoreLink, 1);
  self->setup = *setup;
  self->path = g_strdup(setup->path);
  self->instance = g_strdup(setup->instance);
  self->asks = g_hash_table_new_full(NULL, NULL, NULL, g_free);
  self->opens = g_hash_table_new_full(NULL, NULL, NULL, g_free);
  self->tell_ids = g_hash_table_new(NULL, NULL);
  g_queue_init(&self->tells);
  self->timer = g_timeout_add(RETRY_MS, on_timer, self);
  connect_now(self);
  return self;
}

void
gw_core_link_free(GwCoreLink *self)
{
  if (!self)
    return;
  g_source_remove(self->timer);
  g_clear_pointer(&self->link, gw_link_free);
  g_hash_table_unref(self->asks);
  g_hash_table_unref(self->opens);
  g_hash_table_unref(self->tell_ids);
  g_queue_clear_full(&self->tells, tell_free);
  g_free(self->path);
  g_free(self->instance);
  g_free(self);
}

gboolean
gw_core_link_is_up(const GwCoreLink *self)
{
  return self->is_up;
}

/* ---- asking and telling ---- */

guint32
gw_core_link_ask(GwCoreLink *self, const GwAsk *ask, GwAskDone done, gpointer user)
{
  if (!self->is_up || g_hash_table_size(self->asks) >= ASKS_MAX)
    return 0;
  guint32 id = next_id(self);
  if (!gw_link_send(self->link, GW_MESSAGE_ASK, id, gw_ask_pack(ask), NULL, 0))
    return 0;
  Ask *waiting = g_new(Ask, 1);
  *waiting = (Ask){ id, gw_clock_boot_ms() + ASK_TIMEOUT_MS, done, user };
  g_hash_table_insert(self->asks, GUINT_TO_POINTER(id), waiting);
  return id;
}

void
gw_core_link_forget(GwCoreLink *self, guint32 id)
{
  g_hash_table_remove(self->asks, GUINT_TO_POINTER(id));
}

guint32
gw_core_link_tell(GwCoreLink *self, const GwTold *told, GwTellDone done, gpointer user)
{
  if (self->tells.length >= TELLS_MAX)
    return 0;
  GwTold dated = *told;
  if (dated.wall_ms == 0)
    dated.wall_ms = gw_clock_wall_ms();
  Tell *tell = g_new0(Tell, 1);
  tell->id = next_id(self);
  tell->payload = g_variant_ref_sink(gw_told_pack(&dated));
  tell->done = done;
  tell->user = user;
  g_queue_push_tail(&self->tells, tell);
  g_hash_table_insert(self->tell_ids, GUINT_TO_POINTER(tell->id), self->tells.tail);
  guint32 id = tell->id;
  if (self->is_up)
    send_tells(self);
  return id;
}

void
gw_core_link_unheed(GwCoreLink *self, guint32 id)
{
  GList *at = g_hash_table_lookup(self->tell_ids, GUINT_TO_POINTER(id));
  if (at)
    ((Tell *)at->data)->done = NULL;
}

gboolean
gw_core_link_open(GwCoreLink *self, const guint8 sha256[GW_SHA256_LEN], guint64 size, GwOpenDone done,
                  gpointer user)
{
  GwBlobMessage blob = { .size = size };
  guint32 id = next_id(self);
  memcpy(blob.sha256, sha256, GW_SHA256_LEN);
  if (!self->is_up || !gw_link_send(self->link, GW_MESSAGE_OPEN, id, gw_blob_pack(&blob), NULL, 0))
    return FALSE;
  Open *open = g_new0(Open, 1);
  memcpy(open->sha256, sha256, GW_SHA256_LEN);
  open->done = done;
  open->user = user;
  g_hash_table_insert(self->opens, GUINT_TO_POINTER(id), open);
  return TRUE;
}

void
gw_core_link_contacts(GwCoreLink *self, const GArray *contacts)
{
  if (self->is_up && contacts)
    gw_link_send(self->link, GW_MESSAGE_CONTACTS, 0,
                 gw_contacts_pack((const GwContact *)(const void *)contacts->data, contacts->len), NULL, 0);
}
