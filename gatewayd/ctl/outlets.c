/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* outlets: other servers on which firmware is published, and what devices read there. */
#include "base/error.h"
#include "ctl/command.h"
#include "ctl/list.h"
#include "ctl/text.h"

static gboolean
run_list(GwCtl *ctl, const GwArgs *args, GError **error)
{
  return gw_ctl_list(ctl, "outlets", args, error);
}

static gboolean
run_show(GwCtl *ctl, const GwArgs *args, GError **error)
{
  return gw_ctl_show(ctl, "outlets", args->operands[0], error);
}

static gboolean
read_form(const GwArgs *args, GVariantBuilder *form, GError **error)
{
  const char *firmware = gw_args_text(args, "firmware", NULL);
  gint64 id;

  if (!firmware == !gw_args_has(args, "nothing"))
    return gw_fail(error, GW_ERROR_BAD_INPUT, "say what: --firmware=ID, or --nothing");
  if (gw_args_has(args, "existing") && !firmware)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "--existing needs --firmware=ID: which one the server has");
  if (firmware && !g_ascii_string_to_signed(firmware, 10, 1, G_MAXINT64, &id, NULL))
    return gw_fail(error, GW_ERROR_BAD_INPUT,
                   "--firmware=%s: the number in the first column of \"gatewayctl firmware\"", firmware);
  gw_args_add_form(args, form);
  if (firmware)
    g_variant_builder_add(form, "{sv}", "firmware", g_variant_new_int64(id));
  return TRUE;
}

static gboolean
run_publish(GwCtl *ctl, const GwArgs *args, GError **error)
{
  g_auto(GVariantBuilder) form = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE_VARDICT);
  g_autoptr(GVariant) result = NULL;
  GwCtlCall call = { .method = "Publish", .is_slow = TRUE };
  const char *text;

  if (!read_form(args, &form, error))
    return FALSE;
  call.arguments = g_variant_new("(s@a{sv})", args->operands[0], g_variant_builder_end(&form));
  if (!gw_ctl_call(ctl, &call, &result, error))
    return FALSE;
  if (gw_ctl_print_result(ctl, "Publish", result))
    return TRUE;
  g_variant_get(result, "(&s)", &text);
  gw_text_print_lines(text, 0, 0);
  return TRUE;
}

static const GwArg PUBLISH_ARGS[] = {
  { "firmware", GW_ARG_TEXT, NULL, "ID", "what devices shall take" },
  { "nothing", GW_ARG_FLAG, "nothing", NULL, "that nothing is due" },
  { "existing", GW_ARG_FLAG, "there", NULL,
    "the server has its file from an earlier time: only name it again" },
  { "number", GW_ARG_SIGNED, "number", "N", "of this publication; default: the next" },
  { "override", GW_ARG_TEXTS, "override", "NAME", "publish a number in spite of this limit" },
  { "unverified", GW_ARG_FLAG, "unverified", NULL, "though no node of this gateway has proven it" },
  { NULL, 0, NULL, NULL, NULL },
};

const GwCommand gw_commands_outlets[] = {
  { "outlets", "list", "", 0, 0, gw_list_args, "other servers on which firmware is published", GW_LIST_MORE,
    run_list },
  { "outlets", "show", "NAME", 1, 1, NULL, "one of them, and what devices read there", NULL, run_show },
  { "outlets", "publish", "NAME", 1, 1, PUBLISH_ARGS, "put a firmware there, or that nothing is due",
    "Waits until it is done, and prints what devices read there now, word for word. Until the new file is "
    "there as a "
    "whole, they read what they read before, or that nothing is due.\n\n"
    "  gatewayctl outlets publish field --firmware=7\n"
    "  gatewayctl outlets publish field --firmware=3 --existing\n"
    "  gatewayctl outlets publish field --nothing",
    run_publish },
  { NULL, NULL, NULL, 0, 0, NULL, NULL, NULL, NULL },
};
