/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Images that are half here, kept over restarts so that a fetch can go on where it was cut. A part proves
 * nothing: all of it is hashed again when it goes on. Beside it lies the validator under which its sender
 * began. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "store/store-private.h"

#define PART_SUFFIX ".part"
#define VALIDATOR_SUFFIX ".validator"
#define MAX_VALIDATOR 127
#define MAX_AGE_MS ((gint64)30 * 24 * 3600 * 1000)

static gboolean
is_known(const guint8 sha256[GW_SHA256_LEN])
{
  static const guint8 unknown[GW_SHA256_LEN];

  return memcmp(sha256, unknown, GW_SHA256_LEN) != 0;
}

void
gw_part_name(const guint8 sha256[GW_SHA256_LEN], char ret_name[GW_PART_NAME_LEN])
{
  char hex[GW_SHA256_HEX_LEN + 1];
  guint8 unique[8];

  if (is_known(sha256)) {
    gw_hex(sha256, GW_SHA256_LEN, hex);
    g_snprintf(ret_name, GW_PART_NAME_LEN, "%s" PART_SUFFIX, hex);
    return;
  }
  gw_random(unique, sizeof unique);
  gw_hex(unique, sizeof unique, hex);
  g_snprintf(ret_name, GW_PART_NAME_LEN, "new-%s" PART_SUFFIX, hex);
}

static void
validator_name(const char *part, char ret_name[GW_PART_NAME_LEN])
{
  g_snprintf(ret_name, GW_PART_NAME_LEN, "%.*s" VALIDATOR_SUFFIX, GW_SHA256_HEX_LEN, part);
}

void
gw_part_drop(GwStore *store, const char *name)
{
  char validator[GW_PART_NAME_LEN];

  (void)unlinkat(store->parts_fd, name, 0);
  validator_name(name, validator);
  (void)unlinkat(store->parts_fd, validator, 0);
}

static int
open_anew(GwStore *store, const char *name, GError **error)
{
  int fd;

  (void)unlinkat(store->parts_fd, name, 0);
  fd = openat(store->parts_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0)
    gw_fail_errno(error, errno, "cannot make a file in the cache");
  return fd;
}

