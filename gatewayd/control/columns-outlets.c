/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What can be listed of the servers that firmware is published on. */
#include "control/columns-private.h"
#include "control/outlets.h"

TEXT(outlet_name, GwOutlet, name)
TEXT(outlet_status, GwOutlet, status)
TEXT(outlet_text, GwOutlet, text)
NUMBER(outlet_number, GwOutlet, number)
NUMBER(outlet_firmware, GwOutlet, firmware)
NUMBER(outlet_changed, GwOutlet, changed_ms)

static GVariant *
outlet_type(GwCore *core, gconstpointer item)
{
  const char *type = gw_config_text(core->config, "outlet", ((const GwOutlet *)item)->name, "type");

  return g_variant_new_string(type ? type : "");
}

static GVariant *
outlet_state(GwCore *core, gconstpointer item)
{
  const GwOutlet *outlet = item;

  return g_variant_new_string(outlet->job ? "publishing" : *outlet->status ? "failed" : "ready");
}

static const GwColumn OUTLETS[] = {
  { "name", TRUE, outlet_name },
  { "type", TRUE, outlet_type },
  { "state", TRUE, outlet_state },
  { "number", TRUE, outlet_number },
  { "firmware", TRUE, outlet_firmware },
  { "changed", TRUE, outlet_changed },
  { "text", FALSE, outlet_text },
  { "status", TRUE, outlet_status },
  { NULL },
};

static GPtrArray *
outlet_items(GwCore *core)
{
  return gw_outlets_list(core->outlets);
}

const GwKind gw_columns_outlets = { "outlets", "name", OUTLETS, outlet_items };
