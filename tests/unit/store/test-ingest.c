/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cache.h"

#include <fcntl.h>
#include <signal.h>

static void
assert_nothing_is_here(const Folder *folder, GwStore *store, const Image *image)
{
  g_autoptr(GwSealed) sealed = NULL;
  g_autoptr(GPtrArray) names = gw_store_list(store);

  g_assert_cmpuint(names->len, ==, 0);
  g_assert_false(folder_has(folder, image->name));
  g_assert_false(folder_has(folder, image->part));
  g_assert_cmpint(find(store, image, &sealed), ==, GW_ERROR_NOT_FOUND);
  g_assert_null(sealed);
  g_assert_cmpuint(gw_store_usage(store).used, ==, 0);
}

static void
test_an_image_is_published_whole(void)
{
  Folder folder = folder_new();
  GwStore *store = store_open(&folder, 100 * MIB, MIB);
  Image image = image_new(1, 300000);
  g_autoptr(GwSealed) sealed = NULL;
  struct stat st;

  g_assert_cmpint(ingest(store, &image, &sealed), ==, 0);
  g_assert_nonnull(sealed);
  g_assert_cmpuint(gw_sealed_size(sealed), ==, image.size);
  g_assert_cmpmem(gw_sealed_digests(sealed)->sha256, GW_SHA256_LEN, image.sha256, GW_SHA256_LEN);
  g_assert_cmpuint(gw_sealed_digests(sealed)->crc32, !=, 0);
  g_assert_cmpint(fstatat(folder.fd, image.name, &st, 0), ==, 0);
  g_assert_cmpuint(st.st_mode & 07777, ==, 0400);
  g_assert_cmpuint((guint64)st.st_size, ==, image.size);
  g_assert_false(folder_has(&folder, image.part));
  g_assert_cmpuint(gw_store_usage(store).used, ==, image.size);
  g_assert_cmpuint(gw_store_usage(store).n_blobs, ==, 1);
  gw_store_close(store);
  image_clear(&image);
  folder_clear(&folder);
}

static void
test_an_unknown_digest_is_named(void)
{
  Folder folder = folder_new();
  GwStore *store = store_open(&folder, 100 * MIB, MIB);
  Image image = image_new(2, 5000);
  const GwExpected expected = { .max_size = MIB };
  g_autoptr(GwSealed) sealed = NULL;

  g_assert_cmpint(ingest_fd(store, &expected, fd_with(image.data, image.size), &sealed), ==, 0);
  g_assert_cmpmem(gw_sealed_digests(sealed)->sha256, GW_SHA256_LEN, image.sha256, GW_SHA256_LEN);
  g_assert_true(folder_has(&folder, image.name));
  gw_store_close(store);
  image_clear(&image);
  folder_clear(&folder);
}

/* --- U1 --- */

static void
test_U1_wrong_digest(void)
{
  Folder folder = folder_new();
  GwStore *store = store_open(&folder, 100 * MIB, MIB);
  Image image = image_new(3, 70000);

  for (gsize i = 0; i < image.size; i += 9999) {
    image.data[i] ^= 1;
    g_assert_cmpint(ingest(store, &image, NULL), ==, GW_ERROR_UNTRUSTED);
    image.data[i] ^= 1;
    assert_nothing_is_here(&folder, store, &image);
  }
  gw_store_close(store);
  image_clear(&image);
  folder_clear(&folder);
}

static void
test_U1_wrong_length(void)
{
  Folder folder = folder_new();
  GwStore *store = store_open(&folder, 100 * MIB, MIB);
  Image image = image_new(4, 70000);
  static const int changes[] = { -70000, -1, 1, 100 };
  g_autofree guint8 *longer = g_malloc0(image.size + 100);

  memcpy(longer, image.data, image.size);
  for (guint i = 0; i < G_N_ELEMENTS(changes); i++) {
    const GwExpected expected = expect(&image);
    int fd = fd_with(longer, image.size + (gsize)changes[i]);

    g_assert_cmpint(ingest_fd(store, &expected, fd, NULL), ==, GW_ERROR_UNTRUSTED);
    assert_nothing_is_here(&folder, store, &image);
  }
  gw_store_close(store);
  image_clear(&image);
  folder_clear(&folder);
}

