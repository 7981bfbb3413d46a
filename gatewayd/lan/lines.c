/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Serial devices: each [line NAME] has one device and one plugin, and a session as long as the device is
 * there. */
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "lan/lan-private.h"
#include "net/serial.h"

#define RETRY_MS 500

typedef struct {
  GwLines *lines;
  char *name, *node;
  GVariant *section; /* a{ss}, as configured */
  GwHosted *hosted;
  gboolean is_open, has_complained, is_gone;
  GwTimer retry;
} Line;

struct GwLines {
  GwLan *lan;
  GPtrArray *list; /* Line */
};

static void
line_free(gpointer data)
{
  Line *line = data;

  gw_wheel_cancel(&line->retry);
  g_free(line->name);
  g_free(line->node);
  g_variant_unref(line->section);
  g_free(line);
}

static const char *
option(GVariant *section, const char *key, const char *fallback)
{
  const char *value = fallback;

  (void)g_variant_lookup(section, key, "&s", &value);
  return value;
}

static void
arm(Line *line)
{
  GwReactor *reactor = line->lines->lan->reactor;

  gw_wheel_arm(gw_reactor_wheel(reactor), &line->retry, gw_reactor_now_ms(reactor) + RETRY_MS);
}

static void
on_session_ended(gpointer user)
{
  Line *line = user;

  line->is_open = FALSE;
  if (!line->is_gone)
    arm(line);
}

static int
open_device(const Line *line, GError **error)
{
  const char *device = option(line->section, "device", "");
  g_autofree char *text =
      g_strdup_printf("%s %s", option(line->section, "speed", "9600"), option(line->section, "mode", "8n1"));
  GwSerialLine serial;

  if (!g_path_is_absolute(device))
    return gw_fail(error, GW_ERROR_BAD_INPUT, "device=%s is no path", device), -1;
  if (!gw_serial_parse(text, &serial, error))
    return -1;
  return gw_serial_open(device, &serial, error);
}

static void
try_open(Line *line)
{
  g_autoptr(GError) error = NULL;
  int fd;

  if (!gw_hosted_is_on(line->hosted)) {
    arm(line);
    return;
  }
  fd = open_device(line, &error);
  if (fd < 0) {
    if (!line->has_complained)
      gw_warning(GW_SUBJECT_PLUGIN, line->hosted->plugin->name, "line %s: %s", line->name, error->message);
    line->has_complained = TRUE;
    arm(line);
    return;
  }
  line->has_complained = FALSE;
  line->is_open = TRUE;
  gw_info(GW_SUBJECT_PLUGIN, line->hosted->plugin->name, "line %s is open", line->name);
  GwTalkOnLine where = { line->hosted, line->name, line->node, on_session_ended, line };
  gw_talks_open_line(line->lines->lan->talks, &where, fd);
}

static void
on_retry(GwTimer *timer, gint64 now_ms)
{
  try_open((Line *)(void *)((char *)timer - G_STRUCT_OFFSET(Line, retry)));
}

/* ---- what is configured ---- */

static gboolean
names(const char *list, const char *name)
{
  g_auto(GStrv) words = g_strsplit_set(list, ",;", -1);

  for (char **word = words; *word; word++) {
    if (strcmp(g_strstrip(*word), name) == 0)
      return TRUE;
  }
  return FALSE;
}

/* By the line's own plugin=, or by the plugin whose listen= names the line. */
static GwHosted *
find_hosted(const GwLan *lan, GVariant *section, const char *name)
{
  const char *plugin = option(section, "plugin", "");

  for (guint i = 0; i < lan->hosted->len; i++) {
    GwHosted *hosted = lan->hosted->pdata[i];
    gboolean is_wanted =
        *plugin ? strcmp(hosted->plugin->name, plugin) == 0 : names(gw_hosted_option(hosted, "listen"), name);
    if (hosted->plugin->kind == GATEWAY_SESSION && is_wanted)
      return hosted;
  }
  return NULL;
}

static Line *
find_line(const GwLines *lines, const char *name)
{
  for (guint i = 0; i < lines->list->len; i++) {
    Line *line = lines->list->pdata[i];
    if (strcmp(line->name, name) == 0)
      return line;
  }
  return NULL;
}

static void
add_line(GwLines *lines, const char *name, GVariant *section)
{
  GwHosted *hosted = find_hosted(lines->lan, section, name);
  Line *line;

  if (!hosted) {
    gw_err(GW_SUBJECT_PLUGIN, option(section, "plugin", NULL), "line %s: no session plugin is loaded for it",
           name);
    return;
  }
  line = g_new0(Line, 1);
  line->lines = lines;
  line->name = g_strdup(name);
  line->node = g_strdup(option(section, "node", ""));
  line->section = g_variant_ref(section);
  line->hosted = hosted;
  line->retry.fire = on_retry;
  g_ptr_array_add(lines->list, line);
  try_open(line);
}

static GVariant *
find_section(GVariant *sections, const char *name)
{
  GVariantIter iter;
  const char *kind, *instance;
  GVariant *values;

  g_variant_iter_init(&iter, sections);
  while (g_variant_iter_next(&iter, "(&s&s@a{ss})", &kind, &instance, &values)) {
    if (strcmp(kind, "line") == 0 && strcmp(instance, name) == 0)
      return values;
    g_variant_unref(values);
  }
  return NULL;
}

static void
drop_line(GwLines *lines, Line *line)
{
  line->is_gone = TRUE;
  if (line->is_open)
    gw_talks_end_line(lines->lan->talks, line);
  g_ptr_array_remove(lines->list, line);
}

void
gw_lines_configure(GwLines *lines, GVariant *sections)
{
  GVariantIter iter;
  const char *kind, *name;
  GVariant *values;

  for (guint i = lines->list->len; i > 0; i--) {
    Line *line = lines->list->pdata[i - 1];
    g_autoptr(GVariant) section = find_section(sections, line->name);
    if (!section || !g_variant_equal(section, line->section) ||
        find_hosted(lines->lan, section, line->name) != line->hosted)
      drop_line(lines, line);
  }
  g_variant_iter_init(&iter, sections);
  while (g_variant_iter_loop(&iter, "(&s&s@a{ss})", &kind, &name, &values)) {
    if (strcmp(kind, "line") == 0 && !find_line(lines, name))
      add_line(lines, name, values);
  }
}

GwLines *
gw_lines_new(GwLan *lan)
{
  GwLines *lines = g_new0(GwLines, 1);

  lines->lan = lan;
  lines->list = g_ptr_array_new_with_free_func(line_free);
  return lines;
}

void
gw_lines_free(GwLines *lines)
{
  if (!lines)
    return;
  while (lines->list->len > 0)
    drop_line(lines, lines->list->pdata[0]);
  g_ptr_array_unref(lines->list);
  g_free(lines);
}
