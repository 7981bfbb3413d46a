/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control/fetching.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "control/budget.h"
#include "control/imports.h"
#include "control/workers.h"
#include "link/table.h"
#include "store/ingest.h"

#define RETRY_FIRST_MS 5000
#define RETRY_MAX_MS G_GINT64_CONSTANT(3600000)
/* After the link's own messages: what the worker says about the bytes is heard before their first is seen. */
#define PIPE_PRIORITY (G_PRIORITY_DEFAULT + 50)

typedef struct {
  GwFetching *fetching;
  gint64 firmware_id;
  char *key; /* the digest, or the entry where none is known yet */
  guint n_failures;
  gboolean is_afresh; /* a resumed image did not match: whatever is there of it is not used */
  guint64 last_end;   /* where the bytes of the attempt before ended */

  /* while it runs */
  guint64 id; /* 0 = it waits */
  guint64 offset;
  GwIngest *ingest;
  int read_fd;  /* -1 once the ingest has it */
  int write_fd; /* our copy: the pipe ends when we say so, not when the worker dies */
  GSource *readable;
  GError *failure; /* what the worker said */
  gboolean is_hopeless, is_lost, is_unwanted;
} Fetch;

struct GwFetching {
  GwCore *core;
  GHashTable *by_key; /* fetch->key -> Fetch */
  guint64 last_id;
};

static void
clear_source(Fetch *fetch)
{
  if (!fetch->readable)
    return;
  g_source_destroy(fetch->readable);
  g_clear_pointer(&fetch->readable, g_source_unref);
}

static void
fetch_free(gpointer data)
{
  Fetch *fetch = data;

  clear_source(fetch);
  gw_close(&fetch->read_fd);
  gw_close(&fetch->write_fd);
  g_clear_error(&fetch->failure);
  g_free(fetch->key);
  g_free(fetch);
}

GwFetching *
gw_fetching_new(GwCore *core)
{
  GwFetching *fetching = g_new0(GwFetching, 1);

  fetching->core = core;
  fetching->by_key = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, fetch_free);
  return fetching;
}

void
gw_fetching_free(GwFetching *fetching)
{
  if (!fetching)
    return;
  g_hash_table_unref(fetching->by_key);
  g_free(fetching);
}

/* ---- what is being fetched ---- */

static gboolean
has_digest(const GwFirmware *firmware)
{
  return strlen(firmware->sha256) == GW_SHA256_HEX_LEN;
}

static char *
key_of(const GwFirmware *firmware)
{
  return has_digest(firmware) ? g_strdup(firmware->sha256)
                              : g_strdup_printf("entry %" G_GINT64_FORMAT, firmware->id);
}

static Fetch *
find(const GwFetching *fetching, const GwFirmware *firmware)
{
  g_autofree char *key = key_of(firmware);

  return g_hash_table_lookup(fetching->by_key, key);
}

static Fetch *
find_id(const GwFetching *fetching, guint64 id)
{
  GHashTableIter iter;
  gpointer fetch;

  g_hash_table_iter_init(&iter, fetching->by_key);
  while (g_hash_table_iter_next(&iter, NULL, &fetch))
    if (((Fetch *)fetch)->id == id)
      return fetch;
  return NULL;
}

static GwFirmware *
firmware_of(const Fetch *fetch)
{
  return gw_firmwares_find(fetch->fetching->core->firmwares, fetch->firmware_id);
}

/* What came of it, whatever came of that, and whether its entry is there yet. */
static void
spend(Fetch *fetch, guint64 end)
{
  gw_budget_spend(fetch->fetching->core, fetch->key, end > fetch->offset ? end - fetch->offset : 0);
}

/* The fetch does not run any more; it may run again. */
static void
end_run(Fetch *fetch)
{
  clear_source(fetch);
  gw_close(&fetch->read_fd);
  gw_close(&fetch->write_fd);
  g_clear_error(&fetch->failure);
  fetch->ingest = NULL;
  fetch->id = 0;
  fetch->is_hopeless = fetch->is_lost = FALSE;
}

static void
wait_for_retry(Fetch *fetch)
{
  GwCore *core = fetch->fetching->core;
  gint64 wait_ms = gw_update_backoff_ms(++fetch->n_failures, RETRY_FIRST_MS, RETRY_MAX_MS);

  wait_ms += g_random_int_range(0, (gint32)MAX(wait_ms / 4, 1)); /* not all clouds at the same second */
  gw_core_alarm(core, GW_ALARM_FETCH, fetch->firmware_id, gw_core_now(core).boot_ms + wait_ms);
}

