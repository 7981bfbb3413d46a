/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/targets.h"
#include <string.h>

#define ROW_SIZE 9 /* hash in little endian, group */

struct GwTargets {
  GArray *hashes; /* guint64, rising */
  GArray *marks;  /* guint8 of the same place: group * GW_N_OUTCOMES + outcome */
  GPtrArray *who; /* of the same place */
  guint n_groups;
  guint counts[GW_ROLLOUT_GROUPS_MAX][GW_N_OUTCOMES];
};

static GwTargets *
targets_new(guint n_groups, guint n)
{
  GwTargets *targets = g_new0(GwTargets, 1);
  targets->hashes = g_array_sized_new(FALSE, FALSE, sizeof(guint64), n);
  targets->marks = g_array_sized_new(FALSE, FALSE, 1, n);
  targets->who = g_ptr_array_sized_new(n);
  targets->n_groups = n_groups;
  return targets;
}

void
gw_targets_free(GwTargets *targets)
{
  if (!targets)
    return;
  g_array_unref(targets->hashes);
  g_array_unref(targets->marks);
  g_ptr_array_unref(targets->who);
  g_free(targets);
}

static guint64
hash_at(const GwTargets *targets, guint i)
{
  return g_array_index(targets->hashes, guint64, i);
}

static guint8 *
mark_at(const GwTargets *targets, guint i)
{
  return &g_array_index(targets->marks, guint8, i);
}

