/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cache.h"

#include <pthread.h>
#include <sys/wait.h>

#define N_ROUNDS 1000 /* a tenth of the promise's 10,000 */
#define LARGE 1       /* memory_max_image that makes every image a large one */

/* Puts @data in the place of the image's file, as root or the gateway's own user could. */
static void
replace_file(const Folder *folder, const Image *image, const void *data, gsize size)
{
  folder_write(folder, "other", data, size);
  g_assert_cmpint(renameat(folder->fd, "other", folder->fd, image->name), ==, 0);
}

static void
flip_in_file(const Folder *folder, const Image *image, gsize at)
{
  g_assert_cmpint(fchmodat(folder->fd, image->name, 0600, 0), ==, 0);
  folder_spoil(folder, image->name, (goffset)at, 1, (guint8)~image->data[at]);
}

static void
assert_is_quarantined(const Folder *folder, const Image *image)
{
  g_autofree char *name = g_strconcat("quarantine/", image->name + strlen("blobs/ab/"), NULL);

  g_assert_false(folder_has(folder, image->name));
  g_assert_true(folder_has(folder, name));
}

static void
test_small_images_come_from_memory(void)
{
  Folder folder = folder_new();
  GwStore *store = store_open(&folder, 100 * MIB, MIB);
  Image image = image_new(1, 300000);
  g_autoptr(GwSealed) sealed = NULL;
  Result first, second;
  char byte;

  g_assert_cmpint(ingest(store, &image, &sealed), ==, 0);
  first = serve(store, sealed);
  second = serve(store, sealed);
  g_assert_true(first.is_memory && second.is_memory);
  g_assert_cmpint(first.fd, !=, second.fd);
  g_assert_true(fd_holds(first.fd, &image));
  g_assert_cmpint(read(first.fd, &byte, 1), ==, 1);
  g_assert_cmpint(lseek(second.fd, 0, SEEK_CUR), ==, 0); /* positions of their own */
  g_assert_cmpint(write(first.fd, "x", 1), ==, -1);
  gw_close(&first.fd);
  gw_close(&second.fd);
  gw_store_close(store);
  image_clear(&image);
  folder_clear(&folder);
}

static void
test_large_images_come_from_the_file(void)
{
  Folder folder = folder_new();
  GwStore *store = store_open(&folder, 100 * MIB, LARGE);
  Image image = image_new(2, 300000);
  g_autoptr(GwSealed) sealed = NULL;

  g_assert_cmpint(ingest(store, &image, &sealed), ==, 0);
  for (guint i = 0; i < 3; i++) {
    Result result = serve(store, sealed);

    g_assert_false(result.is_memory);
    g_assert_true(fd_holds(result.fd, &image));
    gw_close(&result.fd);
  }
  gw_store_close(store);
  image_clear(&image);
  folder_clear(&folder);
}

/* Four images fit the budget; more take the place of those that nobody holds, else come from the file. */
static void
test_memory_stays_within_its_budget(void)
{
  Folder folder = folder_new();
  GwStore *store = store_open(&folder, 100 * MIB, 10000);
  GwSealed *sealed[6];

  for (guint i = 0; i < G_N_ELEMENTS(sealed); i++) {
    Image image = image_new(100 + i, 10000);
    Result result;

    g_assert_cmpint(ingest(store, &image, &sealed[i]), ==, 0);
    result = serve(store, sealed[i]);
    g_assert_true(fd_holds(result.fd, &image));
    g_assert_cmpint(result.is_memory, ==, i < 4);
    gw_close(&result.fd);
    image_clear(&image);
  }
  gw_sealed_unref(sealed[0]);
  for (guint i = 1; i < G_N_ELEMENTS(sealed); i++) {
    Result result = serve(store, sealed[i]);

    g_assert_true(result.is_memory);
    gw_close(&result.fd);
    gw_sealed_unref(sealed[i]);
  }
  gw_store_close(store);
  folder_clear(&folder);
}

