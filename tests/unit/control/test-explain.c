/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* "Why does this node not update?" Each reason and each state is brought about in a real core; the answer
 * must say what, where, and what to do. "busy" is of a moment, and only ever said to a node. */
#include "rig.h"

#include <string.h>

#define HOUR_MS G_GINT64_CONSTANT(3600000)

static const RigAsker OLD = { .plugin = RIG_TOLD, .node = "n1", .version = "3" };
static const RigAsker NEW = { .plugin = RIG_TOLD, .node = "n1", .version = "5" };
static const RigAsker MUTE = { .plugin = RIG_TOLD, .node = "n1" };
static const RigAsker OTHER = { .plugin = RIG_TOLD, .node = "n2", .version = "3" };

/* ---- what the core is brought to ---- */

static void
set_node(Rig *rig, const char *node, const char *form)
{
  g_autoptr(GVariant) parsed =
      g_variant_ref_sink(g_variant_parse(G_VARIANT_TYPE_VARDICT, form, NULL, NULL, NULL));

  rig_run(rig, gw_command_node_set(rig->core, &rig_caller, node, parsed, rig_then()));
}

static void
be_stranger(Rig *rig)
{
  rig_expect_nothing(rig, &OLD, GATEWAY_REASON_NOT_ADOPTED);
}

static void
be_adopted(Rig *rig)
{
  set_node(rig, "n1", "{'product': <'weather'>, 'location': <'Plant 2/Roof'>, 'version': <'3'>}");
}

static void
be_pushed(Rig *rig)
{
  be_adopted(rig);
  rig_push(rig, rig_import(rig, "weather", "5", 5000, 'x'), "n1");
}

static gint64
verified(Rig *rig)
{
  be_adopted(rig);
  return rig_verified(rig, "weather", "5");
}

static void
be_ruled(Rig *rig)
{
  rig_rule(rig, "autumn", verified(rig), "'nodes': <['n1']>");
}

static void
be_up_to_date(Rig *rig)
{
  set_node(rig, "n2", "{'product': <'weather'>, 'version': <'3'>}"); /* for which the rule goes on */
  rig_rule(rig, "autumn", verified(rig), "'nodes': <['n1', 'n2']>");
  rig_expect_nothing(rig, &NEW, GATEWAY_REASON_UP_TO_DATE);
}

/* The rig's clock stands at 13:33 UTC. */
static void
be_outside_hours(Rig *rig)
{
  rig_rule(rig, "nightly", verified(rig), "'nodes': <['n1']>, 'hours': <'22:00-04:30'>");
}

static void
be_untrusted(Rig *rig)
{
  be_ruled(rig);
  rig->is_trusted = FALSE;
}

static void
be_crowded(Rig *rig)
{
  gint64 firmware = verified(rig);

  set_node(rig, "n2", "{'product': <'weather'>}");
  rig_rule(rig, "narrow", firmware, "'nodes': <['n1', 'n2']>, 'cap': <uint32 1>");
  g_free(rig_expect_offer(rig, &OTHER, "5"));
}

static void
be_paused(Rig *rig)
{
  be_ruled(rig);
  rig_run(rig, gw_command_rule_pause(rig->core, &rig_caller, 1, "storm", rig_then()));
}

static void
be_set_aside(Rig *rig)
{
  be_ruled(rig);
  set_node(rig, "n1", "{'set-aside': <true>}");
}

/* The disk lost it: it is fetched again, from an upstream that is not there. */
static void
be_unfetched(Rig *rig)
{
  g_autofree char *blobs = g_build_filename(rig->folder, "cache", "blobs", NULL);

  be_ruled(rig);
  rig_stop_core(rig);
  rig_remove_tree(blobs);
  rig_start_core(rig);
  rig_connect_lan(rig);
}

static void
be_withdrawn(Rig *rig)
{
  be_ruled(rig);
  rig_run(rig, gw_command_firmware_withdraw(rig->core, &rig_caller, 1, "bad", rig_then()));
}

