/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "link/loader.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "link/inspect.h"

/* As the code, the constants stay: list of GatewayPlugin. */
static GSList *loaded;

static void
file_free(gpointer data)
{
  GwPluginFile *file = data;

  g_free(file->path);
  g_free(file->name);
  g_free(file->refusal);
  gw_plugin_table_unref(file->table);
  g_free(file);
}

static GwPluginFile *
file_new(const char *folder, const char *name)
{
  GwPluginFile *file = g_new0(GwPluginFile, 1);

  file->path = name ? g_build_filename(folder, name, NULL) : g_strdup(folder);
  file->name = g_strdup(name ? name : folder);
  return file;
}

/* ---- one file ---- */

static int
open_plugin(int dir_fd, const char *name, GError **error)
{
  GW_AUTO_FD int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  struct stat st;
  int sound;

  if (fd < 0 && errno == ELOOP)
    return gw_fail(error, GW_ERROR_DENIED, "is a symbolic link"), -1;
  if (fd < 0 || fstat(fd, &st) < 0)
    return gw_fail_errno(error, errno, "cannot be opened"), -1;
  if (!S_ISREG(st.st_mode))
    return gw_fail(error, GW_ERROR_DENIED, "is not a regular file"), -1;
  if (!gw_inspect_owner(&st, geteuid(), error))
    return -1;
  sound = fd;
  fd = -1;
  return sound;
}

/* Loads what the child found sound, and sees the same. Takes the descriptor, for ever: the dynamic loader
 * knows an object by its path, and would give this one again to whoever opens another file under the same
 * number. */
static const GatewayPlugin *
load(int *fd, GVariant *seen, GError **error)
{
  const GatewayPlugin *constant = gw_inspect_load(*fd, error);

  *fd = -1;
  if (!constant)
    return NULL;
  g_autoptr(GVariant) table = g_variant_ref_sink(gw_plugin_table_pack(constant));
  if (!g_variant_equal(table, seen))
    return gw_fail(error, GW_ERROR_UNTRUSTED, "changed between its check and now"), NULL;
  GatewayPlugin *plugin = g_new0(GatewayPlugin, 1);
  memcpy(plugin, constant, MIN(constant->size, sizeof *plugin));
  loaded = g_slist_prepend(loaded, plugin);
  return plugin;
}

/* The words of a file, or NULL: it is refused, or (without an error) none of ours. */
static GwPluginTable *
inspect(const GwLoader *loader, int fd, GVariant **ret_seen, GError **error)
{
  g_autoptr(GVariant) seen = gw_inspect(fd, error);
  g_autoptr(GwPluginTable) table = seen ? gw_plugin_table_unpack(seen, error) : NULL;

  if (!table || !(loader->kinds & (1u << gw_plugin_table_constant(table)->kind)))
    return NULL;
  *ret_seen = g_steal_pointer(&seen);
  return g_steal_pointer(&table);
}

static void
judge(const GwLoader *loader, const GPtrArray *files, int *fd, GwPluginFile *file, GError **error)
{
  g_autoptr(GVariant) seen = NULL;
  g_autoptr(GwPluginTable) table = inspect(loader, *fd, &seen, error);

  if (!table)
    return;
  g_free(file->name);
  file->name = g_strdup(gw_plugin_table_constant(table)->name);
  const GwPluginFile *other = gw_loader_find(files, file->name);
  if (other) {
    gw_fail(error, GW_ERROR_EXISTS, "\"%s\" was brought by %s already", file->name, other->path);
    return;
  }
  file->refusal = loader->hold ? loader->hold(file->name, loader->user) : NULL;
  file->is_held = file->refusal != NULL;
  file->plugin = file->is_held ? NULL : load(fd, seen, error);
  if (file->plugin || file->is_held)
    file->table = g_steal_pointer(&table);
}

static void
add_file(const GwLoader *loader, const char *folder, int dir_fd, const char *name, GPtrArray *files)
{
  g_autoptr(GError) error = NULL;
  GwPluginFile *file = file_new(folder, name);
  GW_AUTO_FD int fd = open_plugin(dir_fd, name, &error);

  if (fd >= 0)
    judge(loader, files, &fd, file, &error);
  if (error)
    file->refusal = g_strdup(error->message);
  if (file->refusal || file->plugin)
    g_ptr_array_add(files, file);
  else
    file_free(file);
}