static void
test_found_after_a_restart(void)
{
  Folder folder = folder_new();
  GwStore *store = store_open(&folder, 100 * MIB, MIB);
  Image image = image_new(3, 300000);
  GwSealed *sealed = NULL, *again = NULL;

  g_assert_cmpint(ingest(store, &image, NULL), ==, 0);
  gw_store_close(store);
  store = store_open(&folder, 100 * MIB, MIB);
  g_assert_cmpint(find(store, &image, &sealed), ==, 0);
  g_assert_cmpint(find(store, &image, &again), ==, 0);
  g_assert_true(sealed == again);
  g_assert_cmpmem(gw_sealed_digests(sealed)->sha256, GW_SHA256_LEN, image.sha256, GW_SHA256_LEN);
  g_assert_cmpuint(gw_sealed_digests(sealed)->md5[0] | gw_sealed_digests(sealed)->md5[1], !=, 0);
  gw_sealed_unref(sealed);
  gw_sealed_unref(again);
  gw_store_close(store);
  image_clear(&image);
  folder_clear(&folder);
}

/* The row says another length: nobody's file is at fault. */
static void
test_another_length_than_the_row_says(void)
{
  Folder folder = folder_new();
  GwStore *store = store_open(&folder, 100 * MIB, MIB);
  Image image = image_new(4, 3000);
  GwSealed *sealed = NULL;

  g_assert_cmpint(ingest(store, &image, NULL), ==, 0);
  image.size++;
  g_assert_cmpint(find(store, &image, &sealed), ==, GW_ERROR_UNTRUSTED);
  image.size--;
  g_assert_cmpint(find(store, &image, &sealed), ==, 0);
  gw_sealed_unref(sealed);
  gw_store_close(store);
  image_clear(&image);
  folder_clear(&folder);
}

/* --- C2 --- */

static void
test_C2_found_before_it_is_sealed_again(void)
{
  Folder folder = folder_new();
  GwStore *store = store_open(&folder, 100 * MIB, MIB);
  Image image = image_new(5, 300000);
  GwSealed *sealed = NULL;

  g_assert_cmpint(ingest(store, &image, NULL), ==, 0);
  gw_store_close(store);
  flip_in_file(&folder, &image, 299999);
  store = store_open(&folder, 100 * MIB, MIB);
  g_assert_cmpint(find(store, &image, &sealed), ==, GW_ERROR_CORRUPT);
  g_assert_null(sealed);
  assert_is_quarantined(&folder, &image);
  g_assert_cmpuint(gw_store_usage(store).used, ==, 0);
  g_assert_cmpint(find(store, &image, &sealed), ==, GW_ERROR_NOT_FOUND);
  g_assert_cmpint(ingest(store, &image, &sealed), ==, 0); /* fetched again */
  gw_sealed_unref(sealed);
  gw_store_close(store);
  image_clear(&image);
  folder_clear(&folder);
}

static void
test_C2_found_before_the_first_byte(void)
{
  static const guint64 memory[] = { MIB, LARGE };

  for (guint i = 0; i < G_N_ELEMENTS(memory); i++) {
    Folder folder = folder_new();
    GwStore *store = store_open(&folder, 100 * MIB, memory[i]);
    Image image = image_new(6, 300000);
    g_autoptr(GwSealed) sealed = NULL;
    Result result;

    g_assert_cmpint(ingest(store, &image, &sealed), ==, 0);
    flip_in_file(&folder, &image, 150000);
    result = serve(store, sealed);
    g_assert_cmpint(result.code, ==, GW_ERROR_CORRUPT);
    assert_is_quarantined(&folder, &image);
    g_assert_cmpint(serve(store, sealed).code, ==, GW_ERROR_NOT_FOUND);
    gw_store_close(store);
    image_clear(&image);
    folder_clear(&folder);
  }
}

