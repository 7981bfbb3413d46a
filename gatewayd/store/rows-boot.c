/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Waits across boots. Times of the boot clock stand in a row with the boot that they are of, and with the
 * moment at which the row was written. How much longer that boot went on, nobody would know: so it is noted
 * now and then, and at the start of the next one all waits are carried over to its clock, less what was
 * measured. The time that a machine was off is not. */
#include "store/rows-private.h"

#define BOOT "(SELECT value FROM meta WHERE key = 'boot')"
#define NOTED "CAST((SELECT value FROM meta WHERE key = 'boot-ms') AS INTEGER)"
/* The last known moment of the row's boot. */
#define LAST "(CASE WHEN boot_id = " BOOT " THEN max(written_boot_ms, " NOTED ") ELSE written_boot_ms END)"
#define LEFT "max(deadline_remaining_ms - (" LAST " - written_boot_ms), 0)"

#define CARRY_UPDATES                                                                                        \
  "UPDATE node_update SET deadline_remaining_ms = " LEFT ", deadline_boot_ms = ?2 + " LEFT ", "              \
  "deadline_boot_id = iif(deadline_boot_id = '', '', ?1), "                                                  \
  "retry_boot_ms = iif(retry_boot_ms = 0, 0, max(?2 + retry_boot_ms - " LAST ", 1)), "                       \
  "boot_id = ?1, written_boot_ms = ?2 WHERE is_open AND boot_id <> ?1"
#define CARRY_PINS                                                                                           \
  "UPDATE pin SET inference_started_boot_ms = ?2 + inference_started_boot_ms - " LAST ", "                   \
  "inference_last_boot_ms = ?2 + inference_last_boot_ms - " LAST ", boot_id = ?1, written_boot_ms = ?2 "     \
  "WHERE boot_id <> ?1"
/* A deadline in three columns; when its row was written is said by what was left then. */
#define LEFT_OF(which)                                                                                       \
  "max(" which "_remaining_ms - max(iif(" which "_boot_id = " BOOT ", " NOTED " - (" which                   \
  "_boot_ms - " which "_remaining_ms), 0), 0), 0)"
/* clang-format off */
#define CARRY(table, which)                                                                                  \
  "UPDATE " table " SET " which "_remaining_ms = " LEFT_OF(which) ", "                                       \
  which "_boot_ms = ?2 + " LEFT_OF(which) ", " which "_boot_id = ?1 "                                        \
  "WHERE " which "_boot_id NOT IN ('', ?1)"
/* clang-format on */

void
gw_rows_note_boot(GwBatch *batch, const GwNow *now)
{
  g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT, now->boot_ms);

  gw_rows_put_meta(batch, "boot", gw_clock_boot_id());
  gw_rows_put_meta(batch, "boot-ms", text);
}

void
gw_rows_carry_over(GwBatch *batch, const GwNow *now)
{
  gw_batch_add(batch, CARRY_UPDATES, "si", gw_clock_boot_id(), now->boot_ms);
  gw_batch_add(batch, CARRY_PINS, "si", gw_clock_boot_id(), now->boot_ms);
  gw_batch_add(batch, CARRY("rule_group", "spread"), "si", gw_clock_boot_id(), now->boot_ms);
  gw_batch_add(batch, CARRY("rule_group", "watched"), "si", gw_clock_boot_id(), now->boot_ms);
  gw_batch_add(batch, CARRY("firmware", "verification"), "si", gw_clock_boot_id(), now->boot_ms);
  gw_rows_note_boot(batch, now);
}
