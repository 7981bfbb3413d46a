/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rig.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "link/table.h"

#define WAIT_US (20 * G_USEC_PER_SEC) /* of real time, until a test has failed */
#define QUIET_US (150 * 1000)         /* group commit adds up to 100 ms */

const GwCaller rig_caller = { "tester", "test", "", ":1.1" };

/* ---- messages ---- */

void
rig_message_free(RigMessage *message)
{
  if (!message)
    return;
  g_variant_unref(message->payload);
  gw_close(&message->fd);
  g_free(message);
}

static void
on_message(GwLink *link, const GwMessage *message, gpointer user)
{
  RigMessage *copy = g_new0(RigMessage, 1);

  *copy = (RigMessage){ message->type, message->serial, g_variant_ref(message->payload), -1 };
  if (message->n_fds > 0)
    copy->fd = g_steal_fd(&message->fds[0]);
  g_queue_push_tail(user, copy);
}

static void
on_closed(GwLink *link, const GError *error, gpointer user)
{
  g_assert_no_error(error); /* the core never speaks nonsense; it may go */
}

static GwLink *
connect_to(Rig *rig, const char *name, GQueue *messages)
{
  static const GwLinkEvents EVENTS = { on_message, on_closed };
  g_autofree char *path = g_build_filename(rig->folder, name, NULL);
  g_autoptr(GError) error = NULL;
  int fd = gw_link_connect(path, &error);

  g_assert_no_error(error);
  return gw_link_new(fd, NULL, &EVENTS, messages);
}

RigMessage *
rig_take(Rig *rig, gboolean is_lan, GwMessageType type)
{
  GQueue *queue = is_lan ? rig->lan_messages : rig->wan_messages;
  gint64 end_us = g_get_monotonic_time() + 2 * QUIET_US;

  for (;;) {
    for (GList *at = queue->head; at; at = at->next) {
      RigMessage *message = at->data;

      if (message->type != type)
        continue;
      g_queue_delete_link(queue, at);
      return message;
    }
    if (g_main_context_iteration(NULL, FALSE))
      end_us = g_get_monotonic_time() + 2 * QUIET_US;
    else if (g_get_monotonic_time() > end_us)
      return NULL;
    else
      g_usleep(200);
  }
}

RigMessage *
rig_take_reply(Rig *rig, GwMessageType type, guint32 serial)
{
  gint64 end_us = g_get_monotonic_time() + WAIT_US;

  while (g_get_monotonic_time() < end_us) {
    for (GList *at = rig->lan_messages->head; at; at = at->next) {
      RigMessage *message = at->data;

      if (message->type != type || message->serial != serial)
        continue;
      g_queue_delete_link(rig->lan_messages, at);
      return message;
    }
    if (!g_main_context_iteration(NULL, FALSE))
      g_usleep(200);
  }
  g_assert_not_reached();
}

void
rig_forget_messages(Rig *rig)
{
  rig_settle(rig);
  g_queue_clear_full(rig->lan_messages, (GDestroyNotify)rig_message_free);
  g_queue_clear_full(rig->wan_messages, (GDestroyNotify)rig_message_free);
}

/* ---- life ---- */

static GwNow
rig_clock(gpointer user)
{
  const Rig *rig = user;

  return (GwNow){ rig->boot_ms, rig->wall_ms, rig->is_trusted };
}

static int
listen_at(const Rig *rig, const char *name)
{
  g_autofree char *path = g_build_filename(rig->folder, name, NULL);
  g_autoptr(GError) error = NULL;
  int fd = gw_link_listen(path, &error);

  g_assert_no_error(error);
  return fd;
}

static void
on_broken(gpointer user)
{
  ((Rig *)user)->is_broken = TRUE;
}

void
rig_start_core(Rig *rig)
{
  g_autofree char *path = g_build_filename(rig->folder, "gatewayd.conf", NULL);
  GwCorePlaces places = { .broken = on_broken,
                          .broken_user = rig,
                          .state_fd = rig->state_fd,
                          .cache_fd = rig->cache_fd,
                          .lan_listen_fd = listen_at(rig, "lan"),
                          .wan_listen_fd = listen_at(rig, "wan"),
                          .config_path = path,
                          .clock = rig_clock,
                          .clock_user = rig };
  g_autoptr(GError) error = NULL;
  g_autoptr(GwConfig) config = NULL;

  g_assert_true(g_file_set_contents(path, rig->config, -1, NULL));
  config = gw_config_load(gw_core_schema(), path, &error);
  g_assert_no_error(error);
  rig->is_broken = FALSE;
  rig->core = gw_core_start(config, &places, &error);
  g_assert_no_error(error);
}

