/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What passes through the bus: arguments, results, errors, descriptors, the signal; and that the bus may go
 * and come back. */
#include "bus/bus.h"

#include <fcntl.h>
#include <gio/gunixfdlist.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "bench.h"
#include "bus/door.h"
#include "bus/methods.h"
#include "gateway1.h"

static GVariant *
parsed(const char *text)
{
  g_autoptr(GError) error = NULL;
  GVariant *value = g_variant_parse(NULL, text, NULL, NULL, &error);

  g_assert_no_error(error);
  return value;
}

/* --- arguments and results --- */

static const struct {
  const char *method, *arguments, *noted, *result;
} PASSED[] = {
  { "EditFirmware", "(int64 4, {'version': <'5'>}, @a{sv} {})", "(4, {'version': <'5'>})",
    "('unverified',)" },
  { "ConfirmFirmware", "(int64 4, 'n', '5', @a{sv} {})", "(4, 'n', '5')", "()" },
  { "VerifyFirmware", "(int64 4, 'n', @a{sv} {'stay': <'1s'>})", "(4, 'n', {'stay': <'1s'>})", "(int64 1,)" },
  { "UnverifyFirmware", "(int64 4, 'no', @a{sv} {})", "(4, 'no')", "()" },
  { "RejectFirmware", "(int64 4, 'bad', @a{sv} {})", "(4, 'bad')", "()" },
  { "WithdrawFirmware", "(int64 4, 'bad', @a{sv} {})", "(4, 'bad')", "()" },
  { "DeleteFirmware", "(int64 4, @a{sv} {})", "(4,)", "()" },
  { "Push", "(int64 7, 'n', {'number': <int64 9>})", "(7, 'n', {'number': <int64 9>})", "(int64 1,)" },
  { "Downgrade", "(int64 7, 'n', {'override': <['a']>})", "(7, 'n', {'override': <['a']>})", "(int64 1,)" },
  { "SetProduct", "('p', {'plugin': <'x'>}, @a{sv} {})", "('p', {'plugin': <'x'>})", "()" },
  { "AdoptNodes", "(['a', 'b'], {'product': <'p'>, 'location': <'l'>})",
    "(['a', 'b'], {'product': <'p'>, 'location': <'l'>})", "(uint32 1,)" },
  { "ForgetNodes", "(['a'], @a{sv} {})", "(['a'],)", "()" },
  { "SetNode", "('n', {'version': <'3'>}, @a{sv} {})", "('n', {'version': <'3'>})", "()" },
  { "ImportNodes", "('id\\na', {'dry-run': <true>})", "('id\\na', true)", "(uint32 1, uint32 2, uint32 3)" },
  { "ReplaceNode", "('a', 'b', @a{sv} {})", "('a', 'b')", "()" },
  { "SetAsideNodes", "({'label': <'x'>}, 'why', @a{sv} {})", "({'label': <'x'>}, true, 'why', false)",
    "(uint32 2,)" },
  { "ReturnNodes", "({'label': <'x'>}, {'dry-run': <true>})", "({'label': <'x'>}, false, '', true)",
    "(uint32 2,)" },
  { "MakeCredential", "('n', @a{sv} {})", "('n',)", "('abcdefghijkmn',)" },
  { "RevokeCredential", "('n', @a{sv} {})", "('n',)", "()" },
  { "SetAccount", "('a', {'password': <'p'>}, @a{sv} {})", "('a', {'password': <'p'>})", "()" },
  { "RemoveAccount", "('a', @a{sv} {})", "('a',)", "()" },
  { "Explain", "('n', @a{sv} {})", "('n',)", "({'lines': <['nothing to say']>, 'reason': <'none'>},)" },
  { "ShowOffer", "('n', @a{sv} {})", "('n',)", "('FILE:PROG001',)" },
  { "CreateRule", "({'name': <'r'>}, @a{sv} {})", "({'name': <'r'>},)", "(int64 1,)" },
  { "ApplyRule", "('{}', {'dry-run': <true>})", "('{}', true)", "({'action': <'none'>},)" },
  { "PreviewRule", "(int64 2, @a{sv} {})", "(2,)", "({'matching': <uint32 0>, 'unknown': <uint32 0>},)" },
  { "StartRule", "(int64 2, @a{sv} {})", "(2,)", "()" },
  { "PauseRule", "(int64 2, 'lunch', @a{sv} {})", "(2, 'lunch')", "()" },
  { "ApproveRule", "(int64 2, @a{sv} {})", "(2,)", "()" },
  { "StopRule", "(int64 2, @a{sv} {})", "(2,)", "()" },
  { "DeleteRule", "(int64 2, @a{sv} {})", "(2,)", "()" },
  { "CancelUpdate", "(int64 9, @a{sv} {})", "(9,)", "()" },
  { "PollUpstream", "('u', @a{sv} {})", "('u',)", "()" },
  { "Publish", "('meshlium', {'nothing': <true>}, @a{sv} {})", "('meshlium', {'nothing': <true>})",
    "('FILE:NO_FILE',)" },
  { "RetryDeadLetters", "(['u/1', 'v'], @a{sv} {})", "(['u/1', 'v'],)", "(uint32 1,)" },
  { "DropDeadLetters", "(['u/1'], @a{sv} {})", "(['u/1'],)", "(uint32 1,)" },
  { "Reload", "(@a{sv} {},)", "()", "()" },
  { "GetStatistics", "('version', '', @a{sv} {})", "('version', '')", "(@aa{sv} [], '')" },
  { "GetStatus", "(@a{sv} {},)", "()", "({'version': <'0.1.0'>},)" },
  { "List", "('nodes', ['id'], {'product': <'p*'>}, '-id', 'c', uint32 5, @a{sv} {})",
    "('nodes', ['id'], {'product': <'p*'>}, '-id', 'c', 5)", "(@aa{sv} [], '', uint32 0)" },
  { "Get", "('rules', '2', @a{sv} {})", "('rules', '2')", "({'id': <'one'>, 'verbs': <@aa{sv} []>},)" },
  { "GetEvents", "(int64 17, {'final': <true>}, uint32 3, @a{sv} {})", "(17, {'final': <true>}, 3)",
    "(@aa{sv} [], int64 0)" },
};

