/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The assembly of the core: what is made in which order, the clock's alarms, and the end. */
#include "control/core-private.h"

#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "control/ages.h"
#include "control/budget.h"
#include "control/bulk.h"
#include "control/catalog.h"
#include "control/fetching.h"
#include "control/house.h"
#include "control/loading.h"
#include "control/outlets.h"
#include "control/passing.h"
#include "control/progress.h"
#include "control/rates.h"
#include "control/recognition.h"
#include "control/relay.h"
#include "control/rollouts.h"
#include "control/scheduler.h"
#include "control/timeline.h"
#include "control/upstreams.h"
#include "control/verbs.h"
#include "control/verifications.h"
#include "control/windows.h"
#include "control/withdrawals.h"
#include "control/workers.h"

#define DATABASE_NAME "gatewayd.db"
#define TURN_MAX 500       /* alarms in one turn: the others wait for the next */
#define SLEEP_MAX_MS 60000 /* GLib's clock stops in suspend, ours does not */

GwNow
gw_core_now(const GwCore *core)
{
  return core->clock ? core->clock(core->clock_user) : gw_clock_now();
}

static void
set_timer(GwCore *core)
{
  GwNow now = gw_core_now(core);
  gint64 wait_ms = CLAMP(gw_alarms_next_ms(core->alarms) - now.boot_ms, 0, SLEEP_MAX_MS);

  g_source_set_ready_time(core->timer, g_get_monotonic_time() + wait_ms * 1000);
}

void
gw_core_alarm(GwCore *core, GwAlarmKind kind, gint64 id, gint64 boot_ms)
{
  gint64 next_ms = gw_alarms_next_ms(core->alarms);

  gw_alarms_set(core->alarms, kind, id, boot_ms);
  if (boot_ms < next_ms)
    set_timer(core);
}

static void
run_alarm(GwCore *core, GwAlarmKind kind, gint64 id)
{
  switch (kind) {
  case GW_ALARM_UPDATE:
    gw_progress_alarm(core, id);
    break;
  case GW_ALARM_SLOT:
    gw_scheduler_lapse(core, id);
    break;
  case GW_ALARM_FETCH:
    gw_fetching_alarm(core, id);
    break;
  case GW_ALARM_RULE:
    gw_scheduler_rule_alarm(core, id);
    break;
  case GW_ALARM_HOUSE:
    gw_house_alarm(core, id);
    break;
  case GW_ALARM_RELAY:
    gw_relay_alarm(core->relay, id);
    break;
  case GW_ALARM_VERIFICATION:
    gw_verifications_alarm(core, id);
    break;
  case GW_ALARM_ROLLOUT:
    gw_rollouts_alarm(core, id);
    break;
  case GW_ALARM_WINDOW:
    gw_windows_alarm(core, id);
    break;
  case GW_ALARM_WAKE:
    gw_rollouts_wake_alarm(core, id);
    break;
  case GW_ALARM_PASSING:
    gw_passing_alarm(core->passing, id);
    break;
  }
}

void
gw_core_turn(GwCore *core)
{
  GwAlarmKind kind;
  gint64 id;

  for (int i = 0; i < TURN_MAX && gw_alarms_take(core->alarms, gw_core_now(core).boot_ms, &kind, &id); i++)
    run_alarm(core, kind, id);
  set_timer(core);
}

static gboolean
on_timer(gpointer user)
{
  gw_core_turn(user);
  return G_SOURCE_CONTINUE;
}

static gboolean
dispatch_timer(GSource *source, GSourceFunc callback, gpointer user)
{
  return callback(user);
}

static void
make_timer(GwCore *core)
{
  static GSourceFuncs FUNCTIONS = { .dispatch = dispatch_timer };

  core->timer = g_source_new(&FUNCTIONS, sizeof(GSource));
  g_source_set_callback(core->timer, on_timer, core, NULL);
  g_source_attach(core->timer, core->context);
}

/* "PATH:N", as far as they are that. */
static char **
read_locations(const GwConfig *config)
{
  g_auto(GStrv) list = gw_config_list(config, "limits", NULL, "location-transfers");
  g_autoptr(GStrvBuilder) builder = g_strv_builder_new();

  for (char **text = list; text && *text; text++) {
    const char *colon = strrchr(*text, ':');
    guint64 n;

    if (colon && colon > *text && g_ascii_string_to_unsigned(colon + 1, 10, 1, 100000, &n, NULL))
      g_strv_builder_add(builder, *text);
    else
      gw_warning(GW_SUBJECT_DAEMON, NULL, "[limits] location-transfers: \"%.64s\" is no PATH:N", *text);
  }
  return g_strv_builder_end(builder);
}

