/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/rollout-form.h"
#include "base/config.h"
#include "base/error.h"
#include <string.h>

#define YEAR_MS (G_GINT64_CONSTANT(366) * 24 * 3600 * 1000)

typedef enum { COUNT, SPAN, FLAG } Kind;

/* A member of an object: where it goes, and what it may be. */
typedef struct {
  const char *key;
  Kind kind;
  gsize offset; /* of a guint, a gint64 in ms, a gboolean */
  gint64 min, max;
} Field;

static const Field group_fields[] = {
  { "count", COUNT, offsetof(GwGroupPlan, count), 1, 1000000 },
  { "percent", COUNT, offsetof(GwGroupPlan, percent), 1, 100 },
  { "success", COUNT, offsetof(GwGroupPlan, success_percent), 1, 100 },
  { "errors", COUNT, offsetof(GwGroupPlan, error_percent), 1, 100 },
  { "min-failures", COUNT, offsetof(GwGroupPlan, min_failures), 1, 1000000 },
  { "health-wait", SPAN, offsetof(GwGroupPlan, health_ms), 0, YEAR_MS },
  { "approval", FLAG, offsetof(GwGroupPlan, is_approval_needed), 0, 0 },
  { NULL },
};

static const Field cap_fields[] = {
  { "transport", COUNT, offsetof(GwRollout, cap_transport), 1, 1000000 },
  { "segment", COUNT, offsetof(GwRollout, cap_segment), 1, 1000000 },
  { "location", COUNT, offsetof(GwRollout, cap_location), 1, 1000000 },
  { NULL },
};

static const Field retry_fields[] = {
  { "first", SPAN, offsetof(GwRollout, retry_first_ms), 1, YEAR_MS },
  { "max", SPAN, offsetof(GwRollout, retry_max_ms), 1, YEAR_MS },
  { "never-asked", SPAN, offsetof(GwRollout, never_asked_ms), 1, YEAR_MS },
  { "stalled", SPAN, offsetof(GwRollout, stalled_ms), 1, YEAR_MS },
  { "not-back", SPAN, offsetof(GwRollout, not_back_ms), 1, YEAR_MS },
  { "failures", COUNT, offsetof(GwRollout, max_failures), 1, 1000 },
  { NULL },
};

static const Field plain_fields[] = {
  { "jitter", SPAN, offsetof(GwRollout, jitter_ms), 0, YEAR_MS },
  { "once-a-day", FLAG, offsetof(GwRollout, is_once_a_day), 0, 0 },
  { NULL },
};

static const char *const keys[] = { "groups", "targets", "caps", "retry", "jitter", "once-a-day", NULL };

gboolean
gw_rollout_has_key(const char *key)
{
  return g_strv_contains(keys, key);
}

/* ---- reading ---- */

static gboolean
read_count(const json_t *value, const char *path, const Field *field, guint *ret_count, GError **error)
{
  json_int_t n = json_integer_value(value);
  if (!json_is_integer(value) || n < field->min || n > field->max)
    return gw_fail(error, GW_ERROR_BAD_INPUT,
                   "%s/%s: expected a number from %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT, path,
                   field->key, field->min, field->max);
  *ret_count = (guint)n;
  return TRUE;
}

static gboolean
read_span(const json_t *value, const char *path, const Field *field, gint64 *ret_ms, GError **error)
{
  const char *text = json_string_value(value);
  gint64 ms;
  if (!text || !gw_parse_duration_ms(text, &ms) || ms < field->min || ms > field->max)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "%s/%s: expected a time like \"30min\", at most a year", path,
                   field->key);
  *ret_ms = ms;
  return TRUE;
}

static gboolean
read_field(const json_t *value, const char *path, const Field *field, gpointer base, GError **error)
{
  gpointer member = (char *)base + field->offset;
  switch (field->kind) {
  case COUNT:
    return read_count(value, path, field, member, error);
  case SPAN:
    return read_span(value, path, field, member, error);
  case FLAG:
    break;
  }
  if (!json_is_boolean(value))
    return gw_fail(error, GW_ERROR_BAD_INPUT, "%s/%s: expected true or false", path, field->key);
  *(gboolean *)member = json_is_true(value);
  return TRUE;
}

