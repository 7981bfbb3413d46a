/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a format plugin sees of the world: the file behind one descriptor, and somebody who takes what it
 * finds. Everything that it says is bounded and checked here, whatever the format. Runs inside the cage: no
 * allocation grows with the file, and nothing is opened. One thread. */
#pragma once
#include "base/sign.h"
#include "gateway-plugin.h"
#include "model/findings.h"

typedef struct {
  const GatewayPlugin *plugin;
  GatewayFormatFunctions functions;
  const GatewaySettings *settings;
  GwKeyring *keys; /* NULL = none is configured */
} GwFormat;

/* The setting that holds keys. */
#define GW_KEYS_SETTING "keys"
/* All PEM public keys in the text; one that cannot be read is passed over. NULL for NULL or "": no key is
 * wanted. */
GwKeyring *gw_unpack_keys(const char *pem);

typedef struct {
  int input_fd, output_fd; /* the second: of the wanted member; -1 = look only */
  const char *file_name;
  guint32 member; /* or GW_JOB_LOOK, GW_JOB_LIST */
  guint64 max_size;
} GwUnpackTask;

/* Before the cage: what libraries open when they are used first. */
void gw_unpack_prepare(void);
/* The surest of @formats looks into the file; when nobody recognizes it, the findings hold the file itself.
 * What went wrong stands in their refusal. */
GwFindings *gw_unpack_run(const GwUnpackTask *task, const GwFormat *formats, guint n_formats);
