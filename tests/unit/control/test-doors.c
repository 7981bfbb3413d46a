/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The doors through which firmware comes to many nodes, each tried with one that no node has proven; and what
 * only a person may let through. */
#include "rig.h"

#include <string.h>

#include "base/error.h"
#include "store/rows.h"

static const RigAsker NODE = { .plugin = RIG_SILENT, .node = "n1" };
static const RigAsker TOLD = { .plugin = RIG_TOLD, .node = "n1", .version = "3" };

static GVariant *
form_of(const char *text)
{
  return g_variant_ref_sink(g_variant_new_parsed(text));
}

static gint64
draft_rule(Rig *rig, const char *name, gint64 firmware)
{
  g_autoptr(GVariant) form = g_variant_ref_sink(
      g_variant_new_parsed("{'name': <%s>, 'firmware': <%x>, 'include-unknown': <true>}", name, firmware));
  g_autoptr(GVariant) result = NULL;
  gint64 id = 0;

  gw_command_rule_create(rig->core, &rig_caller, form, rig_then());
  result = rig_result(rig, NULL);
  g_variant_get(result, "(x)", &id);
  return id;
}

static void
assert_rule_refused(Rig *rig, const char *name, gint64 firmware)
{
  gint64 rule = draft_rule(rig, name, firmware);

  rig_refused(rig, GW_ERROR_BAD_INPUT, "is unverified",
              gw_command_rule_start(rig->core, &rig_caller, rule, rig_then()));
}

/* An upstream "cloud" without signatures, and an adopted node. */
static Rig *
site(const char *upstream, const char *plugin)
{
  g_autofree char *config = g_strdup_printf("[upstream cloud]\ntype=any\nrequire-signature=no\n%s", upstream);
  Rig *rig = rig_new(config);

  rig_product(rig, "weather", plugin);
  rig_expect_nothing(rig, &(RigAsker){ .plugin = plugin, .node = "n1" }, GATEWAY_REASON_NOT_ADOPTED);
  rig_adopt(rig, "n1", "weather");
  return rig;
}

static void
announce(Rig *rig, gint64 sequence, const char *version, char fill)
{
  char image[6000];
  g_autofree char *release = NULL, *document = NULL;

  memset(image, fill, sizeof(image));
  release = rig_release("weather", version, image, sizeof(image));
  document = rig_catalog(rig, sequence, (const char *const[]){ release, NULL });
  rig_announce(rig, document, NULL);
  rig_settle(rig);
}

static void
test_import(void)
{
  g_autoptr(Rig) rig = site("", RIG_SILENT);
  gint64 firmware = rig_import(rig, "weather", "5", 5000, 'x');

  assert_rule_refused(rig, "all", firmware);
  rig_expect_nothing(rig, &NODE, GATEWAY_REASON_NO_RULE);
}

static void
test_upstream(void)
{
  g_autoptr(Rig) rig = site("", RIG_SILENT);

  announce(rig, 1, "5", 'i');
  rig_assert_column(rig, "firmware", "id", "1", "state", "unverified");
  g_assert_cmpuint(rig_count_events(rig, "firmware.waiting"), ==, 1);
  assert_rule_refused(rig, "all", 1);
}

/* It is trusted with that, and it is written down that it was. */
static void
test_trusted_upstream(void)
{
  g_autoptr(Rig) rig = site("trust-verification=cloud\n", RIG_SILENT);
  g_autofree char *proof = NULL;
  gint64 rule;

  announce(rig, 1, "5", 'i');
  rig_assert_column(rig, "firmware", "id", "1", "state", "verified");
  g_assert_cmpuint(rig_count_events(rig, "firmware.waiting"), ==, 0);
  g_assert_cmpuint(rig_count_events(rig, "firmware.verified"), ==, 1);
  proof = rig_column(rig, "firmware", "id", "1", "proof");
  g_assert_nonnull(strstr(proof, "upstream cloud is trusted to have proven it"));
  rule = draft_rule(rig, "all", 1);
  rig_run(rig, gw_command_rule_start(rig->core, &rig_caller, rule, rig_then()));
}

static void
each_firmware(GwFirmware *firmware, gpointer user)
{
  GwBatch *batch = user;

  if (firmware->id == 1) {
    g_free(firmware->proof);
    firmware->proof = g_strdup("");
  }
  gw_rows_put_firmware(batch, firmware);
  gw_firmware_free(firmware);
}

