/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A database to put nouns into, and nouns to put. */
#pragma once
#include "common.h"
#include "store/rows.h"

typedef struct {
  Folder folder;
  GwDb *db;
} Site;

static inline Site
site_new(void)
{
  Site site = { .folder = folder_new() };
  gboolean was_lost;
  g_autoptr(GError) error = NULL;

  site.db = gw_db_open(site.folder.fd, "state.db", NULL, &was_lost, &error);
  g_assert_no_error(error);
  return site;
}

static inline void
site_restart(Site *site)
{
  gboolean was_lost;
  g_autoptr(GError) error = NULL;

  gw_db_close(site->db);
  site->db = gw_db_open(site->folder.fd, "state.db", NULL, &was_lost, &error);
  g_assert_no_error(error);
}

static inline void
site_clear(Site *site)
{
  gw_db_close(site->db);
  folder_clear(&site->folder);
}

static inline void
note_done(const GError *error, gpointer user)
{
  gboolean *is_done = user;

  g_assert_no_error(error);
  *is_done = TRUE;
}

static inline void
commit(Site *site, GwBatch *batch)
{
  gboolean is_done = FALSE;

  gw_db_submit(site->db, batch, note_done, &is_done);
  wait_for(&is_done);
}

static inline void
replace(char **member, const char *text)
{
  g_free(*member);
  *member = g_strdup(text);
}

static inline GHashTable *
set_of(const char *first, const char *second)
{
  GHashTable *set = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

  g_hash_table_add(set, g_strdup(first));
  if (second)
    g_hash_table_add(set, g_strdup(second));
  return set;
}

/* Loading gives everything away: it is gathered here. */
static inline void
gather(gpointer row, gpointer user)
{
  g_ptr_array_add(user, row);
}

#define LOADED(type, load, free, ...)                                                                        \
  ({                                                                                                         \
    g_autoptr(GError) load_error = NULL;                                                                     \
    GPtrArray *rows_ = g_ptr_array_new_with_free_func((GDestroyNotify)free);                                 \
    g_assert_true(load(__VA_ARGS__, gather_##type, rows_, &load_error));                                     \
    g_assert_no_error(load_error);                                                                           \
    rows_;                                                                                                   \
  })

#define GATHER(type, Type)                                                                                   \
  static inline void gather_##type(Type *row, gpointer user)                                                 \
  {                                                                                                          \
    gather(row, user);                                                                                       \
  }
GATHER(product, GwProduct)
GATHER(firmware, GwFirmware)
GATHER(node, GwNode)
GATHER(rule, GwRule)
GATHER(update, GwUpdate)

static inline GwFirmware *
some_firmware(void)
{
  GwFirmware *firmware = gw_firmware_new();
  char **texts[] = {
    &firmware->product,  &firmware->type,         &firmware->hardware_version, &firmware->software_version,
    &firmware->name,     &firmware->notes,        &firmware->plugin,           &firmware->reason,
    &firmware->upstream, &firmware->url,          &firmware->base_url,         &firmware->verify_node,
    &firmware->proof,    &firmware->version_name, &firmware->overrides,
  };

  for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
    g_free(*texts[i]);
    *texts[i] = g_strdup_printf("text %u \"'\\ \xc3\xa9", i);
  }
  firmware->id = 7;
  g_hash_table_insert(firmware->attributes, g_strdup("key"), g_strdup("value \"q\""));
  firmware->state = GW_FIRMWARE_VERIFIED;
  firmware->sequence = G_MAXINT64;
  firmware->is_signed = firmware->is_downgrade_allowed = firmware->is_undigested = TRUE;
  firmware->size = 123456789012;
  memset(firmware->sha256, 'a', GW_SHA256_HEX_LEN);
  memset(&firmware->digests, 0xaa, sizeof firmware->digests);
  firmware->digests.size = firmware->size;
  firmware->image_state = GW_IMAGE_SEALED;
  firmware->is_denied = TRUE;
  firmware->verification = (GwVerification){
    .step = GW_VERIFICATION_STAYING,
    .is_silent = TRUE,
    .rule_id = 8,
    .stay_ms = 9,
    .deadline = { "boot", 10, 11 },
  };
  firmware->created_ms = 11;
  firmware->state_changed_ms = 12;
  return firmware;
}

static inline GwNode *
some_node(const char *id)
{
  GwNode *node = gw_node_new(id);
  GwComponent *component = gw_node_add_component(node, "mcu");

  gw_shared_text_set(&node->product, "weather");
  gw_shared_text_set(&node->location, "Guangdong / Foshan");
  replace(&node->address, "10.0.0.7");
  g_strlcpy(node->mac, "02:00:00:00:00:01", sizeof node->mac);
  gw_shared_text_set(&node->set_aside_reason, "it died twice");
  g_ptr_array_add(node->aliases, g_strdup("mac=02:00:00:00:00:01"));
  g_ptr_array_add(node->labels, g_strdup("roof"));
  g_ptr_array_add(node->labels, g_strdup("north \xff"));
  g_assert_true(gw_node_set_attribute(node, "battery", "93"));
  gw_component_set(component, "1.2.3", GW_SOURCE_INFERRED, 1234);
  gw_shared_text_set(&component->hardware_version, "B");
  node->identity = GW_IDENTITY_CLAIMED;
  node->is_adopted = node->is_set_aside = node->needs_power_cycle = TRUE;
  gw_shared_text_set(&node->credential_digest,
                     "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc");
  node->first_ms = 5;
  node->last_ms = 6;
  node->n_contacts = 7;
  return node;
}

static inline GwUpdate *
some_update(gint64 id, const char *node, GwUpdateState state, gint64 rule_id)
{
  GwUpdate *update = gw_update_new();

  update->id = id;
  replace(&update->node, node);
  update->state = state;
  update->rule_id = rule_id;
  return update;
}

static inline void
put_update(GwBatch *batch, const GwNow *now, GwUpdate *update)
{
  gw_rows_put_update(batch, update, now);
  gw_update_free(update);
}

static const GwNow NOW = { .boot_ms = 1000000, .wall_ms = 5000, .is_trusted = TRUE };

static inline void
take_pin(const GwPinRow *row, gpointer user)
{
  GwPinRow *pin = user;

  g_assert_cmpstr(row->token, ==, "abcdefgh23456789");
  g_assert_cmpstr(row->node, ==, "n1");
  g_assert_cmpstr(row->type, ==, "mcu");
  g_assert_cmpstr(row->plugin, ==, "some");
  *pin = *row;
}
