/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who waits, as it is counted along and found again. */
#include <glib.h>

#include "model/targets.h"

#define N_NODES 40

/* Two nodes in each group but the last. */
static GwRollout
rollout_of(guint n_groups)
{
  GwRollout rollout = { .n_groups = n_groups };
  for (guint i = 0; i + 1 < n_groups; i++)
    rollout.groups[i].count = 2;
  return rollout;
}

/* Who a node is: its hash will do. */
static GwTargets *
targets_of(const GwRollout *rollout, const guint64 *hashes, guint n)
{
  g_autofree GwTarget *nodes = g_new(GwTarget, n);
  for (guint i = 0; i < n; i++)
    nodes[i] = (GwTarget){ hashes[i], GSIZE_TO_POINTER(hashes[i]) };
  return gw_targets_new(rollout, nodes, n);
}

/* Who waits is known without a look at the others, and found in the order of the hashes, also from a place
 * where a node has left meanwhile: against a reader who asks for every one. */
static void
test_waiting(void)
{
  g_autoptr(GRand) chance = g_rand_new_with_seed(22);
  for (guint round = 0; round < 300; round++) {

    guint64 hashes[N_NODES];
    GwRollout rollout = rollout_of(3);
    for (guint i = 0; i < N_NODES; i++)
      hashes[i] = (guint64)g_rand_int(chance) << 8 | i;
    GwTargets *targets = targets_of(&rollout, hashes, N_NODES);
    guint groups = (guint)g_rand_int_range(chance, 0, 8), n = 0;
    for (guint i = 0; i < 200; i++) {
      guint64 hash = hashes[g_rand_int_range(chance, 0, N_NODES)];
      GwTarget node = { hash, GSIZE_TO_POINTER(hash) };
      if (g_rand_int_range(chance, 0, 10) == 0)
        gw_targets_leave(targets, hash);
      else if (!gw_targets_join(targets, &node))
        gw_targets_set(targets, hash, (GwOutcome)g_rand_int_range(chance, 0, GW_N_OUTCOMES));
    }
    for (guint i = 0; i < N_NODES; i++) {
      int group = gw_targets_group(targets, hashes[i]);
      n += group >= 0 && groups >> group & 1 && gw_targets_outcome(targets, hashes[i]) == GW_OUTCOME_NONE ? 1
                                                                                                          : 0;
    }
    g_assert_cmpuint(gw_targets_count_waiting(targets, groups), ==, n);
    guint64 cursor = 0, last = 0;
    gpointer who;
    while ((who = gw_targets_next_waiting(targets, groups, &cursor))) {
      g_assert_cmpuint(GPOINTER_TO_SIZE(who), >, last);
      last = GPOINTER_TO_SIZE(who);
      g_assert_cmpint(gw_targets_outcome(targets, last), ==, GW_OUTCOME_NONE);
      g_assert_true(groups >> gw_targets_group(targets, last) & 1);
      n--;
      gw_targets_leave(targets, last); /* it goes, and the next is found all the same */
    }
    g_assert_cmpuint(n, ==, 0);
    gw_targets_free(targets);
  }
}

/* What was read are hashes; who is met has kept his place, and the others have left. */
static void
test_meeting(void)
{
  GwRollout rollout = rollout_of(2);
  guint64 hashes[] = { 1, 2, 3, 4 };
  GwGroup group = { .state = GW_GROUP_OPEN };
  gsize size;
  g_autoptr(GwTargets) before = targets_of(&rollout, hashes, 4);
  g_autofree guint8 *bytes = gw_targets_write(before, &size);
  g_autoptr(GwTargets) targets = gw_targets_read(bytes, size, 2);
  g_assert_true(gw_targets_meet(targets, &(GwTarget){ 2, &hashes[1] }));
  g_assert_true(gw_targets_meet(targets, &(GwTarget){ 4, &hashes[3] }));
  g_assert_false(gw_targets_meet(targets, &(GwTarget){ 5, &hashes[0] }));
  gw_targets_set(targets, 2, GW_OUTCOME_FAILED);
  gw_targets_set(targets, 3, GW_OUTCOME_FAILED);
  gw_targets_leave_unmet(targets);
  g_assert_cmpuint(gw_targets_count(targets), ==, 2);
  g_assert_cmpint(gw_targets_group(targets, 2), ==, 0);
  g_assert_cmpint(gw_targets_outcome(targets, 2), ==, GW_OUTCOME_FAILED);
  gw_targets_tell(targets, 0, &group);
  g_assert_cmpuint(group.n_targets, ==, 1);
  gw_targets_tell(targets, 1, &group);
  g_assert_cmpuint(group.n_targets, ==, 1);
  g_assert_cmpuint(group.n_failed, ==, 0);
  guint64 cursor = 0;
  g_assert_true(gw_targets_next_waiting(targets, 3, &cursor) == &hashes[3]);
  g_assert_null(gw_targets_next_waiting(targets, 3, &cursor));
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/model/targets/waiting", test_waiting);
  g_test_add_func("/model/targets/meeting", test_meeting);
  return g_test_run();
}
