/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a day of nodes that poll and get nothing costs the flash: the core with its real database, a clock
 * that is moved, and a LAN worker that tells the contacts of each minute as the real one does. Prints bytes
 * written for each node on a day after a settled one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rig.h"

#define N_NODES 1000
#define A_MINUTE_MS 60000

static guint64
written_bytes(void)
{
  g_autofree char *text = NULL;
  const char *line;

  sync();
  if (!g_file_get_contents("/proc/self/io", &text, NULL, NULL) || !(line = strstr(text, "\nwrite_bytes:")))
    g_error("/proc/self/io does not say what was written");
  return g_ascii_strtoull(line + strlen("\nwrite_bytes:"), NULL, 10);
}

static void
poll_once(Rig *rig, GwContact *contacts)
{
  for (guint i = 0; i < N_NODES; i++)
    contacts[i].first_ms = contacts[i].last_ms = rig->wall_ms;
  gw_link_send(rig->lan, GW_MESSAGE_CONTACTS, 0, gw_contacts_pack(contacts, N_NODES), NULL, 0);
  rig->boot_ms += A_MINUTE_MS;
  rig->wall_ms += A_MINUTE_MS;
  gw_core_turn(rig->core);
  while (g_main_context_iteration(NULL, FALSE))
    ;
}

static void
live_a_day(Rig *rig, GwContact *contacts)
{
  for (guint minute = 0; minute < 1440; minute++) {
    poll_once(rig, contacts);
    if (minute % 60 == 0)
      rig_settle(rig); /* the database has done its part */
  }
  rig_settle(rig);
}

int
main(int argc, char **argv)
{
  g_autoptr(Rig) rig = rig_new_at(argc > 1 ? argv[1] : NULL, NULL);
  GwContact *contacts = g_new0(GwContact, N_NODES);
  guint64 before, day[2];

  rig_product(rig, "weather", RIG_TOLD);
  for (guint i = 0; i < N_NODES; i++) {
    char *name = g_strdup_printf("n%u", i);

    rig_expect_nothing(rig, &(RigAsker){ .plugin = RIG_TOLD, .node = name }, GATEWAY_REASON_NOT_ADOPTED);
    rig_adopt(rig, name, "weather");
    rig_expect_nothing(rig, &(RigAsker){ .plugin = RIG_TOLD, .node = name }, GATEWAY_REASON_NO_RULE);
    contacts[i] = (GwContact){ name, (char *)"127.0.0.1", (char *)"", 0, 0, 1, GW_ASK_OFFER };
  }
  before = written_bytes();
  for (guint i = 0; i < G_N_ELEMENTS(day); i++) {
    live_a_day(rig, contacts);
    day[i] = written_bytes() - before;
    before += day[i];
  }
  printf("{\"first_day\": %.1f, \"next_day\": %.1f}\n", (double)day[0] / N_NODES, (double)day[1] / N_NODES);
  for (guint i = 0; i < N_NODES; i++)
    g_free(contacts[i].node);
  g_free(contacts);
  return 0;
}
