/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The whole way inside the core: import, push, ask, offer, bytes, complete, and what is said about it. */
#include "rig.h"

#include <string.h>

#include "base/error.h"

static const RigAsker NODE = { .plugin = RIG_SILENT, .node = "n1" };

static Rig *
prepared(gint64 *ret_firmware)
{
  Rig *rig = rig_new(NULL);

  rig_product(rig, "weather", RIG_SILENT);
  *ret_firmware = rig_import(rig, "weather", "5", 5000, 'x');
  rig_expect_nothing(rig, &NODE, GATEWAY_REASON_NOT_ADOPTED);
  rig_adopt(rig, "n1", "weather");
  return rig;
}

static void
test_silent_make_is_inferred(void)
{
  gint64 firmware;
  g_autoptr(Rig) rig = prepared(&firmware);
  g_autofree char *token = NULL;

  rig_expect_nothing(rig, &NODE, GATEWAY_REASON_NO_RULE);
  rig_push(rig, firmware, "n1");
  token = rig_download(rig, &NODE, "5");
  rig_assert_column(rig, "updates", "node", "n1", "state", "downloaded");
  for (int i = 0; i < 3; i++) {
    g_autofree char *again = rig_expect_offer(rig, &NODE, "5");

    g_assert_cmpstr(again, ==, token);
    rig_pass(rig, 40000);
    rig_assert_column(rig, "updates", "node", "n1", "state", "downloaded");
  }
  rig_pass(rig, 250000);
  rig_assert_column(rig, "updates", "node", "n1", "state", "downloaded");
  rig_pass(rig, 20000);
  rig_assert_column(rig, "updates", "node", "n1", "state", "succeeded");
  rig_assert_column(rig, "updates", "node", "n1", "inferred", "true");
  rig_assert_column(rig, "nodes", "id", "n1", "source", "inferred");
  rig_assert_column(rig, "firmware", "id", "1", "state", "unverified");
  g_assert_cmpuint(rig_count_events(rig, "update.succeeded"), ==, 1);
  rig_expect_nothing(rig, &NODE, GATEWAY_REASON_NO_RULE);
}

int
main(int argc, char *argv[])
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/control/flow/silent-make-is-inferred", test_silent_make_is_inferred);
  return g_test_run();
}
