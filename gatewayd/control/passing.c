/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control/passing.h"

#include <string.h>

#include "base/log.h"
#include "control/timeline.h"
#include "control/workers.h"

#define FLIGHTS_MAX 64       /* at the WAN worker */
#define FLIGHTS_OF_ONE_MAX 4 /* that nobody can share, from one address */
#define WAITERS_MAX 1024     /* nodes that wait for one of these */
#define KEPT_MAX 20000       /* replies */
#define KEPT_SIZE_MAX 4096   /* bytes of one, headers and all; a larger one is passed on and forgotten */
#define ASKERS_MAX 50000     /* nodes whose questions are counted */
#define WAIT_MS 3500         /* then who waits hears what is known */
#define LOST_MS 120000       /* then its reply will not come any more */
#define AWAY_MS 30000        /* so long a cloud that was not reached is not tried again */
#define DAY_MS G_GINT64_CONSTANT(86400000)

typedef struct {
  guint64 worker_id;
  guint32 serial;
} Waiter;

/* A question: asked, answered, or both. */
typedef struct {
  char *key;
  char *plugin;
  GwRelayAnswer known; /* status 0 = nothing yet */
  gint64 fresh_until_ms;
  guint32 cache_s;
  guint64 flight; /* 0 = nobody is asked */
  gboolean is_late, is_kept;
  char *node, *address; /* who asked last, and what: */
  char *line;
  GArray *waiters; /* Waiter */
  GList link;      /* in order */
} Question;

struct GwPassing {
  GwCore *core;
  GHashTable *questions; /* key -> Question */
  GQueue order;          /* of them, the longest unasked first */
  GHashTable *flights;   /* guint64 * -> Question */
  guint n_waiters;
  guint64 last_id;
  GHashTable *days; /* "plugin node" -> GArray of gint64: when it was asked, of the last day */
  GHashTable *away; /* plugin -> gint64 *: until then */
  GwLogLimit limit;
};

/* ---- questions ---- */

static void
question_free(gpointer data)
{
  Question *question = data;

  gw_relay_answer_clear(&question->known);
  g_array_unref(question->waiters);
  g_free(question->plugin);
  g_free(question->node);
  g_free(question->address);
  g_free(question->line);
  g_free(question->key);
  g_free(question);
}

static void
forget(GwPassing *passing, Question *question)
{
  g_queue_unlink(&passing->order, &question->link);
  g_hash_table_remove(passing->questions, question->key);
}

/* What nobody has asked for longest goes, unless it is being asked. */
static void
make_room(GwPassing *passing)
{
  for (GList *link = passing->order.head; link && passing->order.length > KEPT_MAX;) {
    Question *question = link->data;
    link = link->next;
    if (question->flight == 0)
      forget(passing, question);
  }
}

static Question *
find_question(GwPassing *passing, const GwRelayAsk *ask)
{
  g_autofree char *key = *ask->cache_key
                             ? g_strdup_printf("%s %s", ask->plugin, ask->cache_key)
                             : g_strdup_printf("%s\n%" G_GUINT64_FORMAT, ask->plugin, passing->last_id + 1);
  Question *question = g_hash_table_lookup(passing->questions, key);

  if (question) {
    g_queue_unlink(&passing->order, &question->link);
  } else {
    question = g_new0(Question, 1);
    question->key = g_steal_pointer(&key);
    question->plugin = g_strdup(ask->plugin);
    question->is_kept = *ask->cache_key != 0;
    question->waiters = g_array_new(FALSE, FALSE, sizeof(Waiter));
    question->link.data = question;
    g_hash_table_insert(passing->questions, question->key, question);
  }
  question->cache_s = ask->cache_s;
  g_queue_push_tail_link(&passing->order, &question->link);
  make_room(passing);
  return question;
}

/* ---- answers ---- */

static void
answer(const GwPassing *passing, const Waiter *waiter, const GwRelayAnswer *reply)
{
  GwWorker *worker = gw_workers_find(passing->core->workers, waiter->worker_id);

  if (worker)
    gw_worker_send(worker, GW_MESSAGE_RELAYED, waiter->serial, gw_relay_answer_pack(reply), -1);
}

