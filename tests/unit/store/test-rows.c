/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Each noun is put, the database closed, opened again and loaded: what comes back is what went in. */
#include "model/rule-form.h"
#include "nouns.h"

static void
test_product(void)
{
  Site site = site_new();
  g_autoptr(GwProduct) product = gw_product_new("weather");
  g_autoptr(GPtrArray) loaded = NULL;
  GwBatch *batch = gw_batch_new();
  const GwProduct *back;

  replace(&product->plugin, "some");
  product->scheme = GW_VERSION_DOTTED;
  product->series_chars = 3;
  product->is_auto_adopt = TRUE;
  product->least_identity = GW_IDENTITY_CREDENTIAL;
  product->is_require_signature = TRUE;
  product->is_self_verifying = TRUE;
  product->is_to_binary = TRUE;
  replace(&product->family, "sky");
  replace(&product->origin, "cloud.example other.example");
  g_ptr_array_add(product->labels, g_strdup("roof \"1\""));
  gw_rows_put_product(batch, product);
  commit(&site, batch);
  site_restart(&site);
  loaded = LOADED(product, gw_rows_load_products, gw_product_free, site.db);
  g_assert_cmpuint(loaded->len, ==, 1);
  back = g_ptr_array_index(loaded, 0);
  g_assert_cmpstr(back->name, ==, "weather");
  g_assert_cmpstr(back->plugin, ==, "some");
  g_assert_cmpint(back->scheme, ==, GW_VERSION_DOTTED);
  g_assert_cmpuint(back->series_chars, ==, 3);
  g_assert_true(back->is_auto_adopt);
  g_assert_cmpint(back->least_identity, ==, GW_IDENTITY_CREDENTIAL);
  g_assert_true(back->is_require_signature);
  g_assert_true(back->is_self_verifying);
  g_assert_true(back->is_to_binary);
  g_assert_cmpstr(back->family, ==, "sky");
  g_assert_cmpstr(back->origin, ==, "cloud.example other.example");
  g_assert_cmpuint(back->labels->len, ==, 1);
  g_assert_cmpstr(back->labels->pdata[0], ==, "roof \"1\"");
  batch = gw_batch_new();
  gw_rows_delete_product(batch, "weather");
  commit(&site, batch);
  g_ptr_array_unref(loaded);
  loaded = LOADED(product, gw_rows_load_products, gw_product_free, site.db);
  g_assert_cmpuint(loaded->len, ==, 0);
  site_clear(&site);
}

static void
assert_same_firmware(const GwFirmware *a, const GwFirmware *b)
{
  const char *left[] = { a->product, a->type,     a->hardware_version, a->software_version,
                         a->name,    a->notes,    a->plugin,           a->reason,
                         a->url,     a->upstream, a->base_url,         a->verify_node,
                         a->sha256,  a->proof,    a->version_name,     a->overrides };
  const char *right[] = { b->product, b->type,     b->hardware_version, b->software_version,
                          b->name,    b->notes,    b->plugin,           b->reason,
                          b->url,     b->upstream, b->base_url,         b->verify_node,
                          b->sha256,  b->proof,    b->version_name,     b->overrides };

  for (guint i = 0; i < G_N_ELEMENTS(left); i++)
    g_assert_cmpstr(left[i], ==, right[i]);
  g_assert_cmpint(a->id, ==, b->id);
  g_assert_cmpint(a->state, ==, b->state);
  g_assert_cmpint(a->image_state, ==, b->image_state);
  g_assert_cmpint(a->sequence, ==, b->sequence);
  g_assert_cmpint(a->is_signed, ==, b->is_signed);
  g_assert_cmpint(a->is_downgrade_allowed, ==, b->is_downgrade_allowed);
  g_assert_cmpint(a->is_undigested, ==, b->is_undigested);
  g_assert_cmpint(a->is_denied, ==, b->is_denied);
  g_assert_cmpint(a->verification.step, ==, b->verification.step);
  g_assert_cmpint(a->verification.is_silent, ==, b->verification.is_silent);
  g_assert_cmpint(a->verification.rule_id, ==, b->verification.rule_id);
  g_assert_cmpint(a->verification.stay_ms, ==, b->verification.stay_ms);
  g_assert_cmpstr(a->verification.deadline.boot_id, ==, b->verification.deadline.boot_id);
  g_assert_cmpint(a->verification.deadline.boot_ms, ==, b->verification.deadline.boot_ms);
  g_assert_cmpint(a->verification.deadline.remaining_ms, ==, b->verification.deadline.remaining_ms);
  g_assert_cmpuint(a->size, ==, b->size);
  g_assert_cmpint(a->created_ms, ==, b->created_ms);
  g_assert_cmpint(a->state_changed_ms, ==, b->state_changed_ms);
  g_assert_cmpmem(a->digests.sha256, 32, b->digests.sha256, 32);
  g_assert_cmpmem(a->digests.sha1, 20, b->digests.sha1, 20);
  g_assert_cmpmem(a->digests.md5, 16, b->digests.md5, 16);
  g_assert_cmpuint(a->digests.crc32, ==, b->digests.crc32);
  g_assert_cmpuint(a->digests.size, ==, b->digests.size);
}

