/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Serial lines: each [line NAME] has one device, or one place at a serial server, and one plugin, and a
 * session as long as it is there. Servers are @net's, devices are @serial's. */
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "lan/lan-private.h"
#include "net/serial-server.h"
#include "net/serial.h"

#define RETRY_MS 500           /* a device */
#define RECONNECT_MS 1000      /* a server, doubled each time... */
#define RECONNECT_MAX_MS 60000 /* ...up to this */
#define STEADY_MS 10000        /* what held so long begins with the first again */

typedef struct {
  GwLines *lines;
  char *name, *node;
  GVariant *section; /* a{ss}, as configured */
  GwHosted *hosted;
  GwSerialServer *server; /* connecting, under the session, or bringing its last bytes away */
  gboolean is_open, has_complained, is_gone;
  guint reconnect_ms;
  gint64 opened_ms;
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
  gw_serial_server_free(line->server);
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

static const char *
device_of(GVariant *section)
{
  return option(section, "device", "");
}

static void
arm(Line *line, guint wait_ms)
{
  GwReactor *reactor = line->lines->lan->reactor;

  gw_wheel_arm(gw_reactor_wheel(reactor), &line->retry, gw_reactor_now_ms(reactor) + wait_ms);
}

/* Again later: a device may be plugged in at any moment, a server is not asked too often. */
static void
retry(Line *line)
{
  gboolean is_server = gw_serial_place_is_one(device_of(line->section));

  arm(line, is_server ? line->reconnect_ms : RETRY_MS);
  line->reconnect_ms = MIN(2 * line->reconnect_ms, RECONNECT_MAX_MS);
}

static void
on_session_ended(gpointer user)
{
  Line *line = user;

  line->is_open = FALSE;
  if (gw_reactor_now_ms(line->lines->lan->reactor) >= line->opened_ms + STEADY_MS)
    line->reconnect_ms = RECONNECT_MS;
  if (!line->is_gone)
    retry(line);
}

static void
complain(Line *line, const GError *error)
{
  if (!line->has_complained)
    gw_warning(GW_SUBJECT_PLUGIN, line->hosted->plugin->name, "line %s: %s", line->name, error->message);
  line->has_complained = TRUE;
  retry(line);
}

static void
open_session(Line *line, int fd)
{
  line->has_complained = FALSE;
  line->is_open = TRUE;
  line->opened_ms = gw_reactor_now_ms(line->lines->lan->reactor);
  gw_info(GW_SUBJECT_PLUGIN, line->hosted->plugin->name, "line %s is open", line->name);
  GwTalkOnLine where = { line->hosted, line->name, line->node, on_session_ended, line };
  gw_talks_open_line(line->lines->lan->talks, &where, fd);
}

static void
on_server_ready(int fd, const GError *error, gpointer user)
{
  if (error)
    complain(user, error);
  else
    open_session(user, fd);
}

/* The descriptor, or -1: with an error, or to come. */
static int
open_device(Line *line, GError **error)
{
  const char *device = device_of(line->section);
  g_autofree char *text =
      g_strdup_printf("%s %s", option(line->section, "speed", "9600"), option(line->section, "mode", "8n1"));
  GwSerialLine serial;
  GwSerialPlace place;

  g_clear_pointer(&line->server, gw_serial_server_free);
  if (!gw_serial_parse(text, &serial, error))
    return -1;
  if (g_path_is_absolute(device))
    return gw_serial_open(device, &serial, error);
  if (gw_serial_place_parse(device, &place, error))
    line->server =
        gw_serial_server_open(line->lines->lan->reactor, &place, &serial, on_server_ready, line, error);
  return -1;
}

static void
try_open(Line *line)
{
  g_autoptr(GError) error = NULL;
  int fd;

  if (!gw_hosted_is_on(line->hosted)) {
    arm(line, RETRY_MS);
    return;
  }
  fd = open_device(line, &error);
  if (error)
    complain(line, error);
  else if (fd >= 0)
    open_session(line, fd);
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

/* Which of the two workers has it. */
static gboolean
is_ours(const GwLines *lines, GVariant *section)
{
  const char *instance = lines->lan->setup.instance;

  return !*instance || gw_serial_place_is_one(device_of(section)) == (strcmp(instance, "net") == 0);
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
  line->reconnect_ms = RECONNECT_MS;
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
    if (strcmp(kind, "line") == 0 && is_ours(lines, values) && !find_line(lines, name))
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