static void
answer_all(GwPassing *passing, Question *question, const GwRelayAnswer *reply)
{
  for (guint i = 0; i < question->waiters->len; i++)
    answer(passing, &g_array_index(question->waiters, Waiter, i), reply);
  passing->n_waiters -= question->waiters->len;
  g_array_set_size(question->waiters, 0);
}

/* Nobody asks any more; a reply that is kept may be given again. */
static void
land(GwPassing *passing, Question *question)
{
  gw_core_alarm(passing->core, GW_ALARM_PASSING, (gint64)question->flight, G_MAXINT64);
  g_hash_table_remove(passing->flights, &question->flight);
  question->flight = 0;
  question->is_late = FALSE;
  if (question->known.status == 0 || !question->is_kept)
    forget(passing, question);
}

static gsize
size_of(const GwRelayAnswer *reply)
{
  return reply->n_body + (reply->headers ? g_variant_get_size(reply->headers) : 0);
}

static void
keep(GwPassing *passing, Question *question, GwRelayAnswer *reply)
{
  if (!question->is_kept || !reply->is_whole || reply->status >= 500 || size_of(reply) > KEPT_SIZE_MAX)
    return;
  gw_relay_answer_clear(&question->known);
  question->known = *reply;
  *reply = (GwRelayAnswer){ 0 };
  question->fresh_until_ms = gw_core_now(passing->core).boot_ms + question->cache_s * G_GINT64_CONSTANT(1000);
}

/* ---- what becomes of it, on the node's timeline ---- */

static char *
line_of(const GwRelayAsk *ask)
{
  return g_strdup_printf("%s %.*s", ask->method, (int)MIN(strcspn(ask->target, "?"), 80), ask->target);
}

static void
remember(Question *question, const GwRelayAsk *ask)
{
  g_free(question->node);
  g_free(question->address);
  g_free(question->line);
  question->node = g_strdup(ask->node);
  question->address = g_strdup(ask->address);
  question->line = line_of(ask);
}

static void
note(const GwPassing *passing, const char *id, const char *address, const char *text)
{
  GwCore *core = passing->core;
  const GwNode *node = *id ? gw_registry_find(core->registry, id) : gw_registry_at(core->registry, address);
  g_autofree char *inert = gw_log_inert(text);
  GwNow now = gw_core_now(core);

  if (node && node->is_adopted)
    gw_timeline_note(core->timeline,
                     &(GwTimelineNote){ node->id, "passed", inert, now.wall_ms, now.wall_ms, 1 },
                     now.boot_ms);
}

/* It was never under way. */
static void
note_refused(const GwPassing *passing, const GwRelayAsk *ask, const char *why)
{
  g_autofree char *line = line_of(ask);
  g_autofree char *text = g_strdup_printf("%s: not passed on: %s", line, why);

  note(passing, ask->node, ask->address, text);
}

static void
note_outcome(const GwPassing *passing, const Question *question, const GwRelayAnswer *reply)
{
  g_autofree char *text =
      reply->status > 0
          ? g_strdup_printf("%s: passed on to its vendor, who said %u", question->line, reply->status)
          : g_strdup_printf("%s: its vendor gave no reply: %s", question->line, reply->text);

  note(passing, question->node, question->address, text);
}

/* ---- may it be asked? ---- */

/* A setting of the plugin, as configured or as its table has it; NULL = it has no such setting. */
static const char *
setting(const GwCore *core, const GatewayPlugin *plugin, const char *key)
{
  const char *text = gw_config_text(core->config, "plugin", plugin->name, key);

  for (guint32 i = 0; i < plugin->n_settings; i++)
    if (strcmp(plugin->settings[i].key, key) == 0)
      return text ? text : plugin->settings[i].fallback;
  return NULL;
}

const char *
gw_passing_base(const GwCore *core, const char *name)
{
  const GatewayPlugin *plugin = gw_plugins_find(core->plugins, name);
  const char *url = plugin ? setting(core, plugin, "passthrough") : NULL;

  return url && *url && strcmp(url, "no") != 0 ? url : NULL;
}

char *
gw_passing_url(const char *base, const char *target)
{
  return g_strdup_printf("%.*s%s", (int)(strlen(base) - (g_str_has_suffix(base, "/") ? 1 : 0)), base, target);
}

