/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* K6: who may call what. Every method of the interface description goes through each of the ways to be
 * refused, so a new method cannot forget one. */
#include <gio/gunixfdlist.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "bench.h"
#include "bus/methods.h"
#include "gateway1.h"

#define FOR_EACH_METHOD(method)                                                                              \
  for (GDBusMethodInfo **method = gw_gateway1_interface_info()->methods; *method; method++)

static GVariant *
no_options(void)
{
  return g_variant_new_array(G_VARIANT_TYPE("{sv}"), NULL, 0);
}

static GVariant *
call(Bench *bench, const GDBusMethodInfo *method, GVariant *options, char **ret_error_name)
{
  g_autoptr(GUnixFDList) fds = NULL;
  GVariant *arguments = bench_arguments(method, options, &fds);

  return bench_call(bench->client, method->name, arguments, fds, ret_error_name);
}

/* --- the table against the description --- */

static void
test_table(void)
{
  guint n_described = 0, n_tabled = 0;

  FOR_EACH_METHOD(method)
  {
    const GwMethod *row = gw_method_find((*method)->name);
    GDBusArgInfo *last = NULL;

    for (GDBusArgInfo **arg = (*method)->in_args; *arg; arg++)
      last = *arg;
    g_test_message("%s", (*method)->name);
    g_assert_nonnull(row);
    g_assert_cmpint(row->role, >=, GW_ROLE_READ);
    g_assert_cmpint(row->role, <=, GW_ROLE_ADMINISTER);
    g_assert_cmpstr(last->name, ==, "options");
    g_assert_cmpstr(last->signature, ==, "a{sv}");
    n_described++;
  }
  for (const GwMethod *row = gw_methods(); row->name; row++)
    n_tabled++;
  g_assert_cmpuint(n_described, ==, n_tabled);
  g_assert_null(gw_method_find("Launch"));
}

/* --- refused --- */

static void
assert_all_denied(Bench *bench)
{
  FOR_EACH_METHOD(method)
  {
    g_autofree char *name = NULL;
    g_autoptr(GVariant) result = call(bench, *method, no_options(), &name);

    g_test_message("%s", (*method)->name);
    g_assert_null(result);
    g_assert_cmpstr(name, ==, "org.gatewayd.Error.Denied");
  }
  g_assert_cmpuint(fake_core_calls(bench->core)->len, ==, 0);
}

static void
test_unprivileged(void)
{
  g_autoptr(Bench) bench = bench_new(FALSE, POLKIT_NO);
  guint i = 0;

  assert_all_denied(bench);
  FOR_EACH_METHOD(method)
  {
    GwRole role = gw_method_find((*method)->name)->role;

    g_assert_cmpstr(g_ptr_array_index(bench->asked, i++), ==, gw_role_action(role));
  }
  g_assert_cmpuint(bench->asked->len, ==, i);
}

static void
test_polkit_absent(void)
{
  g_autoptr(Bench) bench = bench_new(FALSE, POLKIT_ABSENT);

  assert_all_denied(bench);
}

static void
test_polkit_sick(void)
{
  g_autoptr(Bench) bench = bench_new(FALSE, POLKIT_ERROR);

  assert_all_denied(bench);
}

/* The sender leaves while polkit thinks; polkit then says yes to each. */
static void
test_vanished(void)
{
  g_autoptr(Bench) bench = bench_new(FALSE, POLKIT_HOLD);
  g_autofree char *name = NULL;
  g_autoptr(GVariant) result = NULL;
  guint n_methods = 0;

  FOR_EACH_METHOD(method)
  {
    g_autoptr(GDBusConnection) leaver = bench_connect(bench);
    g_autoptr(GUnixFDList) fds = NULL;
    GVariant *arguments = bench_arguments(*method, no_options(), &fds);

    bench_send(leaver, (*method)->name, arguments, fds, G_DBUS_MESSAGE_FLAGS_NO_REPLY_EXPECTED);
    n_methods++;
    while (bench->held->len < n_methods)
      g_main_context_iteration(NULL, TRUE);
    g_dbus_connection_close_sync(leaver, NULL, NULL);
  }
  bench_release(bench, TRUE);
  bench->polkit = POLKIT_YES;
  result = bench_call(bench->client, "GetStatus", g_variant_new("(@a{sv})", no_options()), NULL, &name);
  g_assert_nonnull(result);
  g_assert_cmpuint(fake_core_calls(bench->core)->len, ==, 1);
}

/* --- let in --- */

static void
test_authorized(void)
{
  g_autoptr(Bench) bench = bench_new(FALSE, POLKIT_YES);

  FOR_EACH_METHOD(method)
  {
    g_autofree char *name = NULL;
    g_autoptr(GVariant) result = call(bench, *method, no_options(), &name);
    gboolean is_verb = gw_method_find((*method)->name)->find_role != NULL;

    g_test_message("%s", (*method)->name);
    g_assert_cmpstr(name, ==, NULL);
    g_assert_nonnull(result);
    g_assert_cmpuint(fake_core_calls(bench->core)->len, ==, is_verb ? 2 : 1);
    fake_core_forget(bench->core);
  }
}

static void
test_prompt(void)
{
  g_autoptr(Bench) bench = bench_new(FALSE, POLKIT_YES);
  const guint *n = &fake_core_calls(bench->core)->len;

  bench_send(bench->client, "Reload", g_variant_new("(@a{sv})", no_options()), NULL,
             G_DBUS_MESSAGE_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION);
  while (*n == 0)
    g_main_context_iteration(NULL, TRUE);
  g_assert_cmpstr(g_ptr_array_index(bench->asked, 0), ==, "org.gatewayd.administer!");
}

