/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is done to many nodes at once, and a device that takes another's place. */
#include "ctl/fleet.h"

#include <fcntl.h>

#include "base/csv.h"
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"

/* ---- import ---- */

static void
print_import(GVariant *result, gboolean is_dry_run)
{
  guint32 n_new, n_changed, n_same;

  g_variant_get(result, "(uuu)", &n_new, &n_changed, &n_same);
  g_print("%u node%s new, %u changed, %u as before%s\n", n_new, n_new == 1 ? "" : "s", n_changed, n_same,
          is_dry_run ? "; nothing was done: this was a dry run" : "");
}

gboolean
gw_ctl_nodes_import(GwCtl *ctl, const GwArgs *args, GError **error)
{
  const char *path = args->operands[0];
  gboolean is_dry_run = gw_args_has(args, "dry-run");
  g_autoptr(GVariant) result = NULL;
  g_autofree char *text = NULL;

  if (!gw_file_read(AT_FDCWD, path, GW_CSV_SIZE_MAX, &text, NULL, error))
    return FALSE;
  if (!g_utf8_validate(text, -1, NULL))
    return gw_fail(error, GW_ERROR_BAD_INPUT, "%s is no UTF-8 text: save it as \"CSV UTF-8\"", path);
  if (!gw_ctl_call(ctl,
                   &(GwCtlCall){ .method = "ImportNodes",
                                 .arguments = g_variant_new("(s)", text),
                                 .options = is_dry_run ? g_variant_new_parsed("{'dry-run': <true>}") : NULL },
                   &result, error)) {
    g_prefix_error(error, "%s: ", path);
    return FALSE;
  }
  if (!gw_ctl_print_result(ctl, "ImportNodes", result))
    print_import(result, is_dry_run);
  return TRUE;
}

/* ---- replace ---- */

gboolean
gw_ctl_nodes_replace(GwCtl *ctl, const GwArgs *args, GError **error)
{
  g_autofree char *old = gw_log_inert(args->operands[0]);
  g_autofree char *new = gw_log_inert(args->operands[1]);
  g_autofree char *question = g_strdup_printf("forget the device %s, and give its place to %s?", old, new);
  g_autoptr(GVariant) result = NULL;

  if (!gw_ctl_confirm(ctl, question, error) ||
      !gw_ctl_simple(ctl, "ReplaceNode", g_variant_new("(ss)", args->operands[0], args->operands[1]), &result,
                     error))
    return FALSE;
  if (!gw_ctl_print_result(ctl, "ReplaceNode", result))
    g_print("%s has the place of %s: gatewayctl nodes show %s\n", new, old, new);
  return TRUE;
}

/* ---- set aside, return ---- */

#define WHO_ARGS                                                                                             \
  { "location", GW_ARG_TEXT, "location", "PATH",                                                             \
    "those at this place; * and ? within a level, ** any rest" },                                            \
      { "label", GW_ARG_TEXT, "label", "LABEL", "those with this label" },                                   \
  {                                                                                                          \
    "product", GW_ARG_TEXT, "product", "NAME", "those of this product"                                       \
  }

const GwArg gw_return_args[] = { WHO_ARGS, { NULL, 0, NULL, NULL, NULL } };

const GwArg gw_set_aside_args[] = {
  WHO_ARGS,
  { "reason", GW_ARG_TEXT, NULL, "TEXT", "why; kept with each node and event" },
  { NULL, 0, NULL, NULL, NULL },
};

static GVariant *
who(const GwArgs *args)
{
  GVariantBuilder form;

  g_variant_builder_init(&form, G_VARIANT_TYPE_VARDICT);
  gw_args_add_form(args, &form);
  if (args->n_operands)
    g_variant_builder_add(&form, "{sv}", "nodes",
                          g_variant_new_strv((const char *const *)args->operands, args->n_operands));
  return g_variant_ref_sink(g_variant_builder_end(&form));
}

typedef struct {
  const char *method, *done;
  GVariant *who;
  const char *reason; /* NULL = the method takes none */
} Order;

static gboolean
call(GwCtl *ctl, const Order *order, gboolean is_dry_run, GVariant **ret_result, GError **error)
{
  GVariant *arguments = order->reason ? g_variant_new("(@a{sv}s)", order->who, order->reason)
                                      : g_variant_new("(@a{sv})", order->who);

  return gw_ctl_call(
      ctl,
      &(GwCtlCall){ .method = order->method,
                    .arguments = arguments,
                    .options = is_dry_run ? g_variant_new_parsed("{'dry-run': <true>}") : NULL },
      ret_result, error);
}

/* Counted first: the person sees the number before anything is done. */
static gboolean
run(GwCtl *ctl, const Order *order, GError **error)
{
  g_autoptr(GVariant) counted = NULL;
  g_autoptr(GVariant) result = NULL;
  g_autofree char *question = NULL;
  guint32 n;

  if (!call(ctl, order, TRUE, &counted, error))
    return FALSE;
  g_variant_get(counted, "(u)", &n);
  question = g_strdup_printf("%u node%s would be %s; go on?", n, n == 1 ? "" : "s", order->done);
  if (n > 0 && !gw_ctl_confirm(ctl, question, error))
    return FALSE;
  if (!call(ctl, order, FALSE, &result, error))
    return FALSE;
  g_variant_get(result, "(u)", &n);
  if (!gw_ctl_print_result(ctl, order->method, result))
    g_print("%u node%s %s\n", n, n == 1 ? "" : "s", order->done);
  return TRUE;
}

gboolean
gw_ctl_nodes_set_aside(GwCtl *ctl, const GwArgs *args, GError **error)
{
  g_autoptr(GVariant) form = who(args);

  return run(ctl, &(Order){ "SetAsideNodes", "set aside", form, gw_args_text(args, "reason", "") }, error);
}

gboolean
gw_ctl_nodes_return(GwCtl *ctl, const GwArgs *args, GError **error)
{
  g_autoptr(GVariant) form = who(args);

  return run(ctl, &(Order){ "ReturnNodes", "returned", form, NULL }, error);
}