static void
test_firmware(void)
{
  Site site = site_new();
  g_autoptr(GwFirmware) firmware = some_firmware();
  g_autoptr(GPtrArray) loaded = NULL;
  GwBatch *batch = gw_batch_new();
  const GwFirmware *back;

  gw_rows_put_firmware(batch, firmware);
  commit(&site, batch);
  site_restart(&site);
  loaded = LOADED(firmware, gw_rows_load_firmwares, gw_firmware_free, site.db);
  g_assert_cmpuint(loaded->len, ==, 1);
  back = g_ptr_array_index(loaded, 0);
  assert_same_firmware(firmware, back);
  g_assert_cmpuint(g_hash_table_size(back->attributes), ==, 1);
  g_assert_cmpstr(g_hash_table_lookup(back->attributes, "key"), ==, "value \"q\"");
  site_clear(&site);
}

/* An image that is not here has no digests, whatever its row announces. */
static void
test_firmware_that_is_wanted(void)
{
  Site site = site_new();
  g_autoptr(GwFirmware) firmware = some_firmware();
  g_autoptr(GPtrArray) loaded = NULL;
  GwBatch *batch = gw_batch_new();
  const GwFirmware *back;

  memset(&firmware->digests, 0, sizeof firmware->digests);
  firmware->image_state = GW_IMAGE_WANTED;
  gw_rows_put_firmware(batch, firmware);
  commit(&site, batch);
  loaded = LOADED(firmware, gw_rows_load_firmwares, gw_firmware_free, site.db);
  back = g_ptr_array_index(loaded, 0);
  assert_same_firmware(firmware, back);
  site_clear(&site);
}

