/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* rules ... */
#include "base/error.h"
#include "base/log.h"
#include "ctl/command.h"
#include "ctl/list.h"
#include "ctl/rule-files.h"
#include "ctl/text.h"

#define SAMPLE_SHOWN 5

static gboolean
run_list(GwCtl *ctl, const GwArgs *args, GError **error)
{
  return gw_ctl_list(ctl, "rules", args, error);
}

/* A rule goes by its number or by its name. */
static gboolean
rule_id(GwCtl *ctl, const GwArgs *args, gint64 *ret_id, GError **error)
{
  const char *word = args->operands[0];

  return g_ascii_string_to_signed(word, 10, 1, G_MAXINT64, ret_id, NULL) ||
         gw_ctl_find(ctl, "rules", word, ret_id, error);
}

/* Without the document, and with the hours as the clock here shows them. */
static gboolean
show_for_people(GwCtl *ctl, const char *id, GError **error)
{
  g_autoptr(GVariant) details = NULL;
  g_autoptr(GVariantDict) shown = NULL;
  const char *hours = "";

  if (!gw_ctl_get(ctl, "rules", id, &details, error))
    return FALSE;
  shown = g_variant_dict_new(details);
  g_variant_dict_remove(shown, "form");
  if (g_variant_lookup(details, "hours", "&s", &hours) && *hours) {
    g_autofree char *local = gw_rule_files_local_hours(hours);

    g_variant_dict_insert_value(shown, "hours",
                                g_variant_new_take_string(g_strdup_printf("%s UTC, here %s", hours, local)));
  }
  g_variant_unref(details);
  details = g_variant_ref_sink(g_variant_dict_end(shown));
  gw_ctl_print_details(ctl, details);
  return TRUE;
}

static gboolean
run_show(GwCtl *ctl, const GwArgs *args, GError **error)
{
  g_autofree char *text = NULL;
  gint64 id;

  if (!rule_id(ctl, args, &id, error))
    return FALSE;
  text = g_strdup_printf("%" G_GINT64_FORMAT, id);
  if (ctl->is_json)
    return gw_ctl_show(ctl, "rules", text, error);
  return show_for_people(ctl, text, error);
}

static gboolean
run_export(GwCtl *ctl, const GwArgs *args, GError **error)
{
  g_autofree char *text = NULL;
  gint64 id;

  if (!rule_id(ctl, args, &id, error))
    return FALSE;
  text = g_strdup_printf("%" G_GINT64_FORMAT, id);
  return gw_rule_files_export(ctl, text, error);
}

/* --- preview --- */

static void
print_sample(GVariant *preview)
{
  g_autoptr(GVariant) sample = g_variant_lookup_value(preview, "sample", G_VARIANT_TYPE_STRING_ARRAY);
  gsize n = sample ? g_variant_n_children(sample) : 0;

  for (gsize i = 0; i < n && i < SAMPLE_SHOWN; i++) {
    g_autoptr(GVariant) node = g_variant_get_child_value(sample, i);
    g_autofree char *text = gw_text_value(NULL, node);

    g_printerr("%s%s", i == 0 ? "such as: " : ", ", text);
  }
  g_printerr("%s", n > 0 ? "\n" : "");
}

/* To the error output: it is read by the person who is about to answer. */
static void
print_preview(GVariant *preview)
{
  g_autoptr(GVariant) warnings = g_variant_lookup_value(preview, "warnings", G_VARIANT_TYPE_STRING_ARRAY);
  guint32 matching = 0, unknown = 0;
  const char *number = NULL;

  g_variant_lookup(preview, "matching", "u", &matching);
  g_variant_lookup(preview, "unknown", "u", &unknown);
  g_printerr("%u node%s match%s now", matching, matching == 1 ? "" : "s", matching == 1 ? "es" : "");
  if (unknown > 0)
    g_printerr("; of %u more the version is unknown (--include-unknown would take them in)", unknown);
  g_printerr("\n");
  if (g_variant_lookup(preview, "number", "&s", &number))
    g_printerr("they are told number %s\n", number);
  print_sample(preview);
  for (gsize i = 0; warnings && i < g_variant_n_children(warnings); i++) {
    g_autoptr(GVariant) warning = g_variant_get_child_value(warnings, i);
    g_autofree char *text = gw_text_value(NULL, warning);

    g_printerr("warning: %s\n", text);
  }
}

static gboolean
preview(GwCtl *ctl, gint64 id, GVariant **ret_preview, GError **error)
{
  g_autoptr(GVariant) result = NULL;

  if (!gw_ctl_simple(ctl, "PreviewRule", g_variant_new("(x)", id), &result, error))
    return FALSE;
  *ret_preview = g_variant_get_child_value(result, 0);
  return TRUE;
}

