/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control/checks.h"

#include <unistd.h>

#include "base/error.h"
#include "base/file.h"

#define HEAD_MAX 4096

typedef struct {
  GwCore *core;
  char *plugin;
  GwFirmware *like; /* what the rules look at: name, type, hardware and size */
  GwCheckDone done;
  gpointer user;
} Check;

static void
check_end(Check *check, const GError *error)
{
  check->done(check->plugin, error, check->user);
  g_free(check->plugin);
  gw_firmware_free(check->like);
  g_free(check);
}

static const char *
plugin_of(const GwCore *core, const GwFirmware *firmware)
{
  const GwProduct *product = gw_products_find(core->firmwares, firmware->product);

  return *firmware->plugin ? firmware->plugin : product ? product->plugin : "";
}

static gboolean
check_head(const Check *check, int fd, GError **error)
{
  const GatewayPlugin *plugin = gw_plugins_find(check->core->plugins, check->plugin);
  char head[HEAD_MAX];
  ssize_t size = plugin ? pread(fd, head, gw_plugin_head_size(plugin), 0) : 0;

  if (!plugin)
    return gw_fail(error, GW_ERROR_BUSY, "transport %s went away", check->plugin);
  g_autoptr(GBytes) bytes = g_bytes_new(head, size > 0 ? (gsize)size : 0);
  return gw_plugin_check_image(plugin, check->like, bytes, error);
}

static void
on_served(int fd, gboolean is_memory, const GError *error, gpointer user)
{
  GW_AUTO_FD int owned = fd;
  g_autoptr(GError) why = NULL;
  Check *check = user;

  if (error)
    why = g_error_copy(error);
  else
    check_head(check, owned, &why);
  check_end(check, why);
}

static GwFirmware *
like(const GwFirmware *firmware)
{
  GwFirmware *copy = gw_firmware_new();

  g_free(copy->name);
  copy->name = g_strdup(firmware->name);
  g_free(copy->type);
  copy->type = g_strdup(firmware->type);
  g_free(copy->hardware_version);
  copy->hardware_version = g_strdup(firmware->hardware_version);
  copy->size = firmware->size;
  return copy;
}

/* The form first: it needs no image. */
static Check *
check_new(GwCore *core, const GwFirmware *firmware, GwCheckDone done, gpointer user)
{
  const char *name = plugin_of(core, firmware);
  const GatewayPlugin *plugin = *name ? gw_plugins_find(core->plugins, name) : NULL;
  g_autoptr(GError) error = NULL;
  Check *check;

  if (*name && !plugin)
    gw_fail(&error, GW_ERROR_BUSY, "transport %s is not connected, so its rules are not known; is it loaded?",
            name);
  else if (plugin)
    gw_plugin_check_form(plugin, firmware, &error);
  if (error || !plugin) {
    done(name, error, user);
    return NULL;
  }
  check = g_new0(Check, 1);
  *check =
      (Check){ .core = core, .plugin = g_strdup(name), .like = like(firmware), .done = done, .user = user };
  return check;
}

void
gw_checks_run(GwCore *core, const GwFirmware *firmware, GwSealed *sealed, GwCheckDone done, gpointer user)
{
  Check *check = check_new(core, firmware, done, user);

  if (check)
    gw_store_serve(core->store, sealed, on_served, check);
}

static void
on_found(GwSealed *sealed, const GError *error, gpointer user)
{
  Check *check = user;

  if (sealed)
    gw_store_serve(check->core->store, sealed, on_served, check);
  else
    check_end(check, error);
}

void
gw_checks_run_cached(GwCore *core, const GwFirmware *firmware, GwCheckDone done, gpointer user)
{
  Check *check = check_new(core, firmware, done, user);
  guint8 sha256[GW_SHA256_LEN];

  if (!check)
    return;
  gw_unhex(firmware->sha256, sizeof(sha256), sha256);
  gw_store_find(core->store, sha256, firmware->size, on_found, check);
}
