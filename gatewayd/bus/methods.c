/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From the arguments of a method to the command behind it: one small function each, and the table. */
#include "bus/methods.h"

#include "base/error.h"

static gboolean
run_import(const GwMethodCall *call, GError **error)
{
  g_autoptr(GVariant) form = NULL;
  gint32 handle;
  int fd;

  g_variant_get(call->parameters, "(h@a{sv}@a{sv})", &handle, &form, NULL);
  if (!call->fds || handle < 0 || handle >= g_unix_fd_list_get_length(call->fds))
    return gw_fail(error, GW_ERROR_BAD_INPUT, "the message carries no file descriptor");
  fd = g_unix_fd_list_get(call->fds, handle, error);
  if (fd < 0)
    return FALSE;
  gw_command_import(call->core, call->caller, fd, form, call->then);
  return TRUE;
}

static gboolean
run_firmware_edit(const GwMethodCall *call, GError **error)
{
  g_autoptr(GVariant) form = NULL;
  gint64 id;

  g_variant_get(call->parameters, "(x@a{sv}@a{sv})", &id, &form, NULL);
  gw_command_firmware_edit(call->core, call->caller, id, form, call->then);
  return TRUE;
}

static gboolean
run_firmware_confirm(const GwMethodCall *call, GError **error)
{
  GwSighting seen;
  gint64 id;

  g_variant_get(call->parameters, "(x&s&s@a{sv})", &id, &seen.node, &seen.version, NULL);
  gw_command_firmware_confirm(call->core, call->caller, id, &seen, call->then);
  return TRUE;
}

static gboolean
run_firmware_unverify(const GwMethodCall *call, GError **error)
{
  const char *reason;
  gint64 id;

  g_variant_get(call->parameters, "(x&s@a{sv})", &id, &reason, NULL);
  gw_command_firmware_unverify(call->core, call->caller, id, reason, call->then);
  return TRUE;
}

static gboolean
run_firmware_reject(const GwMethodCall *call, GError **error)
{
  const char *reason;
  gint64 id;

  g_variant_get(call->parameters, "(x&s@a{sv})", &id, &reason, NULL);
  gw_command_firmware_reject(call->core, call->caller, id, reason, call->then);
  return TRUE;
}

static gboolean
run_firmware_withdraw(const GwMethodCall *call, GError **error)
{
  const char *reason;
  gint64 id;

  g_variant_get(call->parameters, "(x&s@a{sv})", &id, &reason, NULL);
  gw_command_firmware_withdraw(call->core, call->caller, id, reason, call->then);
  return TRUE;
}

static gint64
id_of(const GwMethodCall *call)
{
  gint64 id;

  g_variant_get_child(call->parameters, 0, "x", &id);
  return id;
}

static const char *
name_of(const GwMethodCall *call)
{
  const char *name;

  g_variant_get_child(call->parameters, 0, "&s", &name);
  return name;
}

static gboolean
run_firmware_delete(const GwMethodCall *call, GError **error)
{
  gw_command_firmware_delete(call->core, call->caller, id_of(call), call->then);
  return TRUE;
}

static gboolean
push(const GwMethodCall *call, GwPushKind kind)
{
  GwPushOrder order = { .options = call->options, .kind = kind };

  g_variant_get(call->parameters, "(x&s@a{sv})", &order.firmware, &order.node, NULL);
  gw_command_push(call->core, call->caller, &order, call->then);
  return TRUE;
}

static gboolean
run_push(const GwMethodCall *call, GError **error)
{
  return push(call, GW_PUSH_PLAIN);
}

static gboolean
run_verify(const GwMethodCall *call, GError **error)
{
  return push(call, GW_PUSH_VERIFY);
}

static gboolean
run_downgrade(const GwMethodCall *call, GError **error)
{
  return push(call, GW_PUSH_DOWNGRADE);
}

static gboolean
run_product_set(const GwMethodCall *call, GError **error)
{
  g_autoptr(GVariant) form = g_variant_get_child_value(call->parameters, 1);

  gw_command_product_set(call->core, call->caller, name_of(call), form, call->then);
  return TRUE;
}

static gboolean
run_adopt(const GwMethodCall *call, GError **error)
{
  g_autofree const char **nodes = NULL;

  g_variant_get_child(call->parameters, 0, "^a&s", &nodes);
  gw_command_adopt(call->core, call->caller, nodes, call->options, call->then);
  return TRUE;
}

