/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What all three say of a request that is for the vendor's own cloud. */
#include "link/fields.h"
#include "link/messages.h"

#define FIELD_BODY(Struct)                                                                                   \
  {                                                                                                          \
    .key = "body", .kind = GW_FIELD_BLOB, .offset = offsetof(Struct, body),                                  \
    .count = offsetof(Struct, n_body), .size = GW_RELAY_BODY_MAX                                             \
  }
#define FIELD_HEADERS(Struct)                                                                                \
  {                                                                                                          \
    .key = "headers", .kind = GW_FIELD_VARIANT, .offset = offsetof(Struct, headers), .type = "a{ss}"         \
  }

static const GwField ask_fields[] = {
  GW_FIELD(GwRelayAsk, plugin, STRING),
  GW_FIELD(GwRelayAsk, node, STRING),
  GW_FIELD(GwRelayAsk, address, STRING),
  GW_FIELD(GwRelayAsk, method, STRING),
  GW_FIELD(GwRelayAsk, target, STRING),
  FIELD_HEADERS(GwRelayAsk),
  FIELD_BODY(GwRelayAsk),
  GW_FIELD(GwRelayAsk, is_check, BOOLEAN),
  GW_FIELD(GwRelayAsk, cache_key, STRING),
  GW_FIELD(GwRelayAsk, cache_s, U32),
  GW_FIELD(GwRelayAsk, id, U64),
  GW_FIELD(GwRelayAsk, url, STRING),
  GW_FIELD_NONE,
};

static const GwField answer_fields[] = {
  GW_FIELD(GwRelayAnswer, id, U64),
  GW_FIELD(GwRelayAnswer, status, U32),
  GW_FIELD(GwRelayAnswer, is_unreached, BOOLEAN),
  FIELD_HEADERS(GwRelayAnswer),
  FIELD_BODY(GwRelayAnswer),
  GW_FIELD(GwRelayAnswer, size, U64),
  GW_FIELD(GwRelayAnswer, is_whole, BOOLEAN),
  GW_FIELD(GwRelayAnswer, text, STRING),
  GW_FIELD_NONE,
};

static const GwField lead_fields[] = {
  GW_FIELD(GwLead, plugin, STRING),
  GW_FIELD(GwLead, node, STRING),
  GW_FIELD(GwLead, address, STRING),
  GW_FIELD(GwLead, url, STRING),
  GW_FIELD(GwLead, target, STRING),
  GW_FIELD(GwLead, type, STRING),
  GW_FIELD(GwLead, hardware_version, STRING),
  GW_FIELD(GwLead, software_version, STRING),
  GW_FIELD(GwLead, name, STRING),
  GW_FIELD(GwLead, sha256, STRING),
  GW_FIELD(GwLead, size, U64),
  GW_FIELD_NONE,
};

void
gw_relay_ask_clear(GwRelayAsk *ask)
{
  gw_fields_clear(ask_fields, ask);
}

GVariant *
gw_relay_ask_pack(const GwRelayAsk *ask)
{
  return gw_fields_pack(ask_fields, ask);
}

gboolean
gw_relay_ask_unpack(GVariant *payload, GwRelayAsk *ret_ask)
{
  return gw_fields_unpack(payload, ask_fields, sizeof *ret_ask, ret_ask);
}

void
gw_relay_answer_clear(GwRelayAnswer *answer)
{
  gw_fields_clear(answer_fields, answer);
}

GVariant *
gw_relay_answer_pack(const GwRelayAnswer *answer)
{
  return gw_fields_pack(answer_fields, answer);
}

gboolean
gw_relay_answer_unpack(GVariant *payload, GwRelayAnswer *ret_answer)
{
  return gw_fields_unpack(payload, answer_fields, sizeof *ret_answer, ret_answer);
}

void
gw_lead_clear(GwLead *lead)
{
  gw_fields_clear(lead_fields, lead);
}

GVariant *
gw_lead_pack(const GwLead *lead)
{
  return gw_fields_pack(lead_fields, lead);
}

gboolean
gw_lead_unpack(GVariant *payload, GwLead *ret_lead)
{
  return gw_fields_unpack(payload, lead_fields, sizeof *ret_lead, ret_lead);
}