static gboolean
run_preview(GwCtl *ctl, const GwArgs *args, GError **error)
{
  g_autoptr(GVariant) details = NULL;
  gint64 id;

  if (!rule_id(ctl, args, &id, error) || !preview(ctl, id, &details, error))
    return FALSE;
  gw_ctl_print_details(ctl, details);
  return TRUE;
}

static gboolean
run_count(GwCtl *ctl, const GwArgs *args, GError **error)
{
  g_autoptr(GVariant) details = NULL;
  gint64 id;

  if (!rule_id(ctl, args, &id, error) || !preview(ctl, id, &details, error))
    return FALSE;
  if (ctl->is_json)
    gw_ctl_print_details(ctl, details);
  else
    print_preview(details);
  return TRUE;
}

/* --- create --- */

/* --firmware, one for each product. */
static gboolean
add_firmware(const GwArgs *args, GVariantBuilder *form, GError **error)
{
  g_autofree const char **given = gw_args_texts(args, "firmware");
  GVariantBuilder ids;
  gint64 id = 0;

  if (!*given)
    return gw_fail(error, GW_ERROR_BAD_INPUT,
                   "which firmware? --firmware=ID; gatewayctl firmware shows them");
  g_variant_builder_init(&ids, G_VARIANT_TYPE("ax"));
  for (const char **text = given; *text; text++) {
    if (!g_ascii_string_to_signed(*text, 10, 1, G_MAXINT64, &id, NULL)) {
      g_variant_builder_clear(&ids);
      return gw_fail(error, GW_ERROR_BAD_INPUT, "--firmware=%s: expected a number", *text);
    }
    g_variant_builder_add(&ids, "x", id);
  }
  if (given[1]) {
    g_variant_builder_add(form, "{sv}", "firmware", g_variant_builder_end(&ids));
    return TRUE;
  }
  g_variant_builder_clear(&ids);
  g_variant_builder_add(form, "{sv}", "firmware", g_variant_new_int64(id));
  return TRUE;
}

static gboolean
run_create(GwCtl *ctl, const GwArgs *args, GError **error)
{
  g_auto(GVariantBuilder) form = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE_VARDICT);
  const char *name = args->operands[0];
  g_autoptr(GVariant) result = NULL;
  g_autoptr(GVariant) details = NULL;
  gint64 id;

  g_variant_builder_add(&form, "{sv}", "name", g_variant_new_string(name));
  if (!add_firmware(args, &form, error))
    return FALSE;
  gw_args_add_form(args, &form);
  if (!gw_rule_files_add_lists(args, &form, error) ||
      !gw_ctl_simple(ctl, "CreateRule", g_variant_new("(a{sv})", &form), &result, error))
    return FALSE;
  if (gw_ctl_print_result(ctl, "CreateRule", result))
    return TRUE;
  g_variant_get(result, "(x)", &id);
  g_print("rule %" G_GINT64_FORMAT " \"%s\" is a draft\n", id, name);
  if (!preview(ctl, id, &details, error))
    return FALSE;
  print_preview(details);
  g_print("next: gatewayctl rules start %s\n", name);
  return TRUE;
}

/* --- start, pause, stop, delete --- */

static gboolean
run_start(GwCtl *ctl, const GwArgs *args, GError **error)
{
  g_autofree char *name = gw_log_inert(args->operands[0]);
  g_autofree char *question = g_strdup_printf("start rule %s?", name);
  g_autoptr(GVariant) details = NULL;
  g_autoptr(GVariant) result = NULL;
  gint64 id;

  if (!rule_id(ctl, args, &id, error) || !preview(ctl, id, &details, error))
    return FALSE;
  if (!ctl->is_json)
    print_preview(details);
  if (!gw_ctl_confirm(ctl, question, error) ||
      !gw_ctl_simple(ctl, "StartRule", g_variant_new("(x)", id), &result, error))
    return FALSE;
  if (ctl->is_json)
    gw_ctl_print_json(g_variant_new_parsed("{'rule': <%x>, 'preview': <%@a{sv}>}", id, details));
  else
    g_print("rule %s runs; watch: gatewayctl updates --filter=rule=%" G_GINT64_FORMAT "\n", name, id);
  return TRUE;
}

static gboolean
run_pause(GwCtl *ctl, const GwArgs *args, GError **error)
{
  g_autoptr(GVariant) result = NULL;
  gint64 id;

  if (!rule_id(ctl, args, &id, error) ||
      !gw_ctl_simple(ctl, "PauseRule", g_variant_new("(xs)", id, gw_args_text(args, "reason", "")), &result,
                     error))
    return FALSE;
  if (!gw_ctl_print_result(ctl, "PauseRule", result))
    g_print("rule %s is paused: nothing new is offered, begun downloads go on\n", args->operands[0]);
  return TRUE;
}