static void
test_passed(void)
{
  g_autoptr(Bench) bench = bench_new(TRUE, POLKIT_ABSENT);

  for (gsize i = 0; i < G_N_ELEMENTS(PASSED); i++) {
    g_autofree char *name = NULL;
    g_autoptr(GVariant) expected = parsed(PASSED[i].result);
    g_autoptr(GVariant) arguments = parsed(PASSED[i].arguments);
    g_autoptr(GVariant) result = bench_call(bench->client, PASSED[i].method, arguments, NULL, &name);
    const char *line;

    g_test_message("%s", PASSED[i].method);
    g_assert_cmpstr(name, ==, NULL);
    g_assert_cmpvariant(result, expected);
    g_assert_cmpuint(fake_core_calls(bench->core)->len, ==, 1);
    line = g_ptr_array_index(fake_core_calls(bench->core), 0);
    g_assert_true(g_str_has_suffix(line, PASSED[i].noted));
    fake_core_forget(bench->core);
  }
}

static void
test_verb(void)
{
  g_autoptr(Bench) bench = bench_new(TRUE, POLKIT_ABSENT);
  g_autofree char *name = NULL;
  g_autoptr(GVariant) result =
      bench_call(bench->client, "RunVerb", parsed("('p', 'v', 'n', 'a', @a{sv} {})"), NULL, &name);

  g_assert_nonnull(result);
  g_assert_true(g_str_has_suffix(g_ptr_array_index(fake_core_calls(bench->core), 1), "('p', 'v', 'n', 'a')"));
}

static void
test_wrong_result(void)
{
  g_autoptr(Bench) bench = bench_new(TRUE, POLKIT_ABSENT);
  g_autofree char *name = NULL;

  fake_core_answer(bench->core, "push", "('text',)");
  g_assert_null(bench_call(bench->client, "Push", parsed("(int64 1, 'n', @a{sv} {})"), NULL, &name));
  g_assert_cmpstr(name, ==, "org.gatewayd.Error.Internal");
}

static void
test_options(void)
{
  g_autoptr(Bench) bench = bench_new(TRUE, POLKIT_ABSENT);

  for (GDBusMethodInfo **method = gw_gateway1_interface_info()->methods; *method; method++) {
    g_autoptr(GUnixFDList) fds = NULL;
    g_autofree char *name = NULL;
    GVariant *arguments = bench_arguments(*method, parsed("{'no-such-option': <true>}"), &fds);
    guint n_allowed = g_str_equal((*method)->name, "RunVerb") ? 1 : 0; /* its question for the role */

    g_test_message("%s", (*method)->name);
    g_assert_null(bench_call(bench->client, (*method)->name, arguments, fds, &name));
    g_assert_cmpstr(name, ==, "org.gatewayd.Error.BadInput");
    g_assert_cmpuint(fake_core_calls(bench->core)->len, ==, n_allowed);
    fake_core_forget(bench->core);
  }
}

