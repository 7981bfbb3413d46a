/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fake-commands.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"

#define READ_SIZE 65536

struct GwCore {
  GHashTable *answers; /* command -> text */
  GPtrArray *calls;
  gboolean is_printing;
  void (*newest)(gint64 event_id, gpointer user);
  gpointer newest_user;
};

static const char *const DEFAULTS[][2] = {
  { "import", "(int64 1, 'unverified')" },
  { "firmware-edit", "('unverified',)" },
  { "push", "(int64 1,)" },
  { "verify", "(int64 1,)" },
  { "downgrade", "(int64 1,)" },
  { "adopt", "(uint32 1,)" },
  { "nodes-import", "(uint32 1, uint32 2, uint32 3)" },
  { "set-aside", "(uint32 2,)" },
  { "credential-make", "('abcdefghijkmn',)" },
  { "publish", "('FILE:NO_FILE',)" },
  { "deadletter-retry", "(uint32 1,)" },
  { "deadletter-drop", "(uint32 1,)" },
  { "explain", "{'lines': <['nothing to say']>, 'reason': <'none'>}" },
  { "offer", "('FILE:PROG001',)" },
  { "rule-create", "(int64 1,)" },
  { "rule-apply", "{'action': <'none'>}" },
  { "rule-preview", "{'matching': <uint32 0>, 'unknown': <uint32 0>}" },
  { "status", "{'version': <'0.1.0'>}" },
  { "statistics", "(@aa{sv} [], '')" },
  { "list", "(@aa{sv} [], '', uint32 0)" },
  { "get", "{'id': <'one'>, 'verbs': <@aa{sv} []>}" },
  { "events", "(@aa{sv} [], int64 0)" },
};

void
gw_core_caller_left(GwCore *core, const char *sender)
{
  g_ptr_array_add(core->calls, g_strdup_printf("left %s", sender));
}

/* "takes-changes" answered "no": the disk is full. */
gboolean
gw_core_takes_changes(GwCore *core, GError **error)
{
  return !g_hash_table_contains(core->answers, "takes-changes") ||
         gw_fail(error, GW_ERROR_NO_SPACE, "the disk is full");
}

GwCore *
fake_core_new(void)
{
  GwCore *core = g_new0(GwCore, 1);

  core->answers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  core->calls = g_ptr_array_new_with_free_func(g_free);
  return core;
}

void
fake_core_free(GwCore *core)
{
  g_hash_table_unref(core->answers);
  g_ptr_array_unref(core->calls);
  g_free(core);
}

void
fake_core_answer(GwCore *core, const char *command, const char *text)
{
  g_hash_table_replace(core->answers, g_strdup(command), g_strdup(text));
}

void
fake_core_answers(GwCore *core, const char *lines)
{
  g_auto(GStrv) split = g_strsplit(lines, "\n", -1);

  for (char **line = split; *line; line++) {
    char *tab = strchr(*line, '\t');

    if (**line == '#' || !tab)
      continue;
    *tab = '\0';
    fake_core_answer(core, *line, tab + 1);
  }
}

const GPtrArray *
fake_core_calls(const GwCore *core)
{
  return core->calls;
}

void
fake_core_forget(GwCore *core)
{
  g_ptr_array_set_size(core->calls, 0);
}

void
fake_core_print(GwCore *core)
{
  core->is_printing = TRUE;
}

void
fake_core_tell(GwCore *core, gint64 newest)
{
  if (core->newest)
    core->newest(newest, core->newest_user);
}

void
gw_core_set_listener(GwCore *core, void (*newest)(gint64 event_id, gpointer user), gpointer user)
{
  core->newest = newest;
  core->newest_user = user;
}

/* --- answering --- */

typedef struct {
  char *text; /* or NULL */
  GwThen then;
} Answer;

static GError *
error_of(const char *text)
{
  const char *blank = strchr(text, ' ');
  g_autofree char *name = g_strndup(text, (gsize)(blank - text));

  for (const GwErrorRow *row = gw_error_rows(); row->name; row++)
    if (strcmp(row->name, name) == 0)
      return g_error_new(GW_ERROR, (int)row->code, "%s", blank + 1);
  g_error("no error is called %s", name);
  return NULL;
}

