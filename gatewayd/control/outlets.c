/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control/outlets.h"

#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "control/commands-private.h"
#include "control/fetching.h"
#include "control/workers.h"
#include "link/table.h"

#define KEY_PREFIX "outlet/"

/* One publication on its way. */
typedef struct {
  GwCore *core;
  guint64 id;
  char *outlet, *number; /* "" = its make has no numbers */
  gint64 firmware;       /* 0 = nothing */
  gboolean is_there;
  GwChange *change;
  GwThen then;
} Job;

struct GwOutlets {
  GwCore *core;
  GHashTable *by_name; /* outlet->name -> GwOutlet */
  GHashTable *jobs;    /* Job: a set */
  guint64 last_job;
};

static void
outlet_free(gpointer data)
{
  GwOutlet *outlet = data;

  g_free(outlet->name);
  g_free(outlet->text);
  g_free(outlet->status);
  g_free(outlet);
}

static void
job_free(gpointer data)
{
  Job *job = data;

  g_clear_pointer(&job->change, gw_change_free);
  g_free(job->outlet);
  g_free(job->number);
  g_free(job);
}

GwOutlets *
gw_outlets_new(GwCore *core)
{
  GwOutlets *outlets = g_new0(GwOutlets, 1);

  outlets->core = core;
  outlets->by_name = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, outlet_free);
  outlets->jobs = g_hash_table_new_full(NULL, NULL, job_free, NULL);
  return outlets;
}

void
gw_outlets_free(GwOutlets *outlets)
{
  if (!outlets)
    return;
  g_hash_table_unref(outlets->jobs);
  g_hash_table_unref(outlets->by_name);
  g_free(outlets);
}

GwOutlet *
gw_outlets_get(GwOutlets *outlets, const char *name)
{
  GwOutlet *outlet = g_hash_table_lookup(outlets->by_name, name);

  if (outlet)
    return outlet;
  outlet = g_new0(GwOutlet, 1);
  outlet->name = g_strdup(name);
  outlet->text = g_strdup("");
  outlet->status = g_strdup("");
  g_hash_table_insert(outlets->by_name, outlet->name, outlet);
  return outlet;
}

GPtrArray *
gw_outlets_list(GwOutlets *outlets)
{
  g_auto(GStrv) names = gw_config_instances(outlets->core->config, "outlet");
  GPtrArray *items = g_ptr_array_new();

  for (char **name = names; *name; name++)
    g_ptr_array_add(items, gw_outlets_get(outlets, *name));
  return items;
}

/* ---- what is kept: "NUMBER FIRMWARE CHANGED\n" and the text ---- */

void
gw_outlets_load(GwOutlets *outlets, const char *key, const char *value)
{
  g_auto(GStrv) parts = g_strsplit(value, "\n", 2);
  g_auto(GStrv) numbers = parts[0] ? g_strsplit(parts[0], " ", 3) : NULL;
  GwOutlet *outlet;

  if (!g_str_has_prefix(key, KEY_PREFIX) || !numbers || g_strv_length(numbers) != 3 || !parts[1])
    return;
  outlet = gw_outlets_get(outlets, key + strlen(KEY_PREFIX));
  outlet->number = g_ascii_strtoll(numbers[0], NULL, 10);
  outlet->firmware = g_ascii_strtoll(numbers[1], NULL, 10);
  outlet->changed_ms = g_ascii_strtoll(numbers[2], NULL, 10);
  g_free(outlet->text);
  outlet->text = g_strdup(parts[1]);
}

static void
put(const GwOutlet *outlet, GwBatch *batch)
{
  g_autofree char *key = g_strconcat(KEY_PREFIX, outlet->name, NULL);
  g_autofree char *value =
      g_strdup_printf("%" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %" G_GINT64_FORMAT "\n%s", outlet->number,
                      outlet->firmware, outlet->changed_ms, outlet->text);

  gw_rows_put_meta(batch, key, value);
}

/* ---- the end of a publication ---- */