static void
test_node(void)
{
  Site site = site_new();
  g_autoptr(GwNode) node = some_node("n1");
  g_autoptr(GPtrArray) loaded = NULL;
  GwBatch *batch = gw_batch_new();
  const GwNode *back;
  const GwComponent *component;

  gw_rows_put_node(batch, node);
  node->n_contacts = 8;
  node->last_ms = 9;
  gw_rows_put_contact(batch, node);
  commit(&site, batch);
  site_restart(&site);
  loaded = LOADED(node, gw_rows_load_nodes, gw_node_free, site.db);
  g_assert_cmpuint(loaded->len, ==, 1);
  back = g_ptr_array_index(loaded, 0);
  g_assert_cmpstr(back->id, ==, "n1");
  g_assert_cmpstr(back->product, ==, "weather");
  g_assert_cmpstr(back->plugin, ==, "");
  g_assert_cmpstr(back->location, ==, "Guangdong / Foshan");
  g_assert_cmpstr(back->address, ==, "10.0.0.7");
  g_assert_cmpstr(back->mac, ==, node->mac);
  g_assert_cmpstr(back->set_aside_reason, ==, "it died twice");
  g_assert_cmpstr(back->credential_digest, ==, node->credential_digest);
  g_assert_cmpstr(g_ptr_array_index(back->aliases, 0), ==, "mac=02:00:00:00:00:01");
  g_assert_cmpuint(back->labels->len, ==, 2);
  g_assert_cmpstr(g_ptr_array_index(back->labels, 1), ==, "north �"); /* mended */
  g_assert_cmpstr(g_hash_table_lookup(back->attributes, "battery"), ==, "93");
  g_assert_true(back->is_adopted && back->is_set_aside && back->needs_power_cycle && !back->is_group);
  g_assert_cmpint(back->identity, ==, GW_IDENTITY_CLAIMED);
  g_assert_cmpint(back->first_ms, ==, 5);
  g_assert_cmpint(back->last_ms, ==, 9);
  g_assert_cmpuint(back->n_contacts, ==, 8);
  g_assert_cmpuint(back->components->len, ==, 1);
  component = &g_array_index(back->components, GwComponent, 0);
  g_assert_cmpstr(component->type, ==, "mcu");
  g_assert_cmpstr(component->hardware_version, ==, "B");
  g_assert_cmpstr(component->software_version, ==, "1.2.3");
  g_assert_cmpint(component->source, ==, GW_SOURCE_INFERRED);
  g_assert_cmpint(component->since_ms, ==, 1234);
  site_clear(&site);
}

static void
test_rule(void)
{
  Site site = site_new();
  g_autoptr(GwRule) rule = gw_rule_new("spring");
  g_autoptr(GPtrArray) loaded = NULL;
  GwBatch *batch = gw_batch_new();
  const GwRule *back;

  rule->id = 3;
  gw_rule_add_firmware(rule, 7);
  rule->priority = -2;
  rule->state = GW_RULE_PAUSED;
  replace(&rule->pause_reason, "too many failures");
  rule->who.products = set_of("weather", NULL);
  rule->who.locations = set_of("Guangdong / *", NULL);
  rule->who.nodes = set_of("b", "a");
  rule->who.versions = set_of("1.2..1.9", NULL);
  rule->who.is_unknown_included = rule->when.is_cut_at_edge = rule->is_heard_required = rule->is_push = TRUE;
  rule->when.not_before_ms = 1000;
  rule->when.not_after_ms = 2000;
  gw_when_add_hours(&rule->when, 3, 4);
  rule->cap = 5;
  rule->max_attempts = 6;
  rule->created_ms = 7;
  rule->changed_ms = 8;
  gw_rows_put_rule(batch, rule);
  commit(&site, batch);
  site_restart(&site);
  loaded = LOADED(rule, gw_rows_load_rules, gw_rule_free, site.db);
  g_assert_cmpuint(loaded->len, ==, 1);
  back = g_ptr_array_index(loaded, 0);
  g_assert_cmpstr(back->name, ==, "spring");
  g_assert_cmpint(back->id, ==, 3);
  g_assert_cmpuint(back->firmwares->len, ==, 1);
  g_assert_cmpint(gw_rule_firmware(back, 0), ==, 7);
  g_assert_cmpint(back->priority, ==, -2);
  g_assert_cmpint(back->state, ==, GW_RULE_PAUSED);
  g_assert_cmpstr(back->pause_reason, ==, "too many failures");
  g_assert_true(g_hash_table_contains(back->who.products, "weather"));
  g_assert_true(g_hash_table_contains(back->who.locations, "Guangdong / *"));
  g_assert_cmpuint(g_hash_table_size(back->who.nodes), ==, 2);
  g_assert_true(g_hash_table_contains(back->who.nodes, "a"));
  g_assert_null(back->who.macs);
  g_assert_true(g_hash_table_contains(back->who.versions, "1.2..1.9"));
  g_assert_true(back->who.is_unknown_included && back->when.is_cut_at_edge && back->is_heard_required &&
                back->is_push);
  g_assert_cmpint(back->when.not_before_ms, ==, 1000);
  g_assert_cmpint(back->when.not_after_ms, ==, 2000);
  g_assert_cmpuint(g_array_index(back->when.hours, GwHours, 0).from_minute, ==, 3);
  g_assert_cmpuint(g_array_index(back->when.hours, GwHours, 0).until_minute, ==, 4);
  g_assert_cmpuint(back->cap, ==, 5);
  g_assert_cmpuint(back->max_attempts, ==, 6);
  g_assert_cmpint(back->created_ms, ==, 7);
  g_assert_cmpint(back->changed_ms, ==, 8);
  site_clear(&site);
}