/* The first place whose hash is not smaller. */
static guint
place_of(const GwTargets *targets, guint64 hash)
{
  guint low = 0, high = targets->hashes->len;
  while (low < high) {
    guint middle = low + (high - low) / 2;
    if (hash_at(targets, middle) < hash)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

static gboolean
find(const GwTargets *targets, guint64 hash, guint *ret_place)
{
  *ret_place = place_of(targets, hash);
  return *ret_place < targets->hashes->len && hash_at(targets, *ret_place) == hash;
}

static void
put(GwTargets *targets, guint place, GwTarget node, guint group)
{
  guint8 mark = (guint8)(group * GW_N_OUTCOMES);
  g_array_insert_val(targets->hashes, place, node.hash);
  g_array_insert_val(targets->marks, place, mark);
  g_ptr_array_insert(targets->who, (int)place, node.who);
  targets->counts[group][GW_OUTCOME_NONE]++;
}

static int
compare(gconstpointer a, gconstpointer b)
{
  guint64 left = ((const GwTarget *)a)->hash, right = ((const GwTarget *)b)->hash;
  return left < right ? -1 : left > right;
}

GwTargets *
gw_targets_new(const GwRollout *rollout, const GwTarget *nodes, guint n)
{
  g_autofree GwTarget *sorted = g_memdup2(nodes, n * sizeof(GwTarget));
  guint sizes[GW_ROLLOUT_GROUPS_MAX], n_unique = 0, group = 0;
  if (n)
    qsort(sorted, n, sizeof(GwTarget), compare);
  for (guint i = 0; i < n; i++)
    if (n_unique == 0 || sorted[i].hash != sorted[n_unique - 1].hash)
      sorted[n_unique++] = sorted[i];
  GwTargets *targets = targets_new(gw_rollout_count_groups(rollout), n_unique);
  gw_rollout_sizes(rollout, n_unique, sizes);
  for (guint i = 0; i < n_unique; i++) {
    while (sizes[group] == 0)
      group++;
    sizes[group]--;
    put(targets, i, sorted[i], group);
  }
  return targets;
}

guint8 *
gw_targets_write(const GwTargets *targets, gsize *ret_size)
{
  guint n = targets->hashes->len;
  guint8 *bytes = g_malloc((gsize)n * ROW_SIZE + 1);
  for (guint i = 0; i < n; i++) {
    guint64 hash = GUINT64_TO_LE(hash_at(targets, i));
    memcpy(bytes + (gsize)i * ROW_SIZE, &hash, sizeof(hash));
    bytes[(gsize)i * ROW_SIZE + 8] = *mark_at(targets, i) / GW_N_OUTCOMES;
  }
  *ret_size = (gsize)n * ROW_SIZE;
  return bytes;
}

GwTargets *
gw_targets_read(const void *bytes, gsize size, guint n_groups)
{
  const guint8 *row = bytes;
  if (size % ROW_SIZE || n_groups > GW_ROLLOUT_GROUPS_MAX)
    return NULL;
  guint n = (guint)(size / ROW_SIZE);
  g_autoptr(GwTargets) targets = targets_new(n_groups, n);
  for (guint i = 0; i < n; i++, row += ROW_SIZE) {
    guint64 hash;
    memcpy(&hash, row, sizeof(hash));
    hash = GUINT64_FROM_LE(hash);
    if (row[8] >= n_groups || (i > 0 && hash <= hash_at(targets, i - 1)))
      return NULL;
    put(targets, i, (GwTarget){ hash, NULL }, row[8]);
  }
  return g_steal_pointer(&targets);
}

guint
gw_targets_count(const GwTargets *targets)
{
  return targets->hashes->len;
}

int
gw_targets_group(const GwTargets *targets, guint64 hash)
{
  guint place;
  return find(targets, hash, &place) ? *mark_at(targets, place) / GW_N_OUTCOMES : -1;
}

gboolean
gw_targets_join(GwTargets *targets, const GwTarget *node)
{
  guint place;
  if (find(targets, node->hash, &place))
    return FALSE;
  put(targets, place, *node, targets->n_groups - 1);
  return TRUE;
}

gboolean
gw_targets_meet(GwTargets *targets, const GwTarget *node)
{
  guint place;
  if (!find(targets, node->hash, &place))
    return FALSE;
  targets->who->pdata[place] = node->who;
  return TRUE;
}

void
gw_targets_leave(GwTargets *targets, guint64 hash)
{
  guint place;
  if (!find(targets, hash, &place))
    return;
  guint8 mark = *mark_at(targets, place);
  targets->counts[mark / GW_N_OUTCOMES][mark % GW_N_OUTCOMES]--;
  g_array_remove_index(targets->hashes, place);
  g_array_remove_index(targets->marks, place);
  g_ptr_array_remove_index(targets->who, place);
}

gboolean
gw_targets_replace(GwTargets *targets, guint64 old, const GwTarget *node)
{
  int group = gw_targets_group(targets, old);
  guint place;
  if (group < 0)
    return FALSE;
  gw_targets_leave(targets, old);
  gw_targets_leave(targets, node->hash);
  (void)find(targets, node->hash, &place);
  put(targets, place, *node, (guint)group);
  return TRUE;
}

void
gw_targets_leave_unmet(GwTargets *targets)
{
  guint n = 0;
  for (guint place = 0; place < targets->hashes->len; place++) {
    guint8 mark = *mark_at(targets, place);
    if (!targets->who->pdata[place]) {
      targets->counts[mark / GW_N_OUTCOMES][mark % GW_N_OUTCOMES]--;
      continue;
    }
    g_array_index(targets->hashes, guint64, n) = hash_at(targets, place);
    *mark_at(targets, n) = mark;
    targets->who->pdata[n++] = targets->who->pdata[place];
  }
  g_array_set_size(targets->hashes, n);
  g_array_set_size(targets->marks, n);
  g_ptr_array_set_size(targets->who, (int)n);
}

gboolean
gw_targets_set(GwTargets *targets, guint64 hash, GwOutcome outcome)
{
  guint place;
  if (!find(targets, hash, &place))
    return FALSE;
  guint8 *mark = mark_at(targets, place);
  guint group = *mark / GW_N_OUTCOMES, before = *mark % GW_N_OUTCOMES;
  if (before == outcome)
    return FALSE;
  targets->counts[group][before]--;
  targets->counts[group][outcome]++;
  *mark = (guint8)(group * GW_N_OUTCOMES + outcome);
  return TRUE;
}

GwOutcome
gw_targets_outcome(const GwTargets *targets, guint64 hash)
{
  guint place;
  return find(targets, hash, &place) ? (GwOutcome)(*mark_at(targets, place) % GW_N_OUTCOMES)
                                     : GW_OUTCOME_NONE;
}

void
gw_targets_tell(const GwTargets *targets, guint number, GwGroup *group)
{
  const guint *counts = targets->counts[number];
  group->n_succeeded = counts[GW_OUTCOME_SUCCEEDED];
  group->n_failed = counts[GW_OUTCOME_FAILED];
  group->n_ended = counts[GW_OUTCOME_ENDED];
  group->n_targets = group->n_succeeded + group->n_failed + group->n_ended + counts[GW_OUTCOME_NONE] +
                     counts[GW_OUTCOME_BEGUN];
}

guint
gw_targets_count_waiting(const GwTargets *targets, guint groups)
{
  guint n = 0;
  for (guint number = 0; number < targets->n_groups; number++)
    n += groups >> number & 1 ? targets->counts[number][GW_OUTCOME_NONE] : 0;
  return n;
}

gpointer
gw_targets_next_waiting(const GwTargets *targets, guint groups, guint64 *hash)
{
  gboolean is_wanted[GW_ROLLOUT_GROUPS_MAX * GW_N_OUTCOMES] = { FALSE };
  guint place = place_of(targets, *hash);
  for (guint number = 0; number < targets->n_groups; number++)
    is_wanted[number * GW_N_OUTCOMES + GW_OUTCOME_NONE] = groups >> number & 1;
  while (place < targets->hashes->len && !is_wanted[*mark_at(targets, place)])
    place++;
  if (place == targets->hashes->len)
    return NULL;
  *hash = hash_at(targets, place) + 1;
  return targets->who->pdata[place];
}
