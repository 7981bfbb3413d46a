/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One file of configuration, line by line. Private to config. */
#pragma once
#include "base/config.h"

#define GW_CONFIG_FILE_MAX ((gsize)1024 * 1024)

typedef struct {
  char *key;
  char *value;
  char *where; /* "file:line" */
} GwConfigEntry;

typedef struct {
  char *kind;
  char *instance;     /* or NULL */
  GPtrArray *entries; /* GwConfigEntry */
} GwConfigSection;

void gw_config_section_free(GwConfigSection *section);
/* The section in @sections, or NULL. */
GwConfigSection *gw_config_find(const GPtrArray *sections, const char *kind, const char *instance);
GwConfigEntry *gw_config_section_find(const GwConfigSection *section, const char *key);
/* Adds what @text holds to @sections (GwConfigSection); keys that are there already are replaced, unless this
 * text wrote them itself. After an error @sections is half filled and only good for being freed. */
gboolean gw_config_parse(const GwConfigSchema *schema, const char *name, const char *text, gsize size,
                         GPtrArray *sections, GError **error);
