/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A wall clock that somebody sets: what was answered before is void. */
#include "rig.h"

/* Was all that workers keep called void within this time? */
static gboolean
is_void_after(Rig *rig, gint64 ms)
{
  g_autoptr(RigMessage) message = NULL;

  rig_forget_messages(rig);
  rig_pass(rig, ms);
  message = rig_take(rig, TRUE, GW_MESSAGE_INVALIDATE);
  return message != NULL;
}

static void
test_E4_clock_that_is_set(void)
{
  static const gint64 JUMPS_MS[] = { 3600000, -3600000, 30 * 365 * RIG_DAY_MS, -30 * 365 * RIG_DAY_MS };
  g_autoptr(Rig) rig = rig_new(NULL);

  g_assert_false(is_void_after(rig, 180000));
  for (guint i = 0; i < G_N_ELEMENTS(JUMPS_MS); i++) {
    rig->wall_ms += JUMPS_MS[i];
    g_assert_true(is_void_after(rig, 60000));
    g_assert_false(is_void_after(rig, 180000));
  }
  rig->wall_ms -= 1000; /* a leap second, or a clock that is slewed */
  g_assert_false(is_void_after(rig, 180000));
}

int
main(int argc, char *argv[])
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/promise/E4/clock-that-is-set", test_E4_clock_that_is_set);
  return g_test_run();
}
