/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an operator is told before a rule starts, and what keeps it from starting. */
#include "rig.h"

#include <string.h>

#include "base/error.h"

static gint64
draft(Rig *rig, const char *form)
{
  g_autofree char *text = g_strdup_printf("{'name': <'r'>, %s}", form);
  g_autoptr(GVariant) variant = g_variant_parse(G_VARIANT_TYPE_VARDICT, text, NULL, NULL, NULL);
  g_autoptr(GVariant) result = NULL;
  gint64 id;

  gw_command_rule_create(rig->core, &rig_caller, variant, rig_then());
  result = rig_result(rig, NULL);
  g_variant_get(result, "(x)", &id);
  return id;
}

static void
refuse(Rig *rig, const char *form, const char *words)
{
  g_autofree char *text = g_strdup_printf("{'name': <'q'>, %s}", form);
  g_autoptr(GVariant) variant = g_variant_parse(G_VARIANT_TYPE_VARDICT, text, NULL, NULL, NULL);
  g_autoptr(GError) error = NULL;

  gw_command_rule_create(rig->core, &rig_caller, variant, rig_then());
  g_assert_null(rig_result(rig, &error));
  g_assert_nonnull(error);
  if (!strstr(error->message, words))
    g_error("%s: %s", form, error->message);
}

/* All of it as text. Caller frees. */
static char *
preview(Rig *rig, gint64 id)
{
  g_autoptr(GVariant) result = NULL;

  gw_command_rule_preview(rig->core, &rig_caller, id, rig_then());
  result = rig_result(rig, NULL);
  return g_variant_print(result, FALSE);
}

static void
assert_preview(Rig *rig, const char *form, const char *words)
{
  gint64 id = draft(rig, form);
  g_autofree char *text = preview(rig, id);

  if (!strstr(text, words))
    g_error("\"%s\" is not in %s", words, text);
  rig_run(rig, gw_command_rule_delete(rig->core, &rig_caller, id, rig_then()));
}

static void
assert_no_warning(Rig *rig, const char *form, const char *words)
{
  gint64 id = draft(rig, form);
  g_autofree char *text = preview(rig, id);

  if (strstr(text, words))
    g_error("\"%s\" is in %s", words, text);
  rig_run(rig, gw_command_rule_delete(rig->core, &rig_caller, id, rig_then()));
}

static Rig *
site(const char *plugin)
{
  Rig *rig = rig_new(NULL);

  rig_product(rig, "weather", plugin);
  for (int i = 0; i < 3; i++) {
    g_autofree char *name = g_strdup_printf("n%d", i);
    RigAsker asker = { .plugin = plugin,
                       .node = name,
                       .version = i > 0 && strcmp(plugin, RIG_TOLD) == 0 ? "3" : NULL };

    rig_expect_nothing(rig, &asker, GATEWAY_REASON_NOT_ADOPTED);
    rig_adopt(rig, name, "weather");
  }
  rig_verified(rig, "weather", "5");
  return rig;
}

static void
test_counts(void)
{
  g_autoptr(Rig) rig = site(RIG_TOLD);

  assert_preview(rig, "'firmware': <1>", "'matching': <uint32 2>");
  assert_preview(rig, "'firmware': <1>", "1 have an unknown version, and are left out");
  assert_preview(rig, "'firmware': <1>, 'include-unknown': <true>", "'matching': <uint32 3>");
  assert_preview(rig, "'firmware': <1>, 'include-unknown': <true>",
                 "1 have an unknown version, and are included");
  assert_preview(rig, "'firmware': <1>", "1 run this version or a newer one");
  assert_preview(rig, "'firmware': <1>, 'prefixes': <['n2']>", "'sample': <['n2']>");
  assert_preview(rig, "'firmware': <1>, 'versions': <['2..4']>", "'matching': <uint32 2>");
  assert_preview(rig, "'firmware': <1>, 'versions': <['4..']>", "'matching': <uint32 0>");
  rig_pass(rig, 7200000);
  assert_preview(rig, "'firmware': <1>, 'heard-within': <'3h'>", "'matching': <uint32 2>");
  assert_preview(rig, "'firmware': <1>, 'heard-within': <'1h'>", "2 were not heard lately enough");
}