static GwOutlet *
leave(Job *job)
{
  GwOutlets *outlets = job->core->outlets;
  GwOutlet *outlet = gw_outlets_get(outlets, job->outlet);

  g_hash_table_steal(outlets->jobs, job);
  outlet->job = 0;
  return outlet;
}

/* Takes @error. */
static void
fail(Job *job, GError *error)
{
  GwOutlet *outlet = leave(job);
  GwCore *core = job->core;

  g_free(outlet->status);
  outlet->status = g_strdup(error->message);
  if (!core->is_stopping) {
    gw_change_say(job->change, "outlet.failed",
                  &(GwAbout){ .name = job->outlet, .firmware_id = job->firmware },
                  "%s: nothing new was published: %s", job->outlet, error->message);
    gw_change_commit_if_any(g_steal_pointer(&job->change));
  }
  gw_then_fail(core, job->then, error);
  job_free(job);
}

static void
succeed(Job *job, const char *text)
{
  GwOutlet *outlet = leave(job);
  GwBatch *batch = gw_change_batch(job->change);

  g_free(outlet->text);
  outlet->text = g_strdup(text);
  g_free(outlet->status);
  outlet->status = g_strdup("");
  outlet->firmware = job->firmware;
  outlet->number = MAX(outlet->number, g_ascii_strtoll(job->number, NULL, 10));
  outlet->changed_ms = gw_core_now(job->core).wall_ms;
  put(outlet, batch);
  gw_change_say(
      job->change, "outlet.published", &(GwAbout){ .name = job->outlet, .firmware_id = job->firmware },
      job->firmware ? "%s: %s%s%s is what devices read there" : "%s: %snothing is due there%s%s", job->outlet,
      job->is_there ? "the older " : "", job->firmware ? "firmware, number " : "", job->number);
  gw_change_finish(g_steal_pointer(&job->change), job->then, g_variant_new("(s)", outlet->text));
  job_free(job);
}

static Job *
find_job(const GwOutlets *outlets, guint64 id)
{
  GHashTableIter iter;
  gpointer job;

  g_hash_table_iter_init(&iter, outlets->jobs);
  while (g_hash_table_iter_next(&iter, &job, NULL))
    if (((Job *)job)->id == id)
      return job;
  return NULL;
}

static GwErrorCode
code_of(int result)
{
  if (result == GATEWAY_STOPPED)
    return GW_ERROR_STOPPED;
  return result == GATEWAY_FAILED_GIVE_UP ? GW_ERROR_BAD_INPUT : GW_ERROR_OFFLINE;
}

void
gw_outlets_published(GwOutlets *outlets, GVariant *payload)
{
  GwPublished published = { 0 };
  Job *job;

  if (!gw_published_unpack(payload, &published))
    return;
  job = published.id ? find_job(outlets, published.id) : NULL;
  if (!published.id) {
    GwOutlet *outlet = gw_outlets_get(outlets, published.outlet);

    g_free(outlet->status);
    outlet->status = g_strdup(published.trouble);
  } else if (job && published.result == GATEWAY_OK) {
    succeed(job, published.text);
  } else if (job) {
    GError *error = NULL;

    gw_fail(&error, code_of(published.result), "%s", published.trouble);
    fail(job, error);
  }
  gw_published_clear(&published);
}

void
gw_outlets_lost(GwOutlets *outlets)
{
  g_autofree gpointer *jobs = g_hash_table_get_keys_as_array(outlets->jobs, NULL);

  for (guint i = 0; jobs[i]; i++) {
    Job *job = jobs[i];
    GError *error = NULL;

    gw_fail(&error, GW_ERROR_OFFLINE,
            "the WAN worker went away; what devices read there is whole, but may be the old or the new");
    fail(job, error);
  }
}

/* ---- its begin ---- */

