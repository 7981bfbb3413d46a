/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control/checks.h"

#include <unistd.h>

#include "base/error.h"
#include "base/file.h"

#define HEAD_MAX 4096

typedef struct {
  GwCore *core;
  char *plugin, *name;
  guint64 size;
  GwCheckDone done;
  gpointer user;
} Check;

static void
check_end(Check *check, const GError *error)
{
  check->done(check->plugin, error, check->user);
  g_free(check->plugin);
  g_free(check->name);
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
  return gw_plugin_check_image(plugin, check->name, check->size, head, size > 0 ? (gsize)size : 0, error);
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
  *check = (Check){ .core = core,
                    .plugin = g_strdup(name),
                    .name = g_strdup(firmware->name),
                    .size = firmware->size,
                    .done = done,
                    .user = user };
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