static void
assert_nobody(Site *site, const char *damage)
{
  g_autoptr(GwRule) rule = gw_rule_new("spring");
  g_autoptr(GPtrArray) loaded = NULL;
  GwBatch *batch = gw_batch_new();
  const GwRule *back;

  rule->id = 3;
  gw_rule_add_firmware(rule, 7);
  rule->who.nodes = set_of("a", NULL);
  gw_rows_put_rule(batch, rule);
  gw_batch_add(batch, damage, "");
  commit(site, batch);
  loaded = LOADED(rule, gw_rows_load_rules, gw_rule_free, site->db);
  back = g_ptr_array_index(loaded, 0);
  g_assert_cmpstr(back->name, ==, "spring");
  g_assert_nonnull(back->who.nodes);
  g_assert_cmpuint(g_hash_table_size(back->who.nodes), ==, 0);
}

/* Damage must not turn "these nodes" into "all nodes", and what nobody gets stays so when it is written. */
static void
test_a_rule_that_cannot_be_read_is_for_nobody(void)
{
  Site site = site_new();
  g_autoptr(GwRule) rule = gw_rule_new("spring");

  assert_nobody(&site, "UPDATE rule SET form = substr(form, 1, 40)");
  assert_nobody(&site, "UPDATE rule SET form = json_set(form, '$.who.nodes', 'a')");
  assert_nobody(&site, "UPDATE rule SET form = json_set(form, '$.whom', 'a')");
  assert_nobody(&site, "UPDATE rule SET form = json_set(form, '$.who.nodes', json('[]'))");
  site_clear(&site);

  gw_rule_add_firmware(rule, 7);
  rule->who.nodes = gw_who_set_new();
  g_autofree char *text = gw_rule_form_text(rule, FALSE);
  g_assert_null(gw_rule_form_parse(text, strlen(text), NULL));
}

