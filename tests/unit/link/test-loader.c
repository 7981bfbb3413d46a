/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "link/loader.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "link/inspect.h"
#include "link/object-file.h"

#define N_CUTS 200

static const char *hello_path; /* a real plugin */
static const char *bad_folder; /* where the bad ones were built */

typedef struct {
  char *folder, *hello;
} Place;

static char *
read_hello(gsize *ret_size)
{
  g_autoptr(GError) error = NULL;
  char *data;

  g_file_get_contents(hello_path, &data, ret_size, &error);
  g_assert_no_error(error);
  return data;
}

static void
put(const char *path, const void *data, gsize size)
{
  unlink(path);
  int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  g_assert_cmpint(fd, >=, 0);
  g_assert_cmpint(write(fd, data, size), ==, size);
  close(fd);
}

static void
place_open(Place *place)
{
  gsize size;
  g_autofree char *data = read_hello(&size);

  place->folder = g_dir_make_tmp("plugins-XXXXXX", NULL);
  place->hello = g_build_filename(place->folder, "hello.so", NULL);
  put(place->hello, data, size);
}

static void
place_close(Place *place)
{
  g_autoptr(GDir) dir = g_dir_open(place->folder, 0, NULL);
  const char *name;

  while ((name = g_dir_read_name(dir)) != NULL) {
    g_autofree char *path = g_build_filename(place->folder, name, NULL);
    unlink(path);
  }
  rmdir(place->folder);
  g_free(place->folder);
  g_free(place->hello);
}

static GPtrArray *
run(const char *folders)
{
  GwLoader loader = { .folders = folders, .kinds = 1u << GATEWAY_REQUEST | 1u << GATEWAY_SESSION };

  return gw_loader_run(&loader);
}

static void
assert_refused(const GPtrArray *files, const char *name, const char *why)
{
  for (guint i = 0; i < files->len; i++) {
    const GwPluginFile *file = files->pdata[i];
    if (!g_str_has_suffix(file->path, name))
      continue;
    if (file->plugin)
      g_error("%s was loaded", file->path);
    g_assert_nonnull(file->refusal);
    if (!strstr(file->refusal, why))
      g_error("\"%s\" does not say \"%s\"", file->refusal, why);
    return;
  }
  g_error("%s was not looked at", name);
}

static void
test_sound(void)
{
  Place place;

  place_open(&place);
  g_autoptr(GPtrArray) files = run(place.folder);
  g_assert_cmpuint(files->len, ==, 1);
  const GwPluginFile *file = gw_loader_find(files, "hello");
  g_assert_nonnull(file);
  g_assert_null(file->refusal);
  g_assert_cmpstr(file->plugin->title, ==, gw_plugin_table_constant(file->table)->title);
  GatewayRequestFunctions functions;
  gw_loader_functions(file->plugin, &functions, sizeof functions);
  g_assert_nonnull(functions.read);
  g_assert_null(functions.learn);
  place_close(&place);
}

/* Cut at any byte, no code of it runs here and nobody is told that it is sound. */
static void
test_truncated(void)
{
  gsize size;
  g_autofree char *data = read_hello(&size);
  Place place;

  place_open(&place);
  for (guint i = 0; i < N_CUTS; i++) {
    gsize cut = i < 64 ? i : i < 100 ? size - 1 - (i - 64) : size * (i - 100) / (N_CUTS - 100);
    put(place.hello, data, cut);
    g_autoptr(GPtrArray) files = run(place.folder);
    assert_refused(files, "hello.so", "");
  }
  place_close(&place);
}

/* The check on the bytes alone finds every cut, before the dynamic loader sees any. */
static void
test_truncated_anywhere(void)
{
  gsize size;
  g_autofree char *data = read_hello(&size);

  for (gsize cut = 0; cut < size; cut++) {
    g_autoptr(GError) error = NULL;
    g_assert_false(gw_object_file_check(data, cut, &error));
    g_assert_nonnull(error);
  }
  g_assert_true(gw_object_file_check(data, size, NULL));
}