/* The length alone, where the digest is not known. */
static void
test_U1_wrong_length_without_digest(void)
{
  Folder folder = folder_new();
  GwStore *store = store_open(&folder, 100 * MIB, MIB);
  Image image = image_new(5, 1000);
  const GwExpected expected = { .size = 1001, .max_size = MIB };

  g_assert_cmpint(ingest_fd(store, &expected, fd_with(image.data, image.size), NULL), ==, GW_ERROR_UNTRUSTED);
  assert_nothing_is_here(&folder, store, &image);
  gw_store_close(store);
  image_clear(&image);
  folder_clear(&folder);
}

static char *
key_text(const char *command)
{
  g_autoptr(GError) error = NULL;
  char *text = NULL;
  int status = -1;

  g_assert_true(g_spawn_command_line_sync(command, &text, NULL, &status, &error));
  g_assert_no_error(error);
  g_assert_cmpint(status, ==, 0);
  return text;
}

/* Caller frees; the keyring holds the other half. */
static GwKeyring *
new_key(const Folder *folder, char **ret_private)
{
  g_autofree char *path = g_build_filename(folder->path, "key.pem", NULL);
  g_autofree char *command = g_strdup_printf("openssl pkey -pubout -in %s", path);
  g_autofree char *public = NULL;
  g_autoptr(GError) error = NULL;
  GwKeyring *keyring = gw_keyring_new();

  *ret_private = key_text("openssl genpkey -algorithm ed25519");
  folder_write(folder, "key.pem", *ret_private, strlen(*ret_private));
  public = key_text(command);
  g_assert_true(gw_keyring_add(keyring, "maker", public, strlen(public), NULL, &error));
  g_assert_no_error(error);
  return keyring;
}

static void
test_U1_signature(void)
{
  Folder folder = folder_new();
  GwStore *store = store_open(&folder, 100 * MIB, MIB);
  Image image = image_new(6, 4096), other = image_new(7, 4096);
  g_autofree char *private = NULL;
  g_autofree char *stranger_private = key_text("openssl genpkey -algorithm ed25519");
  g_autoptr(GwKeyring) keyring = new_key(&folder, &private);
  g_autofree char *good = gw_sign(private, strlen(private), image.sha256, GW_SHA256_LEN, NULL);
  g_autofree char *of_other = gw_sign(private, strlen(private), other.sha256, GW_SHA256_LEN, NULL);
  g_autofree char *by_stranger =
      gw_sign(stranger_private, strlen(stranger_private), image.sha256, GW_SHA256_LEN, NULL);
  const char *bad[] = { NULL, "", "AAAA", of_other, by_stranger };
  GwExpected expected = expect(&image);

  expected.image_keys = keyring;
  for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
    expected.signature = bad[i];
    g_assert_cmpint(ingest_fd(store, &expected, fd_with(image.data, image.size), NULL), ==,
                    GW_ERROR_UNTRUSTED);
    assert_nothing_is_here(&folder, store, &image);
  }
  expected.signature = good;
  g_assert_cmpint(ingest_fd(store, &expected, fd_with(image.data, image.size), NULL), ==, 0);
  gw_store_close(store);
  image_clear(&image);
  image_clear(&other);
  folder_clear(&folder);
}

/* --- U5 --- */

static guint64
used_on_disk(const char *path)
{
  g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
  const char *name;
  guint64 used = 0;

  while (dir && (name = g_dir_read_name(dir))) {
    g_autofree char *below = g_build_filename(path, name, NULL);
    struct stat st;

    if (lstat(below, &st) == 0)
      used += S_ISDIR(st.st_mode) ? used_on_disk(below) : (guint64)st.st_blocks * 512;
  }
  return used;
}

static guint64
peak_memory(void)
{
  g_autofree char *status = NULL;
  const char *line;

  g_assert_true(g_file_get_contents("/proc/self/status", &status, NULL, NULL));
  line = strstr(status, "VmHWM:");
  g_assert_nonnull(line);
  return g_ascii_strtoull(line + strlen("VmHWM:"), NULL, 10) * 1024;
}

