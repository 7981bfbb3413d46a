/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "link/table.h"

#include <regex.h>
#include <string.h>

#include "base/error.h"
#include "link/fields.h"

#define WORD_MAX 64
#define TEXT_MAX 4096
#define HEAD_MAX 64

#define ROWS(member, Row, maximum, row_fields)                                                               \
  {                                                                                                          \
    .key = #member, .kind = GW_FIELD_ROWS, .offset = offsetof(GatewayPlugin, member),                        \
    .count = offsetof(GatewayPlugin, n_##member), .size = sizeof(Row), .max = (maximum),                     \
    .fields = (row_fields)                                                                                   \
  }
#define TEXT(Struct, member, maximum)                                                                        \
  {                                                                                                          \
    .key = #member, .kind = GW_FIELD_TEXT, .offset = offsetof(Struct, member), .size = (maximum)             \
  }

static const GwField setting_fields[] = {
  TEXT(GatewaySetting, key, WORD_MAX),      GW_FIELD(GatewaySetting, kind, U32),
  TEXT(GatewaySetting, fallback, TEXT_MAX), GW_FIELD(GatewaySetting, min, I64),
  GW_FIELD(GatewaySetting, max, I64),       TEXT(GatewaySetting, choices, TEXT_MAX),
  TEXT(GatewaySetting, help, TEXT_MAX),     GW_FIELD_NONE,
};

static const GwField listen_fields[] = {
  GW_FIELD(GatewayListen, port, U16),
  TEXT(GatewayListen, host, 255),
  TEXT(GatewayListen, path, TEXT_MAX),
  GW_FIELD(GatewayListen, flags, U32),
  GW_FIELD_NONE,
};

static const GwField host_fields[] = {
  TEXT(GatewayHost, name, 255),
  GW_FIELD(GatewayHost, port, U16),
  TEXT(GatewayHost, help, TEXT_MAX),
  GW_FIELD_NONE,
};

static const GwField form_fields[] = {
  TEXT(GatewayField, key, WORD_MAX),
  TEXT(GatewayField, label, TEXT_MAX),
  TEXT(GatewayField, pattern, TEXT_MAX),
  TEXT(GatewayField, fallback, TEXT_MAX),
  GW_FIELD(GatewayField, is_required, BOOL),
  TEXT(GatewayField, help, TEXT_MAX),
  GW_FIELD_NONE,
};

static const GwField code_fields[] = {
  TEXT(GatewayCode, group, WORD_MAX),
  TEXT(GatewayCode, code, WORD_MAX),
  TEXT(GatewayCode, meaning, TEXT_MAX),
  TEXT(GatewayCode, advice, TEXT_MAX),
  GW_FIELD_NONE,
};

static const GwField verb_fields[] = {
  TEXT(GatewayVerb, name, WORD_MAX), TEXT(GatewayVerb, argument, WORD_MAX), GW_FIELD(GatewayVerb, role, U32),
  TEXT(GatewayVerb, help, TEXT_MAX), TEXT(GatewayVerb, warning, TEXT_MAX),  GW_FIELD_NONE,
};

static const GwField image_rule_fields[] = {
  GW_FIELD(GatewayImageRule, min_size, U64),
  GW_FIELD(GatewayImageRule, max_size, U64),
  { .key = "head",
    .kind = GW_FIELD_BLOB,
    .offset = offsetof(GatewayImageRule, head),
    .count = offsetof(GatewayImageRule, head_size),
    .size = HEAD_MAX },
  TEXT(GatewayImageRule, suffix, WORD_MAX),
  TEXT(GatewayImageRule, reason, TEXT_MAX),
  TEXT(GatewayImageRule, type, WORD_MAX),
  TEXT(GatewayImageRule, name_part, WORD_MAX),
  TEXT(GatewayImageRule, hardware_part, WORD_MAX),
  GW_FIELD_NONE,
};

static const GwField versioning_fields[] = {
  GW_FIELD(GatewayVersioning, scheme, U32),
  GW_FIELD(GatewayVersioning, series_chars, U32),
  GW_FIELD_NONE,
};

static const GwField inference_fields[] = {
  GW_FIELD(GatewayInference, requests, U32),
  GW_FIELD(GatewayInference, apart_s, U32),
  GW_FIELD(GatewayInference, bytes_s, U32),
  GW_FIELD(GatewayInference, not_back_s, U32),
  GW_FIELD_NONE,
};

static const GwField limit_fields[] = {
  TEXT(GatewayNumberLimit, name, WORD_MAX),   TEXT(GatewayNumberLimit, attribute, WORD_MAX),
  TEXT(GatewayNumberLimit, value, WORD_MAX),  GW_FIELD(GatewayNumberLimit, max, I64),
  TEXT(GatewayNumberLimit, reason, TEXT_MAX), GW_FIELD_NONE,
};

static const GwField numbering_fields[] = {
  TEXT(GatewayNumbering, label, WORD_MAX),
  GW_FIELD(GatewayNumbering, min, I64),
  GW_FIELD(GatewayNumbering, max, I64),
  { .key = "limits",
    .kind = GW_FIELD_ROWS,
    .offset = offsetof(GatewayNumbering, limits),
    .count = offsetof(GatewayNumbering, n_limits),
    .size = sizeof(GatewayNumberLimit),
    .max = GW_TABLE_MAX_ROWS,
    .fields = limit_fields },
  GW_FIELD_NONE,
};

static const GwField plugin_fields[] = {
  GW_FIELD(GatewayPlugin, abi, U32),
  GW_FIELD(GatewayPlugin, kind, U32),
  GW_FIELD(GatewayPlugin, traits, U32),
  TEXT(GatewayPlugin, name, WORD_MAX),
  TEXT(GatewayPlugin, title, TEXT_MAX),
  TEXT(GatewayPlugin, version, WORD_MAX),
  TEXT(GatewayPlugin, setup, TEXT_MAX),
  ROWS(settings, GatewaySetting, GW_TABLE_MAX_ROWS, setting_fields),
  ROWS(listens, GatewayListen, GW_TABLE_MAX_LISTENS, listen_fields),
  ROWS(hosts, GatewayHost, GW_TABLE_MAX_ROWS, host_fields),
  ROWS(form, GatewayField, GW_TABLE_MAX_ROWS, form_fields),
  ROWS(codes, GatewayCode, GW_TABLE_MAX_CODES, code_fields),
  ROWS(verbs, GatewayVerb, GW_TABLE_MAX_ROWS, verb_fields),
  ROWS(image_rules, GatewayImageRule, GW_TABLE_MAX_ROWS, image_rule_fields),
  { .key = "versioning",
    .kind = GW_FIELD_STRUCT,
    .offset = offsetof(GatewayPlugin, versioning),
    .fields = versioning_fields },
  { .key = "inference",
    .kind = GW_FIELD_STRUCT,
    .offset = offsetof(GatewayPlugin, inference),
    .fields = inference_fields },
  { .key = "numbering",
    .kind = GW_FIELD_STRUCT,
    .offset = offsetof(GatewayPlugin, numbering),
    .fields = numbering_fields },
  TEXT(GatewayPlugin, offer_text, TEXT_MAX),
  TEXT(GatewayPlugin, nothing_text, TEXT_MAX),
  GW_FIELD(GatewayPlugin, pin_s, U32),
  GW_FIELD(GatewayPlugin, idle_s, U32),
  GW_FIELD_NONE,
};

/* What a worker adds about its copy of the plugin. */
typedef struct {
  char *name, *path, *state, *reason, *refusal;
} Fate;

static const GwField fate_fields[] = {
  TEXT(Fate, name, TEXT_MAX),   TEXT(Fate, path, TEXT_MAX),    TEXT(Fate, state, WORD_MAX),
  TEXT(Fate, reason, TEXT_MAX), TEXT(Fate, refusal, TEXT_MAX), GW_FIELD_NONE,
};

struct GwPluginTable {
  GatewayPlugin plugin;
  GVariant *variant;
};

GVariant *
gw_plugin_table_pack(const GatewayPlugin *plugin)
{
  return gw_fields_pack(plugin_fields, plugin);
}

/* ---- what makes sense ---- */

/* [a-z][a-z0-9-]{0,30} */
static gboolean
is_name(const char *name)
{
  gsize size = name ? strlen(name) : 0;

  if (size == 0 || size > 31 || !g_ascii_islower(name[0]))
    return FALSE;
  return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == size;
}

static gboolean
is_regex(const char *pattern)
{
  regex_t regex;

  if (regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB) != 0)
    return FALSE;
  regfree(&regex);
  return TRUE;
}