static void
forget(Fetch *fetch)
{
  gw_core_alarm(fetch->fetching->core, GW_ALARM_FETCH, fetch->firmware_id, G_MAXINT64);
  g_hash_table_remove(fetch->fetching->by_key, fetch->key);
}

/* ---- how it ends ---- */

static void start(Fetch *fetch);

static void
say_failure(GwCore *core, const GwFirmware *firmware, const char *type, const char *text)
{
  g_autoptr(GwChange) change = gw_change_new(core, NULL);

  gw_change_say(change, type, &(GwAbout){ .firmware_id = firmware->id }, "%s %s: %s", firmware->product,
                firmware->software_version, text);
  gw_change_commit(g_steal_pointer(&change), NULL, NULL);
}

static gboolean
is_what_was_not_announced(const Fetch *fetch, const GError *error)
{
  return fetch->is_hopeless || g_error_matches(error, GW_ERROR, GW_ERROR_CORRUPT) ||
         g_error_matches(error, GW_ERROR, GW_ERROR_UNTRUSTED) ||
         g_error_matches(error, GW_ERROR, GW_ERROR_BAD_INPUT);
}

/* What resumed and does not match is tried once from its beginning: the part may have been another file's. */
static void
end_badly(Fetch *fetch, const GError *error)
{
  GwCore *core = fetch->fetching->core;
  GwFirmware *firmware = firmware_of(fetch);
  gboolean is_wrong = is_what_was_not_announced(fetch, error);
  gboolean was_resumed = fetch->offset > 0, was_lost = fetch->is_lost;
  g_autoptr(GError) why = g_error_copy(error); /* it may be the fetch's own */

  if (firmware)
    firmware->image_state = GW_IMAGE_WANTED;
  if (!firmware || fetch->is_unwanted) {
    end_run(fetch);
    forget(fetch);
    return;
  }
  end_run(fetch);
  if (is_wrong && !was_resumed) {
    gw_imports_reject(core, firmware, why->message);
    forget(fetch);
    return;
  }
  if (was_lost) {
    start(fetch); /* or when a worker comes: nobody failed */
    return;
  }
  fetch->is_afresh = is_wrong;
  if (fetch->n_failures == 0 || g_error_matches(why, GW_ERROR, GW_ERROR_NO_SPACE))
    say_failure(core, firmware,
                g_error_matches(why, GW_ERROR, GW_ERROR_NO_SPACE) ? "firmware.no-space"
                                                                  : "firmware.fetch-failed",
                why->message);
  wait_for_retry(fetch);
}

static void
on_ingested(GwIngest *ingest, GwSealed *sealed, const GError *error, gpointer user)
{
  Fetch *fetch = user;
  GwFirmware *firmware = firmware_of(fetch);

  if (fetch->fetching->core->is_stopping)
    return;
  fetch->ingest = NULL;
  spend(fetch, gw_ingest_received(ingest));
  if (!sealed || fetch->failure) {
    end_badly(fetch, fetch->failure ? fetch->failure : error);
    return;
  }
  if (firmware)
    gw_imports_sealed(fetch->fetching->core, firmware, sealed);
  end_run(fetch);
  forget(fetch);
}

/* ---- how it runs ---- */

static GwExpected
expected_of(GwCore *core, const GwFirmware *firmware)
{
  GwExpected expected = { .size = firmware->size, .max_size = core->limits.max_image };

  if (has_digest(firmware))
    gw_unhex(firmware->sha256, GW_SHA256_LEN, expected.sha256);
  return expected;
}

/* FALSE: there is no room, or no descriptor; the fetch has ended. */
static gboolean
start_ingest(Fetch *fetch, guint64 offset)
{
  GwCore *core = fetch->fetching->core;
  GwFirmware *firmware = firmware_of(fetch);
  GwExpected expected = expected_of(core, firmware);
  g_autoptr(GError) error = NULL;

  clear_source(fetch);
  gw_imports_make_room(core, firmware->size);
  fetch->offset = expected.offset = offset;
  fetch->ingest =
      gw_ingest_start(core->store, &expected, g_steal_fd(&fetch->read_fd), on_ingested, fetch, &error);
  if (!fetch->ingest)
    end_badly(fetch, error);
  else
    gw_budget_open(core, firmware, offset);
  return fetch->ingest != NULL;
}