/* ApproveRule, StopRule and DeleteRule: an id, and a sentence. */
static gboolean
act(GwCtl *ctl, const GwArgs *args, const char *method, const char *sentence, GError **error)
{
  g_autoptr(GVariant) result = NULL;
  gint64 id;

  if (!rule_id(ctl, args, &id, error) ||
      !gw_ctl_simple(ctl, method, g_variant_new("(x)", id), &result, error))
    return FALSE;
  if (!gw_ctl_print_result(ctl, method, result))
    g_print("rule %s %s\n", args->operands[0], sentence);
  return TRUE;
}

static gboolean
run_approve(GwCtl *ctl, const GwArgs *args, GError **error)
{
  return act(ctl, args, "ApproveRule", "goes on with its next group", error);
}

static gboolean
run_stop(GwCtl *ctl, const GwArgs *args, GError **error)
{
  return act(ctl, args, "StopRule", "is stopped for good; its open updates end as soon as they can", error);
}

static gboolean
run_delete(GwCtl *ctl, const GwArgs *args, GError **error)
{
  return act(ctl, args, "DeleteRule", "is deleted", error);
}

/* --- the table --- */

static const GwArg CREATE_ARGS[] = {
  { "firmware", GW_ARG_TEXTS, NULL, "ID", "verified firmware that it gives out (needed); one a product" },
  { "product", GW_ARG_TEXT, "product", "NAME", "nodes of this product; default: each firmware's" },
  { "node", GW_ARG_TEXTS, "nodes", "NODE", "only these nodes" },
  { "prefix", GW_ARG_TEXTS, "prefixes", "TEXT", "only nodes whose id begins so" },
  { "mac", GW_ARG_TEXTS, NULL, "MAC", "only nodes with these MAC addresses" },
  { "macs-file", GW_ARG_TEXT, NULL, "FILE", "the same, one address in a line; # begins a comment" },
  { "imei", GW_ARG_TEXTS, NULL, "IMEI", "only nodes with these IMEIs" },
  { "imeis-file", GW_ARG_TEXT, NULL, "FILE", "the same, one IMEI in a line" },
  { "label", GW_ARG_TEXTS, "labels", "LABEL", "only nodes that bear one of these" },
  { "hardware", GW_ARG_TEXTS, "hardware", "VERSION", "only these hardware versions" },
  { "transport", GW_ARG_TEXTS, "transports", "NAME", "only nodes of this plugin" },
  { "heard-within", GW_ARG_TEXT, "heard-within", "TIME",
    "count and tell only nodes heard so lately, like 7d" },
  { "battery", GW_ARG_NUMBER, "battery-at-least", "PERCENT", "only with so much battery" },
  { "signal", GW_ARG_SIGNED, "signal-at-least", "DBM", "only with so much signal, like -85" },
  { "include-unmeasured", GW_ARG_FLAG, "include-unmeasured", NULL, "also nodes that say neither" },
  { "location", GW_ARG_TEXT, "location", "PATH", "only there; * within a level: \"Plant 2/*\"" },
  { "version", GW_ARG_TEXTS, "versions", "VERSION",
    "only nodes that run one of these, or 1.2..1.9; default: any older one" },
  { "include-unknown", GW_ARG_FLAG, "include-unknown", NULL, "also nodes whose version is not known" },
  { "not-before", GW_ARG_TEXT, "not-before", "TIME", "first day, like 2026-11-21T00:00:00Z" },
  { "not-after", GW_ARG_TEXT, "not-after", "TIME", "last day" },
  { "hours", GW_ARG_TEXT, "hours", "FROM-TO", "hours of the day in UTC: 22:00-04:30,12:00-13:00" },
  { "weekdays", GW_ARG_TEXT, "weekdays", "DAYS", "days in UTC on which the hours begin: mon,tue" },
  { "blackouts", GW_ARG_TEXT, "blackouts", "DATES", "not on these: 2026-12-24,2026-12-30..2027-01-01" },
  { "cut-at-edge", GW_ARG_FLAG, "cut-at-edge", NULL, "stop begun downloads when the hours end, if possible" },
  { "group", GW_ARG_TEXTS, "groups", "GROUP",
    "first so many (\"2\", \"10%\"), then the next; more in docs/operator.md: "
    "\"2,health-wait=1h,approval\"" },
  { "targets", GW_ARG_TEXT, "targets", "WHICH",
    "live: nodes that match later join the last group; or frozen" },
  { "jitter", GW_ARG_TEXT, "jitter", "TIME", "the nodes of a group begin spread over this time" },
  { "once-a-day", GW_ARG_FLAG, "once-a-day", NULL, "start at most one attempt for a node on a UTC day" },
  { "cap", GW_ARG_NUMBER, "cap", "N", "downloads at once; 0: the gateway's limit" },
  { "cap-transport", GW_ARG_NUMBER, "cap-transport", "N", "likewise of nodes of one transport" },
  { "cap-segment", GW_ARG_NUMBER, "cap-segment", "N", "likewise of nodes of one network segment" },
  { "cap-location", GW_ARG_NUMBER, "cap-location", "N", "likewise of nodes at one location" },
  { "attempts", GW_ARG_NUMBER, "attempts", "N", "attempts before an update has failed; 0: the gateway's" },
  { "retry-first", GW_ARG_TEXT, "retry-first", "TIME",
    "wait after the first failed attempt; doubles with each" },
  { "retry-max", GW_ARG_TEXT, "retry-max", "TIME", "the longest wait between attempts" },
  { "never-asked", GW_ARG_TEXT, "never-asked", "TIME", "an offer that is not taken up ends after this" },
  { "stalled", GW_ARG_TEXT, "stalled", "TIME",
    "a download that does not move for so long is a failed attempt" },
  { "not-back", GW_ARG_TEXT, "not-back", "TIME",
    "a node not heard for so long after its download has failed" },
  { "failures", GW_ARG_NUMBER, "failures", "N", "updates that failed in a row before a node is set aside" },
  { "priority", GW_ARG_SIGNED, "priority", "N", "the greater wins where several rules match" },
  { "require-heard", GW_ARG_FLAG, "require-heard", NULL, "only a version that was heard counts as success" },
  { "number", GW_ARG_NUMBER, "number", "N", "where the make is told one (VERSION): this, not the next" },
  { "override", GW_ARG_TEXTS, "override", "LIMIT", "a limit of that number that shall not hold" },
  { NULL, 0, NULL, NULL, NULL },
};

