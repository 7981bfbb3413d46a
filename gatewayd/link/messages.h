/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is in each message: one struct, one pack and one unpack per message; described once, used by both
 * ends. Unpacked texts are owned by the struct (freed by _clear); a GVariant in it is a full reference, never
 * floating. Missing members unpack as zero or "",
 * unknown ones are ignored, so that either side may be newer. */
#pragma once
#include "base/digest.h"
#include "link/link.h"
#include "model/node.h"

#define GW_TOKEN_LEN 16 /* of a pin's token: [a-z2-7], 80 random bits */

typedef enum {
  GW_ASK_OFFER = 2,
  GW_ASK_BYTES,
  GW_ASK_TELL,
  GW_ASK_INTRODUCE
} GwAskKind; /* as in the plugin ABI */

/* ASK (answered by ANSWER of the same serial) and TELL (answered by ACK of the same serial) both carry this.
 */
typedef struct {
  GwAskKind kind;
  char *plugin, *listener;   /* who read it, where */
  char *address, *interface; /* numeric peer address; interface name or "" */
  int identity;              /* GatewayIdentity of the plugin ABI */
  char *node, *credential, *product, *type, *hardware_version, *software_version;
  gboolean is_version_proof, is_never_cut, is_silent;
  GVariant *aliases, *attributes; /* a{ss} or NULL */
  char *token, *image_name;
  int state; /* GatewayTellState */
  guint percent;
  gint32 update;
  char *code, *detail;
} GwAsk;
void gw_ask_clear(GwAsk *ask);
GVariant *gw_ask_pack(const GwAsk *ask); /* floating */
gboolean gw_ask_unpack(GVariant *payload, GwAsk *ret_ask);

typedef struct {
  int kind;   /* GatewayAnswerKind */
  int reason; /* GwReason */
  guint32 wait_s;
  gint32 update;
  guint mode;
  char *node; /* registry id, or "" for a stranger */
  gboolean is_adopted;
  gboolean is_group;    /* several nodes share it: the cap of one node is not theirs */
  gint64 until_boot_ms; /* the answer may be given again from cache until then; 0 = never from cache */
  guint32 epoch;        /* rule epoch it was decided in */
  /* image, with kind OFFER or BYTES */
  char *token, *name, *product, *type, *hardware_version, *software_version, *notes;
  guint64 size;
  GwDigests digests;    /* sha256 names the blob */
  GVariant *attributes; /* a{ss} or NULL */
  gboolean is_never_cut;
  char *verb, *verb_argument;
  gint64 bytes_until_boot_ms; /* with OFFER: until then its image may be begun once without asking again */
} GwAnswer;
void gw_answer_clear(GwAnswer *answer);
GVariant *gw_answer_pack(const GwAnswer *answer);
gboolean gw_answer_unpack(GVariant *payload, GwAnswer *ret_answer);

/* TELL beyond a node's own report: what the worker saw of a transfer. Carried as a GwTold inside TELL. */
typedef enum {
  GW_TOLD_REPORT = 1, /* the node's own words: `ask` */
  GW_TOLD_BEGUN,      /* first byte of the image asked for: `token` */
  GW_TOLD_COMPLETE, /* the last byte of the image was acknowledged, all bytes having been sent to this node */
  GW_TOLD_INTERRUPTED, /* a transfer ended early at `acked` */
  GW_TOLD_UNDONE,      /* the transport could not word the offer: `detail` */
  GW_TOLD_CRASHED,     /* plugin or node on which the worker died last time */
} GwToldKind;
typedef struct {
  GwToldKind kind;
  char *token; /* of the pin */
  char *node;
  guint64 acked, size;
  guint32 n_members; /* of a group: so many of its members are being sent it after this */
  char *detail, *code;
  gint64 wall_ms; /* when it was seen; 0 = now */
  GwAsk ask;      /* REPORT only */
} GwTold;
void gw_told_clear(GwTold *told);
GVariant *gw_told_pack(const GwTold *told);
gboolean gw_told_unpack(GVariant *payload, GwTold *ret_told);

/* ACK: kind is GATEWAY_ANSWER_ACCEPTED, _CLOSED, _UNKNOWN or _LATER. */
GVariant *gw_ack_pack(int kind);
gboolean gw_ack_unpack(GVariant *payload, int *ret_kind);

/* OPEN / BLOB: by digest. BLOB with a descriptor says its size. Without one: is_busy = ask again, size 0 = it
 * cannot be read, a size = the descriptor was dropped on its way: ask again. */
typedef struct {
  guint8 sha256[GW_SHA256_LEN];
  guint64 size;
  gboolean is_busy, is_mapped; /* is_mapped: a sealed memfd that may be mapped for good */
} GwBlobMessage;
GVariant *gw_blob_pack(const GwBlobMessage *blob);
gboolean gw_blob_unpack(GVariant *payload, GwBlobMessage *ret_blob);