static const Field *
find_field(const Field *fields, const char *key)
{
  while (fields->key && strcmp(fields->key, key) != 0)
    fields++;
  return fields->key ? fields : NULL;
}

static gboolean
read_object(const json_t *object, const char *path, const Field *fields, gpointer base, GError **error)
{
  const char *key;
  json_t *value;
  if (!json_is_object(object))
    return gw_fail(error, GW_ERROR_BAD_INPUT, "%s: expected an object", path);
  json_object_foreach((json_t *)object, key, value)
  {
    const Field *field = find_field(fields, key);
    if (!field)
      return gw_fail(error, GW_ERROR_BAD_INPUT, "%s/%.64s: unknown", path, key);
    if (!read_field(value, path, field, base, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
read_group(const json_t *object, guint number, gboolean is_last, GwGroupPlan *ret_plan, GError **error)
{
  g_autofree char *path = g_strdup_printf("/groups/%u", number);
  *ret_plan = gw_group_plan_default();
  if (!read_object(object, path, group_fields, ret_plan, error))
    return FALSE;
  if (ret_plan->count && ret_plan->percent)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "%s: has count and percent: one of them", path);
  if (!is_last && !ret_plan->count && !ret_plan->percent)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "%s: count or percent is missing; only the last takes the rest",
                   path);
  return TRUE;
}

/* Shares that make up the whole leave nothing: the last of them is the rest. */
static gboolean
settle_shares(GwRollout *rollout, GError **error)
{
  guint sum = 0;
  for (guint i = 0; i < rollout->n_groups; i++)
    sum += rollout->groups[i].percent;
  if (sum > 100)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "/groups: are %u %% of the targets", sum);
  if (sum == 100)
    rollout->groups[rollout->n_groups - 1].count = rollout->groups[rollout->n_groups - 1].percent = 0;
  return gw_rollout_complete(rollout) ||
         gw_fail(error, GW_ERROR_BAD_INPUT, "/groups: more than %d", GW_ROLLOUT_GROUPS_MAX - 1);
}

static gboolean
read_groups(const json_t *array, GwRollout *rollout, GError **error)
{
  gsize n = json_array_size(array);
  if (!json_is_array(array) || n == 0 || n > GW_ROLLOUT_GROUPS_MAX)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "/groups: expected a list of 1 to %d groups",
                   GW_ROLLOUT_GROUPS_MAX - 1);
  for (gsize i = 0; i < n; i++)
    if (!read_group(json_array_get(array, i), (guint)i, i == n - 1, &rollout->groups[i], error))
      return FALSE;
  rollout->n_groups = (guint)n;
  return settle_shares(rollout, error);
}

static gboolean
read_targets(const json_t *value, GwRollout *rollout, GError **error)
{
  const char *text = json_is_string(value) ? json_string_value(value) : "";
  rollout->is_frozen = strcmp(text, "frozen") == 0;
  return rollout->is_frozen || strcmp(text, "live") == 0 ||
         gw_fail(error, GW_ERROR_BAD_INPUT, "/targets: expected \"live\" or \"frozen\"");
}

static gboolean
read_member(const char *key, const json_t *value, GwRollout *rollout, GError **error)
{
  const Field *field = find_field(plain_fields, key);
  if (strcmp(key, "groups") == 0)
    return read_groups(value, rollout, error);
  if (strcmp(key, "targets") == 0)
    return read_targets(value, rollout, error);
  if (strcmp(key, "caps") == 0)
    return read_object(value, "/caps", cap_fields, rollout, error);
  if (strcmp(key, "retry") == 0)
    return read_object(value, "/retry", retry_fields, rollout, error);
  return !field || read_field(value, "", field, rollout, error);
}

