/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pins: the promise that one node is served one image until it is through, and the token that is the
 * promise's handle on the wire. A pin belongs to one update. It is durable before the first metadata byte
 * leaves; offers.c and progress.c see to that, here they are held and found. Main thread. */
#pragma once
#include "link/messages.h"
#include "model/inference.h"

typedef struct {
  char token[GW_TOKEN_LEN + 1];
  gint64 update_id, firmware_id;
  char *node, *type, *plugin;
  gboolean is_durable; /* on disk: only then may anybody hear of the token */
  gboolean is_never_cut, is_silent;
  /* A never-cut node was given the metadata and has not been sent every byte since: it must be served,
   * whatever became of the update. */
  gboolean is_owed;
  gint64 given_ms, used_ms; /* wall: first metadata; last word about it */
  gint64 given_boot_ms;     /* boot clock of the first metadata, or of the restart since */
  gint64 used_boot_ms;      /* boot clock of the last word about bytes since then; 0 = none */
  guint n_downloads;        /* whole images sent: more than one for a group */
  char mac[18];             /* of the device that took the image last, or may; "" = not known */
  gboolean is_doubted;      /* another device was heard under the node's name; said once */
  GwInference inference;
} GwPin;

GwPin *gw_pin_new(void); /* with a new token */
void gw_pin_free(GwPin *pin);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwPin, gw_pin_free)

typedef struct GwPins GwPins;
GwPins *gw_pins_new(void);
void gw_pins_free(GwPins *pins);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwPins, gw_pins_free)
/* Takes @pin; returned: the same, borrowed until removed. */
GwPin *gw_pins_add(GwPins *pins, GwPin *pin);
void gw_pins_remove(GwPins *pins, GwPin *pin);
GwPin *gw_pins_find(const GwPins *pins, const char *token);
GwPin *gw_pins_of_update(const GwPins *pins, gint64 update_id);
/* Every pin of a node, newest last: GwPin. NULL = none; borrowed until the next change. */
const GPtrArray *gw_pins_of_node(const GwPins *pins, const char *node);
/* Every pin: token -> GwPin. */
void gw_pins_iter(const GwPins *pins, GHashTableIter *ret_iter);
gboolean gw_pins_has_firmware(const GwPins *pins, gint64 firmware_id);
