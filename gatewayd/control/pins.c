/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control/pins.h"

#include "base/digest.h"

struct GwPins {
  GHashTable *by_token;  /* pin->token -> GwPin, owned */
  GHashTable *by_update; /* &pin->update_id -> GwPin */
  GHashTable *by_node;   /* node -> GPtrArray of GwPin */
};

/* Base32 letters as they stand: each byte gives five of its bits. */
static void
make_token(char ret_token[GW_TOKEN_LEN + 1])
{
  static const char LETTERS[] = "abcdefghijklmnopqrstuvwxyz234567";
  guint8 random[GW_TOKEN_LEN];

  gw_random(random, sizeof(random));
  for (gsize i = 0; i < GW_TOKEN_LEN; i++)
    ret_token[i] = LETTERS[random[i] & 31];
  ret_token[GW_TOKEN_LEN] = '\0';
}

GwPin *
gw_pin_new(void)
{
  GwPin *pin = g_new0(GwPin, 1);

  make_token(pin->token);
  return pin;
}

void
gw_pin_free(GwPin *pin)
{
  if (!pin)
    return;
  g_free(pin->node);
  g_free(pin->type);
  g_free(pin->plugin);
  g_free(pin);
}

GwPins *
gw_pins_new(void)
{
  GwPins *pins = g_new0(GwPins, 1);

  pins->by_token = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)gw_pin_free);
  pins->by_update = g_hash_table_new(g_int64_hash, g_int64_equal);
  pins->by_node = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
  return pins;
}

void
gw_pins_free(GwPins *pins)
{
  if (!pins)
    return;
  g_hash_table_unref(pins->by_update);
  g_hash_table_unref(pins->by_node);
  g_hash_table_unref(pins->by_token);
  g_free(pins);
}

GwPin *
gw_pins_add(GwPins *pins, GwPin *pin)
{
  GPtrArray *list = g_hash_table_lookup(pins->by_node, pin->node);

  g_hash_table_insert(pins->by_token, pin->token, pin);
  g_hash_table_insert(pins->by_update, &pin->update_id, pin);
  if (!list) {
    list = g_ptr_array_sized_new(1);
    g_hash_table_insert(pins->by_node, g_strdup(pin->node), list);
  }
  g_ptr_array_add(list, pin);
  return pin;
}

void
gw_pins_remove(GwPins *pins, GwPin *pin)
{
  GPtrArray *list = g_hash_table_lookup(pins->by_node, pin->node);

  g_ptr_array_remove(list, pin);
  if (list->len == 0)
    g_hash_table_remove(pins->by_node, pin->node);
  if (g_hash_table_lookup(pins->by_update, &pin->update_id) == pin)
    g_hash_table_remove(pins->by_update, &pin->update_id);
  g_hash_table_remove(pins->by_token, pin->token);
}

GwPin *
gw_pins_find(const GwPins *pins, const char *token)
{
  return g_hash_table_lookup(pins->by_token, token);
}

GwPin *
gw_pins_of_update(const GwPins *pins, gint64 update_id)
{
  return g_hash_table_lookup(pins->by_update, &update_id);
}

const GPtrArray *
gw_pins_of_node(const GwPins *pins, const char *node)
{
  return g_hash_table_lookup(pins->by_node, node);
}

void
gw_pins_iter(const GwPins *pins, GHashTableIter *ret_iter)
{
  g_hash_table_iter_init(ret_iter, pins->by_token);
}

gboolean
gw_pins_has_firmware(const GwPins *pins, gint64 firmware_id)
{
  GHashTableIter iter;
  gpointer pin;

  gw_pins_iter(pins, &iter);
  while (g_hash_table_iter_next(&iter, NULL, &pin))
    if (((GwPin *)pin)->firmware_id == firmware_id)
      return TRUE;
  return FALSE;
}