void
rig_stop_core(Rig *rig)
{
  g_clear_pointer(&rig->lan, gw_link_free);
  g_clear_pointer(&rig->wan, gw_link_free);
  g_clear_pointer(&rig->core, gw_core_stop);
  while (g_main_context_iteration(NULL, FALSE))
    continue;
  g_queue_clear_full(rig->lan_messages, (GDestroyNotify)rig_message_free);
  g_queue_clear_full(rig->wan_messages, (GDestroyNotify)rig_message_free);
}

void
rig_connect_mute(Rig *rig)
{
  g_clear_pointer(&rig->lan, gw_link_free);
  rig->lan = connect_to(rig, "lan", rig->lan_messages);
}

void
rig_connect_lan(Rig *rig)
{
  GwHello hello = { GW_LINK_VERSION, (char *)"lan", (char *)"net", (char *)"rig", NULL };

  g_clear_pointer(&rig->lan, gw_link_free);
  rig->lan = connect_to(rig, "lan", rig->lan_messages);
  hello.plugins = g_variant_ref_sink(rig_plugins());
  gw_link_send(rig->lan, GW_MESSAGE_HELLO, 1, gw_hello_pack(&hello), NULL, 0);
  g_variant_unref(hello.plugins);
  g_autoptr(RigMessage) config = rig_take(rig, TRUE, GW_MESSAGE_CONFIG);
  g_assert_nonnull(config);
}

void
rig_connect_wan(Rig *rig)
{
  GwHello hello = { GW_LINK_VERSION, (char *)"wan", (char *)"", (char *)"rig", NULL };

  g_clear_pointer(&rig->wan, gw_link_free);
  rig->wan = connect_to(rig, "wan", rig->wan_messages);
  hello.plugins = g_variant_ref_sink(rig_upstream_plugins());
  gw_link_send(rig->wan, GW_MESSAGE_HELLO, 1, gw_hello_pack(&hello), NULL, 0);
  g_variant_unref(hello.plugins);
  g_autoptr(RigMessage) config = rig_take(rig, FALSE, GW_MESSAGE_CONFIG);
  g_assert_nonnull(config);
}

static int
open_folder(const Rig *rig, const char *name)
{
  g_autofree char *path = g_build_filename(rig->folder, name, NULL);
  int fd;

  g_assert_cmpint(g_mkdir_with_parents(path, 0700), ==, 0);
  fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  g_assert_cmpint(fd, >=, 0);
  return fd;
}

Rig *
rig_new(const char *config)
{
  return rig_new_at(NULL, config);
}

Rig *
rig_new_at(const char *folder, const char *config)
{
  Rig *rig = g_new0(Rig, 1);

  rig->folder = folder ? g_strdup(folder) : g_dir_make_tmp("gatewayd-rig-XXXXXX", NULL);
  rig->state_fd = open_folder(rig, "state");
  rig->cache_fd = open_folder(rig, "cache");
  rig->config = g_strdup(config ? config : "");
  rig->boot_ms = 1000000;
  rig->wall_ms = G_GINT64_CONSTANT(1790000000000);
  rig->is_trusted = TRUE;
  rig->lan_messages = g_queue_new();
  rig->wan_messages = g_queue_new();
  rig_start_core(rig);
  rig_connect_lan(rig);
  rig_connect_wan(rig);
  return rig;
}

void
rig_spoil_files(const char *folder)
{
  g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
  const char *name;

  g_assert_nonnull(dir);
  while ((name = g_dir_read_name(dir))) {
    g_autofree char *path = g_build_filename(folder, name, NULL);
    int fd;

    if (g_file_test(path, G_FILE_TEST_IS_DIR)) {
      rig_spoil_files(path);
      continue;
    }
    g_assert_cmpint(g_chmod(path, 0600), ==, 0);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(pwrite(fd, "!", 1, 100), ==, 1);
    gw_close(&fd);
  }
}

void
rig_remove_tree(const char *path)
{
  g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
  const char *name;

  while (dir && (name = g_dir_read_name(dir))) {
    g_autofree char *child = g_build_filename(path, name, NULL);

    rig_remove_tree(child);
  }
  (void)g_remove(path);
}

void
rig_free(Rig *rig)
{
  if (!rig)
    return;
  rig_stop_core(rig);
  gw_close(&rig->state_fd);
  gw_close(&rig->cache_fd);
  rig_remove_tree(rig->folder);
  g_queue_free(rig->lan_messages);
  g_queue_free(rig->wan_messages);
  g_free(rig->folder);
  g_free(rig->config);
  g_free(rig);
}