static gboolean
on_first_byte(int fd, GIOCondition condition, gpointer user)
{
  Fetch *fetch = user;

  start_ingest(fetch, fetch->offset); /* nothing else was said: the sender resumed */
  return G_SOURCE_REMOVE;
}

/* A resumed image waits for the sender's word where its bytes begin. */
static void
watch_pipe(Fetch *fetch)
{
  fetch->readable = g_unix_fd_source_new(fetch->read_fd, G_IO_IN);
  g_source_set_priority(fetch->readable, PIPE_PRIORITY);
  g_source_set_callback(fetch->readable, G_SOURCE_FUNC(on_first_byte), fetch, NULL);
  g_source_attach(fetch->readable, fetch->fetching->core->context);
}

static gboolean
send_fetch(Fetch *fetch, const GwFirmware *firmware, const char *validator)
{
  GwWorker *wan = gw_workers_wan(fetch->fetching->core->workers);
  GwFetch message = {
    .id = fetch->id,
    .upstream = firmware->upstream,
    .url = firmware->url,
    .base_url = firmware->base_url,
    .validator = (char *)validator,
    .offset = fetch->offset,
    .expected_size = firmware->size,
  };

  return wan && gw_worker_send(wan, GW_MESSAGE_FETCH, 0, gw_fetch_pack(&message), fetch->write_fd);
}

static gboolean
open_pipe(Fetch *fetch)
{
  int fds[2];

  if (pipe2(fds, O_CLOEXEC) < 0)
    return FALSE;
  fetch->read_fd = fds[0];
  fetch->write_fd = fds[1];
  return TRUE;
}

static guint64
part_of(Fetch *fetch, const GwFirmware *firmware, char ret_validator[128])
{
  guint8 sha256[GW_SHA256_LEN];
  guint64 offset = 0;

  *ret_validator = '\0';
  if (!fetch->is_afresh && has_digest(firmware) && gw_unhex(firmware->sha256, GW_SHA256_LEN, sha256))
    offset = gw_store_part(fetch->fetching->core->store, sha256, ret_validator);
  return offset == firmware->size || (*ret_validator && offset < firmware->size) ? offset : 0;
}

/* Every byte was here when the core ended: what is left is to look at them. TRUE = that is done now. */
static gboolean
start_with_all(Fetch *fetch, GwFirmware *firmware)
{
  char validator[128];

  if (firmware->size == 0 || part_of(fetch, firmware, validator) != firmware->size || !open_pipe(fetch))
    return FALSE;
  fetch->id = ++fetch->fetching->last_id;
  firmware->image_state = GW_IMAGE_FETCHING;
  gw_close(&fetch->write_fd); /* nobody sends anything */
  start_ingest(fetch, firmware->size);
  return TRUE;
}

static void
start(Fetch *fetch)
{
  GwCore *core = fetch->fetching->core;
  GwFirmware *firmware = firmware_of(fetch);
  char validator[128];

  if (fetch->id || !firmware || start_with_all(fetch, firmware) || !gw_workers_wan(core->workers))
    return;
  fetch->offset = part_of(fetch, firmware, validator);
  if (!gw_budget_has_room(core, firmware->size - MIN(firmware->size, fetch->offset)) || !open_pipe(fetch)) {
    wait_for_retry(fetch);
    return;
  }
  fetch->id = ++fetch->fetching->last_id;
  firmware->image_state = GW_IMAGE_FETCHING;
  if (fetch->offset == 0 && !start_ingest(fetch, 0))
    return;
  if (fetch->offset > 0)
    watch_pipe(fetch);
  if (!send_fetch(fetch, firmware, validator))
    gw_fetching_fetched(fetch->fetching, &(GwFetched){ .id = fetch->id,
                                                       .result = GATEWAY_FAILED_RETRY,
                                                       .validator = (char *)"",
                                                       .text = (char *)"the WAN worker does not listen" });
}

void
gw_fetching_want(GwFetching *fetching, GwFirmware *firmware)
{
  Fetch *fetch = find(fetching, firmware);
  /* Without a fetch, FETCHING is: all bytes are here, and are being looked into. */
  gboolean is_here = firmware->image_state == GW_IMAGE_SEALED || firmware->image_state == GW_IMAGE_FETCHING;

  if (fetch || is_here || !*firmware->url || firmware->state == GW_FIRMWARE_REJECTED ||
      firmware->state == GW_FIRMWARE_WITHDRAWN)
    return;
  fetch = g_new0(Fetch, 1);
  fetch->fetching = fetching;
  fetch->firmware_id = firmware->id;
  fetch->key = key_of(firmware);
  fetch->read_fd = fetch->write_fd = -1;
  g_hash_table_insert(fetching->by_key, fetch->key, fetch);
  start(fetch);
}

