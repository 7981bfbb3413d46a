/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/rule-form.h"
#include "base/config.h"
#include "base/error.h"
#include "model/rollout-form.h"
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX 256 /* bytes of one element of a list */
#define YEAR_9999_MS G_GINT64_CONSTANT(253402300799000)

typedef struct {
  const char *name;
  json_t *firmware, *override, *who, *when;
  gint64 number, priority, cap, attempts;
  gboolean is_heard_required;
  json_t *rollout; /* any of its keys: read by rollout-form.c, from the document */
} RawRule;

#define ROLLOUT(key)                                                                                         \
  {                                                                                                          \
    key, GW_JSON_ANY, FALSE, G_STRUCT_OFFSET(RawRule, rollout), 0, 0                                         \
  }
static const GwJsonField RULE_FIELDS[] = {
  { "name", GW_JSON_STRING, TRUE, G_STRUCT_OFFSET(RawRule, name), 1, 64 },
  { "firmware", GW_JSON_ANY, TRUE, G_STRUCT_OFFSET(RawRule, firmware), 0, 0 },
  { "number", GW_JSON_INTEGER, FALSE, G_STRUCT_OFFSET(RawRule, number), 0, GW_RULE_NUMBER_MAX },
  { "override", GW_JSON_ARRAY, FALSE, G_STRUCT_OFFSET(RawRule, override), 1, 16 },
  { "priority", GW_JSON_INTEGER, FALSE, G_STRUCT_OFFSET(RawRule, priority), -1000000, 1000000 },
  { "who", GW_JSON_OBJECT, FALSE, G_STRUCT_OFFSET(RawRule, who), 0, 0 },
  { "when", GW_JSON_OBJECT, FALSE, G_STRUCT_OFFSET(RawRule, when), 0, 0 },
  { "cap", GW_JSON_INTEGER, FALSE, G_STRUCT_OFFSET(RawRule, cap), 0, 1000000 },
  { "attempts", GW_JSON_INTEGER, FALSE, G_STRUCT_OFFSET(RawRule, attempts), 0, 100 },
  { "require-heard", GW_JSON_BOOLEAN, FALSE, G_STRUCT_OFFSET(RawRule, is_heard_required), 0, 0 },
  ROLLOUT("groups"),
  ROLLOUT("targets"),
  ROLLOUT("caps"),
  ROLLOUT("retry"),
  ROLLOUT("jitter"),
  ROLLOUT("once-a-day"),
  { NULL },
};
#undef ROLLOUT

/* Takes the elements of a list one by one. NULL = it was taken; else what it should be. */
typedef const char *(*Take)(const char *text, gpointer user);

static gboolean
read_texts(const json_t *list, const char *path, Take take, gpointer user, GError **error)
{
  for (gsize i = 0; i < json_array_size(list); i++) {
    const json_t *item = json_array_get(list, i);
    const char *text = json_string_value(item);
    const char *why = !text                                 ? "is not a string"
                      : !*text                              ? "is empty"
                      : json_string_length(item) > TEXT_MAX ? "is longer than 256 bytes"
                                                            : take(text, user);
    if (why)
      return gw_fail(error, GW_ERROR_BAD_INPUT, "%s/%" G_GSIZE_FORMAT ": %s%.*s%s %s", path, i,
                     text ? "\"" : "it", text ? 64 : 0, text ? text : "", text ? "\"" : "", why);
  }
  return TRUE;
}

/* ---- who ---- */

static gboolean
is_line(const char *text)
{
  for (const char *c = text; *c; c++)
    if (g_ascii_iscntrl(*c))
      return FALSE;
  return TRUE;
}

static const char *
take_line(const char *text, gpointer user)
{
  if (!is_line(text))
    return "holds a control character";
  g_hash_table_add(user, g_strdup(text));
  return NULL;
}

static const char *
take_id(const char *text, gpointer user)
{
  return gw_node_check_id(text, NULL) ? take_line(text, user) : "is no node id, and no beginning of one";
}

static const char *
take_mac(const char *text, gpointer user)
{
  char mac[18];
  if (!gw_mac_normalize(text, mac))
    return "is no MAC address";
  g_hash_table_add(user, g_strdup(mac));
  return NULL;
}

static const char *
take_imei(const char *text, gpointer user)
{
  if (!gw_imei_check(text))
    return "is no IMEI: expected 15 digits";
  return take_line(text, user);
}

static const char *
take_name(const char *text, gpointer user)
{
  return gw_name_check("", text, NULL) ? take_line(text, user) : "is no name";
}

