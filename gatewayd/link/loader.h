/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Brings plugins in. Each file is first looked at by a child process that may die of it: owner, mode,
 * wholeness, and the constant with everything it points to. Only then the same descriptor is loaded here and
 * compared with what the child saw. What fails is refused with a reason, the rest runs; nothing is ever
 * unloaded. Used by every worker that hosts plugins, once, before it has threads. Promise K8. */
#pragma once
#include "link/table.h"

#define GW_LOADER_MAX_FILES 64 /* of all folders together */

/* One file "*.so" of a plugin folder. */
typedef struct {
  char *path;
  char *name;                  /* the plugin's; the file's name while that is not known */
  const GatewayPlugin *plugin; /* zero-extended to this build's size, valid for ever; NULL = not loaded */
  GwPluginTable *table;        /* its words; NULL = refused */
  char *refusal;               /* why it was not loaded; NULL = it was */
  gboolean is_held;            /* sound, but @hold did not want it */
} GwPluginFile;

typedef struct {
  const char *folders; /* separated by colons; of several plugins of one name the first is taken */
  guint kinds;         /* of 1u << GatewayKind; files of other kinds are passed over */
  /* Why a sound plugin shall not be loaded (caller frees), or NULL to load it. May be NULL. */
  char *(*hold)(const char *name, gpointer user);
  gpointer user;
} GwLoader;

/* Array of GwPluginFile, freed with the array (the code stays). A folder that cannot be used is one refused
 * "file" with the folder's path; a folder that does not exist is passed over. */
GPtrArray *gw_loader_run(const GwLoader *loader);
/* The plugin of that name that was loaded, or NULL. */
const GwPluginFile *gw_loader_find(const GPtrArray *files, const char *name);
/* aa{sv} for HELLO, floating: the tables of those that are sound, with "state" ("ready", "held") and
 * "reason", and rows of "refusal" for the others. */
GVariant *gw_loader_hello(const GPtrArray *files);
/* The functions of a loaded plugin, zero-extended to @size, the size of their struct in this build. */
void gw_loader_functions(const GatewayPlugin *plugin, gpointer ret_functions, gsize size);
