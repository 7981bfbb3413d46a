/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A database that an earlier version wrote, made from the schema's own earlier statements, is opened: rules,
 * nodes and updates are there afterwards, and mean the same. */
#include <glib/gstdio.h>
#include <string.h>

#include "rig.h"
#include "store/db-private.h"

/* What stood in a gateway of version 2: a rule that runs at night, one that is a draft; a node that has
 * been through an update, and one that waits for it. */
static const char ROWS[] =
    "INSERT INTO sequence VALUES ('firmware', 10), ('rule', 10), ('update', 10), ('event', 10), "
    "('timeline', 10);"
    "INSERT INTO product VALUES ('weather', 'fake-told', 'integer', 0, 0, 'claimed', 0);"
    "INSERT INTO firmware VALUES (1, 'weather', '', '', '5', 'fw.bin', 'notes', 'fake-told', '{}', "
    "'verified', "
    "'', '', '', '', 0, 0, '', 0, 5000, '', x'', x'', 0, 'wanted', 1000, 1000);"
    "INSERT INTO node VALUES ('n1', 'weather', 'fake-told', 'Plant/Roof', '10.0.0.1', '', '[]', "
    "'[\"north\"]', "
    "'{}', '[[\"\",\"\",\"4\",\"heard\",1000]]', 'claimed', 1, 0, 0, '', 0, '', 1000, 0, 0);"
    "INSERT INTO node VALUES ('n2', 'weather', 'fake-told', 'Plant/Hall', '', '', '[]', '[]', '{}', "
    "'[[\"\",\"\",\"3\",\"heard\",1000]]', 'claimed', 1, 0, 0, '', 0, '', 1000, 0, 0);"
    "INSERT INTO contact VALUES ('n1', 5000, 7);"
    "INSERT INTO rule VALUES (3, 'night', 1, 2, 'running', '', 'weather', '[\"n1\",\"n2\"]', NULL, "
    "'[\"3\"]', "
    "'Plant/*', 1, 0, 1798761600000, 1320, 270, 1, 4, 5, 1, 0, 1000, 1000, '', '');"
    "INSERT INTO rule VALUES (4, 'later', 1, 0, 'draft', '', '', NULL, NULL, NULL, '', 0, 0, 0, 0, 0, 0, 0, "
    "0, "
    "0, 0, 1000, 1000, '7', 'last');"
    "INSERT INTO node_update VALUES (5, 'n1', '', 1, 3, 'failed', 0, 'it said no', 0, 3, '', 0, 0, '', 0, 0, "
    "'3', 0, 5000, 1000, 2000, 2000, '5');"
    "INSERT INTO history VALUES (1, 5, 1000, 'offered', 'offered', '');"
    "INSERT INTO event VALUES (2, 1000, 'update.failed', 'update', '5', 'n1', 1, 3, 5, '{\"text\":\"it said "
    "no\"}', 1);";

/* The statements of the first two versions, as they were released. */
static char *
old_schema(void)
{
  g_autoptr(GError) error = NULL;
  char *text = NULL, *end;

  g_file_get_contents(SCHEMA, &text, NULL, &error);
  g_assert_no_error(error);
  end = strstr(text, "\n-- version 3\n");
  g_assert_nonnull(end);
  *end = '\0';
  return text;
}

static void
make_old_database(const char *folder)
{
  g_autofree char *state = g_build_filename(folder, "state", NULL);
  g_autofree char *path = g_build_filename(state, "gatewayd.db", NULL);
  g_autofree char *schema = old_schema();
  g_autoptr(GError) error = NULL;
  g_autoptr(GwConnection) connection = NULL;

  g_assert_cmpint(g_mkdir(state, 0700), ==, 0);
  connection = gw_connection_open(path, FALSE, &error);
  g_assert_no_error(error);
  gw_connection_exec(connection, schema, &error);
  g_assert_no_error(error);
  gw_connection_exec(connection, ROWS, &error);
  g_assert_no_error(error);
  gw_connection_exec(connection, "PRAGMA user_version = 2", &error);
  g_assert_no_error(error);
}

static void
check_everything(Rig *rig)
{
  g_assert_cmpuint(rig_count_events(rig, "daemon.database-lost"), ==, 0);
  rig_assert_column(rig, "products", "name", "weather", "scheme", "integer");
  rig_assert_column(rig, "firmware", "id", "1", "version", "5");
  rig_assert_column(rig, "firmware", "id", "1", "state", "unverified"); /* nothing says that it was proven */
  rig_assert_column(rig, "nodes", "id", "n1", "adopted", "true");
  rig_assert_column(rig, "nodes", "id", "n1", "version", "4");
  rig_assert_column(rig, "nodes", "id", "n1", "location", "Plant/Roof");
  rig_assert_column(rig, "rules", "name", "night", "state", "running");
  rig_assert_column(rig, "rules", "name", "night", "priority", "2");
  rig_assert_column(rig, "rules", "name", "night", "cap", "4");
  rig_assert_column(rig, "rules", "name", "night", "hours", "22:00-04:30");
  rig_assert_column(rig, "rules", "name", "later", "state", "draft");
  rig_assert_column(rig, "updates", "id", "5", "state", "failed");
  rig_assert_column(rig, "updates", "id", "5", "product", "weather");
  rig_assert_column(rig, "updates", "id", "5", "release", "5");
  rig_assert_column(rig, "updates", "id", "5", "location", "Plant/Roof");
  g_assert_cmpuint(rig_count_events(rig, "update.failed"), ==, 1);
}

static void
test_from_version_2(void)
{
  g_autofree char *folder = g_dir_make_tmp("gatewayd-migration-XXXXXX", NULL);
  g_autoptr(Rig) rig = NULL;

  make_old_database(folder);
  rig = rig_new_at(folder, NULL);
  check_everything(rig);
  rig_stop_core(rig);
  rig_start_core(rig);
  rig_connect_lan(rig);
  check_everything(rig);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/control/migration/from-version-2", test_from_version_2);
  return g_test_run();
}
