/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A command of gatewayctl as data: its words, its options, its help, its function. Parsing, help and hints
 * are made from these tables alone. */
#pragma once
#include "ctl/ctl.h"

typedef enum {
  GW_ARG_FLAG = 1, /* --cap-at-edge -> true */
  GW_ARG_TEXT,     /* --name=TEXT */
  GW_ARG_NUMBER,   /* --cap=N, not negative */
  GW_ARG_SIGNED,   /* --priority=N */
  GW_ARG_TEXTS,    /* may be given again and again */
  GW_ARG_CHOICE,   /* yes or no -> boolean */
} GwArgKind;

typedef struct {
  const char *name; /* without the dashes */
  GwArgKind kind;
  const char *key;   /* of the D-Bus form that it fills; NULL = the command asks for it by name */
  const char *value; /* what stands for the value in the help */
  const char *help;
} GwArg;

typedef struct {
  char **operands; /* NULL-terminated */
  guint n_operands;
  GHashTable *values; /* name -> GVariant */
  const GwArg *args;
} GwArgs;

typedef struct {
  const char *noun, *verb; /* "rules", "create"; verb NULL: a command of one word */
  const char *operands;    /* for the usage line: "NODE..." */
  guint n_min, n_max;      /* how many */
  const GwArg *args;       /* ended by name NULL; NULL = none */
  const char *help;        /* one line */
  const char *more;        /* paragraphs and examples, or NULL */
  gboolean (*run)(GwCtl *ctl, const GwArgs *args, GError **error);
} GwCommand;

/* Every table is ended by noun NULL. */
extern const GwCommand gw_commands_general[];
extern const GwCommand gw_commands_firmware[];
extern const GwCommand gw_commands_nodes[];
extern const GwCommand gw_commands_accounts[];
extern const GwCommand gw_commands_rules[];
extern const GwCommand gw_commands_export[];
extern const GwCommand gw_commands_plugins[];
extern const GwCommand gw_commands_dns[];
extern const GwCommand gw_commands_outlets[];

/* What a command asks of its options. */
gboolean gw_args_has(const GwArgs *args, const char *name);
const char *gw_args_text(const GwArgs *args, const char *name, const char *fallback);
guint32 gw_args_number(const GwArgs *args, const char *name, guint32 fallback);
/* Every option that has a key, as a{sv}; floating. @builder is begun if the caller wants to add to it. */
void gw_args_add_form(const GwArgs *args, GVariantBuilder *builder);
/* Texts of a repeatable option, NULL-terminated; caller frees the array alone. */
const char **gw_args_texts(const GwArgs *args, const char *name);
/* "KEY=VALUE" of a repeatable option, each as a text. */
gboolean gw_args_add_pairs(const GwArgs *args, const char *name, GVariantBuilder *builder, GError **error);
/* The operand as the id of a @noun. */
gboolean gw_args_id(const GwArgs *args, guint i, const char *noun, gint64 *ret_id, GError **error);
