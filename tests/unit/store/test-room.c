/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What has to go when room is needed, and what never goes. */
#include "cache.h"

#define N_IMAGES 24
#define N_CLIENTS 8
#define IMAGE_SIZE 20000

typedef struct {
  GwStore *store;
  Image images[N_IMAGES];
  gboolean is_needed[N_IMAGES];
  guint n_clients, n_served, n_evicted;
} Site;

typedef struct {
  Site *site;
  guint image, n_rounds;
  GwSealed *sealed;
  GRand *chance;
} Client;

static gboolean
is_needed(const guint8 sha256[GW_SHA256_LEN], gpointer user)
{
  const Site *site = user;

  for (guint i = 0; i < N_IMAGES; i++)
    if (memcmp(site->images[i].sha256, sha256, GW_SHA256_LEN) == 0)
      return site->is_needed[i];
  return FALSE;
}

static void client_next(Client *client);

/* Held, so it must still be there, right, and served. */
static void
on_client_served(int fd, gboolean is_memory, const GError *error, gpointer user)
{
  Client *client = user;

  g_assert_no_error(error);
  g_assert_true(fd_holds(fd, &client->site->images[client->image]));
  gw_close(&fd);
  client->site->n_served++;
  g_clear_pointer(&client->sealed, gw_sealed_unref);
  client_next(client);
}

static void
on_client_found(GwSealed *sealed, const GError *error, gpointer user)
{
  Client *client = user;
  Site *site = client->site;

  if (!sealed) {
    g_assert_cmpint(error->code, ==, GW_ERROR_NOT_FOUND);
    g_assert_false(site->is_needed[client->image]);
    client_next(client);
    return;
  }
  client->sealed = gw_sealed_ref(sealed);
  site->n_evicted += gw_store_make_room(site->store, 10 * IMAGE_SIZE, is_needed, site) / IMAGE_SIZE;
  gw_store_serve(site->store, sealed, on_client_served, client);
}

static void
on_client_ingested(GwIngest *ingest, GwSealed *sealed, const GError *error, gpointer user)
{
  Client *client = user;

  if (sealed)
    on_client_found(sealed, NULL, client);
  else
    client_next(client);
}

static void
client_next(Client *client)
{
  Site *site = client->site;
  const Image *image;
  GwExpected expected;

  if (client->n_rounds-- == 0) {
    site->n_clients--;
    return;
  }
  client->image = (guint)g_rand_int_range(client->chance, 0, N_IMAGES);
  image = &site->images[client->image];
  expected = expect(image);
  if (g_rand_boolean(client->chance) ||
      !gw_ingest_start(site->store, &expected, fd_with(image->data, image->size), on_client_ingested, client,
                       NULL))
    gw_store_find(site->store, image->sha256, image->size, on_client_found, client);
}

static void
test_C6_eviction_spares_what_is_held_or_needed(void)
{
  Folder folder = folder_new();
  Site site = { .store = store_open(&folder, 14 * IMAGE_SIZE, 2 * IMAGE_SIZE), .n_clients = N_CLIENTS };
  Client clients[N_CLIENTS];

  for (guint i = 0; i < N_IMAGES; i++) {
    site.images[i] = image_new(1000 + i, IMAGE_SIZE);
    site.is_needed[i] = i < 3;
    if (site.is_needed[i])
      g_assert_cmpint(ingest(site.store, &site.images[i], NULL), ==, 0);
  }
  for (guint i = 0; i < N_CLIENTS; i++) {
    clients[i] = (Client){ .site = &site, .n_rounds = 250, .chance = g_rand_new_with_seed(i) };
    client_next(&clients[i]);
  }
  while (site.n_clients > 0)
    (void)g_main_context_iteration(NULL, TRUE);
  g_test_message("%u served, %u evicted", site.n_served, site.n_evicted);
  g_assert_cmpuint(site.n_served, >, 100);
  g_assert_cmpuint(site.n_evicted, >, 50);
  for (guint i = 0; i < 3; i++)
    g_assert_true(folder_has(&folder, site.images[i].name));
  gw_store_close(site.store);
  for (guint i = 0; i < N_CLIENTS; i++)
    g_rand_free(clients[i].chance);
  for (guint i = 0; i < N_IMAGES; i++)
    image_clear(&site.images[i]);
  folder_clear(&folder);
}

static ino_t
inode_of(const Folder *folder, const Image *image)
{
  struct stat st;

  return fstatat(folder->fd, image->name, &st, AT_SYMLINK_NOFOLLOW) == 0 ? st.st_ino : 0;
}