/* A window of one hour, that of now or one that no node has kept. */
static void
test_habits(void)
{
  g_autoptr(Rig) rig = site(RIG_TOLD);
  int hour = (int)(rig->wall_ms / 3600000 % 24);
  g_autofree char *kept =
      g_strdup_printf("'firmware': <1>, 'hours': <'%02d:00-%02d:00'>", hour, (hour + 1) % 24);
  g_autofree char *other =
      g_strdup_printf("'firmware': <1>, 'hours': <'%02d:00-%02d:00'>", (hour + 6) % 24, (hour + 7) % 24);

  assert_preview(rig, other, "2 of 2 have never asked inside these hours in 30 days");
  assert_no_warning(rig, kept, "never asked inside");
  assert_no_warning(rig, "'firmware': <1>", "never asked inside");
}

static void
test_makes_that_cannot_be_cut(void)
{
  g_autoptr(Rig) rig = site(RIG_SILENT);
  const char *cut =
      "'firmware': <1>, 'include-unknown': <true>, 'hours': <'22:00-04:30'>, 'cut-at-edge': <true>";

  assert_preview(rig, cut, "1 make cannot be cut at the window");
  assert_no_warning(rig, "'firmware': <1>, 'include-unknown': <true>, 'hours': <'22:00-04:30'>",
                    "cannot be cut");
}

/* The numbers are said: what it needs, what there is, what others need. */
static void
test_images_that_do_not_fit(void)
{
  g_autoptr(Rig) rig = site(RIG_TOLD);
  g_autofree char *form =
      g_strdup_printf("'firmware': <int64 %" G_GINT64_FORMAT ">", rig_announce_too_large(rig, "weather"));
  gint64 id = draft(rig, form);

  rig_refused(rig, GW_ERROR_NO_SPACE, "do not fit",
              gw_command_rule_start(rig->core, &rig_caller, id, rig_then()));
  rig_assert_column(rig, "rules", "name", "r", "state", "draft");
}

/* A rule for two products, each with its firmware. */
static void
test_mixed_fleet(void)
{
  g_autoptr(Rig) rig = site(RIG_TOLD);
  RigAsker pump = { .plugin = RIG_TOLD, .node = "p0", .version = "1" };
  RigAsker weather = { .plugin = RIG_TOLD, .node = "n1", .version = "3" };
  gint64 id;

  rig_product(rig, "pump", RIG_TOLD);
  rig_expect_nothing(rig, &pump, GATEWAY_REASON_NOT_ADOPTED);
  rig_adopt(rig, "p0", "pump");
  g_assert_cmpint(rig_verified(rig, "pump", "2"), ==, 2);
  g_assert_cmpint(rig_verified(rig, "weather", "6"), ==, 3);
  refuse(rig, "'firmware': <[int64 1, 3]>", "/firmware/1: the rule has another firmware for weather");
  refuse(rig, "'firmware': <[int64 1, 9]>", "/firmware/1: ");
  id = draft(rig, "'firmware': <[int64 1, 2]>");
  rig_run(rig, gw_command_rule_start(rig->core, &rig_caller, id, rig_then()));
  g_free(rig_expect_offer(rig, &weather, "5"));
  g_free(rig_expect_offer(rig, &pump, "2"));
  rig_assert_column(rig, "rules", "name", "r", "product", "weather, pump");
  rig_assert_column(rig, "rules", "name", "r", "notification", "1");
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/control/preview/counts", test_counts);
  g_test_add_func("/control/preview/habits", test_habits);
  g_test_add_func("/control/preview/makes-that-cannot-be-cut", test_makes_that_cannot_be_cut);
  g_test_add_func("/control/start/images-that-do-not-fit", test_images_that_do_not_fit);
  g_test_add_func("/control/rules/mixed-fleet", test_mixed_fleet);
  return g_test_run();
}
