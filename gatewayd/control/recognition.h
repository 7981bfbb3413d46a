/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is in a sealed image, and whether that is what the entry says. The image is looked into by the helper
 * (store/unpacker.h); its facts fill what the entry leaves open and must agree with the rest. Main thread. */
#pragma once
#include "control/core-private.h"
#include "store/unpacker.h"

/* As GwFindingsDone; also what reading the blob said. */
void gw_recognition_run(GwCore *core, GwSealed *sealed, const char *file_name, GwFindingsDone done,
                        gpointer user);
/* The same, with everything that is packed in it. */
void gw_recognition_list(GwCore *core, GwSealed *sealed, const char *file_name, GwFindingsDone done,
                         gpointer user);
/* Compares and fills @firmware. BAD_INPUT = the image is broken, or is not what the entry says. */
gboolean gw_recognition_apply(const GwCore *core, GwFirmware *firmware, const GwFindings *findings,
                              GError **error);
/* A text that stands for a binary, for a product whose nodes eat binaries only. */
gboolean gw_recognition_is_wrong_kind(const GwCore *core, const GwFirmware *firmware,
                                      const GwFindings *findings);
/* Nobody could look: then the image is bytes like any other. */
gboolean gw_recognition_is_away(const GError *error);

/* A pipe with the bytes of one member, for an ingest; -1 and error. */
typedef void (*GwExtracted)(int fd, const GError *error, gpointer user);
void gw_recognition_extract(GwCore *core, GwSealed *sealed, guint32 member, GwExtracted done, gpointer user);

/* The helper said which plugins it has. */
void gw_recognition_hello(GVariant *tables, gpointer core);