/* ---- what the worker says ---- */

/* "Bytes follow": from their beginning, or from where we asked. */
static void
take_beginning(Fetch *fetch, const GwFetched *fetched)
{
  const GwFirmware *firmware = firmware_of(fetch);
  guint8 sha256[GW_SHA256_LEN];

  if (!fetch->ingest && !start_ingest(fetch, fetched->is_restarted ? 0 : fetch->offset))
    return;
  if (firmware && has_digest(firmware) && gw_unhex(firmware->sha256, GW_SHA256_LEN, sha256))
    gw_store_set_part_validator(fetch->fetching->core->store, sha256, fetched->validator);
}

/* One that ends too early at the same place twice is as long as that, whatever was announced. */
static gboolean
ends_there_again(Fetch *fetch)
{
  guint64 end = gw_ingest_received(fetch->ingest), before = fetch->last_end;

  fetch->last_end = end;
  return end > fetch->offset && end == before;
}

static void
take_failure(Fetch *fetch, const char *text, gboolean is_hopeless)
{
  if (!fetch->failure)
    fetch->failure = g_error_new(GW_ERROR, GW_ERROR_OFFLINE, "%s", *text ? text : "the fetch failed");
  fetch->is_hopeless = is_hopeless; /* larger than announced, or a URL that is not asked: never to be had */
  if (!fetch->ingest) {
    end_badly(fetch, fetch->failure);
    return;
  }
  if (gw_workers_wan(fetch->fetching->core->workers))
    fetch->is_hopeless |= ends_there_again(fetch);
  gw_ingest_abort(fetch->ingest);
  gw_close(&fetch->write_fd);
}

void
gw_fetching_fetched(GwFetching *fetching, const GwFetched *fetched)
{
  Fetch *fetch = fetched->id ? find_id(fetching, fetched->id) : NULL;

  if (!fetch || !firmware_of(fetch))
    return;
  if (fetched->result == -1) {
    take_beginning(fetch, fetched);
    return;
  }
  if (fetched->result != GATEWAY_OK) {
    take_failure(fetch, fetched->text, fetched->result == GATEWAY_FAILED_GIVE_UP);
    return;
  }
  if (!fetch->ingest && !start_ingest(fetch, fetch->offset))
    return;
  gw_close(&fetch->write_fd); /* with the worker's own copy closed the image ends here */
}

void
gw_fetching_connected(GwFetching *fetching)
{
  g_autoptr(GList) fetches = g_hash_table_get_values(fetching->by_key);

  for (GList *link = fetches; link; link = link->next)
    start(link->data);
}

void
gw_fetching_lost(GwFetching *fetching)
{
  g_autoptr(GList) fetches = g_hash_table_get_values(fetching->by_key);

  for (GList *link = fetches; link; link = link->next)
    if (((Fetch *)link->data)->id) {
      ((Fetch *)link->data)->is_lost = TRUE;
      take_failure(link->data, "the WAN worker is gone", FALSE);
    }
}

void
gw_fetching_alarm(GwCore *core, gint64 firmware_id)
{
  const GwFirmware *firmware = gw_firmwares_find(core->firmwares, firmware_id);
  Fetch *fetch = firmware ? find(core->fetching, firmware) : NULL;

  if (fetch)
    start(fetch);
}

void
gw_fetching_cancel(GwFetching *fetching, const GwFirmware *firmware)
{
  Fetch *fetch = find(fetching, firmware);
  GwWorker *wan = gw_workers_wan(fetching->core->workers);

  if (!fetch)
    return;
  if (!fetch->id) {
    forget(fetch);
    return;
  }
  if (wan)
    gw_worker_send(wan, GW_MESSAGE_CANCEL, 0, gw_id_pack(fetch->id), -1);
  fetch->is_unwanted = TRUE; /* whatever the worker still says */
  take_failure(fetch, "nobody wants it any more", FALSE);
}

gboolean
gw_fetching_gauge(const GwFetching *fetching, const GwFirmware *firmware, guint64 *ret_received)
{
  const Fetch *fetch = find(fetching, firmware);

  if (!fetch || !fetch->ingest)
    return FALSE;
  *ret_received = gw_ingest_received(fetch->ingest);
  return TRUE;
}
