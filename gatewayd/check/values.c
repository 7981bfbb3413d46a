/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "check/values.h"
#include "base/error.h"

const char *const GW_ASK_NAMES[] = { "nothing", "offer", "bytes", "tell", "introduce", "relay", NULL };
const char *const GW_ANSWER_NAMES[] = { "nothing", "offer",  "bytes",   "accepted", "closed", "unknown",
                                        "later",   "denied", "relayed", "offline",  NULL };
const char *const GW_METHOD_NAMES[] = { "GET", "HEAD", "POST", "PUT", "DELETE", NULL };
const char *const GW_EVENT_NAMES[] = { "open",         "line",        "line-too-long", "bytes", "data-up",
                                       "data-drained", "data-failed", "sent",          "timer", "block",
                                       "answer",       "wake",        "hangup",        NULL };
const char *const GW_ACTION_NAMES[] = { "send", "mode", "read-block", "stream", "data", "data-close",
                                        "arm",  "ask",  "relay",      "close",  NULL };
const char *const GW_REASON_NAMES[] = {
  "not-adopted",    "no-rule",   "up-to-date",    "window",    "cap",
  "paused",         "set-aside", "being-fetched", "withdrawn", "unknown-product",
  "wrong-hardware", "busy",      "retry-wait",    "sent",      NULL
};
static const char *const IDENTITY_NAMES[] = { "address", "group", "claimed", "credential", NULL };
static const char *const STATE_NAMES[] = { "progress", "downloaded", "installing", "succeeded",
                                           "failed",   "refused",    NULL };

int
gw_value_number(const char *const *names, const char *name)
{
  for (int i = 0; names[i]; i++) {
    if (strcmp(names[i], name) == 0)
      return i + 1;
  }
  return 0;
}

/* One member of a struct that crosses: its word, where it is, and how it is written. */
typedef enum { MEMBER_TEXT, MEMBER_U32, MEMBER_U64, MEMBER_BOOL, MEMBER_NAME, MEMBER_PAIRS } MemberKind;
typedef struct {
  const char *key;
  MemberKind kind;
  size_t offset;
  const char *const *names; /* NAME */
  size_t count_offset;      /* PAIRS: written "key.NAME=value" */
} Member;

#define TEXT(type, key, member)                                                                              \
  {                                                                                                          \
    key, MEMBER_TEXT, offsetof(type, member), NULL, 0                                                        \
  }
#define U32(type, key, member)                                                                               \
  {                                                                                                          \
    key, MEMBER_U32, offsetof(type, member), NULL, 0                                                         \
  }
#define PAIRS(type, key, member, count)                                                                      \
  {                                                                                                          \
    key, MEMBER_PAIRS, offsetof(type, member), NULL, offsetof(type, count)                                   \
  }
#define NAMED(type, key, member, names)                                                                      \
  {                                                                                                          \
    key, MEMBER_NAME, offsetof(type, member), names, 0                                                       \
  }

static const Member ASK[] = {
  NAMED(GatewayAsk, "identity", identity, IDENTITY_NAMES),
  TEXT(GatewayAsk, "node", node),
  TEXT(GatewayAsk, "credential", credential),
  TEXT(GatewayAsk, "product", product),
  TEXT(GatewayAsk, "type", type),
  TEXT(GatewayAsk, "hardware", hardware_version),
  TEXT(GatewayAsk, "version", software_version),
  { "proof", MEMBER_BOOL, offsetof(GatewayAsk, is_version_proof), NULL, 0 },
  PAIRS(GatewayAsk, "alias", aliases, n_aliases),
  PAIRS(GatewayAsk, "attribute", attributes, n_attributes),
  TEXT(GatewayAsk, "token", token),
  TEXT(GatewayAsk, "image", image_name),
  NAMED(GatewayAsk, "state", state, STATE_NAMES),
  U32(GatewayAsk, "percent", percent),
  U32(GatewayAsk, "update", update),
  TEXT(GatewayAsk, "code", code),
  TEXT(GatewayAsk, "detail", detail),
  TEXT(GatewayAsk, "cache-key", cache_key),
  U32(GatewayAsk, "cache", relay_cache_s),
  { "relays-miss", MEMBER_BOOL, offsetof(GatewayAsk, relays_miss), NULL, 0 },
  { NULL },
};