static void
be_without_product(Rig *rig)
{
  set_node(rig, "n1", "{'location': <'Plant 2/Roof'>}");
}

static void
be_other_hardware(Rig *rig)
{
  g_autoptr(GVariant) form = g_variant_ref_sink(g_variant_new_parsed(
      "{'product': <'weather'>, 'version': <'5'>, 'hardware': <'B'>, 'name': <'fw.bin'>}"));

  be_adopted(rig);
  rig_run(rig, gw_command_import(rig->core, &rig_caller, rig_image(5000, 'x'), form, rig_then()));
  rig_prove(rig, 1, "weather", "5");
  rig_rule(rig, "autumn", 1, NULL);
  set_node(rig, "n1", "{'hardware': <'A'>}");
}

static void
be_waiting(Rig *rig)
{
  be_pushed(rig);
  g_free(rig_download(rig, &OLD, "5"));
  rig_report(rig, &OLD, GATEWAY_TELL_FAILED, "E7");
}

static void
be_offered(Rig *rig)
{
  be_pushed(rig);
  g_free(rig_expect_offer(rig, &OLD, "5"));
}

static void
be_downloading(Rig *rig)
{
  g_autofree char *token = NULL;

  be_pushed(rig);
  token = rig_expect_offer(rig, &OLD, "5");
  rig_tell(rig, GW_TOLD_BEGUN, token, 0);
}

static void
be_downloaded(Rig *rig)
{
  be_pushed(rig);
  g_free(rig_download(rig, &OLD, "5"));
}

static void
be_installing(Rig *rig)
{
  be_downloaded(rig);
  rig_report(rig, &MUTE, GATEWAY_TELL_INSTALLING, "");
}

static void
be_reported(Rig *rig)
{
  be_downloaded(rig);
  rig_report(rig, &MUTE, GATEWAY_TELL_SUCCEEDED, "");
}

static void
be_succeeded(Rig *rig)
{
  be_downloaded(rig);
  rig_expect_nothing(rig, &NEW, GATEWAY_REASON_NO_RULE);
}

static void
be_failed(Rig *rig)
{
  be_downloaded(rig);
  rig_pass(rig, 25 * HOUR_MS);
}

static void
be_refused(Rig *rig)
{
  be_downloaded(rig);
  rig_report(rig, &MUTE, GATEWAY_TELL_REFUSED, "bad signature");
}

static void
be_expired(Rig *rig)
{
  be_offered(rig);
  rig_pass(rig, 31 * RIG_DAY_MS);
}

static void
be_cancelled(Rig *rig)
{
  be_offered(rig);
  rig_run(rig, gw_command_update_cancel(rig->core, &rig_caller, 1, rig_then()));
}

static void
be_superseded(Rig *rig)
{
  be_waiting(rig);
  rig_push(rig, rig_import(rig, "weather", "6", 5001, 'y'), "n1");
  rig_pass(rig, 2 * HOUR_MS);
  g_free(rig_expect_offer(rig, &OLD, "6"));
}

/* ---- what must be said ---- */

typedef struct {
  const char *name;
  void (*bring)(Rig *rig);
  const char *reason;   /* or NULL: it is under way */
  const char *words[3]; /* in the lines */
  const char *advice;   /* in the advice; NULL = none is due */
} Case;