static void
test_other_machine(void)
{
  gsize size;
  g_autofree char *data = read_hello(&size);
  g_autoptr(GError) error = NULL;

  data[18] ^= 1;
  g_assert_false(gw_object_file_check(data, size, &error));
  g_assert_error(error, GW_ERROR, GW_ERROR_UNSUPPORTED);
}

static void
test_writable(void)
{
  Place place;

  place_open(&place);
  g_assert_cmpint(chmod(place.hello, 0646), ==, 0);
  g_autoptr(GPtrArray) world = run(place.folder);
  assert_refused(world, "hello.so", "by everybody");
  g_assert_cmpint(chmod(place.hello, 0664), ==, 0);
  g_autoptr(GPtrArray) group = run(place.folder);
  assert_refused(group, "hello.so", "by a group");
  g_assert_cmpint(chmod(place.hello, 0644), ==, 0);
  g_assert_cmpint(chmod(place.folder, 0777), ==, 0);
  g_autoptr(GPtrArray) folder = run(place.folder);
  assert_refused(folder, place.folder, "by everybody");
  place_close(&place);
}

static void
test_linked(void)
{
  Place place;

  place_open(&place);
  g_assert_cmpint(unlink(place.hello), ==, 0);
  g_assert_cmpint(symlink(hello_path, place.hello), ==, 0);
  g_autoptr(GPtrArray) link = run(place.folder);
  assert_refused(link, "hello.so", "symbolic link");
  g_assert_cmpint(unlink(place.hello), ==, 0);
  g_assert_cmpint(mkfifo(place.hello, 0600), ==, 0);
  g_autoptr(GPtrArray) fifo = run(place.folder);
  assert_refused(fifo, "hello.so", "regular");
  place_close(&place);
}

static void
test_foreign_owner(void)
{
  struct stat own = { .st_uid = 1000, .st_mode = S_IFREG | 0644 }, root = { .st_mode = S_IFREG | 0755 };
  g_autoptr(GError) error = NULL;

  g_assert_true(gw_inspect_owner(&own, 1000, NULL));
  g_assert_true(gw_inspect_owner(&root, 1000, NULL));
  g_assert_false(gw_inspect_owner(&own, 1001, &error));
  g_assert_error(error, GW_ERROR, GW_ERROR_DENIED);
  g_assert_nonnull(strstr(error->message, "uid 1000"));
}

/* What is another worker's is not even looked at: here each would be a child that dies or hangs. */
static void
test_of_others(void)
{
  GwLoader loader = { .folders = bad_folder, .kinds = 1u << GATEWAY_UPSTREAM };
  g_autoptr(GPtrArray) files = gw_loader_run(&loader);

  for (guint i = 0; i < files->len; i++) {
    const char *path = ((const GwPluginFile *)files->pdata[i])->path;
    g_assert_false(g_str_has_suffix(path, "/bad-crash.so") || g_str_has_suffix(path, "/bad-hang.so"));
  }
}

/* Each of the bad ones is refused for its own reason; the sound one among them runs. */
static void
test_bad_constants(void)
{
  g_autoptr(GPtrArray) files = run(bad_folder);

  assert_refused(files, "/bad-abi.so", "ABI 1");
  assert_refused(files, "/bad-no-symbol.so", "gateway_plugin");
  assert_refused(files, "/bad-size.so", "8 bytes");
  assert_refused(files, "/bad-no-write.so", "function 2");
  assert_refused(files, "/bad-foreign.so", "none of its own");
  assert_refused(files, "/bad-crash.so", "died of signal 6");
  assert_refused(files, "/bad-exit.so", "without a word");
  assert_refused(files, "/bad-hang.so", "5 s");
  assert_refused(files, "/bad-datagram.so", "reserved in ABI 0");
  assert_refused(files, "/bad-name.so", "name");
  assert_refused(files, "/bad-pointer.so", "died of signal 11");
  assert_refused(files, "/bad-count.so", "");
  assert_refused(files, "/bad-no-functions.so", "functions");
  const GwPluginFile *sound = gw_loader_find(files, "sound");
  g_assert_nonnull(sound->plugin);
  for (guint i = 0; i < files->len; i++)
    g_assert_false(g_str_has_suffix(((const GwPluginFile *)files->pdata[i])->path, "/bad-upstream.so"));
}

