/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* firmware ..., import, push. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "ctl/command.h"
#include "ctl/list.h"
#include "ctl/text.h"

#define SIGNATURE_MAX 16384

#define FORM_ARGS                                                                                            \
  { "product", GW_ARG_TEXT, "product", "NAME", "product that it is for" },                                   \
      { "version", GW_ARG_TEXT, "version", "VERSION", "software version" },                                  \
      { "hardware", GW_ARG_TEXT, "hardware", "VERSION", "hardware version that it is for" },                 \
      { "type", GW_ARG_TEXT, "type", "TYPE", "part of the node that it is for, where a node has several" },  \
      { "name", GW_ARG_TEXT, "name", "FILE", "file name that nodes see" },                                   \
      { "notes", GW_ARG_TEXT, "notes", "TEXT", "for people" },                                               \
      { "version-name", GW_ARG_TEXT, "version-name", "NAME", "for people: letters, digits, underscores" },   \
  {                                                                                                          \
    "field", GW_ARG_TEXTS, NULL, "KEY=VALUE",                                                                \
        "a further field of the plugin's form: gatewayctl plugins show"                                      \
  }

#define IMPORT_ARGS                                                                                          \
  FORM_ARGS, { "sha256", GW_ARG_TEXT, "sha256", "HEX", "refuse the file unless this is its SHA-256" },       \
      { "signature", GW_ARG_TEXT, NULL, "FILE", "detached signature of the file" },                          \
      { "member", GW_ARG_TEXT, "member", "GLOB",                                                             \
        "take this one out of an archive; by default, kept whole" },                                         \
  {                                                                                                          \
    "draft", GW_ARG_FLAG, "draft", NULL, "the form is completed later: firmware edit"                        \
  }

#define TRIAL_ARGS                                                                                           \
  { "stay", GW_ARG_TEXT, NULL, "TIME", "how long the node must stay in contact: 90min" },                    \
      { "number", GW_ARG_NUMBER, NULL, "N", "where the make is told one (VERSION): this, not the next" },    \
  {                                                                                                          \
    "override", GW_ARG_TEXTS, NULL, "LIMIT", "a limit of that number or version that shall not hold"         \
  }

static gboolean
run_list(GwCtl *ctl, const GwArgs *args, GError **error)
{
  return gw_ctl_list(ctl, "firmware", args, error);
}

static gboolean
run_show(GwCtl *ctl, const GwArgs *args, GError **error)
{
  gint64 id;

  return gw_args_id(args, 0, "firmware", &id, error) &&
         gw_ctl_show(ctl, "firmware", args->operands[0], error);
}

static gboolean
build_form(const GwArgs *args, GVariantBuilder *form, GError **error)
{
  gw_args_add_form(args, form);
  return gw_args_add_pairs(args, "field", form, error);
}

static gboolean
run_edit(GwCtl *ctl, const GwArgs *args, GError **error)
{
  g_auto(GVariantBuilder) form = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE_VARDICT);
  g_autoptr(GVariant) result = NULL;
  const char *state;
  gint64 id;

  if (!gw_args_id(args, 0, "firmware", &id, error) || !build_form(args, &form, error) ||
      !gw_ctl_simple(ctl, "EditFirmware", g_variant_new("(xa{sv})", id, &form), &result, error))
    return FALSE;
  g_variant_get(result, "(&s)", &state);
  if (!gw_ctl_print_result(ctl, "EditFirmware", result))
    g_print("firmware %s is %s\n", args->operands[0], state);
  return TRUE;
}

static gboolean
run_confirm(GwCtl *ctl, const GwArgs *args, GError **error)
{
  const char *node = gw_args_text(args, "node", "");
  const char *version = gw_args_text(args, "version", "");
  g_autoptr(GVariant) result = NULL;
  gint64 id;

  if (!gw_args_id(args, 0, "firmware", &id, error))
    return FALSE;
  if (!*node != !*version)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "say what you saw: --node=NODE and --version=VERSION");
  if (!gw_ctl_simple(ctl, "ConfirmFirmware", g_variant_new("(xss)", id, node, version), &result, error))
    return FALSE;
  if (!gw_ctl_print_result(ctl, "ConfirmFirmware", result))
    g_print("firmware %s is verified: rules may use it\n", args->operands[0]);
  return TRUE;
}