static const char *
take_word(const char *text, gpointer user)
{
  return strpbrk(text, " \t") ? "holds a blank" : take_line(text, user);
}

static const struct {
  const char *key;
  Take take;
} TAKES[] = {
  { "nodes", take_id },        { "prefixes", take_id },    { "macs", take_mac },    { "imeis", take_imei },
  { "products", take_name },   { "locations", take_line }, { "labels", take_line }, { "hardware", take_word },
  { "transports", take_name }, { "versions", take_word },
};

static Take
take_of(const char *key)
{
  for (gsize i = 0; i < G_N_ELEMENTS(TAKES); i++)
    if (strcmp(TAKES[i].key, key) == 0)
      return TAKES[i].take;
  g_assert_not_reached();
}

typedef struct {
  json_t *lists[G_N_ELEMENTS(TAKES)]; /* in the order of gw_who_lists */
  const char *heard_within;
  gint64 min_battery, min_signal;
  gboolean is_unknown_included, is_unmeasured_included;
} RawWho;

#define LIST(key, i)                                                                                         \
  {                                                                                                          \
    key, GW_JSON_ARRAY, FALSE, G_STRUCT_OFFSET(RawWho, lists[i]), 1, GW_WHO_LIST_MAX                         \
  }
static const GwJsonField WHO_FIELDS[] = {
  LIST("nodes", 0),
  LIST("prefixes", 1),
  LIST("macs", 2),
  LIST("imeis", 3),
  LIST("products", 4),
  LIST("locations", 5),
  LIST("labels", 6),
  LIST("hardware", 7),
  LIST("transports", 8),
  LIST("versions", 9),
  { "include-unknown", GW_JSON_BOOLEAN, FALSE, G_STRUCT_OFFSET(RawWho, is_unknown_included), 0, 0 },
  { "heard-within", GW_JSON_STRING, FALSE, G_STRUCT_OFFSET(RawWho, heard_within), 1, 32 },
  { "battery-at-least", GW_JSON_INTEGER, FALSE, G_STRUCT_OFFSET(RawWho, min_battery), 0, 100 },
  { "signal-at-least", GW_JSON_INTEGER, FALSE, G_STRUCT_OFFSET(RawWho, min_signal), -200, 0 },
  { "include-unmeasured", GW_JSON_BOOLEAN, FALSE, G_STRUCT_OFFSET(RawWho, is_unmeasured_included), 0, 0 },
  { NULL },
};
#undef LIST

static gboolean
read_who(const json_t *object, GwWho *who, GError **error)
{
  RawWho raw = { 0 };
  if (!gw_json_read(object, "/who", WHO_FIELDS, FALSE, &raw, error))
    return FALSE;
  for (gsize i = 0; gw_who_lists[i].key; i++) {
    const char *key = gw_who_lists[i].key;
    g_autofree char *path = g_strconcat("/who/", key, NULL);
    GHashTable **set = gw_who_list(who, &gw_who_lists[i]);
    g_assert(strcmp(WHO_FIELDS[i].key, key) == 0);
    if (!raw.lists[i])
      continue;
    *set = gw_who_set_new();
    if (!read_texts(raw.lists[i], path, take_of(key), *set, error))
      return FALSE;
  }
  who->is_unknown_included = raw.is_unknown_included;
  who->is_unmeasured_included = raw.is_unmeasured_included;
  who->min_battery = raw.min_battery;
  who->min_signal = raw.min_signal;
  if (raw.heard_within &&
      (!gw_parse_duration_ms(raw.heard_within, &who->heard_within_ms) || who->heard_within_ms <= 0))
    return gw_fail(error, GW_ERROR_BAD_INPUT, "/who/heard-within: \"%s\" is no time like 36h or 7d",
                   raw.heard_within);
  return TRUE;
}

/* ---- when ---- */

typedef struct {
  const char *not_before, *not_after;
  json_t *hours, *weekdays, *blackouts;
  gboolean is_cut_at_edge;
} RawWhen;

