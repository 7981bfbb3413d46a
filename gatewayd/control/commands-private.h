/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of the commands share. Private to control. */
#pragma once
#include "control/checks.h"
#include "control/core-private.h"
#include "control/numbering.h"
#include "model/policy.h"

/* NULL and NOT_FOUND, with what to do next. A node is found by its id, or by its MAC as people write it, or
 * its IMEI. */
GwNode *gw_commands_node(GwCore *core, const char *id, GError **error);
GwFirmware *gw_commands_firmware(GwCore *core, gint64 id, GError **error);
GwRule *gw_commands_rule(GwCore *core, gint64 id, GError **error);
/* The node of that name, entered if there is none; NULL and the error: it is no name, or a shared login's. */
GwNode *gw_commands_enter_node(GwCore *core, const char *id, GError **error);
/* The form of gw_command_node_set(): is it right; would it change anything; changes, says and writes it. */
gboolean gw_commands_check_node_form(GwCore *core, const char *id, GVariant *form, GError **error);
gboolean gw_commands_differs(const GwCore *core, const GwNode *node, GVariant *form);
void gw_commands_apply_node_form(GwCore *core, GwNode *node, GVariant *form, const char *who,
                                 GwChange *change);
/* Cancels what is open. FALSE and BUSY: something was promised that must be served. */
gboolean gw_commands_end_updates(GwCore *core, const GwNode *node, const char *why, GwChange *change,
                                 GError **error);
/* What memory holds of its pins and updates. */
void gw_commands_drop_node(GwCore *core, const GwNode *node, GwChange *change);
/* One that a person chose: 8 to 64 letters, digits and signs. */
gboolean gw_commands_check_password(const char *password, GError **error);

/* May something new begin with it? As the two below. */
gboolean gw_commands_may_begin(GwCore *core, const GwFirmware *firmware, GError **error);
/* UNTRUSTED when the catalog that announced it has expired (U4). */
gboolean gw_commands_is_fresh(GwCore *core, const GwFirmware *firmware, GError **error);
/* BAD_INPUT when no version could ever follow it, and nobody overrode that (U7). */
gboolean gw_commands_check_last(const GwCore *core, const GwFirmware *firmware, GError **error);
void gw_commands_set_state(GwCore *core, GwFirmware *firmware, GwFirmwareState state, const char *reason);
/* Is there every firmware, and only one for each product and type? */
gboolean gw_commands_check_firmwares(GwCore *core, const GwRule *rule, GError **error);
/* Is what it names there, and can one rule have it all? */
gboolean gw_commands_check_rule(GwCore *core, const GwRule *rule, GError **error);
/* May there be one more, of this name? */
gboolean gw_commands_check_new_rule(GwCore *core, const GwRule *rule, GError **error);
/* Takes @rule, a draft; returns its id. */
gint64 gw_commands_add_rule(GwCore *core, GwRule *rule, GwChange *change);
/* Sets a rule running: row, event, index, fetch. */
void gw_commands_run_rule(GwCore *core, GwRule *rule, GwChange *change);
/* The nodes that it is for now, as far as their numbers matter. */
void gw_commands_number_scope(const GwCore *core, const GwRule *rule, const GwFirmware *firmware,
                              GwNumberScope *ret_scope);
/* Stops it, and its updates as far as they can be cut. */
void gw_commands_stop_rule(GwCore *core, GwRule *rule, const char *reason, GwChange *change);

/* What the make's rules say of an image in the cache that was not asked about yet; else @done at once. */
void gw_commands_check_image(GwCore *core, const GwFirmware *firmware, GwCheckDone done, gpointer user);
/* FALSE = it is refused. A transport that is away is no objection: no node of it can ask. */
gboolean gw_commands_take_check(GwCore *core, GwFirmware *firmware, const char *plugin, const GError *error,
                                GwChange *change);
/* Nobody is offered it any more: withdrawn or rejected, and why. */
void gw_commands_end_firmware(GwCore *core, GwFirmware *firmware, GwFirmwareState state, const char *reason,
                              GwChange *change);
