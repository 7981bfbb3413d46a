/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control/workers.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <pwd.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "control/core-private.h"
#include "control/identity.h"
#include "control/progress.h"
#include "control/rates.h"
#include "link/messages.h"

#define WORKERS_MAX 16
#define LISTENERS 2

struct GwWorker {
  GwWorkers *workers;
  GwLink *link;
  guint64 id;
  guint uid;
  gboolean is_lan;
  char *name, *build;
  GHashTable *sending; /* set of tokens */
  const GwGauge *gauges;
};

struct GwWorkers {
  GwCore *core;
  GPtrArray *list; /* GwWorker */
  guint64 last_id;
  int listen_fds[LISTENERS]; /* LAN, WAN */
  GSource *sources[LISTENERS];
  char *users[LISTENERS]; /* names */
  guint32 config_epoch;
  GHashTable *seen; /* set of names */
  GwLogLimit log_limit;
};

static void
worker_free(gpointer data)
{
  GwWorker *worker = data;

  gw_link_free(worker->link);
  if (worker->gauges)
    munmap((void *)worker->gauges, GW_GAUGE_COUNT * sizeof(GwGauge));
  g_hash_table_unref(worker->sending);
  g_free(worker->name);
  g_free(worker->build);
  g_free(worker);
}

/* It may read files, so it is asked only for one who is neither root nor we. */
static gboolean
is_user(uid_t uid, const char *name)
{
  const struct passwd *user = getpwnam(name);

  return user && user->pw_uid == uid;
}

GwWorkers *
gw_workers_new(GwCore *core, const GwConfig *config, int lan_listen_fd, int wan_listen_fd)
{
  GwWorkers *workers = g_new0(GwWorkers, 1);

  workers->core = core;
  workers->list = g_ptr_array_new_with_free_func(worker_free);
  workers->listen_fds[0] = lan_listen_fd;
  workers->listen_fds[1] = wan_listen_fd;
  workers->users[0] = g_strdup(gw_config_text(config, "daemon", NULL, "lan-user"));
  workers->users[1] = g_strdup(gw_config_text(config, "daemon", NULL, "wan-user"));
  workers->config_epoch = 1;
  workers->seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  return workers;
}

void
gw_workers_free(GwWorkers *workers)
{
  if (!workers)
    return;
  for (int i = 0; i < LISTENERS; i++) {
    if (workers->sources[i]) {
      g_source_destroy(workers->sources[i]);
      g_source_unref(workers->sources[i]);
    }
    gw_close(&workers->listen_fds[i]);
    g_free(workers->users[i]);
  }
  g_ptr_array_unref(workers->list);
  g_hash_table_unref(workers->seen);
  g_free(workers);
}

guint64
gw_worker_id(const GwWorker *worker)
{
  return worker->id;
}

GwWorker *
gw_workers_find(const GwWorkers *workers, guint64 id)
{
  for (guint i = 0; i < workers->list->len; i++) {
    GwWorker *worker = workers->list->pdata[i];

    if (worker->id == id)
      return worker;
  }
  return NULL;
}

static GwWorker *
find_name(const GwWorkers *workers, const char *name)
{
  for (guint i = 0; i < workers->list->len; i++) {
    GwWorker *worker = workers->list->pdata[i];

    if (strcmp(worker->name, name) == 0)
      return worker;
  }
  return NULL;
}

GwWorker *
gw_workers_wan(const GwWorkers *workers)
{
  return find_name(workers, "wan");
}

gboolean
gw_workers_has_lan(const GwWorkers *workers)
{
  for (guint i = 0; i < workers->list->len; i++) {
    const GwWorker *worker = workers->list->pdata[i];

    if (worker->is_lan && *worker->name)
      return TRUE;
  }
  return FALSE;
}

char **
gw_workers_missing(const GwWorkers *workers)
{
  GPtrArray *names = g_ptr_array_new();
  GHashTableIter iter;
  gpointer name;

  g_hash_table_iter_init(&iter, workers->seen);
  while (g_hash_table_iter_next(&iter, &name, NULL))
    if (!find_name(workers, name))
      g_ptr_array_add(names, g_strdup(name));
  g_ptr_array_add(names, NULL);
  return (char **)g_ptr_array_free(names, FALSE);
}

gboolean
gw_worker_send(GwWorker *worker, GwMessageType type, guint32 serial, GVariant *payload, int fd)
{
  return gw_link_send(worker->link, type, serial, payload, fd >= 0 ? &fd : NULL, fd >= 0 ? 1 : 0);
}

