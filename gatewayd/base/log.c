/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One line, one subject, one write. Whatever stands in a line may have been made by a peer, so every line is
 * made inert as a whole instead of trusting each caller to know where its text came from. */
#define SD_JOURNAL_SUPPRESS_LOCATION
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "base/clock.h"

#define LINE_MAX_BYTES 2048
#define DEFAULT_BURST 10
#define DEFAULT_INTERVAL_MS 60000

static const char *log_identifier = "gatewayd";
static int log_max_priority = LOG_INFO;
static gboolean log_to_journal;
static gboolean log_to_terminal;

static const char *const subject_names[] = {
  [GW_SUBJECT_DAEMON] = "daemon",     [GW_SUBJECT_NODE] = "node",     [GW_SUBJECT_FIRMWARE] = "firmware",
  [GW_SUBJECT_UPDATE] = "update",     [GW_SUBJECT_RULE] = "rule",     [GW_SUBJECT_PLUGIN] = "plugin",
  [GW_SUBJECT_UPSTREAM] = "upstream", [GW_SUBJECT_OUTLET] = "outlet", [GW_SUBJECT_BLOB] = "blob",
  [GW_SUBJECT_PEER] = "peer",         [GW_SUBJECT_LINK] = "link",     [GW_SUBJECT_USER] = "user",
};

const char *
gw_subject_name(GwSubject subject)
{
  g_assert(subject < G_N_ELEMENTS(subject_names));
  return subject_names[subject];
}

/* JOURNAL_STREAM holds "device:inode" of the stream that systemd connected; it is inherited by children whose
 * stderr may since have gone elsewhere, so it is compared with what stderr is now. */
static gboolean
stderr_is_journal(void)
{
  const char *text = g_getenv("JOURNAL_STREAM");
  unsigned long long device, inode;
  struct stat st;

  if (!text || sscanf(text, "%llu:%llu", &device, &inode) != 2 || fstat(STDERR_FILENO, &st) < 0)
    return FALSE;
  return st.st_dev == device && st.st_ino == inode;
}

void
gw_log_init(const char *identifier, int max_priority)
{
  log_identifier = identifier;
  log_max_priority = max_priority;
  log_to_journal = stderr_is_journal();
  log_to_terminal = isatty(STDERR_FILENO) == 1;
}

/* Format covers U+202A..E, U+2066..9, zero-width characters and tags. */
static gboolean
is_inert(gunichar c)
{
  switch (g_unichar_type(c)) {
  case G_UNICODE_CONTROL:
  case G_UNICODE_FORMAT:
  case G_UNICODE_UNASSIGNED:
  case G_UNICODE_PRIVATE_USE:
  case G_UNICODE_SURROGATE:
  case G_UNICODE_LINE_SEPARATOR:
  case G_UNICODE_PARAGRAPH_SEPARATOR:
    return FALSE;
  default:
    return TRUE;
  }
}

/* What most lines are: nothing but letters. */
static gboolean
is_plain(const char *text, gsize size)
{
  for (gsize i = 0; i < size; i++)
    if (text[i] < 0x20 || text[i] > 0x7e)
      return FALSE;
  return size + 16 <= LINE_MAX_BYTES;
}

char *
gw_log_inert(const char *text)
{
  gsize size = strlen(text);
  const char *end = text + size;
  GString *out;

  if (is_plain(text, size))
    return g_strndup(text, size);
  out = g_string_sized_new(size);

  while (text < end) {
    gunichar c = g_utf8_get_char_validated(text, end - text);
    gboolean is_utf8 = c != (gunichar)-1 && c != (gunichar)-2;
    const char *next = is_utf8 ? g_utf8_next_char(text) : text + 1;

    if (out->len + 16 > LINE_MAX_BYTES) {
      g_string_append(out, "...");
      break;
    }
    if (is_utf8 && is_inert(c))
      g_string_append_len(out, text, next - text);
    else if (!is_utf8 || c < 0x80)
      g_string_append_printf(out, "\\x%02x", (guint)(guint8)*text);
    else
      g_string_append_printf(out, "\\u{%x}", c);
    text = next;
  }
  return g_string_free(out, FALSE);
}

static void
add_field(GPtrArray *fields, const char *name, const char *value)
{
  g_ptr_array_add(fields, g_strconcat(name, "=", value, NULL));
}

