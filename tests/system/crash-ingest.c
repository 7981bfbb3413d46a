/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* C1 at the store: a process that fetches, seals, publishes, writes the row and pins is killed before each of
 * its calls that change the disk (crash-preload.c), plainly and with all un-synced data dropped. Whatever was
 * said to be durable must be there, every name is absent or holds what it says, and the next run gets
 * through. */
#include <sys/wait.h>

#include "../unit/store/cache.h"
#include "store/rows.h"

#define IMAGE_SIZE 300000
#define TOKEN "abcdefgh23456789"

static const GwNow NOW = { .boot_ms = 1000000, .wall_ms = 5000, .is_trusted = TRUE };

static void
note_committed(const GError *error, gpointer user)
{
  gboolean *is_done = user;

  g_assert_no_error(error);
  *is_done = TRUE;
}

static void
commit(GwDb *db, GwBatch *batch)
{
  gboolean is_done = FALSE;

  gw_db_submit(db, batch, note_committed, &is_done);
  wait_for(&is_done);
}

/* Told to the parent as soon as it is promised. */
static void
say(const char *what)
{
  g_assert_cmpint(write(STDOUT_FILENO, what, strlen(what)), ==, (gssize)strlen(what));
}

static GwDb *
db_open(const Folder *folder)
{
  g_autoptr(GError) error = NULL;
  gboolean was_lost = TRUE;
  GwDb *db = gw_db_open(folder->fd, "state.db", NULL, &was_lost, &error);

  g_assert_no_error(error);
  g_assert_false(was_lost);
  return db;
}

/* --- the process that is killed --- */

static GwSealed *
fetch(GwStore *store, const Image *image)
{
  GwExpected expected = expect(image);
  GwSealed *sealed = NULL;
  char validator[128];

  expected.offset = gw_store_part(store, image->sha256, validator);
  if (strcmp(validator, "\"1\"") != 0)
    expected.offset = 0;
  if (find(store, image, &sealed) == 0)
    return sealed;
  gw_store_set_part_validator(store, image->sha256, "\"1\"");
  /* A part that is damaged is dropped, and the second fetch begins at 0. */
  if (ingest_fd(store, &expected, fd_with(image->data + expected.offset, image->size - expected.offset),
                &sealed) != 0)
    g_assert_cmpint(ingest(store, image, &sealed), ==, 0);
  return sealed;
}

static void
write_row(GwDb *db, const Image *image, const GwSealed *sealed)
{
  g_autoptr(GwFirmware) firmware = gw_firmware_new();
  GwBatch *batch = gw_batch_new();

  firmware->id = gw_db_next_id(db, GW_SEQUENCE_FIRMWARE);
  gw_hex(image->sha256, GW_SHA256_LEN, firmware->sha256);
  firmware->size = gw_sealed_size(sealed);
  firmware->digests = *gw_sealed_digests(sealed);
  firmware->image_state = GW_IMAGE_SEALED;
  gw_rows_put_firmware(batch, firmware);
  commit(db, batch);
  say("sealed ");
}

static void
write_pin(GwDb *db)
{
  const GwPinRow pin = { .token = TOKEN, .node = "n1", .type = "", .plugin = "" };
  GwBatch *batch = gw_batch_new();

  gw_rows_put_pin(batch, &pin, &NOW);
  commit(db, batch);
  say("pinned ");
}

static int
run(const char *path)
{
  Folder folder = { g_strdup(path), open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) };
  GwDb *db = db_open(&folder);
  GwStore *store = store_open(&folder, 100 * MIB, MIB);
  Image image = image_new(1, IMAGE_SIZE);
  g_autoptr(GwSealed) sealed = fetch(store, &image);
  Result result;

  write_row(db, &image, sealed);
  write_pin(db);
  result = serve(store, sealed);
  g_assert_true(fd_holds(result.fd, &image));
  say("served ");
  gw_db_close(db);
  gw_store_close(store);
  return 0;
}

/* --- the test --- */

static char *
preload_path(void)
{
  g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
  g_autofree char *folder = g_path_get_dirname(self);
  char *path = g_build_filename(folder, "crash-preload.so", NULL);

  if (!g_file_test(path, G_FILE_TEST_EXISTS))
    g_error("%s is missing", path);
  return path;
}