static const GwJsonField WHEN_FIELDS[] = {
  { "not-before", GW_JSON_STRING, FALSE, G_STRUCT_OFFSET(RawWhen, not_before), 1, 40 },
  { "not-after", GW_JSON_STRING, FALSE, G_STRUCT_OFFSET(RawWhen, not_after), 1, 40 },
  { "hours", GW_JSON_ARRAY, FALSE, G_STRUCT_OFFSET(RawWhen, hours), 1, GW_WHEN_HOURS_MAX },
  { "weekdays", GW_JSON_ARRAY, FALSE, G_STRUCT_OFFSET(RawWhen, weekdays), 1, 7 },
  { "blackouts", GW_JSON_ARRAY, FALSE, G_STRUCT_OFFSET(RawWhen, blackouts), 1, GW_WHEN_BLACKOUTS_MAX },
  { "cut-at-edge", GW_JSON_BOOLEAN, FALSE, G_STRUCT_OFFSET(RawWhen, is_cut_at_edge), 0, 0 },
  { NULL },
};

static gboolean
is_within(guint minute, const GwHours *hours)
{
  if (hours->from_minute < hours->until_minute)
    return minute >= hours->from_minute && minute <= hours->until_minute;
  return minute >= hours->from_minute || minute <= hours->until_minute;
}

static const char *
take_hours(const char *text, gpointer user)
{
  GwWhen *when = user;
  GwHours hours;
  if (!gw_hours_parse(text, &hours))
    return "is no window: expected one like \"22:00-04:30\" (UTC)";
  for (guint i = 0; when->hours && i < when->hours->len; i++) {
    const GwHours *other = &g_array_index(when->hours, GwHours, i);
    if (is_within(hours.from_minute, other) || is_within(other->from_minute, &hours))
      return "overlaps or touches a window before it: write them as one";
  }
  gw_when_add_hours(when, hours.from_minute, hours.until_minute);
  return NULL;
}

static const char *
take_weekday(const char *text, gpointer user)
{
  GwWhen *when = user;
  int weekday = gw_weekday_parse(text);
  if (weekday < 0)
    return "is no weekday: expected mon, tue, wed, thu, fri, sat or sun";
  when->weekdays |= 1u << weekday;
  return NULL;
}

static const char *
take_blackout(const char *text, gpointer user)
{
  GwDays days;
  if (!gw_days_parse(text, &days))
    return "is no date: expected one like \"2026-12-24\" or \"2026-12-24..2027-01-01\"";
  gw_when_add_blackout(user, days.first_day, days.last_day);
  return NULL;
}

/* To whole seconds: that is what the form can write. */
static gboolean
read_time(const char *key, const char *text, gint64 *ret_ms, GError **error)
{
  g_autoptr(GError) why = NULL;
  gint64 ms = 0;
  if (!text)
    return TRUE;
  if (!gw_clock_parse(text, &ms, &why))
    return gw_fail(error, GW_ERROR_BAD_INPUT, "/when/%s: %s", key, why->message);
  if (ms < 1000 || ms > YEAR_9999_MS)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "/when/%s: \"%s\" is not after 1970", key, text);
  *ret_ms = ms - ms % 1000;
  return TRUE;
}

static gboolean
read_when(const json_t *object, GwWhen *when, GError **error)
{
  RawWhen raw = { 0 };
  if (!gw_json_read(object, "/when", WHEN_FIELDS, FALSE, &raw, error) ||
      !read_time("not-before", raw.not_before, &when->not_before_ms, error) ||
      !read_time("not-after", raw.not_after, &when->not_after_ms, error) ||
      !read_texts(raw.hours, "/when/hours", take_hours, when, error) ||
      !read_texts(raw.weekdays, "/when/weekdays", take_weekday, when, error) ||
      !read_texts(raw.blackouts, "/when/blackouts", take_blackout, when, error))
    return FALSE;
  when->is_cut_at_edge = raw.is_cut_at_edge;
  if (when->hours && g_array_index(when->hours, GwHours, 0).from_minute ==
                         g_array_index(when->hours, GwHours, 0).until_minute) /* the whole day, alone */
    g_clear_pointer(&when->hours, g_array_unref);
  if (when->not_after_ms && when->not_after_ms <= when->not_before_ms)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "/when/not-after: is not after not-before");
  return TRUE;
}

/* ---- the rest ---- */

static gboolean
add_firmware(const json_t *value, const char *path, GwRule *rule, GError **error)
{
  gint64 id = json_integer_value(value);
  if (!json_is_integer(value) || id < 1)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "%s: is not the id of a firmware", path);
  if (gw_rule_has_firmware(rule, id))
    return gw_fail(error, GW_ERROR_BAD_INPUT, "%s: firmware %" G_GINT64_FORMAT " is there twice", path, id);
  gw_rule_add_firmware(rule, id);
  return TRUE;
}