static const Case CASES[] = {
  { "not-adopted", be_stranger, "not-adopted", { "n1 is a stranger", "from 127.0.0.1" }, "nodes adopt" },
  { "no-rule", be_adopted, "no-rule", { "product weather at Plant 2/Roof", "No running rule" }, "push" },
  { "up-to-date",
    be_up_to_date,
    "up-to-date",
    { "runs version 5 (heard)", "rule is autumn" },
    "nothing to do" },
  { "window", be_outside_hours, "window", { "nightly", "22:00-04:30 UTC", "can change at 2026-" }, "wait" },
  { "untrusted", be_untrusted, "window", { "autumn", "the clock is not trusted yet" }, "wait" },
  { "cap", be_crowded, "cap", { "narrow", "downloads as allowed" }, "when one ends" },
  { "paused", be_paused, "paused", { "autumn (paused", "storm" }, "start it again" },
  { "set-aside", be_set_aside, "set-aside", { "It is set aside: by tester" }, "return it" },
  { "being-fetched", be_unfetched, "being-fetched", { "rule is autumn (running, version 5)" }, "upstream" },
  { "withdrawn", be_withdrawn, "withdrawn", { "autumn", "withdrawn" }, "choose another" },
  { "unknown-product",
    be_without_product,
    "unknown-product",
    { "n1 is an adopted node" },
    "set the node's product" },
  { "wrong-hardware",
    be_other_hardware,
    "wrong-hardware",
    { "autumn", "another hardware version" },
    "one that fits" },
  { "retry-wait",
    be_waiting,
    "retry-wait",
    { "scheduled since", "1 attempts have failed", "attempt is made in 6" },
    "when the wait is over" },
  { "offered", be_offered, NULL, { "to version 5 by rule push-1 is offered", "ask for the image" }, NULL },
  { "downloading", be_downloading, NULL, { "is downloading", "of 5000 bytes are acknowledged" }, NULL },
  { "downloaded", be_downloaded, NULL, { "is downloaded", "It has every byte", "for another 24 h" }, NULL },
  { "installing", be_installing, NULL, { "is installing", "says that it is installing" }, NULL },
  { "reported", be_reported, NULL, { "is reported", "no proof" }, NULL },
  { "succeeded", be_succeeded, "no-rule", { "ended as succeeded", "heard running 5" }, "push" },
  { "failed",
    be_failed,
    "no-rule",
    { "ended as failed", "not heard again", "A new push tries again" },
    "push" },
  { "refused", be_refused, "no-rule", { "ended as refused", "bad signature", "said no" }, "push" },
  { "expired", be_expired, "no-rule", { "ended as expired", "not heard again", "A new push" }, "push" },
  { "cancelled", be_cancelled, "no-rule", { "ended as cancelled", "not by the node" }, "push" },
  { "superseded", be_superseded, NULL, { "to version 6", "is offered" }, NULL },
};

static void
test_case(gconstpointer data)
{
  const Case *wanted = data;
  g_autoptr(Rig) rig = rig_new(NULL);
  g_autoptr(GVariant) result = NULL, details = NULL;
  g_autofree char *lines = NULL;
  g_autoptr(GError) error = NULL;
  const char *reason = NULL, *advice = NULL;

  rig_product(rig, "weather", RIG_TOLD);
  wanted->bring(rig);
  lines = rig_explain(rig, "n1");
  g_test_message("%s", lines);
  for (guint i = 0; i < G_N_ELEMENTS(wanted->words) && wanted->words[i]; i++)
    if (!strstr(lines, wanted->words[i]))
      g_error("\"%s\" is not said in:\n%s", wanted->words[i], lines);
  gw_command_explain(rig->core, &rig_caller, "n1", rig_then());
  result = rig_result(rig, &error);
  g_assert_no_error(error);
  details = g_variant_get_child_value(result, 0);
  g_assert_true(g_variant_lookup(details, "reason", "&s", &reason));
  g_assert_true(g_variant_lookup(details, "advice", "&s", &advice));
  if (wanted->reason)
    g_assert_cmpstr(reason, ==, wanted->reason);
  if (wanted->advice && !strstr(advice, wanted->advice))
    g_error("the advice is: %s", advice);
}

int
main(int argc, char *argv[])
{
  g_test_init(&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS(CASES); i++) {
    g_autofree char *path = g_strdup_printf("/control/explain/%s", CASES[i].name);

    g_test_add_data_func(path, &CASES[i], test_case);
  }
  return g_test_run();
}
