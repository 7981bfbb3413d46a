/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What core and lan say to each other, and what every worker says first. */
#include "link/fields.h"
#include "link/messages.h"
#include "link/packed.h"

#include <string.h>

#define CONTACTS_MAX 2048
#define NODES_MAX 10000
#define TRANSFERS_MAX 4096
#define PLUGINS_TYPE "aa{sv}"
#define MAP_TYPE "a{ss}"

#define GW_FIELD_MAP(Struct, member)                                                                         \
  {                                                                                                          \
    .key = #member, .kind = GW_FIELD_VARIANT, .offset = offsetof(Struct, member), .type = MAP_TYPE           \
  }
#define GW_FIELD_DIGEST(Struct, member, named)                                                               \
  {                                                                                                          \
    .key = named, .kind = GW_FIELD_BYTES, .offset = offsetof(Struct, member),                                \
    .size = sizeof(((Struct *)NULL)->member)                                                                 \
  }

/* ---- ASK ---- */

/* The first four tables are those of packed messages: new fields at the end. */

static const GwField ask_fields[] = {
  GW_FIELD(GwAsk, kind, INT),
  GW_FIELD(GwAsk, plugin, STRING),
  GW_FIELD(GwAsk, listener, STRING),
  GW_FIELD(GwAsk, address, STRING),
  GW_FIELD(GwAsk, interface, STRING),
  GW_FIELD(GwAsk, identity, INT),
  GW_FIELD(GwAsk, node, STRING),
  GW_FIELD(GwAsk, credential, STRING),
  GW_FIELD(GwAsk, product, STRING),
  GW_FIELD(GwAsk, type, STRING),
  GW_FIELD(GwAsk, hardware_version, STRING),
  GW_FIELD(GwAsk, software_version, STRING),
  GW_FIELD(GwAsk, is_version_proof, BOOLEAN),
  GW_FIELD(GwAsk, is_never_cut, BOOLEAN),
  GW_FIELD(GwAsk, is_silent, BOOLEAN),
  GW_FIELD_MAP(GwAsk, aliases),
  GW_FIELD_MAP(GwAsk, attributes),
  GW_FIELD(GwAsk, token, STRING),
  GW_FIELD(GwAsk, image_name, STRING),
  GW_FIELD(GwAsk, state, INT),
  GW_FIELD(GwAsk, percent, U32),
  GW_FIELD(GwAsk, update, INT),
  GW_FIELD(GwAsk, code, STRING),
  GW_FIELD(GwAsk, detail, STRING),
  GW_FIELD_NONE,
};

void
gw_ask_clear(GwAsk *ask)
{
  gw_fields_clear(ask_fields, ask);
}

GVariant *
gw_ask_pack(const GwAsk *ask)
{
  return gw_packed_pack(ask_fields, ask);
}

static gboolean
is_ask_kind(GwAskKind kind)
{
  return kind >= GW_ASK_OFFER && kind <= GW_ASK_INTRODUCE;
}

gboolean
gw_ask_unpack(GVariant *payload, GwAsk *ret_ask)
{
  GwAsk ask;

  if (!gw_packed_unpack(payload, ask_fields, sizeof ask, &ask))
    return FALSE;
  if (!is_ask_kind(ask.kind)) {
    gw_ask_clear(&ask);
    return FALSE;
  }
  *ret_ask = ask;
  return TRUE;
}

/* ---- ANSWER ---- */

