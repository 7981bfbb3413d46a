/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Groups, thresholds, watches and approvals: as tables, and as what must hold for any order of outcomes. */
#include "model/rollout-form.h"
#include "model/targets.h"
#include <string.h>

#define HOUR ((gint64)3600 * 1000)

static GwRollout
rollout_of(const char *text)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(json_t) document = gw_json_parse(text, strlen(text), 4096, &error);
  GwRollout rollout;
  g_assert_no_error(error);
  gw_rollout_read(document, &rollout, &error);
  g_assert_no_error(error);
  return rollout;
}

/* ---- sizes ---- */

typedef struct {
  const char *groups;
  guint n_targets, sizes[4], n_groups;
} SizeCase;

/* clang-format off */
static const SizeCase size_cases[] = {
  {"{}", 7, {7}, 1},
  {"{\"groups\":[{\"count\":1}]}", 7, {1, 6}, 2},
  {"{\"groups\":[{\"count\":1}]}", 0, {0, 0}, 2},
  {"{\"groups\":[{\"count\":1}, {}]}", 1, {1, 0}, 2},
  {"{\"groups\":[{\"count\":5}, {\"count\":5}, {}]}", 7, {5, 2, 0}, 3},
  {"{\"groups\":[{\"percent\":10}]}", 1, {1, 0}, 2},
  {"{\"groups\":[{\"percent\":10}]}", 10, {1, 9}, 2},
  {"{\"groups\":[{\"percent\":10}]}", 11, {2, 9}, 2},
  {"{\"groups\":[{\"percent\":1}, {\"percent\":9}, {}]}", 1000, {10, 90, 900}, 3},
  {"{\"groups\":[{\"percent\":50}, {\"percent\":50}]}", 3, {2, 1}, 2},
  {"{\"groups\":[{\"percent\":60}, {\"percent\":40}]}", 1, {1, 0}, 2},
  {"{\"groups\":[{\"count\":1}, {\"percent\":50}, {}]}", 2, {1, 1, 0}, 3},
};
/* clang-format on */

static void
test_sizes(void)
{
  for (gsize i = 0; i < G_N_ELEMENTS(size_cases); i++) {
    const SizeCase *at = &size_cases[i];
    GwRollout rollout = rollout_of(at->groups);
    guint sizes[GW_ROLLOUT_GROUPS_MAX];
    g_test_message("%s of %u", at->groups, at->n_targets);
    g_assert_cmpuint(gw_rollout_count_groups(&rollout), ==, at->n_groups);
    gw_rollout_sizes(&rollout, at->n_targets, sizes);
    for (guint group = 0; group < at->n_groups; group++)
      g_assert_cmpuint(sizes[group], ==, at->sizes[group]);
  }
}

/* ---- thresholds ---- */

typedef struct {
  guint n, success, needs, errors, min, first_bad; /* first_bad: the least number of failures that pauses */
} ThresholdCase;

/* clang-format off */
static const ThresholdCase threshold_cases[] = {
  {0, 90, 0, 10, 3, 3},
  {1, 90, 1, 10, 3, 3},
  {1, 90, 1, 10, 1, 1},
  {2, 90, 2, 10, 3, 3},
  {5, 50, 3, 10, 3, 3},
  {9, 90, 9, 10, 3, 3},
  {10, 90, 9, 10, 3, 3},
  {11, 90, 10, 10, 3, 3},
  {30, 90, 27, 10, 3, 3},
  {31, 90, 28, 10, 3, 4},
  {100, 90, 90, 10, 3, 10},
  {100, 1, 1, 100, 3, 100},
  {1000000, 99, 990000, 1, 3, 10000},
};
/* clang-format on */

static void
test_thresholds(void)
{
  for (gsize i = 0; i < G_N_ELEMENTS(threshold_cases); i++) {
    const ThresholdCase *at = &threshold_cases[i];
    GwGroupPlan plan = { .success_percent = at->success,
                         .error_percent = at->errors,
                         .min_failures = at->min };
    g_assert_cmpuint(gw_group_plan_needs(&plan, at->n), ==, at->needs);
    g_assert_false(gw_group_plan_is_too_bad(&plan, at->n, at->first_bad - 1));
    g_assert_true(gw_group_plan_is_too_bad(&plan, at->n, at->first_bad));
  }
}