static gint64
quota_of(const GwCore *core, const char *name)
{
  const GatewayPlugin *plugin = gw_plugins_find(core->plugins, name);
  const char *text = plugin ? setting(core, plugin, "passthrough-quota") : NULL;

  return text ? g_ascii_strtoll(text, NULL, 10) : G_MAXINT64;
}

/* What is older than a day is not counted any more; nothing left? */
static gboolean
has_aged(gpointer key, gpointer value, gpointer now_ms)
{
  GArray *times_ms = value;
  guint n_old = 0;

  while (n_old < times_ms->len && *(const gint64 *)now_ms - g_array_index(times_ms, gint64, n_old) >= DAY_MS)
    n_old++;
  if (n_old > 0)
    g_array_remove_range(times_ms, 0, n_old);
  return times_ms->len == 0;
}

/* One check less in the day that ends now; FALSE: there is none left. Nothing else is lost because somebody
 * asked too often. */
static gboolean
take_quota(GwPassing *passing, const GwRelayAsk *ask)
{
  g_autofree char *who = g_strdup_printf("%s %s", ask->plugin, *ask->node ? ask->node : ask->address);
  gint64 now_ms = gw_core_now(passing->core).boot_ms;
  gint64 quota = quota_of(passing->core, ask->plugin);
  GArray *day = g_hash_table_lookup(passing->days, who);

  if (!ask->is_check || quota == G_MAXINT64)
    return TRUE;
  if (!day && g_hash_table_size(passing->days) >= ASKERS_MAX)
    g_hash_table_foreach_remove(passing->days, has_aged, &now_ms);
  if (!day && g_hash_table_size(passing->days) >= ASKERS_MAX)
    return FALSE;
  if (!day) {
    day = g_array_new(FALSE, FALSE, sizeof(gint64));
    g_hash_table_insert(passing->days, g_steal_pointer(&who), day);
  }
  (void)has_aged(NULL, day, &now_ms);
  if (day->len >= quota)
    return FALSE;
  g_array_append_val(day, now_ms);
  return TRUE;
}

static gboolean
is_away(const GwPassing *passing, const char *plugin)
{
  const gint64 *until_ms = g_hash_table_lookup(passing->away, plugin);

  return until_ms && gw_core_now(passing->core).boot_ms < *until_ms;
}

static void
set_away(GwPassing *passing, const char *plugin)
{
  gint64 until_ms = gw_core_now(passing->core).boot_ms + AWAY_MS;

  g_hash_table_replace(passing->away, g_strdup(plugin), g_memdup2(&until_ms, sizeof until_ms));
}

/* Requests that no other shares are bounded by nothing else. */
static gboolean
has_too_many(const GwPassing *passing, const GwRelayAsk *ask)
{
  GHashTableIter iter;
  gpointer question;
  guint n = 0;

  g_hash_table_iter_init(&iter, passing->flights);
  while (g_hash_table_iter_next(&iter, NULL, &question))
    n += !((Question *)question)->is_kept && strcmp(((Question *)question)->address, ask->address) == 0;
  return *ask->cache_key == 0 && n >= FLIGHTS_OF_ONE_MAX;
}

/* ---- asking ---- */

/* NULL: it is under way. Else why it is not. */
static const char *
send(GwPassing *passing, Question *question, GwRelayAsk *ask, const char *base)
{
  GwCore *core = passing->core;
  GwWorker *wan = gw_workers_wan(core->workers);

  if (!wan)
    return "the WAN worker is away";
  if (is_away(passing, ask->plugin))
    return "its cloud was not reached just now";
  if (g_hash_table_size(passing->flights) >= FLIGHTS_MAX)
    return "too many requests are under way";
  if (has_too_many(passing, ask))
    return "too many requests of this address are under way";
  if (!take_quota(passing, ask))
    return "its questions of a day are used up";
  ask->id = ++passing->last_id;
  g_free(ask->url);
  ask->url = gw_passing_url(base, ask->target);
  if (!gw_worker_send(wan, GW_MESSAGE_RELAY, 0, gw_relay_ask_pack(ask), -1))
    return "the WAN worker does not listen";
  question->flight = ask->id;
  remember(question, ask);
  g_hash_table_insert(passing->flights, &question->flight, question);
  gw_core_alarm(core, GW_ALARM_PASSING, (gint64)ask->id, gw_core_now(core).boot_ms + WAIT_MS);
  return NULL;
}