/* ---- one folder ---- */

static int
compare_names(gconstpointer a, gconstpointer b)
{
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static GPtrArray *
list(int dir_fd)
{
  GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
  int copy = fcntl(dir_fd, F_DUPFD_CLOEXEC, 3);
  DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
  struct dirent *entry;

  while (dir && (entry = readdir(dir)) != NULL) {
    if (entry->d_name[0] != '.' && g_str_has_suffix(entry->d_name, ".so"))
      g_ptr_array_add(names, g_strdup(entry->d_name));
  }
  if (dir)
    closedir(dir);
  g_ptr_array_sort(names, compare_names);
  return names;
}

/* -1 without an error: there is no such folder. */
static int
open_folder(const char *folder, GError **error)
{
  GW_AUTO_FD int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  struct stat st;
  int sound;

  if (fd < 0 && errno == ENOENT)
    return -1;
  if (fd < 0 || fstat(fd, &st) < 0)
    return gw_fail_errno(error, errno, "cannot be opened"), -1;
  if (!gw_inspect_owner(&st, geteuid(), error))
    return -1;
  sound = fd;
  fd = -1;
  return sound;
}

static void
add_folder(const GwLoader *loader, const char *folder, GPtrArray *files)
{
  g_autoptr(GError) error = NULL;
  GW_AUTO_FD int dir_fd = open_folder(folder, &error);

  if (error) {
    GwPluginFile *refused = file_new(folder, NULL);
    refused->refusal = g_strdup_printf("the folder %s", error->message);
    g_ptr_array_add(files, refused);
  }
  if (dir_fd < 0)
    return;
  g_autoptr(GPtrArray) names = list(dir_fd);
  for (guint i = 0; i < names->len && files->len < GW_LOADER_MAX_FILES; i++)
    add_file(loader, folder, dir_fd, names->pdata[i], files);
}

/* ---- all ---- */

GPtrArray *
gw_loader_run(const GwLoader *loader)
{
  g_auto(GStrv) folders = g_strsplit(loader->folders, ":", -1);
  GPtrArray *files = g_ptr_array_new_with_free_func(file_free);

  for (char **folder = folders; *folder; folder++) {
    if (**folder)
      add_folder(loader, *folder, files);
  }
  return files;
}

const GwPluginFile *
gw_loader_find(const GPtrArray *files, const char *name)
{
  for (guint i = 0; i < files->len; i++) {
    const GwPluginFile *file = files->pdata[i];
    if (file->table && strcmp(file->name, name) == 0)
      return file;
  }
  return NULL;
}

static GVariant *
hello_row(const GwPluginFile *file)
{
  GVariantDict row;

  g_variant_dict_init(&row, file->table ? gw_plugin_table_variant(file->table) : NULL);
  if (!file->table)
    g_variant_dict_insert(&row, "name", "s", file->name);
  if (file->table)
    g_variant_dict_insert(&row, "state", "s", file->is_held ? "held" : "ready");
  if (file->refusal)
    g_variant_dict_insert(&row, file->table ? "reason" : "refusal", "s", file->refusal);
  g_variant_dict_insert(&row, "path", "s", file->path);
  return g_variant_dict_end(&row);
}

GVariant *
gw_loader_hello(const GPtrArray *files)
{
  GVariantBuilder builder;

  g_variant_builder_init(&builder, G_VARIANT_TYPE("aa{sv}"));
  for (guint i = 0; i < files->len; i++)
    g_variant_builder_add_value(&builder, hello_row(files->pdata[i]));
  return g_variant_builder_end(&builder);
}

void
gw_loader_functions(const GatewayPlugin *plugin, gpointer ret_functions, gsize size)
{
  memset(ret_functions, 0, size);
  memcpy(ret_functions, plugin->functions, MIN(*(const size_t *)plugin->functions, size));
  *(size_t *)ret_functions = size;
}