static gboolean
send(Job *job, const GwFirmware *firmware, int fd, GError **error)
{
  GwWorker *wan = gw_workers_wan(job->core->workers);
  const GwPublish publish = {
    .id = job->id,
    .outlet = job->outlet,
    .is_nothing = !firmware,
    .is_there = job->is_there,
    .name = firmware ? firmware->name : (char *)"",
    .product = firmware ? firmware->product : (char *)"",
    .type = firmware ? firmware->type : (char *)"",
    .hardware_version = firmware ? firmware->hardware_version : (char *)"",
    .software_version = *job->number ? job->number
                        : firmware   ? firmware->software_version
                                     : (char *)"",
    .size = firmware ? firmware->size : 0,
  };

  if (wan && gw_worker_send(wan, GW_MESSAGE_PUBLISH, 0, gw_publish_pack(&publish), fd))
    return TRUE;
  return gw_fail(error, GW_ERROR_OFFLINE, "the WAN worker is not connected");
}

/* What the store is asked for may come when the publication is over already. */
typedef struct {
  GwCore *core;
  guint64 id;
} Ticket;

static Job *
take_ticket(gpointer user)
{
  g_autofree Ticket *ticket = user;

  return find_job(ticket->core->outlets, ticket->id);
}

static void
on_served(int fd, gboolean is_memory, const GError *error, gpointer user)
{
  GW_AUTO_FD int owned = fd;
  Job *job = take_ticket(user);
  const GwFirmware *firmware = job ? gw_firmwares_find(job->core->firmwares, job->firmware) : NULL;
  GError *own = error ? g_error_copy(error) : NULL;

  if (!job)
    g_clear_error(&own);
  else if (!own && !firmware)
    gw_fail(&own, GW_ERROR_NOT_FOUND, "firmware %" G_GINT64_FORMAT " was deleted meanwhile", job->firmware);
  if (job && !own)
    send(job, firmware, owned, &own);
  if (own)
    fail(job, own);
}

static void
on_found(GwSealed *sealed, const GError *error, gpointer user)
{
  Ticket *ticket = user;
  GwCore *core = ticket->core;
  Job *job = find_job(core->outlets, ticket->id);

  if (job && sealed && !core->is_stopping) {
    gw_store_serve(core->store, sealed, on_served, ticket);
    return;
  }
  g_free(ticket);
  if (job)
    fail(job, error ? g_error_copy(error) : g_error_new(GW_ERROR, GW_ERROR_STOPPED, "the gateway ends"));
}

/* ---- the command ---- */

static gboolean
is_publishable(GwCore *core, const GwFirmware *firmware, GVariant *form, GError **error)
{
  gboolean is_unproven =
      firmware->state == GW_FIRMWARE_UNVERIFIED || firmware->state == GW_FIRMWARE_VERIFYING;
  gboolean is_meant = FALSE;

  (void)g_variant_lookup(form, "unverified", "b", &is_meant);
  if (firmware->state != GW_FIRMWARE_VERIFIED && !is_unproven)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "firmware %" G_GINT64_FORMAT " is %s", firmware->id,
                   gw_firmware_state_name(firmware->state));
  if (is_unproven && !is_meant)
    return gw_fail(
        error, GW_ERROR_UNTRUSTED,
        "firmware %" G_GINT64_FORMAT
        " has not been proven on a node, and whoever reads that server would take it: --unverified "
        "if it was tried otherwise",
        firmware->id);
  return gw_commands_is_fresh(core, firmware, error);
}

static gboolean
has_image(GwCore *core, const GwFirmware *firmware, GError **error)
{
  if (firmware->image_state == GW_IMAGE_SEALED)
    return TRUE;
  gw_fetching_want(core->fetching, gw_firmwares_find(core->firmwares, firmware->id));
  return gw_fail(error, GW_ERROR_BUSY, "the image of firmware %" G_GINT64_FORMAT " is being fetched first",
                 firmware->id);
}

/* What a make without nodes here is told: every limit that is for every node. */
static gboolean
pick_number(const GwOutlet *outlet, const GatewayPlugin *plugin, GVariant *form, Job *job, GError **error)
{
  GwNumberScope scope = { .numbering = plugin->numbering.label ? &plugin->numbering : NULL,
                          .type = "",
                          .told = outlet->number };
  g_autofree char *entered = NULL, *overrides = NULL;

  for (guint32 i = 0; i < plugin->numbering.n_limits; i++)
    if (!plugin->numbering.limits[i].attribute)
      scope.are_limited |= G_GUINT64_CONSTANT(1) << i;
  gw_number_read_form(form, &entered, &overrides);
  g_clear_pointer(&job->number, g_free);
  return gw_number_pick(&scope, entered, overrides, &job->number, error);
}