static char *
verb_error(Bench *bench, const char *verb)
{
  char *name = NULL;
  g_autoptr(GVariant) result =
      bench_call(bench->client, "RunVerb",
                 g_variant_new("(ssss@a{sv})", "gadget", verb, "node", "", no_options()), NULL, &name);

  g_assert_true((result == NULL) == (name != NULL));
  return name;
}

/* A verb may ask for more than the method does. */
static void
test_verb_role(void)
{
  g_autoptr(Bench) bench = bench_new(FALSE, POLKIT_NO);
  g_autofree char *blink = NULL, *wipe = NULL, *odd = NULL, *unreadable = NULL;

  bench->yes_to = "org.gatewayd.operate";
  fake_core_answer(
      bench->core, "get:plugins:gadget",
      "{'verbs': <[{'name': <'blink'>, 'role': <uint32 2>}, {'name': <'wipe'>, 'role': <uint32 3>},"
      " {'name': <'odd'>, 'role': <'all'>}]>}");
  blink = verb_error(bench, "blink");
  g_assert_cmpstr(blink, ==, NULL);
  wipe = verb_error(bench, "wipe");
  g_assert_cmpstr(wipe, ==, "org.gatewayd.Error.Denied");
  odd = verb_error(bench, "odd");
  g_assert_cmpstr(odd, ==, "org.gatewayd.Error.Denied");
  fake_core_answer(bench->core, "get:plugins:gadget", "{'verbs': <'many'>}");
  unreadable = verb_error(bench, "blink");
  g_assert_cmpstr(unreadable, ==, "org.gatewayd.Error.Denied");
  for (guint i = 0; i < fake_core_calls(bench->core)->len; i++)
    g_assert_null(strstr(g_ptr_array_index(fake_core_calls(bench->core), i), "wipe"));
}

/* --- the foreground --- */

static void
test_admits(void)
{
  g_assert_true(gw_authority_admits(1000, 1000));
  g_assert_true(gw_authority_admits(1000, 0));
  g_assert_true(gw_authority_admits(0, 0));
  g_assert_false(gw_authority_admits(1000, 1001));
  g_assert_false(gw_authority_admits(0, 1000));
  g_assert_false(gw_authority_admits(0, 65534));
}

static void
test_foreground(void)
{
  g_autoptr(Bench) bench = bench_new(TRUE, POLKIT_NO);
  g_autofree char *name = NULL;
  g_autoptr(GVariant) result =
      bench_call(bench->client, "StartRule", g_variant_new("(x@a{sv})", G_GINT64_CONSTANT(3), no_options()),
                 NULL, &name);
  const char *line = g_ptr_array_index(fake_core_calls(bench->core), 0);

  g_assert_nonnull(result);
  g_assert_true(
      g_str_has_prefix(line, getuid() == 0 ? "rule-start foreground|root|" : "rule-start foreground|uid "));
  g_assert_cmpuint(bench->asked->len, ==, 0);
}

static void
assert_refused(const char *address, int code)
{
  g_autoptr(GwCore) core = fake_core_new();
  g_autoptr(GError) error = NULL;
  GwBusOptions options = { .address = address, .is_foreground = TRUE, .version = "1" };

  g_assert_null(gw_bus_start(core, &options, &error));
  g_assert_error(error, GW_ERROR, code);
}

static void
test_foreground_refused(void)
{
  g_autofree char *folder = g_dir_make_tmp("gw-bus-XXXXXX", NULL);
  g_autofree char *file = g_build_filename(folder, "system", NULL);
  g_autofree char *system = g_strconcat("unix:path=", file, NULL);
  g_autofree char *detour = g_strconcat("unix:path=", folder, "/./system", NULL);
  g_autofree char *second = g_strconcat("unix:path=/nowhere;unix:guid=00,path=", folder, "/%73ystem", NULL);

  g_assert_true(g_file_set_contents(file, "", 0, NULL));
  g_setenv("DBUS_SYSTEM_BUS_ADDRESS", system, TRUE);
  assert_refused(NULL, GW_ERROR_DENIED);
  assert_refused(system, GW_ERROR_DENIED);
  assert_refused(detour, GW_ERROR_DENIED);
  assert_refused(second, GW_ERROR_DENIED);
  assert_refused("unix:path=/run/dbus/system_bus_socket", GW_ERROR_DENIED);
  assert_refused("no address", GW_ERROR_BAD_INPUT);
  g_assert_false(gw_bus_is_system("unix:path=/nowhere"));
  g_unsetenv("DBUS_SYSTEM_BUS_ADDRESS");
  g_unlink(file);
  g_rmdir(folder);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  gw_log_init("test", LOG_ERR);
  g_test_add_func("/promise/K6/table", test_table);
  g_test_add_func("/promise/K6/unprivileged", test_unprivileged);
  g_test_add_func("/promise/K6/polkit-absent", test_polkit_absent);
  g_test_add_func("/promise/K6/polkit-sick", test_polkit_sick);
  g_test_add_func("/promise/K6/vanished", test_vanished);
  g_test_add_func("/promise/K6/authorized", test_authorized);
  g_test_add_func("/promise/K6/prompt", test_prompt);
  g_test_add_func("/promise/K6/verb-role", test_verb_role);
  g_test_add_func("/promise/K6/admits", test_admits);
  g_test_add_func("/promise/K6/foreground", test_foreground);
  g_test_add_func("/promise/K6/foreground-refused", test_foreground_refused);
  return g_test_run();
}
