/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A cache to try things with: images are numbered, and their bytes follow from the number. */
#pragma once
#include <sys/mman.h>

#include "common.h"
#include "store/ingest.h"

#if defined(__has_feature)
#define IS_SANITIZED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED 1
#else
#define IS_SANITIZED 0
#endif

#define MIB ((guint64)1024 * 1024)

typedef struct {
  guint8 *data;
  gsize size;
  guint8 sha256[GW_SHA256_LEN];
  char name[80]; /* blobs/ab/<hex> */
  char part[80]; /* parts/<hex>.part */
} Image;

static inline Image
image_new(guint32 number, gsize size)
{
  Image image = { .data = g_malloc(size), .size = size };
  char hex[GW_SHA256_HEX_LEN + 1];
  guint32 state = number * 2654435761u + 1;

  for (gsize i = 0; i < size; i++) {
    state = state * 1664525u + 1013904223u;
    image.data[i] = (guint8)(state >> 24);
  }
  gw_sha256(image.data, size, image.sha256);
  gw_hex(image.sha256, GW_SHA256_LEN, hex);
  g_snprintf(image.name, sizeof image.name, "blobs/%.2s/%s", hex, hex);
  g_snprintf(image.part, sizeof image.part, "parts/%s.part", hex);
  return image;
}

static inline void
image_clear(Image *image)
{
  g_free(image->data);
}

/* A file that holds @size bytes of @data, to be read from its start. */
static inline int
fd_with(const void *data, gsize size)
{
  int fd = memfd_create("source", MFD_CLOEXEC);

  g_assert_cmpint(fd, >=, 0);
  g_assert_true(gw_write_all(fd, data, size, NULL));
  g_assert_cmpint(lseek(fd, 0, SEEK_SET), ==, 0);
  return fd;
}

static inline GwStore *
store_open(const Folder *folder, guint64 max_bytes, guint64 memory_max_image)
{
  g_autoptr(GError) error = NULL;
  const GwStoreLimits limits = { .max_bytes = max_bytes,
                                 .max_image = 256 * MIB,
                                 .memory_budget = 4 * memory_max_image,
                                 .memory_max_image = memory_max_image };
  GwStore *store = gw_store_open(folder->fd, &limits, &error);

  g_assert_no_error(error);
  return store;
}

typedef struct {
  gboolean is_done;
  int code; /* 0 = good */
  GwSealed *sealed;
  int fd;
  gboolean is_memory;
} Result;

static inline void
note_result(Result *result, GwSealed *sealed, const GError *error)
{
  g_assert_false(result->is_done);
  g_assert_true(!sealed != !error);
  result->is_done = TRUE;
  result->sealed = sealed ? gw_sealed_ref(sealed) : NULL;
  result->code = error ? error->code : 0;
}

static inline void
note_ingested(GwIngest *ingest, GwSealed *sealed, const GError *error, gpointer user)
{
  note_result(user, sealed, error);
}

static inline void
note_found(GwSealed *sealed, const GError *error, gpointer user)
{
  note_result(user, sealed, error);
}

static inline void
note_served(int fd, gboolean is_memory, const GError *error, gpointer user)
{
  Result *result = user;

  g_assert_false(result->is_done);
  g_assert_true((fd < 0) == (error != NULL));
  result->is_done = TRUE;
  result->fd = fd;
  result->is_memory = is_memory;
  result->code = error ? error->code : 0;
}

static inline GwExpected
expect(const Image *image)
{
  GwExpected expected = { .size = image->size, .max_size = 256 * MIB };

  memcpy(expected.sha256, image->sha256, GW_SHA256_LEN);
  return expected;
}

/* Takes @fd. The code of its end; *ret_sealed (or NULL) is the caller's. */
static inline int
ingest_fd(GwStore *store, const GwExpected *expected, int fd, GwSealed **ret_sealed)
{
  g_autoptr(GError) error = NULL;
  Result result = { 0 };

  if (ret_sealed)
    *ret_sealed = NULL;
  if (!gw_ingest_start(store, expected, fd, note_ingested, &result, &error))
    return error->code;
  wait_for(&result.is_done);
  if (ret_sealed)
    *ret_sealed = g_steal_pointer(&result.sealed);
  gw_sealed_unref(result.sealed);
  return result.code;
}

static inline int
ingest(GwStore *store, const Image *image, GwSealed **ret_sealed)
{
  const GwExpected expected = expect(image);

  return ingest_fd(store, &expected, fd_with(image->data, image->size), ret_sealed);
}

static inline int
find(GwStore *store, const Image *image, GwSealed **ret_sealed)
{
  Result result = { 0 };

  gw_store_find(store, image->sha256, image->size, note_found, &result);
  wait_for(&result.is_done);
  *ret_sealed = result.sealed;
  return result.code;
}

static inline Result
serve(GwStore *store, GwSealed *sealed)
{
  Result result = { 0 };

  gw_store_serve(store, sealed, note_served, &result);
  wait_for(&result.is_done);
  return result;
}

/* Are the bytes behind @fd exactly the image's? */
static inline gboolean
fd_holds(int fd, const Image *image)
{
  g_autofree char *data = NULL;
  gsize size;

  return gw_fd_read(fd, image->size + 1, &data, &size, NULL) && size == image->size &&
         memcmp(data, image->data, size) == 0;
}