static gboolean
on_answer(gpointer user)
{
  Answer *answer = user;
  g_autoptr(GError) error = NULL;
  g_autoptr(GVariant) result = NULL;

  if (answer->text && *answer->text == '!')
    error = error_of(answer->text + 1);
  else if (answer->text)
    result = g_variant_parse(NULL, answer->text, NULL, NULL, &error);
  if (error && error->domain != GW_ERROR)
    g_error("%s: %s", answer->text, error->message);
  answer->then.done(result, error, answer->then.user);
  g_free(answer->text);
  g_free(answer);
  return G_SOURCE_REMOVE;
}

static const char *
answer_to(GwCore *core, const char *command, const char *detail)
{
  g_autofree char *key = g_strconcat(command, ":", detail, NULL);
  const char *text = detail ? g_hash_table_lookup(core->answers, key) : NULL;

  if (!text)
    text = g_hash_table_lookup(core->answers, command);
  for (gsize i = 0; !text && i < G_N_ELEMENTS(DEFAULTS); i++)
    if (strcmp(DEFAULTS[i][0], command) == 0)
      text = DEFAULTS[i][1];
  return text;
}

static void
answer(GwCore *core, const char *command, const char *detail, GwThen then)
{
  const char *text = answer_to(core, command, detail);
  Answer *later;

  if (g_strcmp0(text, "!never") == 0)
    return;
  later = g_new0(Answer, 1);
  later->text = g_strdup(text);
  later->then = then;
  g_idle_add(on_answer, later);
}

static void
note(GwCore *core, const char *command, const GwCaller *caller, GVariant *arguments)
{
  g_autoptr(GVariant) sunk = g_variant_ref_sink(arguments);
  g_autofree char *text = g_variant_print(sunk, FALSE);
  char *line =
      g_strdup_printf("%s %s|%s|%s", command, caller ? caller->door : "", caller ? caller->name : "", text);

  g_ptr_array_add(core->calls, line);
  if (core->is_printing) {
    puts(line);
    fflush(stdout);
  }
}

static void
note_id(GwCore *core, const char *command, const GwCaller *caller, gint64 id, GwThen then)
{
  note(core, command, caller, g_variant_new("(x)", id));
  answer(core, command, NULL, then);
}

/* --- firmware --- */

void
gw_command_import(GwCore *core, const GwCaller *caller, int fd, GVariant *form, GwThen then)
{
  g_autofree char *content = g_malloc(READ_SIZE);
  gint64 total = 0;
  ssize_t n;

  while ((n = read(fd, content, READ_SIZE)) > 0)
    total += n;
  close(fd);
  note(core, "import", caller, g_variant_new("(x@a{sv})", total, form));
  answer(core, "import", NULL, then);
}

void
gw_command_firmware_edit(GwCore *core, const GwCaller *caller, gint64 id, GVariant *form, GwThen then)
{
  note(core, "firmware-edit", caller, g_variant_new("(x@a{sv})", id, form));
  answer(core, "firmware-edit", NULL, then);
}

void
gw_command_firmware_confirm(GwCore *core, const GwCaller *caller, gint64 id, const GwSighting *seen,
                            GwThen then)
{
  note(core, "firmware-confirm", caller, g_variant_new("(xss)", id, seen->node, seen->version));
  answer(core, "firmware-confirm", NULL, then);
}

void
gw_command_firmware_unverify(GwCore *core, const GwCaller *caller, gint64 id, const char *reason, GwThen then)
{
  note(core, "firmware-unverify", caller, g_variant_new("(xs)", id, reason));
  answer(core, "firmware-unverify", NULL, then);
}

void
gw_command_firmware_reject(GwCore *core, const GwCaller *caller, gint64 id, const char *reason, GwThen then)
{
  note(core, "firmware-reject", caller, g_variant_new("(xs)", id, reason));
  answer(core, "firmware-reject", NULL, then);
}

void
gw_command_firmware_withdraw(GwCore *core, const GwCaller *caller, gint64 id, const char *reason, GwThen then)
{
  note(core, "firmware-withdraw", caller, g_variant_new("(xs)", id, reason));
  answer(core, "firmware-withdraw", NULL, then);
}

void
gw_command_firmware_delete(GwCore *core, const GwCaller *caller, gint64 id, GwThen then)
{
  note_id(core, "firmware-delete", caller, id, then);
}