static gboolean
run_forget(const GwMethodCall *call, GError **error)
{
  g_autofree const char **nodes = NULL;

  g_variant_get_child(call->parameters, 0, "^a&s", &nodes);
  gw_command_forget(call->core, call->caller, nodes, call->then);
  return TRUE;
}

static gboolean
run_node_set(const GwMethodCall *call, GError **error)
{
  g_autoptr(GVariant) form = g_variant_get_child_value(call->parameters, 1);

  gw_command_node_set(call->core, call->caller, name_of(call), form, call->then);
  return TRUE;
}

static gboolean
is_dry_run(const GwMethodCall *call)
{
  gboolean is_dry = FALSE;

  return g_variant_lookup(call->options, "dry-run", "b", &is_dry) && is_dry;
}

static gboolean
run_nodes_import(const GwMethodCall *call, GError **error)
{
  gw_command_nodes_import(call->core, call->caller, name_of(call), is_dry_run(call), call->then);
  return TRUE;
}

static gboolean
run_node_replace(const GwMethodCall *call, GError **error)
{
  const char *old_id, *new_id;

  g_variant_get(call->parameters, "(&s&s@a{sv})", &old_id, &new_id, NULL);
  gw_command_node_replace(call->core, call->caller, old_id, new_id, call->then);
  return TRUE;
}

static gboolean
run_set_aside(const GwMethodCall *call, GError **error)
{
  g_autoptr(GVariant) who = g_variant_get_child_value(call->parameters, 0);
  GwAsideOrder order = { TRUE, "", is_dry_run(call) };

  g_variant_get_child(call->parameters, 1, "&s", &order.reason);
  gw_command_set_aside(call->core, call->caller, who, &order, call->then);
  return TRUE;
}

static gboolean
run_return(const GwMethodCall *call, GError **error)
{
  g_autoptr(GVariant) who = g_variant_get_child_value(call->parameters, 0);

  gw_command_set_aside(call->core, call->caller, who, &(GwAsideOrder){ FALSE, "", is_dry_run(call) },
                       call->then);
  return TRUE;
}

static gboolean
run_credential_make(const GwMethodCall *call, GError **error)
{
  gw_command_credential_make(call->core, call->caller, name_of(call), call->then);
  return TRUE;
}

static gboolean
run_credential_revoke(const GwMethodCall *call, GError **error)
{
  gw_command_credential_revoke(call->core, call->caller, name_of(call), call->then);
  return TRUE;
}

static gboolean
run_account_set(const GwMethodCall *call, GError **error)
{
  g_autoptr(GVariant) form = g_variant_get_child_value(call->parameters, 1);

  gw_command_account_set(call->core, call->caller, name_of(call), form, call->then);
  return TRUE;
}

static gboolean
run_account_remove(const GwMethodCall *call, GError **error)
{
  gw_command_account_remove(call->core, call->caller, name_of(call), call->then);
  return TRUE;
}

static gboolean
run_publish(const GwMethodCall *call, GError **error)
{
  g_autoptr(GVariant) form = g_variant_get_child_value(call->parameters, 1);

  gw_command_publish(call->core, call->caller, name_of(call), form, call->then);
  return TRUE;
}

static gboolean
run_explain(const GwMethodCall *call, GError **error)
{
  gw_command_explain(call->core, call->caller, name_of(call), call->then);
  return TRUE;
}

static gboolean
run_offer(const GwMethodCall *call, GError **error)
{
  gw_command_offer(call->core, call->caller, name_of(call), call->then);
  return TRUE;
}

static gboolean
run_rule_create(const GwMethodCall *call, GError **error)
{
  g_autoptr(GVariant) form = g_variant_get_child_value(call->parameters, 0);

  gw_command_rule_create(call->core, call->caller, form, call->then);
  return TRUE;
}

static gboolean
run_rule_apply(const GwMethodCall *call, GError **error)
{
  g_autoptr(GVariant) option = g_variant_lookup_value(call->options, "dry-run", NULL);
  gboolean is_dry_run;

  if (option && !g_variant_is_of_type(option, G_VARIANT_TYPE_BOOLEAN))
    return gw_fail(error, GW_ERROR_BAD_INPUT, "dry-run: expected yes or no");
  is_dry_run = option && g_variant_get_boolean(option);
  gw_command_rule_apply(call->core, call->caller, name_of(call), is_dry_run, call->then);
  return TRUE;
}

