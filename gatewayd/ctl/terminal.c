/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/terminal.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "ctl/text.h"

#define WIDTH_MIN 40
#define WIDTH_MAX 1000
#define BAR_CELLS 30

guint
gw_terminal_width(void)
{
  const char *columns = g_getenv("COLUMNS");
  struct winsize size;
  guint64 n;

  if (columns && g_ascii_string_to_unsigned(columns, 10, WIDTH_MIN, WIDTH_MAX, &n, NULL))
    return (guint)n;
  if (isatty(STDOUT_FILENO) == 1 && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
    return MAX(size.ws_col, WIDTH_MIN);
  return 0;
}

static gboolean
has_colour(void)
{
  const char *none = g_getenv("NO_COLOR");

  return isatty(STDOUT_FILENO) == 1 && !(none && *none) && g_strcmp0(g_getenv("TERM"), "dumb") != 0;
}

const char *
gw_terminal_begin(GwColour colour)
{
  static const char *const sequences[] = {
    [GW_COLOUR_NONE] = "",          [GW_COLOUR_GOOD] = "\033[32m", [GW_COLOUR_WARN] = "\033[33m",
    [GW_COLOUR_BAD] = "\033[1;31m", [GW_COLOUR_BOLD] = "\033[1m",
  };

  return has_colour() ? sequences[colour] : "";
}

const char *
gw_terminal_end(GwColour colour)
{
  return colour != GW_COLOUR_NONE && has_colour() ? "\033[0m" : "";
}

gboolean
gw_terminal_can_ask(void)
{
  return isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1;
}

gboolean
gw_terminal_ask(const char *question)
{
  char line[16];

  fprintf(stderr, "%s [y/N] ", question);
  if (!fgets(line, sizeof line, stdin))
    return FALSE;
  g_strstrip(line);
  return g_ascii_strcasecmp(line, "y") == 0 || g_ascii_strcasecmp(line, "yes") == 0;
}

static char *
read_line(void)
{
  char line[256];

  if (!fgets(line, sizeof line, stdin))
    return NULL;
  line[strcspn(line, "\r\n")] = '\0';
  return g_strdup(line);
}

static char *
read_unseen(const char *prompt, const char *suffix)
{
  struct termios seen, unseen;
  char *line;

  if (tcgetattr(STDIN_FILENO, &seen) < 0)
    return NULL;
  unseen = seen;
  unseen.c_lflag &= ~(tcflag_t)ECHO;
  if (tcsetattr(STDIN_FILENO, TCSADRAIN, &unseen) < 0)
    return NULL;
  fprintf(stderr, "%s%s: ", prompt, suffix); /* from here on nothing is seen */
  line = read_line();
  (void)tcsetattr(STDIN_FILENO, TCSADRAIN, &seen);
  fputc('\n', stderr);
  return line;
}

char *
gw_terminal_secret(const char *prompt)
{
  g_autofree char *first = NULL, *second = NULL;

  if (isatty(STDIN_FILENO) != 1)
    return read_line();
  first = read_unseen(prompt, "");
  second = first ? read_unseen(prompt, ", again") : NULL;
  return second && strcmp(first, second) == 0 ? g_steal_pointer(&first) : NULL;
}

void
gw_progress_draw(const char *label, guint64 done, guint64 total)
{
  guint cells = total ? (guint)(MIN(done, total) * BAR_CELLS / total) : 0;
  guint percent = total ? (guint)(MIN(done, total) * 100 / total) : 0;
  g_autofree char *bar = g_strnfill(cells, '#');
  g_autofree char *size = gw_text_size(total);

  if (isatty(STDERR_FILENO) == 1)
    fprintf(stderr, "\r%s [%-*s] %3u %% of %s ", label, BAR_CELLS, bar, percent, size);
}

void
gw_progress_clear(void)
{
  if (isatty(STDERR_FILENO) == 1)
    fputs("\r\033[K", stderr);
}