static void
test_update(void)
{
  Site site = site_new();
  GwUpdate *update = some_update(1, "n1", GW_UPDATE_DOWNLOADING, 3);
  g_autoptr(GPtrArray) loaded = NULL;
  GwBatch *batch = gw_batch_new();
  const GwUpdate *back;

  replace(&update->type, "mcu");
  replace(&update->reason, "why");
  replace(&update->version_before, "0.9");
  update->firmware_id = 7;
  update->is_inferred = TRUE;
  update->n_attempts = 2;
  update->retry_boot_ms = NOW.boot_ms + 60000;
  update->deadline = gw_deadline_in(&NOW, 90000);
  update->acked = 10;
  update->size = 20;
  update->created_ms = 1;
  update->changed_ms = 2;
  update->finished_ms = 3;
  put_update(batch, &NOW, update);
  commit(&site, batch);
  site_restart(&site);
  loaded = LOADED(update, gw_rows_load_updates, gw_update_free, site.db, &NOW);
  g_assert_cmpuint(loaded->len, ==, 1);
  back = g_ptr_array_index(loaded, 0);
  g_assert_cmpint(back->id, ==, 1);
  g_assert_cmpstr(back->node, ==, "n1");
  g_assert_cmpstr(back->type, ==, "mcu");
  g_assert_cmpstr(back->reason, ==, "why");
  g_assert_cmpstr(back->version_before, ==, "0.9");
  g_assert_cmpint(back->firmware_id, ==, 7);
  g_assert_cmpint(back->rule_id, ==, 3);
  g_assert_cmpint(back->state, ==, GW_UPDATE_DOWNLOADING);
  g_assert_true(back->is_inferred);
  g_assert_cmpuint(back->n_attempts, ==, 2);
  g_assert_cmpint(back->retry_boot_ms, ==, NOW.boot_ms + 60000);
  g_assert_cmpint(gw_deadline_boot_ms(&back->deadline, &NOW), ==, NOW.boot_ms + 90000);
  g_assert_cmpuint(back->acked, ==, 10);
  g_assert_cmpuint(back->size, ==, 20);
  g_assert_cmpint(back->created_ms, ==, 1);
  g_assert_cmpint(back->changed_ms, ==, 2);
  g_assert_cmpint(back->finished_ms, ==, 3);
  site_clear(&site);
}

/* What the rows say was written in another boot. */
static void
pretend_reboot(Site *site)
{
  GwBatch *batch = gw_batch_new();

  gw_batch_add(batch, "UPDATE node_update SET boot_id = 'earlier'", "");
  gw_batch_add(batch, "UPDATE node_update SET deadline_boot_id = 'earlier' WHERE deadline_boot_id <> ''", "");
  gw_batch_add(batch, "UPDATE pin SET boot_id = 'earlier'", "");
  commit(site, batch);
}

static void
test_what_was_left_of_a_time_is_left_after_a_reboot(void)
{
  Site site = site_new();
  GwUpdate *update = some_update(1, "n1", GW_UPDATE_OFFERED, 3);
  const GwNow later = { .boot_ms = 2000, .wall_ms = 5000 };
  g_autoptr(GPtrArray) loaded = NULL;
  GwBatch *batch = gw_batch_new();
  const GwUpdate *back;

  update->retry_boot_ms = NOW.boot_ms + 60000;
  update->deadline = gw_deadline_in(&NOW, 90000);
  put_update(batch, &NOW, update);
  put_update(batch, &NOW, some_update(2, "n2", GW_UPDATE_SCHEDULED, 3));
  commit(&site, batch);
  pretend_reboot(&site);
  loaded = LOADED(update, gw_rows_load_updates, gw_update_free, site.db, &later);
  g_assert_cmpuint(loaded->len, ==, 2);
  back = g_ptr_array_index(loaded, 0);
  g_assert_cmpint(back->retry_boot_ms, ==, later.boot_ms + 60000);
  g_assert_cmpint(gw_deadline_boot_ms(&back->deadline, &later), ==, later.boot_ms + 90000);
  back = g_ptr_array_index(loaded, 1);
  g_assert_cmpint(back->retry_boot_ms, ==, 0);
  g_assert_cmpstr(back->deadline.boot_id, ==, "");
  site_clear(&site);
}

