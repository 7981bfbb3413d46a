/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/catalog.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"
#include "base/sign.h"
#include "ctl/list.h"
#include "ctl/table.h"
#include "ctl/text.h"
#include "model/catalog.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define MAX_KEY_SIZE (64 * 1024)
#define MAX_SIGNATURE_SIZE 4096

/* A document with what stands beside it. */
typedef struct {
  const char *path;
  char *data, *signature; /* signature NULL = there is none */
  gsize size, signature_size;
  GwCatalog *catalog;
} Document;

static void
document_clear(Document *document)
{
  g_free(document->data);
  g_free(document->signature);
  gw_catalog_free(document->catalog);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Document, document_clear)

static gboolean
document_read(Document *document, const char *path, GError **error)
{
  document->path = path;
  if (!gw_file_read(AT_FDCWD, path, GW_CATALOG_MAX_SIZE, &document->data, &document->size, error))
    return FALSE;
  document->catalog = gw_catalog_parse(document->data, document->size, error);
  if (!document->catalog)
    g_prefix_error(error, "%s: ", path);
  return document->catalog != NULL;
}

/* Beside the document, in one step, as a server or a gateway may be reading it. */
static gboolean
write_signature(const char *path, const char *text, GError **error)
{
  g_autofree char *folder = g_path_get_dirname(path);
  g_autofree char *base = g_path_get_basename(path);
  g_autofree char *name = g_strconcat(base, ".sig", NULL);
  GW_AUTO_FD int folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder_fd < 0)
    return gw_fail_errno(error, errno, "cannot open %s", folder);
  return gw_file_replace(folder_fd, name, text, strlen(text), 0644, error);
}

/* Nothing is signed that no gateway would accept. */
static gboolean
run_sign(GwCtl *ctl, const GwArgs *args, GError **error)
{
  g_auto(Document) document = { 0 };
  g_autofree char *pem = NULL, *text = NULL;
  gsize pem_size = 0;
  if (!gw_file_read(AT_FDCWD, args->operands[0], MAX_KEY_SIZE, &pem, &pem_size, error) ||
      !document_read(&document, args->operands[1], error))
    return FALSE;
  text = gw_sign(pem, pem_size, document.data, document.size, error);
  if (!text) {
    g_prefix_error(error, "%s: ", args->operands[0]);
    return FALSE;
  }
  if (!write_signature(document.path, text, error))
    return FALSE;
  if (!ctl->is_json)
    g_print("%s.sig: sequence %" G_GINT64_FORMAT ", releases: %u\n", document.path,
            document.catalog->sequence, document.catalog->releases->len);
  return TRUE;
}

static gboolean
check_signature(Document *document, const char *key_path, GError **error)
{
  g_autofree char *path = g_strconcat(document->path, ".sig", NULL);
  g_autofree char *pem = NULL;
  g_autoptr(GwKeyring) keyring = gw_keyring_new();
  gsize pem_size = 0;
  guint key = 0;
  if (!gw_file_read(AT_FDCWD, key_path, MAX_KEY_SIZE, &pem, &pem_size, error) ||
      !gw_keyring_add(keyring, key_path, pem, pem_size, NULL, error) ||
      !gw_file_read(AT_FDCWD, path, MAX_SIGNATURE_SIZE, &document->signature, &document->signature_size,
                    error))
    return FALSE;
  if (gw_keyring_verify(keyring, document->data, document->size, document->signature,
                        document->signature_size, &key, error))
    return TRUE;
  g_prefix_error(error, "%s: ", path);
  return FALSE;
}

/* The file that a relative URL means under @folder; NULL for one that leads elsewhere. */
static char *
image_path(const char *folder, const char *url)
{
  g_autofree char *relative = g_strndup(url, strcspn(url, "?#"));
  g_autofree char *path = strchr(relative, ':') ? NULL : g_uri_unescape_string(relative, NULL);
  if (!path || *path == '/' || strcmp(path, "..") == 0 || strstr(path, "../"))
    return NULL;
  return g_build_filename(folder, path, NULL);
}

static gboolean
check_image(const GwRelease *release, const char *folder, GError **error)
{
  g_autofree char *path = image_path(folder, release->url);
  GW_AUTO_FD int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
  GwDigests digests = { 0 };
  char sha256[GW_SHA256_HEX_LEN + 1];
  if (!path)
    return TRUE; /* on another server */
  if (fd < 0)
    return gw_fail_errno(error, errno, "cannot open %s", path);
  if (!gw_digest_fd(fd, FALSE, &digests, error)) {
    g_prefix_error(error, "%s: ", path);
    return FALSE;
  }
  gw_hex(digests.sha256, sizeof digests.sha256, sha256);
  if (digests.size != release->size)
    return gw_fail(error, GW_ERROR_CORRUPT,
                   "%s has %" G_GUINT64_FORMAT " bytes, and the catalog says %" G_GUINT64_FORMAT, path,
                   digests.size, release->size);
  if (strcmp(sha256, release->sha256) != 0)
    return gw_fail(error, GW_ERROR_CORRUPT, "%s has the SHA-256 %s, and the catalog says %s", path, sha256,
                   release->sha256);
  return TRUE;
}