void
gw_workers_tell_lan(GwWorkers *workers, GwMessageType type, GVariant *payload)
{
  g_autoptr(GVariant) owned = g_variant_ref_sink(payload);

  for (guint i = 0; i < workers->list->len; i++) {
    GwWorker *worker = workers->list->pdata[i];

    if (worker->is_lan && *worker->name)
      gw_worker_send(worker, type, 0, owned, -1);
  }
}

/* ---- configuration ---- */

/* What is written and, for keys that the core knows, the default: workers have no schema of their own. Rates
 * are those of this hour. */
static GVariant *
section_values(const GwCore *core, const char *section, const char *instance)
{
  const GwConfig *config = core->config;
  g_autoptr(GVariant) written = g_variant_ref_sink(gw_config_section(config, section, instance));
  g_autoptr(GVariant) values = NULL;
  GVariantBuilder builder;
  GVariantIter iter;
  const char *key, *value;

  g_variant_builder_init(&builder, G_VARIANT_TYPE("a{ss}"));
  for (const GwOption *option = gw_core_schema()->options; option->key; option++) {
    value =
        strcmp(option->section, section) == 0 ? gw_config_text(config, section, instance, option->key) : NULL;
    if (value && !g_variant_lookup(written, option->key, "&s", NULL))
      g_variant_builder_add(&builder, "{ss}", option->key, value);
  }
  g_variant_iter_init(&iter, written);
  while (g_variant_iter_next(&iter, "{&s&s}", &key, &value))
    g_variant_builder_add(&builder, "{ss}", key, value);
  values = g_variant_ref_sink(g_variant_builder_end(&builder));
  return gw_rates_apply(core, values);
}

static void
add_instances(GVariantBuilder *builder, const GwCore *core, const char *section)
{
  g_auto(GStrv) names = gw_config_instances(core->config, section);

  for (char **name = names; *name; name++)
    g_variant_builder_add(builder, "(ss@a{ss})", section, *name, section_values(core, section, *name));
}

GVariant *
gw_workers_config_sections(GwCore *core, gboolean is_lan)
{
  const char *own = is_lan ? "lan" : "wan";
  GVariantBuilder builder;

  g_variant_builder_init(&builder, G_VARIANT_TYPE("a(ssa{ss})"));
  g_variant_builder_add(&builder, "(ss@a{ss})", own, "", section_values(core, own, NULL));
  add_instances(&builder, core, "plugin");
  add_instances(&builder, core, is_lan ? "line" : "upstream");
  if (!is_lan)
    add_instances(&builder, core, "outlet");
  return g_variant_builder_end(&builder);
}

static void
send_config(GwWorker *worker)
{
  GwWorkers *workers = worker->workers;

  gw_worker_send(
      worker, GW_MESSAGE_CONFIG, 0,
      gw_config_pack(workers->config_epoch, gw_workers_config_sections(workers->core, worker->is_lan)), -1);
}

void
gw_workers_configure(GwWorkers *workers)
{
  workers->config_epoch++;
  for (guint i = 0; i < workers->list->len; i++)
    if (*((GwWorker *)workers->list->pdata[i])->name)
      send_config(workers->list->pdata[i]);
}

/* ---- coming and going ---- */

/* The worker is out of the list before anybody hears of it. */
static void
drop(GwWorker *worker)
{
  GwWorkers *workers = worker->workers;
  g_autofree char **tokens = (char **)g_hash_table_get_keys_as_array(worker->sending, NULL);

  g_ptr_array_set_free_func(workers->list, NULL);
  g_ptr_array_remove(workers->list, worker);
  g_ptr_array_set_free_func(workers->list, worker_free);
  if (worker->is_lan && *worker->name)
    gw_lan_lost(workers->core, worker, tokens);
  else if (*worker->name)
    gw_wan_lost(workers->core);
  worker_free(worker);
}

static void
on_closed(GwLink *link, const GError *error, gpointer user)
{
  GwWorker *worker = user;

  gw_log_peer(&worker->workers->log_limit, LOG_NOTICE, GW_SUBJECT_LINK, worker->name, "closed%s%s",
              error ? ": " : "", error ? error->message : "");
  drop(worker);
}

static gboolean
take_name(GwWorker *worker, const GwHello *hello)
{
  const char *role = worker->is_lan ? "lan" : "wan";
  GwWorker *older;
  char *name;

  if (strcmp(hello->role, role) != 0 || hello->version != GW_LINK_VERSION || *worker->name ||
      strlen(hello->instance) > 32)
    return FALSE;
  name = worker->is_lan && *hello->instance ? g_strdup_printf("lan %s", hello->instance) : g_strdup(role);
  older = find_name(worker->workers, name);
  if (older)
    drop(older); /* it was replaced before we heard that it is gone */
  g_free(worker->name);
  worker->name = name;
  g_hash_table_add(worker->workers->seen, g_strdup(name));
  g_free(worker->build);
  worker->build = g_strdup(hello->build);
  return TRUE;
}

