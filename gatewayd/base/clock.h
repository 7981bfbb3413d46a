/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The two clocks. Intervals use the boot clock (it runs on in suspend and never jumps); only windows, time
 * stamps and expiry dates use the wall clock, and only while it is trusted. Everything in model/ takes a
 * GwNow as an argument; only the mains and control/ call gw_clock_now(). Any thread. */
#pragma once
#include <glib.h>

typedef struct {
  gint64 boot_ms;      /* CLOCK_BOOTTIME */
  gint64 wall_ms;      /* CLOCK_REALTIME, ms since 1970 UTC */
  gboolean is_trusted; /* the wall clock is synchronised, or was declared so */
} GwNow;

gint64 gw_clock_boot_ms(void);
gint64 gw_clock_wall_ms(void);
/* Trusted = wall time is not before the build date, and (adjtimex says synchronised, or trust was forced by
 * gw_clock_trust_always(), which [clock] trust=always does). */
GwNow gw_clock_now(void);
void gw_clock_trust_always(gboolean is_always);
/* /proc/sys/kernel/random/boot_id without dashes (32 hex digits). Static. */
const char *gw_clock_boot_id(void);
/* "2026-11-21T12:00:00Z" (RFC 3339, seconds, UTC). Caller frees. */
char *gw_clock_format(gint64 wall_ms);
/* Reads RFC 3339 with Z or numeric offset. */
gboolean gw_clock_parse(const char *text, gint64 *ret_wall_ms, GError **error);

/* A deadline that keeps its remainder across reboots: stored as (boot id, boot_ms of the deadline,
 * remaining_ms at the time of writing). */
typedef struct {
  char boot_id[33];
  gint64 boot_ms;
  gint64 remaining_ms;
} GwDeadline;
GwDeadline gw_deadline_in(const GwNow *now, gint64 ms);
/* The deadline on this boot's clock; a deadline of an earlier boot restarts with its stored remainder from
 * @now, so call gw_deadline_touch() once when it was read back. */
gint64 gw_deadline_boot_ms(const GwDeadline *deadline, const GwNow *now);
/* Refreshes remaining_ms before it is written again. */
void gw_deadline_touch(GwDeadline *deadline, const GwNow *now);