/* A word about one firmware that takes a reason. */
static gboolean
say_why(GwCtl *ctl, const GwArgs *args, const char *method, const char *said, GError **error)
{
  g_autoptr(GVariant) result = NULL;
  gint64 id;

  if (!gw_args_id(args, 0, "firmware", &id, error) ||
      !gw_ctl_simple(ctl, method, g_variant_new("(xs)", id, gw_args_text(args, "reason", "")), &result,
                     error))
    return FALSE;
  if (!gw_ctl_print_result(ctl, method, result))
    g_print("firmware %s %s\n", args->operands[0], said);
  return TRUE;
}

static gboolean
run_withdraw(GwCtl *ctl, const GwArgs *args, GError **error)
{
  return say_why(ctl, args, "WithdrawFirmware", "is withdrawn: it is offered to nobody any more", error);
}

static gboolean
run_reject(GwCtl *ctl, const GwArgs *args, GError **error)
{
  return say_why(ctl, args, "RejectFirmware", "is rejected: no catalog brings it back", error);
}

static gboolean
run_unverify(GwCtl *ctl, const GwArgs *args, GError **error)
{
  return say_why(ctl, args, "UnverifyFirmware", "is unverified again", error);
}

static gboolean
run_delete(GwCtl *ctl, const GwArgs *args, GError **error)
{
  g_autoptr(GVariant) result = NULL;
  gint64 id;

  if (!gw_args_id(args, 0, "firmware", &id, error) ||
      !gw_ctl_simple(ctl, "DeleteFirmware", g_variant_new("(x)", id), &result, error))
    return FALSE;
  if (!gw_ctl_print_result(ctl, "DeleteFirmware", result))
    g_print("firmware %s is forgotten\n", args->operands[0]);
  return TRUE;
}

/* --- import --- */

typedef struct {
  int fd;
  const char *label;
  guint64 size;
} Upload;

/* The gateway reads by the same open file description, so our position is its progress. */
static void
on_tick(gpointer user)
{
  const Upload *upload = user;
  off_t position = lseek(upload->fd, 0, SEEK_CUR);

  if (position >= 0)
    gw_progress_draw(upload->label, (guint64)position, upload->size);
}

static int
open_image(const char *path, guint64 *ret_size, GError **error)
{
  struct stat st;
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

  if (fd < 0) {
    gw_fail_errno(error, errno, "%s", path);
    return -1;
  }
  if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
    gw_fail(error, GW_ERROR_BAD_INPUT, "%s is no regular file", path);
    gw_close(&fd);
    return -1;
  }
  *ret_size = (guint64)st.st_size;
  return fd;
}

static gboolean
add_signature(const GwArgs *args, GVariantBuilder *form, GError **error)
{
  const char *path = gw_args_text(args, "signature", NULL);
  g_autofree char *data = NULL;
  g_autofree char *base64 = NULL;
  gsize size;

  if (!path)
    return TRUE;
  if (!gw_file_read(AT_FDCWD, path, SIGNATURE_MAX, &data, &size, error)) {
    g_prefix_error(error, "--signature=%s: ", path);
    return FALSE;
  }
  base64 = g_base64_encode((const guchar *)data, size);
  g_variant_builder_add(form, "{sv}", "signature", g_variant_new_string(base64));
  return TRUE;
}

