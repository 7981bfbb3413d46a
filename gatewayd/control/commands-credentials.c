/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Logins of nodes: made, replaced and withdrawn by an operator. No event holds a secret. */
#include <string.h>

#include "base/error.h"
#include "control/commands-private.h"
#include "control/house.h"
#include "control/scheduler.h"

/* A new login whose secret was not shown, because the disk filled: the old one stays in force. */
typedef struct {
  GwCore *core;
  char *id;
  char old[GW_SHA256_HEX_LEN + 1], new[GW_SHA256_HEX_LEN + 1];
  GwThen then;
} Making;

static void
put_digest(GwCore *core, GwNode *node, const char *digest, GwChange *change)
{
  gw_shared_text_set(&node->credential_digest, digest);
  gw_rows_put_node(gw_change_batch(change), node);
  gw_scheduler_node_changed(core, node->id); /* what was answered to the old secret is void */
  gw_house_snapshot_soon(core);
}

static void
take_back(const Making *making)
{
  GwCore *core = making->core;
  GwNode *node = gw_registry_find(core->registry, making->id);
  g_autoptr(GwChange) change = NULL;

  if (!node || strcmp(node->credential_digest, making->new) != 0)
    return;
  change = gw_change_new(core, NULL);
  gw_change_say(change, "node.credential-revoked", &(GwAbout){ .node = node->id },
                "the new login of %s was withdrawn: it could not be shown", node->id);
  put_digest(core, node, making->old, change);
  gw_change_commit(g_steal_pointer(&change), NULL, NULL);
}

static void
on_made(GVariant *result, const GError *error, gpointer user)
{
  Making *making = user;
  g_autoptr(GError) withdrawn = NULL;

  if (error && !making->core->is_stopping)
    take_back(making);
  if (g_error_matches(error, GW_ERROR, GW_ERROR_NO_SPACE))
    gw_fail(&withdrawn, GW_ERROR_NO_SPACE,
            "the disk of the database is full: the login was not changed; make it again when there is room");
  if (making->then.done)
    making->then.done(result, withdrawn ? withdrawn : error, making->then.user);
  g_free(making->id);
  g_free(making);
}

static GwThen
after_making(GwCore *core, const GwNode *node, const char *digest, GwThen then)
{
  Making *making = g_new0(Making, 1);

  *making = (Making){ .core = core, .id = g_strdup(node->id), .then = then };
  g_strlcpy(making->old, node->credential_digest, sizeof(making->old));
  g_strlcpy(making->new, digest, sizeof(making->new));
  return (GwThen){ on_made, making };
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
  then = after_making(core, node, digest, then);
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
