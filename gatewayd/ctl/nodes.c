/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* nodes ..., product ..., explain. */
#include <stdio.h>

#include "base/error.h"
#include "ctl/command.h"
#include "ctl/fleet.h"
#include "ctl/list.h"
#include "ctl/text.h"

static gboolean
run_list(GwCtl *ctl, const GwArgs *args, GError **error)
{
  return gw_ctl_list(ctl, "nodes", args, error);
}

static gboolean
run_show(GwCtl *ctl, const GwArgs *args, GError **error)
{
  return gw_ctl_show(ctl, "nodes", args->operands[0], error);
}

/* What happened, one line each, the newest last: it stands above the prompt. */
static gboolean
run_timeline(GwCtl *ctl, const GwArgs *args, GError **error)
{
  return gw_ctl_list_of(ctl, "timeline",
                        &(GwListOf){ .filter = g_variant_new_parsed("{'node': <%s>}", args->operands[0]),
                                     .columns = "first,last,count,kind,text",
                                     .limit = gw_args_number(args, "limit", 50) },
                        error);
}

static gboolean
run_adopt(GwCtl *ctl, const GwArgs *args, GError **error)
{
  GVariantBuilder options;
  g_autoptr(GVariant) result = NULL;
  guint32 n;

  g_variant_builder_init(&options, G_VARIANT_TYPE_VARDICT);
  gw_args_add_form(args, &options);
  if (!gw_ctl_call(ctl,
                   &(GwCtlCall){ .method = "AdoptNodes",
                                 .arguments = g_variant_new("(^as)", args->operands),
                                 .options = g_variant_builder_end(&options) },
                   &result, error))
    return FALSE;
  g_variant_get(result, "(u)", &n);
  if (!gw_ctl_print_result(ctl, "AdoptNodes", result))
    g_print("%u of %u node%s newly adopted\n", n, args->n_operands, args->n_operands == 1 ? "" : "s");
  return TRUE;
}

static gboolean
run_forget(GwCtl *ctl, const GwArgs *args, GError **error)
{
  g_autoptr(GVariant) result = NULL;

  if (!gw_ctl_simple(ctl, "ForgetNodes", g_variant_new("(^as)", args->operands), &result, error))
    return FALSE;
  if (!gw_ctl_print_result(ctl, "ForgetNodes", result))
    g_print("%u node%s forgotten\n", args->n_operands, args->n_operands == 1 ? "" : "s");
  return TRUE;
}

/* SetNode and SetProduct: a name and a form. */
static gboolean
set(GwCtl *ctl, const GwArgs *args, const char *method, GError **error)
{
  g_auto(GVariantBuilder) form = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE_VARDICT);
  g_autoptr(GVariant) result = NULL;

  gw_args_add_form(args, &form);
  if (!gw_ctl_simple(ctl, method, g_variant_new("(sa{sv})", args->operands[0], &form), &result, error))
    return FALSE;
  if (!gw_ctl_print_result(ctl, method, result))
    g_print("%s is set\n", args->operands[0]);
  return TRUE;
}

static gboolean
run_set(GwCtl *ctl, const GwArgs *args, GError **error)
{
  return set(ctl, args, "SetNode", error);
}

static gboolean
revoke_credential(GwCtl *ctl, const char *node, GError **error)
{
  g_autoptr(GVariant) result = NULL;

  if (!gw_ctl_simple(ctl, "RevokeCredential", g_variant_new("(s)", node), &result, error))
    return FALSE;
  if (!gw_ctl_print_result(ctl, "RevokeCredential", result))
    g_print("%s has no login any more\n", node);
  return TRUE;
}

static gboolean
run_credential(GwCtl *ctl, const GwArgs *args, GError **error)
{
  const char *node = args->operands[0], *secret;
  g_autoptr(GVariant) result = NULL;

  if (gw_args_has(args, "revoke"))
    return revoke_credential(ctl, node, error);
  if (!gw_ctl_simple(ctl, "MakeCredential", g_variant_new("(s)", node), &result, error))
    return FALSE;
  if (gw_ctl_print_result(ctl, "MakeCredential", result))
    return TRUE;
  g_variant_get(result, "(&s)", &secret);
  g_print("login:    %s\npassword: %s\n", node, secret);
  g_printerr("It is shown this once; an earlier one is void now.\n");
  return TRUE;
}

static gboolean
run_product_list(GwCtl *ctl, const GwArgs *args, GError **error)
{
  return gw_ctl_list(ctl, "products", args, error);
}

static gboolean
run_product_show(GwCtl *ctl, const GwArgs *args, GError **error)
{
  return gw_ctl_show(ctl, "products", args->operands[0], error);
}

static gboolean
run_product_set(GwCtl *ctl, const GwArgs *args, GError **error)
{
  return set(ctl, args, "SetProduct", error);
}

