/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What befalls the processes: the core is stopped or killed, its worker dies, the power fails. A killed core
 * comes back with what its disk held at that moment, and not a byte more. */
#include <fcntl.h>
#include <string.h>

#include "fleet.h"

#define DATABASE "gatewayd.db"

void
sim_set_clock(Sim *sim)
{
  sim->rig->boot_ms = sim->now_ms - sim->boot_at_ms;
  sim->rig->is_trusted = sim->now_ms >= sim->trusted_ms;
  sim->rig->wall_ms = sim->rig->is_trusted || !sim->is_1970 ? sim->now_ms : sim->rig->boot_ms;
}

/* ---- the disk at one moment ---- */

static const char *const FILES[] = { DATABASE, DATABASE "-wal" };

typedef struct {
  char *bytes[G_N_ELEMENTS(FILES)];
  gsize sizes[G_N_ELEMENTS(FILES)];
} Disk;

static char *
path_of(const Sim *sim, const char *name)
{
  return g_build_filename(sim->rig->folder, "state", name, NULL);
}

static void
look_at_disk(const Sim *sim, Disk *ret_disk)
{
  for (guint i = 0; i < G_N_ELEMENTS(FILES); i++) {
    g_autofree char *path = path_of(sim, FILES[i]);

    ret_disk->bytes[i] = NULL;
    (void)g_file_get_contents(path, &ret_disk->bytes[i], &ret_disk->sizes[i], NULL);
  }
}

static void
put_back_disk(const Sim *sim, Disk *disk)
{
  for (guint i = 0; i < G_N_ELEMENTS(FILES); i++) {
    g_autofree char *path = path_of(sim, FILES[i]);

    (void)remove(path);
    if (disk->bytes[i])
      g_assert_true(g_file_set_contents(path, disk->bytes[i], (gssize)disk->sizes[i], NULL));
    g_free(disk->bytes[i]);
  }
}

/* ---- misfortunes ---- */

/* What was told in this very moment may have been answered, and not be on the disk. */
static void
doubt(Sim *sim)
{
  for (guint i = 0; i < sim->n_nodes; i++)
    if (sim->nodes[i].told_ms == sim->now_ms)
      sim->nodes[i].doubtful |= sim->nodes[i].good;
}

static void
end_core(Sim *sim, gboolean is_killed)
{
  Disk disk;

  if (is_killed) {
    int n_turns = g_rand_int_range(sim->rand, 0, 20);

    doubt(sim);
    rig_hold_database(sim->rig); /* what it hears now is not written any more */
    while (n_turns-- > 0)
      g_main_context_iteration(NULL, FALSE);
    look_at_disk(sim, &disk);
    rig_release_database(sim->rig);
  }
  rig_stop_core(sim->rig);
  if (is_killed)
    put_back_disk(sim, &disk);
  sim->is_up = FALSE;
  sim->n_restarts++;
  sim->up_ms = sim->now_ms + sim_between(sim, 0, sim_chance(sim, 0.7) ? SIM_MINUTE_MS : 20 * SIM_MINUTE_MS);
}

static void
fail_power(Sim *sim)
{
  end_core(sim, TRUE);
  sim_worker_die(sim);
  rig_forget_boot(sim->rig);
  sim->boot_at_ms = sim->up_ms - sim_between(sim, 20000, 60000);
  sim->trusted_ms = sim->up_ms + sim_between(sim, 0, 3 * SIM_HOUR_MS);
  sim->is_1970 = sim_chance(sim, 0.5);
}

static void
come_back(Sim *sim)
{
  sim_set_clock(sim);
  for (guint i = 0; i < sim->n_nodes; i++)
    if (sim->nodes[i].phase != SIM_SENDING)
      sim_free_slot(sim, &sim->nodes[i]); /* a new core knows of those alone that are sent bytes */
  rig_start_core(sim->rig);
  rig_connect_wan(sim->rig);
  sim_worker_reconnect(sim);
  sim_check_books(sim);
}

/* Misfortune likes company: it waits some hours for somebody to be in the middle of something. */
static gboolean
is_time(const Sim *sim)
{
  gint64 over_ms = sim->now_ms - sim->disaster_ms;

  for (guint i = 0; over_ms >= 0 && i < sim->n_nodes; i++)
    if (sim->nodes[i].phase == SIM_SENDING)
      return TRUE;
  return over_ms > 12 * SIM_HOUR_MS;
}

void
sim_disasters(Sim *sim)
{
  if (!sim->is_up) {
    if (sim->now_ms >= sim->up_ms)
      come_back(sim);
    return;
  }
  if (!is_time(sim))
    return;
  sim->disaster_ms = sim->now_ms + sim_between(sim, SIM_HOUR_MS, 24 * SIM_HOUR_MS);
  switch (g_rand_int_range(sim->rand, 0, 4)) {
  case 0:
    end_core(sim, FALSE);
    break;
  case 1:
    end_core(sim, TRUE);
    break;
  case 2:
    fail_power(sim);
    break;
  default:
    sim_worker_die(sim);
    sim_worker_reconnect(sim);
  }
}
