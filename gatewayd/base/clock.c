/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/clock.h"

#include <string.h>
#include <sys/timex.h>
#include <time.h>

#include "base/error.h"
#include "base/file.h"

#define MS_PER_S 1000
/* The kernel's maximum error grows to this when nobody disciplines the clock. STA_UNSYNC is not asked: it is
 * also set to keep the kernel from writing the hardware clock. */
#define UNSYNCHRONISED_ERROR_US 16000000
#define BOOT_ID_HEX_LEN 32

static gint trust_always;

static gint64
clock_ms(clockid_t id)
{
  struct timespec ts;

  g_assert(clock_gettime(id, &ts) == 0);
  return (gint64)ts.tv_sec * MS_PER_S + ts.tv_nsec / 1000000;
}

gint64
gw_clock_boot_ms(void)
{
  return clock_ms(CLOCK_BOOTTIME);
}

gint64
gw_clock_wall_ms(void)
{
  return clock_ms(CLOCK_REALTIME);
}

static gboolean
is_synchronised(void)
{
  struct timex timex = { 0 };

  return adjtimex(&timex) >= 0 && timex.maxerror < UNSYNCHRONISED_ERROR_US;
}

GwNow
gw_clock_now(void)
{
  GwNow now = { .boot_ms = gw_clock_boot_ms(), .wall_ms = gw_clock_wall_ms() };

  now.is_trusted = now.wall_ms >= (gint64)GW_BUILD_EPOCH_S * MS_PER_S &&
                   (g_atomic_int_get(&trust_always) || is_synchronised());
  return now;
}

void
gw_clock_trust_always(gboolean is_always)
{
  g_atomic_int_set(&trust_always, is_always);
}

/* All zeros where /proc/sys is hidden: then every boot looks like this one, which gw_deadline_boot_ms()
 * survives. */
static void
read_boot_id(char ret_id[BOOT_ID_HEX_LEN + 1])
{
  g_autofree char *text = NULL;
  gsize n = 0;

  if (g_file_get_contents("/proc/sys/kernel/random/boot_id", &text, NULL, NULL))
    for (const char *p = text; *p && n < BOOT_ID_HEX_LEN; p++)
      if (g_ascii_isxdigit(*p))
        ret_id[n++] = *p;
  memset(ret_id + n, '0', BOOT_ID_HEX_LEN - n);
  ret_id[BOOT_ID_HEX_LEN] = '\0';
}

const char *
gw_clock_boot_id(void)
{
  static char boot_id[BOOT_ID_HEX_LEN + 1];
  static gsize is_read;

  if (g_once_init_enter(&is_read)) {
    read_boot_id(boot_id);
    g_once_init_leave(&is_read, 1);
  }
  return boot_id;
}

char *
gw_clock_format(gint64 wall_ms)
{
  gint64 seconds = wall_ms / MS_PER_S - (wall_ms % MS_PER_S < 0);
  g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(seconds);
  int year, month, day;

  if (!time)
    return g_strdup("out-of-range");
  g_date_time_get_ymd(time, &year, &month, &day);
  /* GLib's %Y writes the year 26 with two digits. */
  return g_strdup_printf("%04d-%02d-%02dT%02d:%02d:%02dZ", year, month, day, g_date_time_get_hour(time),
                         g_date_time_get_minute(time), g_date_time_get_second(time));
}

/* GLib reads all of ISO 8601; RFC 3339 is the one shape of it that has no second reading. */
static gboolean
has_rfc3339_shape(const char *text)
{
  static const char shape[] = "dddd-dd-ddTdd:dd:dd";
  const char *zone = text + strlen(shape);

  for (gsize i = 0; shape[i]; i++)
    if (shape[i] == 'd' ? !g_ascii_isdigit(text[i]) : text[i] != shape[i])
      return FALSE;
  if (*zone == '.' && g_ascii_isdigit(zone[1]))
    for (zone++; g_ascii_isdigit(*zone);)
      zone++;
  if (strcmp(zone, "Z") == 0)
    return TRUE;
  return strlen(zone) == 6 && (zone[0] == '+' || zone[0] == '-') && g_ascii_isdigit(zone[1]) &&
         g_ascii_isdigit(zone[2]) && zone[3] == ':' && g_ascii_isdigit(zone[4]) && g_ascii_isdigit(zone[5]);
}

gboolean
gw_clock_parse(const char *text, gint64 *ret_wall_ms, GError **error)
{
  g_autoptr(GDateTime) time = has_rfc3339_shape(text) ? g_date_time_new_from_iso8601(text, NULL) : NULL;

  if (!time)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "\"%.40s\" is not a time like 2026-11-21T12:00:00Z", text);
  *ret_wall_ms = g_date_time_to_unix(time) * MS_PER_S + g_date_time_get_microsecond(time) / 1000;
  return TRUE;
}

GwDeadline
gw_deadline_in(const GwNow *now, gint64 ms)
{
  GwDeadline deadline = { .boot_ms = now->boot_ms + ms, .remaining_ms = ms };

  g_strlcpy(deadline.boot_id, gw_clock_boot_id(), sizeof deadline.boot_id);
  return deadline;
}

/* The stored remainder is never less than the true one, so it also bounds a deadline of this boot. */
gint64
gw_deadline_boot_ms(const GwDeadline *deadline, const GwNow *now)
{
  gint64 restarted_ms = now->boot_ms + MAX(deadline->remaining_ms, 0);

  if (strcmp(deadline->boot_id, gw_clock_boot_id()) != 0)
    return restarted_ms;
  return MIN(deadline->boot_ms, restarted_ms);
}

void
gw_deadline_touch(GwDeadline *deadline, const GwNow *now)
{
  deadline->boot_ms = gw_deadline_boot_ms(deadline, now);
  deadline->remaining_ms = MAX(deadline->boot_ms - now->boot_ms, 0);
  g_strlcpy(deadline->boot_id, gw_clock_boot_id(), sizeof deadline->boot_id);
}
