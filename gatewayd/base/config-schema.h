/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What may be written in a configuration: the questions that the parser asks its schema. Private to config.
 */
#pragma once
#include "base/config.h"

/* Is @section known at all, does it take a name, may it hold any key? */
gboolean gw_schema_has_section(const GwConfigSchema *schema, const char *section);
gboolean gw_schema_is_instanced(const GwConfigSchema *schema, const char *section);
gboolean gw_schema_is_open(const GwConfigSchema *schema, const char *section);
/* The option, or NULL. Static as the schema. */
const GwOption *gw_schema_option(const GwConfigSchema *schema, const char *section, const char *key);
/* "; did you mean \"listen\"?" or "". @section NULL asks among the sections. Caller frees. */
char *gw_schema_hint(const GwConfigSchema *schema, const char *section, const char *word);
/* NULL if @value may stand for @option, else what is expected instead. Caller frees. */
char *gw_option_objection(const GwOption *option, const char *value);