/* "GATEWAYD_NODE" for a line about a node. */
static void
add_subject(GPtrArray *fields, GwSubject subject, const char *id)
{
  g_autofree char *upper = g_ascii_strup(gw_subject_name(subject), -1);
  g_autofree char *name = g_strconcat("GATEWAYD_", upper, NULL);

  add_field(fields, "GATEWAYD_SUBJECT", gw_subject_name(subject));
  if (id) {
    add_field(fields, "GATEWAYD_ID", id);
    add_field(fields, name, id);
  }
}

static void
write_journal(const GwLogEvent *event, const char *id, const char *text)
{
  g_autoptr(GPtrArray) fields = g_ptr_array_new_with_free_func(g_free);
  g_autofree char *message = id ? g_strdup_printf("%s: %s", id, text) : g_strdup(text);
  struct iovec parts[8 + GW_LOG_FIELDS_MAX];

  add_field(fields, "MESSAGE", message);
  g_ptr_array_add(fields, g_strdup_printf("PRIORITY=%d", event->priority));
  add_field(fields, "SYSLOG_IDENTIFIER", log_identifier);
  add_subject(fields, event->subject, id);
  if (event->message_id)
    add_field(fields, "MESSAGE_ID", event->message_id);
  for (const GwLogField *field = event->fields; field && field->name; field++) {
    g_autofree char *value = gw_log_inert(field->value);
    g_autofree char *name = g_strconcat("GATEWAYD_", field->name, NULL);
    if (fields->len < G_N_ELEMENTS(parts))
      add_field(fields, name, value);
  }
  for (guint i = 0; i < fields->len; i++)
    parts[i] = (struct iovec){ fields->pdata[i], strlen(fields->pdata[i]) };
  (void)sd_journal_sendv(parts, (int)fields->len);
}

static void
write_stderr(const GwLogEvent *event, const char *id, const char *text)
{
  g_autofree char *prefix = log_to_terminal ? g_strdup("") : g_strdup_printf("<%d>", event->priority);
  g_autofree char *line = g_strdup_printf("%s%s: %s%s%s: %s\n", prefix, log_identifier,
                                          gw_subject_name(event->subject), id ? " " : "", id ? id : "", text);
  ssize_t n = write(STDERR_FILENO, line, strlen(line));

  (void)n; /* nobody is left to tell */
}

void
gw_log_event(const GwLogEvent *event)
{
  g_autofree char *text = gw_log_inert(event->text);
  g_autofree char *id = event->id && *event->id ? gw_log_inert(event->id) : NULL;

  if (event->priority > log_max_priority)
    return;
  if (log_to_journal)
    write_journal(event, id, text);
  else
    write_stderr(event, id, text);
}

static void G_GNUC_PRINTF(4, 0)
    write_line(int priority, GwSubject subject, const char *id, const char *format, va_list args)
{
  g_autofree char *text = g_strdup_vprintf(format, args);
  GwLogEvent event = { .priority = priority, .subject = subject, .id = id, .text = text };

  gw_log_event(&event);
}

void
gw_log(int priority, GwSubject subject, const char *id, const char *format, ...)
{
  va_list args;

  if (priority > log_max_priority)
    return;
  va_start(args, format);
  write_line(priority, subject, id, format, args);
  va_end(args);
}

/* FALSE if the line is to be left out; else how many were left out before it. */
static gboolean
limit_admits(GwLogLimit *limit, guint *ret_n_suppressed)
{
  guint burst = limit->burst ? limit->burst : DEFAULT_BURST;
  guint interval_ms = limit->interval_ms ? limit->interval_ms : DEFAULT_INTERVAL_MS;
  gint64 now_ms = gw_clock_boot_ms();

  if (limit->n_in_window == 0 || now_ms - limit->window_start_ms >= interval_ms) {
    limit->window_start_ms = now_ms;
    limit->n_in_window = 0;
  }
  if (limit->n_in_window >= burst) {
    limit->n_suppressed++;
    return FALSE;
  }
  limit->n_in_window++;
  *ret_n_suppressed = limit->n_suppressed;
  limit->n_suppressed = 0;
  return TRUE;
}

void
gw_log_peer(GwLogLimit *limit, int priority, GwSubject subject, const char *id, const char *format, ...)
{
  guint n_suppressed;
  va_list args;

  if (priority > log_max_priority || !limit_admits(limit, &n_suppressed))
    return;
  if (n_suppressed > 0)
    gw_log(priority, subject, id, "%u lines like the next were left out", n_suppressed);
  va_start(args, format);
  write_line(priority, subject, id, format, args);
  va_end(args);
}
