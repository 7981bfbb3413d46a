/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control/withdrawals.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "control/commands-private.h"

#define FOLDER "withdrawn"

gboolean
gw_withdrawals_open(GwCore *core, int state_fd, GError **error)
{
  if (mkdirat(state_fd, FOLDER, 0700) < 0 && errno != EEXIST)
    return gw_fail_errno(error, errno, "cannot make the folder of what was withdrawn");
  core->withdrawn_fd = openat(state_fd, FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
  if (core->withdrawn_fd < 0)
    return gw_fail_errno(error, errno, "cannot open the folder of what was withdrawn");
  return gw_fsync_dir(state_fd, error);
}

void
gw_withdrawals_close(GwCore *core)
{
  gw_close(&core->withdrawn_fd);
}

static void
name_of(gint64 firmware_id, char ret_name[24])
{
  g_snprintf(ret_name, 24, "%" G_GINT64_FORMAT, firmware_id);
}

gboolean
gw_withdrawals_note(const GwCore *core, gint64 firmware_id, GError **error)
{
  char name[24];
  GW_AUTO_FD int fd = -1;

  name_of(firmware_id, name);
  fd = openat(core->withdrawn_fd, name, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0)
    return gw_fail_errno(error, errno, "cannot note that firmware %s is withdrawn", name);
  return gw_fsync_dir(core->withdrawn_fd, error);
}

static gboolean
is_noted(const GwCore *core, gint64 firmware_id)
{
  char name[24];

  name_of(firmware_id, name);
  return faccessat(core->withdrawn_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

void
gw_withdrawals_resume(GwCore *core, GwChange *change)
{
  GHashTableIter iter;
  gpointer value;

  gw_firmwares_iter(core->firmwares, &iter);
  while (g_hash_table_iter_next(&iter, NULL, &value)) {
    GwFirmware *firmware = value;

    if (firmware->state != GW_FIRMWARE_WITHDRAWN && firmware->state != GW_FIRMWARE_REJECTED &&
        is_noted(core, firmware->id))
      gw_commands_end_firmware(core, firmware, GW_FIRMWARE_WITHDRAWN,
                               "it was withdrawn before the database was lost", change);
  }
}