/* Its row says "verified", and nothing else does. */
static void
test_restored_without_proof(void)
{
  g_autoptr(Rig) rig = site("", RIG_SILENT);
  gint64 firmware = rig_verified(rig, "weather", "5"), other = rig_verified(rig, "weather", "6");
  g_autoptr(GMainContext) context = g_main_context_new();
  GwBatch *batch = gw_batch_new();
  gboolean was_lost;
  GwDb *db;

  rig_rule(rig, "all", firmware, NULL);
  rig_stop_core(rig);
  db = gw_db_open(rig->state_fd, "gatewayd.db", context, &was_lost, NULL);
  g_assert_nonnull(db);
  g_assert_true(gw_rows_load_firmwares(db, each_firmware, batch, NULL));
  gw_db_submit(db, batch, NULL, NULL);
  gw_db_close(db);
  rig_start_core(rig);
  rig_connect_lan(rig);
  rig_assert_column(rig, "firmware", "id", "1", "state", "unverified");
  rig_assert_column(rig, "firmware", "id", "2", "state", "verified");
  g_assert_cmpint(other, ==, 2);
  rig_expect_nothing(rig, &NODE, GATEWAY_REASON_WITHDRAWN); /* although its rule runs */
  assert_rule_refused(rig, "again", 1);
}

/* ---- nothing could follow it ---- */

static void
test_U7_last_version(void)
{
  g_autoptr(Rig) rig = site("trust-verification=cloud\n", RIG_SILENT);
  g_autoptr(GVariant) override = form_of("{'override': <['last-version']>}");

  announce(rig, 1, "2147483647", 'i');
  rig_assert_column(rig, "firmware", "id", "1", "state", "unverified"); /* a person has to look at it */
  rig_refused(rig, GW_ERROR_BAD_INPUT, "--override=last-version", rig_begin_push(rig, 1, "n1", "@a{sv} {}"));
  rig_refused(rig, GW_ERROR_BAD_INPUT, "no version could ever follow",
              gw_command_firmware_confirm(rig->core, &rig_caller, 1, &(GwSighting){ "n1", "2147483647" },
                                          rig_then()));
  g_assert_cmpuint(rig_count_events(rig, "firmware.overridden"), ==, 0);
  rig_run(rig, gw_command_push(rig->core, &rig_caller, &(GwPushOrder){ 1, "n1", override }, rig_then()));
  g_assert_cmpuint(rig_count_events(rig, "firmware.overridden"), ==, 1);
  rig_assert_column(rig, "firmware", "id", "1", "overrides", "last-version");
  rig_run(rig, gw_command_firmware_confirm(rig->core, &rig_caller, 1, &(GwSighting){ "n1", "2147483647" },
                                           rig_then()));
  rig_assert_column(rig, "firmware", "id", "1", "state", "verified");
}

/* ---- what a person rejected ---- */

static void
test_rejected_stays_rejected(void)
{
  g_autoptr(Rig) rig = site("trust-verification=cloud\n", RIG_SILENT);
  g_autofree char *reason = NULL;

  announce(rig, 1, "2147483647", 'i');
  rig_refused(rig, GW_ERROR_BAD_INPUT, "say why",
              gw_command_firmware_reject(rig->core, &rig_caller, 1, "", rig_then()));
  rig_run(rig, gw_command_firmware_reject(rig->core, &rig_caller, 1, "it burns", rig_then()));
  announce(rig, 2, "2147483647", 'i');
  rig_assert_column(rig, "firmware", "id", "1", "state", "rejected");
  announce(rig, 3, "8", 'i'); /* the same image under another number */
  rig_assert_column(rig, "firmware", "id", "2", "state", "rejected");
  reason = rig_column(rig, "firmware", "id", "2", "reason");
  g_assert_nonnull(strstr(reason, "firmware 1"));
}

/* A second entry for the same version, whoever brings it. */
static void
test_same_version_twice(void)
{
  g_autoptr(Rig) rig = site("", RIG_SILENT);
  g_autoptr(GVariant) form = form_of("{'product': <'weather'>, 'version': <'5'>, 'name': <'b.bin'>}");
  g_autofree char *reason = NULL;

  rig_import(rig, "weather", "5", 5000, 'x');
  rig_refused(rig, GW_ERROR_EXISTS, "firmware 1 (weather 5)",
              gw_command_import(rig->core, &rig_caller, rig_image(6000, 'y'), form, rig_then()));
  announce(rig, 1, "5", 'z');
  rig_assert_column(rig, "firmware", "id", "2", "state", "rejected");
  reason = rig_column(rig, "firmware", "id", "2", "reason");
  g_assert_nonnull(strstr(reason, "firmware 1 is this version already"));
  g_assert_cmpuint(rig_count_events(rig, "firmware.rejected"), ==, 1);
}