static gboolean
check_firmware(Job *job, const GwOutlet *outlet, const GatewayPlugin *plugin, GVariant *form, GError **error)
{
  const GwFirmware *firmware = gw_commands_firmware(job->core, job->firmware, error);

  return firmware && is_publishable(job->core, firmware, form, error) &&
         gw_plugin_check_form(plugin, firmware, error) && pick_number(outlet, plugin, form, job, error) &&
         (job->is_there || has_image(job->core, firmware, error));
}

/* The plugin of the outlet, when it is there to do it. */
static const GatewayPlugin *
plugin_of(GwCore *core, const GwOutlet *outlet, GError **error)
{
  const char *type = gw_config_text(core->config, "outlet", outlet->name, "type");
  const GatewayPlugin *plugin = type ? gw_plugins_find(core->plugins, type) : NULL;

  if (outlet->job)
    gw_fail(error, GW_ERROR_BUSY, "%s: something is being published there now", outlet->name);
  else if (!gw_workers_wan(core->workers))
    gw_fail(error, GW_ERROR_OFFLINE, "the WAN worker is not connected");
  else if (!plugin || plugin->kind != GATEWAY_OUTLET)
    gw_fail(error, GW_ERROR_NOT_FOUND, "[outlet %s] type=%s: no outlet plugin of that name is loaded",
            outlet->name, type ? type : "");
  else
    return plugin;
  return NULL;
}

static gboolean
read_form(GVariant *form, Job *job, GError **error)
{
  gboolean is_nothing = FALSE;

  (void)g_variant_lookup(form, "nothing", "b", &is_nothing);
  (void)g_variant_lookup(form, "there", "b", &job->is_there);
  (void)g_variant_lookup(form, "firmware", "x", &job->firmware);
  if (is_nothing == (job->firmware != 0))
    return gw_fail(error, GW_ERROR_BAD_INPUT, "expected one of the two: a firmware, or nothing");
  return TRUE;
}

static gboolean
prepare(Job *job, GwOutlet *outlet, GVariant *form, GError **error)
{
  const GatewayPlugin *plugin = plugin_of(job->core, outlet, error);

  return plugin && read_form(form, job, error) &&
         (job->firmware == 0 || check_firmware(job, outlet, plugin, form, error));
}

static void
begin(Job *job, GwOutlet *outlet)
{
  const GwFirmware *firmware = gw_firmwares_find(job->core->firmwares, job->firmware);
  GError *error = NULL;

  outlet->job = job->id;
  g_hash_table_add(job->core->outlets->jobs, job);
  if (firmware && !job->is_there)
    gw_store_find(job->core->store, firmware->digests.sha256, firmware->size, on_found,
                  g_memdup2(&(Ticket){ job->core, job->id }, sizeof(Ticket)));
  else if (!send(job, firmware, -1, &error))
    fail(job, error);
}

void
gw_command_publish(GwCore *core, const GwCaller *caller, const char *name, GVariant *form, GwThen then)
{
  Job *job = g_new0(Job, 1);
  g_autofree char *known = g_strndup(name, 64);
  g_auto(GStrv) names = gw_config_instances(core->config, "outlet");
  gboolean is_known = g_strv_contains((const char *const *)names, known);
  GwOutlet *outlet = is_known ? gw_outlets_get(core->outlets, known) : NULL;
  GError *error = NULL;

  *job = (Job){ .core = core,
                .id = ++core->outlets->last_job,
                .outlet = g_strdup(known),
                .number = g_strdup(""),
                .then = then };
  if (!outlet)
    gw_fail(&error, GW_ERROR_NOT_FOUND, "there is no [outlet %s] in the configuration", known);
  if (outlet && prepare(job, outlet, form, &error)) {
    job->change = gw_change_new(core, caller);
    begin(job, outlet);
    return;
  }
  gw_then_fail(core, then, error);
  job_free(job);
}
