/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a LAN worker says: asks, tells, blobs it wants, contacts it answered from its cache, what it is
 * sending. Everything here was read from foreign bytes. */
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "control/core-private.h"
#include "control/identity.h"
#include "control/imports.h"
#include "control/leads.h"
#include "control/offers.h"
#include "control/passing.h"
#include "control/tells.h"
#include "control/timeline.h"
#include "control/verifications.h"
#include "control/workers.h"
#include "link/messages.h"

/* ---- blobs ---- */

typedef struct {
  GwCore *core;
  guint64 worker_id;
  guint32 serial;
  GwBlobMessage blob;
} Opening;

static void
answer_open(Opening *opening, int fd, const GError *error)
{
  GwCore *core = opening->core;
  GwWorker *worker = core->is_stopping ? NULL : gw_workers_find(core->workers, opening->worker_id);

  opening->blob.is_busy =
      g_error_matches(error, GW_ERROR, GW_ERROR_BUSY) || g_error_matches(error, GW_ERROR, GW_ERROR_NO_SPACE);
  if (worker)
    gw_worker_send(worker, GW_MESSAGE_BLOB, opening->serial, gw_blob_pack(&opening->blob), fd);
  g_free(opening);
}

/* Damage is found here, before the first byte is sent: the image is fetched again. */
static void
note_damage(Opening *opening, const GError *error)
{
  char hex[GW_SHA256_HEX_LEN + 1];
  GwFirmware *firmware;

  if (opening->core->is_stopping || (!g_error_matches(error, GW_ERROR, GW_ERROR_CORRUPT) &&
                                     !g_error_matches(error, GW_ERROR, GW_ERROR_NOT_FOUND)))
    return;
  gw_hex(opening->blob.sha256, GW_SHA256_LEN, hex);
  firmware = gw_firmwares_find_image(opening->core->firmwares, hex, NULL);
  if (firmware)
    gw_imports_lost(opening->core, firmware, error->message);
}

static void
on_served(int fd, gboolean is_memory, const GError *error, gpointer user)
{
  GW_AUTO_FD int owned = fd;
  Opening *opening = user;

  opening->blob.is_mapped = is_memory;
  if (error)
    note_damage(opening, error);
  answer_open(opening, owned, error);
}

static void
on_found(GwSealed *sealed, const GError *error, gpointer user)
{
  Opening *opening = user;

  if (sealed && !opening->core->is_stopping) {
    gw_store_serve(opening->core->store, sealed, on_served, opening);
    return;
  }
  if (error)
    note_damage(opening, error);
  answer_open(opening, -1, error);
}

/* Only what the catalog holds as sealed: nothing else is looked for. */
static void
on_open(GwCore *core, GwWorker *worker, guint32 serial, GVariant *payload)
{
  Opening *opening = g_new0(Opening, 1);
  const GwFirmware *firmware = NULL;
  char hex[GW_SHA256_HEX_LEN + 1];

  *opening = (Opening){ .core = core, .worker_id = gw_worker_id(worker), .serial = serial };
  if (gw_blob_unpack(payload, &opening->blob)) {
    gw_hex(opening->blob.sha256, GW_SHA256_LEN, hex);
    firmware = gw_firmwares_find_image(core->firmwares, hex, NULL);
  }
  if (!firmware || firmware->image_state != GW_IMAGE_SEALED) {
    answer_open(opening, -1, NULL);
    return;
  }
  opening->blob.size = firmware->size;
  gw_store_find(core->store, opening->blob.sha256, firmware->size, on_found, opening);
}

/* ---- the rest ---- */

static void
on_ask(GwCore *core, GwWorker *worker, guint32 serial, GVariant *payload)
{
  GwAsk ask;

  if (!gw_ask_unpack(payload, &ask))
    return;
  gw_offers_ask(core, worker, serial, &ask);
  gw_ask_clear(&ask);
}

static void
on_tell(GwCore *core, GwWorker *worker, guint32 serial, GVariant *payload)
{
  GwTold told;

  if (!gw_told_unpack(payload, &told))
    return;
  gw_tells_take(core, worker, serial, &told);
  gw_told_clear(&told);
}

static void
take_contact(GwCore *core, const GwContact *contact)
{
  GwNode *node = gw_registry_find(core->registry, contact->node);
  GwNow now = gw_core_now(core);
  gint64 last_ms = MIN(contact->last_ms, now.wall_ms);
  GwTimelineRow last;

  if (!node)
    return;
  gw_identity_contact(node, last_ms, now.boot_ms, contact->count);
  gw_verifications_contact(core, node);
  if (!node->is_adopted || !gw_timeline_last(core->timeline, node->id, &last) ||
      strcmp(last.kind, "asked") != 0)
    return;
  /* The same answer as before, or it would not have come from the cache. */
  g_autofree char *text = g_strdup(last.text);
  gw_timeline_note(core->timeline,
                   &(GwTimelineNote){ node->id, last.kind, text, contact->first_ms, last_ms, contact->count },
                   now.boot_ms);
}

static void
on_contacts(GwCore *core, GVariant *payload)
{
  g_autoptr(GArray) contacts = gw_contacts_unpack(payload);

  for (guint i = 0; contacts && i < contacts->len; i++)
    take_contact(core, &g_array_index(contacts, GwContact, i));
}

static void
on_transfers(GwCore *core, GwWorker *worker, GVariant *payload)
{
  g_auto(GStrv) tokens = NULL;

  if (gw_transfers_unpack(payload, &tokens))
    gw_tells_running(core, worker, (const char *const *)tokens);
}

void
gw_lan_message(GwCore *core, GwWorker *worker, const GwMessage *message)
{
  switch (message->type) {
  case GW_MESSAGE_ASK:
    on_ask(core, worker, message->serial, message->payload);
    break;
  case GW_MESSAGE_TELL:
    on_tell(core, worker, message->serial, message->payload);
    break;
  case GW_MESSAGE_OPEN:
    on_open(core, worker, message->serial, message->payload);
    break;
  case GW_MESSAGE_CONTACTS:
    on_contacts(core, message->payload);
    break;
  case GW_MESSAGE_GAUGES:
    if (message->n_fds > 0)
      gw_worker_set_gauges(worker, &message->fds[0]);
    break;
  case GW_MESSAGE_RELAY:
    gw_passing_ask(core->passing, gw_worker_id(worker), message->serial, message->payload);
    break;
  case GW_MESSAGE_LEAD:
    gw_leads_take(core, message->payload);
    break;
  case GW_MESSAGE_TRANSFERS:
    on_transfers(core, worker, message->payload);
    break;
  default:
    break; /* a newer worker may say more */
  }
}

void
gw_lan_lost(GwCore *core, GwWorker *worker, char **tokens)
{
  gw_tells_lost(core, worker, (const char *const *)tokens);
}