static void
test_twice(void)
{
  Place first, second;

  place_open(&first);
  place_open(&second);
  g_autofree char *folders = g_strdup_printf("%s::/nowhere/at/all:%s", first.folder, second.folder);
  g_autoptr(GPtrArray) files = run(folders);
  g_assert_cmpuint(files->len, ==, 2);
  g_assert_nonnull(((const GwPluginFile *)files->pdata[0])->plugin);
  assert_refused(files, second.hello, first.hello);
  place_close(&first);
  place_close(&second);
}

static char *
hold_hello(const char *name, gpointer user)
{
  return strcmp(name, "hello") == 0 ? g_strdup("it died three times") : NULL;
}

static void
test_held(void)
{
  Place place;
  g_autofree char *reason = NULL;

  place_open(&place);
  GwLoader loader = { .folders = place.folder, .kinds = 1u << GATEWAY_REQUEST, .hold = hold_hello };
  g_autoptr(GPtrArray) files = gw_loader_run(&loader);
  const GwPluginFile *file = gw_loader_find(files, "hello");
  g_assert_null(file->plugin);
  g_assert_true(file->is_held);
  g_autoptr(GVariant) rows = g_variant_ref_sink(gw_loader_hello(files));
  g_autoptr(GVariant) row = g_variant_get_child_value(rows, 0);
  g_autoptr(GwPluginTable) table = gw_plugin_table_unpack(row, NULL);
  g_assert_true(gw_plugin_table_is_held(table, &reason));
  g_assert_cmpstr(reason, ==, "it died three times");
  place_close(&place);
}

/* What the core learns of both sorts. */
static void
test_hello_rows(void)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *reason = NULL;
  Place place;

  place_open(&place);
  g_autofree char *other = g_build_filename(place.folder, "other.so", NULL);
  put(other, "no", 2);
  g_autoptr(GPtrArray) files = run(place.folder);
  g_autoptr(GVariant) rows = g_variant_ref_sink(gw_loader_hello(files));
  g_assert_cmpuint(g_variant_n_children(rows), ==, 2);
  g_autoptr(GVariant) sound = g_variant_get_child_value(rows, 0);
  g_autoptr(GVariant) refused = g_variant_get_child_value(rows, 1);
  g_autoptr(GwPluginTable) table = gw_plugin_table_unpack(sound, &error);
  g_assert_no_error(error);
  g_assert_false(gw_plugin_table_is_held(table, &reason));
  g_assert_null(gw_plugin_table_unpack(refused, &error));
  g_assert_error(error, GW_ERROR, GW_ERROR_DENIED);
  g_assert_nonnull(strstr(error->message, "other.so"));
  place_close(&place);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_assert_cmpint(argc, ==, 3);
  hello_path = argv[1];
  bad_folder = argv[2];
  g_test_add_func("/loader/sound", test_sound);
  g_test_add_func("/loader/twice", test_twice);
  g_test_add_func("/loader/held", test_held);
  g_test_add_func("/loader/hello-rows", test_hello_rows);
  g_test_add_func("/promise/K8/truncated", test_truncated);
  g_test_add_func("/promise/K8/truncated-anywhere", test_truncated_anywhere);
  g_test_add_func("/promise/K8/other-machine", test_other_machine);
  g_test_add_func("/promise/K8/writable", test_writable);
  g_test_add_func("/promise/K8/linked", test_linked);
  g_test_add_func("/promise/K8/foreign-owner", test_foreign_owner);
  g_test_add_func("/loader/of-others", test_of_others);
  g_test_add_func("/promise/K8/bad-constants", test_bad_constants);
  return g_test_run();
}
