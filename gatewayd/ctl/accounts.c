/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* accounts ... */
#include "base/error.h"
#include "ctl/command.h"
#include "ctl/list.h"
#include "ctl/terminal.h"

static gboolean
run_list(GwCtl *ctl, const GwArgs *args, GError **error)
{
  return gw_ctl_list(ctl, "accounts", args, error);
}

static gboolean
run_set(GwCtl *ctl, const GwArgs *args, GError **error)
{
  g_auto(GVariantBuilder) form = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE_VARDICT);
  const char *login = args->operands[0];
  g_autofree char *password = NULL;
  g_autoptr(GVariant) result = NULL;

  if (!gw_args_has(args, "node") || !gw_args_has(args, "expires"))
    return gw_fail(error, GW_ERROR_BAD_INPUT, "for which nodes, and how long? --node=NODE --expires=90d");
  password = gw_terminal_secret("password");
  if (!password)
    return gw_fail(error, GW_ERROR_BAD_INPUT,
                   "no password was typed, or not the same one twice; without a terminal it is read from the "
                   "standard input");
  gw_args_add_form(args, &form);
  g_variant_builder_add(&form, "{sv}", "password", g_variant_new_string(password));
  if (!gw_ctl_simple(ctl, "SetAccount", g_variant_new("(sa{sv})", login, &form), &result, error))
    return FALSE;
  if (!gw_ctl_print_result(ctl, "SetAccount", result))
    g_print("account %s is set\n", login);
  g_printerr("warning: whoever knows this password and is at the address of such a node passes for it, and a "
             "password that is compiled into devices is known to many; give each node its own as soon as you "
             "can: gatewayctl node credential NODE\n");
  return TRUE;
}

static gboolean
run_remove(GwCtl *ctl, const GwArgs *args, GError **error)
{
  g_autoptr(GVariant) result = NULL;

  if (!gw_ctl_simple(ctl, "RemoveAccount", g_variant_new("(s)", args->operands[0]), &result, error))
    return FALSE;
  if (!gw_ctl_print_result(ctl, "RemoveAccount", result))
    g_print("account %s is removed\n", args->operands[0]);
  return TRUE;
}

static const GwArg SET_ARGS[] = {
  { "node", GW_ARG_TEXTS, "nodes", "NODE", "a node that may use it; again for each" },
  { "expires", GW_ARG_TEXT, "expires", "WHEN", "how long, like 90d, or until when; at most a year" },
  { NULL, 0, NULL, NULL, NULL },
};

const GwCommand gw_commands_accounts[] = {
  { "accounts", "list", "", 0, 0, gw_list_args, "logins that several nodes share", GW_LIST_MORE, run_list },
  { "accounts", "set", "LOGIN", 1, 1, SET_ARGS, "let named nodes share a login that is compiled into them",
    "For nodes in the field that cannot be given a login of their own yet. The password is typed, or read "
    "from the "
    "standard input; it is never an argument. The nodes are told by MAC or address: several at one address "
    "are one "
    "group, named LOGIN@ADDRESS, and what becomes of them is counted, not told apart. Doing it again "
    "replaces "
    "nodes, password and end.\n\n"
    "  gatewayctl accounts set ota --node=mote-1 --node=mote-2 --expires=90d",
    run_set },
  { "accounts", "remove", "LOGIN", 1, 1, NULL, "no node may use it any more", NULL, run_remove },
  { NULL, NULL, NULL, 0, 0, NULL, NULL, NULL, NULL },
};
