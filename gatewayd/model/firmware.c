/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/firmware.h"
#include "base/error.h"
#include <string.h>

const char *
gw_firmware_state_name(GwFirmwareState state)
{
  static const char *const names[] = {
    [GW_FIRMWARE_DRAFT] = "draft",         [GW_FIRMWARE_UNVERIFIED] = "unverified",
    [GW_FIRMWARE_VERIFYING] = "verifying", [GW_FIRMWARE_VERIFIED] = "verified",
    [GW_FIRMWARE_WITHDRAWN] = "withdrawn", [GW_FIRMWARE_REJECTED] = "rejected",
  };
  if ((guint)state >= G_N_ELEMENTS(names) || !names[state])
    return "none";
  return names[state];
}

gboolean
gw_firmware_state_parse(const char *name, GwFirmwareState *ret_state)
{
  for (GwFirmwareState state = GW_FIRMWARE_DRAFT; state <= GW_FIRMWARE_REJECTED; state++)
    if (strcmp(name, gw_firmware_state_name(state)) == 0) {
      *ret_state = state;
      return TRUE;
    }
  return FALSE;
}

const char *
gw_image_state_name(GwImageState state)
{
  static const char *const names[] = {
    [GW_IMAGE_WANTED] = "wanted",
    [GW_IMAGE_FETCHING] = "fetching",
    [GW_IMAGE_SEALED] = "sealed",
    [GW_IMAGE_FAILED] = "failed",
  };
  if ((guint)state >= G_N_ELEMENTS(names) || !names[state])
    return "none";
  return names[state];
}

GwFirmware *
gw_firmware_new(void)
{
  GwFirmware *firmware = g_new0(GwFirmware, 1);
  char **texts[] = {
    &firmware->product,  &firmware->type,      &firmware->hardware_version, &firmware->software_version,
    &firmware->name,     &firmware->notes,     &firmware->plugin,           &firmware->reason,
    &firmware->upstream, &firmware->url,       &firmware->base_url,         &firmware->verify_node,
    &firmware->proof,    &firmware->overrides, &firmware->version_name,     &firmware->family
  };
  for (gsize i = 0; i < G_N_ELEMENTS(texts); i++)
    *texts[i] = g_strdup("");
  firmware->attributes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  firmware->state = GW_FIRMWARE_DRAFT;
  firmware->image_state = GW_IMAGE_WANTED;
  return firmware;
}

void
gw_firmware_free(GwFirmware *firmware)
{
  if (!firmware)
    return;
  char *texts[] = {
    firmware->product,  firmware->type,      firmware->hardware_version, firmware->software_version,
    firmware->name,     firmware->notes,     firmware->plugin,           firmware->reason,
    firmware->upstream, firmware->url,       firmware->base_url,         firmware->verify_node,
    firmware->proof,    firmware->overrides, firmware->version_name,     firmware->family
  };
  for (gsize i = 0; i < G_N_ELEMENTS(texts); i++)
    g_free(texts[i]);
  g_clear_pointer(&firmware->attributes, g_hash_table_unref);
  g_free(firmware);
}

/* "DIGEST VERSION how": a version holds no blanks. */
static gboolean
has_proof(const GwFirmware *firmware)
{
  gsize n_digest = strlen(firmware->sha256), n_version = strlen(firmware->software_version);
  const char *proof = firmware->proof;

  return *proof && strncmp(proof, firmware->sha256, n_digest) == 0 && proof[n_digest] == ' ' &&
         strncmp(proof + n_digest + 1, firmware->software_version, n_version) == 0 &&
         proof[n_digest + 1 + n_version] == ' ';
}

gboolean
gw_firmware_is_for_rules(const GwFirmware *firmware)
{
  return firmware->state == GW_FIRMWARE_VERIFIED && has_proof(firmware);
}

void
gw_firmware_prove(GwFirmware *firmware, const char *how)
{
  firmware->state = GW_FIRMWARE_VERIFIED;
  g_free(firmware->proof);
  firmware->proof = g_strdup_printf("%s %s %s", firmware->sha256, firmware->software_version, how);
}

GwVerificationStep
gw_firmware_step(const GwFirmware *firmware)
{
  switch (firmware->state) {
  case GW_FIRMWARE_UNVERIFIED:
    return GW_VERIFICATION_OPEN;
  case GW_FIRMWARE_VERIFYING:
    return firmware->verification.step;
  case GW_FIRMWARE_VERIFIED:
    return GW_VERIFICATION_PROVEN;
  default:
    return GW_VERIFICATION_CLOSED;
  }
}

gboolean
gw_version_name_check(const char *name, GError **error)
{
  gsize size = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");

  return (size <= 64 && name[size] == '\0') ||
         gw_fail(error, GW_ERROR_BAD_INPUT,
                 "version-name: at most 64 letters, digits and underscores, not \"%.64s\"", name);
}

gboolean
gw_name_check(const char *what, const char *name, GError **error)
{
  gsize size = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");
  if (size == 0 || size > 64 || name[size] != '\0')
    return gw_fail(error, GW_ERROR_BAD_INPUT,
                   "the name of a %s has 1 to 64 letters, digits and characters of \"._-\"", what);
  return TRUE;
}

GwProduct *
gw_product_new(const char *name)
{
  GwProduct *product = g_new0(GwProduct, 1);
  product->name = g_strdup(name);
  product->plugin = g_strdup("");
  product->origin = g_strdup("");
  product->family = g_strdup("");
  product->labels = g_ptr_array_new_with_free_func(g_free);
  product->scheme = GW_VERSION_OPAQUE;
  return product;
}

void
gw_product_free(GwProduct *product)
{
  if (!product)
    return;
  g_free(product->name);
  g_free(product->plugin);
  g_free(product->origin);
  g_free(product->family);
  g_ptr_array_unref(product->labels);
  g_free(product);
}

/* Whoever can reach the host of an http URL may have put the image there: the operator's word stands for it.
 */
static gboolean
names_origin(const GwProduct *product, const char *url)
{
  g_autoptr(GUri) uri = g_uri_parse(url, G_URI_FLAGS_ENCODED | G_URI_FLAGS_PARSE_RELAXED, NULL);
  const char *host = uri ? g_uri_get_host(uri) : NULL;
  g_auto(GStrv) names = g_strsplit(product->origin, " ", -1);

  for (char **name = names; host && *name; name++)
    if (**name && g_ascii_strcasecmp(*name, host) == 0)
      return TRUE;
  return FALSE;
}

gboolean
gw_product_takes(const GwProduct *product, const GwFirmware *firmware)
{
  if (firmware->is_undigested && !names_origin(product, firmware->url))
    return FALSE;
  return strcmp(product->name, firmware->product) == 0 ||
         (*product->family && strcmp(product->family, firmware->family) == 0);
}