static void
ask_vendor(GwPassing *passing, GwRelayAsk *ask, const Waiter *waiter, const char *base)
{
  Question *question = find_question(passing, ask);
  gboolean is_fresh =
      question->known.status > 0 && gw_core_now(passing->core).boot_ms < question->fresh_until_ms;
  const char *why_not = NULL;

  if (is_fresh) {
    answer(passing, waiter, &question->known);
    return;
  }
  if (question->flight == 0) {
    why_not = send(passing, question, ask, base);
    if (why_not)
      note_refused(passing, ask, why_not);
  }
  if (question->flight > 0 && !question->is_late && passing->n_waiters < WAITERS_MAX) {
    g_array_append_val(question->waiters, *waiter);
    passing->n_waiters++;
    return;
  }
  answer(passing, waiter,
         question->known.status > 0 ? &question->known : &(GwRelayAnswer){ .text = (char *)why_not });
  if (question->flight == 0 && question->known.status == 0)
    forget(passing, question);
}

void
gw_passing_ask(GwPassing *passing, guint64 worker_id, guint32 serial, GVariant *payload)
{
  Waiter waiter = { worker_id, serial };
  const char *base;
  GwRelayAsk ask;

  if (!gw_relay_ask_unpack(payload, &ask))
    return;
  base = gw_passing_base(passing->core, ask.plugin);
  if (base && *ask.target == '/') {
    ask_vendor(passing, &ask, &waiter, base);
  } else {
    note_refused(passing, &ask, "its make passes nothing on");
    answer(passing, &waiter, &(GwRelayAnswer){ .text = (char *)"nothing is passed on" });
  }
  gw_relay_ask_clear(&ask);
}

/* ---- what came of it ---- */

static void
fail(GwPassing *passing, Question *question, const char *text)
{
  GwRelayAnswer failure = { .text = (char *)text };

  gw_log_peer(&passing->limit, LOG_NOTICE, GW_SUBJECT_PLUGIN, question->plugin,
              "what a node asked its vendor's cloud was not passed on: %s", text);
  note_outcome(passing, question, &failure);
  answer_all(passing, question, question->known.status > 0 ? &question->known : &failure);
  land(passing, question);
}

void
gw_passing_answered(GwPassing *passing, GVariant *payload)
{
  GwRelayAnswer reply;
  Question *question;

  if (!gw_relay_answer_unpack(payload, &reply))
    return;
  question = g_hash_table_lookup(passing->flights, &reply.id);
  if (question && reply.status == 0) {
    if (reply.is_unreached)
      set_away(passing, question->plugin);
    fail(passing, question, reply.text);
  } else if (question) {
    note_outcome(passing, question, &reply);
    answer_all(passing, question, &reply);
    keep(passing, question, &reply);
    land(passing, question);
  }
  gw_relay_answer_clear(&reply);
}

void
gw_passing_lost(GwPassing *passing)
{
  g_autoptr(GList) questions = g_hash_table_get_values(passing->flights);

  for (GList *link = questions; link; link = link->next)
    fail(passing, link->data, "the WAN worker is gone");
}

void
gw_passing_alarm(GwPassing *passing, gint64 id)
{
  guint64 flight = (guint64)id;
  Question *question = g_hash_table_lookup(passing->flights, &flight);

  if (!question)
    return;
  if (question->is_late) {
    fail(passing, question, "the WAN worker says nothing of it");
    return;
  }
  question->is_late = TRUE; /* the reply is for those who ask later */
  answer_all(passing, question, &question->known);
  gw_core_alarm(passing->core, GW_ALARM_PASSING, id, gw_core_now(passing->core).boot_ms + LOST_MS);
}

/* ---- life ---- */

GwPassing *
gw_passing_new(GwCore *core)
{
  GwPassing *passing = g_new0(GwPassing, 1);

  passing->core = core;
  passing->questions = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, question_free);
  passing->flights = g_hash_table_new(g_int64_hash, g_int64_equal);
  passing->days = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_array_unref);
  passing->away = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  return passing;
}

void
gw_passing_free(GwPassing *passing)
{
  if (!passing)
    return;
  g_hash_table_unref(passing->flights);
  g_hash_table_unref(passing->questions);
  g_hash_table_unref(passing->days);
  g_hash_table_unref(passing->away);
  g_free(passing);
}