typedef struct {
  char *node, *address, *software_version;
  gint64 first_ms, last_ms; /* wall */
  guint32 count;
  int kind; /* GwAskKind */
} GwContact;
void gw_contact_clear(GwContact *contact);
GVariant *gw_contacts_pack(const GwContact *contacts, guint n);
/* At most 2048. Array of GwContact with a clear function. */
GArray *gw_contacts_unpack(GVariant *payload);

/* INVALIDATE: epoch > 0 = every cached answer of an earlier epoch; nodes: those alone. */
GVariant *gw_invalidate_pack(guint32 epoch, const char *const *nodes);
gboolean gw_invalidate_unpack(GVariant *payload, guint32 *ret_epoch, char ***ret_nodes);

/* WAKE: an operator's verb or a due offer for a node whose session is open. STOP: a pin's transfer must end.
 */
GVariant *gw_wake_pack(const char *plugin, const char *node, const char *verb, const char *argument);
gboolean gw_wake_unpack(GVariant *payload, char **ret_plugin, char **ret_node, char **ret_verb,
                        char **ret_argument);
GVariant *gw_stop_pack(const char *token, const char *reason);
gboolean gw_stop_unpack(GVariant *payload, char **ret_token, char **ret_reason);

/* TRANSFERS: tokens that are being sent right now. */
GVariant *gw_transfers_pack(const char *const *tokens);
gboolean gw_transfers_unpack(GVariant *payload, char ***ret_tokens);

/* HELLO: `role` "core", "lan", "wan"; `instance` "net", "serial", ""; each plugin as gw_plugin_table
 * (link/table.h). */
typedef struct {
  guint32 version;
  char *role, *instance, *build;
  GVariant *plugins; /* aa{sv} or NULL */
} GwHello;
void gw_hello_clear(GwHello *hello);
GVariant *gw_hello_pack(const GwHello *hello);
gboolean gw_hello_unpack(GVariant *payload, GwHello *ret_hello);

/* CONFIG: (epoch, [(section, instance, {key: value})]). */
GVariant *gw_config_pack(guint32 epoch, GVariant *sections /* a(ssa{ss}) */);
gboolean gw_config_unpack(GVariant *payload, guint32 *ret_epoch, GVariant **ret_sections);

/* Gauges: a memfd of GW_GAUGE_COUNT slots; the worker writes, the core maps it read-only and looks at most 4
 * times a second. Nobody waits on a gauge. Members are written with relaxed atomics; `generation` changes
 * with the owner. */
#define GW_GAUGE_COUNT 1024
typedef struct {
  char token[24];
  guint64 acked, size;
  guint32 generation, is_used;
} GwGauge;

/* wan: ANNOUNCE (+ document, + signature), FOUND, FETCH (+ pipe), FETCHED, POLL, STATUS, CANCEL. */
typedef struct {
  char *upstream, *base_url;
} GwAnnounce;
GVariant *gw_announce_pack(const char *upstream, const char *base_url);
gboolean gw_announce_unpack(GVariant *payload, char **ret_upstream, char **ret_base_url);
GVariant *gw_found_pack(const char *upstream, const char *url, const char *file_name, guint64 size);
gboolean gw_found_unpack(GVariant *payload, char **ret_upstream, char **ret_url, char **ret_file_name,
                         guint64 *ret_size);
typedef struct {
  guint64 id;
  char *upstream, *url, *base_url, *validator;
  guint64 offset, expected_size;
} GwFetch;
void gw_fetch_clear(GwFetch *fetch);
GVariant *gw_fetch_pack(const GwFetch *fetch);
gboolean gw_fetch_unpack(GVariant *payload, GwFetch *ret_fetch);
/* Twice for each fetch that brings bytes. First the head, result == -1, before the first byte goes into the
 * pipe: it says where they begin and under which validator they may be resumed. Last the outcome, before the
 * worker closes the pipe; the core keeps a write end of its own until it has heard it, so that the end of the
 * file is never taken for the end of the image. A fetch that fails before its first byte has no head. */
typedef struct {
  guint64 id;
  int result;            /* GatewayResult, or -1: the head */
  gboolean is_restarted; /* head: the bytes begin at offset 0, not at the offset asked for */
  char *validator;       /* head: a strong one, or "" */
  char *text;            /* outcome: why it failed */
} GwFetched;
void gw_fetched_clear(GwFetched *fetched);
GVariant *gw_fetched_pack(const GwFetched *fetched);
gboolean gw_fetched_unpack(GVariant *payload, GwFetched *ret_fetched);
/* @name: an upstream, or "" for all. @is_afresh: what it announced was not taken; it says all of it again. */
GVariant *gw_poll_pack(const char *name, gboolean is_afresh);
gboolean gw_poll_unpack(GVariant *payload, char **ret_name, gboolean *ret_is_afresh);
GVariant *gw_id_pack(guint64 id); /* CANCEL */
gboolean gw_id_unpack(GVariant *payload, guint64 *ret_id);
GVariant *gw_status_pack(const char *upstream, gboolean is_well, const char *text);
gboolean gw_status_unpack(GVariant *payload, char **ret_upstream, gboolean *ret_is_well, char **ret_text);