static const char *
wrong_settings(const GatewayPlugin *plugin)
{
  for (guint i = 0; i < plugin->n_settings; i++) {
    const GatewaySetting *setting = &plugin->settings[i];
    if (!is_name(setting->key) || setting->kind < GATEWAY_SETTING_TEXT ||
        setting->kind > GATEWAY_SETTING_SECRET)
      return "a setting without a key or of an unknown kind";
    if (setting->kind == GATEWAY_SETTING_CHOICE && !setting->choices)
      return "a choice without choices";
    if (setting->min > setting->max)
      return "a setting whose least is more than its most";
  }
  return NULL;
}

static const char *
wrong_form(const GatewayPlugin *plugin)
{
  for (guint i = 0; i < plugin->n_form; i++) {
    const GatewayField *field = &plugin->form[i];
    if (!is_name(field->key) || !field->label)
      return "a form field without a key or label";
    if (field->pattern && !is_regex(field->pattern))
      return "a form field whose pattern is no regular expression";
  }
  for (guint i = 0; i < plugin->n_image_rules; i++) {
    if (!plugin->image_rules[i].reason)
      return "an image rule without a reason";
  }
  return NULL;
}

static const char *
wrong_words(const GatewayPlugin *plugin)
{
  for (guint i = 0; i < plugin->n_verbs; i++) {
    const GatewayVerb *verb = &plugin->verbs[i];
    if (!is_name(verb->name) || verb->role < GATEWAY_ROLE_READ || verb->role > GATEWAY_ROLE_ADMINISTER)
      return "a verb without a name or role";
  }
  for (guint i = 0; i < plugin->n_codes; i++) {
    if (!plugin->codes[i].code)
      return "a code without a code";
  }
  for (guint i = 0; i < plugin->n_hosts; i++) {
    if (!plugin->hosts[i].name)
      return "a host without a name";
  }
  for (guint i = 0; i < plugin->n_listens; i++) {
    const char *path = plugin->listens[i].path;
    if (plugin->listens[i].port == 0 || (path && path[0] != '/'))
      return "a listen without a port, or whose path does not begin with \"/\"";
  }
  return NULL;
}

