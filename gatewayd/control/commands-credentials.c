/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Logins of nodes: made, replaced and withdrawn by an operator. No event holds a secret. */
#include <string.h>

#include "base/error.h"
#include "control/commands-private.h"
#include "control/scheduler.h"

static void
put_digest(GwCore *core, GwNode *node, const char *digest, GwChange *change)
{
  g_strlcpy(node->credential_digest, digest, sizeof(node->credential_digest));
  gw_rows_put_node(gw_change_batch(change), node);
  gw_scheduler_node_changed(core, node->id); /* what was answered to the old secret is void */
}

void
gw_command_credential_make(GwCore *core, const GwCaller *caller, const char *id, GwThen then)
{
  g_autoptr(GError) error = NULL;
  GwNode *node = gw_commands_node(core, id, &error);
  g_autoptr(GwChange) change = NULL;
  char digest[GW_SHA256_HEX_LEN + 1];
  g_autofree char *secret = NULL;

  if (node && !node->is_adopted)
    gw_fail(&error, GW_ERROR_DENIED, "node %s is not adopted: \"nodes adopt %s\" first", node->id, node->id);
  if (error) {
    gw_then_fail(core, then, g_steal_pointer(&error));
    return;
  }
  secret = gw_credentials_make();
  gw_credentials_digest(core->credentials, node->id, secret, digest);
  change = gw_change_new(core, caller);
  gw_change_say(change, "node.credential-made", &(GwAbout){ .node = node->id }, "%s was given a %slogin",
                node->id, *node->credential_digest ? "new " : "");
  put_digest(core, node, digest, change);
  gw_change_finish(g_steal_pointer(&change), then, g_variant_new("(s)", secret));
  explicit_bzero(secret, strlen(secret));
}

void
gw_command_credential_revoke(GwCore *core, const GwCaller *caller, const char *id, GwThen then)
{
  g_autoptr(GError) error = NULL;
  GwNode *node = gw_commands_node(core, id, &error);
  g_autoptr(GwChange) change = NULL;

  if (node && !*node->credential_digest)
    gw_fail(&error, GW_ERROR_NOT_FOUND, "node %s has no login", node->id);
  if (error) {
    gw_then_fail(core, then, g_steal_pointer(&error));
    return;
  }
  change = gw_change_new(core, caller);
  gw_change_say(change, "node.credential-revoked", &(GwAbout){ .node = node->id },
                "the login of %s was withdrawn", node->id);
  put_digest(core, node, "", change);
  gw_change_finish(g_steal_pointer(&change), then, NULL);
}