/* REPORT: events for an upstream, oldest first. REPORTED, with the same id: what became of each. */
#define GW_REPORT_MAX_EVENTS 256
typedef struct {
  char *id, *type, *source, *subject, *time; /* CloudEvents attributes */
  char *data;                                /* JSON object */
} GwReportEvent;
typedef struct {
  guint64 id;
  char *upstream;
  GwReportEvent *events;
  guint32 n_events;
} GwReport;
void gw_report_clear(GwReport *report);
GVariant *gw_report_pack(const GwReport *report);
gboolean gw_report_unpack(GVariant *payload, GwReport *ret_report);
typedef struct {
  guint64 id;
  char *results; /* a GatewayResult for each event */
  guint32 n_results;
  guint32 retry_after_s; /* so long the server wants to be left alone; 0 = it did not say */
  char *text;            /* what went wrong, for people */
} GwReported;
void gw_reported_clear(GwReported *reported);
GVariant *gw_reported_pack(const GwReported *reported);
gboolean gw_reported_unpack(GVariant *payload, GwReported *ret_reported);

/* RELAY: a node's request for its vendor's own cloud; the core adds where that is. RELAYED: what the cloud
 * said. On the way to a LAN worker both have the serial of its RELAY, on the way to the WAN worker the id. */
#define GW_RELAY_BODY_MAX 65536
typedef struct {
  char *plugin, *node, *address; /* who asks; node "" = by its address */
  char *method, *target;         /* "GET", "/path?query" */
  GVariant *headers;             /* a{ss}: those that go along; or NULL */
  char *body;
  guint32 n_body;
  gboolean is_check; /* counts for the node's quota */
  char *cache_key;   /* "" = never from cache */
  guint32 cache_s;
  guint64 id; /* the rest: C>A */
  char *url;
} GwRelayAsk;
void gw_relay_ask_clear(GwRelayAsk *ask);
GVariant *gw_relay_ask_pack(const GwRelayAsk *ask);
gboolean gw_relay_ask_unpack(GVariant *payload, GwRelayAsk *ret_ask);
typedef struct {
  guint64 id;            /* A>C */
  guint32 status;        /* 0 = it could not be asked: see text */
  gboolean is_unreached; /* because the cloud was not reached, whoever asks; not because of the request */
  GVariant *headers;     /* a{ss}, or NULL */
  char *body;
  guint32 n_body;
  guint64 size;      /* of the body; where n_body is 0 it was too large, or none was announced */
  gboolean is_whole; /* its length was said, and is this: no chunks that may have ended early */
  char *text;
} GwRelayAnswer;
void gw_relay_answer_clear(GwRelayAnswer *answer);
GVariant *gw_relay_answer_pack(const GwRelayAnswer *answer);
gboolean gw_relay_answer_unpack(GVariant *payload, GwRelayAnswer *ret_answer);
/* PUBLISH: a descriptor of the sealed blob goes along but for `is_nothing` and `is_there`. PUBLISHED, with
 * the same id; id 0: nothing was published, it says how the outlet is. */
typedef struct {
  guint64 id;
  char *outlet;
  gboolean is_nothing; /* nothing is due there from now on: no image */
  gboolean is_there;   /* the server has the image from an earlier time */
  char *name, *product, *type, *hardware_version, *software_version; /* of the image */
  guint64 size;
} GwPublish;
void gw_publish_clear(GwPublish *publish);
GVariant *gw_publish_pack(const GwPublish *publish);
gboolean gw_publish_unpack(GVariant *payload, GwPublish *ret_publish);
typedef struct {
  guint64 id;
  char *outlet;
  int result;    /* GatewayResult */
  char *text;    /* what devices read there now; "" = not known */
  char *trouble; /* why it failed */
} GwPublished;
void gw_published_clear(GwPublished *published);
GVariant *gw_published_pack(const GwPublished *published);
gboolean gw_published_unpack(GVariant *payload, GwPublished *ret_published);

/* LEAD: the vendor's cloud has firmware for a node. Where @url is "", the image is the reply to @target. */
typedef struct {
  char *plugin, *node, *address; /* who asked */
  char *url, *target;
  char *type, *hardware_version, *software_version, *name, *sha256;
  guint64 size;
} GwLead;
void gw_lead_clear(GwLead *lead);
GVariant *gw_lead_pack(const GwLead *lead);
gboolean gw_lead_unpack(GVariant *payload, GwLead *ret_lead);
