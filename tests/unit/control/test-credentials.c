/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A node's own login: made by an operator and said once, checked with each ask, void when it is replaced or
 * withdrawn. */
#include "rig.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

static Rig *
rig_with_node(const char *plugin)
{
  Rig *rig = rig_new(NULL);
  g_autoptr(GVariant) form = g_variant_ref_sink(g_variant_new_parsed("{'product': <'motes'>}"));

  rig_product(rig, "motes", plugin);
  rig_run(rig, gw_command_node_set(rig->core, &rig_caller, "mote", form, rig_then()));
  return rig;
}

static char *
make_secret(Rig *rig, const char *node)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GVariant) result = NULL;
  char *secret;

  gw_command_credential_make(rig->core, &rig_caller, node, rig_then());
  result = rig_result(rig, &error);
  g_assert_no_error(error);
  g_variant_get(result, "(s)", &secret);
  return secret;
}

static int
introduce(Rig *rig, const char *node, const char *secret)
{
  GwAnswer answer = rig_introduce(rig, &(RigAsker){ .plugin = RIG_TOLD, .node = node, .credential = secret });
  int kind = answer.kind;

  gw_answer_clear(&answer);
  return kind;
}

static void
test_none_at_first(void)
{
  g_autoptr(Rig) rig = rig_with_node(RIG_TOLD);

  g_assert_cmpint(introduce(rig, "mote", ""), ==, GATEWAY_ANSWER_DENIED);
  g_assert_cmpint(introduce(rig, "mote", "libelium"), ==, GATEWAY_ANSWER_DENIED);
  g_assert_cmpint(introduce(rig, "ota", "libelium"), ==, GATEWAY_ANSWER_DENIED);
  g_assert_cmpint(introduce(rig, "anonymous", "a@b"), ==, GATEWAY_ANSWER_DENIED);
  rig_assert_column(rig, "nodes", "id", "ota", "id", NULL); /* nobody becomes known by trying */
  g_assert_cmpuint(rig_count_events(rig, "node.login-refused"), ==, 4);
}

static void
test_right_and_wrong(void)
{
  g_autoptr(Rig) rig = rig_with_node(RIG_TOLD);
  g_autofree char *secret = make_secret(rig, "mote");
  g_autofree char *longer = g_strconcat(secret, "x", NULL);

  g_assert_cmpuint(strlen(secret), ==, 13);
  g_assert_cmpuint(strspn(secret, "abcdefghijkmnpqrstuvwxyz23456789"), ==, 13);
  g_assert_cmpint(introduce(rig, "mote", secret), ==, GATEWAY_ANSWER_ACCEPTED);
  rig_assert_column(rig, "nodes", "id", "mote", "identity", "credential");
  g_assert_cmpint(introduce(rig, "mote", longer), ==, GATEWAY_ANSWER_DENIED);
  g_assert_cmpint(introduce(rig, "mote", ""), ==, GATEWAY_ANSWER_DENIED);
  secret[12] = secret[12] == 'a' ? 'b' : 'a';
  g_assert_cmpint(introduce(rig, "mote", secret), ==, GATEWAY_ANSWER_DENIED);
}

/* Its name alone opens nothing any more, and neither does the secret of another. */
static void
test_only_its_own(void)
{
  g_autoptr(Rig) rig = rig_with_node(RIG_TOLD);
  g_autofree char *secret = make_secret(rig, "mote");
  g_autoptr(GVariant) form = g_variant_ref_sink(g_variant_new_parsed("{'product': <'motes'>}"));
  g_autofree char *other = NULL;
  GwAnswer answer;

  rig_run(rig, gw_command_node_set(rig->core, &rig_caller, "other", form, rig_then()));
  other = make_secret(rig, "other");
  g_assert_cmpint(introduce(rig, "mote", other), ==, GATEWAY_ANSWER_DENIED);
  g_assert_cmpint(introduce(rig, "other", secret), ==, GATEWAY_ANSWER_DENIED);
  answer = rig_ask(rig, &(RigAsker){ .plugin = RIG_TOLD, .node = "mote" });
  g_assert_cmpint(answer.kind, ==, GATEWAY_ANSWER_DENIED);
  gw_answer_clear(&answer);
}

static void
test_replaced(void)
{
  g_autoptr(Rig) rig = rig_with_node(RIG_TOLD);
  g_autofree char *first = make_secret(rig, "mote");
  g_autofree char *second = make_secret(rig, "mote");

  g_assert_cmpstr(first, !=, second);
  g_assert_cmpint(introduce(rig, "mote", first), ==, GATEWAY_ANSWER_DENIED);
  g_assert_cmpint(introduce(rig, "mote", second), ==, GATEWAY_ANSWER_ACCEPTED);
  g_assert_cmpuint(rig_count_events(rig, "node.credential-made"), ==, 2);
}

/* In the middle of a session: the next ask is refused, and what the worker holds is called back. */
static void
test_revoked(void)
{
  g_autoptr(Rig) rig = rig_with_node(RIG_TOLD);
  gint64 firmware = rig_import(rig, "motes", "5", 5000, 'x');
  g_autofree char *secret = make_secret(rig, "mote");
  RigAsker asker = { .plugin = RIG_TOLD, .node = "mote", .credential = secret };
  g_autoptr(RigMessage) message = NULL;
  g_autofree char *token = NULL;
  g_auto(GStrv) nodes = NULL;
  guint32 epoch;
  GwAnswer answer;

  rig_push(rig, firmware, "mote");
  token = rig_expect_offer(rig, &asker, "5");
  rig_settle(rig);
  rig_forget_messages(rig);
  rig_run(rig, gw_command_credential_revoke(rig->core, &rig_caller, "mote", rig_then()));
  message = rig_take(rig, TRUE, GW_MESSAGE_INVALIDATE);
  g_assert_nonnull(message);
  g_assert_true(gw_invalidate_unpack(message->payload, &epoch, &nodes));
  g_assert_true(g_strv_contains((const char *const *)nodes, "mote"));
  answer = rig_ask_bytes(rig, &asker);
  g_assert_cmpint(answer.kind, ==, GATEWAY_ANSWER_DENIED);
  gw_answer_clear(&answer);
  rig_refused(rig, GW_ERROR_NOT_FOUND, "no login",
              gw_command_credential_revoke(rig->core, &rig_caller, "mote", rig_then()));
}