static gboolean
read_firmware(const json_t *value, GwRule *rule, GError **error)
{
  gsize n = json_array_size(value);
  if (!json_is_array(value))
    return add_firmware(value, "/firmware", rule, error);
  if (n < 1 || n > GW_RULE_FIRMWARES_MAX)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "/firmware: expected 1 to %d ids", GW_RULE_FIRMWARES_MAX);
  for (gsize i = 0; i < n; i++) {
    g_autofree char *path = g_strdup_printf("/firmware/%" G_GSIZE_FORMAT, i);
    if (!add_firmware(json_array_get(value, i), path, rule, error))
      return FALSE;
  }
  return TRUE;
}

static const char *
take_override(const char *text, gpointer user)
{
  GString *names = user;
  if (!gw_name_check("", text, NULL))
    return "is no name of a limit";
  g_string_append_printf(names, "%s%s", names->len ? "," : "", text);
  return NULL;
}

static gboolean
read_number(const RawRule *raw, GwRule *rule, GError **error)
{
  g_autoptr(GString) names = g_string_new(NULL);
  if (!read_texts(raw->override, "/override", take_override, names, error))
    return FALSE;
  g_free(rule->overrides);
  rule->overrides = g_strdup(names->str);
  if (raw->number < 0)
    return TRUE;
  g_free(rule->number);
  rule->number = g_strdup_printf("%" G_GINT64_FORMAT, raw->number);
  if (rule->firmwares->len > 1)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "/number: a rule with several firmwares cannot have one");
  return TRUE;
}

GwRule *
gw_rule_form_read(const json_t *document, GError **error)
{
  RawRule raw = { .number = -1 };
  if (!gw_json_read(document, "/", RULE_FIELDS, FALSE, &raw, error))
    return NULL;
  g_autoptr(GwRule) rule = gw_rule_new(raw.name);
  if (!gw_name_check("", raw.name, NULL)) {
    gw_fail(error, GW_ERROR_BAD_INPUT, "/name: expected letters, digits and \"._-\" only");
    return NULL;
  }
  if (!read_firmware(raw.firmware, rule, error) || !read_number(&raw, rule, error) ||
      (raw.who && !read_who(raw.who, &rule->who, error)) ||
      (raw.when && !read_when(raw.when, &rule->when, error)) ||
      !gw_rollout_read(document, &rule->rollout, error))
    return NULL;
  rule->priority = (int)raw.priority;
  rule->cap = (guint)raw.cap;
  rule->max_attempts = (guint)raw.attempts;
  rule->is_heard_required = raw.is_heard_required;
  return g_steal_pointer(&rule);
}

GwRule *
gw_rule_form_parse(const char *text, gsize size, GError **error)
{
  g_autoptr(json_t) document = gw_json_parse(text, size, GW_RULE_FORM_MAX, error);
  return document ? gw_rule_form_read(document, error) : NULL;
}

/* ---- written ---- */

static void
put_integer(json_t *object, const char *key, gint64 value)
{
  if (value)
    json_object_set_new(object, key, json_integer(value));
}

static void
put_flag(json_t *object, const char *key, gboolean value)
{
  if (value)
    json_object_set_new(object, key, json_true());
}

/* Takes @value; what is empty is left out. */
static void
put(json_t *object, const char *key, json_t *value)
{
  gboolean is_empty = json_is_array(value) ? json_array_size(value) == 0
                                           : json_is_object(value) && json_object_size(value) == 0;
  if (is_empty)
    json_decref(value);
  else
    json_object_set_new(object, key, value);
}