/* @form is ended. */
static gboolean
upload(GwCtl *ctl, const char *path, GVariantBuilder *form, GVariant **ret_result, GError **error)
{
  g_autofree char *label = g_path_get_basename(path);
  Upload progress = { .label = label };
  GW_AUTO_FD int fd = open_image(path, &progress.size, error);
  gboolean is_done;

  if (fd < 0)
    return FALSE;
  progress.fd = fd;
  if (!ctl->is_json)
    on_tick(&progress);
  is_done = gw_ctl_call(ctl,
                        &(GwCtlCall){ .method = "Import",
                                      .arguments = g_variant_new("(ha{sv})", 0, form),
                                      .fd = fd,
                                      .tick = ctl->is_json ? NULL : on_tick,
                                      .user = &progress },
                        ret_result, error);
  if (!ctl->is_json)
    gw_progress_clear();
  return is_done;
}

static gboolean
import(GwCtl *ctl, const GwArgs *args, const char *product, GVariant **ret_result, GError **error)
{
  g_auto(GVariantBuilder) form = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE_VARDICT);
  const char *path = args->operands[0];
  g_autofree char *name = g_path_get_basename(path);

  if (!build_form(args, &form, error) || !add_signature(args, &form, error))
    return FALSE;
  if (!gw_args_has(args, "name"))
    g_variant_builder_add(&form, "{sv}", "name", g_variant_new_string(name));
  if (product && !gw_args_has(args, "product"))
    g_variant_builder_add(&form, "{sv}", "product", g_variant_new_string(product));
  return upload(ctl, path, &form, ret_result, error);
}

static const char *
next_step(const char *state)
{
  if (g_str_equal(state, "draft"))
    return "complete it: gatewayctl firmware edit";
  return g_str_equal(state, "unverified") ? "prove it on one node: gatewayctl firmware verify" : NULL;
}

static gboolean
run_import(GwCtl *ctl, const GwArgs *args, GError **error)
{
  g_autoptr(GVariant) result = NULL;
  const char *state, *next;
  gint64 id;

  if (!import(ctl, args, NULL, &result, error))
    return FALSE;
  if (gw_ctl_print_result(ctl, "Import", result))
    return TRUE;
  g_variant_get(result, "(x&s)", &id, &state);
  next = next_step(state);
  g_print("firmware %" G_GINT64_FORMAT " is %s\n", id, state);
  if (next)
    g_print("next: %s %" G_GINT64_FORMAT "%s\n", next, id,
            g_str_equal(state, "unverified") ? " --node=NODE" : " ...");
  return TRUE;
}

/* --- push --- */

static void
add_push_options(const GwArgs *args, GVariantBuilder *options)
{
  g_autofree const char **overrides = gw_args_texts(args, "override");

  if (gw_args_has(args, "stay"))
    g_variant_builder_add(options, "{sv}", "stay", g_variant_new_string(gw_args_text(args, "stay", "")));
  if (gw_args_has(args, "number"))
    g_variant_builder_add(options, "{sv}", "number", g_variant_new_int64(gw_args_number(args, "number", 0)));
  if (*overrides)
    g_variant_builder_add(options, "{sv}", "override", g_variant_new_strv(overrides, -1));
}

/* What the node will be told, where its make is told a number. */
static void
print_number(GwCtl *ctl, gint64 rule)
{
  g_autofree char *id = g_strdup_printf("%" G_GINT64_FORMAT, rule);
  g_autoptr(GVariant) details = NULL;
  const char *number = NULL;

  if (gw_ctl_get(ctl, "rules", id, &details, NULL) && g_variant_lookup(details, "number", "&s", &number) &&
      *number)
    g_print("it is published as number %s\n", number);
}

/* What is asked of the gateway for one firmware and one node. */
typedef struct {
  const char *method;
  gint64 firmware;
  const char *node;
} Order;