/* ---- steps ---- */

typedef struct {
  const char *name;
  GwGroup groups[2];
  gboolean is_paused;
  GwStepKind kind;
  guint group;
  gboolean is_hopeless;
} StepCase;

#define TWO "{\"groups\":[{\"count\":10,\"health-wait\":\"1h\",\"approval\":true},{}]}"

/* clang-format off */
static const StepCase step_cases[] = {
  {"first-opens", {{GW_GROUP_CLOSED, 10}, {GW_GROUP_CLOSED, 20}}, FALSE, GW_STEP_OPEN, 0, FALSE},
  {"paused-opens-nothing", {{GW_GROUP_CLOSED, 10}, {GW_GROUP_CLOSED, 20}}, TRUE, GW_STEP_NONE, 0, FALSE},
  {"under-way", {{GW_GROUP_OPEN, 10, 8, 1}, {GW_GROUP_CLOSED, 20}}, FALSE, GW_STEP_NONE, 0, FALSE},
  {"enough", {{GW_GROUP_OPEN, 10, 9}, {GW_GROUP_CLOSED, 20}}, FALSE, GW_STEP_WATCH, 0, FALSE},
  {"enough-but-paused", {{GW_GROUP_OPEN, 10, 9}, {GW_GROUP_CLOSED, 20}}, TRUE, GW_STEP_NONE, 0, FALSE},
  {"hopeless", {{GW_GROUP_OPEN, 10, 0, 2}, {GW_GROUP_CLOSED, 20}}, FALSE, GW_STEP_PAUSE, 0, TRUE},
  {"hopeless-by-cancelled", {{GW_GROUP_OPEN, 10, 0, 0, 2}, {GW_GROUP_CLOSED, 20}}, FALSE, GW_STEP_PAUSE, 0, TRUE},
  {"let-go-on", {{GW_GROUP_OPEN, 10, 0, 2, 0, 2}, {GW_GROUP_CLOSED, 20}}, FALSE, GW_STEP_NONE, 0, FALSE},
  {"let-and-enough", {{GW_GROUP_OPEN, 10, 8, 2, 0, 2}, {GW_GROUP_CLOSED, 20}}, FALSE, GW_STEP_WATCH, 0, FALSE},
  {"let-and-one-more", {{GW_GROUP_OPEN, 20, 0, 3, 0, 2}, {GW_GROUP_CLOSED, 20}}, FALSE, GW_STEP_NONE, 0, FALSE},
  {"let-and-hopeless", {{GW_GROUP_OPEN, 10, 0, 3, 0, 2}, {GW_GROUP_CLOSED, 20}}, FALSE, GW_STEP_PAUSE, 0, TRUE},
  {"too-bad", {{GW_GROUP_OPEN, 10, 0, 3}, {GW_GROUP_CLOSED, 20}}, FALSE, GW_STEP_PAUSE, 0, FALSE},
  {"too-bad-while-watched", {{GW_GROUP_WATCHED, 30, 27, 3}, {GW_GROUP_CLOSED, 20}}, FALSE, GW_STEP_PAUSE, 0, FALSE},
  {"too-bad-after-it-passed", {{GW_GROUP_PASSED, 30, 27, 3}, {GW_GROUP_OPEN, 20}}, FALSE, GW_STEP_PAUSE, 0, FALSE},
  {"too-bad-in-the-last", {{GW_GROUP_PASSED, 10, 9}, {GW_GROUP_OPEN, 20, 0, 3}}, FALSE, GW_STEP_PAUSE, 1, FALSE},
  {"last-is-never-hopeless", {{GW_GROUP_PASSED, 10, 9}, {GW_GROUP_OPEN, 2, 0, 1}}, FALSE, GW_STEP_NONE, 1, FALSE},
  {"watch-over", {{GW_GROUP_WATCHED, 10, 9}, {GW_GROUP_CLOSED, 20}}, FALSE, GW_STEP_ASK, 0, FALSE},
  {"awaits", {{GW_GROUP_AWAITS, 10, 10}, {GW_GROUP_CLOSED, 20}}, FALSE, GW_STEP_NONE, 0, FALSE},
  {"approved", {{GW_GROUP_PASSED, 10, 10}, {GW_GROUP_CLOSED, 20}}, FALSE, GW_STEP_OPEN, 1, FALSE},
  {"empty-passes", {{GW_GROUP_OPEN, 0}, {GW_GROUP_CLOSED, 20}}, FALSE, GW_STEP_PASS, 0, FALSE},
  {"all-final", {{GW_GROUP_PASSED, 10, 10}, {GW_GROUP_OPEN, 20, 18, 1, 1}}, FALSE, GW_STEP_COMPLETE, 1, FALSE},
  {"all-final-while-paused", {{GW_GROUP_PASSED, 10, 10}, {GW_GROUP_OPEN, 3, 0, 3}}, TRUE, GW_STEP_COMPLETE, 1, FALSE},
  {"nobody-is-not-complete", {{GW_GROUP_PASSED, 0}, {GW_GROUP_PASSED, 0}}, FALSE, GW_STEP_NONE, 1, FALSE},
};
/* clang-format on */