static gboolean
run_rule_preview(const GwMethodCall *call, GError **error)
{
  gw_command_rule_preview(call->core, call->caller, id_of(call), call->then);
  return TRUE;
}

static gboolean
run_rule_start(const GwMethodCall *call, GError **error)
{
  gw_command_rule_start(call->core, call->caller, id_of(call), call->then);
  return TRUE;
}

static gboolean
run_rule_pause(const GwMethodCall *call, GError **error)
{
  const char *reason;

  g_variant_get_child(call->parameters, 1, "&s", &reason);
  gw_command_rule_pause(call->core, call->caller, id_of(call), reason, call->then);
  return TRUE;
}

static gboolean
run_rule_approve(const GwMethodCall *call, GError **error)
{
  gw_command_rule_approve(call->core, call->caller, id_of(call), call->then);
  return TRUE;
}

static gboolean
run_rule_stop(const GwMethodCall *call, GError **error)
{
  gw_command_rule_stop(call->core, call->caller, id_of(call), call->then);
  return TRUE;
}

static gboolean
run_rule_delete(const GwMethodCall *call, GError **error)
{
  gw_command_rule_delete(call->core, call->caller, id_of(call), call->then);
  return TRUE;
}

static gboolean
run_update_cancel(const GwMethodCall *call, GError **error)
{
  gw_command_update_cancel(call->core, call->caller, id_of(call), call->then);
  return TRUE;
}

static gboolean
run_upstream_poll(const GwMethodCall *call, GError **error)
{
  gw_command_upstream_poll(call->core, call->caller, name_of(call), call->then);
  return TRUE;
}

static gboolean
run_verb(const GwMethodCall *call, GError **error)
{
  GwVerbOrder order;

  g_variant_get(call->parameters, "(&s&s&s&s@a{sv})", &order.plugin, &order.verb, &order.node,
                &order.argument, NULL);
  gw_command_plugin_verb(call->core, call->caller, &order, call->then);
  return TRUE;
}

static gboolean
run_deadletter_retry(const GwMethodCall *call, GError **error)
{
  g_autofree const char **letters = NULL;

  g_variant_get_child(call->parameters, 0, "^a&s", &letters);
  gw_command_deadletter_retry(call->core, call->caller, letters, call->then);
  return TRUE;
}

static gboolean
run_deadletter_drop(const GwMethodCall *call, GError **error)
{
  g_autofree const char **letters = NULL;

  g_variant_get_child(call->parameters, 0, "^a&s", &letters);
  gw_command_deadletter_drop(call->core, call->caller, letters, call->then);
  return TRUE;
}

static gboolean
run_reload(const GwMethodCall *call, GError **error)
{
  gw_command_reload(call->core, call->caller, call->then);
  return TRUE;
}

static gboolean
run_status(const GwMethodCall *call, GError **error)
{
  gw_query_status(call->core, call->then);
  return TRUE;
}

static gboolean
run_statistics(const GwMethodCall *call, GError **error)
{
  const char *by, *cursor;

  g_variant_get(call->parameters, "(&s&s@a{sv})", &by, &cursor, NULL);
  gw_query_statistics(call->core, by, cursor, call->then);
  return TRUE;
}

static gboolean
run_list(const GwMethodCall *call, GError **error)
{
  g_autofree const char **columns = NULL;
  g_autoptr(GVariant) filter = NULL;
  GwListQuery query = { 0 };

  g_variant_get(call->parameters, "(&s^a&s@a{sv}&s&su@a{sv})", &query.kind, &columns, &filter, &query.sort,
                &query.cursor, &query.limit, NULL);
  query.columns = columns;
  query.filter = filter;
  gw_query_list(call->core, &query, call->then);
  return TRUE;
}

static gboolean
run_get(const GwMethodCall *call, GError **error)
{
  const char *kind, *id;

  g_variant_get(call->parameters, "(&s&s@a{sv})", &kind, &id, NULL);
  gw_query_get(call->core, kind, id, call->then);
  return TRUE;
}

