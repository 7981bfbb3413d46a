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
#include "link/object-file.h"

/* Kinds that one worker or another wants: of these, what is not ours is theirs. */
#define HOSTED                                                                                               \
  (1u << GATEWAY_REQUEST | 1u << GATEWAY_SESSION | 1u << GATEWAY_UPSTREAM | 1u << GATEWAY_OUTLET |           \
   1u << GATEWAY_FORMAT)
#define PEEK_MAX (4 * 1024 * 1024)
#define AT_ONCE 2 /* so many are looked at side by side; the units let a worker have no more children */

/* As the code, the constants stay: list of GatewayPlugin. */
static GSList *loaded;

static void
file_free(gpointer data)
{
  GwPluginFile *file = data;

  g_free(file->path);
  g_free(file->name);
  g_free(file->refusal);
  gw_plugin_table_free(file->table);
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
inspect(const GwLoader *loader, GwInspection *look, GVariant **ret_seen, GError **error)
{
  g_autoptr(GVariant) seen = gw_inspect_end(look, error);
  g_autoptr(GwPluginTable) table = seen ? gw_plugin_table_unpack(seen, error) : NULL;

  if (!table || !(loader->kinds & (1u << gw_plugin_table_constant(table)->kind)))
    return NULL;
  *ret_seen = g_steal_pointer(&seen);
  return g_steal_pointer(&table);
}

/* A file that is being looked at. */
typedef struct {
  GwPluginFile *file;
  int fd;
  GwInspection look;
  GError *error; /* why it is not */
} Candidate;

/* Another worker's: no child is made for it. The larger ones are looked at by one. */
static gboolean
is_of_others(const GwLoader *loader, int fd)
{
  g_autofree guint8 *data = NULL;
  struct stat st;
  ssize_t n;
  guint kind;

  if (fstat(fd, &st) < 0 || st.st_size > PEEK_MAX)
    return FALSE;
  data = g_malloc((gsize)st.st_size + 1);
  n = pread(fd, data, (gsize)st.st_size, 0);
  kind = gw_object_file_kind(data, n > 0 ? (gsize)n : 0);
  return kind < 32 && (HOSTED & ~loader->kinds & (1u << kind)) != 0;
}

static void
judge(const GwLoader *loader, const GPtrArray *files, Candidate *candidate, GError **error)
{
  GwPluginFile *file = candidate->file;
  g_autoptr(GVariant) seen = NULL;
  g_autoptr(GwPluginTable) table = inspect(loader, &candidate->look, &seen, error);

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
  file->plugin = file->is_held ? NULL : load(&candidate->fd, seen, error);
  if (file->plugin || file->is_held)
    file->table = g_steal_pointer(&table);
}

static void
begin(const GwLoader *loader, Candidate *candidate, const char *folder, int dir_fd, const char *name)
{
  candidate->file = file_new(folder, name);
  candidate->fd = open_plugin(dir_fd, name, &candidate->error);
  if (candidate->fd >= 0 && is_of_others(loader, candidate->fd))
    gw_close(&candidate->fd);
  if (candidate->fd >= 0)
    candidate->look = gw_inspect_begin(candidate->fd);
}

static void
end(const GwLoader *loader, Candidate *candidate, GPtrArray *files)
{
  GwPluginFile *file = candidate->file;

  if (candidate->fd >= 0)
    judge(loader, files, candidate, &candidate->error);
  if (candidate->error)
    file->refusal = g_strdup(candidate->error->message);
  if (file->refusal || file->plugin)
    g_ptr_array_add(files, file);
  else
    file_free(file);
  gw_close(&candidate->fd);
  g_clear_error(&candidate->error);
}

/* In order, because of several of one name the first is taken. */
static void
end_all(const GwLoader *loader, GArray *candidates, GPtrArray *files)
{
  for (guint i = 0; i < candidates->len; i++)
    end(loader, &g_array_index(candidates, Candidate, i), files);
  g_array_set_size(candidates, 0);
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

/* ---- all ---- */

typedef struct {
  const GwLoader *loader;
  GPtrArray *files;
  GArray *candidates; /* no more than AT_ONCE */
} Run;

static void
begin_folder(Run *run, const char *folder)
{
  g_autoptr(GError) error = NULL;
  GW_AUTO_FD int dir_fd = open_folder(folder, &error);

  if (error) {
    GwPluginFile *refused = file_new(folder, NULL);
    refused->refusal = g_strdup_printf("the folder %s", error->message);
    g_ptr_array_add(run->files, refused);
  }
  if (dir_fd < 0)
    return;
  g_autoptr(GPtrArray) names = list(dir_fd);
  for (guint i = 0; i < names->len; i++) {
    Candidate candidate = { 0 };

    if (run->candidates->len == AT_ONCE)
      end_all(run->loader, run->candidates, run->files);
    if (run->candidates->len + run->files->len >= GW_LOADER_MAX_FILES)
      return;
    begin(run->loader, &candidate, folder, dir_fd, names->pdata[i]);
    g_array_append_val(run->candidates, candidate);
  }
}

GPtrArray *
gw_loader_run(const GwLoader *loader)
{
  g_auto(GStrv) folders = g_strsplit(loader->folders, ":", -1);
  g_autoptr(GArray) candidates = g_array_new(FALSE, FALSE, sizeof(Candidate));
  Run run = { loader, g_ptr_array_new_with_free_func(file_free), candidates };

  for (char **folder = folders; *folder; folder++) {
    if (**folder)
      begin_folder(&run, *folder);
  }
  end_all(loader, candidates, run.files);
  return run.files;
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