static const Member ANSWER[] = {
  NAMED(GatewayAnswer, "reason", reason, GW_REASON_NAMES),
  U32(GatewayAnswer, "wait", wait_s),
  U32(GatewayAnswer, "update", update),
  U32(GatewayAnswer, "mode", mode),
  TEXT(GatewayAnswer, "node", node),
  TEXT(GatewayAnswer, "token", image.token),
  TEXT(GatewayAnswer, "name", image.name),
  { "size", MEMBER_U64, offsetof(GatewayAnswer, image.size), NULL, 0 },
  TEXT(GatewayAnswer, "sha256", image.sha256),
  TEXT(GatewayAnswer, "sha1", image.sha1),
  TEXT(GatewayAnswer, "md5", image.md5),
  U32(GatewayAnswer, "crc32", image.crc32),
  TEXT(GatewayAnswer, "product", image.product),
  TEXT(GatewayAnswer, "type", image.type),
  TEXT(GatewayAnswer, "hardware", image.hardware_version),
  TEXT(GatewayAnswer, "version", image.software_version),
  TEXT(GatewayAnswer, "notes", image.notes),
  PAIRS(GatewayAnswer, "attribute", image.attributes, image.n_attributes),
  TEXT(GatewayAnswer, "verb", verb),
  TEXT(GatewayAnswer, "argument", verb_argument),
  U32(GatewayAnswer, "status", relay_status),
  TEXT(GatewayAnswer, "body", relay_body),
  { "relay-size", MEMBER_U64, offsetof(GatewayAnswer, relay_size), NULL, 0 },
  PAIRS(GatewayAnswer, "header", pairs, n_pairs),
  { NULL },
};

static const Member *
find_member(const Member *members, const char *key)
{
  size_t size = strcspn(key, ".");
  for (; members->key; members++) {
    gboolean is_pair = members->kind == MEMBER_PAIRS;
    if (is_pair ? key[size] == '.' && strlen(members->key) == size && strncmp(members->key, key, size) == 0
                : strcmp(members->key, key) == 0)
      return members;
  }
  return NULL;
}

static gboolean
add_pair(const Member *member, const char *key, GatewayText value, char *target)
{
  guint32 *count = (guint32 *)(void *)(target + member->count_offset);
  GatewayPair *pairs = (GatewayPair *)(void *)(target + member->offset);
  if (*count >= GATEWAY_MAX_PAIRS)
    return FALSE;
  pairs[(*count)++] = (GatewayPair){ gateway_text(strchr(key, '.') + 1), value };
  return TRUE;
}

static gboolean
set_member(const Member *member, const char *key, GatewayText value, char *target)
{
  char *place = target + member->offset;
  guint64 number = 0;
  if (member->kind != MEMBER_TEXT && member->kind != MEMBER_PAIRS && member->kind != MEMBER_NAME &&
      !g_ascii_string_to_unsigned(value.data, 10, 0, G_MAXUINT64, &number, NULL))
    return FALSE;
  switch (member->kind) {
  case MEMBER_TEXT:
    *(GatewayText *)(void *)place = value;
    return TRUE;
  case MEMBER_U32:
    *(guint32 *)(void *)place = (guint32)number;
    return TRUE;
  case MEMBER_U64:
    *(guint64 *)(void *)place = number;
    return TRUE;
  case MEMBER_BOOL:
    *(bool *)(void *)place = number != 0;
    return TRUE;
  case MEMBER_NAME:
    *(int *)(void *)place = gw_value_number(member->names, value.data);
    return *(int *)(void *)place != 0;
  default:
    return add_pair(member, key, value, target);
  }
}

/* Splits "key=value" in place; the value keeps its NULs by its length. */
static gboolean
split_pair(GString *word, GatewayText *ret_value, GError **error)
{
  char *equals = memchr(word->str, '=', word->len);
  if (!equals)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "'%s' is no key=value", word->str);
  *equals = 0;
  *ret_value = (GatewayText){ equals + 1, word->len - (size_t)(equals + 1 - word->str) };
  return TRUE;
}