static void
test_durable(void)
{
  g_autoptr(Rig) rig = rig_with_node(RIG_TOLD);
  g_autofree char *secret = make_secret(rig, "mote");
  struct stat info;

  rig_stop_core(rig);
  g_assert_cmpint(fstatat(rig->state_fd, "credential.key", &info, 0), ==, 0);
  g_assert_cmpint(info.st_mode & 07777, ==, 0600);
  rig_start_core(rig);
  rig_connect_lan(rig);
  g_assert_cmpint(introduce(rig, "mote", secret), ==, GATEWAY_ANSWER_ACCEPTED);
  rig_stop_core(rig);
  g_assert_cmpint(unlinkat(rig->state_fd, "credential.key", 0), ==, 0);
  rig_start_core(rig);
  rig_connect_lan(rig);
  g_assert_cmpint(introduce(rig, "mote", secret), ==,
                  GATEWAY_ANSWER_DENIED); /* the database alone is nothing */
}

/* The secret is neither in the database nor in an event. */
static void
test_kept_as_digest(void)
{
  g_autoptr(Rig) rig = rig_with_node(RIG_TOLD);
  g_autofree char *secret = make_secret(rig, "mote");
  g_autofree char *state = g_build_filename(rig->folder, "state", NULL);
  GDir *folder;
  const char *name;

  introduce(rig, "mote", secret);
  introduce(rig, "other", secret);
  rig_stop_core(rig);
  folder = g_dir_open(state, 0, NULL);
  g_assert_nonnull(folder);
  while ((name = g_dir_read_name(folder))) {
    g_autofree char *path = g_build_filename(state, name, NULL), *data = NULL;
    gsize size;

    if (g_file_test(path, G_FILE_TEST_IS_REGULAR) && g_file_get_contents(path, &data, &size, NULL))
      g_assert_null(g_strstr_len(data, (gssize)size, secret));
  }
  g_dir_close(folder);
  rig_start_core(rig);
}

static void
test_strangers_get_none(void)
{
  g_autoptr(Rig) rig = rig_with_node(RIG_TOLD);
  RigAsker stranger = { .plugin = RIG_TOLD, .node = "n9" };

  rig_expect_nothing(rig, &stranger, GATEWAY_REASON_NOT_ADOPTED);
  rig_refused(rig, GW_ERROR_DENIED, "not adopted",
              gw_command_credential_make(rig->core, &rig_caller, "n9", rig_then()));
  rig_refused(rig, GW_ERROR_NOT_FOUND, "no node",
              gw_command_credential_make(rig->core, &rig_caller, "n10", rig_then()));
}

/* What the node is pinned to is known at its second login, also after a restart; and to know it asks nothing.
 */
static void
test_pin_of_the_second_login(void)
{
  g_autoptr(Rig) rig = rig_with_node(RIG_SILENT);
  gint64 firmware = rig_import(rig, "motes", "5", 5000, 'x');
  g_autofree char *secret = make_secret(rig, "mote");
  RigAsker asker = { .plugin = RIG_SILENT, .node = "mote", .credential = secret };
  g_autofree char *token = NULL;
  GwAnswer answer = rig_introduce(rig, &asker);

  g_assert_cmpint(answer.kind, ==, GATEWAY_ANSWER_ACCEPTED);
  g_assert_cmpuint(answer.size, ==, 0);
  gw_answer_clear(&answer);
  rig_push(rig, firmware, "mote");
  token = rig_expect_offer(rig, &asker, "5");
  rig_stop_core(rig);
  rig_start_core(rig);
  rig_connect_lan(rig);
  for (int i = 0; i < 2; i++) {
    answer = rig_introduce(rig, &asker);
    g_assert_cmpint(answer.kind, ==, GATEWAY_ANSWER_ACCEPTED);
    g_assert_cmpuint(answer.size, ==, 5000);
    g_assert_cmpstr(answer.token, ==, token);
    g_assert_cmpstr(answer.software_version, ==, "5");
    g_assert_cmpint(answer.update, >, 0);
    gw_answer_clear(&answer);
  }
  rig_assert_column(rig, "updates", "node", "mote", "state", "offered");
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/promise/K1/no-login-at-first", test_none_at_first);
  g_test_add_func("/promise/K1/right-and-wrong", test_right_and_wrong);
  g_test_add_func("/promise/K1/only-its-own", test_only_its_own);
  g_test_add_func("/promise/K1/replaced", test_replaced);
  g_test_add_func("/promise/K1/revoked-in-a-session", test_revoked);
  g_test_add_func("/promise/K1/durable", test_durable);
  g_test_add_func("/promise/K1/kept-as-a-digest", test_kept_as_digest);
  g_test_add_func("/promise/K1/strangers-get-none", test_strangers_get_none);
  g_test_add_func("/promise/C1/pin-of-the-second-login", test_pin_of_the_second_login);
  return g_test_run();
}