static void
test_errors(void)
{
  g_autoptr(Bench) bench = bench_new(TRUE, POLKIT_ABSENT);

  for (const GwErrorRow *row = gw_error_rows(); row->name; row++) {
    g_autofree char *text = g_strdup_printf("!%s it went wrong", row->name);
    g_autofree char *name = NULL;

    fake_core_answer(bench->core, "reload", text);
    g_assert_null(bench_call(bench->client, "Reload", parsed("(@a{sv} {},)"), NULL, &name));
    g_assert_cmpstr(name, ==, row->dbus_name);
  }
}

/* --- descriptors --- */

static void
test_import(void)
{
  g_autoptr(Bench) bench = bench_new(TRUE, POLKIT_ABSENT);
  g_autofree char *name = NULL;
  int fd = memfd_create("image", MFD_CLOEXEC);
  g_autoptr(GUnixFDList) fds = g_unix_fd_list_new();
  g_autoptr(GVariant) result = NULL;
  g_autoptr(GVariant) expected = parsed("(int64 1, 'unverified')");

  g_assert_cmpint(ftruncate(fd, 10000), ==, 0);
  g_assert_cmpint(g_unix_fd_list_append(fds, fd, NULL), ==, 0);
  result =
      bench_call(bench->client, "Import", parsed("(handle 0, {'product': <'p'>}, @a{sv} {})"), fds, &name);
  g_assert_cmpvariant(result, expected);
  g_assert_true(
      g_str_has_suffix(g_ptr_array_index(fake_core_calls(bench->core), 0), "|(10000, {'product': <'p'>})"));
  /* The client may watch the shared position. */
  g_assert_cmpint(lseek(fd, 0, SEEK_CUR), ==, 10000);
  close(fd);
}

/* C5: what would change something is refused before it begins; what only reads, takes away or stops is not.
 */
static void
test_full_disk(void)
{
  g_autoptr(Bench) bench = bench_new(TRUE, POLKIT_ABSENT);
  guint n_calls = 0;

  fake_core_answer(bench->core, "takes-changes", "no");
  for (GDBusMethodInfo **method = gw_gateway1_interface_info()->methods; *method; method++) {
    g_autoptr(GUnixFDList) fds = NULL;
    g_autofree char *name = NULL;
    GVariant *arguments = bench_arguments(*method, parsed("@a{sv} {}"), &fds);
    const GwMethod *known = gw_method_find((*method)->name);
    gboolean is_free = known->role == GW_ROLE_READ || known->is_remedy;
    g_autoptr(GVariant) result = bench_call(bench->client, (*method)->name, arguments, fds, &name);

    g_test_message("%s", (*method)->name);
    g_assert_cmpstr(name, ==, is_free ? NULL : "org.gatewayd.Error.NoSpace");
    n_calls += is_free || g_str_equal((*method)->name, "RunVerb") ? 1 : 0; /* its question for the role */
    g_assert_cmpuint(fake_core_calls(bench->core)->len, ==, n_calls);
  }
}

/* Who was to send a file and leaves the bus is not waited for. */
static void
test_import_sender_leaves(void)
{
  g_autoptr(Bench) bench = bench_new(TRUE, POLKIT_ABSENT);
  GDBusConnection *sender = bench_connect(bench);
  g_autofree char *left = g_strdup_printf("left %s", g_dbus_connection_get_unique_name(sender));
  const GPtrArray *calls = fake_core_calls(bench->core);
  g_autoptr(GUnixFDList) fds = g_unix_fd_list_new();
  int fd = memfd_create("image", MFD_CLOEXEC);

  g_assert_cmpint(g_unix_fd_list_append(fds, fd, NULL), ==, 0);
  g_assert_cmpint(close(fd), ==, 0);
  fake_core_answer(bench->core, "import", "!never");
  bench_send(sender, "Import", parsed("(handle 0, @a{sv} {}, @a{sv} {})"), fds, G_DBUS_MESSAGE_FLAGS_NONE);
  while (calls->len < 1)
    g_main_context_iteration(NULL, TRUE);
  g_assert_true(g_dbus_connection_close_sync(sender, NULL, NULL));
  while (calls->len < 2)
    g_main_context_iteration(NULL, TRUE);
  g_assert_cmpstr(g_ptr_array_index(calls, 1), ==, left);
  g_object_unref(sender);
}

