/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The parent of the helper, with a helper that does what the test says. */
#include <sys/socket.h>
#include <sys/un.h>

#include "cache.h"
#include "store/unpacker.h"

typedef struct {
  Folder folder;
  char *path;
  int listen_fd;
  guint n_hellos;
  GwUnpacker *unpacker;
} Rig;

typedef struct {
  gboolean is_done;
  int code; /* 0 = found */
  guint n_members;
} Looked;

static void
on_hello(GVariant *tables, gpointer user)
{
  ((Rig *)user)->n_hellos++;
}

static void
note(const GwFindings *findings, const GError *error, gpointer user)
{
  Looked *looked = user;

  g_assert_false(looked->is_done);
  *looked = (Looked){ TRUE, error ? error->code : 0, findings ? findings->members->len : 0 };
}

static Rig
rig_new(void)
{
  Rig rig = { .folder = folder_new() };
  struct sockaddr_un address = { .sun_family = AF_UNIX };

  rig.path = g_build_filename(rig.folder.path, "unpack.sock", NULL);
  g_strlcpy(address.sun_path, rig.path, sizeof address.sun_path);
  rig.listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  g_assert_cmpint(bind(rig.listen_fd, (struct sockaddr *)&address, sizeof address), ==, 0);
  g_assert_cmpint(listen(rig.listen_fd, 4), ==, 0);
  return rig;
}

static void
rig_start(Rig *rig)
{
  rig->unpacker = gw_unpacker_new(rig->path, on_hello, rig);
}

static void
rig_clear(Rig *rig)
{
  gw_unpacker_free(rig->unpacker);
  gw_close(&rig->listen_fd);
  g_free(rig->path);
  folder_clear(&rig->folder);
}

static void
begin(Rig *rig, Looked *looked)
{
  const GwJob job = { .member = GW_JOB_LOOK, .max_size = 100 };

  gw_unpacker_look(rig->unpacker, fd_with("abc", 3), &job, note, looked);
}

/* The helper's side of the next job. */
static int
accept_job(Rig *rig)
{
  while (g_main_context_iteration(NULL, FALSE))
    continue;
  int fd = accept4(rig->listen_fd, NULL, NULL, SOCK_CLOEXEC);
  char job[256];

  g_assert_cmpint(recv(fd, job, sizeof job, 0), >, 0);
  return fd;
}

static void
say(int fd, GVariant *says)
{
  g_autoptr(GVariant) owned = g_variant_ref_sink(says);

  g_assert_cmpint(send(fd, g_variant_get_data(owned), g_variant_get_size(owned), MSG_NOSIGNAL), >, 0);
}

static void
say_findings(int fd)
{
  g_autoptr(GwFindings) findings = gw_findings_new();

  g_ptr_array_add(findings->members, gw_member_new("", 3));
  say(fd, gw_says_findings(findings));
}

static GVariant *
no_tables(void)
{
  return g_variant_new("aa{sv}", NULL);
}

static void
test_one_after_the_other(void)
{
  Rig rig = rig_new();
  Looked first = { 0 }, second = { 0 };

  rig_start(&rig);
  begin(&rig, &first);
  begin(&rig, &second);
  GW_AUTO_FD int fd = accept_job(&rig);
  say(fd, gw_says_hello(no_tables()));
  say_findings(fd);
  wait_for(&first.is_done);
  g_assert_cmpint(first.code, ==, 0);
  g_assert_cmpuint(first.n_members, ==, 1);
  g_assert_false(second.is_done);
  GW_AUTO_FD int again = accept_job(&rig);
  say(again, gw_says_hello(no_tables()));
  say_findings(again);
  wait_for(&second.is_done);
  g_assert_cmpuint(rig.n_hellos, ==, 2);
  g_assert_cmpstr(gw_unpacker_problem(rig.unpacker), ==, "");
  rig_clear(&rig);
}

/* How the helper ends, or lies: after it was greeted it is the file's fault. */
static int
end_with(gboolean is_greeted, GVariant *last)
{
  Rig rig = rig_new();
  Looked looked = { 0 };

  rig_start(&rig);
  begin(&rig, &looked);
  GW_AUTO_FD int fd = accept_job(&rig);
  if (is_greeted)
    say(fd, gw_says_hello(no_tables()));
  if (last)
    say(fd, last);
  gw_close(&fd);
  wait_for(&looked.is_done);
  rig_clear(&rig);
  return looked.code;
}

static void
test_died(void)
{
  g_assert_cmpint(end_with(TRUE, NULL), ==, GW_ERROR_BAD_INPUT);
  g_assert_cmpint(end_with(FALSE, NULL), ==, GW_ERROR_OFFLINE);
}

static void
test_lies(void)
{
  g_autoptr(GwFindings) findings = gw_findings_new();

  g_assert_cmpint(end_with(TRUE, g_variant_new_string("nonsense")), ==, GW_ERROR_BAD_INPUT);
  g_assert_cmpint(end_with(TRUE, gw_says_hello(no_tables())), ==, GW_ERROR_BAD_INPUT);
  g_assert_cmpint(end_with(FALSE, gw_says_findings(findings)), ==, GW_ERROR_BAD_INPUT);
}

static void
test_nobody(void)
{
  Rig rig = rig_new();
  Looked looked = { 0 };

  gw_close(&rig.listen_fd);
  rig_start(&rig);
  begin(&rig, &looked);
  wait_for(&looked.is_done);
  g_assert_cmpint(looked.code, ==, GW_ERROR_OFFLINE);
  g_assert_cmpstr(gw_unpacker_problem(rig.unpacker), !=, "");
  g_assert_cmpint(gw_unpacker_extract(rig.unpacker, fd_with("abc", 3), &(GwJob){ 0 }, NULL), ==, -1);
  rig_clear(&rig);
}

static void
test_stopped_meanwhile(void)
{
  Rig rig = rig_new();
  Looked looked = { 0 };

  rig_start(&rig);
  begin(&rig, &looked);
  begin(&rig, &looked);
  GW_AUTO_FD int fd = accept_job(&rig);
  rig_clear(&rig);
  g_assert_cmpint(fd, >=, 0);
  g_assert_false(looked.is_done);
}

int
main(int argc, char *argv[])
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/unpacker/one-after-the-other", test_one_after_the_other);
  g_test_add_func("/promise/K9/died", test_died);
  g_test_add_func("/promise/K9/lies", test_lies);
  g_test_add_func("/unpacker/nobody", test_nobody);
  g_test_add_func("/unpacker/stopped-meanwhile", test_stopped_meanwhile);
  return g_test_run();
}