/* Peak = now. */
static void
forget_peak(void)
{
  GW_AUTO_FD int fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);

  if (fd < 0 || write(fd, "5", 1) != 1)
    g_error("peak memory cannot be measured: %s", g_strerror(errno));
}

typedef struct {
  int fd;
  guint64 n_taken; /* that found room in the pipe, or were read */
} Source;

/* Zeros until nobody listens any more. */
static gpointer
pour(gpointer data)
{
  static const guint8 zeros[65536];
  Source *source = data;
  ssize_t n;

  while ((n = write(source->fd, zeros, sizeof zeros)) > 0)
    source->n_taken += (guint64)n;
  gw_close(&source->fd);
  return NULL;
}

/* How much of an endless source was taken, or was seen on the disk: the larger. */
static guint64
watch_endless(const Folder *folder, GwStore *store, const GwExpected *expected, int wanted_code)
{
  g_autoptr(GError) error = NULL;
  Result result = { 0 };
  Source source = { 0 };
  GThread *thread;
  guint64 most = 0;
  int fds[2];

  g_assert_cmpint(pipe2(fds, O_CLOEXEC), ==, 0);
  source.fd = fds[1];
  g_assert_nonnull(gw_ingest_start(store, expected, fds[0], note_ingested, &result, &error));
  thread = g_thread_new("source", pour, &source);
  while (!result.is_done) {
    (void)g_main_context_iteration(NULL, FALSE);
    most = MAX(most, used_on_disk(folder->path));
  }
  (void)g_thread_join(thread);
  g_assert_cmpint(result.code, ==, wanted_code);
  return MAX(most, source.n_taken);
}

static void
test_U5_endless_image(void)
{
  Folder folder = folder_new();
  GwStore *store = store_open(&folder, 64 * MIB, MIB);
  Image image = image_new(8, 1000);
  GwExpected announced = { .size = 20 * MIB, .max_size = 256 * MIB };
  const GwExpected unknown = { .max_size = 24 * MIB }, beyond_cache = { .max_size = 256 * MIB };
  guint64 before;

  memset(announced.sha256, 7, GW_SHA256_LEN);
  forget_peak();
  before = peak_memory();
  g_assert_cmpuint(watch_endless(&folder, store, &announced, GW_ERROR_UNTRUSTED), <=, 20 * MIB + MIB);
  g_assert_cmpuint(watch_endless(&folder, store, &unknown, GW_ERROR_BAD_INPUT), <=, 24 * MIB + MIB);
  g_assert_cmpuint(watch_endless(&folder, store, &beyond_cache, GW_ERROR_BAD_INPUT), <=, 64 * MIB + MIB);
  /* A sanitizer's shadow is larger than what it looks at. */
  g_assert_cmpuint(peak_memory() - before, <, IS_SANITIZED ? 1024 * MIB : 4 * MIB);
  assert_nothing_is_here(&folder, store, &image);
  gw_store_close(store);
  image_clear(&image);
  folder_clear(&folder);
}

static void
test_U5_too_large_is_refused_at_once(void)
{
  Folder folder = folder_new();
  GwStore *store = store_open(&folder, 64 * MIB, MIB);
  const GwExpected expected = { .size = 2 * MIB, .max_size = MIB };
  int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);

  g_assert_cmpint(ingest_fd(store, &expected, fd, NULL), ==, GW_ERROR_BAD_INPUT);
  g_assert_cmpint(fcntl(fd, F_GETFD), ==, -1); /* it was taken all the same */
  gw_store_close(store);
  folder_clear(&folder);
}

/* --- resume --- */

typedef struct {
  GwIngest *ingest;
  Result result;
  int write_fd;
} Stream;

static void
stream_start(Stream *stream, GwStore *store, const Image *image, guint64 offset)
{
  GwExpected expected = expect(image);
  g_autoptr(GError) error = NULL;
  int fds[2];

  expected.offset = offset;
  g_assert_cmpint(pipe2(fds, O_CLOEXEC), ==, 0);
  *stream = (Stream){ .write_fd = fds[1] };
  stream->ingest = gw_ingest_start(store, &expected, fds[0], note_ingested, &stream->result, &error);
  g_assert_no_error(error);
}

