/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The written form of a rule: what was accepted reads back as the same rule, and differs from itself in
 * nothing. */
#include <stdint.h>
#include <string.h>

#include "base/error.h"
#include "model/rule-difference.h"
#include "model/rule-form.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_window(const GwRule *rule, gint64 wall_ms)
{
  GwWindow window = gw_when_window(&rule->when, wall_ms);

  g_assert(window.edge_ms > wall_ms);
  if (window.edge_ms == G_MAXINT64)
    return;
  g_assert(gw_when_window(&rule->when, window.edge_ms - 1).is_open == window.is_open);
  g_assert(gw_when_window(&rule->when, window.edge_ms).is_open != window.is_open);
}

static void
check_difference(const GwRule *rule)
{
  g_autoptr(json_t) document = gw_rule_form_write(rule);
  g_autoptr(GPtrArray) none = gw_rule_difference(document, document);
  g_autoptr(GPtrArray) all = gw_rule_difference(NULL, document);

  g_assert(none->len == 0 && all->len >= 2);
  g_assert(gw_rule_difference_check_live(document, document, NULL));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GwRule) rule = gw_rule_form_parse((const char *)data, size, &error);
  g_autoptr(GwRule) again = NULL;
  g_autofree char *text = NULL;
  g_autofree char *text_again = NULL;

  g_assert(!rule == !!error);
  if (!rule) {
    g_assert(error->domain == GW_ERROR && error->code == GW_ERROR_BAD_INPUT && *error->message);
    return 0;
  }
  text = gw_rule_form_text(rule, FALSE);
  again = gw_rule_form_parse(text, strlen(text), NULL);
  g_assert(again);
  text_again = gw_rule_form_text(again, FALSE);
  g_assert(strcmp(text, text_again) == 0);
  check_difference(rule);
  check_window(rule, 1795219200000);
  check_window(rule, 0);
  return 0;
}