static const GwField answer_fields[] = {
  GW_FIELD(GwAnswer, kind, INT),
  GW_FIELD(GwAnswer, reason, INT),
  GW_FIELD(GwAnswer, wait_s, U32),
  GW_FIELD(GwAnswer, update, INT),
  GW_FIELD(GwAnswer, mode, U32),
  GW_FIELD(GwAnswer, node, STRING),
  GW_FIELD(GwAnswer, is_adopted, BOOLEAN),
  GW_FIELD(GwAnswer, is_group, BOOLEAN),
  GW_FIELD(GwAnswer, until_boot_ms, I64),
  GW_FIELD(GwAnswer, epoch, U32),
  GW_FIELD(GwAnswer, token, STRING),
  GW_FIELD(GwAnswer, name, STRING),
  GW_FIELD(GwAnswer, product, STRING),
  GW_FIELD(GwAnswer, type, STRING),
  GW_FIELD(GwAnswer, hardware_version, STRING),
  GW_FIELD(GwAnswer, software_version, STRING),
  GW_FIELD(GwAnswer, notes, STRING),
  GW_FIELD(GwAnswer, size, U64),
  GW_FIELD_DIGEST(GwAnswer, digests.sha256, "sha256"),
  GW_FIELD_DIGEST(GwAnswer, digests.sha1, "sha1"),
  GW_FIELD_DIGEST(GwAnswer, digests.md5, "md5"),
  { .key = "crc32", .kind = GW_FIELD_U32, .offset = offsetof(GwAnswer, digests.crc32) },
  { .key = "hashed", .kind = GW_FIELD_U64, .offset = offsetof(GwAnswer, digests.size) },
  GW_FIELD_MAP(GwAnswer, attributes),
  GW_FIELD(GwAnswer, is_never_cut, BOOLEAN),
  GW_FIELD(GwAnswer, verb, STRING),
  GW_FIELD(GwAnswer, verb_argument, STRING),
  GW_FIELD(GwAnswer, bytes_until_boot_ms, I64),
  GW_FIELD_NONE,
};

void
gw_answer_clear(GwAnswer *answer)
{
  gw_fields_clear(answer_fields, answer);
}

GVariant *
gw_answer_pack(const GwAnswer *answer)
{
  return gw_packed_pack(answer_fields, answer);
}

gboolean
gw_answer_unpack(GVariant *payload, GwAnswer *ret_answer)
{
  return gw_packed_unpack(payload, answer_fields, sizeof *ret_answer, ret_answer);
}

/* ---- TELL, ACK ---- */

static const GwField told_fields[] = {
  GW_FIELD(GwTold, kind, INT),
  GW_FIELD(GwTold, token, STRING),
  GW_FIELD(GwTold, node, STRING),
  GW_FIELD(GwTold, acked, U64),
  GW_FIELD(GwTold, size, U64),
  { .key = "members", .kind = GW_FIELD_U32, .offset = offsetof(GwTold, n_members) },
  GW_FIELD(GwTold, detail, STRING),
  GW_FIELD(GwTold, code, STRING),
  GW_FIELD(GwTold, wall_ms, I64),
  { .key = "ask", .kind = GW_FIELD_STRUCT, .offset = offsetof(GwTold, ask), .fields = ask_fields },
  GW_FIELD_NONE,
};

void
gw_told_clear(GwTold *told)
{
  gw_fields_clear(told_fields, told);
}

GVariant *
gw_told_pack(const GwTold *told)
{
  return gw_packed_pack(told_fields, told);
}

gboolean
gw_told_unpack(GVariant *payload, GwTold *ret_told)
{
  GwTold told;

  if (!gw_packed_unpack(payload, told_fields, sizeof told, &told))
    return FALSE;
  if (told.kind < GW_TOLD_REPORT || told.kind > GW_TOLD_CRASHED ||
      (told.kind == GW_TOLD_REPORT && !is_ask_kind(told.ask.kind))) {
    gw_told_clear(&told);
    return FALSE;
  }
  *ret_told = told;
  return TRUE;
}

typedef struct {
  int kind;
} Ack;

static const GwField ack_fields[] = { GW_FIELD(Ack, kind, INT), GW_FIELD_NONE };

GVariant *
gw_ack_pack(int kind)
{
  Ack ack = { kind };

  return gw_packed_pack(ack_fields, &ack);
}

gboolean
gw_ack_unpack(GVariant *payload, int *ret_kind)
{
  Ack ack;

  if (!gw_packed_unpack(payload, ack_fields, sizeof ack, &ack) || ack.kind == 0)
    return FALSE;
  *ret_kind = ack.kind;
  return TRUE;
}

