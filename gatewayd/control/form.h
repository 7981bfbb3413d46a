/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading of the a{sv} that persons send: every key is known and of the right kind, or the error names it and
 * the known ones. Pure. */
#pragma once
#include <glib.h>

/* Kinds: 's' text (at most 4096 bytes, no control characters but LF and TAB), 'b' boolean, 'i' any integer,
 * 'n' any integer, or a list of them, 'a' list of texts. */
typedef struct {
  const char *key;
  char kind;
} GwFormKey;

/* @known is ended by key NULL; @more (or NULL) answers for keys beyond it, all of kind 's'. @form NULL counts
 * as empty. */
gboolean gw_form_check(GVariant *form, const GwFormKey *known, const char *const *more, GError **error);
/* After gw_form_check(): absent keys give the fallback. Texts are borrowed from the form. */
gboolean gw_form_has(GVariant *form, const char *key);
const char *gw_form_text(GVariant *form, const char *key, const char *fallback);
gint64 gw_form_integer(GVariant *form, const char *key, gint64 fallback);
gboolean gw_form_flag(GVariant *form, const char *key, gboolean fallback);
/* NULL when absent; else free with g_strfreev(). */
char **gw_form_list(GVariant *form, const char *key);
/* Replaces *text when the form has the key. */
void gw_form_take(GVariant *form, const char *key, char **text);