void
gw_command_push(GwCore *core, const GwCaller *caller, const GwPushOrder *order, GwThen then)
{
  static const char *const NAMES[] = { "push", "verify", "downgrade" };

  note(core, NAMES[order->kind], caller,
       g_variant_new("(xs@a{sv})", order->firmware, order->node, order->options));
  answer(core, NAMES[order->kind], NULL, then);
}

/* --- products and nodes --- */

void
gw_command_product_set(GwCore *core, const GwCaller *caller, const char *name, GVariant *form, GwThen then)
{
  note(core, "product-set", caller, g_variant_new("(s@a{sv})", name, form));
  answer(core, "product-set", NULL, then);
}

void
gw_command_adopt(GwCore *core, const GwCaller *caller, const char *const *nodes, GVariant *options,
                 GwThen then)
{
  note(core, "adopt", caller, g_variant_new("(^as@a{sv})", nodes, options));
  answer(core, "adopt", NULL, then);
}

void
gw_command_forget(GwCore *core, const GwCaller *caller, const char *const *nodes, GwThen then)
{
  note(core, "forget", caller, g_variant_new("(^as)", nodes));
  answer(core, "forget", NULL, then);
}

void
gw_command_node_set(GwCore *core, const GwCaller *caller, const char *node, GVariant *form, GwThen then)
{
  note(core, "node-set", caller, g_variant_new("(s@a{sv})", node, form));
  answer(core, "node-set", NULL, then);
}

void
gw_command_nodes_import(GwCore *core, const GwCaller *caller, const char *text, gboolean is_dry_run,
                        GwThen then)
{
  note(core, "nodes-import", caller, g_variant_new("(sb)", text, is_dry_run));
  answer(core, "nodes-import", NULL, then);
}

void
gw_command_node_replace(GwCore *core, const GwCaller *caller, const char *old_id, const char *new_id,
                        GwThen then)
{
  note(core, "node-replace", caller, g_variant_new("(ss)", old_id, new_id));
  answer(core, "node-replace", NULL, then);
}

void
gw_command_set_aside(GwCore *core, const GwCaller *caller, GVariant *who, const GwAsideOrder *order,
                     GwThen then)
{
  note(core, "set-aside", caller,
       g_variant_new("(@a{sv}bsb)", who, order->is_aside, order->reason, order->is_dry_run));
  answer(core, "set-aside", NULL, then);
}

void
gw_command_credential_make(GwCore *core, const GwCaller *caller, const char *node, GwThen then)
{
  note(core, "credential-make", caller, g_variant_new("(s)", node));
  answer(core, "credential-make", NULL, then);
}

void
gw_command_credential_revoke(GwCore *core, const GwCaller *caller, const char *node, GwThen then)
{
  note(core, "credential-revoke", caller, g_variant_new("(s)", node));
  answer(core, "credential-revoke", NULL, then);
}

void
gw_command_account_set(GwCore *core, const GwCaller *caller, const char *login, GVariant *form, GwThen then)
{
  note(core, "account-set", caller, g_variant_new("(s@a{sv})", login, form));
  answer(core, "account-set", NULL, then);
}

void
gw_command_account_remove(GwCore *core, const GwCaller *caller, const char *login, GwThen then)
{
  note(core, "account-remove", caller, g_variant_new("(s)", login));
  answer(core, "account-remove", NULL, then);
}

void
gw_command_explain(GwCore *core, const GwCaller *caller, const char *node, GwThen then)
{
  note(core, "explain", caller, g_variant_new("(s)", node));
  answer(core, "explain", NULL, then);
}

void
gw_command_offer(GwCore *core, const GwCaller *caller, const char *node, GwThen then)
{
  note(core, "offer", caller, g_variant_new("(s)", node));
  answer(core, "offer", NULL, then);
}

/* --- rules --- */

void
gw_command_rule_create(GwCore *core, const GwCaller *caller, GVariant *form, GwThen then)
{
  note(core, "rule-create", caller, g_variant_new("(@a{sv})", form));
  answer(core, "rule-create", NULL, then);
}

void
gw_command_rule_apply(GwCore *core, const GwCaller *caller, const char *text, gboolean is_dry_run,
                      GwThen then)
{
  note(core, "rule-apply", caller, g_variant_new("(sb)", text, is_dry_run));
  answer(core, "rule-apply", NULL, then);
}

void
gw_command_rule_preview(GwCore *core, const GwCaller *caller, gint64 id, GwThen then)
{
  note_id(core, "rule-preview", caller, id, then);
}