static const char *
wrong_numbering(const GatewayPlugin *plugin)
{
  const GatewayNumbering *numbering = &plugin->numbering;

  if (numbering->label &&
      (numbering->min < 0 || numbering->max < numbering->min || numbering->max > G_MAXINT32))
    return "a numbering beyond 0 to 2^31 - 1";
  for (guint i = 0; i < numbering->n_limits; i++) {
    const GatewayNumberLimit *limit = &numbering->limits[i];
    if (!is_name(limit->name) || !limit->reason || (limit->attribute && !limit->value))
      return "a limit of its numbering without a name, a reason or a value";
  }
  return NULL;
}

static const char *
wrong_head(const GatewayPlugin *plugin)
{
  if (plugin->abi != GATEWAY_PLUGIN_ABI)
    return "another ABI";
  if (plugin->kind < GATEWAY_REQUEST || plugin->kind > GATEWAY_FORMAT)
    return "an unknown kind";
  if (!is_name(plugin->name) || !plugin->title || !plugin->version)
    return "no proper name, title or version";
  if ((guint)plugin->versioning.scheme > GATEWAY_VERSION_DOTTED)
    return "an unknown version scheme";
  return NULL;
}

static const char *
wrong(const GatewayPlugin *plugin)
{
  static const char *(*const checks[])(const GatewayPlugin *) = { wrong_head, wrong_settings, wrong_form,
                                                                  wrong_words, wrong_numbering };

  for (guint i = 0; i < G_N_ELEMENTS(checks); i++) {
    const char *what = checks[i](plugin);
    if (what)
      return what;
  }
  return NULL;
}

/* ---- the view ---- */

/* A row of a file that was not let in: the error says which and why. */
static gboolean
is_refusal(GVariant *row, GError **error)
{
  Fate fate;
  gboolean is_refused;

  if (!gw_fields_unpack(row, fate_fields, sizeof fate, &fate))
    return FALSE;
  is_refused = fate.refusal != NULL;
  if (is_refused)
    gw_fail(error, GW_ERROR_DENIED, "plugin %s was refused: %s", fate.path ? fate.path : "?", fate.refusal);
  gw_fields_clear(fate_fields, &fate);
  return is_refused;
}

GwPluginTable *
gw_plugin_table_unpack(GVariant *table, GError **error)
{
  GatewayPlugin plugin;
  const char *what;

  if (is_refusal(table, error))
    return NULL;
  if (!gw_fields_unpack(table, plugin_fields, sizeof plugin, &plugin))
    return gw_fail(error, GW_ERROR_BAD_INPUT, "a plugin table beyond its limits"), NULL;
  what = wrong(&plugin);
  if (what) {
    gw_fail(error, GW_ERROR_BAD_INPUT, "the table of plugin \"%s\" has %s",
            is_name(plugin.name) ? plugin.name : "?", what);
    gw_fields_clear(plugin_fields, &plugin);
    return NULL;
  }
  GwPluginTable *result = g_new0(GwPluginTable, 1);
  result->plugin = plugin;
  result->plugin.size = sizeof(GatewayPlugin);
  result->variant = g_variant_ref_sink(table);
  return result;
}

void
gw_plugin_table_free(GwPluginTable *table)
{
  if (!table)
    return;
  gw_fields_clear(plugin_fields, &table->plugin);
  g_variant_unref(table->variant);
  g_free(table);
}

const GatewayPlugin *
gw_plugin_table_constant(const GwPluginTable *table)
{
  return &table->plugin;
}

GVariant *
gw_plugin_table_variant(const GwPluginTable *table)
{
  return table->variant;
}

gboolean
gw_plugin_table_is_held(const GwPluginTable *table, char **ret_reason)
{
  Fate fate;

  if (!gw_fields_unpack(table->variant, fate_fields, sizeof fate, &fate))
    return FALSE;
  gboolean is_held = g_strcmp0(fate.state, "held") == 0;
  if (is_held)
    *ret_reason = g_strdup(fate.reason ? fate.reason : "");
  gw_fields_clear(fate_fields, &fate);
  return is_held;
}
