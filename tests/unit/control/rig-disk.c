/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the disk of the core's database can do to it. Looks into the core, for its database. */
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/file.h"
#include "control/core-private.h"
#include "rig.h"

#define BALLAST_STEP ((gsize)1 << 20)

/* ---- a thread that is busy ---- */

static struct {
  GMutex mutex;
  GCond changed;
  gboolean is_held, is_released;
  GThread *asker;
} hold;

/* In the database thread. */
static void
wait_for_release(const GwRow *row, gpointer user)
{
  g_mutex_lock(&hold.mutex);
  hold.is_held = TRUE;
  g_cond_broadcast(&hold.changed);
  while (!hold.is_released)
    g_cond_wait(&hold.changed, &hold.mutex);
  g_mutex_unlock(&hold.mutex);
}

static gpointer
ask_slowly(gpointer db)
{
  g_assert_true(gw_db_load(db, "SELECT 1", wait_for_release, NULL, NULL));
  return NULL;
}

void
rig_hold_database(Rig *rig)
{
  hold.is_held = hold.is_released = FALSE;
  hold.asker = g_thread_new("asker", ask_slowly, rig->core->db);
  g_mutex_lock(&hold.mutex);
  while (!hold.is_held)
    g_cond_wait(&hold.changed, &hold.mutex);
  g_mutex_unlock(&hold.mutex);
}

void
rig_release_database(Rig *rig)
{
  g_mutex_lock(&hold.mutex);
  hold.is_released = TRUE;
  g_cond_broadcast(&hold.changed);
  g_mutex_unlock(&hold.mutex);
  (void)g_thread_join(hold.asker);
}

void
rig_break_database(Rig *rig)
{
  GwBatch *batch = gw_batch_new();

  gw_batch_add(batch, "INSERT INTO meta VALUES ('gateway-id', 'a second one')", "");
  gw_db_submit(rig->core->db, batch, NULL, NULL);
}

/* ---- a disk ---- */

void
rig_own_mounts(void)
{
  if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
    g_error("this test needs mounts of its own: %s", g_strerror(errno));
}

Rig *
rig_new_on_disk(void)
{
  g_autofree char *folder = g_dir_make_tmp("gatewayd-disk-XXXXXX", NULL);
  g_autofree char *state = g_build_filename(folder, "state", NULL);

  g_assert_cmpint(g_mkdir(state, 0700), ==, 0);
  if (mount("tmpfs", state, "tmpfs", 0, "size=16m") < 0)
    g_error("this test needs a disk of its own, and so the right to mount one: %s", g_strerror(errno));
  return rig_new_at(folder, NULL);
}

void
rig_free_on_disk(Rig *rig)
{
  g_autofree char *state = g_build_filename(rig->folder, "state", NULL);

  rig_stop_core(rig);
  gw_close(&rig->state_fd);
  g_assert_cmpint(umount(state), ==, 0);
  rig_free(rig);
}

void
rig_fill_disk(Rig *rig)
{
  GW_AUTO_FD int fd = openat(rig->state_fd, "ballast", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  g_autofree guint8 *zeros = g_malloc0(BALLAST_STEP);
  gsize step = BALLAST_STEP;

  while (step > 0)
    if (write(fd, zeros, step) <= 0)
      step /= 2;
}

void
rig_empty_disk(Rig *rig)
{
  g_assert_cmpint(unlinkat(rig->state_fd, "ballast", 0), ==, 0);
}

gint64
rig_announce_too_large(Rig *rig, const char *product)
{
  GwFirmware *firmware = gw_firmware_new();

  firmware->id = 99;
  g_free(firmware->product);
  firmware->product = g_strdup(product);
  g_free(firmware->software_version);
  firmware->software_version = g_strdup("9");
  gw_firmware_prove(firmware, "in another life");
  firmware->image_state = GW_IMAGE_WANTED;
  firmware->size = gw_store_usage(rig->core->store).max;
  return gw_firmwares_add(rig->core->firmwares, firmware)->id;
}

/* ---- another boot ---- */

static void
on_written(const GError *error, gpointer user)
{
  g_assert_no_error(error);
  *(gboolean *)user = TRUE;
}

/* The machine has one boot only; the rows are made to look like those of an earlier one. */
void
rig_forget_boot(Rig *rig)
{
  static const char *const SQL[] = {
    "UPDATE node_update SET boot_id = 'an earlier boot'",
    "UPDATE node_update SET deadline_boot_id = 'an earlier boot' WHERE deadline_boot_id <> ''",
    "UPDATE pin SET boot_id = 'an earlier boot'",
    "UPDATE meta SET value = 'an earlier boot' WHERE key = 'boot'",
  };
  g_autoptr(GError) error = NULL;
  gboolean was_lost = FALSE, is_written = FALSE;
  GwDb *db = gw_db_open(rig->state_fd, "gatewayd.db", NULL, &was_lost, &error);
  GwBatch *batch = gw_batch_new();

  g_assert_no_error(error);
  g_assert_false(was_lost);
  for (guint i = 0; i < G_N_ELEMENTS(SQL); i++)
    gw_batch_add(batch, SQL[i], "");
  gw_db_submit(db, batch, on_written, &is_written);
  while (!is_written)
    g_main_context_iteration(NULL, TRUE);
  gw_db_close(db);
}