static gboolean
check_images(const GwCatalog *catalog, const char *folder, GError **error)
{
  for (guint i = 0; i < catalog->releases->len; i++)
    if (!check_image(g_ptr_array_index(catalog->releases, i), folder, error)) {
      g_prefix_error(error, "releases[%u]: ", i);
      return FALSE;
    }
  return TRUE;
}

static void
add_text(GVariantBuilder *builder, const char *key, const char *value)
{
  g_variant_builder_add(builder, "{sv}", key, g_variant_new_string(value));
}

static GVariant *
release_row(const GwRelease *release)
{
  GVariantBuilder row;
  g_variant_builder_init(&row, G_VARIANT_TYPE_VARDICT);
  add_text(&row, "product", release->product);
  add_text(&row, "type", release->type);
  add_text(&row, "hardware", release->hardware_version);
  add_text(&row, "version", release->software_version);
  g_variant_builder_add(&row, "{sv}", "size", g_variant_new_uint64(release->size));
  add_text(&row, "name", release->name);
  add_text(&row, "url", release->url);
  add_text(&row, "sha256", release->sha256);
  return g_variant_builder_end(&row);
}

static void
print_document(const GwCtl *ctl, const Document *document, const char *key_path)
{
  g_autofree char *expires = gw_clock_format(document->catalog->expires_ms);
  GPtrArray *releases = document->catalog->releases;
  GVariantBuilder details, rows;
  g_variant_builder_init(&rows, G_VARIANT_TYPE("aa{sv}"));
  for (guint i = 0; i < releases->len; i++)
    g_variant_builder_add_value(&rows, release_row(g_ptr_array_index(releases, i)));
  g_variant_builder_init(&details, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add(&details, "{sv}", "sequence", g_variant_new_int64(document->catalog->sequence));
  add_text(&details, "expires", expires);
  add_text(&details, "signature", key_path ? "good" : "not checked (no --key)");
  g_variant_builder_add(&details, "{sv}", "releases", g_variant_builder_end(&rows));
  g_autoptr(GVariant) all = g_variant_ref_sink(g_variant_builder_end(&details));
  gw_ctl_print_details(ctl, all);
}

static gboolean
run_check(GwCtl *ctl, const GwArgs *args, GError **error)
{
  const char *key_path = gw_args_text(args, "key", NULL);
  const char *folder = gw_args_text(args, "images", NULL);
  g_auto(Document) document = { 0 };
  GwNow now = gw_clock_now();
  if (!document_read(&document, args->operands[0], error) ||
      (key_path && !check_signature(&document, key_path, error)) ||
      (folder && !check_images(document.catalog, folder, error)))
    return FALSE;
  print_document(ctl, &document, key_path);
  if (now.wall_ms >= document.catalog->expires_ms)
    return gw_fail(error, GW_ERROR_UNTRUSTED, "%s has expired: no gateway starts a push from it",
                   document.path);
  return TRUE;
}

static const GwArg check_args[] = {
  { "key", GW_ARG_TEXT, NULL, "PUB.pem", "the public key whose signature FILE.sig must hold" },
  { "images", GW_ARG_TEXT, NULL, "FOLDER",
    "compare the images that are named relatively with the files there" },
  { NULL, 0, NULL, NULL, NULL },
};

const GwCommand gw_commands_catalog[] = {
  { .noun = "catalog",
    .verb = "sign",
    .operands = "KEY.pem FILE",
    .n_min = 2,
    .n_max = 2,
    .help = "sign a catalog document: writes FILE.sig",
    .more = "KEY.pem is a private key without a password: Ed25519, ECDSA P-256, or RSA of 2048 bits or more. "
            "The file is checked first. The signature is over its exact bytes: change one, and sign again.",
    .run = run_sign },
  { .noun = "catalog",
    .verb = "check",
    .operands = "FILE",
    .n_min = 1,
    .n_max = 1,
    .args = check_args,
    .help = "check a catalog document, and show what it offers",
    .more =
        "Fails for a document that a gateway would refuse or call stale. A sequence lower than one that a "
        "gateway has seen cannot be found here.",
    .run = run_check },
  { .noun = NULL },
};
