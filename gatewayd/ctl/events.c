/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The signal carries only the id of the newest event; what it is, is fetched. So a slow terminal slows nobody
 * but itself. */
#include "ctl/events.h"

#include <string.h>

#include "base/error.h"
#include "ctl/list.h"
#include "ctl/text.h"
#include "gateway1.h"

#define PAGE 500
#define NEWEST 50
#define HANG 8

typedef struct {
  GwCtl *ctl;
  GVariant *filter;
  gint64 last; /* id of the newest that was fetched */
  guint limit; /* 0 = all */
  GPtrArray *events;
  gboolean is_stale, is_lost;
} Reader;

/* --- which --- */

static gboolean
typed_value(const char *key, const char *text, GVariant **ret_value, GError **error)
{
  gboolean is_number = strcmp(key, "firmware") == 0 || strcmp(key, "rule") == 0;
  gint64 n;

  if (is_number && !g_ascii_string_to_signed(text, 10, 1, G_MAXINT64, &n, NULL))
    return gw_fail(error, GW_ERROR_BAD_INPUT, "--filter=%s=%s: expected the number of one", key, text);
  if (is_number)
    *ret_value = g_variant_new_int64(n);
  else if (strcmp(key, "final") == 0)
    *ret_value = g_variant_new_boolean(strcmp(text, "no") != 0);
  else
    *ret_value = g_variant_new_string(text);
  return TRUE;
}

static gboolean
read_filter(const GwArgs *args, GVariant **ret_filter, GError **error)
{
  g_auto(GVariantBuilder) pairs = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE_VARDICT);
  g_auto(GVariantBuilder) filter = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE_VARDICT);
  g_autoptr(GVariant) texts = NULL;
  GVariantIter iter;
  const char *key;
  GVariant *text;

  if (!gw_args_add_pairs(args, "filter", &pairs, error))
    return FALSE;
  texts = g_variant_ref_sink(g_variant_builder_end(&pairs));
  g_variant_iter_init(&iter, texts);
  while (g_variant_iter_next(&iter, "{&sv}", &key, &text)) {
    g_autoptr(GVariant) owned = text;
    GVariant *value = NULL;

    if (!typed_value(key, g_variant_get_string(owned, NULL), &value, error))
      return FALSE;
    g_variant_builder_add(&filter, "{sv}", key, value);
  }
  *ret_filter = g_variant_ref_sink(g_variant_builder_end(&filter));
  return TRUE;
}

/* --- printing --- */

static GwColour
event_colour(const char *type)
{
  static const char *const bad[] = { "failed", "refused", "rejected", "refusal", "quarantined", NULL };
  const char *dot = strrchr(type, '.');

  if (dot && g_strv_contains(bad, dot + 1))
    return GW_COLOUR_BAD;
  return dot && strcmp(dot + 1, "succeeded") == 0 ? GW_COLOUR_GOOD : GW_COLOUR_NONE;
}

static char *
member(GVariant *event, const char *key)
{
  g_autoptr(GVariant) value = g_variant_lookup_value(event, key, NULL);

  return gw_text_value(key, value);
}

/* "node roof: it never asked (by root)"; the subject only where the text does not name it. */
static char *
about(GVariant *event)
{
  g_autofree char *kind = member(event, "subject-kind");
  g_autofree char *subject = member(event, "subject");
  g_autofree char *text = member(event, "text");
  g_autofree char *who = member(event, "who");
  g_autofree char *by = *who ? g_strconcat(" (by ", who, ")", NULL) : g_strdup("");

  if (!*subject || strstr(text, subject))
    return g_strconcat(text, by, NULL);
  return g_strconcat(kind, " ", subject, *text ? ": " : "", text, by, NULL);
}

/* "     7  2026-11-21 12:00:00  update.failed  node roof: it never asked (by root)" */
static void
print_event(GVariant *event, guint width)
{
  g_autofree char *id = member(event, "id");
  g_autofree char *time = member(event, "time");
  g_autofree char *type = member(event, "type");
  g_autofree char *head = g_strdup_printf("%6s  %s  ", id, time);
  g_autofree char *tail = about(event);
  GwColour colour = event_colour(type);

  g_print("%s%s%s%s  ", head, gw_terminal_begin(colour), type, gw_terminal_end(colour));
  gw_text_print_words(tail, gw_text_width(head) + gw_text_width(type) + 2, HANG, width);
}

