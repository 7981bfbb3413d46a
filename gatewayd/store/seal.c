/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>

#include "base/error.h"
#include "base/file.h"

#define COPY_STEP ((gsize)1024 * 1024)
#define SHOWN_CHARS 12 /* of a digest, in an error */

struct GwSealed {
  gatomicrefcount n_refs;
  GwDigests digests;
};

GwSealed *
gw_sealed_ref(GwSealed *sealed)
{
  g_atomic_ref_count_inc(&sealed->n_refs);
  return sealed;
}

void
gw_sealed_unref(GwSealed *sealed)
{
  if (sealed && g_atomic_ref_count_dec(&sealed->n_refs))
    g_free(sealed);
}

const GwDigests *
gw_sealed_digests(const GwSealed *sealed)
{
  return &sealed->digests;
}

guint64
gw_sealed_size(const GwSealed *sealed)
{
  return sealed->digests.size;
}

gboolean
gw_sealed_is_held(const GwSealed *sealed)
{
  return !g_atomic_ref_count_compare((gatomicrefcount *)&sealed->n_refs, 1);
}

static gboolean
is_known(const guint8 sha256[GW_SHA256_LEN])
{
  static const guint8 unknown[GW_SHA256_LEN];

  return memcmp(sha256, unknown, GW_SHA256_LEN) != 0;
}

static gboolean
has_length(const GwDigests *measured, guint64 size, GwErrorCode code, GError **error)
{
  if (size == 0 || measured->size == size)
    return TRUE;
  return gw_fail(error, code, "the image has %" G_GUINT64_FORMAT " bytes instead of %" G_GUINT64_FORMAT,
                 measured->size, size);
}

static gboolean
has_digest(const GwDigests *measured, const guint8 sha256[GW_SHA256_LEN], GwErrorCode code, GError **error)
{
  char is[GW_SHA256_HEX_LEN + 1], should_be[GW_SHA256_HEX_LEN + 1];

  if (!is_known(sha256) || memcmp(measured->sha256, sha256, GW_SHA256_LEN) == 0)
    return TRUE;
  gw_hex(measured->sha256, GW_SHA256_LEN, is);
  gw_hex(sha256, GW_SHA256_LEN, should_be);
  return gw_fail(error, code, "the SHA-256 of the image begins with %.*s instead of %.*s", SHOWN_CHARS, is,
                 SHOWN_CHARS, should_be);
}

static gboolean
has_signature(const GwDigests *measured, const GwSealTerms *terms, GError **error)
{
  guint key;

  if (!terms->image_keys)
    return TRUE;
  if (!terms->signature || !*terms->signature)
    return gw_fail(error, GW_ERROR_UNTRUSTED, "the image is not signed");
  if (gw_keyring_verify_sha256(terms->image_keys, measured->sha256, terms->signature,
                               strlen(terms->signature), &key, error))
    return TRUE;
  g_prefix_error(error, "the signature of the image: ");
  return FALSE;
}

static GwSealed *
seal(const GwDigests *measured, const GwSealTerms *terms, GwErrorCode code, GError **error)
{
  GwSealed *sealed;

  if (!has_length(measured, terms->size, code, error) || !has_digest(measured, terms->sha256, code, error) ||
      !has_signature(measured, terms, error))
    return NULL;
  sealed = g_new(GwSealed, 1);
  g_atomic_ref_count_init(&sealed->n_refs);
  sealed->digests = *measured;
  return sealed;
}

GwSealed *
gw_seal_measured(const GwDigests *measured, const GwSealTerms *terms, GError **error)
{
  return seal(measured, terms, GW_ERROR_UNTRUSTED, error);
}

GwSealed *
gw_seal_file(int fd, const GwSealTerms *terms, GError **error)
{
  GwDigests measured;

  if (!gw_digest_fd(fd, TRUE, &measured, error))
    return NULL;
  return seal(&measured, terms, GW_ERROR_CORRUPT, error);
}

gboolean
gw_seal_recheck(int fd, const GwSealed *sealed, GError **error)
{
  GwDigests measured;

  return gw_digest_fd(fd, FALSE, &measured, error) &&
         has_length(&measured, sealed->digests.size, GW_ERROR_CORRUPT, error) &&
         has_digest(&measured, sealed->digests.sha256, GW_ERROR_CORRUPT, error);
}

/* A file that grew is noticed by its digest: no more than @size bytes are taken. */
static gboolean
copy_bytes(int to, int from, guint64 size, GError **error)
{
  off_t offset = 0;

  while ((guint64)offset < size) {
    ssize_t n = sendfile(to, from, &offset, MIN(size - (guint64)offset, COPY_STEP));

    if (n < 0 && errno != EINTR)
      return gw_fail_errno(error, errno, "cannot copy the image into memory");
    if (n == 0)
      return gw_fail(error, GW_ERROR_CORRUPT, "the image ends after %" G_GINT64_FORMAT " bytes",
                     (gint64)offset);
  }
  return TRUE;
}

int
gw_seal_copy(int fd, const GwSealed *sealed, GError **error)
{
  GW_AUTO_FD int memory = memfd_create("image", MFD_CLOEXEC | MFD_ALLOW_SEALING);

  if (memory < 0) {
    gw_fail_errno(error, errno, "cannot take memory for the image");
    return -1;
  }
  if (!copy_bytes(memory, fd, sealed->digests.size, error))
    return -1;
  if (fcntl(memory, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
    gw_fail_errno(error, errno, "cannot seal the image in memory");
    return -1;
  }
  if (!gw_seal_recheck(memory, sealed, error))
    return -1;
  return g_steal_fd(&memory);
}