gboolean
gw_value_read_answer(const GPtrArray *words, guint first, GatewayAnswer *ret_answer, GError **error)
{
  GatewayAnswer answer = { .size = sizeof answer };
  const GString *kind = first < words->len ? words->pdata[first] : NULL;
  answer.kind = kind ? gw_value_number(GW_ANSWER_NAMES, kind->str) : 0;
  if (!answer.kind)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "unknown answer '%s'", kind ? kind->str : "");
  for (guint i = first + 1; i < words->len; i++) {
    GString *word = words->pdata[i];
    GatewayText value = GATEWAY_NO_TEXT;
    if (!split_pair(word, &value, error))
      return FALSE;
    const Member *member = find_member(ANSWER, word->str);
    if (!member || !set_member(member, word->str, value, (char *)&answer))
      return gw_fail(error, GW_ERROR_BAD_INPUT, "answer: '%s' is unknown or has a bad value", word->str);
  }
  *ret_answer = answer;
  return TRUE;
}

static void
append_pairs(const Member *member, const char *source, GString *text)
{
  guint32 count = *(const guint32 *)(const void *)(source + member->count_offset);
  const GatewayPair *pairs = (const GatewayPair *)(const void *)(source + member->offset);
  for (guint32 i = 0; i < MIN(count, GATEWAY_MAX_PAIRS); i++) {
    g_autofree char *value = gw_words_escape(pairs[i].value);
    g_string_append_printf(text, " %s.%.*s=%s", member->key, GATEWAY_ARGS(pairs[i].key), value);
  }
}

static void
append_member(const Member *member, const char *source, GString *text)
{
  const char *place = source + member->offset;
  const GatewayText *value = (const GatewayText *)(const void *)place;
  guint number = member->kind == MEMBER_BOOL ? *(const bool *)place : *(const guint *)(const void *)place;
  if (member->kind == MEMBER_PAIRS) {
    append_pairs(member, source, text);
  } else if (member->kind == MEMBER_TEXT) {
    g_autofree char *escaped = value->size ? gw_words_escape(*value) : NULL;
    if (escaped)
      g_string_append_printf(text, " %s=%s", member->key, escaped);
  } else if (member->kind == MEMBER_NAME) {
    if (number > 0)
      g_string_append_printf(text, " %s=%s", member->key, member->names[number - 1]);
  } else if (number > 0) {
    g_string_append_printf(text, " %s=%u", member->key, number);
  }
}

char *
gw_value_print_ask(const GatewayAsk *ask)
{
  GString *text =
      g_string_new(ask->kind >= 1 && ask->kind <= 6 ? GW_ASK_NAMES[ask->kind - 1] : "unknown kind");
  for (const Member *member = ASK; member->key; member++)
    append_member(member, (const char *)ask, text);
  return g_string_free(text, FALSE);
}

/* Both sides as a sorted list of words: what is said is said completely. */
char *
gw_value_compare_ask(const GPtrArray *words, guint first, const GatewayAsk *ask)
{
  g_autoptr(GString) expected = g_string_new(NULL);
  for (guint i = first; i < words->len; i++) {
    const GString *word = words->pdata[i];
    g_autofree char *escaped = gw_words_escape((GatewayText){ word->str, word->len });
    g_string_append_printf(expected, "%s%s", i > first ? " " : "", escaped);
  }
  g_autofree char *printed = gw_value_print_ask(ask);
  g_auto(GStrv) a = g_strsplit(expected->str, " ", -1), b = g_strsplit(printed, " ", -1);
  gboolean is_equal = g_strv_length(a) == g_strv_length(b);
  for (char **word = a; is_equal && *word; word++)
    is_equal = g_strv_contains((const char *const *)b, *word);
  return is_equal ? NULL : g_strdup_printf("expected: %s\n     got: %s", expected->str, printed);
}

void
gw_value_each_ask_text(const GatewayAsk *ask, GwTextLook look, gpointer user)
{
  for (const Member *member = ASK; member->key; member++) {
    const char *place = (const char *)ask + member->offset;
    if (member->kind == MEMBER_TEXT)
      look(member->key, *(const GatewayText *)(const void *)place, user);
    if (member->kind != MEMBER_PAIRS)
      continue;
    guint32 count = *(const guint32 *)(const void *)((const char *)ask + member->count_offset);
    const GatewayPair *pairs = (const GatewayPair *)(const void *)place;
    for (guint32 i = 0; i < MIN(count, GATEWAY_MAX_PAIRS); i++) {
      look(member->key, pairs[i].key, user);
      look(member->key, pairs[i].value, user);
    }
  }
}