/* ---- OPEN, BLOB ---- */

static const GwField blob_fields[] = {
  GW_FIELD_DIGEST(GwBlobMessage, sha256, "sha256"),
  GW_FIELD(GwBlobMessage, size, U64),
  GW_FIELD(GwBlobMessage, is_busy, BOOLEAN),
  GW_FIELD(GwBlobMessage, is_mapped, BOOLEAN),
  GW_FIELD_NONE,
};

GVariant *
gw_blob_pack(const GwBlobMessage *blob)
{
  return gw_fields_pack(blob_fields, blob);
}

gboolean
gw_blob_unpack(GVariant *payload, GwBlobMessage *ret_blob)
{
  return gw_fields_unpack(payload, blob_fields, sizeof *ret_blob, ret_blob);
}

/* ---- CONTACTS: many small rows, so without names ---- */

#define CONTACT_TYPE "(sssxxui)"

static const char *
or_empty(const char *text)
{
  return text ? text : "";
}

void
gw_contact_clear(GwContact *contact)
{
  g_free(contact->node);
  g_free(contact->address);
  g_free(contact->software_version);
  memset(contact, 0, sizeof *contact);
}

GVariant *
gw_contacts_pack(const GwContact *contacts, guint n)
{
  GVariantBuilder builder;

  g_variant_builder_init(&builder, G_VARIANT_TYPE("a" CONTACT_TYPE));
  for (guint i = 0; i < n; i++) {
    const GwContact *contact = &contacts[i];
    g_autofree char *version = g_utf8_make_valid(or_empty(contact->software_version), -1);
    g_variant_builder_add(&builder, CONTACT_TYPE, or_empty(contact->node), or_empty(contact->address),
                          version, contact->first_ms, contact->last_ms, contact->count, contact->kind);
  }
  return g_variant_builder_end(&builder);
}

GArray *
gw_contacts_unpack(GVariant *payload)
{
  g_autoptr(GArray) contacts = g_array_new(FALSE, TRUE, sizeof(GwContact));
  GwContact contact;
  GVariantIter iter;

  g_array_set_clear_func(contacts, (GDestroyNotify)gw_contact_clear);
  if (!g_variant_is_of_type(payload, G_VARIANT_TYPE("a" CONTACT_TYPE)) ||
      g_variant_n_children(payload) > CONTACTS_MAX)
    return NULL;
  g_variant_iter_init(&iter, payload);
  while (g_variant_iter_next(&iter, CONTACT_TYPE, &contact.node, &contact.address, &contact.software_version,
                             &contact.first_ms, &contact.last_ms, &contact.count, &contact.kind))
    g_array_append_val(contacts, contact);
  return g_steal_pointer(&contacts);
}

/* ---- INVALIDATE, WAKE, STOP, TRANSFERS ---- */

typedef struct {
  guint32 epoch;
  char **nodes;
} Invalidate;

static const GwField invalidate_fields[] = {
  GW_FIELD(Invalidate, epoch, U32),
  { .key = "nodes", .kind = GW_FIELD_STRV, .offset = offsetof(Invalidate, nodes), .max = NODES_MAX },
  GW_FIELD_NONE,
};

GVariant *
gw_invalidate_pack(guint32 epoch, const char *const *nodes)
{
  Invalidate invalidate = { epoch, (char **)nodes };

  return gw_fields_pack(invalidate_fields, &invalidate);
}

gboolean
gw_invalidate_unpack(GVariant *payload, guint32 *ret_epoch, char ***ret_nodes)
{
  Invalidate invalidate;

  if (!gw_fields_unpack(payload, invalidate_fields, sizeof invalidate, &invalidate))
    return FALSE;
  *ret_epoch = invalidate.epoch;
  *ret_nodes = invalidate.nodes ? invalidate.nodes : g_new0(char *, 1);
  return TRUE;
}

typedef struct {
  char *plugin, *node, *verb, *argument;
} Wake;