/* Truncated, emptied, made longer, a link, a folder, gone. */
static void
spoil(const Folder *folder, const Image *image, guint how)
{
  g_autofree guint8 *longer = g_malloc0(image->size + 1);

  memcpy(longer, image->data, image->size);
  switch (how) {
  case 0:
    replace_file(folder, image, image->data, image->size - 1);
    break;
  case 1:
    replace_file(folder, image, "", 0);
    break;
  case 2:
    replace_file(folder, image, longer, image->size + 1);
    break;
  case 3:
    g_assert_cmpint(renameat(folder->fd, image->name, folder->fd, "moved"), ==, 0);
    g_assert_cmpint(symlinkat("../../moved", folder->fd, image->name), ==, 0);
    break;
  case 4:
    g_assert_cmpint(unlinkat(folder->fd, image->name, 0), ==, 0);
    g_assert_cmpint(mkdirat(folder->fd, image->name, 0700), ==, 0);
    break;
  default:
    g_assert_cmpint(unlinkat(folder->fd, image->name, 0), ==, 0);
    break;
  }
}

static void
test_C2_every_kind_of_damage(void)
{
  for (guint how = 0; how < 6; how++) {
    Folder folder = folder_new();
    GwStore *store = store_open(&folder, 100 * MIB, LARGE);
    Image image = image_new(7, 3000);
    GwSealed *sealed = NULL;
    int expected = how == 5 ? GW_ERROR_NOT_FOUND : GW_ERROR_CORRUPT;

    g_assert_cmpint(ingest(store, &image, &sealed), ==, 0);
    spoil(&folder, &image, how);
    g_assert_cmpint(serve(store, sealed).code, ==, expected);
    gw_sealed_unref(sealed);
    gw_store_close(store);
    image_clear(&image);
    folder_clear(&folder);
  }
}

/* --- U2 --- */

/* What happens between the check and the sending. */
static void
attack(const Folder *folder, const Image *image, guint round)
{
  g_autofree guint8 *other = g_memdup2(image->data, image->size);
  struct stat before;

  other[round % image->size] ^= 0x80;
  switch (round % 4) {
  case 0: /* swapped, same length */
    replace_file(folder, image, other, image->size);
    break;
  case 1: /* reopened for writing */
    flip_in_file(folder, image, round % image->size);
    break;
  case 2: /* modified and set back in time */
    g_assert_cmpint(fstatat(folder->fd, image->name, &before, 0), ==, 0);
    flip_in_file(folder, image, round % image->size);
    g_assert_cmpint(
        utimensat(folder->fd, image->name, (const struct timespec[2]){ before.st_atim, before.st_mtim }, 0),
        ==, 0);
    break;
  default:
    break; /* nothing: the right bytes must come */
  }
}

static void
assert_never_wrong(guint64 memory_max_image)
{
  Folder folder = folder_new();
  Image image = image_new(8, 2000);
  guint n_right = 0;
  GwStore *store = store_open(&folder, 100 * MIB, memory_max_image);

  for (guint i = 0; i < N_ROUNDS; i++) {
    g_autoptr(GwSealed) sealed = NULL;
    Result result;

    if (find(store, &image, &sealed) != 0)
      g_assert_cmpint(ingest(store, &image, &sealed), ==, 0);
    if (i % 3 == 0) { /* it was served before the attack, too */
      result = serve(store, sealed);
      gw_close(&result.fd);
    }
    attack(&folder, &image, i);
    result = serve(store, sealed);
    g_assert_true(result.fd >= 0 || result.code == GW_ERROR_CORRUPT);
    if (result.fd >= 0) {
      g_assert_true(fd_holds(result.fd, &image));
      n_right++;
    }
    gw_close(&result.fd);
    if (i % 4 == 3)
      gw_store_remove(store, image.sha256);
  }
  g_assert_cmpuint(n_right, >=, N_ROUNDS / 4);
  gw_store_close(store);
  image_clear(&image);
  folder_clear(&folder);
}

