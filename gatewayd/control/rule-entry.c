/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control/rule-entry.h"

#include <string.h>

#include "control/form.h"
#include "model/rollout-form.h"

/* Where each key stands in the document. A text of several, "a, b", becomes a list. */
static const struct {
  GwFormKey key;
  const char *section, *name; /* section NULL = the document itself */
  gboolean is_list;
} PLACES[] = {
  { { "name", 's' }, NULL, "name", FALSE },
  { { "firmware", 'n' }, NULL, "firmware", FALSE },
  { { "priority", 'i' }, NULL, "priority", FALSE },
  { { "number", 'i' }, NULL, "number", FALSE },
  { { "override", 'a' }, NULL, "override", FALSE },
  { { "cap", 'i' }, NULL, "cap", FALSE },
  { { "attempts", 'i' }, NULL, "attempts", FALSE },
  { { "require-heard", 'b' }, NULL, "require-heard", FALSE },
  { { "groups", 'a' }, NULL, "groups", FALSE },
  { { "targets", 's' }, NULL, "targets", FALSE },
  { { "jitter", 's' }, NULL, "jitter", FALSE },
  { { "once-a-day", 'b' }, NULL, "once-a-day", FALSE },
  { { "cap-transport", 'i' }, "caps", "transport", FALSE },
  { { "cap-segment", 'i' }, "caps", "segment", FALSE },
  { { "cap-location", 'i' }, "caps", "location", FALSE },
  { { "retry-first", 's' }, "retry", "first", FALSE },
  { { "retry-max", 's' }, "retry", "max", FALSE },
  { { "never-asked", 's' }, "retry", "never-asked", FALSE },
  { { "stalled", 's' }, "retry", "stalled", FALSE },
  { { "not-back", 's' }, "retry", "not-back", FALSE },
  { { "failures", 'i' }, "retry", "failures", FALSE },
  { { "nodes", 'a' }, "who", "nodes", FALSE },
  { { "prefixes", 'a' }, "who", "prefixes", FALSE },
  { { "macs", 'a' }, "who", "macs", FALSE },
  { { "imeis", 'a' }, "who", "imeis", FALSE },
  { { "product", 's' }, "who", "products", TRUE },
  { { "location", 's' }, "who", "locations", FALSE }, /* one, which may hold commas */
  { { "locations", 'a' }, "who", "locations", FALSE },
  { { "labels", 'a' }, "who", "labels", FALSE },
  { { "hardware", 'a' }, "who", "hardware", FALSE },
  { { "transports", 'a' }, "who", "transports", FALSE },
  { { "versions", 'a' }, "who", "versions", FALSE },
  { { "include-unknown", 'b' }, "who", "include-unknown", FALSE },
  { { "heard-within", 's' }, "who", "heard-within", FALSE },
  { { "battery-at-least", 'i' }, "who", "battery-at-least", FALSE },
  { { "signal-at-least", 'i' }, "who", "signal-at-least", FALSE },
  { { "include-unmeasured", 'b' }, "who", "include-unmeasured", FALSE },
  { { "not-before", 's' }, "when", "not-before", FALSE },
  { { "not-after", 's' }, "when", "not-after", FALSE },
  { { "hours", 's' }, "when", "hours", TRUE },
  { { "weekdays", 's' }, "when", "weekdays", TRUE },
  { { "blackouts", 's' }, "when", "blackouts", TRUE },
  { { "cut-at-edge", 'b' }, "when", "cut-at-edge", FALSE },
};

static json_t *
write_integers(GVariant *value)
{
  json_t *list = json_array();

  for (gsize i = 0; i < g_variant_n_children(value); i++) {
    g_autoptr(GVariant) item = g_variant_get_child_value(value, i);

    json_array_append_new(list, json_integer(g_variant_get_int64(item)));
  }
  return list;
}

static json_t *
write_words(const char *text)
{
  g_auto(GStrv) words = g_strsplit(text, ",", -1);
  json_t *list = json_array();

  for (char **word = words; *word; word++)
    json_array_append_new(list, json_string(g_strstrip(*word)));
  return list;
}

static json_t *
write_texts(GVariant *value, json_t *(*write)(const char *text))
{
  g_autofree const char **texts = g_variant_get_strv(value, NULL);
  json_t *list = json_array();

  for (const char **text = texts; *text; text++)
    json_array_append_new(list, write(*text));
  return list;
}

static json_t *
write_text(const char *text, gsize i)
{
  if (PLACES[i].is_list)
    return write_words(text);
  return strcmp(PLACES[i].name, "locations") == 0 ? json_pack("[s]", text) : json_string(text);
}

static json_t *
write_value(GVariant *form, gsize i)
{
  const char *key = PLACES[i].key.key;
  g_autoptr(GVariant) value = g_variant_lookup_value(form, key, NULL);

  switch (PLACES[i].key.kind) {
  case 'b':
    return json_boolean(g_variant_get_boolean(value));
  case 'a':
    return write_texts(value, strcmp(key, "groups") == 0 ? gw_rollout_group_from_text : json_string);
  case 's':
    return write_text(g_variant_get_string(value, NULL), i);
  default:
    return g_variant_is_of_type(value, G_VARIANT_TYPE("ax")) ? write_integers(value)
                                                             : json_integer(gw_form_integer(form, key, 0));
  }
}

static void
put(json_t *document, const char *section, const char *name, json_t *value)
{
  json_t *object = section ? json_object_get(document, section) : document;

  if (!object) {
    object = json_object();
    json_object_set_new(document, section, object);
  }
  json_object_set_new(object, name, value);
}

/* An empty text is as good as none. */
static gboolean
is_given(GVariant *form, gsize i)
{
  const char *key = PLACES[i].key.key;

  return gw_form_has(form, key) && (PLACES[i].key.kind != 's' || *gw_form_text(form, key, ""));
}

GwRule *
gw_rule_from_form(GVariant *form, GError **error)
{
  GwFormKey known[G_N_ELEMENTS(PLACES) + 1] = { { NULL, 0 } };
  g_autoptr(json_t) document = json_object();

  for (gsize i = 0; i < G_N_ELEMENTS(PLACES); i++)
    known[i] = PLACES[i].key;
  if (!gw_form_check(form, known, NULL, error))
    return NULL;
  for (gsize i = 0; i < G_N_ELEMENTS(PLACES); i++)
    if (is_given(form, i))
      put(document, PLACES[i].section, PLACES[i].name, write_value(form, i));
  return gw_rule_form_read(document, error);
}