/* What was refused is said once per connection, and the rest runs. */
static void
learn_plugins(GwWorker *worker, GVariant *tables)
{
  GwCore *core = worker->workers->core;
  g_autoptr(GPtrArray) problems = NULL;
  g_autoptr(GwChange) change = gw_change_new(core, NULL);

  gw_plugins_learn(core->plugins, worker->name, tables, &problems);
  for (guint i = 0; i < problems->len; i++)
    gw_change_say(change, "plugin.refused", &(GwAbout){ .name = worker->name }, "%s: %s", worker->name,
                  (const char *)problems->pdata[i]);
  gw_identity_adapt_products(core, change);
  gw_change_commit_if_any(g_steal_pointer(&change));
  if (worker->is_lan)
    gw_progress_resume(core);
}

static void
greet(GwWorker *worker, guint32 serial)
{
  GwHello own = {
    .version = GW_LINK_VERSION, .role = (char *)"core", .instance = (char *)"", .build = (char *)GW_VERSION
  };

  gw_worker_send(worker, GW_MESSAGE_HELLO, serial, gw_hello_pack(&own), -1);
  send_config(worker);
  if (worker->is_lan)
    gw_worker_send(worker, GW_MESSAGE_INVALIDATE, 0,
                   gw_invalidate_pack(worker->workers->core->epoch, (const char *const[]){ NULL }), -1);
  else
    gw_wan_connected(worker->workers->core);
}

static void
take_hello(GwWorker *worker, guint32 serial, const GwHello *hello)
{
  if (!take_name(worker, hello)) {
    gw_log_peer(&worker->workers->log_limit, LOG_WARNING, GW_SUBJECT_LINK, worker->name,
                "a hello of another kind or version than ours (%d)", GW_LINK_VERSION);
    return;
  }
  gw_info(GW_SUBJECT_LINK, worker->name, "connected, uid %u, build %s", worker->uid, worker->build);
  learn_plugins(worker, hello->plugins);
  greet(worker, serial);
}

static void
on_hello(GwWorker *worker, guint32 serial, GVariant *payload)
{
  GwHello hello;

  if (!gw_hello_unpack(payload, &hello)) {
    gw_log_peer(&worker->workers->log_limit, LOG_WARNING, GW_SUBJECT_LINK, worker->name,
                "a hello that cannot be read");
    return;
  }
  take_hello(worker, serial, &hello);
  gw_hello_clear(&hello);
}

static void
on_message(GwLink *link, const GwMessage *message, gpointer user)
{
  GwWorker *worker = user;

  if (message->type == GW_MESSAGE_HELLO)
    on_hello(worker, message->serial, message->payload);
  else if (!*worker->name)
    return; /* whoever does not say hello is not heard */
  else if (worker->is_lan)
    gw_lan_message(worker->workers->core, worker, message);
  else
    gw_wan_message(worker->workers->core, message);
}

void
gw_workers_adopt(GwWorkers *workers, gboolean is_lan, int fd)
{
  static const GwLinkEvents EVENTS = { .message = on_message, .closed = on_closed };
  GwWorker *worker;

  if (workers->list->len >= WORKERS_MAX) {
    gw_close(&fd);
    return;
  }
  worker = g_new0(GwWorker, 1);
  worker->workers = workers;
  worker->id = ++workers->last_id;
  worker->uid = gw_link_peer_uid(fd);
  worker->is_lan = is_lan;
  worker->name = g_strdup("");
  worker->build = g_strdup("");
  worker->sending = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  g_ptr_array_add(workers->list, worker);
  worker->link = gw_link_new(fd, workers->core->context, &EVENTS, worker);
}

/* The socket's own mode lets everybody knock. */
static gboolean
may_enter(const GwWorkers *workers, int listener, int fd)
{
  uid_t uid = gw_link_peer_uid(fd);

  return uid != (uid_t)-1 && (uid == 0 || uid == geteuid() || is_user(uid, workers->users[listener]));
}