static gboolean
order(GwCtl *ctl, const GwArgs *args, const Order *wanted, gint64 *ret_rule, GError **error)
{
  GVariantBuilder options;
  g_autoptr(GVariant) result = NULL;

  g_variant_builder_init(&options, G_VARIANT_TYPE_VARDICT);
  add_push_options(args, &options);
  if (!gw_ctl_call(ctl,
                   &(GwCtlCall){ .method = wanted->method,
                                 .arguments = g_variant_new("(xs)", wanted->firmware, wanted->node),
                                 .options = g_variant_builder_end(&options) },
                   &result, error))
    return FALSE;
  g_variant_get(result, "(x)", ret_rule);
  if (ctl->is_json)
    gw_ctl_print_json(g_variant_new_parsed("{'firmware': <%x>, 'rule': <%x>}", wanted->firmware, *ret_rule));
  return TRUE;
}

static gboolean
push(GwCtl *ctl, const GwArgs *args, const Order *wanted, GError **error)
{
  gint64 rule;

  if (!order(ctl, args, wanted, &rule, error))
    return FALSE;
  if (ctl->is_json)
    return TRUE;
  if (rule == 0)
    g_print("node %s runs firmware %" G_GINT64_FORMAT " already, and is to prove it\n", wanted->node,
            wanted->firmware);
  else
    g_print("firmware %" G_GINT64_FORMAT " goes to %s at its next contact (rule %" G_GINT64_FORMAT ")\n"
            "watch: gatewayctl explain %s\n",
            wanted->firmware, wanted->node, rule, wanted->node);
  if (rule != 0)
    print_number(ctl, rule);
  return TRUE;
}

static gboolean
run_verify(GwCtl *ctl, const GwArgs *args, GError **error)
{
  Order wanted = { .method = "VerifyFirmware", .node = gw_args_text(args, "node", NULL) };

  if (!gw_args_id(args, 0, "firmware", &wanted.firmware, error))
    return FALSE;
  if (!wanted.node)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "name the one node that tries it: --node=NODE");
  return push(ctl, args, &wanted, error);
}

static gboolean
product_of(GwCtl *ctl, const char *node, char **ret_product, GError **error)
{
  g_autoptr(GVariant) details = NULL;

  if (!gw_ctl_get(ctl, "nodes", node, &details, error))
    return FALSE;
  if (g_variant_lookup(details, "product", "s", ret_product) && **ret_product)
    return TRUE;
  g_clear_pointer(ret_product, g_free);
  return gw_fail(
      error, GW_ERROR_BAD_INPUT,
      "node %s has no product: gatewayctl nodes adopt %s --product=NAME, or name it with --product", node,
      node);
}

static gboolean
bring(GwCtl *ctl, const GwArgs *args, const char *method, GError **error)
{
  Order wanted = { .method = method, .firmware = gw_args_number(args, "firmware", 0) };
  gboolean is_known = wanted.firmware != 0;
  g_autoptr(GVariant) result = NULL;
  g_autofree char *product = NULL;

  wanted.node = args->operands[args->n_operands - 1];
  if (is_known && args->n_operands == 1)
    return push(ctl, args, &wanted, error);
  if (is_known || args->n_operands != 2)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "either FILE NODE, or --firmware=ID NODE");
  if (!gw_args_has(args, "product") && !product_of(ctl, wanted.node, &product, error))
    return FALSE;
  if (!import(ctl, args, product, &result, error))
    return FALSE;
  g_variant_get(result, "(x&s)", &wanted.firmware, NULL);
  return push(ctl, args, &wanted, error);
}

static gboolean
run_push(GwCtl *ctl, const GwArgs *args, GError **error)
{
  return bring(ctl, args, "Push", error);
}

static gboolean
run_downgrade(GwCtl *ctl, const GwArgs *args, GError **error)
{
  return bring(ctl, args, "Downgrade", error);
}

/* --- the table --- */