static void
test_import_without_file(void)
{
  g_autoptr(Bench) bench = bench_new(TRUE, POLKIT_ABSENT);
  g_autofree char *name = NULL;

  g_assert_null(bench_call(bench->client, "Import", parsed("(handle 0, @a{sv} {}, @a{sv} {})"), NULL, &name));
  g_assert_cmpstr(name, ==, "org.gatewayd.Error.BadInput");
  g_assert_cmpuint(fake_core_calls(bench->core)->len, ==, 0);
}

/* --- limits --- */

typedef struct {
  guint n_busy, n_answered;
  gboolean is_done;
} Crowd;

static void
on_crowd(GObject *source, GAsyncResult *result, gpointer user)
{
  Crowd *crowd = user;
  g_autoptr(GError) error = NULL;
  g_autoptr(GVariant) reply = g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), result, &error);
  g_autofree char *name = error ? g_dbus_error_get_remote_error(error) : NULL;

  crowd->n_busy += g_strcmp0(name, "org.gatewayd.Error.Busy") == 0;
  crowd->n_answered++;
  crowd->is_done = crowd->n_answered == (reply ? GW_DOOR_SENDER_CALLS_MAX + 3 : 3);
}

static void
test_crowd(void)
{
  g_autoptr(Bench) bench = bench_new(FALSE, POLKIT_HOLD);
  Crowd crowd = { 0 };

  for (guint i = 0; i < GW_DOOR_SENDER_CALLS_MAX + 3; i++)
    g_dbus_connection_call(bench->client, GW_BUS_NAME, GW_BUS_PATH, GW_BUS_NAME, "Reload",
                           parsed("(@a{sv} {},)"), NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL, on_crowd, &crowd);
  bench_wait(&crowd.is_done);
  g_assert_cmpuint(crowd.n_busy, ==, 3);
  while (bench->held->len < GW_DOOR_SENDER_CALLS_MAX)
    g_main_context_iteration(NULL, TRUE);
  crowd.is_done = FALSE;
  bench_release(bench, TRUE);
  bench_wait(&crowd.is_done);
  g_assert_cmpuint(fake_core_calls(bench->core)->len, ==, GW_DOOR_SENDER_CALLS_MAX);
}

static void
test_prompts(void)
{
  g_autoptr(Bench) bench = bench_new(FALSE, POLKIT_HOLD);
  guint n_prompts = 0;

  for (guint i = 0; i < GW_DOOR_PROMPTS_MAX + 4; i++)
    bench_send(bench->client, "Reload", parsed("(@a{sv} {},)"), NULL,
               G_DBUS_MESSAGE_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION);
  while (bench->held->len < GW_DOOR_PROMPTS_MAX + 4)
    g_main_context_iteration(NULL, TRUE);
  for (guint i = 0; i < bench->asked->len; i++)
    n_prompts += g_str_has_suffix(g_ptr_array_index(bench->asked, i), "!");
  g_assert_cmpuint(n_prompts, ==, GW_DOOR_PROMPTS_MAX);
  bench_release(bench, FALSE);
}

static void
test_large(void)
{
  g_autoptr(Bench) bench = bench_new(TRUE, POLKIT_ABSENT);
  g_autofree char *text = g_strnfill(GW_DOOR_MESSAGE_MAX, 'x');
  g_autofree char *name = NULL;

  g_assert_null(bench_call(bench->client, "Explain", g_variant_new("(s@a{sv})", text, parsed("@a{sv} {}")),
                           NULL, &name));
  g_assert_cmpstr(name, ==, "org.gatewayd.Error.BadInput");
  g_assert_cmpuint(fake_core_calls(bench->core)->len, ==, 0);
}

/* --- news --- */

typedef struct {
  guint n;
  gint64 newest;
  gboolean is_last;
} News;

static void
on_news(GDBusConnection *connection, const char *sender, const char *path, const char *interface,
        const char *signal, GVariant *parameters, gpointer user)
{
  News *news = user;

  g_variant_get(parameters, "(x)", &news->newest);
  news->n++;
  news->is_last = news->newest == 100;
}

static void
test_signal(void)
{
  g_autoptr(Bench) bench = bench_new(TRUE, POLKIT_ABSENT);
  g_autofree char *name = NULL;
  g_autoptr(GVariant) result = NULL;
  News news = { 0 };
  guint id =
      g_dbus_connection_signal_subscribe(bench->client, NULL, GW_BUS_NAME, "EventsChanged", GW_BUS_PATH, NULL,
                                         G_DBUS_SIGNAL_FLAGS_NONE, on_news, &news, NULL);

  g_dbus_connection_flush_sync(bench->client, NULL, NULL);
  for (gint64 event = 1; event <= 100; event++)
    fake_core_tell(bench->core, event);
  result = bench_call(bench->client, "GetStatus", parsed("(@a{sv} {},)"), NULL, &name);
  g_assert_nonnull(result);
  g_assert_cmpuint(news.n, ==, 1);
  g_assert_cmpint(news.newest, ==, 1);
  bench_wait(&news.is_last);
  g_assert_cmpuint(news.n, ==, 2);
  g_dbus_connection_signal_unsubscribe(bench->client, id);
}

