/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"

typedef struct {
  char *path;
  int fd;
} Folder;

static void
folder_set_up(Folder *folder, gconstpointer unused)
{
  folder->path = g_dir_make_tmp("gw-file-XXXXXX", NULL);
  g_assert_nonnull(folder->path);
  folder->fd = open(folder->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static guint
folder_count(const Folder *folder)
{
  g_autoptr(GDir) dir = g_dir_open(folder->path, 0, NULL);
  guint n = 0;

  while (g_dir_read_name(dir))
    n++;
  return n;
}

static void
folder_tear_down(Folder *folder, gconstpointer unused)
{
  g_autoptr(GDir) dir = g_dir_open(folder->path, 0, NULL);
  const char *name;

  while ((name = g_dir_read_name(dir)))
    g_assert_cmpint(unlinkat(folder->fd, name, 0), ==, 0);
  g_assert_cmpint(rmdir(folder->path), ==, 0);
  gw_close(&folder->fd);
  g_free(folder->path);
}

static void
test_replace_and_read(Folder *folder, gconstpointer unused)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *data = NULL;
  struct stat st;
  gsize size;

  g_assert_true(gw_file_replace(folder->fd, "a", "old", 3, 0640, &error));
  g_assert_true(gw_file_replace(folder->fd, "a", "new\0er", 6, 0600, &error));
  g_assert_no_error(error);
  g_assert_true(gw_file_read(folder->fd, "a", 6, &data, &size, &error));
  g_assert_cmpmem(data, size, "new\0er", 6);
  g_assert_cmpint(data[6], ==, '\0');
  g_assert_cmpint(fstatat(folder->fd, "a", &st, 0), ==, 0);
  g_assert_cmpint(st.st_mode & 07777, ==, 0600);
  g_assert_cmpuint(folder_count(folder), ==, 1);
}

static void
test_a_failed_replace_leaves_the_old(Folder *folder, gconstpointer unused)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *data = NULL;
  struct rlimit old, small;

  g_assert_true(gw_file_replace(folder->fd, "a", "old", 3, 0600, &error));
  g_assert_cmpint(getrlimit(RLIMIT_FSIZE, &old), ==, 0);
  small = (struct rlimit){ 2, old.rlim_max };
  g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &small), ==, 0);
  g_assert_false(gw_file_replace(folder->fd, "a", "newer", 5, 0600, &error));
  g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &old), ==, 0);
  g_assert_true(g_str_has_prefix(error->message, "a: cannot write: "));
  g_assert_true(gw_file_read(folder->fd, "a", 10, &data, NULL, NULL));
  g_assert_cmpstr(data, ==, "old");
  g_assert_cmpuint(folder_count(folder), ==, 1);
}

static void
test_a_folder_is_not_replaced(Folder *folder, gconstpointer unused)
{
  g_autoptr(GError) error = NULL;

  g_assert_cmpint(mkdirat(folder->fd, "d", 0700), ==, 0);
  g_assert_false(gw_file_replace(folder->fd, "d", "x", 1, 0600, &error));
  g_assert_true(g_str_has_prefix(error->message, "cannot replace d: "));
  g_assert_cmpuint(folder_count(folder), ==, 1);
  g_assert_cmpint(unlinkat(folder->fd, "d", AT_REMOVEDIR), ==, 0);
}

static void
test_read_refuses(Folder *folder, gconstpointer unused)
{
  g_autoptr(GError) missing = NULL, large = NULL, fifo = NULL, dir = NULL;
  char *data = NULL;
  gsize size = 4242;

  g_assert_true(gw_file_replace(folder->fd, "a", "1234567", 7, 0600, NULL));
  g_assert_cmpint(mkfifoat(folder->fd, "fifo", 0600), ==, 0);
  g_assert_false(gw_file_read(folder->fd, "b", 10, &data, &size, &missing));
  g_assert_error(missing, GW_ERROR, GW_ERROR_NOT_FOUND);
  g_assert_false(gw_file_read(folder->fd, "a", 6, &data, &size, &large));
  g_assert_error(large, GW_ERROR, GW_ERROR_BAD_INPUT);
  g_assert_cmpstr(large->message, ==, "a: larger than 6 bytes");
  g_assert_false(gw_file_read(folder->fd, "fifo", 10, &data, &size, &fifo));
  g_assert_error(fifo, GW_ERROR, GW_ERROR_BAD_INPUT);
  g_assert_false(gw_file_read(folder->fd, ".", 10, &data, &size, &dir));
  g_assert_error(dir, GW_ERROR, GW_ERROR_BAD_INPUT);
  g_assert_null(data);
  g_assert_cmpuint(size, ==, 4242);
}

