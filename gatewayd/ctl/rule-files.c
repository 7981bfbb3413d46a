/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/rule-files.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "ctl/macs.h"
#include "model/rule-form.h"

/* ---- lists ---- */

typedef struct {
  const char *option, *file_option, *key;
  gboolean (*parse)(const char *name, const char *text, GPtrArray *found, GError **error);
} ListKind;

static const ListKind LISTS[] = {
  { "mac", "macs-file", "macs", gw_macs_parse },
  { "imei", "imeis-file", "imeis", gw_imeis_parse },
};

static gboolean
read_list_file(const ListKind *kind, const char *path, GPtrArray *found, GError **error)
{
  g_autofree char *text = NULL;
  guint n = found->len;

  if (!gw_file_read(AT_FDCWD, path, GW_MACS_FILE_MAX, &text, NULL, error)) {
    g_prefix_error(error, "--%s=%s: ", kind->file_option, path);
    return FALSE;
  }
  if (!kind->parse(path, text, found, error))
    return FALSE;
  return found->len > n || gw_fail(error, GW_ERROR_BAD_INPUT, "--%s=%s: there is no %s in it",
                                   kind->file_option, path, kind->option);
}

static gboolean
add_list(const ListKind *kind, const GwArgs *args, GVariantBuilder *form, GError **error)
{
  g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(g_free);
  g_autofree const char **given = gw_args_texts(args, kind->option);
  g_autofree char *name = g_strconcat("--", kind->option, NULL);
  const char *path = gw_args_text(args, kind->file_option, NULL);

  for (const char **text = given; *text; text++)
    if (!kind->parse(name, *text, found, error))
      return FALSE;
  if (path && !read_list_file(kind, path, found, error))
    return FALSE;
  if (found->len > 0)
    g_variant_builder_add(form, "{sv}", kind->key,
                          g_variant_new_strv((const char *const *)found->pdata, (gssize)found->len));
  return TRUE;
}

gboolean
gw_rule_files_add_lists(const GwArgs *args, GVariantBuilder *form, GError **error)
{
  for (gsize i = 0; i < G_N_ELEMENTS(LISTS); i++)
    if (!add_list(&LISTS[i], args, form, error))
      return FALSE;
  return TRUE;
}

/* ---- documents ---- */

static void
print_changes(GVariant *result)
{
  g_autoptr(GVariant) changes = g_variant_lookup_value(result, "changes", G_VARIANT_TYPE_STRING_ARRAY);

  for (gsize i = 0; changes && i < g_variant_n_children(changes); i++) {
    g_autoptr(GVariant) line = g_variant_get_child_value(changes, i);
    g_autofree char *inert = gw_log_inert(g_variant_get_string(line, NULL));

    g_print("%s\n", inert);
  }
}

static void
print_result(const char *path, GVariant *result, gboolean is_dry_run)
{
  const char *action = "none";
  gint64 id = 0;

  g_variant_lookup(result, "action", "&s", &action);
  g_variant_lookup(result, "rule", "x", &id);
  print_changes(result);
  if (*action == 'n')
    g_print("rule %" G_GINT64_FORMAT " is as %s says\n", id, path);
  else if (is_dry_run && *action == 'c' && !id)
    g_print("the rule would be made, as a draft\n");
  else if (is_dry_run)
    g_print("rule %" G_GINT64_FORMAT " would be changed so\n", id);
  else
    g_print("rule %" G_GINT64_FORMAT " %s\n", id,
            g_str_equal(action, "create") ? "is made, as a draft" : "is changed");
}

gboolean
gw_rule_files_apply(GwCtl *ctl, const GwArgs *args, GError **error)
{
  const char *path = args->operands[0];
  gboolean is_dry_run = gw_args_has(args, "dry-run");
  g_autofree char *text = NULL;
  g_autoptr(GVariant) result = NULL;
  g_autoptr(GVariant) details = NULL;

  if (!gw_file_read(AT_FDCWD, path, GW_RULE_FORM_MAX, &text, NULL, error))
    return FALSE;
  if (!g_utf8_validate(text, -1, NULL))
    return gw_fail(error, GW_ERROR_BAD_INPUT, "%s: is not UTF-8", path);
  if (!gw_ctl_call(ctl,
                   &(GwCtlCall){ .method = "ApplyRule",
                                 .arguments = g_variant_new("(s)", text),
                                 .options = is_dry_run ? g_variant_new_parsed("{'dry-run': <true>}") : NULL },
                   &result, error)) {
    g_prefix_error(error, "%s: ", path);
    return FALSE;
  }
  if (gw_ctl_print_result(ctl, "ApplyRule", result))
    return TRUE;
  details = g_variant_get_child_value(result, 0);
  print_result(path, details, is_dry_run);
  return TRUE;
}

gboolean
gw_rule_files_export(GwCtl *ctl, const char *id, GError **error)
{
  g_autoptr(GVariant) details = NULL;
  g_autoptr(json_t) document = NULL;
  const char *form = "";
  char *text;

  if (!gw_ctl_get(ctl, "rules", id, &details, error))
    return FALSE;
  g_variant_lookup(details, "form", "&s", &form);
  document = gw_json_parse(form, strlen(form), GW_RULE_FORM_MAX, error);
  if (!document)
    return FALSE;
  text = json_dumps(document, JSON_INDENT(2));
  g_print("%s\n", text);
  free(text);
  return TRUE;
}

/* ---- the clock here ---- */

char *
gw_rule_files_local_hours(const char *hours)
{
  g_autoptr(GDateTime) now = g_date_time_new_now_local();
  int offset = (int)(g_date_time_get_utc_offset(now) / G_TIME_SPAN_MINUTE);
  g_auto(GStrv) words = g_strsplit(hours, ", ", -1);
  GString *line = g_string_new(NULL);

  for (char **word = words; *word; word++) {
    g_autofree char *text = NULL;
    GwHours each;

    if (!gw_hours_parse(*word, &each))
      continue;
    each.from_minute = (guint)((int)each.from_minute + offset + 2 * 1440) % 1440;
    each.until_minute = (guint)((int)each.until_minute + offset + 2 * 1440) % 1440;
    text = gw_hours_format(&each);
    g_string_append_printf(line, "%s%s", line->len ? ", " : "", text);
  }
  return g_string_free(line, FALSE);
}
