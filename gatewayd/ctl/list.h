/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lists, fetched page by page and shown as one. */
#pragma once
#include "ctl/command.h"

/* --filter, --sort, --columns, --limit: what gw_ctl_list() understands. Ended by name NULL. */
extern const GwArg gw_list_args[];

/* What the help of a list says about them. */
#define GW_LIST_MORE                                                                                         \
  "--filter=KEY=VALUE keeps the rows whose column KEY is VALUE, where * stands for any text; given several " \
  "times, all must hold. --columns=A,B,C chooses columns; an unknown one is answered with the names of all."

/* Prints the list of @kind (firmware, nodes, ...) as the options ask. */
gboolean gw_ctl_list(GwCtl *ctl, const char *kind, const GwArgs *args, GError **error);
/* Prints a list that a command asks for by itself. */
typedef struct {
  GVariant *filter;    /* a{sv}, floating */
  const char *columns; /* "A,B" */
  guint limit;         /* 0 = all */
} GwListOf;
gboolean gw_ctl_list_of(GwCtl *ctl, const char *kind, const GwListOf *of, GError **error);
/* One page of everything there is: aa{sv}, 500 rows at most. *cursor is "" at first, and again after the
 * last. */
gboolean gw_ctl_list_page(GwCtl *ctl, const char *kind, const GwListOf *of, char **cursor,
                          GVariant **ret_rows, GError **error);
/* Prints one thing in full. */
gboolean gw_ctl_show(GwCtl *ctl, const char *kind, const char *id, GError **error);
/* Prints details as text or JSON. */
void gw_ctl_print_details(const GwCtl *ctl, GVariant *details);
/* Width for tables: --wide is unlimited. */
guint gw_ctl_width(const GwCtl *ctl);
/* The id of the only @kind whose name is @name. */
gboolean gw_ctl_find(GwCtl *ctl, const char *kind, const char *name, gint64 *ret_id, GError **error);