/* Published by its thread, and we have not heard of it yet. */
static void
test_C6_eviction_spares_what_has_just_come(void)
{
  Folder folder = folder_new();
  GwStore *store = store_open(&folder, 10000, MIB);
  Image image = image_new(50, 4000);
  const GwExpected expected = expect(&image);
  Result result = { 0 };
  ino_t before;

  g_assert_cmpint(ingest(store, &image, NULL), ==, 0);
  before = inode_of(&folder, &image);
  g_assert_nonnull(
      gw_ingest_start(store, &expected, fd_with(image.data, image.size), note_ingested, &result, NULL));
  while (inode_of(&folder, &image) == before)
    g_thread_yield();
  g_assert_cmpuint(gw_store_make_room(store, 10000, NULL, NULL), ==, 0);
  wait_for(&result.is_done);
  g_assert_cmpint(result.code, ==, 0);
  g_assert_true(folder_has(&folder, image.name));
  gw_sealed_unref(result.sealed);
  g_assert_cmpuint(gw_store_make_room(store, 10000, NULL, NULL), ==, 4000);
  g_assert_false(folder_has(&folder, image.name));
  gw_store_close(store);
  image_clear(&image);
  folder_clear(&folder);
}

static void
test_least_recently_served_goes_first(void)
{
  Folder folder = folder_new();
  GwStore *store = store_open(&folder, 10000, MIB);
  Image images[3];
  Result result;

  for (guint i = 0; i < 3; i++) {
    images[i] = image_new(30 + i, 3000);
    g_assert_cmpint(ingest(store, &images[i], NULL), ==, 0);
  }
  for (guint i = 0; i < 3; i += 2) { /* 0 and 2 */
    g_autoptr(GwSealed) sealed = NULL;

    g_assert_cmpint(find(store, &images[i], &sealed), ==, 0);
    result = serve(store, sealed);
    gw_close(&result.fd);
  }
  g_assert_cmpuint(gw_store_make_room(store, 900, NULL, NULL), ==, 0);
  g_assert_cmpuint(gw_store_make_room(store, 2000, NULL, NULL), ==, 3000);
  g_assert_true(folder_has(&folder, images[0].name));
  g_assert_false(folder_has(&folder, images[1].name));
  g_assert_cmpuint(gw_store_make_room(store, 7000, NULL, NULL), ==, 3000);
  g_assert_false(folder_has(&folder, images[0].name));
  g_assert_true(folder_has(&folder, images[2].name));
  gw_store_close(store);
  for (guint i = 0; i < 3; i++)
    image_clear(&images[i]);
  folder_clear(&folder);
}

static void
test_a_removed_image_is_not_served(void)
{
  Folder folder = folder_new();
  GwStore *store = store_open(&folder, 100 * MIB, MIB);
  Image image = image_new(40, 3000);
  GwSealed *sealed = NULL;
  Result result = { 0 };

  g_assert_cmpint(ingest(store, &image, &sealed), ==, 0);
  gw_store_serve(store, sealed, note_served, &result);
  (void)g_main_context_iteration(NULL, TRUE); /* the task runs */
  gw_store_remove(store, image.sha256);
  wait_for(&result.is_done);
  g_assert_cmpint(result.code, ==, GW_ERROR_NOT_FOUND);
  g_assert_cmpuint(gw_store_usage(store).used, ==, 0);
  gw_sealed_unref(sealed);
  gw_store_close(store);
  image_clear(&image);
  folder_clear(&folder);
}

/* Its pipe stays open, and nothing comes. */
static void
test_a_silent_sender_is_given_up(void)
{
  Folder folder = folder_new();
  GwStore *store = store_open(&folder, 100 * MIB, MIB);
  GwExpected expected = { .max_size = MIB, .idle_ms = 100 };
  Result silent = { 0 }, gone = { 0 };
  GwIngest *ingest;
  int fds[2];

  g_assert_cmpint(pipe2(fds, O_CLOEXEC), ==, 0);
  g_assert_nonnull(gw_ingest_start(store, &expected, fds[0], note_ingested, &silent, NULL));
  g_assert_cmpint(write(fds[1], "half", 4), ==, 4);
  wait_for(&silent.is_done);
  g_assert_cmpint(silent.code, ==, GW_ERROR_TIMED_OUT);
  gw_close(&fds[1]);
  expected.idle_ms = 3600000;
  g_assert_cmpint(pipe2(fds, O_CLOEXEC), ==, 0);
  ingest = gw_ingest_start(store, &expected, fds[0], note_ingested, &gone, NULL);
  g_assert_cmpint(write(fds[1], "half", 4), ==, 4);
  gw_ingest_cancel(ingest);
  wait_for(&gone.is_done);
  g_assert_cmpint(gone.code, ==, GW_ERROR_OFFLINE);
  gw_close(&fds[1]);
  gw_store_close(store);
  folder_clear(&folder);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/promise/C6/eviction-spares-what-is-held-or-needed",
                  test_C6_eviction_spares_what_is_held_or_needed);
  g_test_add_func("/store/room/least-recently-served-goes-first", test_least_recently_served_goes_first);
  g_test_add_func("/store/room/a-removed-image-is-not-served", test_a_removed_image_is_not_served);
  g_test_add_func("/promise/C6/eviction-spares-what-has-just-come",
                  test_C6_eviction_spares_what_has_just_come);
  g_test_add_func("/store/ingest/a-silent-sender-is-given-up", test_a_silent_sender_is_given_up);
  return g_test_run();
}