gboolean
gw_rollout_read(const json_t *document, GwRollout *ret_rollout, GError **error)
{
  GwRollout rollout = { 0 };
  const char *key;
  json_t *value;
  json_object_foreach((json_t *)document, key, value)
  {
    if (!read_member(key, value, &rollout, error))
      return FALSE;
  }
  if (rollout.retry_first_ms && rollout.retry_max_ms && rollout.retry_max_ms < rollout.retry_first_ms)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "/retry/max: is less than /retry/first");
  *ret_rollout = rollout;
  return TRUE;
}

/* ---- as typed ---- */

static void
add_word(json_t *group, const char *word)
{
  const char *equals = strchr(word, '=');
  g_autofree char *key = equals ? g_strndup(word, (gsize)(equals - word)) : g_strdup("");
  char *end;
  json_int_t n = g_ascii_strtoll(equals ? equals + 1 : word, &end, 10);
  gboolean is_number = end > (equals ? equals + 1 : word) && (*end == '\0' || strcmp(end, "%") == 0);
  if (equals)
    json_object_set_new(group, key, is_number ? json_integer(n) : json_string(equals + 1));
  else if (is_number)
    json_object_set_new(group, *end ? "percent" : "count", json_integer(n));
  else if (strcmp(word, "rest") != 0)
    json_object_set_new(group, word, json_true());
}

json_t *
gw_rollout_group_from_text(const char *text)
{
  g_auto(GStrv) words = g_strsplit(text, ",", -1);
  json_t *group = json_object();
  for (char **word = words; *word; word++)
    add_word(group, g_strstrip(*word));
  return group;
}

/* ---- writing ---- */

static json_t *
write_span(gint64 ms)
{
  static const struct {
    gint64 ms;
    const char *name;
  } units[] = { { 86400000, "d" }, { 3600000, "h" }, { 60000, "min" }, { 1000, "s" }, { 1, "ms" } };
  guint i = 0;
  while (ms % units[i].ms)
    i++;
  g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT "%s", ms / units[i].ms, units[i].name);
  return json_string(text);
}

static gint64
value_of(const Field *field, gconstpointer base)
{
  const char *member = (const char *)base + field->offset;
  switch (field->kind) {
  case COUNT:
    return *(const guint *)member;
  case SPAN:
    return *(const gint64 *)member;
  case FLAG:
    break;
  }
  return *(const gboolean *)member;
}

/* What is not as in @usual. */
static void
write_fields(json_t *object, const Field *fields, gconstpointer base, gconstpointer usual)
{
  for (; fields->key; fields++) {
    gint64 value = value_of(fields, base);
    if (value == value_of(fields, usual))
      continue;
    json_object_set_new(object, fields->key,
                        fields->kind == COUNT  ? json_integer(value)
                        : fields->kind == SPAN ? write_span(value)
                                               : json_boolean(value));
  }
}

static void
write_object(json_t *document, const char *key, const Field *fields, const GwRollout *rollout)
{
  static const GwRollout usual = { 0 };
  g_autoptr(json_t) object = json_object();
  write_fields(object, fields, rollout, &usual);
  if (json_object_size(object) > 0)
    json_object_set(document, key, object);
}

static void
write_groups(json_t *document, const GwRollout *rollout)
{
  GwGroupPlan usual = gw_group_plan_default();
  g_autoptr(json_t) groups = json_array();
  for (guint i = 0; i < rollout->n_groups; i++) {
    json_t *group = json_object();
    write_fields(group, group_fields, &rollout->groups[i], &usual);
    json_array_append_new(groups, group);
  }
  if (rollout->n_groups)
    json_object_set(document, "groups", groups);
}

void
gw_rollout_write(const GwRollout *rollout, json_t *document)
{
  static const GwRollout usual = { 0 };
  write_groups(document, rollout);
  if (rollout->is_frozen)
    json_object_set_new(document, "targets", json_string("frozen"));
  write_fields(document, plain_fields, rollout, &usual);
  write_object(document, "caps", cap_fields, rollout);
  write_object(document, "retry", retry_fields, rollout);
}