void
rig_settle(Rig *rig)
{
  gint64 quiet_us = g_get_monotonic_time();

  while (g_get_monotonic_time() - quiet_us < QUIET_US) {
    if (g_main_context_iteration(NULL, FALSE))
      quiet_us = g_get_monotonic_time();
    else
      g_usleep(500);
  }
}

void
rig_pass(Rig *rig, gint64 ms)
{
  rig->boot_ms += ms;
  rig->wall_ms += ms;
  gw_core_turn(rig->core);
  rig_settle(rig);
}

/* ---- commands ---- */

static struct {
  gboolean is_done;
  GVariant *result;
  GError *error;
} outcome;

static void
on_done(GVariant *result, const GError *error, gpointer user)
{
  g_assert_false(outcome.is_done);
  outcome.is_done = TRUE;
  outcome.result = result ? g_variant_ref(result) : NULL;
  outcome.error = error ? g_error_copy(error) : NULL;
}

GwThen
rig_then(void)
{
  outcome.is_done = FALSE;
  return (GwThen){ on_done, NULL };
}

GVariant *
rig_result(Rig *rig, GError **error)
{
  gint64 end_us = g_get_monotonic_time() + WAIT_US;

  while (!outcome.is_done && g_get_monotonic_time() < end_us)
    if (!g_main_context_iteration(NULL, FALSE))
      g_usleep(200);
  g_assert_true(outcome.is_done);
  if (outcome.error)
    g_propagate_error(error, g_steal_pointer(&outcome.error));
  return g_steal_pointer(&outcome.result);
}

static GVariant *
form_of(const char *text)
{
  g_autoptr(GError) error = NULL;
  GVariant *form = g_variant_parse(G_VARIANT_TYPE_VARDICT, text, NULL, NULL, &error);

  g_assert_no_error(error);
  return form;
}

void
rig_product(Rig *rig, const char *name, const char *plugin)
{
  g_autofree char *text = g_strdup_printf("{'plugin': <'%s'>}", plugin);
  g_autoptr(GVariant) form = form_of(text);

  rig_run(rig, gw_command_product_set(rig->core, &rig_caller, name, form, rig_then()));
}

int
rig_image(gsize size, char fill)
{
  g_autofree char *image = g_malloc(size + 1);
  int fd;

  memset(image, fill, size);
  fd = gw_memfd_sealed("image", image, size, NULL);
  g_assert_cmpint(lseek(fd, 0, SEEK_SET), ==, 0);
  return fd;
}

gint64
rig_import(Rig *rig, const char *product, const char *version, gsize size, char fill)
{
  g_autofree char *text =
      g_strdup_printf("{'product': <'%s'>, 'version': <'%s'>, 'name': <'fw.bin'>}", product, version);
  g_autoptr(GVariant) form = form_of(text);
  g_autoptr(GVariant) result = NULL;
  g_autoptr(GError) error = NULL;
  gint64 id = 0;

  gw_command_import(rig->core, &rig_caller, rig_image(size, fill), form, rig_then());
  result = rig_result(rig, &error);
  g_assert_no_error(error);
  g_variant_get(result, "(xs)", &id, NULL);
  g_assert_cmpint(id, >, 0);
  return id;
}

/* Of a make that tells its version: the node ran it before, says so, stays, and says so again. */
static void
prove_by_telling(Rig *rig, gint64 id, const RigAsker *trial)
{
  g_autoptr(GVariant) options = form_of("{'stay': <'0s'>}");

  for (int i = 0; i < 3; i++) {
    GwAnswer answer = rig_ask(rig, trial);

    gw_answer_clear(&answer);
    if (i == 0)
      rig_run(rig, gw_command_push(rig->core, &rig_caller, &(GwPushOrder){ id, trial->node, options },
                                   rig_then()));
  }
}

void
rig_prove_on(Rig *rig, gint64 firmware, const char *node, const char *product, const char *version)
{
  g_autofree char *text = g_strdup_printf("{'product': <'%s'>}", product);
  g_autoptr(GVariant) form = form_of(text);
  g_autofree char *plugin = rig_column(rig, "products", "name", product, "plugin");

  rig_run(rig, gw_command_node_set(rig->core, &rig_caller, node, form, rig_then()));
  if (strcmp(plugin, RIG_SILENT) != 0 && strcmp(plugin, RIG_NUMBERED) != 0)
    prove_by_telling(rig, firmware, &(RigAsker){ .plugin = plugin, .node = node, .version = version });
  rig_run(rig, gw_command_firmware_confirm(rig->core, &rig_caller, firmware, &(GwSighting){ node, version },
                                           rig_then()));
}