/* ---- products ---- */

/* Of one family: what is for the one may go to the other, and to no third. */
static void
test_U8_family(void)
{
  g_autoptr(Rig) rig = site("", RIG_TOLD);
  g_autoptr(GVariant) family = form_of("{'plugin': <'" RIG_TOLD "'>, 'family': <'sky'>}");
  gint64 firmware = rig_import(rig, "wind", "5", 5000, 'x');

  rig_refused(rig, GW_ERROR_BAD_INPUT, "another product", rig_begin_push(rig, firmware, "n1", "@a{sv} {}"));
  rig_run(rig, gw_command_product_set(rig->core, &rig_caller, "weather", family, rig_then()));
  rig_refused(rig, GW_ERROR_BAD_INPUT, "another product", rig_begin_push(rig, firmware, "n1", "@a{sv} {}"));
  rig_run(rig, gw_command_product_set(rig->core, &rig_caller, "wind", family, rig_then()));
  rig_push(rig, firmware, "n1");
  g_free(rig_expect_offer(rig, &TOLD, "5"));
}

static void
test_product_form(void)
{
  g_autoptr(Rig) rig = site("", RIG_TOLD);
  g_autoptr(GVariant) good = form_of("{'family': <'sky'>, 'labels': <['roof', 'new']>, 'scheme': <'lex8'>, "
                                     "'series-chars': <4>, 'self-verifying': <true>}");
  g_autoptr(GVariant) bad = form_of("{'family': <'the sky'>}");

  rig_run(rig, gw_command_product_set(rig->core, &rig_caller, "weather", good, rig_then()));
  rig_assert_column(rig, "products", "name", "weather", "family", "sky");
  rig_assert_column(rig, "products", "name", "weather", "labels", "['roof', 'new']");
  rig_assert_column(rig, "products", "name", "weather", "self-verifying", "true");
  rig_assert_column(rig, "products", "name", "weather", "series-chars", "4");
  rig_refused(rig, GW_ERROR_BAD_INPUT, "the name of a family",
              gw_command_product_set(rig->core, &rig_caller, "weather", bad, rig_then()));
}

static void
test_version_name(void)
{
  g_autoptr(Rig) rig = site("", RIG_TOLD);
  g_autoptr(GVariant) good = form_of("{'version-name': <'Spring_2'>}");
  g_autoptr(GVariant) bad = form_of("{'version-name': <'Spring 2'>}");

  rig_import(rig, "weather", "5", 5000, 'x');
  rig_run(rig, gw_command_firmware_edit(rig->core, &rig_caller, 1, good, rig_then()));
  rig_assert_column(rig, "firmware", "id", "1", "version-name", "Spring_2");
  rig_refused(rig, GW_ERROR_BAD_INPUT, "letters, digits and underscores",
              gw_command_firmware_edit(rig->core, &rig_caller, 1, bad, rig_then()));
  rig_prove(rig, 1, "weather", "5");
  rig_refused(rig, GW_ERROR_BAD_INPUT, "is verified: only a draft or an unverified one",
              gw_command_firmware_edit(rig->core, &rig_caller, 1, good, rig_then()));
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/control/doors/rejected-stays-rejected", test_rejected_stays_rejected);
  g_test_add_func("/control/doors/same-version-twice", test_same_version_twice);
  g_test_add_func("/control/doors/product-form", test_product_form);
  g_test_add_func("/control/doors/version-name", test_version_name);
  g_test_add_func("/promise/U7/last-version-needs-its-override", test_U7_last_version);
  g_test_add_func("/promise/U8/family", test_U8_family);
  g_test_add_func("/promise/U10/import", test_import);
  g_test_add_func("/promise/U10/upstream", test_upstream);
  g_test_add_func("/promise/U10/trusted-upstream", test_trusted_upstream);
  g_test_add_func("/promise/U10/restored-without-proof", test_restored_without_proof);
  return g_test_run();
}
