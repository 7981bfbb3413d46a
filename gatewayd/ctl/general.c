/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* status, cache, deadletter, reload, updates, upstreams. */
#include "ctl/command.h"
#include "ctl/events.h"
#include "ctl/list.h"
#include "ctl/statistics.h"

static gboolean
run_status(GwCtl *ctl, const GwArgs *args, GError **error)
{
  g_autoptr(GVariant) result = NULL;
  g_autoptr(GVariant) status = NULL;

  if (!gw_ctl_simple(ctl, "GetStatus", g_variant_new("()"), &result, error))
    return FALSE;
  status = g_variant_get_child_value(result, 0);
  gw_ctl_print_details(ctl, status);
  return TRUE;
}

static gboolean
run_cache_list(GwCtl *ctl, const GwArgs *args, GError **error)
{
  return gw_ctl_list(ctl, "cache", args, error);
}

static gboolean
run_reload(GwCtl *ctl, const GwArgs *args, GError **error)
{
  g_autoptr(GVariant) result = NULL;

  if (!gw_ctl_simple(ctl, "Reload", g_variant_new("()"), &result, error))
    return FALSE;
  if (!gw_ctl_print_result(ctl, "Reload", result))
    g_print("the configuration was read again; what a worker objects to in it: gatewayctl status\n");
  return TRUE;
}

static gboolean
run_updates_list(GwCtl *ctl, const GwArgs *args, GError **error)
{
  return gw_ctl_list(ctl, "updates", args, error);
}

static gboolean
run_updates_show(GwCtl *ctl, const GwArgs *args, GError **error)
{
  gint64 id;

  return gw_args_id(args, 0, "updates", &id, error) && gw_ctl_show(ctl, "updates", args->operands[0], error);
}

static gboolean
run_updates_cancel(GwCtl *ctl, const GwArgs *args, GError **error)
{
  g_autoptr(GVariant) result = NULL;
  gint64 id;

  if (!gw_args_id(args, 0, "updates", &id, error) ||
      !gw_ctl_simple(ctl, "CancelUpdate", g_variant_new("(x)", id), &result, error))
    return FALSE;
  if (!gw_ctl_print_result(ctl, "CancelUpdate", result))
    g_print("update %s will be cancelled as far as its transport can be cut: gatewayctl updates show %s\n",
            args->operands[0], args->operands[0]);
  return TRUE;
}

static gboolean
run_upstreams_list(GwCtl *ctl, const GwArgs *args, GError **error)
{
  return gw_ctl_list(ctl, "upstreams", args, error);
}

static gboolean
run_upstreams_show(GwCtl *ctl, const GwArgs *args, GError **error)
{
  return gw_ctl_show(ctl, "upstreams", args->operands[0], error);
}

static gboolean
run_upstreams_poll(GwCtl *ctl, const GwArgs *args, GError **error)
{
  g_autoptr(GVariant) result = NULL;

  if (!gw_ctl_simple(ctl, "PollUpstream", g_variant_new("(s)", args->operands[0]), &result, error))
    return FALSE;
  if (!gw_ctl_print_result(ctl, "PollUpstream", result))
    g_print("upstream %s is asked for news; gatewayctl upstreams tells what came of it\n", args->operands[0]);
  return TRUE;
}

static gboolean
run_deadletter_list(GwCtl *ctl, const GwArgs *args, GError **error)
{
  return gw_ctl_list(ctl, "deadletters", args, error);
}

static gboolean
treat_deadletters(GwCtl *ctl, const GwArgs *args, const char *method, const char *sentence, GError **error)
{
  g_autoptr(GVariant) result = NULL;
  guint32 n;

  if (!gw_ctl_simple(ctl, method, g_variant_new("(^as)", args->operands), &result, error))
    return FALSE;
  g_variant_get(result, "(u)", &n);
  if (!gw_ctl_print_result(ctl, method, result))
    g_print("%u event%s %s\n", n, n == 1 ? "" : "s", sentence);
  return TRUE;
}