static void
test_steps(void)
{
  GwRollout rollout = rollout_of(TWO);
  GwNow now = { .boot_ms = 5 * HOUR };
  for (gsize i = 0; i < G_N_ELEMENTS(step_cases); i++) {
    const StepCase *at = &step_cases[i];
    GwStep step = gw_rollout_step(&rollout, at->groups, at->is_paused, &now);
    g_test_message("%s", at->name);
    g_assert_cmpint(step.kind, ==, at->kind);
    g_assert_cmpuint(step.group, ==, at->group);
    g_assert_cmpint(step.is_hopeless, ==, at->is_hopeless);
  }
}

static void
test_watch(void)
{
  GwRollout rollout = rollout_of("{\"groups\":[{\"count\":2,\"health-wait\":\"1h\"},{}]}");
  GwNow now = { .boot_ms = 5 * HOUR };
  GwGroup groups[2] = { { GW_GROUP_WATCHED, 2, 2 }, { GW_GROUP_CLOSED, 2 } };
  groups[0].watched = gw_deadline_in(&now, HOUR);
  GwStep step = gw_rollout_step(&rollout, groups, FALSE, &now);
  g_assert_cmpint(step.kind, ==, GW_STEP_NONE);
  g_assert_cmpint(step.edge_boot_ms, ==, 6 * HOUR);
  now.boot_ms = 6 * HOUR - 1;
  g_assert_cmpint(gw_rollout_step(&rollout, groups, FALSE, &now).kind, ==, GW_STEP_NONE);
  now.boot_ms = 6 * HOUR;
  g_assert_cmpint(gw_rollout_step(&rollout, groups, FALSE, &now).kind, ==, GW_STEP_PASS);
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

/* ---- what must hold whatever comes ---- */

#define N_NODES 40

typedef struct {
  GwRollout rollout;
  GwGroup groups[GW_ROLLOUT_GROUPS_MAX];
  GwTargets *targets;
  guint64 hashes[N_NODES];
  gboolean is_paused, is_complete;
  GwNow now;
} World;

static void
world_init(World *world, GRand *chance)
{
  static const char *const forms[] = { "{}", "{\"groups\":[{\"count\":1},{\"percent\":20},{}]}",
                                       "{\"groups\":[{\"percent\":30,\"success\":50,\"errors\":50}]}",
                                       "{\"groups\":[{\"count\":3,\"approval\":true},{\"count\":9}]}" };
  *world = (World){ .rollout = rollout_of(forms[g_rand_int_range(chance, 0, 4)]), .now = { .boot_ms = 1 } };
  for (guint i = 0; i < N_NODES; i++) {
    g_autofree char *node = g_strdup_printf("node-%u", i);
    world->hashes[i] = gw_rollout_hash(7, node);
  }
  world->targets = targets_of(&world->rollout, world->hashes, N_NODES);
  for (guint i = 0; i < gw_rollout_count_groups(&world->rollout); i++)
    world->groups[i].state = GW_GROUP_CLOSED;
}

/* What a careful reader says of the group before @group: enough succeeded, or an operator let it be. */
static void
check_may_open(const World *world, guint group)
{
  if (group == 0)
    return;
  const GwGroup *before = &world->groups[group - 1];
  GwGroupPlan plan = gw_rollout_plan(&world->rollout, group - 1);
  guint n = before->n_targets - MIN(before->n_let_failed, before->n_failed) -
            MIN(before->n_let_ended, before->n_ended);
  g_assert_cmpint(before->state, ==, GW_GROUP_PASSED);
  g_assert_cmpuint(before->n_succeeded * 100, >=, n * plan.success_percent);
}

static void
apply(World *world, const GwStep *step)
{
  GwGroup *group = &world->groups[step->group];
  if (step->kind == GW_STEP_OPEN)
    check_may_open(world, step->group);
  switch (step->kind) {
  case GW_STEP_OPEN:
    g_assert_false(world->is_paused);
    group->state = GW_GROUP_OPEN;
    break;
  case GW_STEP_WATCH:
    group->state = GW_GROUP_WATCHED;
    break;
  case GW_STEP_ASK:
    group->state = GW_GROUP_AWAITS;
    break;
  case GW_STEP_PASS:
    group->state = GW_GROUP_PASSED;
    break;
  case GW_STEP_PAUSE:
    world->is_paused = TRUE;
    break;
  case GW_STEP_COMPLETE:
    world->is_complete = TRUE;
    break;
  case GW_STEP_NONE:
    break;
  }
}

static void
settle(World *world)
{
  guint n = 0;
  for (;;) {
    for (guint i = 0; i < gw_rollout_count_groups(&world->rollout); i++)
      gw_targets_tell(world->targets, i, &world->groups[i]);
    GwStep step = gw_rollout_step(&world->rollout, world->groups, world->is_paused, &world->now);
    if (step.kind == GW_STEP_NONE || step.kind == GW_STEP_COMPLETE) {
      apply(world, &step);
      return;
    }
    apply(world, &step);
    g_assert_cmpuint(++n, <, 4 * GW_ROLLOUT_GROUPS_MAX);
  }
}

/* An operator goes on: what failed so far is let be. */
static void
resume(World *world)
{
  for (guint i = 0; i < gw_rollout_count_groups(&world->rollout); i++) {
    world->groups[i].n_let_failed = world->groups[i].n_failed;
    world->groups[i].n_let_ended = world->groups[i].n_ended;
    if (world->groups[i].state == GW_GROUP_AWAITS)
      world->groups[i].state = GW_GROUP_PASSED;
  }
  world->is_paused = FALSE;
}

static void
end_one(World *world, GRand *chance)
{
  guint64 hash = world->hashes[g_rand_int_range(chance, 0, N_NODES)];
  int group = gw_targets_group(world->targets, hash);
  GwOutcome outcome = (GwOutcome)g_rand_int_range(chance, GW_OUTCOME_SUCCEEDED, GW_N_OUTCOMES);
  if (group < 0 || world->groups[group].state == GW_GROUP_CLOSED)
    return; /* nobody serves it */
  if (gw_targets_outcome(world->targets, hash) == GW_OUTCOME_SUCCEEDED)
    return;
  gw_targets_set(world->targets, hash, g_rand_boolean(chance) ? GW_OUTCOME_SUCCEEDED : outcome);
}

static void
test_next_only_after_passed(void)
{
  g_autoptr(GRand) chance = g_rand_new_with_seed(20);
  guint n_complete = 0;
  for (guint round = 0; round < 400; round++) {
    World world;
    world_init(&world, chance);
    for (guint i = 0; i < 600 && !world.is_complete; i++) {
      settle(&world);
      if (g_rand_int_range(chance, 0, 20) == 0)
        resume(&world);
      end_one(&world, chance);
    }
    n_complete += world.is_complete ? 1 : 0;
    gw_targets_free(world.targets);
  }
  g_assert_cmpuint(n_complete, >, 300);
}

/* The last word about each node, in whatever order and however often, gives the same counts. */
static void
test_order_does_not_matter(void)
{
  g_autoptr(GRand) chance = g_rand_new_with_seed(21);
  for (guint round = 0; round < 100; round++) {
    World one, other;
    world_init(&one, chance);
    other = one;
    gsize size;
    g_autofree guint8 *bytes = gw_targets_write(one.targets, &size);
    other.targets = gw_targets_read(bytes, size, gw_rollout_count_groups(&one.rollout));
    g_assert_nonnull(other.targets);
    GwOutcome last[N_NODES];
    for (guint i = 0; i < N_NODES; i++) {
      last[i] = (GwOutcome)g_rand_int_range(chance, 0, GW_N_OUTCOMES);
      gw_targets_set(one.targets, one.hashes[i], last[i]);
    }
    for (guint i = 0; i < 3 * N_NODES; i++)
      gw_targets_set(other.targets, one.hashes[g_rand_int_range(chance, 0, N_NODES)],
                     (GwOutcome)g_rand_int_range(chance, 0, GW_N_OUTCOMES));
    for (guint i = N_NODES; i > 0; i--)
      gw_targets_set(other.targets, one.hashes[i - 1], last[i - 1]);
    for (guint i = 0; i < gw_rollout_count_groups(&one.rollout); i++) {
      gw_targets_tell(one.targets, i, &one.groups[i]);
      gw_targets_tell(other.targets, i, &other.groups[i]);
      g_assert_cmpmem(&one.groups[i], sizeof(GwGroup), &other.groups[i], sizeof(GwGroup));
    }
    gw_targets_free(one.targets);
    gw_targets_free(other.targets);
  }
}

static void
test_late_success(void)
{
  GwRollout rollout = rollout_of("{\"groups\":[{\"count\":1},{}]}");
  GwGroup groups[2] = { { .state = GW_GROUP_OPEN }, { .state = GW_GROUP_CLOSED } };
  GwNow now = { .boot_ms = 1 };
  guint64 hashes[] = { 5, 3, 9 };
  g_autoptr(GwTargets) targets = targets_of(&rollout, hashes, 3);
  g_assert_cmpint(gw_targets_group(targets, 3), ==, 0);
  g_assert_cmpint(gw_targets_group(targets, 9), ==, 1);
  g_assert_cmpint(gw_targets_group(targets, 4), ==, -1);
  g_assert_true(gw_targets_set(targets, 3, GW_OUTCOME_FAILED));
  gw_targets_tell(targets, 0, &groups[0]);
  gw_targets_tell(targets, 1, &groups[1]);
  g_assert_cmpint(gw_rollout_step(&rollout, groups, FALSE, &now).kind, ==, GW_STEP_PAUSE);
  g_assert_true(gw_targets_set(targets, 3, GW_OUTCOME_SUCCEEDED));
  g_assert_false(gw_targets_set(targets, 3, GW_OUTCOME_SUCCEEDED));
  gw_targets_tell(targets, 0, &groups[0]);
  g_assert_cmpint(gw_rollout_step(&rollout, groups, FALSE, &now).kind, ==, GW_STEP_PASS);
}

/* ---- targets ---- */

static void
test_targets(void)
{
  GwRollout rollout = rollout_of("{\"groups\":[{\"percent\":50},{}]}");
  guint64 hashes[] = { 8, 2, 6, 2, 4 };
  GwTarget one = { 1, &rollout };
  g_autoptr(GwTargets) targets = targets_of(&rollout, hashes, 5);
  GwGroup group = { .state = GW_GROUP_OPEN };
  g_assert_cmpuint(gw_targets_count(targets), ==, 4);
  g_assert_cmpint(gw_targets_group(targets, 4), ==, 0);
  g_assert_cmpint(gw_targets_group(targets, 6), ==, 1);
  g_assert_true(gw_targets_join(targets, &one)); /* by its hash it would be the first */
  g_assert_false(gw_targets_join(targets, &one));
  g_assert_cmpint(gw_targets_group(targets, 1), ==, 1);
  gw_targets_set(targets, 2, GW_OUTCOME_FAILED);
  gw_targets_leave(targets, 2);
  gw_targets_leave(targets, 2);
  gw_targets_tell(targets, 0, &group);
  g_assert_cmpuint(group.n_targets, ==, 1);
  g_assert_cmpuint(group.n_failed, ==, 0);
  g_assert_false(gw_targets_set(targets, 2, GW_OUTCOME_FAILED));
}

static void
test_bytes(void)
{
  GwRollout rollout = rollout_of("{\"groups\":[{\"count\":1},{}]}");
  guint64 hashes[] = { 1, 2 };
  gsize size;
  g_autoptr(GwTargets) targets = targets_of(&rollout, hashes, 2);
  g_autofree guint8 *bytes = gw_targets_write(targets, &size);
  g_assert_cmpuint(size, ==, 18);
  g_assert_null(gw_targets_read(bytes, size - 1, 2));
  g_assert_null(gw_targets_read(bytes, size, 1)); /* a group that is not there */
  bytes[0] = 3;
  g_assert_null(gw_targets_read(bytes, size, 2)); /* not rising */
}

static void
test_hash(void)
{
  GwRollout rollout = { .jitter_ms = HOUR };
  guint n_low = 0, n_early = 0;
  g_assert_cmpuint(gw_rollout_hash(1, "a"), ==, gw_rollout_hash(1, "a"));
  g_assert_cmpuint(gw_rollout_hash(1, "a"), !=, gw_rollout_hash(2, "a"));
  for (guint i = 0; i < 10000; i++) {
    g_autofree char *node = g_strdup_printf("02:00:00:00:%02x:%02x", i / 256, i % 256);
    guint64 hash = gw_rollout_hash(3, node);
    gint64 jitter_ms = gw_rollout_jitter_ms(&rollout, hash);
    g_assert_cmpint(jitter_ms, >=, 0);
    g_assert_cmpint(jitter_ms, <, HOUR);
    n_low += hash < G_MAXUINT64 / 10 ? 1 : 0;
    n_early += hash < G_MAXUINT64 / 10 && jitter_ms < HOUR / 2 ? 1 : 0;
  }
  g_assert_cmpuint(n_low, >, 850);
  g_assert_cmpuint(n_low, <, 1150);
  g_assert_cmpuint(n_early, >, n_low * 4 / 10); /* one group, all of its time */
  g_assert_cmpuint(n_early, <, n_low * 6 / 10);
  rollout.jitter_ms = 0;
  g_assert_cmpint(gw_rollout_jitter_ms(&rollout, 12345), ==, 0);
}

/* ---- the form ---- */

/* clang-format off */
static const struct { const char *form, *error; } bad_forms[] = {
  {"{\"groups\":[]}", "/groups: "},
  {"{\"groups\":{}}", "/groups: "},
  {"{\"groups\":[{\"count\":1},7]}", "/groups/1: "},
  {"{\"groups\":[{\"count\":1},{\"count\":0}]}", "/groups/1/count: "},
  {"{\"groups\":[{\"count\":\"1\"}]}", "/groups/0/count: "},
  {"{\"groups\":[{\"count\":1,\"percent\":1}]}", "/groups/0: "},
  {"{\"groups\":[{},{\"count\":1}]}", "/groups/0: "},
  {"{\"groups\":[{\"percent\":101}]}", "/groups/0/percent: "},
  {"{\"groups\":[{\"percent\":60},{\"percent\":50}]}", "/groups: "},
  {"{\"groups\":[{\"count\":1,\"sucess\":90}]}", "/groups/0/sucess: unknown"},
  {"{\"groups\":[{\"count\":1,\"health-wait\":60}]}", "/groups/0/health-wait: "},
  {"{\"groups\":[{\"count\":1,\"approval\":\"yes\"}]}", "/groups/0/approval: "},
  {"{\"targets\":\"later\"}", "/targets: "},
  {"{\"targets\":null}", "/targets: "},
  {"{\"jitter\":\"soon\"}", "/jitter: "},
  {"{\"once-a-day\":1}", "/once-a-day: "},
  {"{\"caps\":[]}", "/caps: "},
  {"{\"caps\":{\"segment\":-1}}", "/caps/segment: "},
  {"{\"retry\":{\"first\":\"0\"}}", "/retry/first: "},
  {"{\"retry\":{\"first\":\"2h\",\"max\":\"1h\"}}", "/retry/max: "},
  {"{\"retry\":{\"not-back\":\"400d\"}}", "/retry/not-back: "},
};
/* clang-format on */

static void
test_bad_forms(void)
{
  for (gsize i = 0; i < G_N_ELEMENTS(bad_forms); i++) {
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) document = gw_json_parse(bad_forms[i].form, strlen(bad_forms[i].form), 4096, &error);
    GwRollout rollout = { .jitter_ms = 77 };
    g_assert_no_error(error);
    g_test_message("%s", bad_forms[i].form);
    g_assert_false(gw_rollout_read(document, &rollout, &error));
    g_assert_true(g_str_has_prefix(error->message, bad_forms[i].error));
    g_assert_cmpint(rollout.jitter_ms, ==, 77);
  }
}