static void
test_U2_attacked_before_it_is_served_from_memory(void)
{
  assert_never_wrong(MIB);
}

static void
test_U2_attacked_before_it_is_served_from_the_file(void)
{
  assert_never_wrong(LARGE);
}

/* The stamp of a change is not to be set by hand: a file grows old by waiting for the clock. */
static void
wait_until_settled(const Folder *folder, const Image *image)
{
  struct stat st;
  gint64 changed_us;

  g_assert_cmpint(fstatat(folder->fd, image->name, &st, 0), ==, 0);
  changed_us = (gint64)st.st_ctim.tv_sec * G_USEC_PER_SEC + st.st_ctim.tv_nsec / 1000;
  while (g_get_real_time() - changed_us < 150 * 1000)
    g_thread_yield();
}

/* Hashed long after it was written, then served without another hash: until it is another file. */
static void
test_U2_attacked_after_it_was_served_from_the_file(void)
{
  Folder folder = folder_new();
  GwStore *store = store_open(&folder, 100 * MIB, LARGE);
  Image images[4];
  GwSealed *sealed[G_N_ELEMENTS(images)];
  Result result;

  for (guint i = 0; i < G_N_ELEMENTS(images); i++) {
    images[i] = image_new(20 + i, 2000);
    g_assert_cmpint(ingest(store, &images[i], &sealed[i]), ==, 0);
  }
  for (guint i = 0; i < G_N_ELEMENTS(images); i++) {
    wait_until_settled(&folder, &images[i]);
    for (guint n = 0; n < 2; n++) {
      result = serve(store, sealed[i]);
      g_assert_true(fd_holds(result.fd, &images[i]));
      gw_close(&result.fd);
    }
    attack(&folder, &images[i], i);
    result = serve(store, sealed[i]);
    g_assert_cmpint(result.code, ==, i < 3 ? GW_ERROR_CORRUPT : 0);
    gw_close(&result.fd);
    gw_sealed_unref(sealed[i]);
    image_clear(&images[i]);
  }
  gw_store_close(store);
  folder_clear(&folder);
}

typedef struct {
  const Folder *folder;
  const Image *image;
  gint is_over;
} Attacker;

/* Writes good and bad bytes to the place of the file, over and over. */
static gpointer
attack_all_the_time(gpointer data)
{
  Attacker *attacker = data;
  const Image *image = attacker->image;
  g_autofree guint8 *other = g_memdup2(image->data, image->size);

  for (guint i = 0; !g_atomic_int_get(&attacker->is_over); i++) {
    GW_AUTO_FD int fd = -1;

    other[i % image->size] ^= 0x80;
    fd = openat(attacker->folder->fd, image->name, O_RDWR | O_CLOEXEC);
    if (fd >= 0)
      (void)!pwrite(fd, i % 2 ? other : image->data, image->size, 0);
    if (i % 7 == 0)
      replace_file(attacker->folder, image, i % 14 ? other : image->data, image->size);
  }
  return NULL;
}

/* Whatever is written while the copy is made: what was hashed is the copy, and nobody can write to that. */
static void
test_U2_attacked_while_it_is_copied(void)
{
  Folder folder = folder_new();
  Image image = image_new(9, 200000);
  Attacker attacker = { &folder, &image, 0 };
  GwStore *store = store_open(&folder, 100 * MIB, MIB);
  GThread *thread;
  guint n_served = 0;

  g_assert_cmpint(ingest(store, &image, NULL), ==, 0);
  thread = g_thread_new("attacker", attack_all_the_time, &attacker);
  for (guint i = 0; i < N_ROUNDS; i++) {
    GwSealed *sealed = NULL;
    Result result;

    if (find(store, &image, &sealed) != 0 && ingest(store, &image, &sealed) != 0)
      continue;
    result = serve(store, sealed);
    if (result.fd >= 0 && result.is_memory) {
      g_assert_true(fd_holds(result.fd, &image));
      n_served++;
    }
    gw_close(&result.fd);
    gw_sealed_unref(sealed);
    gw_store_remove(store, image.sha256);
  }
  g_atomic_int_set(&attacker.is_over, 1);
  (void)g_thread_join(thread);
  g_assert_cmpuint(n_served, >, 0);
  gw_store_close(store);
  image_clear(&image);
  folder_clear(&folder);
}