static gboolean
run_deadletter_retry(GwCtl *ctl, const GwArgs *args, GError **error)
{
  return treat_deadletters(ctl, args, "RetryDeadLetters", "will be sent again", error);
}

static gboolean
run_deadletter_drop(GwCtl *ctl, const GwArgs *args, GError **error)
{
  return treat_deadletters(ctl, args, "DropDeadLetters", "dropped for good", error);
}

static const GwArg EVENTS_ARGS[] = {
  { "follow", GW_ARG_FLAG, NULL, NULL, "stay and print what happens, until Ctrl-C" },
  { "after", GW_ARG_TEXT, NULL, "ID", "begin after this event; 0: with the oldest that is kept" },
  { "limit", GW_ARG_NUMBER, NULL, "N", "no more than N; without --after: the newest N (50, at most 500)" },
  { "filter", GW_ARG_TEXTS, NULL, "KEY=VALUE", "type (with *), node, firmware, rule, or final=yes" },
  { NULL, 0, NULL, NULL, NULL },
};

#define LETTER_MORE "LETTER is UPSTREAM/EVENT as listed, or UPSTREAM for all of it."

static const GwArg STATISTICS_ARGS[] = {
  { "by", GW_ARG_TEXT, NULL, "WHAT", "rule (the usual one), product, location or version" },
  { NULL, 0, NULL, NULL, NULL },
};

const GwCommand gw_commands_general[] = {
  { "status", NULL, "", 0, 0, NULL, "what the gateway is doing", NULL, run_status },
  { "events", NULL, "", 0, 0, EVENTS_ARGS, "what happened, oldest first",
    "With --json and --follow each event is one JSON document on a line of its own.\n\n"
    "  gatewayctl events --filter=node=sensor-7 --follow\n"
    "  gatewayctl events --after=0 --filter=type=update.* --filter=final=yes",
    gw_ctl_events },
  { "cache", "list", "", 0, 0, gw_list_args, "images that are kept", GW_LIST_MORE, run_cache_list },
  { "statistics", NULL, "", 0, 0, STATISTICS_ARGS, "how updates went, by rule, product, location or version",
    "Good is succeeded; bad is failed, refused or expired; what was cancelled or superseded says nothing "
    "about the "
    "firmware, and is in neither. The rate is of those that are through. Median and p90 are times from the "
    "first "
    "offer to the success, true to an eighth. Logins that several nodes share are counted apart.\n\n"
    "  gatewayctl statistics --by=version",
    gw_ctl_statistics },
  { "updates", "list", "", 0, 0, gw_list_args, "one node, one firmware each: how far they are",
    GW_LIST_MORE "\n\n  gatewayctl updates --filter=state=failed", run_updates_list },
  { "updates", "show", "ID", 1, 1, NULL, "one update and its history", NULL, run_updates_show },
  { "updates", "cancel", "ID", 1, 1, NULL, "give it up, as far as its transport can be cut", NULL,
    run_updates_cancel },
  { "upstreams", "list", "", 0, 0, gw_list_args, "where firmware comes from", GW_LIST_MORE,
    run_upstreams_list },
  { "upstreams", "show", "NAME", 1, 1, NULL, "one of them in full", NULL, run_upstreams_show },
  { "upstreams", "poll", "NAME", 1, 1, NULL, "look for new firmware now", NULL, run_upstreams_poll },
  { "deadletter", "list", "", 0, 0, gw_list_args, "events that an upstream refused for good", GW_LIST_MORE,
    run_deadletter_list },
  { "deadletter", "retry", "LETTER...", 1, G_MAXUINT, NULL, "send them again", LETTER_MORE,
    run_deadletter_retry },
  { "deadletter", "drop", "LETTER...", 1, G_MAXUINT, NULL, "give them up", LETTER_MORE, run_deadletter_drop },
  { "reload", NULL, "", 0, 0, NULL, "read the configuration again",
    "A configuration with a mistake is refused, with its file and line, and the old one stays in force.",
    run_reload },
  { NULL, NULL, NULL, 0, 0, NULL, NULL, NULL, NULL },
};