static void
print_explanation(GVariant *explanation, guint width)
{
  g_autoptr(GVariant) lines = g_variant_lookup_value(explanation, "lines", G_VARIANT_TYPE_STRING_ARRAY);
  const char *advice = NULL;

  for (gsize i = 0; lines && i < g_variant_n_children(lines); i++) {
    const char *line;

    g_variant_get_child(lines, i, "&s", &line);
    gw_text_print_lines(line, 0, width);
  }
  if (g_variant_lookup(explanation, "advice", "&s", &advice) && *advice) {
    g_print("%sadvice:%s\n", gw_terminal_begin(GW_COLOUR_BOLD), gw_terminal_end(GW_COLOUR_BOLD));
    gw_text_print_lines(advice, 2, width);
  }
}

static gboolean
run_explain(GwCtl *ctl, const GwArgs *args, GError **error)
{
  g_autoptr(GVariant) result = NULL;
  g_autoptr(GVariant) explanation = NULL;

  if (!gw_ctl_simple(ctl, "Explain", g_variant_new("(s)", args->operands[0]), &result, error))
    return FALSE;
  explanation = g_variant_get_child_value(result, 0);
  if (ctl->is_json)
    gw_ctl_print_json(explanation);
  else
    print_explanation(explanation, gw_ctl_width(ctl));
  return TRUE;
}

/* Byte for byte, so that it can be compared with what the node got. */
static gboolean
run_offer(GwCtl *ctl, const GwArgs *args, GError **error)
{
  g_autoptr(GVariant) result = NULL;
  const char *text;

  if (!gw_ctl_simple(ctl, "ShowOffer", g_variant_new("(s)", args->operands[0]), &result, error))
    return FALSE;
  g_variant_get(result, "(&s)", &text);
  if (!gw_ctl_print_result(ctl, "ShowOffer", result))
    fputs(text, stdout);
  return TRUE;
}

static const GwArg TIMELINE_ARGS[] = {
  { "limit", GW_ARG_NUMBER, NULL, "N", "no more than the newest N lines; 0: all. Usually 50" },
  { NULL, 0, NULL, NULL, NULL },
};

static const GwArg ADOPT_ARGS[] = {
  { "product", GW_ARG_TEXT, "product", "NAME", "product that they are" },
  { "location", GW_ARG_TEXT, "location", "PATH", "where they are: \"Guangdong/Plant 2/Roof\"" },
  { NULL, 0, NULL, NULL, NULL },
};

static const GwArg SET_ARGS[] = {
  { "product", GW_ARG_TEXT, "product", "NAME", "product that it is" },
  { "location", GW_ARG_TEXT, "location", "PATH", "where it is: \"Guangdong/Plant 2/Roof\"" },
  { "label", GW_ARG_TEXTS, "labels", "LABEL", "its labels, all of them" },
  { "version", GW_ARG_TEXT, "version", "VERSION", "software version that you know it runs" },
  { "hardware", GW_ARG_TEXT, "hardware", "VERSION", "hardware version" },
  { "type", GW_ARG_TEXT, "type", "TYPE", "part of the node that version and hardware are of" },
  { "address", GW_ARG_TEXT, "address", "IP", "where it asks from, if it shows no name of its own" },
  { "set-aside", GW_ARG_CHOICE, "set-aside", "yes|no", "yes: it gets nothing until this is no" },
  { NULL, 0, NULL, NULL, NULL },
};

static const GwArg IMPORT_ARGS[] = {
  { "dry-run", GW_ARG_FLAG, NULL, NULL, "only check it, and count" },
  { NULL, 0, NULL, NULL, NULL },
};

static const GwArg CREDENTIAL_ARGS[] = {
  { "revoke", GW_ARG_FLAG, NULL, NULL, "take it away: no login of this node is right any more" },
  { NULL, 0, NULL, NULL, NULL },
};

static const GwArg PRODUCT_ARGS[] = {
  { "plugin", GW_ARG_TEXT, "plugin", "NAME", "transport that its nodes speak: gatewayctl plugins" },
  { "scheme", GW_ARG_TEXT, "scheme", "SCHEME", "order of versions: opaque, integer, byte, lex8 or dotted" },
  { "series-chars", GW_ARG_NUMBER, "series-chars", "N", "first N characters of the version must not change" },
  { "auto-adopt", GW_ARG_CHOICE, "auto-adopt", "yes|no", "adopt nodes that say they are this product" },
  { "least-identity", GW_ARG_TEXT, "least-identity", "HOW", "for that: address, mac, claimed or credential" },
  { "require-signature", GW_ARG_CHOICE, "require-signature", "yes|no",
    "only firmware that a trusted key signed" },
  { "self-verifying", GW_ARG_CHOICE, "self-verifying", "yes|no",
    "what its one node proved is verified without a person's word" },
  { "to-binary", GW_ARG_CHOICE, "to-binary", "yes|no",
    "of Intel HEX and S-records that are imported the binary is taken" },
  { "origin", GW_ARG_TEXT, "origin", "HOSTS", "take images of these hosts though nobody names their digest" },
  { "family", GW_ARG_TEXT, "family", "NAME", "products of one family may have each other's firmware" },
  { "label", GW_ARG_TEXTS, "labels", "LABEL", "its labels, all of them" },
  { NULL, 0, NULL, NULL, NULL },
};