/* Exit status of a child that, as another user, tries to write to what @fd is. */
static int
write_as_somebody_else(int fd)
{
  g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", fd);
  int status = 0, writable;
  pid_t child = fork();

  if (child == 0) {
    if (setgid(65534) < 0 || setuid(65534) < 0)
      _exit(2);
    writable = open(path, O_RDWR | O_CLOEXEC);
    _exit((writable < 0 || write(writable, "x", 1) < 0) && write(fd, "x", 1) < 0 ? 0 : 1);
  }
  g_assert_cmpint(waitpid(child, &status, 0), ==, child);
  g_assert_true(WIFEXITED(status));
  return WEXITSTATUS(status);
}

static void
test_U2_the_receiver_cannot_write(void)
{
  static const guint64 memory[] = { MIB, LARGE };

  if (geteuid() != 0)
    g_error("this test needs root, to become another user");
  for (guint i = 0; i < G_N_ELEMENTS(memory); i++) {
    Folder folder = folder_new();
    GwStore *store = store_open(&folder, 100 * MIB, memory[i]);
    Image image = image_new(10, 3000);
    g_autoptr(GwSealed) sealed = NULL;
    Result result;

    g_assert_cmpint(ingest(store, &image, &sealed), ==, 0);
    result = serve(store, sealed);
    g_assert_cmpint(result.is_memory, ==, i == 0);
    g_assert_cmpint(write_as_somebody_else(result.fd), ==, 0);
    if (result.is_memory) { /* not even we ourselves */
      g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", result.fd);
      GW_AUTO_FD int writable = open(path, O_RDWR | O_CLOEXEC);

      g_assert_true(writable < 0 || write(writable, "x", 1) < 0);
      g_assert_cmpint(ftruncate(writable, 0), <, 0);
    }
    gw_close(&result.fd);
    gw_store_close(store);
    image_clear(&image);
    folder_clear(&folder);
  }
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/store/serve/small-images-come-from-memory", test_small_images_come_from_memory);
  g_test_add_func("/store/serve/large-images-come-from-the-file", test_large_images_come_from_the_file);
  g_test_add_func("/store/serve/memory-stays-within-its-budget", test_memory_stays_within_its_budget);
  g_test_add_func("/store/serve/found-after-a-restart", test_found_after_a_restart);
  g_test_add_func("/store/serve/another-length-than-the-row-says", test_another_length_than_the_row_says);
  g_test_add_func("/promise/C2/found-before-it-is-sealed-again", test_C2_found_before_it_is_sealed_again);
  g_test_add_func("/promise/C2/found-before-the-first-byte", test_C2_found_before_the_first_byte);
  g_test_add_func("/promise/C2/every-kind-of-damage", test_C2_every_kind_of_damage);
  g_test_add_func("/promise/U2/attacked-before-it-is-served-from-memory",
                  test_U2_attacked_before_it_is_served_from_memory);
  g_test_add_func("/promise/U2/attacked-before-it-is-served-from-the-file",
                  test_U2_attacked_before_it_is_served_from_the_file);
  g_test_add_func("/promise/U2/attacked-after-it-was-served-from-the-file",
                  test_U2_attacked_after_it_was_served_from_the_file);
  g_test_add_func("/promise/U2/attacked-while-it-is-copied", test_U2_attacked_while_it_is_copied);
  g_test_add_func("/promise/U2/the-receiver-cannot-write", test_U2_the_receiver_cannot_write);
  return g_test_run();
}