static const GwArg EDIT_ARGS[] = { FORM_ARGS, { NULL, 0, NULL, NULL, NULL } };
static const GwArg IMPORT_FILE_ARGS[] = { IMPORT_ARGS, { NULL, 0, NULL, NULL, NULL } };
static const GwArg PUSH_ARGS[] = {
  { "firmware", GW_ARG_NUMBER, NULL, "ID", "a firmware that is here already, instead of FILE" },
  TRIAL_ARGS,
  IMPORT_ARGS,
  { NULL, 0, NULL, NULL, NULL },
};
static const GwArg VERIFY_ARGS[] = {
  { "node", GW_ARG_TEXT, NULL, "NODE", "the one node that tries it: its id, MAC or IMEI" },
  TRIAL_ARGS,
  { NULL, 0, NULL, NULL, NULL },
};
static const GwArg CONFIRM_ARGS[] = {
  { "node", GW_ARG_TEXT, NULL, "NODE", "where you saw it" },
  { "version", GW_ARG_TEXT, NULL, "VERSION", "the version that you saw there" },
  { NULL, 0, NULL, NULL, NULL },
};
static const GwArg WITHDRAW_ARGS[] = {
  { "reason", GW_ARG_TEXT, NULL, "TEXT", "why; kept with the event" },
  { NULL, 0, NULL, NULL, NULL },
};

const GwCommand gw_commands_firmware[] = {
  { "firmware", "list", "", 0, 0, gw_list_args, "catalogued releases", GW_LIST_MORE, run_list },
  { "firmware", "show", "ID", 1, 1, NULL, "one release in full", NULL, run_show },
  { "firmware", "edit", "ID", 1, 1, EDIT_ARGS, "complete or change the form of a draft",
    "  gatewayctl firmware edit 7 --product=weather --version=5", run_edit },
  { "firmware", "confirm", "ID", 1, 1, CONFIRM_ARGS, "say that you saw it run: it is verified",
    "A firmware is proven on one node before rules may give it to many. Nodes that tell their version prove "
    "it themselves, and you only say yes. Of others: look at the device, then say what you saw; your name is "
    "kept with it.\n\n"
    "  gatewayctl firmware confirm 7\n"
    "  gatewayctl firmware confirm 7 --node=sensor-7 --version=5",
    run_confirm },
  { "firmware", "verify", "ID", 1, 1, VERIFY_ARGS, "try it on one node that is online",
    "The firmware goes to this node alone. It must be heard with the new version and stay in contact; then "
    "confirm it. When that fails it is unverified again, and says why.\n\n"
    "  gatewayctl firmware verify 7 --node=02:00:00:00:00:07",
    run_verify },
  { "firmware", "unverify", "ID", 1, 1, WITHDRAW_ARGS, "end its verification without a result", NULL,
    run_unverify },
  { "firmware", "reject", "ID", 1, 1, WITHDRAW_ARGS, "it is not to be used; no catalog brings it back", NULL,
    run_reject },
  { "firmware", "withdraw", "ID", 1, 1, WITHDRAW_ARGS, "offer it to nobody any more", NULL, run_withdraw },
  { "firmware", "delete", "ID", 1, 1, NULL, "forget it, where nothing needs it", NULL, run_delete },
  { "import", NULL, "FILE", 1, 1, IMPORT_FILE_ARGS, "bring a firmware file into the gateway",
    "  gatewayctl import weather-5.bin --product=weather --version=5\n"
    "  gatewayctl import unknown.bin --draft",
    run_import },
  { "push", NULL, "[FILE] NODE", 1, 2, PUSH_ARGS, "give one firmware to one node",
    "One that is unverified is verified there, and goes nowhere else. With FILE it is imported first, for "
    "the "
    "product of the node.\n\n"
    "  gatewayctl push weather-5.bin sensor-7 --version=5\n"
    "  gatewayctl push --firmware=7 sensor-7",
    run_push },
  { "downgrade", NULL, "[FILE] NODE", 1, 2, PUSH_ARGS, "give one node an older firmware",
    "As push, also when the node runs a newer version. Nothing else brings a node an older one.\n\n"
    "  gatewayctl downgrade --firmware=6 sensor-7",
    run_downgrade },
  { NULL, NULL, NULL, 0, 0, NULL, NULL, NULL, NULL },
};