/* Files of /proc say that they are empty. */
static void
test_read_proc(void)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *data = NULL;
  gsize size;

  g_assert_true(gw_file_read(AT_FDCWD, "/proc/self/maps", 1 << 20, &data, &size, &error));
  g_assert_cmpuint(size, >, 100);
}

static void
test_read_keeps_the_position(void)
{
  GW_AUTO_FD int fd = gw_memfd_sealed("t", "0123456789", 10, NULL);
  g_autofree char *data = NULL;
  gsize size;

  g_assert_cmpint(lseek(fd, 7, SEEK_SET), ==, 7);
  g_assert_true(gw_fd_read(fd, 10, &data, &size, NULL));
  g_assert_cmpmem(data, size, "0123456789", 10);
  g_assert_cmpint(lseek(fd, 0, SEEK_CUR), ==, 7);
}

static void
test_read_large(void)
{
  g_autofree char *bytes = g_strnfill(300000, 'y');
  GW_AUTO_FD int fd = gw_memfd_sealed("t", bytes, 300000, NULL);
  g_autofree char *data = NULL;
  gsize size;

  g_assert_true(gw_fd_read(fd, 300000, &data, &size, NULL));
  g_assert_cmpmem(data, size, bytes, 300000);
  g_assert_false(gw_fd_read(fd, 299999, &data, &size, NULL));
}

static void
test_a_sealed_memfd_cannot_change(void)
{
  GW_AUTO_FD int fd = gw_memfd_sealed("t", "abc", 3, NULL);
  g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", fd);
  GW_AUTO_FD int again = open(path, O_RDWR | O_CLOEXEC);

  g_assert_cmpint(again, >=, 0);
  g_assert_cmpint(pwrite(again, "x", 1, 0), ==, -1);
  g_assert_cmpint(errno, ==, EPERM);
  g_assert_cmpint(ftruncate(again, 0), ==, -1);
  g_assert_cmpint(ftruncate(again, 100), ==, -1);
  g_assert_true(mmap(NULL, 3, PROT_READ | PROT_WRITE, MAP_SHARED, again, 0) == MAP_FAILED);
  g_assert_cmpint(fcntl(again, F_ADD_SEALS, F_SEAL_WRITE), ==, -1);
}

static void
test_close_is_safe(void)
{
  int fd = dup(STDOUT_FILENO);

  gw_close(&fd);
  g_assert_cmpint(fd, ==, -1);
  gw_close(&fd);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  signal(SIGXFSZ, SIG_IGN);
#define ADD(path, function) g_test_add(path, Folder, NULL, folder_set_up, function, folder_tear_down)
  ADD("/file/replace-and-read", test_replace_and_read);
  ADD("/file/a-failed-replace-leaves-the-old", test_a_failed_replace_leaves_the_old);
  ADD("/file/a-folder-is-not-replaced", test_a_folder_is_not_replaced);
  ADD("/file/read-refuses", test_read_refuses);
  g_test_add_func("/file/read-proc", test_read_proc);
  g_test_add_func("/file/read-keeps-the-position", test_read_keeps_the_position);
  g_test_add_func("/file/read-large", test_read_large);
  g_test_add_func("/file/a-sealed-memfd-cannot-change", test_a_sealed_memfd_cannot_change);
  g_test_add_func("/file/close-is-safe", test_close_is_safe);
  return g_test_run();
}
