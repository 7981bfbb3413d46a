/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "powered.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define BRICKED 70 /* what emulators end with when the real device would not come back */
#define WRONG_OPTIONS 2
#define OFF_S 2
#define LINE_FD 3

struct Powered {
  char *name, **arguments;
  char *version, *program; /* what it said last; NULL = nothing yet */
  int line;
  double power_s;
  guint cut_timer;
  GSubprocess *process;
  GDataInputStream *words;
};

static void start(Powered *node);

static void G_GNUC_PRINTF(2, 3) say(const Powered *node, const char *format, ...)
{
  va_list args;

  va_start(args, format);
  g_autofree char *text = g_strdup_vprintf(format, args);
  va_end(args);
  printf("%s: %s\n", node->name, text);
  fflush(stdout);
}

gboolean
powered_read(const char *line, char **ret_version, char **ret_program)
{
  const char *running = g_strrstr(line, "running "), *fallen = g_strrstr(line, "fell back to version ");
  g_auto(GStrv) words = NULL;
  guint at = 0;

  if (!running && !fallen)
    return FALSE;
  words = g_strsplit_set(running ? running + 8 : fallen + 13, " :", 0);
  while (words[at] && strcmp(words[at], "version") != 0)
    at++;
  if (!words[at] || !words[at + 1] || !*words[at + 1] || words[at + 1][0] == '(')
    return FALSE;
  *ret_version = g_strdup(words[at + 1]);
  *ret_program = at ? g_strdup(words[0]) : NULL;
  return TRUE;
}

static void
on_word(GObject *object, GAsyncResult *result, gpointer user_data)
{
  Powered *node = user_data;
  g_autofree char *line =
      g_data_input_stream_read_line_finish_utf8(G_DATA_INPUT_STREAM(object), result, NULL, NULL);
  char *version, *program;

  if (!line)
    return;
  puts(line);
  fflush(stdout);
  if (powered_read(line, &version, &program)) {
    g_free(node->version);
    node->version = version;
    g_free(node->program);
    node->program = program;
  }
  g_data_input_stream_read_line_async(G_DATA_INPUT_STREAM(object), G_PRIORITY_DEFAULT, NULL, on_word, node);
}

static gboolean
on_power_back(gpointer user_data)
{
  start(user_data);
  return G_SOURCE_REMOVE;
}

static gboolean
on_power_cut(gpointer user_data)
{
  Powered *node = user_data;

  node->cut_timer = 0;
  say(node, "power cut");
  g_subprocess_force_exit(node->process);
  return G_SOURCE_REMOVE;
}

static void
on_end(GObject *object, GAsyncResult *result, gpointer user_data)
{
  Powered *node = user_data;
  int status;

  g_subprocess_wait_finish(G_SUBPROCESS(object), result, NULL);
  g_clear_handle_id(&node->cut_timer, g_source_remove);
  status = g_subprocess_get_if_exited(G_SUBPROCESS(object))
               ? g_subprocess_get_exit_status(G_SUBPROCESS(object))
               : -1;
  if (status == BRICKED) {
    say(node, "is dead: no power cycle brings it back");
    return;
  }
  if (status == WRONG_OPTIONS)
    exit(WRONG_OPTIONS); /* it said why */
  g_timeout_add_seconds(OFF_S, on_power_back, node);
}

/* The children go with us, whatever ends us. */
static void
set_up_child(gpointer user_data)
{
  prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static void
start(Powered *node)
{
  g_autoptr(GSubprocessLauncher) launcher = g_subprocess_launcher_new(G_SUBPROCESS_FLAGS_STDOUT_PIPE);
  g_autoptr(GPtrArray) arguments = g_ptr_array_new_with_free_func(g_free);
  g_autoptr(GError) error = NULL;

  for (char **argument = node->arguments; *argument; argument++)
    g_ptr_array_add(arguments, g_strdup(*argument));
  if (node->version)
    g_ptr_array_add(arguments, g_strdup_printf("--version=%s", node->version));
  if (node->program)
    g_ptr_array_add(arguments, g_strdup_printf("--program=%s", node->program));
  g_ptr_array_add(arguments, NULL);
  g_subprocess_launcher_set_child_setup(launcher, set_up_child, NULL, NULL);
  if (node->line >= 0)
    g_subprocess_launcher_take_fd(launcher, dup(node->line), LINE_FD);
  g_clear_object(&node->process);
  g_clear_object(&node->words);
  node->process = g_subprocess_launcher_spawnv(launcher, (const char *const *)arguments->pdata, &error);
  if (!node->process) {
    fprintf(stderr, "%s: %s\n", node->name, error->message);
    exit(1);
  }
  node->words = g_data_input_stream_new(g_subprocess_get_stdout_pipe(node->process));
  g_data_input_stream_read_line_async(node->words, G_PRIORITY_DEFAULT, NULL, on_word, node);
  g_subprocess_wait_async(node->process, NULL, on_end, node);
  if (node->power_s > 0)
    node->cut_timer =
        g_timeout_add((guint)(-log(1 - g_random_double()) * node->power_s * 1000) + 1, on_power_cut, node);
}

Powered *
powered_new(const char *name, char **arguments, int line, double power_s)
{
  Powered *node = g_new0(Powered, 1);

  node->name = g_strdup(name);
  node->arguments = arguments;
  node->line = line;
  node->power_s = power_s;
  start(node);
  return node;
}
