/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lan/guard.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"

#define NOW 1000000

static int
notes(void)
{
  return memfd_create("notes", MFD_CLOEXEC);
}

static GwGuard *
open_guard(int fd, gint64 now_ms)
{
  GError *error = NULL;
  GwGuard *guard = gw_guard_new(fcntl(fd, F_DUPFD_CLOEXEC, 3), now_ms, &error);

  g_assert_no_error(error);
  return guard;
}

/* A process that dies inside a call; the next one opens the same notes. */
static void
die(int fd, const char *plugin, const char *peer, gint64 now_ms)
{
  g_autoptr(GwGuard) guard = open_guard(fd, now_ms);

  gw_guard_enter(guard, plugin, peer, "n1", 2);
}

static void
test_no_death(void)
{
  GW_AUTO_FD int fd = notes();
  GwDeath death;

  g_autoptr(GwGuard) first = open_guard(fd, NOW);
  g_assert_false(gw_guard_last_death(first, &death));
  gw_guard_enter(first, "p", "192.0.2.1", NULL, 0);
  gw_guard_leave(first);
  g_autoptr(GwGuard) second = open_guard(fd, NOW);
  g_assert_false(gw_guard_last_death(second, &death));
}

static void
test_deaths(void)
{
  GW_AUTO_FD int fd = notes();
  GwDeath death;

  die(fd, "p", "192.0.2.1", NOW);
  die(fd, "p", "192.0.2.1", NOW); /* counts the first */
  g_autoptr(GwGuard) guard = open_guard(fd, NOW);
  g_assert_true(gw_guard_last_death(guard, &death));
  g_assert_cmpstr(death.plugin, ==, "p");
  g_assert_cmpstr(death.peer, ==, "192.0.2.1");
  g_assert_cmpstr(death.node, ==, "n1");
  g_assert_cmpuint(death.plugin_deaths, ==, 2);
  g_assert_cmpuint(death.peer_deaths, ==, 2);
  g_assert_true(gw_guard_is_set_aside(guard, "192.0.2.1", NOW));
  g_assert_false(gw_guard_is_set_aside(guard, "192.0.2.2", NOW));
  g_assert_null(gw_guard_hold(guard, "p", NOW));
  gw_guard_enter(guard, "p", "192.0.2.2", NULL, 0);
  g_autoptr(GwGuard) third = open_guard(fd, NOW);
  g_autofree char *reason = gw_guard_hold(third, "p", NOW);
  g_assert_nonnull(strstr(reason, "3 times"));
  g_assert_null(gw_guard_hold(third, "q", NOW));
}

/* A day later it may try again; and a long run of others does not push it out before. */
static void
test_memory(void)
{
  GW_AUTO_FD int fd = notes();

  for (guint i = 0; i < 3; i++)
    die(fd, "p", "192.0.2.1", NOW);
  for (guint i = 0; i < 20; i++) {
    g_autofree char *peer = g_strdup_printf("198.51.100.%u", i);
    die(fd, "q", peer, NOW + 1000);
  }
  g_autoptr(GwGuard) guard = open_guard(fd, NOW + 2000);
  g_autofree char *reason = gw_guard_hold(guard, "p", NOW + 2000);
  g_assert_nonnull(reason);
  g_assert_true(gw_guard_is_set_aside(guard, "192.0.2.1", NOW + 2000));
  g_assert_null(gw_guard_hold(guard, "p", NOW + 2000 + GW_GUARD_MEMORY_MS));
  g_assert_false(gw_guard_is_set_aside(guard, "192.0.2.1", NOW + 2000 + GW_GUARD_MEMORY_MS));
}

/* Names as long as they like, and files that hold anything. */
static void
test_foreign_bytes(void)
{
  GW_AUTO_FD int fd = notes();
  g_autofree char *name = g_strnfill(500, 'x'), *noise = g_strnfill(100000, '\xff');
  GwDeath death;

  die(fd, name, name, NOW);
  g_autoptr(GwGuard) guard = open_guard(fd, NOW);
  g_assert_true(gw_guard_last_death(guard, &death));
  g_assert_cmpuint(strlen(death.plugin), ==, GW_GUARD_NAME - 1);
  g_assert_cmpint(pwrite(fd, noise, 100000, 0), ==, 100000);
  g_autoptr(GwGuard) fresh = open_guard(fd, NOW);
  g_assert_false(gw_guard_last_death(fresh, &death));
  g_assert_null(gw_guard_hold(fresh, "p", NOW));
}

static void
test_not_mappable(void)
{
  g_autoptr(GError) error = NULL;
  int ends[2];

  g_assert_cmpint(pipe2(ends, O_CLOEXEC), ==, 0);
  g_assert_null(gw_guard_new(ends[0], NOW, &error));
  g_assert_nonnull(error);
  gw_close(&ends[1]);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/guard/no-death", test_no_death);
  g_test_add_func("/guard/deaths", test_deaths);
  g_test_add_func("/guard/memory", test_memory);
  g_test_add_func("/guard/foreign-bytes", test_foreign_bytes);
  g_test_add_func("/guard/not-mappable", test_not_mappable);
  return g_test_run();
}