static gboolean
run_events(const GwMethodCall *call, GError **error)
{
  g_autoptr(GVariant) filter = NULL;
  gint64 after_id;
  guint limit;

  g_variant_get(call->parameters, "(x@a{sv}u@a{sv})", &after_id, &filter, &limit, NULL);
  gw_query_events(call->core, after_id, filter, limit, call->then);
  return TRUE;
}

/* --- RunVerb: the plugin's table says which role a verb needs --- */

typedef struct {
  char *verb;
  GwMethodRole done;
  gpointer user;
} VerbRole;

/* A verb that the table does not hold is left to the command, which says so. What cannot be read is not
 * guessed at: it needs the strongest role. */
static GwRole
role_in_table(GVariant *plugin, const char *verb)
{
  g_autoptr(GVariant) verbs = g_variant_lookup_value(plugin, "verbs", G_VARIANT_TYPE("aa{sv}"));
  gsize n_verbs = verbs ? g_variant_n_children(verbs) : 0;

  for (gsize i = 0; i < n_verbs; i++) {
    g_autoptr(GVariant) row = g_variant_get_child_value(verbs, i);
    const char *name = NULL;
    guint32 role;

    if (!g_variant_lookup(row, "name", "&s", &name) || g_strcmp0(name, verb) != 0)
      continue;
    if (g_variant_lookup(row, "role", "u", &role) && (role == GW_ROLE_READ || role == GW_ROLE_OPERATE))
      return GW_ROLE_OPERATE;
    return GW_ROLE_ADMINISTER;
  }
  return verbs ? GW_ROLE_OPERATE : GW_ROLE_ADMINISTER;
}

static void
on_plugin(GVariant *result, const GError *error, gpointer user)
{
  VerbRole *lookup = user;
  g_autoptr(GVariant) plugin = NULL;

  if (result && g_variant_is_of_type(result, G_VARIANT_TYPE("(a{sv})")))
    plugin = g_variant_get_child_value(result, 0);
  else if (result && g_variant_is_of_type(result, G_VARIANT_TYPE_VARDICT))
    plugin = g_variant_ref(result);
  lookup->done(plugin ? role_in_table(plugin, lookup->verb) : GW_ROLE_ADMINISTER, error, lookup->user);
  g_free(lookup->verb);
  g_free(lookup);
}

static void
find_verb_role(const GwMethodCall *call, GwMethodRole done, gpointer user)
{
  VerbRole *lookup = g_new0(VerbRole, 1);

  g_variant_get_child(call->parameters, 1, "s", &lookup->verb);
  lookup->done = done;
  lookup->user = user;
  gw_query_get(call->core, "plugins", name_of(call), (GwThen){ on_plugin, lookup });
}

static const char *const PUSH_OPTIONS[] = { "number", "override", "stay", NULL };
static const char *const DRY_RUN_OPTIONS[] = { "dry-run", NULL };
static const char *const ADOPT_OPTIONS[] = { "product", "location", NULL };