static int
stream_end(Stream *stream)
{
  gw_close(&stream->write_fd);
  wait_for(&stream->result.is_done);
  gw_sealed_unref(stream->result.sealed);
  return stream->result.code;
}

static void
test_a_cut_fetch_goes_on(void)
{
  Folder folder = folder_new();
  GwStore *store = store_open(&folder, 100 * MIB, MIB);
  Image image = image_new(9, 300000);
  char validator[128];
  Stream stream;

  g_assert_cmpuint(gw_store_part(store, image.sha256, validator), ==, 0);
  stream_start(&stream, store, &image, 0);
  gw_store_set_part_validator(store, image.sha256, "\"etag-1\"");
  g_assert_true(gw_write_all(stream.write_fd, image.data, 100000, NULL));
  gw_ingest_abort(stream.ingest);
  g_assert_cmpint(stream_end(&stream), ==, GW_ERROR_OFFLINE);
  g_assert_cmpuint(gw_store_part(store, image.sha256, validator), ==, 100000);
  g_assert_cmpstr(validator, ==, "\"etag-1\"");
  gw_store_close(store);

  store = store_open(&folder, 100 * MIB, MIB); /* a restart between */
  g_assert_cmpuint(gw_store_usage(store).used, ==, 100000);
  g_assert_cmpuint(gw_store_part(store, image.sha256, validator), ==, 100000);
  g_assert_cmpstr(validator, ==, "\"etag-1\"");
  stream_start(&stream, store, &image, 100000);
  g_assert_cmpuint(gw_ingest_received(stream.ingest), ==, 100000);
  g_assert_true(gw_write_all(stream.write_fd, image.data + 100000, 200000, NULL));
  g_assert_cmpint(stream_end(&stream), ==, 0);
  g_assert_true(folder_has(&folder, image.name));
  g_assert_cmpuint(gw_store_part(store, image.sha256, validator), ==, 0);
  g_assert_cmpuint(gw_store_usage(store).used, ==, image.size);
  gw_store_close(store);
  image_clear(&image);
  folder_clear(&folder);
}

/* Part of one file, rest of another; or a part that rotted. */
static void
test_a_wrong_part_never_becomes_an_image(void)
{
  Folder folder = folder_new();
  Image image = image_new(10, 300000);
  GwStore *store;
  Stream stream;

  g_assert_cmpint(mkdirat(folder.fd, "parts", 0700), ==, 0);
  folder_write(&folder, image.part, image.data, 100000);
  folder_spoil(&folder, image.part, 50000, 1, (guint8)~image.data[50000]);
  store = store_open(&folder, 100 * MIB, MIB);
  stream_start(&stream, store, &image, 100000);
  g_assert_true(gw_write_all(stream.write_fd, image.data + 100000, 200000, NULL));
  g_assert_cmpint(stream_end(&stream), ==, GW_ERROR_UNTRUSTED);
  assert_nothing_is_here(&folder, store, &image);
  gw_store_close(store);
  image_clear(&image);
  folder_clear(&folder);
}

static void
test_a_part_that_is_shorter_than_said(void)
{
  Folder folder = folder_new();
  Image image = image_new(11, 300000);
  GwStore *store;
  Stream stream;

  g_assert_cmpint(mkdirat(folder.fd, "parts", 0700), ==, 0);
  folder_write(&folder, image.part, image.data, 100000);
  store = store_open(&folder, 100 * MIB, MIB);
  g_assert_cmpint(unlinkat(folder.fd, image.part, 0), ==, 0);
  folder_write(&folder, image.part, image.data, 99999);
  stream_start(&stream, store, &image, 100000);
  g_assert_cmpint(stream_end(&stream), ==, GW_ERROR_CORRUPT);
  assert_nothing_is_here(&folder, store, &image);
  gw_store_close(store);
  image_clear(&image);
  folder_clear(&folder);
}