/* --- the bus itself --- */

typedef struct {
  GwGateway1 *proxy;
  gboolean is_done;
} Proxy;

static void
on_proxy(GObject *source, GAsyncResult *result, gpointer user)
{
  Proxy *proxy = user;

  proxy->proxy = gw_gateway1_proxy_new_finish(result, NULL);
  proxy->is_done = TRUE;
}

/* Anybody may read it, and the generated proxy works. */
static void
test_version(void)
{
  g_autoptr(Bench) bench = bench_new(FALSE, POLKIT_NO);
  Proxy proxy = { 0 };

  gw_gateway1_proxy_new(bench->client, G_DBUS_PROXY_FLAGS_NONE, GW_BUS_NAME, GW_BUS_PATH, NULL, on_proxy,
                        &proxy);
  bench_wait(&proxy.is_done);
  g_assert_nonnull(proxy.proxy);
  g_assert_cmpstr(gw_gateway1_get_version(proxy.proxy), ==, "9.8");
  g_object_unref(proxy.proxy);
}

static void
test_bus_returns(void)
{
  g_autoptr(Bench) bench = bench_new(TRUE, POLKIT_ABSENT);
  g_autoptr(GDBusConnection) client = NULL;
  g_autoptr(GVariant) result = NULL;
  g_autofree char *name = NULL;

  bench_stop_daemon(bench);
  while (gw_bus_is_up(bench->bus))
    g_main_context_iteration(NULL, TRUE);
  fake_core_tell(bench->core, 5);
  bench_start_daemon(bench);
  bench_wait_up(bench->bus);
  client = bench_connect(bench);
  result = bench_call(client, "GetStatus", parsed("(@a{sv} {},)"), NULL, &name);
  g_assert_nonnull(result);
}

static void
test_name_taken(void)
{
  g_autoptr(Bench) bench = bench_new(TRUE, POLKIT_ABSENT);
  g_autoptr(GwCore) core = fake_core_new();
  g_autoptr(GwBus) second = gw_bus_start(
      core, &(GwBusOptions){ .address = bench->address, .is_foreground = TRUE, .version = "1" }, NULL);

  g_assert_false(gw_bus_is_up(second));
  gw_bus_stop(g_steal_pointer(&bench->bus));
  bench_wait_up(second);
}

/* Stopped while a call waits for polkit: nothing is done any more. */
static void
test_stop(void)
{
  g_autoptr(Bench) bench = bench_new(FALSE, POLKIT_HOLD);

  bench_send(bench->client, "Reload", parsed("(@a{sv} {},)"), NULL, G_DBUS_MESSAGE_FLAGS_NONE);
  while (bench->held->len == 0)
    g_main_context_iteration(NULL, TRUE);
  gw_bus_stop(g_steal_pointer(&bench->bus));
  bench_release(bench, TRUE);
  while (g_main_context_iteration(NULL, FALSE))
    ;
  g_assert_cmpuint(fake_core_calls(bench->core)->len, ==, 0);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  gw_log_init("test", LOG_ERR);
  g_test_add_func("/bus/passed", test_passed);
  g_test_add_func("/bus/verb", test_verb);
  g_test_add_func("/bus/wrong-result", test_wrong_result);
  g_test_add_func("/bus/options", test_options);
  g_test_add_func("/bus/errors", test_errors);
  g_test_add_func("/bus/import", test_import);
  g_test_add_func("/bus/import-sender-leaves", test_import_sender_leaves);
  g_test_add_func("/bus/import-without-file", test_import_without_file);
  g_test_add_func("/promise/C5/full-disk", test_full_disk);
  g_test_add_func("/bus/crowd", test_crowd);
  g_test_add_func("/bus/prompts", test_prompts);
  g_test_add_func("/bus/large", test_large);
  g_test_add_func("/bus/signal", test_signal);
  g_test_add_func("/bus/version", test_version);
  g_test_add_func("/bus/returns", test_bus_returns);
  g_test_add_func("/bus/name-taken", test_name_taken);
  g_test_add_func("/bus/stop", test_stop);
  return g_test_run();
}