static void
print_events(Reader *reader, gboolean is_stream)
{
  if (reader->ctl->is_json && !is_stream) {
    g_autoptr(GVariant) events = g_variant_ref_sink(
        g_variant_new_array(G_VARIANT_TYPE_VARDICT, (GVariant **)reader->events->pdata, reader->events->len));

    gw_ctl_print_json(g_variant_new_parsed("{'events': <%@aa{sv}>, 'last': <%x>}", events, reader->last));
  }
  for (guint i = 0; i < reader->events->len; i++)
    if (!reader->ctl->is_json)
      print_event(g_ptr_array_index(reader->events, i), gw_ctl_width(reader->ctl));
    else if (is_stream)
      gw_ctl_print_json_line(g_ptr_array_index(reader->events, i));
  g_ptr_array_set_size(reader->events, 0);
}

/* --- fetching --- */

/* One page; *ret_n: how many events were in it. */
static gboolean
fetch_page(Reader *reader, guint limit, guint *ret_n, GError **error)
{
  g_autoptr(GVariant) result = NULL;
  g_autoptr(GVariant) events = NULL;

  if (!gw_ctl_simple(reader->ctl, "GetEvents",
                     g_variant_new("(x@a{sv}u)", reader->last, reader->filter, limit), &result, error))
    return FALSE;
  g_variant_get(result, "(@aa{sv}x)", &events, &reader->last);
  *ret_n = (guint)g_variant_n_children(events);
  for (guint i = 0; i < *ret_n; i++)
    g_ptr_array_add(reader->events, g_variant_get_child_value(events, i));
  return TRUE;
}

static gboolean
fetch(Reader *reader, GError **error)
{
  guint n, limit;

  do {
    limit = reader->limit > 0 ? MIN(reader->limit - reader->events->len, PAGE) : PAGE;
    if (!fetch_page(reader, limit, &n, error))
      return FALSE;
  } while (n == limit && (reader->limit == 0 || reader->events->len < reader->limit));
  return TRUE;
}

/* --- following --- */

static void
on_events_changed(GDBusConnection *bus, const char *sender, const char *path, const char *interface,
                  const char *signal, GVariant *parameters, gpointer user)
{
  Reader *reader = user;

  reader->is_stale = TRUE;
}

static void
on_closed(GDBusConnection *bus, gboolean is_remote, const GError *error, gpointer user)
{
  Reader *reader = user;

  reader->is_lost = TRUE;
}

static gboolean
follow(Reader *reader, GError **error)
{
  reader->limit = 0;
  while (!reader->is_lost) {
    if (reader->is_stale) {
      reader->is_stale = FALSE;
      if (!fetch(reader, error))
        return FALSE;
      print_events(reader, TRUE);
    }
    if (!reader->is_stale)
      g_main_context_iteration(NULL, TRUE);
  }
  return gw_fail(error, GW_ERROR_OFFLINE, "the bus went away");
}

static gboolean
subscribe(Reader *reader, GError **error)
{
  const char *name = gw_gateway1_interface_info()->name;
  GDBusConnection *bus = gw_ctl_bus(reader->ctl, error);

  if (!bus)
    return FALSE;
  g_dbus_connection_set_exit_on_close(bus, FALSE);
  g_signal_connect(bus, "closed", G_CALLBACK(on_closed), reader);
  g_dbus_connection_signal_subscribe(bus, name, name, "EventsChanged", NULL, NULL, G_DBUS_SIGNAL_FLAGS_NONE,
                                     on_events_changed, reader, NULL);
  return TRUE;
}

static gboolean
read_range(const GwArgs *args, Reader *reader, GError **error)
{
  const char *after = gw_args_text(args, "after", NULL);

  reader->limit = gw_args_number(args, "limit", after ? 0 : NEWEST);
  if (!after) {
    reader->limit = CLAMP(reader->limit, 1, PAGE);
    reader->last = -1; /* "the newest" */
  } else if (!g_ascii_string_to_signed(after, 10, 0, G_MAXINT64, &reader->last, NULL)) {
    return gw_fail(error, GW_ERROR_BAD_INPUT, "--after=%s: expected the id of an event, or 0", after);
  }
  return TRUE;
}

gboolean
gw_ctl_events(GwCtl *ctl, const GwArgs *args, GError **error)
{
  g_autoptr(GPtrArray) events = g_ptr_array_new_with_free_func((GDestroyNotify)g_variant_unref);
  g_autoptr(GVariant) filter = NULL;
  Reader reader = { .ctl = ctl, .events = events };
  gboolean is_following = gw_args_has(args, "follow");

  if (!read_filter(args, &filter, error) || !read_range(args, &reader, error))
    return FALSE;
  reader.filter = filter;
  if ((is_following && !subscribe(&reader, error)) || !fetch(&reader, error))
    return FALSE;
  if (!ctl->is_json && reader.events->len == 0 && !is_following)
    g_printerr("no events\n");
  print_events(&reader, is_following);
  return !is_following || follow(&reader, error);
}