static const GwMethod METHODS[] = {
  { "Import", GW_ROLE_OPERATE, NULL, run_import },
  { "EditFirmware", GW_ROLE_OPERATE, NULL, run_firmware_edit },
  { "ConfirmFirmware", GW_ROLE_OPERATE, NULL, run_firmware_confirm },
  { "VerifyFirmware", GW_ROLE_OPERATE, PUSH_OPTIONS, run_verify },
  { "UnverifyFirmware", GW_ROLE_OPERATE, NULL, run_firmware_unverify, .is_remedy = TRUE },
  { "RejectFirmware", GW_ROLE_OPERATE, NULL, run_firmware_reject, .is_remedy = TRUE },
  { "WithdrawFirmware", GW_ROLE_OPERATE, NULL, run_firmware_withdraw, .is_remedy = TRUE },
  { "DeleteFirmware", GW_ROLE_OPERATE, NULL, run_firmware_delete, .is_remedy = TRUE },
  { "Push", GW_ROLE_OPERATE, PUSH_OPTIONS, run_push },
  { "Downgrade", GW_ROLE_OPERATE, PUSH_OPTIONS, run_downgrade },
  { "SetProduct", GW_ROLE_ADMINISTER, NULL, run_product_set },
  { "AdoptNodes", GW_ROLE_OPERATE, ADOPT_OPTIONS, run_adopt },
  { "ForgetNodes", GW_ROLE_OPERATE, NULL, run_forget, .is_remedy = TRUE },
  { "SetNode", GW_ROLE_OPERATE, NULL, run_node_set },
  { "ImportNodes", GW_ROLE_OPERATE, DRY_RUN_OPTIONS, run_nodes_import },
  { "ReplaceNode", GW_ROLE_OPERATE, NULL, run_node_replace },
  { "SetAsideNodes", GW_ROLE_OPERATE, DRY_RUN_OPTIONS, run_set_aside, .is_remedy = TRUE },
  { "ReturnNodes", GW_ROLE_OPERATE, DRY_RUN_OPTIONS, run_return },
  { "MakeCredential", GW_ROLE_OPERATE, NULL, run_credential_make },
  { "RevokeCredential", GW_ROLE_OPERATE, NULL, run_credential_revoke, .is_remedy = TRUE },
  { "SetAccount", GW_ROLE_ADMINISTER, NULL, run_account_set },
  { "RemoveAccount", GW_ROLE_ADMINISTER, NULL, run_account_remove, .is_remedy = TRUE },
  { "Publish", GW_ROLE_OPERATE, NULL, run_publish },
  { "Explain", GW_ROLE_READ, NULL, run_explain },
  { "ShowOffer", GW_ROLE_READ, NULL, run_offer },
  { "CreateRule", GW_ROLE_OPERATE, NULL, run_rule_create },
  { "ApplyRule", GW_ROLE_OPERATE, DRY_RUN_OPTIONS, run_rule_apply },
  { "PreviewRule", GW_ROLE_READ, NULL, run_rule_preview },
  { "StartRule", GW_ROLE_OPERATE, NULL, run_rule_start },
  { "PauseRule", GW_ROLE_OPERATE, NULL, run_rule_pause, .is_remedy = TRUE },
  { "ApproveRule", GW_ROLE_OPERATE, NULL, run_rule_approve },
  { "StopRule", GW_ROLE_OPERATE, NULL, run_rule_stop, .is_remedy = TRUE },
  { "DeleteRule", GW_ROLE_OPERATE, NULL, run_rule_delete, .is_remedy = TRUE },
  { "CancelUpdate", GW_ROLE_OPERATE, NULL, run_update_cancel, .is_remedy = TRUE },
  { "PollUpstream", GW_ROLE_OPERATE, NULL, run_upstream_poll },
  { "RunVerb", GW_ROLE_OPERATE, NULL, run_verb, .find_role = find_verb_role },
  { "RetryDeadLetters", GW_ROLE_OPERATE, NULL, run_deadletter_retry },
  { "DropDeadLetters", GW_ROLE_OPERATE, NULL, run_deadletter_drop, .is_remedy = TRUE },
  { "Reload", GW_ROLE_ADMINISTER, NULL, run_reload, .is_remedy = TRUE },
  { "GetStatus", GW_ROLE_READ, NULL, run_status },
  { "GetStatistics", GW_ROLE_READ, NULL, run_statistics },
  { "List", GW_ROLE_READ, NULL, run_list },
  { "Get", GW_ROLE_READ, NULL, run_get },
  { "GetEvents", GW_ROLE_READ, NULL, run_events },
  { .name = NULL },
};

const GwMethod *
gw_methods(void)
{
  return METHODS;
}

const GwMethod *
gw_method_find(const char *name)
{
  for (const GwMethod *method = METHODS; method->name; method++)
    if (g_strcmp0(method->name, name) == 0)
      return method;
  return NULL;
}

gboolean
gw_method_check_options(const GwMethod *method, GVariant *options, GError **error)
{
  static const char *const none[] = { NULL };
  const char *const *known = method->options ? method->options : none;
  g_autofree char *list = g_strjoinv(", ", (char **)known);
  GVariantIter iter;
  const char *key;

  g_variant_iter_init(&iter, options);
  while (g_variant_iter_next(&iter, "{&sv}", &key, NULL))
    if (!g_strv_contains(known, key))
      return gw_fail(error, GW_ERROR_BAD_INPUT, "%s has no option \"%s\"; it knows: %s", method->name, key,
                     *list ? list : "none");
  return TRUE;
}