static int
text_order(const void *a, const void *b)
{
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static json_t *
write_set(GHashTable *set)
{
  json_t *list = json_array();
  g_autofree const char **texts = (const char **)g_hash_table_get_keys_as_array(set, NULL);
  guint n = g_hash_table_size(set);
  if (n > 0)
    qsort(texts, n, sizeof *texts, text_order);
  for (guint i = 0; i < n; i++)
    json_array_append_new(list, json_string(texts[i]));
  return list;
}

static char *
duration_text(gint64 ms)
{
  static const struct {
    const char *unit;
    gint64 ms;
  } UNITS[] = { { "d", 86400000 }, { "h", 3600000 }, { "min", 60000 }, { "s", 1000 } };
  for (gsize i = 0; i < G_N_ELEMENTS(UNITS); i++)
    if (ms % UNITS[i].ms == 0)
      return g_strdup_printf("%" G_GINT64_FORMAT "%s", ms / UNITS[i].ms, UNITS[i].unit);
  return g_strdup_printf("%" G_GINT64_FORMAT "ms", ms);
}

static json_t *
write_who(const GwWho *who)
{
  json_t *object = json_object();
  for (const GwWhoList *list = gw_who_lists; list->key; list++)
    if (*gw_who_list(who, list)) /* an empty one is nobody, and must not become everybody: it is refused */
      json_object_set_new(object, list->key, write_set(*gw_who_list(who, list)));
  put_flag(object, "include-unknown", who->is_unknown_included);
  if (who->heard_within_ms) {
    g_autofree char *text = duration_text(who->heard_within_ms);
    json_object_set_new(object, "heard-within", json_string(text));
  }
  put_integer(object, "battery-at-least", who->min_battery);
  put_integer(object, "signal-at-least", who->min_signal);
  put_flag(object, "include-unmeasured", who->is_unmeasured_included);
  return object;
}

static void
append_text(json_t *list, char *text)
{
  json_array_append_new(list, json_string(text));
  g_free(text);
}

static void
put_time(json_t *object, const char *key, gint64 wall_ms)
{
  g_autofree char *text = wall_ms ? gw_clock_format(wall_ms) : NULL;
  if (text)
    json_object_set_new(object, key, json_string(text));
}

static json_t *
write_when(const GwWhen *when)
{
  json_t *object = json_object(), *hours = json_array(), *weekdays = json_array(), *blackouts = json_array();
  for (guint i = 0; when->hours && i < when->hours->len; i++)
    append_text(hours, gw_hours_format(&g_array_index(when->hours, GwHours, i)));
  for (guint i = 0; i < 7; i++)
    if (when->weekdays >> i & 1)
      json_array_append_new(weekdays, json_string(gw_weekday_name(i)));
  for (guint i = 0; when->blackouts && i < when->blackouts->len; i++)
    append_text(blackouts, gw_days_format(&g_array_index(when->blackouts, GwDays, i)));
  put_time(object, "not-before", when->not_before_ms);
  put_time(object, "not-after", when->not_after_ms);
  put(object, "hours", hours);
  put(object, "weekdays", weekdays);
  put(object, "blackouts", blackouts);
  put_flag(object, "cut-at-edge", when->is_cut_at_edge);
  return object;
}

static json_t *
write_firmware(const GwRule *rule)
{
  json_t *list;
  if (rule->firmwares->len == 1)
    return json_integer(gw_rule_firmware(rule, 0));
  list = json_array();
  for (guint i = 0; i < rule->firmwares->len; i++)
    json_array_append_new(list, json_integer(gw_rule_firmware(rule, i)));
  return list;
}

static json_t *
write_overrides(const GwRule *rule)
{
  g_auto(GStrv) names = g_strsplit(rule->overrides, ",", -1);
  json_t *list = json_array();
  for (char **name = names; *name; name++)
    json_array_append_new(list, json_string(*name));
  return list;
}

json_t *
gw_rule_form_write(const GwRule *rule)
{
  json_t *document = json_object();
  json_object_set_new(document, "name", json_string(rule->name));
  json_object_set_new(document, "firmware", write_firmware(rule));
  if (*rule->number)
    json_object_set_new(document, "number", json_integer(g_ascii_strtoll(rule->number, NULL, 10)));
  put(document, "override", write_overrides(rule));
  put_integer(document, "priority", rule->priority);
  put(document, "who", write_who(&rule->who));
  put(document, "when", write_when(&rule->when));
  put_integer(document, "cap", rule->cap);
  put_integer(document, "attempts", rule->max_attempts);
  put_flag(document, "require-heard", rule->is_heard_required);
  gw_rollout_write(&rule->rollout, document);
  return document;
}

char *
gw_rule_form_text(const GwRule *rule, gboolean is_indented)
{
  g_autoptr(json_t) document = gw_rule_form_write(rule);
  char *text = json_dumps(document, is_indented ? JSON_INDENT(2) : JSON_COMPACT);
  char *owned = g_strconcat(text, is_indented ? "\n" : NULL, NULL);
  free(text);
  return owned;
}

void
gw_rule_form_adopt(GwRule *rule, GwRule *other)
{
  const GwRule kept = *rule;
  *rule = *other;
  *other = kept;
  rule->id = kept.id;
  rule->state = kept.state;
  rule->is_push = kept.is_push;
  rule->notification = kept.notification;
  rule->created_ms = kept.created_ms;
  rule->changed_ms = kept.changed_ms;
  other->pause_reason = rule->pause_reason;
  rule->pause_reason = kept.pause_reason;
}