const GwCommand gw_commands_nodes[] = {
  { "nodes", "list", "", 0, 0, gw_list_args, "devices that were heard or entered",
    GW_LIST_MORE "\n\n  gatewayctl nodes --filter=product=weather --sort=-last", run_list },
  { "nodes", "show", "NODE", 1, 1, NULL, "one node in full", NULL, run_show },
  { "nodes", "timeline", "NODE", 1, 1, TIMELINE_ARGS, "what it asked, and what happened to it",
    "Newest first. Equal asks in a row are one line: when the first was, the last, and how many.",
    run_timeline },
  { "nodes", "adopt", "NODE...", 1, G_MAXUINT, ADOPT_ARGS, "let these nodes have firmware",
    "A node that was heard is a stranger until it is adopted: it gets no firmware. From then on it gets "
    "firmware of its product alone. Adopting it again changes what is given here.\n\n"
    "  gatewayctl nodes adopt sensor-1 sensor-2 --product=weather\n"
    "  gatewayctl nodes adopt sensor-3 --product=weather --location=\"Plant 2/Roof\"",
    run_adopt },
  { "nodes", "forget", "NODE...", 1, G_MAXUINT, NULL, "forget them; heard again, they are strangers", NULL,
    run_forget },
  { "nodes", "set", "NODE", 1, 1, SET_ARGS, "change a node, or enter one that was not heard yet",
    "  gatewayctl nodes set sensor-9 --product=weather --label=roof --label=spare", run_set },
  { "nodes", "import", "FILE", 1, 1, IMPORT_ARGS, "enter or change many nodes by a table (CSV)",
    "The first line names the columns: id, and any of product, labels (joined by \";\"), location, version, "
    "hardware, type, address, credential. An empty cell changes nothing. Every line is checked before "
    "anything is "
    "done, and the table is taken as a whole or not at all. What \"export nodes\" wrote can be taken "
    "back.\n\n"
    "  gatewayctl nodes import nodes.csv --dry-run",
    gw_ctl_nodes_import },
  { "nodes", "replace", "OLD NEW", 2, 2, NULL, "a device was swapped: NEW takes the place of OLD",
    "NEW gets product, location, labels, history, rules and shared logins of OLD, and begins anew under each "
    "rule. OLD "
    "is forgotten: what it ran, its address and its own login were the device's.",
    gw_ctl_nodes_replace },
  { "nodes", "set-aside", "[NODE...]", 0, G_MAXUINT, gw_set_aside_args,
    "they get nothing until they are returned",
    "The number is shown, and you are asked back; where nobody can be asked, --yes is needed.\n\n"
    "  gatewayctl nodes set-aside --location=\"Plant 2/**\" --reason=\"roof works\"",
    gw_ctl_nodes_set_aside },
  { "nodes", "return", "[NODE...]", 0, G_MAXUINT, gw_return_args,
    "those that were set aside may have firmware again",
    "  gatewayctl nodes return --location=\"Plant 2/**\"", gw_ctl_nodes_return },
  { "nodes", "credential", "NODE", 1, 1, CREDENTIAL_ARGS,
    "make a login for a node whose transport asks for one",
    "The password is random and shown once; only a digest is kept. Doing it again makes a new one, and the "
    "old "
    "one is void.\n\n"
    "  gatewayctl node credential mote-7\n"
    "  gatewayctl node credential mote-7 --revoke",
    run_credential },
  { "nodes", "offer", "NODE", 1, 1, NULL, "what would it read if it asked now, word for word?",
    "For makes whose nodes read a text. To look at it promises nothing.", run_offer },
  { "product", "list", "", 0, 0, gw_list_args, "what kinds of nodes there are", GW_LIST_MORE,
    run_product_list },
  { "product", "show", "NAME", 1, 1, NULL, "one product in full", NULL, run_product_show },
  { "product", "set", "NAME", 1, 1, PRODUCT_ARGS, "make or change a product",
    "A product is nodes that run the same firmware series.\n\n  gatewayctl product set weather --plugin=NAME",
    run_product_set },
  { "explain", NULL, "NODE", 1, 1, NULL, "why does this node get what it gets?", NULL, run_explain },
  { NULL, NULL, NULL, 0, 0, NULL, NULL, NULL, NULL },
};