static GwLimits
read_limits(const GwConfig *config)
{
#define NUMBER(key) gw_config_integer(config, "limits", NULL, key)
#define TIME(key) gw_config_duration_ms(config, "limits", NULL, key)
  return (GwLimits){
    .attempts = (guint)NUMBER("attempts"),
    .failures = (guint)NUMBER("failures"),
    .strangers = (guint)NUMBER("strangers"),
    .locations = read_locations(config),
    .timeline_rows = (guint)NUMBER("timeline-rows"),
    .events = NUMBER("events"),
    .outbox = (guint)NUMBER("outbox"),
    .retry_first_ms = TIME("retry-first"),
    .retry_max_ms = TIME("retry-max"),
    .slot_ms = TIME("slot"),
    .never_asked_ms = TIME("never-asked"),
    .stalled_ms = TIME("stalled"),
    .not_back_ms = TIME("not-back"),
    .pin_idle_ms = TIME("pin-idle"),
    .preseed_ms = TIME("preseed"),
    .timeline_age_ms = TIME("timeline-age"),
    .verification_ms = TIME("verification"),
    .stay_ms = TIME("verification-stay"),
    .online_ms = TIME("online"),
    .wan_month = (guint64)gw_config_size(config, "limits", NULL, "wan-month"),
    .max_image = (guint64)gw_config_size(config, "cache", NULL, "image"),
  };
#undef NUMBER
#undef TIME
}

void
gw_core_take_config(GwCore *core, GwConfig *config)
{
  gw_config_ref(config);
  g_clear_pointer(&core->config, gw_config_unref);
  core->config = config;
  g_strfreev(core->limits.locations);
  core->limits = read_limits(config);
  core->rates_hash = gw_rates_hash(core); /* the workers are told anew */
  gw_slots_set_cap(core->slots, (guint)gw_config_integer(config, "limits", NULL, "transfers"));
  gw_clock_trust_always(strcmp(gw_config_text(config, "clock", NULL, "trust"), "always") == 0);
}

static gboolean
open_store(GwCore *core, int cache_fd, GError **error)
{
  const GwConfig *config = core->config;
  GwStoreLimits limits = {
    .max_bytes = (guint64)gw_config_size(config, "cache", NULL, "size"),
    .max_image = core->limits.max_image,
    .memory_budget = (guint64)gw_config_size(config, "cache", NULL, "memory"),
    .memory_max_image = (guint64)gw_config_size(config, "cache", NULL, "memory-image"),
  };

  if (limits.max_bytes == 0)
    limits.max_bytes = gw_house_partition_share(cache_fd);
  core->store = gw_store_open(cache_fd, &limits, error);
  return core->store != NULL;
}

/* Said when it is written. Who cannot wait so long is told at once. */
static void
say_disk(GwCore *core, const char *type, const char *text)
{
  g_autoptr(GwChange) change = gw_change_new(core, NULL);

  gw_change_say(change, type, &(GwAbout){ 0 }, "%s", text);
  gw_change_commit(g_steal_pointer(&change), NULL, NULL);
}

/* What memory holds is not, and will not be, on the disk: the disk is right. */
static void
end(GwCore *core, const GError *error)
{
  gw_err(GW_SUBJECT_DAEMON, NULL, "a change was not written, so this process ends: %s", error->message);
  core->is_stopping = TRUE;
  if (core->broken)
    core->broken(core->broken_user);
}

static void
on_trouble(const GError *error, gpointer user)
{
  GwCore *core = user;

  if (core->is_stopping)
    return;
  if (!error) {
    say_disk(core, "daemon.disk-has-room", "the disk of the database has room again, all is written");
    gw_scheduler_changed(core);
  } else if (error->code == GW_ERROR_NO_SPACE) {
    gw_changes_wait(core);
    say_disk(
        core, "daemon.disk-full",
        "the disk of the database is full: nodes are served what they were promised, nothing new begins");
  } else {
    end(core, error);
  }
}

gboolean
gw_core_takes_changes(GwCore *core, GError **error)
{
  return gw_db_has_room(core->db) ||
         gw_fail(error, GW_ERROR_NO_SPACE,
                 "the disk of the database is full: make room there, then say it again");
}

static gboolean
open_database(GwCore *core, int state_fd, GError **error)
{
  gint64 taken_ms = 0;

  core->db = gw_db_open(state_fd, DATABASE_NAME, core->context, &core->was_lost, error);
  if (!core->db)
    return FALSE;
  gw_db_watch(core->db, on_trouble, core);
  if (core->was_lost) {
    g_autoptr(GError) why = NULL;

    if (gw_db_restore_newest(core->db, &taken_ms, &why))
      core->restored_ms = taken_ms;
    else
      gw_err(GW_SUBJECT_DAEMON, NULL, "the database was set aside and no snapshot could be restored: %s",
             why->message);
  }
  return TRUE;
}

