/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The configuration: /etc/gatewayd/gatewayd.conf, drop-ins gatewayd.conf.d/ *.conf in name order, later wins.
 * An immutable snapshot: whoever holds a reference never sees it change; reload makes a new one. Any thread.
 * The grammar is GKeyFile's with its escapes (\s \t \n \r \\). Sections are "[daemon]" or, with an instance
 * of 1 to 64 letters, digits or ._:-, "[upstream NAME]". Unknown sections and keys, bad values and a key
 * twice in one file are refused with file and line: GW_ERROR_BAD_INPUT. */
#pragma once
#include <glib.h>

typedef enum {
  GW_OPTION_STRING,
  GW_OPTION_INTEGER,
  GW_OPTION_SIZE,
  GW_OPTION_DURATION,
  GW_OPTION_BOOLEAN,
  GW_OPTION_LIST,
  GW_OPTION_LISTEN, /* a list of places to listen at */
  GW_OPTION_CHOICE,
  GW_OPTION_PATH
} GwOptionKind;
typedef struct {
  const char *section; /* "daemon", "upstream", "plugin"... */
  const char *key;
  GwOptionKind kind;
  const char *fallback; /* as it would be written in the file; NULL = none */
  gint64 min, max;      /* INTEGER, SIZE (bytes), DURATION (ms); 0,0 = any */
  const char *choices;  /* CHOICE: "yes|no|auto" */
  const char *help;     /* one line for the commented default file */
} GwOption;

typedef struct GwConfig GwConfig;
/* A section kind may be open: keys not in @options are allowed and kept as text (plugins check theirs). */
typedef struct {
  const GwOption *options;      /* ended by key NULL */
  const char *const *instanced; /* section kinds that take a name, NULL-terminated */
  const char *const *open;      /* section kinds with open keys, NULL-terminated */
} GwConfigSchema;

/* @path may be NULL: defaults only. A missing file is GW_ERROR_NOT_FOUND; no folder of drop-ins is no error.
 */
GwConfig *gw_config_load(const GwConfigSchema *schema, const char *path, GError **error);
/* The same from text, for tests and fuzzing; @name appears in errors. */
GwConfig *gw_config_load_text(const GwConfigSchema *schema, const char *name, const char *text, gsize size,
                              GError **error);
GwConfig *gw_config_ref(GwConfig *config);
void gw_config_unref(GwConfig *config);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwConfig, gw_config_unref)

/* @instance NULL for a plain section. The key must stand in the schema (g_assert) unless the section is open.
 * Values were checked when they were read; without value and fallback a number is 0 and a text NULL. Texts
 * are borrowed. */
const char *gw_config_text(const GwConfig *config, const char *section, const char *instance,
                           const char *key);
gint64 gw_config_integer(const GwConfig *config, const char *section, const char *instance, const char *key);
gint64 gw_config_size(const GwConfig *config, const char *section, const char *instance, const char *key);
gint64 gw_config_duration_ms(const GwConfig *config, const char *section, const char *instance,
                             const char *key);
gboolean gw_config_boolean(const GwConfig *config, const char *section, const char *instance,
                           const char *key);
/* Comma or semicolon separated; caller frees with g_strfreev(). */
char **gw_config_list(const GwConfig *config, const char *section, const char *instance, const char *key);
/* Instance names of a section kind in file order, NULL-terminated; caller frees. */
char **gw_config_instances(const GwConfig *config, const char *section);
/* Every (key, value) written in one section, as a{ss}; floating. For link messages. */
GVariant *gw_config_section(const GwConfig *config, const char *section, const char *instance);
/* "file:line" where the key was written, or "default". Static in the config. */
const char *gw_config_where(const GwConfig *config, const char *section, const char *instance,
                            const char *key);

/* Values on their own, used for plugin settings too: "15min", "64KiB", "yes". */
gboolean gw_parse_duration_ms(const char *text, gint64 *ret_ms);
gboolean gw_parse_size(const char *text, gint64 *ret_bytes);
gboolean gw_parse_boolean(const char *text, gboolean *ret_value);
