/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the tests of the store share: a folder of their own, and waiting for what comes through the main
 * context. */
#pragma once
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"

typedef struct {
  char *path;
  int fd;
} Folder;

/* In memory where there is such a place: these tests are not about the disk, and sync often. */
static inline Folder
folder_new(void)
{
  Folder folder = { g_strdup("/dev/shm/gatewayd-store-XXXXXX"), -1 };

  if (!g_mkdtemp(folder.path)) {
    g_free(folder.path);
    folder.path = g_dir_make_tmp("gatewayd-store-XXXXXX", NULL);
  }
  g_assert_nonnull(folder.path);
  folder.fd = open(folder.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  g_assert_cmpint(folder.fd, >=, 0);
  return folder;
}

static inline void
remove_below(const char *path)
{
  g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
  const char *name;

  while (dir && (name = g_dir_read_name(dir))) {
    g_autofree char *below = g_build_filename(path, name, NULL);

    if (!g_file_test(below, G_FILE_TEST_IS_SYMLINK) && g_file_test(below, G_FILE_TEST_IS_DIR))
      remove_below(below);
    else
      g_assert_cmpint(g_unlink(below), ==, 0);
  }
  g_assert_cmpint(g_rmdir(path), ==, 0);
}

static inline void
folder_clear(Folder *folder)
{
  gw_close(&folder->fd);
  remove_below(folder->path);
  g_clear_pointer(&folder->path, g_free);
}

static inline gboolean
folder_has(const Folder *folder, const char *name)
{
  return faccessat(folder->fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static inline void
folder_write(const Folder *folder, const char *name, const void *data, gsize size)
{
  GW_AUTO_FD int fd = openat(folder->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

  g_assert_cmpint(fd, >=, 0);
  g_assert_true(gw_write_all(fd, data, size, NULL));
}

/* Overwrites @size bytes from @offset. */
static inline void
folder_spoil(const Folder *folder, const char *name, goffset offset, gsize size, guint8 with)
{
  g_autofree guint8 *bytes = g_malloc(size);
  GW_AUTO_FD int fd = openat(folder->fd, name, O_WRONLY | O_CLOEXEC);

  memset(bytes, with, size);
  g_assert_cmpint(fd, >=, 0);
  g_assert_cmpint(pwrite(fd, bytes, size, offset), ==, (gssize)size);
}

static inline goffset
folder_size(const Folder *folder, const char *name)
{
  struct stat st;

  g_assert_cmpint(fstatat(folder->fd, name, &st, AT_SYMLINK_NOFOLLOW), ==, 0);
  return st.st_size;
}

static inline mode_t
folder_mode(const Folder *folder, const char *name)
{
  struct stat st;

  g_assert_cmpint(fstatat(folder->fd, name, &st, AT_SYMLINK_NOFOLLOW), ==, 0);
  return st.st_mode & 07777;
}

static inline void
wait_for(const gboolean *is_done)
{
  while (!*is_done)
    (void)g_main_context_iteration(NULL, TRUE);
}

static inline void
wait_for_count(const guint *count, guint wanted)
{
  while (*count < wanted)
    (void)g_main_context_iteration(NULL, TRUE);
}