/* A kill between sealing and publishing leaves it read-only. */
static gboolean
make_writable(GwStore *store, const char *name, guint64 size, GError **error)
{
  GW_AUTO_FD int fd = openat(store->parts_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  struct stat st;

  if (fd < 0 || fstat(fd, &st) < 0)
    return gw_fail_errno(error, errno, "cannot find the part of the image");
  if (!S_ISREG(st.st_mode) || (guint64)st.st_size < size || st.st_nlink != 1)
    return gw_fail(error, GW_ERROR_CORRUPT, "the part of the image is not what it was");
  if (fchmod(fd, 0600) < 0)
    return gw_fail_errno(error, errno, "cannot use the part of the image");
  return TRUE;
}

int
gw_part_open(GwStore *store, const char *name, guint64 offset, GError **error)
{
  GW_AUTO_FD int fd = -1;

  if (offset == 0)
    return open_anew(store, name, error);
  if (!make_writable(store, name, offset, error))
    return -1;
  fd = openat(store->parts_fd, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0 || ftruncate(fd, (off_t)offset) < 0 || lseek(fd, (off_t)offset, SEEK_SET) < 0) {
    gw_fail_errno(error, errno, "cannot use the part of the image");
    return -1;
  }
  return g_steal_fd(&fd);
}

void
gw_part_take(GwStore *store, const guint8 sha256[GW_SHA256_LEN])
{
  const GwPart *part = g_hash_table_lookup(store->parts, sha256);

  if (!part)
    return;
  store->part_bytes -= part->size;
  g_hash_table_remove(store->parts, sha256);
}

void
gw_part_rest(GwStore *store, const guint8 sha256[GW_SHA256_LEN])
{
  char name[GW_PART_NAME_LEN];
  GwPart *part;
  struct stat st;

  if (!is_known(sha256))
    return;
  gw_part_name(sha256, name);
  if (fstatat(store->parts_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
    return;
  part = g_new0(GwPart, 1);
  memcpy(part->sha256, sha256, GW_SHA256_LEN);
  part->size = (guint64)st.st_size;
  part->changed_ms = (gint64)st.st_mtim.tv_sec * 1000;
  store->part_bytes += part->size;
  g_hash_table_insert(store->parts, part->sha256, part);
}

static gboolean
has_part(GwStore *store, const guint8 sha256[GW_SHA256_LEN])
{
  char name[GW_PART_NAME_LEN];
  struct stat st;

  gw_part_name(sha256, name);
  return fstatat(store->parts_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);
}

/* Drops what cannot go on: without a digest for a name, without a part, or old. */
static void
scan_entry(GwStore *store, const char *name)
{
  char digits[GW_SHA256_HEX_LEN + 1];
  guint8 sha256[GW_SHA256_LEN];
  const GwPart *part;
  gboolean is_validator = g_str_has_suffix(name, VALIDATOR_SUFFIX);

  g_strlcpy(digits, name, sizeof digits);
  if (is_validator && gw_unhex(digits, GW_SHA256_LEN, sha256) && has_part(store, sha256))
    return;
  if (!g_str_has_suffix(name, PART_SUFFIX) || !gw_unhex(digits, GW_SHA256_LEN, sha256)) {
    (void)unlinkat(store->parts_fd, name, 0);
    return;
  }
  gw_part_rest(store, sha256);
  part = g_hash_table_lookup(store->parts, sha256);
  if (part && part->changed_ms < gw_clock_wall_ms() - MAX_AGE_MS) {
    gw_part_take(store, sha256);
    gw_part_drop(store, name);
  }
}

void
gw_parts_scan(GwStore *store)
{
  int fd = openat(store->parts_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
  const struct dirent *entry;

  if (!dir) {
    gw_close(&fd);
    return;
  }
  while ((entry = readdir(dir)))
    if (entry->d_name[0] != '.')
      scan_entry(store, entry->d_name);
  (void)closedir(dir);
}

static int
by_age(gconstpointer a, gconstpointer b)
{
  gint64 left = (*(const GwPart *const *)a)->changed_ms, right = (*(const GwPart *const *)b)->changed_ms;

  return left < right ? -1 : left > right;
}

guint64
gw_parts_evict(GwStore *store, guint64 bytes)
{
  g_autoptr(GPtrArray) parts = g_ptr_array_new();
  GHashTableIter iter;
  gpointer part;
  guint64 freed = 0;

  g_hash_table_iter_init(&iter, store->parts);
  while (g_hash_table_iter_next(&iter, NULL, &part))
    if (!((const GwPart *)part)->is_wanted)
      g_ptr_array_add(parts, part);
  g_ptr_array_sort(parts, by_age);
  for (guint i = 0; i < parts->len && freed < bytes; i++) {
    const GwPart *oldest = g_ptr_array_index(parts, i);
    char name[GW_PART_NAME_LEN];

    freed += oldest->size;
    gw_part_name(oldest->sha256, name);
    gw_part_drop(store, name);
    gw_part_take(store, oldest->sha256);
  }
  return freed;
}

guint64
gw_store_part(GwStore *store, const guint8 sha256[GW_SHA256_LEN], char ret_validator[128])
{
  GwPart *part = g_hash_table_lookup(store->parts, sha256);
  char name[GW_PART_NAME_LEN], file[GW_PART_NAME_LEN];
  g_autofree char *text = NULL;
  gsize size;

  *ret_validator = '\0';
  if (!part)
    return 0;
  part->is_wanted = TRUE;
  gw_part_name(sha256, name);
  validator_name(name, file);
  if (gw_file_read(store->parts_fd, file, MAX_VALIDATOR, &text, &size, NULL))
    g_strlcpy(ret_validator, text, MAX_VALIDATOR + 1);
  return part->size;
}

/* Not synced: what a power cut leaves of it is checked by the sender, and the whole image by its digest. A
 * longer one cannot be used: then the next fetch begins at 0. */
void
gw_store_set_part_validator(GwStore *store, const guint8 sha256[GW_SHA256_LEN], const char *validator)
{
  char name[GW_PART_NAME_LEN], file[GW_PART_NAME_LEN];
  gsize size = strlen(validator);
  GW_AUTO_FD int fd = -1;

  gw_part_name(sha256, name);
  validator_name(name, file);
  (void)unlinkat(store->parts_fd, file, 0);
  if (size == 0 || size > MAX_VALIDATOR)
    return;
  fd = openat(store->parts_fd, file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0 || !gw_write_all(fd, validator, size, NULL))
    (void)unlinkat(store->parts_fd, file, 0);
}
