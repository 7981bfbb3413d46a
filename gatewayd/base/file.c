/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/error.h"

#define READ_STEP ((gsize)64 * 1024)

void
gw_close(int *fd)
{
  if (*fd >= 0)
    (void)close(*fd);
  *fd = -1;
}

gboolean
gw_file_read(int dir_fd, const char *name, gsize max, char **ret_data, gsize *ret_size, GError **error)
{
  GW_AUTO_FD int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  struct stat st;

  if (fd < 0 || fstat(fd, &st) < 0)
    return gw_fail_errno(error, errno, "cannot open %s", name);
  if (!S_ISREG(st.st_mode))
    return gw_fail(error, GW_ERROR_BAD_INPUT, "%s is not a file", name);
  if (!gw_fd_read(fd, max, ret_data, ret_size, error)) {
    g_prefix_error(error, "%s: ", name);
    return FALSE;
  }
  return TRUE;
}

/* The size is found by reading: a file may grow meanwhile, and those of /proc call themselves empty. */
gboolean
gw_fd_read(int fd, gsize max, char **ret_data, gsize *ret_size, GError **error)
{
  g_autoptr(GByteArray) data = g_byte_array_new();
  gsize n_done = 0;
  ssize_t n;

  g_assert(max <= G_MAXINT);
  do {
    g_byte_array_set_size(data, (guint)(n_done + READ_STEP));
    n = pread(fd, data->data + n_done, READ_STEP, (off_t)n_done);
    if (n < 0 && errno != EINTR)
      return gw_fail_errno(error, errno, "cannot read");
    n_done += n > 0 ? (gsize)n : 0;
    if (n_done > max)
      return gw_fail(error, GW_ERROR_BAD_INPUT, "larger than %" G_GSIZE_FORMAT " bytes", max);
  } while (n != 0);
  data->data[n_done] = '\0';
  *ret_data = (char *)g_byte_array_free(g_steal_pointer(&data), FALSE);
  if (ret_size)
    *ret_size = n_done;
  return TRUE;
}

gboolean
gw_write_all(int fd, const void *data, gsize size, GError **error)
{
  for (gsize n_done = 0; n_done < size;) {
    ssize_t n = write(fd, (const guint8 *)data + n_done, size - n_done);

    if (n < 0 && errno != EINTR)
      return gw_fail_errno(error, errno, "cannot write");
    n_done += n > 0 ? (gsize)n : 0;
  }
  return TRUE;
}

static gboolean
write_durably(int fd, const void *data, gsize size, mode_t mode, GError **error)
{
  if (!gw_write_all(fd, data, size, error))
    return FALSE;
  if (fchmod(fd, mode) < 0 || fsync(fd) < 0)
    return gw_fail_errno(error, errno, "cannot store");
  return TRUE;
}

gboolean
gw_file_replace(int dir_fd, const char *name, const void *data, gsize size, mode_t mode, GError **error)
{
  g_autofree char *part = NULL;
  GW_AUTO_FD int fd = -1;
  guint64 unique;

  g_assert(!strchr(name, '/'));
  gw_random(&unique, sizeof unique);
  part = g_strdup_printf(".%s.%016" G_GINT64_MODIFIER "x", name, unique);
  fd = openat(dir_fd, part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0)
    return gw_fail_errno(error, errno, "cannot create %s", name);
  if (!write_durably(fd, data, size, mode, error)) {
    g_prefix_error(error, "%s: ", name);
    (void)unlinkat(dir_fd, part, 0);
    return FALSE;
  }
  if (renameat(dir_fd, part, dir_fd, name) < 0) {
    int err = errno;

    (void)unlinkat(dir_fd, part, 0);
    return gw_fail_errno(error, err, "cannot replace %s", name);
  }
  return gw_fsync_dir(dir_fd, error);
}

int
gw_memfd_sealed(const char *name, const void *data, gsize size, GError **error)
{
  GW_AUTO_FD int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

  if (fd < 0) {
    gw_fail_errno(error, errno, "cannot create the memory file %s", name);
    return -1;
  }
  if (!gw_write_all(fd, data, size, error))
    return -1;
  if (fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
    gw_fail_errno(error, errno, "cannot seal the memory file %s", name);
    return -1;
  }
  return g_steal_fd(&fd);
}

gboolean
gw_fsync_dir(int dir_fd, GError **error)
{
  GW_AUTO_FD int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

  if (fd < 0 || fsync(fd) < 0)
    return gw_fail_errno(error, errno, "cannot sync a folder");
  return TRUE;
}