static void
test_form_again(void)
{
  static const char form[] = "{\"groups\": [{\"count\": 1, \"health-wait\": \"90min\", \"approval\": true}, "
                             "{\"percent\": 10, \"success\": 95, \"errors\": 5, \"min-failures\": 1}, {}], "
                             "\"targets\": \"frozen\", \"jitter\": \"30min\", \"once-a-day\": true, "
                             "\"caps\": {\"transport\": 8, \"segment\": 2, \"location\": 4}, "
                             "\"retry\": {\"first\": \"2h\", \"stalled\": \"90s\", \"failures\": 5}}";
  g_autoptr(json_t) written = json_object();
  GwRollout rollout = rollout_of(form);
  gw_rollout_write(&rollout, written);
  g_autofree char *text = json_dumps(written, 0);
  g_assert_cmpstr(text, ==, form);
  GwRollout again = rollout_of(text);
  g_assert_cmpmem(&again, sizeof again, &rollout, sizeof rollout);
  g_assert_true(gw_rollout_has_key("groups"));
  g_assert_false(gw_rollout_has_key("name"));
}

static void
test_groups_as_typed(void)
{
  static const char *const typed[] = { "2,health-wait=1h,approval", "10%, success=95%", "rest", "soon",
                                       "5,count=x" };
  static const char *const written[] = { "{\"count\": 2, \"health-wait\": \"1h\", \"approval\": true}",
                                         "{\"percent\": 10, \"success\": 95}", "{}", "{\"soon\": true}",
                                         "{\"count\": \"x\"}" };
  for (gsize i = 0; i < G_N_ELEMENTS(typed); i++) {
    g_autoptr(json_t) group = gw_rollout_group_from_text(typed[i]);
    g_autofree char *text = json_dumps(group, 0);
    g_assert_cmpstr(text, ==, written[i]);
  }
}