void
rig_prove(Rig *rig, gint64 firmware, const char *product, const char *version)
{
  rig_prove_on(rig, firmware, "trial", product, version);
}

gint64
rig_verified(Rig *rig, const char *product, const char *version)
{
  gint64 id = rig_import(rig, product, version, 5000 + strlen(version), *version);

  rig_prove(rig, id, product, version);
  return id;
}

void
rig_adopt(Rig *rig, const char *node, const char *product)
{
  g_autofree char *text = g_strdup_printf("{'product': <'%s'>}", product);
  g_autoptr(GVariant) options = form_of(text);
  const char *nodes[] = { node, NULL };

  rig_run(rig, gw_command_adopt(rig->core, &rig_caller, nodes, options, rig_then()));
}

static gint64
id_of(Rig *rig)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GVariant) result = rig_result(rig, &error);
  gint64 id = 0;

  g_assert_no_error(error);
  g_variant_get(result, "(x)", &id);
  return id;
}

gint64
rig_push(Rig *rig, gint64 firmware, const char *node)
{
  return rig_push_as(rig, firmware, node, "@a{sv} {}");
}

gint64
rig_push_as(Rig *rig, gint64 firmware, const char *node, const char *options)
{
  rig_begin_push(rig, firmware, node, options);
  return id_of(rig);
}

void
rig_begin_push(Rig *rig, gint64 firmware, const char *node, const char *options)
{
  g_autoptr(GVariant) form = form_of(options);

  gw_command_push(rig->core, &rig_caller, &(GwPushOrder){ firmware, node, form }, rig_then());
}

gint64
rig_rule(Rig *rig, const char *name, gint64 firmware, const char *form)
{
  g_autofree char *text = g_strdup_printf("{'name': <'%s'>, 'firmware': <int64 %" G_GINT64_FORMAT
                                          ">, 'include-unknown': <true>%s%s}",
                                          name, firmware, form ? ", " : "", form ? form : "");
  g_autoptr(GVariant) variant = form_of(text);
  gint64 id;

  gw_command_rule_create(rig->core, &rig_caller, variant, rig_then());
  id = id_of(rig);
  rig_run(rig, gw_command_rule_start(rig->core, &rig_caller, id, rig_then()));
  return id;
}

static char *
text_of(GVariant *value)
{
  return g_variant_is_of_type(value, G_VARIANT_TYPE_STRING) ? g_variant_dup_string(value, NULL)
                                                            : g_variant_print(value, FALSE);
}

char *
rig_column(Rig *rig, const char *kind, const char *key, const char *value, const char *column)
{
  g_autofree char *text = g_strdup_printf("{'%s': <'%s'>}", key, value);
  g_autoptr(GVariant) filter = form_of(text);
  const char *columns[] = { column, NULL };
  GwListQuery query = { kind, columns, filter, "", "", 1 };
  g_autoptr(GError) error = NULL;
  g_autoptr(GVariant) result = NULL, rows = NULL, row = NULL, cell = NULL;

  rig_settle(rig);
  gw_query_list(rig->core, &query, rig_then());
  result = rig_result(rig, &error);
  g_assert_no_error(error);
  rows = g_variant_get_child_value(result, 0);
  if (g_variant_n_children(rows) == 0)
    return NULL;
  row = g_variant_get_child_value(rows, 0);
  cell = g_variant_lookup_value(row, column, NULL);
  return text_of(cell);
}

guint
rig_count_events(Rig *rig, const char *type)
{
  g_autofree char *text = g_strdup_printf("{'type': <'%s'>}", type);
  g_autoptr(GVariant) filter = form_of(text);
  gint64 after = 0, last = -1;
  guint n = 0;

  rig_settle(rig);
  while (after != last) {
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) result = NULL, rows = NULL;

    after = MAX(last, 0);
    gw_query_events(rig->core, after, filter, 500, rig_then());
    result = rig_result(rig, &error);
    g_assert_no_error(error);
    rows = g_variant_get_child_value(result, 0);
    n += (guint)g_variant_n_children(rows);
    g_variant_get_child(result, 1, "x", &last);
  }
  return n;
}

char *
rig_explain(Rig *rig, const char *node)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GVariant) result = NULL, details = NULL;
  g_auto(GStrv) lines = NULL;

  rig_settle(rig);
  gw_command_explain(rig->core, &rig_caller, node, rig_then());
  result = rig_result(rig, &error);
  g_assert_no_error(error);
  details = g_variant_get_child_value(result, 0);
  g_assert_true(g_variant_lookup(details, "lines", "^as", &lines));
  return g_strjoinv("\n", lines);
}