static const GwArg APPLY_ARGS[] = {
  { "dry-run", GW_ARG_FLAG, NULL, NULL, "show what would change, and change nothing" },
  { NULL, 0, NULL, NULL, NULL },
};

static const GwArg PAUSE_ARGS[] = {
  { "reason", GW_ARG_TEXT, NULL, "TEXT", "why; kept with the event" },
  { NULL, 0, NULL, NULL, NULL },
};

#define RULE_MORE "RULE is the name or the number of a rule."

const GwCommand gw_commands_rules[] = {
  { "rules", "list", "", 0, 0, gw_list_args, "which nodes get which firmware, and when", GW_LIST_MORE,
    run_list },
  { "rules", "show", "RULE", 1, 1, NULL, "one rule in full", RULE_MORE, run_show },
  { "rules", "create", "NAME", 1, 1, CREATE_ARGS, "draft a rule; nothing happens before it is started",
    "All conditions that are given must hold.\n\n"
    "  gatewayctl rules create weather-5 --firmware=7 --hours=22:00-04:30 --cap=4\n"
    "  gatewayctl rules create pilot --firmware=7 --node=sensor-1 --include-unknown",
    run_create },
  { "rules", "apply", "FILE", 1, 1, APPLY_ARGS, "make or change a rule as a document says",
    "What differs is shown line by line. A rule that was started changes only in what may change then.",
    gw_rule_files_apply },
  { "rules", "export", "RULE", 1, 1, NULL, "the document of a rule, for a file", RULE_MORE, run_export },
  { "rules", "count", "RULE", 1, 1, NULL, "how many nodes match now, which, and what is odd", RULE_MORE,
    run_count },
  { "rules", "preview", "RULE", 1, 1, NULL, "how many nodes would it concern now?", RULE_MORE, run_preview },
  { "rules", "start", "RULE", 1, 1, NULL, "start a draft or a paused rule",
    RULE_MORE
    " The number of nodes is shown, and you are asked back; where nobody can be asked, --yes is needed.",
    run_start },
  { "rules", "pause", "RULE", 1, 1, PAUSE_ARGS, "offer nothing new; begun downloads go on", RULE_MORE,
    run_pause },
  { "rules", "approve", "RULE", 1, 1, NULL, "let its next group begin, where it waits for that", RULE_MORE,
    run_approve },
  { "rules", "stop", "RULE", 1, 1, NULL, "end it for good, and its open updates", RULE_MORE, run_stop },
  { "rules", "delete", "RULE", 1, 1, NULL, "delete a draft or an ended rule", RULE_MORE, run_delete },
  { NULL, NULL, NULL, 0, 0, NULL, NULL, NULL, NULL },
};