static const GwField wake_fields[] = {
  GW_FIELD(Wake, plugin, STRING),
  GW_FIELD(Wake, node, STRING),
  GW_FIELD(Wake, verb, STRING),
  GW_FIELD(Wake, argument, STRING),
  GW_FIELD_NONE,
};

GVariant *
gw_wake_pack(const char *plugin, const char *node, const char *verb, const char *argument)
{
  Wake wake = { (char *)plugin, (char *)node, (char *)verb, (char *)argument };

  return gw_fields_pack(wake_fields, &wake);
}

gboolean
gw_wake_unpack(GVariant *payload, char **ret_plugin, char **ret_node, char **ret_verb, char **ret_argument)
{
  Wake wake;

  if (!gw_fields_unpack(payload, wake_fields, sizeof wake, &wake))
    return FALSE;
  *ret_plugin = wake.plugin;
  *ret_node = wake.node;
  *ret_verb = wake.verb;
  *ret_argument = wake.argument;
  return TRUE;
}

typedef struct {
  char *token, *reason;
} Stop;

static const GwField stop_fields[] = {
  GW_FIELD(Stop, token, STRING),
  GW_FIELD(Stop, reason, STRING),
  GW_FIELD_NONE,
};

GVariant *
gw_stop_pack(const char *token, const char *reason)
{
  Stop stop = { (char *)token, (char *)reason };

  return gw_fields_pack(stop_fields, &stop);
}

gboolean
gw_stop_unpack(GVariant *payload, char **ret_token, char **ret_reason)
{
  Stop stop;

  if (!gw_fields_unpack(payload, stop_fields, sizeof stop, &stop))
    return FALSE;
  *ret_token = stop.token;
  *ret_reason = stop.reason;
  return TRUE;
}

typedef struct {
  char **tokens;
} Transfers;

static const GwField transfers_fields[] = {
  { .key = "tokens", .kind = GW_FIELD_STRV, .offset = offsetof(Transfers, tokens), .max = TRANSFERS_MAX },
  GW_FIELD_NONE,
};

GVariant *
gw_transfers_pack(const char *const *tokens)
{
  Transfers transfers = { (char **)tokens };

  return gw_fields_pack(transfers_fields, &transfers);
}

gboolean
gw_transfers_unpack(GVariant *payload, char ***ret_tokens)
{
  Transfers transfers;

  if (!gw_fields_unpack(payload, transfers_fields, sizeof transfers, &transfers))
    return FALSE;
  *ret_tokens = transfers.tokens ? transfers.tokens : g_new0(char *, 1);
  return TRUE;
}

/* ---- HELLO, CONFIG ---- */

static const GwField hello_fields[] = {
  GW_FIELD(GwHello, version, U32),
  GW_FIELD(GwHello, role, STRING),
  GW_FIELD(GwHello, instance, STRING),
  GW_FIELD(GwHello, build, STRING),
  { .key = "plugins", .kind = GW_FIELD_VARIANT, .offset = offsetof(GwHello, plugins), .type = PLUGINS_TYPE },
  GW_FIELD_NONE,
};

void
gw_hello_clear(GwHello *hello)
{
  gw_fields_clear(hello_fields, hello);
}

GVariant *
gw_hello_pack(const GwHello *hello)
{
  return gw_fields_pack(hello_fields, hello);
}

gboolean
gw_hello_unpack(GVariant *payload, GwHello *ret_hello)
{
  return gw_fields_unpack(payload, hello_fields, sizeof *ret_hello, ret_hello);
}

GVariant *
gw_config_pack(guint32 epoch, GVariant *sections)
{
  return g_variant_new("(u@a(ssa{ss}))", epoch, sections);
}

gboolean
gw_config_unpack(GVariant *payload, guint32 *ret_epoch, GVariant **ret_sections)
{
  if (!g_variant_is_of_type(payload, G_VARIANT_TYPE("(ua(ssa{ss}))")))
    return FALSE;
  g_variant_get(payload, "(u@a(ssa{ss}))", ret_epoch, ret_sections);
  return TRUE;
}