static GwCore *
core_new(const GwCorePlaces *places)
{
  GwCore *core = g_new0(GwCore, 1);

  core->withdrawn_fd = -1;
  core->context = g_main_context_ref_thread_default();
  core->config_path = g_strdup(places->config_path);
  core->clock = places->clock;
  core->clock_user = places->clock_user;
  core->broken = places->broken;
  core->broken_user = places->broken_user;
  core->started_ms = gw_core_now(core).wall_ms;
  core->epoch = (guint32)(gw_core_now(core).boot_ms / 50) + 1; /* beyond those of an earlier core */
  core->changes = g_hash_table_new(NULL, NULL);
  core->imports = g_hash_table_new(NULL, NULL);
  core->ages = gw_ages_new();
  core->alarms = gw_alarms_new();
  core->slots = gw_slots_new();
  core->events = gw_events_new(core->context);
  core->registry = gw_registry_new();
  core->accounts = gw_accounts_new();
  core->firmwares = gw_firmwares_new();
  core->verifying = g_ptr_array_new();
  core->rules = gw_rules_new(core->firmwares);
  core->rollouts = gw_rollouts_new();
  core->updates = gw_updates_new();
  core->pins = gw_pins_new();
  core->plugins = gw_plugins_new();
  core->verbs = gw_verbs_new();
  core->relay = gw_relay_new(core);
  core->passing = gw_passing_new(core);
  core->outlets = gw_outlets_new(core);
  core->upstreams = gw_upstreams_new();
  core->unpacker = gw_unpacker_new(places->unpack_path, gw_recognition_hello, core);
  make_timer(core);
  return core;
}

static void
free_nouns(GwCore *core)
{
  gw_neighbours_free(core->neighbours);
  gw_outlets_free(core->outlets);
  gw_relay_free(core->relay);
  gw_passing_free(core->passing);
  gw_verbs_free(core->verbs);
  gw_upstreams_free(core->upstreams);
  gw_plugins_free(core->plugins);
  gw_keyrings_free(core->keyrings);
  gw_credentials_free(core->credentials);
  gw_accounts_free(core->accounts);
  gw_pins_free(core->pins);
  gw_updates_free(core->updates);
  gw_rollouts_free(core->rollouts);
  gw_rules_free(core->rules);
  g_ptr_array_unref(core->verifying);
  gw_firmwares_free(core->firmwares);
  gw_registry_free(core->registry);
  gw_timeline_free(core->timeline);
  gw_ages_free(core->ages);
  gw_slots_free(core->slots);
  gw_alarms_free(core->alarms);
}

/* First the doors are closed, then what was queued is written, then everything goes. */
void
gw_core_stop(GwCore *core)
{
  if (!core)
    return;
  core->is_stopping = TRUE;
  gw_bulk_stop(core);
  gw_workers_free(core->workers);
  core->workers = NULL;
  if (core->db && core->timeline)
    gw_house_flush(core, TRUE);
  if (core->store)
    gw_store_close(core->store);
  gw_unpacker_free(core->unpacker);
  gw_fetching_free(core->fetching);
  if (core->db)
    gw_db_close(core->db);
  gw_changes_abandon(core);
  g_hash_table_unref(core->changes);
  g_hash_table_unref(core->imports);
  g_source_destroy(core->timer);
  g_source_unref(core->timer);
  gw_budget_clear(&core->budget);
  gw_withdrawals_close(core);
  free_nouns(core);
  gw_events_free(core->events);
  g_clear_pointer(&core->config, gw_config_unref);
  g_free(core->config_path);
  g_strfreev(core->limits.locations);
  g_main_context_unref(core->context);
  g_free(core);
}

gboolean
gw_core_is_healthy(const GwCore *core, gint64 patience_ms)
{
  return gw_clock_boot_ms() - gw_db_last_alive_ms(core->db) < patience_ms;
}

static void
find_neighbours(GwCore *core)
{
  g_autoptr(GError) error = NULL;

  core->neighbours = gw_neighbours_new(core->context, gw_core_neighbour_changed, core, &error);
  if (!core->neighbours)
    gw_warning(GW_SUBJECT_DAEMON, NULL, "nodes are not known by MAC: %s", error->message);
}

GwCore *
gw_core_start(GwConfig *config, const GwCorePlaces *places, GError **error)
{
  g_autoptr(GwCore) core = core_new(places);
  int lan_fd = places->lan_listen_fd, wan_fd = places->wan_listen_fd;

  core->workers = gw_workers_new(core, config, lan_fd, wan_fd);
  gw_core_take_config(core, config);
  core->keyrings = gw_keyrings_load(config, error);
  core->credentials = core->keyrings ? gw_credentials_open(places->state_fd, error) : NULL;
  if (!core->credentials || !gw_withdrawals_open(core, places->state_fd, error) ||
      !open_database(core, places->state_fd, error) || !open_store(core, places->cache_fd, error))
    return NULL;
  core->timeline = gw_timeline_new(core->db);
  core->fetching = gw_fetching_new(core);
  if (!gw_loading_run(core, error))
    return NULL;
  find_neighbours(core);
  gw_house_begin(core);
  gw_unpacker_greet(core->unpacker);
  gw_workers_accept(core->workers);
  return g_steal_pointer(&core);
}