static void
test_form_rest(void)
{
  GwRollout rollout = rollout_of("{\"groups\":[{\"percent\":20,\"success\":70}], \"name\": 1}");
  g_assert_cmpuint(rollout.n_groups, ==, 2);
  g_assert_cmpuint(rollout.groups[1].success_percent, ==, 70);
  g_assert_cmpuint(rollout.groups[1].percent, ==, 0);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/model/rollout/sizes", test_sizes);
  g_test_add_func("/model/rollout/thresholds", test_thresholds);
  g_test_add_func("/model/rollout/steps", test_steps);
  g_test_add_func("/model/rollout/watch", test_watch);
  g_test_add_func("/model/rollout/next-only-after-passed", test_next_only_after_passed);
  g_test_add_func("/model/rollout/order-does-not-matter", test_order_does_not_matter);
  g_test_add_func("/model/rollout/late-success", test_late_success);
  g_test_add_func("/model/rollout/targets", test_targets);
  g_test_add_func("/model/rollout/bytes", test_bytes);
  g_test_add_func("/model/rollout/hash", test_hash);
  g_test_add_func("/model/rollout/bad-forms", test_bad_forms);
  g_test_add_func("/model/rollout/form-again", test_form_again);
  g_test_add_func("/model/rollout/groups-as-typed", test_groups_as_typed);
  g_test_add_func("/model/rollout/form-rest", test_form_rest);
  return g_test_run();
}
