/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How updates went: by rule, product, location or version. What members of a shared login did is counted, and
 * never among successes or failures. */
#include <string.h>

#include "base/error.h"
#include "control/columns.h"
#include "model/tally.h"

static const char *const KINDS[] = { "rule", "product", "location", "version", NULL };

typedef struct {
  GwCore *core;
  const char *by; /* of KINDS */
  GwThen then;
} Question;

static void
add_number(GVariantBuilder *row, const char *key, guint64 n)
{
  g_variant_builder_add(row, "{sv}", key, g_variant_new_int64((gint64)n));
}

static void
add_text(GVariantBuilder *row, const char *key, const char *text)
{
  g_variant_builder_add(row, "{sv}", key, g_variant_new_string(text));
}

static void
add_key(GwCore *core, const char *by, const char *key, GVariantBuilder *row)
{
  gint64 id = 0;
  const GwRule *rule;

  if (strcmp(by, "rule") != 0) {
    add_text(row, by, key);
    return;
  }
  g_ascii_string_to_signed(key, 10, 0, G_MAXINT64, &id, NULL);
  rule = gw_rules_find(core->rules, id);
  g_variant_builder_add(row, "{sv}", "rule", g_variant_new_int64(id));
  add_text(row, "name", rule ? rule->name : "(deleted)");
}

static void
add_causes(const GwNamedTally *named, GVariantBuilder *row)
{
  GVariantBuilder causes;

  g_variant_builder_init(&causes, G_VARIANT_TYPE("a{sx}"));
  for (GwFact fact = 0; fact <= GW_N_FACTS; fact++)
    if (named->n_causes[fact])
      g_variant_builder_add(&causes, "{sx}", fact ? gw_fact_name(fact) : "unknown",
                            (gint64)named->n_causes[fact]);
  g_variant_builder_add(row, "{sv}", "causes", g_variant_builder_end(&causes));
}

static void
add_row(const Question *question, const GwNamedTally *named, GVariantBuilder *row)
{
  const GwTally *tally = &named->tally;
  guint64 n_open = 0, n = 0;

  for (GwUpdateState state = GW_UPDATE_SCHEDULED; state <= GW_N_UPDATE_STATES; state++) {
    n += tally->n[state];
    n_open += gw_update_state_is_final(state) ? 0 : tally->n[state];
  }
  add_key(question->core, question->by, named->key, row);
  add_number(row, "updates", n);
  add_number(row, "open", n_open);
  for (GwUpdateState state = GW_UPDATE_SCHEDULED; state <= GW_N_UPDATE_STATES; state++)
    add_number(row, gw_update_state_name(state), tally->n[state]);
  add_number(row, "inferred", tally->n_inferred);
  g_variant_builder_add(row, "{sv}", "success-percent", g_variant_new_int32(gw_tally_success_percent(tally)));
  g_variant_builder_add(row, "{sv}", "median-ms", g_variant_new_int64(gw_tally_took_ms(tally, 50)));
  g_variant_builder_add(row, "{sv}", "p90-ms", g_variant_new_int64(gw_tally_took_ms(tally, 90)));
  add_causes(named, row);
  add_number(row, "groups", tally->n_groups);
  add_number(row, "group-downloads", tally->n_downloads);
}

static void
on_tallies(const GPtrArray *tallies, const GError *error, gpointer user)
{
  g_autofree Question *question = user;
  g_autoptr(GVariant) result = NULL;
  g_autofree char *next = NULL;
  GVariantBuilder rows;

  if (!error) {
    g_variant_builder_init(&rows, G_VARIANT_TYPE("aa{sv}"));
    for (guint i = 0; i < tallies->len; i++) {
      g_variant_builder_open(&rows, G_VARIANT_TYPE_VARDICT);
      add_row(question, tallies->pdata[i], &rows);
      g_variant_builder_close(&rows);
    }
    next = tallies->len < GW_TALLIES_PAGE
               ? g_strdup("")
               : g_strconcat("=", ((GwNamedTally *)tallies->pdata[tallies->len - 1])->key, NULL);
    result = g_variant_ref_sink(g_variant_new("(aa{sv}s)", &rows, next));
  }
  question->then.done(result, error, question->then.user);
}

void
gw_query_statistics(GwCore *core, const char *by, const char *cursor, GwThen then)
{
  g_autoptr(GError) error = NULL;
  const char *const *kind = KINDS;
  Question *question;

  while (*kind && strcmp(*kind, by) != 0)
    kind++;
  if (!*kind)
    gw_fail(&error, GW_ERROR_BAD_INPUT,
            "statistics by \"%.64s\": expected rule, product, location or version", by);
  else if (*cursor && *cursor != '=')
    gw_fail(&error, GW_ERROR_BAD_INPUT, "the cursor is not one of these statistics");
  if (error) {
    gw_then_fail(core, then, g_steal_pointer(&error));
    return;
  }
  question = g_new(Question, 1);
  *question = (Question){ core, *kind, then };
  gw_rows_tally(core->db, &(GwTallyQuestion){ *kind, *cursor ? cursor + 1 : NULL }, on_tallies, question);
}