/* A link put in the place of a part is not followed. */
static void
test_a_part_is_never_a_link(void)
{
  Folder folder = folder_new();
  Image image = image_new(12, 3000);
  GwStore *store;
  Stream stream;

  g_assert_cmpint(mkdirat(folder.fd, "parts", 0700), ==, 0);
  folder_write(&folder, "victim", image.data, 1000);
  g_assert_cmpint(symlinkat("../victim", folder.fd, image.part), ==, 0);
  store = store_open(&folder, 100 * MIB, MIB);
  stream_start(&stream, store, &image, 500);
  g_assert_cmpint(stream_end(&stream), !=, 0);
  g_assert_cmpint(folder_size(&folder, "victim"), ==, 1000);
  g_assert_cmpint(symlinkat("../victim", folder.fd, image.part) == 0 || errno == EEXIST, ==, TRUE);
  g_assert_cmpint(ingest(store, &image, NULL), ==, 0);
  g_assert_cmpint(folder_size(&folder, "victim"), ==, 1000);
  gw_store_close(store);
  image_clear(&image);
  folder_clear(&folder);
}

/* A kill after the part was made read-only, before it was published. */
static void
test_a_read_only_part_goes_on(void)
{
  Folder folder = folder_new();
  Image image = image_new(13, 3000);
  GwExpected expected = expect(&image);
  GwStore *store;
  char validator[128];

  expected.offset = image.size;
  g_assert_cmpint(mkdirat(folder.fd, "parts", 0700), ==, 0);
  folder_write(&folder, image.part, image.data, image.size);
  g_assert_cmpint(fchmodat(folder.fd, image.part, 0400, 0), ==, 0);
  store = store_open(&folder, 100 * MIB, MIB);
  g_assert_cmpuint(gw_store_part(store, image.sha256, validator), ==, image.size);
  g_assert_cmpint(ingest_fd(store, &expected, fd_with("", 0), NULL), ==, 0);
  gw_store_close(store);
  image_clear(&image);
  folder_clear(&folder);
}

static void
test_a_sender_may_begin_again(void)
{
  Folder folder = folder_new();
  Image image = image_new(14, 300000);
  GwStore *store;
  Stream stream;

  g_assert_cmpint(mkdirat(folder.fd, "parts", 0700), ==, 0);
  folder_write(&folder, image.part, "something else altogether", 25);
  store = store_open(&folder, 100 * MIB, MIB);
  stream_start(&stream, store, &image, 25);
  gw_ingest_restart(stream.ingest);
  g_assert_cmpuint(gw_ingest_received(stream.ingest), ==, 0);
  g_assert_true(gw_write_all(stream.write_fd, image.data, image.size, NULL));
  g_assert_cmpint(stream_end(&stream), ==, 0);
  gw_store_close(store);
  image_clear(&image);
  folder_clear(&folder);
}

static void
test_one_at_a_time_for_a_digest(void)
{
  Folder folder = folder_new();
  GwStore *store = store_open(&folder, 100 * MIB, MIB);
  Image image = image_new(15, 3000);
  Stream stream;

  stream_start(&stream, store, &image, 0);
  g_assert_cmpint(ingest(store, &image, NULL), ==, GW_ERROR_BUSY);
  g_assert_true(gw_write_all(stream.write_fd, image.data, image.size, NULL));
  g_assert_cmpint(stream_end(&stream), ==, 0);
  g_assert_cmpint(ingest(store, &image, NULL), ==, 0);
  gw_store_close(store);
  image_clear(&image);
  folder_clear(&folder);
}

/* --- room, start and stop --- */

static void
test_no_room_is_said_before_the_first_byte(void)
{
  Folder folder = folder_new();
  GwStore *store = store_open(&folder, 10000, MIB);
  Image small = image_new(16, 6000), large = image_new(17, 6000);

  g_assert_cmpint(ingest(store, &small, NULL), ==, 0);
  g_assert_cmpint(ingest(store, &large, NULL), ==, GW_ERROR_NO_SPACE);
  g_assert_false(folder_has(&folder, large.part));
  gw_store_close(store);
  image_clear(&small);
  image_clear(&large);
  folder_clear(&folder);
}

