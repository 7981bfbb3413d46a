/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The bus in front of a core that only remembers (fake-commands.h), as a process: what the tests of
 * gatewayctl talk to. fake-core ADDRESS ANSWERS-FILE [polkit]; each call is a line on the output, "ready" is
 * the first. A line "N" on the input tells that event N was recorded. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "bus/bus.h"
#include "fake-commands.h"

static gboolean
on_input(GIOChannel *input, GIOCondition condition, gpointer user)
{
  g_autofree char *line = NULL;

  if (g_io_channel_read_line(input, &line, NULL, NULL, NULL) != G_IO_STATUS_NORMAL)
    exit(0);
  fake_core_tell(user, atoll(line));
  return G_SOURCE_CONTINUE;
}

int
main(int argc, char **argv)
{
  g_autoptr(GwCore) core = fake_core_new();
  g_autoptr(GwBus) bus = NULL;
  g_autoptr(GError) error = NULL;
  g_autofree char *answers = NULL;

  if (argc < 3 || !g_file_get_contents(argv[2], &answers, NULL, &error))
    g_error("fake-core ADDRESS ANSWERS-FILE [polkit]: %s", error ? error->message : "wrong number of words");
  gw_log_init("fake-core", LOG_WARNING);
  fake_core_answers(core, answers);
  fake_core_print(core);
  bus = gw_bus_start(
      core, &(GwBusOptions){ .address = argv[1], .is_foreground = argc == 3, .version = "0.1.0" }, &error);
  if (!bus)
    g_error("%s", error->message);
  while (!gw_bus_is_up(bus))
    g_main_context_iteration(NULL, TRUE);
  puts("ready");
  fflush(stdout);
  g_io_add_watch(g_io_channel_unix_new(STDIN_FILENO), G_IO_IN | G_IO_HUP, on_input, core);
  for (;;)
    g_main_context_iteration(NULL, TRUE);
}