static void
admit(GwWorkers *workers, int listener, int fd)
{
  if (may_enter(workers, listener, fd)) {
    gw_workers_adopt(workers, listener == 0, fd);
    return;
  }
  gw_log_peer(&workers->log_limit, LOG_WARNING, GW_SUBJECT_LINK, NULL,
              "refused a worker of uid %u: neither root, nor our own user, nor the configured one",
              gw_link_peer_uid(fd));
  gw_close(&fd);
}

static gboolean
on_connection(int listen_fd, GIOCondition condition, gpointer user)
{
  GwWorkers *workers = user;
  int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

  if (fd >= 0)
    admit(workers, listen_fd == workers->listen_fds[0] ? 0 : 1, fd);
  else if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR)
    gw_log_peer(&workers->log_limit, LOG_ERR, GW_SUBJECT_LINK, NULL, "cannot accept a worker: %s",
                g_strerror(errno));
  return G_SOURCE_CONTINUE;
}

void
gw_workers_accept(GwWorkers *workers)
{
  for (int i = 0; i < LISTENERS; i++) {
    if (workers->listen_fds[i] < 0)
      continue;
    g_unix_set_fd_nonblocking(workers->listen_fds[i], TRUE, NULL);
    workers->sources[i] = g_unix_fd_source_new(workers->listen_fds[i], G_IO_IN);
    g_source_set_callback(workers->sources[i], G_SOURCE_FUNC(on_connection), workers, NULL);
    g_source_attach(workers->sources[i], workers->core->context);
  }
}

/* ---- what is being sent ---- */

void
gw_worker_begin(GwWorker *worker, const char *token)
{
  g_hash_table_add(worker->sending, g_strdup(token));
}

void
gw_worker_end(GwWorker *worker, const char *token)
{
  g_hash_table_remove(worker->sending, token);
}

gboolean
gw_workers_is_sending(const GwWorkers *workers, const char *token)
{
  for (guint i = 0; i < workers->list->len; i++)
    if (g_hash_table_contains(((GwWorker *)workers->list->pdata[i])->sending, token))
      return TRUE;
  return FALSE;
}

/* Read-only, and only what can hold all slots: a shorter file would fault. */
void
gw_worker_set_gauges(GwWorker *worker, int *fd)
{
  gsize size = GW_GAUGE_COUNT * sizeof(GwGauge);
  struct stat info;
  void *memory;

  if (worker->gauges || fstat(*fd, &info) < 0 || (guint64)info.st_size < size ||
      !(fcntl(*fd, F_GET_SEALS) & F_SEAL_SHRINK))
    return;
  memory = mmap(NULL, size, PROT_READ, MAP_SHARED, *fd, 0);
  if (memory != MAP_FAILED)
    worker->gauges = memory;
}

gboolean
gw_worker_gauge(const GwWorker *worker, const char *token, guint64 *ret_acked)
{
  for (guint i = 0; worker->gauges && i < GW_GAUGE_COUNT; i++) {
    const GwGauge *gauge = &worker->gauges[i];

    if (!__atomic_load_n(&gauge->is_used, __ATOMIC_RELAXED) ||
        strncmp(gauge->token, token, sizeof(gauge->token)) != 0)
      continue;
    *ret_acked = __atomic_load_n(&gauge->acked, __ATOMIC_RELAXED);
    return TRUE;
  }
  return FALSE;
}

gboolean
gw_workers_gauge(const GwWorkers *workers, const char *token, guint64 *ret_acked)
{
  for (guint i = 0; i < workers->list->len; i++)
    if (gw_worker_gauge(workers->list->pdata[i], token, ret_acked))
      return TRUE;
  return FALSE;
}

GVariant *
gw_workers_variant(const GwWorkers *workers)
{
  GVariantBuilder rows;

  g_variant_builder_init(&rows, G_VARIANT_TYPE("aa{sv}"));
  for (guint i = 0; i < workers->list->len; i++) {
    const GwWorker *worker = workers->list->pdata[i];
    guint n_sending = g_hash_table_size(worker->sending);

    if (!*worker->name)
      continue;
    g_variant_builder_open(&rows, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_add(&rows, "{sv}", "name", g_variant_new_string(worker->name));
    g_variant_builder_add(&rows, "{sv}", "uid", g_variant_new_uint32(worker->uid));
    g_variant_builder_add(&rows, "{sv}", "build", g_variant_new_string(worker->build));
    g_variant_builder_add(&rows, "{sv}", "queued",
                          g_variant_new_uint32((guint32)gw_link_queued(worker->link)));
    g_variant_builder_add(&rows, "{sv}", "transfers", g_variant_new_uint32(n_sending));
    g_variant_builder_close(&rows);
  }
  return g_variant_builder_end(&rows);
}