/* Open ones, and how each node ended last under a rule that lives. */
static void
test_only_updates_that_still_matter_are_loaded(void)
{
  Site site = site_new();
  g_autoptr(GwRule) live = gw_rule_new("live");
  g_autoptr(GwRule) over = gw_rule_new("over");
  g_autoptr(GPtrArray) loaded = NULL;
  GwBatch *batch = gw_batch_new();
  static const gint64 expected[] = { 2, 3, 5 };

  live->id = 1;
  live->state = GW_RULE_RUNNING;
  over->id = 2;
  over->state = GW_RULE_STOPPED;
  gw_rows_put_rule(batch, live);
  gw_rows_put_rule(batch, over);
  put_update(batch, &NOW, some_update(1, "a", GW_UPDATE_FAILED, 1));
  put_update(batch, &NOW, some_update(2, "a", GW_UPDATE_SUCCEEDED, 1));
  put_update(batch, &NOW, some_update(3, "b", GW_UPDATE_REPORTED, 1));
  put_update(batch, &NOW, some_update(4, "a", GW_UPDATE_SUCCEEDED, 2));
  put_update(batch, &NOW, some_update(5, "b", GW_UPDATE_SCHEDULED, 2));
  commit(&site, batch);
  loaded = LOADED(update, gw_rows_load_updates, gw_update_free, site.db, &NOW);
  g_assert_cmpuint(loaded->len, ==, G_N_ELEMENTS(expected));
  for (guint i = 0; i < loaded->len; i++)
    g_assert_cmpint(((const GwUpdate *)g_ptr_array_index(loaded, i))->id, ==, expected[i]);
  site_clear(&site);
}

static void
test_pin(void)
{
  Site site = site_new();
  const GwNow later = { .boot_ms = 2000, .wall_ms = 5000 };
  GwPinRow pin = { .token = "abcdefgh23456789",
                   .update_id = 1,
                   .firmware_id = 7,
                   .node = "n1",
                   .type = "mcu",
                   .plugin = "some",
                   .is_never_cut = TRUE,
                   .is_owed = TRUE,
                   .given_ms = 11,
                   .used_ms = 12,
                   .n_downloads = 2,
                   .inference = { TRUE, 2, NOW.boot_ms - 500000, NOW.boot_ms - 30000 } };
  GwPinRow back = { 0 };
  GwBatch *batch = gw_batch_new();

  gw_rows_put_pin(batch, &pin, &NOW);
  commit(&site, batch);
  g_assert_true(gw_rows_load_pins(site.db, &NOW, take_pin, &back, NULL));
  g_assert_cmpint(back.update_id, ==, 1);
  g_assert_cmpint(back.firmware_id, ==, 7);
  g_assert_true(back.is_never_cut && back.is_owed && !back.is_silent);
  g_assert_cmpint(back.given_ms, ==, 11);
  g_assert_cmpint(back.used_ms, ==, 12);
  g_assert_cmpuint(back.n_downloads, ==, 2);
  g_assert_true(back.inference.is_open);
  g_assert_cmpuint(back.inference.n_counted, ==, 2);
  g_assert_cmpint(back.inference.started_boot_ms, ==, NOW.boot_ms - 500000);
  g_assert_cmpint(back.inference.last_boot_ms, ==, NOW.boot_ms - 30000);
  pretend_reboot(&site);
  g_assert_true(gw_rows_load_pins(site.db, &later, take_pin, &back, NULL));
  g_assert_cmpint(back.inference.started_boot_ms, ==, later.boot_ms - 500000);
  g_assert_cmpint(back.inference.last_boot_ms, ==, later.boot_ms - 30000);
  site_clear(&site);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/store/rows/product", test_product);
  g_test_add_func("/store/rows/firmware", test_firmware);
  g_test_add_func("/store/rows/firmware-that-is-wanted", test_firmware_that_is_wanted);
  g_test_add_func("/store/rows/node", test_node);
  g_test_add_func("/store/rows/rule", test_rule);
  g_test_add_func("/store/rows/a-list-that-cannot-be-read-is-nobody",
                  test_a_rule_that_cannot_be_read_is_for_nobody);
  g_test_add_func("/store/rows/update", test_update);
  g_test_add_func("/store/rows/what-was-left-of-a-time-is-left-after-a-reboot",
                  test_what_was_left_of_a_time_is_left_after_a_reboot);
  g_test_add_func("/store/rows/only-updates-that-still-matter-are-loaded",
                  test_only_updates_that_still_matter_are_loaded);
  g_test_add_func("/store/rows/pin", test_pin);
  return g_test_run();
}
