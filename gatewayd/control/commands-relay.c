/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Verbs about dead letters: events that an upstream refused for good. A letter is UPSTREAM/EVENT, or UPSTREAM
 * for all of it. */
#include <string.h>

#include "base/error.h"
#include "control/commands-private.h"
#include "control/relay.h"

typedef gboolean (*Treat)(GwOutbox *outbox, gint64 event_id, GwBatch *batch);

static gboolean
is_letter(const GwOutboxItem *item, const char *letter)
{
  gsize size = strlen(item->upstream);
  g_autofree char *number = g_strdup_printf("/%" G_GINT64_FORMAT, item->event->id);

  return strncmp(letter, item->upstream, size) == 0 &&
         (letter[size] == '\0' || strcmp(letter + size, number) == 0);
}

/* Ids of the letters of one outbox that are meant. */
static GArray *
ids_of(const GwOutbox *outbox, const char *letter)
{
  g_autoptr(GPtrArray) items = g_ptr_array_new();
  GArray *ids = g_array_new(FALSE, FALSE, sizeof(gint64));

  gw_outbox_list_dead(outbox, items);
  for (guint i = 0; i < items->len; i++) {
    const GwOutboxItem *item = items->pdata[i];

    if (is_letter(item, letter))
      g_array_append_val(ids, item->event->id);
  }
  return ids;
}

static guint
treat_letter(GwCore *core, const char *letter, Treat treat, GwBatch *batch)
{
  g_autofree char *upstream = g_strndup(letter, strcspn(letter, "/"));
  GwOutbox *outbox = gw_relay_outbox(core->relay, upstream);
  g_autoptr(GArray) ids = outbox ? ids_of(outbox, letter) : NULL;
  guint n = 0;

  for (guint i = 0; ids && i < ids->len; i++)
    n += treat(outbox, g_array_index(ids, gint64, i), batch);
  return n;
}

/* All or nothing, as far as it can be known before. */
static gboolean
check_letters(GwCore *core, const char *const *letters, GError **error)
{
  g_autoptr(GPtrArray) dead = gw_relay_dead(core->relay);

  if (!*letters)
    return gw_fail(error, GW_ERROR_BAD_INPUT,
                   "no letter is named: UPSTREAM/EVENT, or UPSTREAM for all of it");
  for (const char *const *letter = letters; *letter; letter++) {
    guint n = 0;

    for (guint i = 0; i < dead->len; i++)
      n += is_letter(dead->pdata[i], *letter);
    if (n == 0)
      return gw_fail(error, GW_ERROR_NOT_FOUND, "among the deadletters is no \"%.64s\"", *letter);
  }
  return TRUE;
}

typedef struct {
  Treat treat;
  const char *type, *done; /* of the event */
} Work;

static void
work_on(GwCore *core, const GwCaller *caller, const char *const *letters, const Work *work, GwThen then)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GwChange) change = NULL;
  guint n_all = 0;

  if (!check_letters(core, letters, &error)) {
    gw_then_fail(core, then, g_steal_pointer(&error));
    return;
  }
  change = gw_change_new(core, caller);
  for (const char *const *letter = letters; *letter; letter++) {
    g_autofree char *upstream = g_strndup(*letter, strcspn(*letter, "/"));
    guint n = treat_letter(core, *letter, work->treat, gw_change_batch(change));

    if (n > 0)
      gw_change_say(change, work->type, &(GwAbout){ .name = upstream }, "%s: %u refused event%s (%s) %s",
                    upstream, n, n == 1 ? "" : "s", *letter, work->done);
    n_all += n;
  }
  gw_change_finish(g_steal_pointer(&change), then, g_variant_new("(u)", n_all));
  gw_relay_hurry(core->relay, "");
}

void
gw_command_deadletter_retry(GwCore *core, const GwCaller *caller, const char *const *letters, GwThen then)
{
  static const Work RETRY = { gw_outbox_revive, "upstream.reports-retried", "will be sent again" };

  work_on(core, caller, letters, &RETRY, then);
}

void
gw_command_deadletter_drop(GwCore *core, const GwCaller *caller, const char *const *letters, GwThen then)
{
  static const Work DROP = { gw_outbox_drop, "upstream.reports-dropped", "dropped by an operator" };

  work_on(core, caller, letters, &DROP, then);
}