static void
test_closing_does_not_wait_for_a_sender(void)
{
  Folder folder = folder_new();
  GwStore *store = store_open(&folder, 100 * MIB, MIB);
  Image image = image_new(19, 300000);
  char validator[128];
  Stream stream;

  stream_start(&stream, store, &image, 0);
  g_assert_true(gw_write_all(stream.write_fd, image.data, 1000, NULL));
  while (gw_ingest_received(stream.ingest) < 1000)
    g_thread_yield();
  gw_store_close(store);
  g_assert_false(stream.result.is_done);
  gw_close(&stream.write_fd);
  store = store_open(&folder, 100 * MIB, MIB);
  g_assert_cmpuint(gw_store_part(store, image.sha256, validator), ==, 1000);
  gw_store_close(store);
  image_clear(&image);
  folder_clear(&folder);
}

static void
test_leftovers_without_use_go(void)
{
  Folder folder = folder_new();
  Image image = image_new(20, 3000);
  g_autofree char *validator = g_strndup(image.part, strlen(image.part) - strlen(".part"));
  g_autofree char *lonely = g_strconcat(validator, ".validator", NULL);
  const struct timespec old[2] = { { .tv_sec = 1000000000 }, { .tv_sec = 1000000000 } };

  g_assert_cmpint(mkdirat(folder.fd, "parts", 0700), ==, 0);
  folder_write(&folder, "parts/new-0123456789abcdef.part", "x", 1);
  folder_write(&folder, lonely, "etag", 4);
  gw_store_close(store_open(&folder, 100 * MIB, MIB));
  g_assert_false(folder_has(&folder, "parts/new-0123456789abcdef.part"));
  g_assert_false(folder_has(&folder, lonely));
  folder_write(&folder, image.part, "x", 1);
  g_assert_cmpint(utimensat(folder.fd, image.part, old, 0), ==, 0);
  gw_store_close(store_open(&folder, 100 * MIB, MIB));
  g_assert_false(folder_has(&folder, image.part));
  image_clear(&image);
  folder_clear(&folder);
}

int
main(int argc, char **argv)
{
  (void)signal(SIGPIPE, SIG_IGN);
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/store/ingest/an-image-is-published-whole", test_an_image_is_published_whole);
  g_test_add_func("/store/ingest/an-unknown-digest-is-named", test_an_unknown_digest_is_named);
  g_test_add_func("/promise/U1/wrong-digest", test_U1_wrong_digest);
  g_test_add_func("/promise/U1/wrong-length", test_U1_wrong_length);
  g_test_add_func("/promise/U1/wrong-length-without-digest", test_U1_wrong_length_without_digest);
  g_test_add_func("/promise/U1/signature", test_U1_signature);
  g_test_add_func("/promise/U5/endless-image", test_U5_endless_image);
  g_test_add_func("/promise/U5/too-large-is-refused-at-once", test_U5_too_large_is_refused_at_once);
  g_test_add_func("/store/ingest/a-cut-fetch-goes-on", test_a_cut_fetch_goes_on);
  g_test_add_func("/store/ingest/a-wrong-part-never-becomes-an-image",
                  test_a_wrong_part_never_becomes_an_image);
  g_test_add_func("/store/ingest/a-part-that-is-shorter-than-said", test_a_part_that_is_shorter_than_said);
  g_test_add_func("/store/ingest/a-part-is-never-a-link", test_a_part_is_never_a_link);
  g_test_add_func("/store/ingest/a-read-only-part-goes-on", test_a_read_only_part_goes_on);
  g_test_add_func("/store/ingest/a-sender-may-begin-again", test_a_sender_may_begin_again);
  g_test_add_func("/store/ingest/one-at-a-time-for-a-digest", test_one_at_a_time_for_a_digest);
  g_test_add_func("/store/ingest/no-room-is-said-before-the-first-byte",
                  test_no_room_is_said_before_the_first_byte);
  g_test_add_func("/store/ingest/closing-does-not-wait-for-a-sender",
                  test_closing_does_not_wait_for_a_sender);
  g_test_add_func("/store/ingest/leftovers-without-use-go", test_leftovers_without_use_go);
  return g_test_run();
}