void
gw_command_rule_start(GwCore *core, const GwCaller *caller, gint64 id, GwThen then)
{
  note_id(core, "rule-start", caller, id, then);
}

void
gw_command_rule_pause(GwCore *core, const GwCaller *caller, gint64 id, const char *reason, GwThen then)
{
  note(core, "rule-pause", caller, g_variant_new("(xs)", id, reason));
  answer(core, "rule-pause", NULL, then);
}

void
gw_command_rule_approve(GwCore *core, const GwCaller *caller, gint64 id, GwThen then)
{
  note_id(core, "rule-stop", caller, id, then);
}

void
gw_command_rule_stop(GwCore *core, const GwCaller *caller, gint64 id, GwThen then)
{
  note_id(core, "rule-stop", caller, id, then);
}

void
gw_command_rule_delete(GwCore *core, const GwCaller *caller, gint64 id, GwThen then)
{
  note_id(core, "rule-delete", caller, id, then);
}

void
gw_command_update_cancel(GwCore *core, const GwCaller *caller, gint64 id, GwThen then)
{
  note_id(core, "update-cancel", caller, id, then);
}

/* --- the rest --- */

void
gw_command_upstream_poll(GwCore *core, const GwCaller *caller, const char *name, GwThen then)
{
  note(core, "upstream-poll", caller, g_variant_new("(s)", name));
  answer(core, "upstream-poll", NULL, then);
}

void
gw_command_plugin_verb(GwCore *core, const GwCaller *caller, const GwVerbOrder *order, GwThen then)
{
  note(core, "plugin-verb", caller,
       g_variant_new("(ssss)", order->plugin, order->verb, order->node, order->argument));
  answer(core, "plugin-verb", NULL, then);
}

void
gw_command_publish(GwCore *core, const GwCaller *caller, const char *outlet, GVariant *form, GwThen then)
{
  note(core, "publish", caller, g_variant_new("(s@a{sv})", outlet, form));
  answer(core, "publish", NULL, then);
}

void
gw_command_deadletter_retry(GwCore *core, const GwCaller *caller, const char *const *letters, GwThen then)
{
  note(core, "deadletter-retry", caller, g_variant_new("(^as)", letters));
  answer(core, "deadletter-retry", NULL, then);
}

void
gw_command_deadletter_drop(GwCore *core, const GwCaller *caller, const char *const *letters, GwThen then)
{
  note(core, "deadletter-drop", caller, g_variant_new("(^as)", letters));
  answer(core, "deadletter-drop", NULL, then);
}

void
gw_command_reload(GwCore *core, const GwCaller *caller, GwThen then)
{
  note(core, "reload", caller, g_variant_new("()"));
  answer(core, "reload", NULL, then);
}

/* --- questions --- */

void
gw_query_status(GwCore *core, GwThen then)
{
  note(core, "status", NULL, g_variant_new("()"));
  answer(core, "status", NULL, then);
}

void
gw_query_list(GwCore *core, const GwListQuery *query, GwThen then)
{
  g_autofree char *page = *query->cursor ? g_strconcat(query->kind, "@", query->cursor, NULL) : NULL;

  note(core, "list", NULL,
       g_variant_new("(s^as@a{sv}ssu)", query->kind, query->columns, query->filter, query->sort,
                     query->cursor, query->limit));
  answer(core, "list", page ? page : query->kind, then);
}

void
gw_query_statistics(GwCore *core, const char *by, const char *cursor, GwThen then)
{
  note(core, "statistics", NULL, g_variant_new("(ss)", by, cursor));
  answer(core, "statistics", *cursor ? cursor : NULL, then);
}

void
gw_query_get(GwCore *core, const char *kind, const char *id, GwThen then)
{
  g_autofree char *detail = g_strconcat(kind, ":", id, NULL);

  note(core, "get", NULL, g_variant_new("(ss)", kind, id));
  answer(core, "get", detail, then);
}

void
gw_query_events(GwCore *core, gint64 after_id, GVariant *filter, guint limit, GwThen then)
{
  g_autofree char *detail = g_strdup_printf("%" G_GINT64_FORMAT, after_id);

  note(core, "events", NULL, g_variant_new("(x@a{sv}u)", after_id, filter, limit));
  answer(core, "events", detail, then);
}