/* What it said. *ret_was_killed: it did not end by itself. */
static char *
run_child(const Folder *folder, guint crash_at, gboolean is_dropping, gboolean *ret_was_killed)
{
  g_autofree char *preload = preload_path();
  g_autofree char *at = g_strdup_printf("%u", crash_at);
  g_auto(GStrv) environment = g_get_environ();
  const char *const argv[] = { "/proc/self/exe", "run", folder->path, NULL };
  g_autoptr(GError) error = NULL;
  char *said = NULL;
  int status = 0;

  if (crash_at > 0) {
    environment = g_environ_setenv(environment, "LD_PRELOAD", preload, TRUE);
    environment = g_environ_setenv(environment, "CRASH_AT", at, TRUE);
  }
  if (is_dropping)
    environment = g_environ_setenv(environment, "CRASH_DROP", "1", TRUE);
  g_assert_true(g_spawn_sync(NULL, (char **)argv, environment, G_SPAWN_LEAVE_DESCRIPTORS_OPEN, NULL, NULL,
                             &said, NULL, &status, &error));
  g_assert_no_error(error);
  *ret_was_killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
  if (!*ret_was_killed && status != 0)
    g_error("the process ended with %d at step %u: %s", status, crash_at, said);
  return said;
}

typedef struct {
  GwStore *store;
  guint n_firmwares, n_pins;
  gint64 greatest_id;
} Seen;

/* A row says that the image is here: then it is. */
static void
see_firmware(GwFirmware *firmware, gpointer user)
{
  Seen *seen = user;

  seen->n_firmwares++;
  seen->greatest_id = MAX(seen->greatest_id, firmware->id);
  g_assert_cmpint(firmware->image_state, ==, GW_IMAGE_SEALED);
  g_assert_cmpuint(firmware->size, ==, IMAGE_SIZE);
  gw_firmware_free(firmware);
}

static void
see_pin(const GwPinRow *row, gpointer user)
{
  Seen *seen = user;

  g_assert_cmpstr(row->token, ==, TOKEN);
  seen->n_pins++;
}

static void
check(const Folder *folder, const char *said)
{
  GwDb *db = db_open(folder);
  GwStore *store = store_open(folder, 100 * MIB, MIB);
  Image image = image_new(1, IMAGE_SIZE);
  g_autoptr(GPtrArray) names = gw_store_list(store);
  g_autoptr(GwSealed) sealed = NULL;
  Seen seen = { .store = store };

  g_assert_true(gw_rows_load_firmwares(db, see_firmware, &seen, NULL));
  g_assert_true(gw_rows_load_pins(db, &NOW, see_pin, &seen, NULL));
  g_assert_cmpuint(seen.n_firmwares, >=, strstr(said, "sealed") != NULL);
  g_assert_cmpuint(seen.n_pins, >=, strstr(said, "pinned") != NULL);
  g_assert_cmpuint(seen.n_firmwares, >=, seen.n_pins);
  g_assert_cmpuint(names->len, <=, 1);
  if (names->len > 0 || seen.n_firmwares > 0)
    g_assert_cmpint(find(store, &image, &sealed), ==, 0);
  g_assert_cmpint(gw_db_next_id(db, GW_SEQUENCE_FIRMWARE), >, seen.greatest_id);
  image_clear(&image);
  gw_store_close(store);
  gw_db_close(db);
}

static void
kill_at_every_step(gboolean is_dropping)
{
  gboolean was_killed = TRUE, is_over = FALSE;
  guint step;

  for (step = 1; !is_over; step++) {
    Folder folder = folder_new();
    g_autofree char *said = run_child(&folder, step, is_dropping, &was_killed);
    g_autofree char *again = NULL;

    is_over = !was_killed;
    check(&folder, said);
    again = run_child(&folder, 0, FALSE, &was_killed);
    g_assert_cmpstr(again, ==, "sealed pinned served ");
    check(&folder, again);
    folder_clear(&folder);
  }
  g_test_message("%u steps", step);
  g_assert_cmpuint(step, >, 50);
}

static void
test_C1_killed_at_every_step(void)
{
  kill_at_every_step(FALSE);
}

static void
test_C1_power_cut_at_every_step(void)
{
  kill_at_every_step(TRUE);
}

int
main(int argc, char **argv)
{
  if (argc == 3 && strcmp(argv[1], "run") == 0)
    return run(argv[2]);
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/promise/C1/killed-at-every-step", test_C1_killed_at_every_step);
  g_test_add_func("/promise/C1/power-cut-at-every-step", test_C1_power_cut_at_every_step);
  return g_test_run();
}
