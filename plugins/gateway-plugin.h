/* SPDX-License-Identifier: MIT */
/* The whole contract between gatewayd and a plugin. Include nothing else of gatewayd.
 *
 * A plugin is a shared object that exports one constant, `gateway_plugin`. It brings its vendor's words as
 * data (settings, ports, form fields, codes, verbs) and a table of functions. Plain C crosses: no allocation
 * is handed over, no callback is kept, no daemon symbol is needed (link with -Wl,-z,defs).
 *
 * Rules for every kind:
 *  - Texts are (pointer, length), not NUL-terminated, borrowed for the call. NULL with length 0 is "absent".
 *    Texts of the constant itself are NUL-terminated C strings.
 *  - What a function returns points into its input, into constants, or into the scratch the host lends.
 *  - Transports hold no writable static data and perform no I/O. The host owns sockets, time, limits and
 * files.
 *  - Every struct carries its size where it may grow; new members are added at the end, and zero means "as
 * before".
 *  - The ABI number changes when that is not enough. ABI 0 may still change; from 1 on it is golden.
 */
#ifndef GATEWAY_PLUGIN_H
#define GATEWAY_PLUGIN_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

#define GATEWAY_PLUGIN_ABI 0

/* ---- values -----------------------------------------------------------------------------------------------
 */

typedef struct {
  const char *data;
  size_t size;
} GatewayText;

#define GATEWAY_TEXT(literal) ((GatewayText){ (literal), sizeof(literal) - 1 })
#define GATEWAY_NO_TEXT ((GatewayText){ NULL, 0 })

static inline GatewayText
gateway_text(const char *string)
{
  return (GatewayText){ string, string ? strlen(string) : 0 };
}

static inline bool
gateway_text_equal(GatewayText text, const char *string)
{
  size_t size = strlen(string);
  return text.size == size && (size == 0 || memcmp(text.data, string, size) == 0);
}

/* Memory lent for one call; it lives until the reply (or the actions) have been carried out. */
typedef struct {
  char *data;
  size_t size; /* at least 16 KiB */
  size_t used;
  bool is_full; /* set when a print did not fit: the host then answers with an internal error */
} GatewayScratch;

/* printf into the scratch; an empty text when it does not fit. */
__attribute__((format(printf, 2, 3))) static inline GatewayText
gateway_print(GatewayScratch *scratch, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  size_t room = scratch->size - scratch->used;
  int size = vsnprintf(scratch->data + scratch->used, room, format, args);
  va_end(args);
  if (size < 0 || (size_t)size >= room) {
    scratch->is_full = true;
    return GATEWAY_NO_TEXT;
  }
  GatewayText text = { scratch->data + scratch->used, (size_t)size };
  scratch->used += (size_t)size + 1;
  return text;
}

/* For printf: "%.*s", GATEWAY_ARGS(text) */
#define GATEWAY_ARGS(text) (int)(text).size, (text).data ? (text).data : ""

/* The settings of one [plugin NAME] section, asked by key of the plugin's own table; never NULL for a key
 * that has a fallback. Valid for the call. */
typedef struct GatewaySettings GatewaySettings;
struct GatewaySettings {
  size_t size;
  const char *(*text)(const GatewaySettings *settings, const char *key);
  int64_t (*number)(const GatewaySettings *settings, const char *key); /* integer, bytes, or milliseconds */
  bool (*flag)(const GatewaySettings *settings, const char *key);
};

/* ---- the vendor's words, as data
 * ---------------------------------------------------------------------------- */

typedef enum {
  GATEWAY_SETTING_TEXT = 1,
  GATEWAY_SETTING_INTEGER,
  GATEWAY_SETTING_SIZE,     /* "64KiB", bytes */
  GATEWAY_SETTING_DURATION, /* "15min", milliseconds */
  GATEWAY_SETTING_BOOLEAN,
  GATEWAY_SETTING_CHOICE,
  GATEWAY_SETTING_PATH,   /* read by the host's own user only */
  GATEWAY_SETTING_SECRET, /* a path to a file with the secret; never shown, and absent for the plugin: the
                             host applies it */
} GatewaySettingKind;

typedef struct {
  const char *key;
  GatewaySettingKind kind;
  const char *fallback; /* as written in the file; NULL = none */
  int64_t min, max;     /* numbers: the range; 0, 0 = any */
  const char *choices;  /* CHOICE: "yes|no|auto" */
  const char *help;     /* one line */
} GatewaySetting;

/* Where a transport listens unless [plugin NAME] listen= says otherwise. Several plugins may share a port:
 * then the one whose host and longest path prefix match is asked. */
typedef struct {
  uint16_t port;
  const char *host; /* HTTP Host to match without port, or NULL = any */
  const char *path; /* HTTP path prefix, or NULL = "/" */
  uint32_t flags;   /* GATEWAY_LISTEN_* */
} GatewayListen;
#define GATEWAY_LISTEN_SERIAL 1u /* a serial line of that speed in `port * 100` baud, not a TCP port */

/* A name compiled into devices that must resolve to the gateway. */
typedef struct {
  const char *name;
  uint16_t port;
  const char *help;
} GatewayHost;

typedef enum {
  GATEWAY_VERSION_OPAQUE = 1, /* equal or not; order unknown */
  GATEWAY_VERSION_INTEGER,    /* decimal, 0..2^31-1 */
  GATEWAY_VERSION_BYTE,       /* decimal, 0..255 */
  GATEWAY_VERSION_LEX8,       /* 8 characters, compared as text */
  GATEWAY_VERSION_DOTTED,     /* 1.2.3-rc1: numbers part by part, pre-release before release */
} GatewayVersionScheme;

/* Which releases are of one series: the same type and hardware version and the first n characters of the
 * software version; 0 = any software version. */
typedef struct {
  GatewayVersionScheme scheme;
  uint32_t series_chars;
} GatewayVersioning;

/* One field of the form that an operator fills in for a firmware of this make. Well-known keys: "version"
 * (software version), "hardware", "type", "name", "notes". Other keys come back as attributes of the image.
 */
typedef struct {
  const char *key;
  const char *label;
  const char *pattern;  /* POSIX extended regular expression for the whole value; NULL = any text */
  const char *fallback; /* prefilled; NULL = empty */
  bool is_required;
  const char *help; /* what is expected, said when the check fails */
} GatewayField;

/* A code that a device or vendor reports, and what to do about it. `group` tells apart variants ("gprs"). */
typedef struct {
  const char *group;
  const char *code;
  const char *meaning;
  const char *advice;
} GatewayCode;

typedef enum { GATEWAY_ROLE_READ = 1, GATEWAY_ROLE_OPERATE, GATEWAY_ROLE_ADMINISTER } GatewayRole;

/* A thing that an operator can ask of a node of this make. It reaches the plugin in the next answer to that
 * node (GatewayAnswer.verb), or through wake in a session. */
typedef struct {
  const char *name;
  const char *argument; /* name of the argument, or NULL */
  GatewayRole role;
  const char *help;
  const char *warning; /* asked back before it is done, or NULL */
} GatewayVerb;

/* Checks of an image before a firmware of this make is accepted; all are data so that the core needs no
 * plugin code. A rule refuses the image with `reason` when it applies. */
typedef struct {
  uint64_t min_size, max_size; /* refuse below / above; 0 = no limit */
  const char *head;            /* refuse when the file begins with these bytes... */
  uint32_t head_size;
  const char *suffix; /* ...or when its name ends so (lower case) */
  const char *reason; /* said to the operator: what is wrong and what to do */
  const char *type;   /* only for firmware of this type; NULL = any. Of this and what follows all must hold */
  const char *name_part, *hardware_part; /* only where name and hardware version hold these (lower case) */
} GatewayImageRule;

/* When a make never says its version, how success is inferred: `requests` metadata requests, `apart_s` apart,
 * none followed by a request for bytes within `bytes_s`. All settable by the operator. */
typedef struct {
  uint32_t requests;
  uint32_t apart_s;
  uint32_t bytes_s;
  uint32_t not_back_s; /* silence for so long after a complete transfer is a failure */
} GatewayInference;

/* A limit of a numbering: the greatest number that a node with this attribute is told unless the operator
 * overrides the limit by its name. */
typedef struct {
  const char *name;              /* "last-version" */
  const char *attribute, *value; /* of the node; NULL = every node */
  int64_t max;
  const char *reason; /* what a greater number would do */
} GatewayNumberLimit;

/* A make whose nodes are told a number with each publication (a push, a rule) that is no property of the
 * image. It is greater than every number that the node was told before; the core proposes the next, and
 * refuses what is beyond a limit, and a jump onto one. It stands in the answer as software_version, and the
 * firmware's own version is only a name for people. */
typedef struct {
  const char *label; /* "VERSION"; NULL = this make has none */
  int64_t min, max;  /* what its protocol can say; 0 to 2^31 - 1 */
  const GatewayNumberLimit *limits;
  uint32_t n_limits;
} GatewayNumbering;

/* ---- the constant
 * ------------------------------------------------------------------------------------------- */

typedef enum {
  GATEWAY_REQUEST = 1,  /* transport: HTTP; pure functions */
  GATEWAY_SESSION = 2,  /* transport: a byte stream; a state machine */
  GATEWAY_DATAGRAM = 3, /* transport: reserved */
  GATEWAY_UPSTREAM = 4, /* brings firmware, takes reports */
  GATEWAY_OUTLET = 5,   /* goes out to other servers */
  GATEWAY_FORMAT = 6,   /* knows what is inside an image file */
} GatewayKind;

/* Traits of a transport. */
#define GATEWAY_NEVER_CUT                                                                                    \
  1u /* a node that was given metadata must get its bytes, whatever windows and rules say */
#define GATEWAY_SILENT 2u /* nodes never tell their version: success is inferred */
/* One request is both "is there one?" and "give it to me". read() asks OFFER; where there is an offer,
 * write() is first called with it and may refuse to word it, and then with what became of asking for its
 * bytes (BYTES, LATER...): that reply is sent. A node that has every byte hears GATEWAY_REASON_SENT until it
 * was heard with its version: what is offered would be installed again. */
#define GATEWAY_ONE_STEP 4u
/* Traits of an upstream. */
#define GATEWAY_REPORTS 256u /* has report(): events are kept for it until it took them */
/* Traits of a format. */
#define GATEWAY_ENCODING                                                                                     \
  512u /* its file is a text for one binary, its only image: a product may ask for that */
/* HTTP behaviour that is not the default. Default: one write for the head, exact Content-Length, never
 * chunked, one range by RFC 9110, keep-alive as asked, the socket held 5 s after the last byte of a closed
 * connection, RST when we abort a transfer. */
#define GATEWAY_HTTP_NO_RANGE 16u   /* Range is ignored */
#define GATEWAY_HTTP_RANGE0_200 32u /* "bytes=0-" is answered 200 */
#define GATEWAY_HTTP_CLOSE 64u      /* one request per connection, we close after the idle time */
#define GATEWAY_HTTP_PLAIN_HEAD                                                                              \
  128u /* no Date, ETag or Accept-Ranges: only what the plugin gives + Content-Length */

typedef struct {
  uint32_t abi;  /* GATEWAY_PLUGIN_ABI */
  uint32_t size; /* sizeof(GatewayPlugin) */
  uint32_t kind; /* GatewayKind */
  uint32_t traits;
  const char *name;    /* [a-z][a-z0-9-]{0,30}: the section name, and what events say */
  const char *title;   /* for people */
  const char *version; /* the plugin's own */
  const char *setup;   /* a few lines: what to set on the device and in the network, or NULL */

  const GatewaySetting *settings;
  uint32_t n_settings;
  const GatewayListen *listens;
  uint32_t n_listens;
  const GatewayHost *hosts;
  uint32_t n_hosts;
  const GatewayField *form;
  uint32_t n_form;
  const GatewayCode *codes;
  uint32_t n_codes;
  const GatewayVerb *verbs;
  uint32_t n_verbs;
  const GatewayImageRule *image_rules;
  uint32_t n_image_rules;

  GatewayVersioning versioning;
  GatewayInference inference; /* used with GATEWAY_SILENT */
  uint32_t pin_s;  /* a pin without bytes may be renewed by a new metadata request after this; 0 = 600 */
  uint32_t idle_s; /* a connection without a byte moving is closed after this; 0 = 60 */

  const void *functions; /* Gateway<Kind>Functions of the kind; its first member is its own size */

  GatewayNumbering numbering;
  /* What a node reads when something, or nothing, is due: for operators who want to see it verbatim. {name},
   * {size} and {version} stand for the image's. NULL = nothing that a person would read. */
  const char *offer_text, *nothing_text;
} GatewayPlugin;

/* The exported constant. */
extern const GatewayPlugin gateway_plugin;
#define GATEWAY_EXPORT __attribute__((visibility("default")))
/* Length of a table. */
#define GATEWAY_COUNT(table) (uint32_t)(sizeof(table) / sizeof((table)[0]))

/* ---- the six asks
 * ------------------------------------------------------------------------------------------- */

typedef enum {
  GATEWAY_ASK_NOTHING = 1, /* nothing to ask: write() makes the reply from the request alone (404, a page) */
  GATEWAY_ASK_OFFER,       /* "is there an update for me?" */
  GATEWAY_ASK_BYTES,       /* "give me the bytes": of a token, or of what this node is pinned to */
  GATEWAY_ASK_TELL,        /* "this became of it" */
  GATEWAY_ASK_INTRODUCE,   /* "I am here, and this is what I am" */
  GATEWAY_ASK_RELAY,       /* pass the request to the vendor's own cloud */
} GatewayAskKind;

/* How sure the name of the node is. A stronger one is preferred; auto-adoption names the least it accepts. */
typedef enum {
  GATEWAY_IDENTITY_ADDRESS = 1, /* nothing was said: the host looks up address and MAC */
  GATEWAY_IDENTITY_GROUP,       /* a name that several nodes share: outcomes are counts */
  GATEWAY_IDENTITY_CLAIMED,     /* the node said its own name */
  GATEWAY_IDENTITY_CREDENTIAL,  /* it also showed a secret (GatewayAsk.credential) */
} GatewayIdentity;

typedef enum {
  GATEWAY_TELL_PROGRESS = 1, /* percent */
  GATEWAY_TELL_DOWNLOADED,   /* the node says it has it all */
  GATEWAY_TELL_INSTALLING,
  GATEWAY_TELL_SUCCEEDED, /* the node's own claim: recorded as reported, proof is its next version */
  GATEWAY_TELL_FAILED,
  GATEWAY_TELL_REFUSED,
} GatewayTellState;

typedef struct {
  GatewayText key, value;
} GatewayPair;

#define GATEWAY_MAX_PAIRS 16

typedef struct {
  size_t size; /* set by the host; do not write beyond it */
  GatewayAskKind kind;

  /* who asks */
  GatewayIdentity identity;
  GatewayText node;       /* its own name, for CLAIMED, CREDENTIAL and GROUP */
  GatewayText credential; /* the secret shown; never logged, compared by the core with a keyed digest */
  GatewayText product;    /* what the node says it is, or absent */
  GatewayText type;       /* component: "wifi", "mcu", "application"... or absent = the only one */
  GatewayText hardware_version;
  GatewayText software_version; /* what runs now; absent = not said. A claim, and proof only where the make's
                                   README says so: set is_version_proof */
  bool is_version_proof;
  uint32_t n_aliases;
  GatewayPair aliases[GATEWAY_MAX_PAIRS]; /* key: "mac", "imei", "did", "serial"... */
  uint32_t n_attributes;
  GatewayPair attributes[GATEWAY_MAX_PAIRS]; /* battery, signal, chip... kept with the node */

  /* OFFER and BYTES */
  GatewayText token;      /* BYTES: the offer's token, where the protocol can carry it */
  GatewayText image_name; /* BYTES without token: the file name asked for, found by (node, image) */

  /* TELL */
  GatewayTellState state;
  uint32_t percent;
  int32_t update; /* the update number of the answer; 0 = the node's open one */
  GatewayText code, detail;

  /* RELAY, and OFFER with relays_miss: the path, query and body are the request's; only these headers go
   * along */
  GatewayText cache_key;  /* equal keys share one request and its reply; absent = neither shared nor kept */
  uint32_t relay_cache_s; /* so long the reply is repeated without asking; when the cloud is away, for ever */
  bool relays_miss; /* OFFER: where no rule has anything for it, the vendor is asked: RELAYED, or the answer
                       of the rules */
  uint32_t n_relay_headers;
  GatewayText relay_headers[GATEWAY_MAX_PAIRS];
} GatewayAsk;

typedef enum {
  GATEWAY_ANSWER_NOTHING = 1, /* nothing due, for whatever reason: see `reason` */
  GATEWAY_ANSWER_OFFER,       /* `image` is due */
  GATEWAY_ANSWER_BYTES,       /* `image` may be sent: set GatewayReply.body_is_image */
  GATEWAY_ANSWER_ACCEPTED, /* a tell or introduce was recorded, durably; to an introduce, `image` is what the
                              node is pinned to, if anything: to know it is no evidence, to ask for it is */
  GATEWAY_ANSWER_CLOSED,   /* the update told about is closed already */
  GATEWAY_ANSWER_UNKNOWN,  /* no such token, update or image */
  GATEWAY_ANSWER_LATER,    /* ask again in wait_s: busy, being fetched, cap */
  GATEWAY_ANSWER_DENIED,   /* the credential did not hold */
  GATEWAY_ANSWER_RELAYED,  /* relay_status, relay_body, pairs[] are the vendor cloud's */
  GATEWAY_ANSWER_OFFLINE,  /* the vendor's cloud cannot be reached */
} GatewayAnswerKind;

/* Why there is nothing, or why later. Makes that can say more than "no" map these. */
typedef enum {
  GATEWAY_REASON_NONE = 0,
  GATEWAY_REASON_NOT_ADOPTED,
  GATEWAY_REASON_NO_RULE,
  GATEWAY_REASON_UP_TO_DATE,
  GATEWAY_REASON_WINDOW,
  GATEWAY_REASON_CAP,
  GATEWAY_REASON_PAUSED,
  GATEWAY_REASON_SET_ASIDE,
  GATEWAY_REASON_BEING_FETCHED,
  GATEWAY_REASON_WITHDRAWN,
  GATEWAY_REASON_UNKNOWN_PRODUCT,
  GATEWAY_REASON_WRONG_HARDWARE,
  GATEWAY_REASON_BUSY,
  GATEWAY_REASON_RETRY_WAIT, /* an attempt failed: the next one is due in wait_s */
  GATEWAY_REASON_SENT,       /* it has every byte, and was not heard with its version since */
  GATEWAY_REASON_GROUP,      /* the rule serves other nodes first */
} GatewayReason;

#define GATEWAY_MODE_NORMAL 0u
#define GATEWAY_MODE_FORCED 1u
#define GATEWAY_MODE_DOWNGRADE 2u

typedef struct {
  GatewayText token; /* [a-z2-7]{16}: unguessable, valid for this node and image, survives restarts */
  GatewayText name;  /* file name of the image */
  uint64_t size;
  GatewayText sha256, sha1, md5; /* lower-case hex */
  uint32_t crc32;
  GatewayText product, type, hardware_version, software_version, notes;
  uint32_t n_attributes;
  GatewayPair attributes[GATEWAY_MAX_PAIRS]; /* the firmware's extra form fields */
} GatewayImage;

typedef struct {
  size_t size;
  GatewayAnswerKind kind;
  GatewayReason reason;
  uint32_t wait_s; /* when to ask again; 0 = the device's own rhythm */
  int32_t update;  /* number of the update, positive int32, never a multiple of 10 */
  uint32_t mode;
  GatewayText node; /* the name under which the registry knows the asker, or absent */
  GatewayImage image;
  GatewayText verb, verb_argument; /* an operator's verb that is due for this node */
  uint32_t relay_status;
  GatewayText relay_body; /* at most 64 KiB; of a larger one nothing but its size is there */
  uint64_t relay_size;    /* of the whole body, as far as it was announced */
  uint32_t n_pairs;
  GatewayPair pairs[GATEWAY_MAX_PAIRS]; /* relayed headers */
} GatewayAnswer;

/* ---- request transports
 * ------------------------------------------------------------------------------------- */

typedef enum { GATEWAY_GET = 1, GATEWAY_HEAD, GATEWAY_POST, GATEWAY_PUT, GATEWAY_DELETE } GatewayMethod;

typedef struct {
  size_t size;
  GatewayMethod method;
  GatewayText path;  /* as sent, without query; begins with "/"; not decoded */
  GatewayText query; /* without "?", not decoded */
  GatewayText host;  /* Host header without port */
  GatewayText body;  /* whole, at most 64 KiB */
  uint32_t n_headers;
  const GatewayPair *headers; /* names as sent */
  GatewayText peer;           /* numeric address of the node */
  GatewayText local;          /* numeric address it reached, IPv6 in brackets */
  uint16_t local_port;
  bool is_tls;
} GatewayRequest;

/* The first header of that name, case-insensitive; absent text if there is none. */
static inline GatewayText
gateway_header(const GatewayRequest *request, const char *name)
{
  size_t size = strlen(name);
  for (uint32_t i = 0; i < request->n_headers; i++) {
    GatewayText key = request->headers[i].key;
    size_t j = 0;
    while (j < size && j < key.size && (key.data[j] | 32) == (name[j] | 32))
      j++;
    if (j == size && key.size == size)
      return request->headers[i].value;
  }
  return GATEWAY_NO_TEXT;
}

typedef struct {
  size_t size;
  uint32_t status;    /* 100..599; the host adds the reason text */
  uint32_t n_headers; /* sent in this order, spelled as given */
  GatewayPair headers[GATEWAY_MAX_PAIRS];
  GatewayText body;   /* ignored when body_is_image */
  bool body_is_image; /* only after GATEWAY_ANSWER_BYTES: the host streams it and counts what was acknowledged
                       */
  bool is_chunked;    /* body as a single chunk, head and body in one segment */
  GatewayReason refused; /* we had an offer but could not word it (a URL too long...): the offer is undone and
                            the operator is told `refused_detail` */
  GatewayText refused_detail;
  /* ONE_STEP, to an offer: this is the reply, the bytes are for another request. With `head_of` nothing but
   * the head of a reply of so many bytes: a node that cannot take them sees that, and goes another way. */
  bool is_final;
  uint64_t head_of;
} GatewayReply;

/* Firmware that a vendor's cloud has for a node: it is fetched once, and offered by the rules of the site to
 * all nodes of that node's product. Without a SHA-256 only where the product names the host it comes from. */
typedef struct {
  size_t size;
  GatewayText url; /* absolute; absent = the image is the reply itself */
  GatewayText type, hardware_version;
  GatewayText software_version; /* absent: a draft, that an operator completes */
  GatewayText name, sha256;
  uint64_t image_size; /* 0 = unknown */
} GatewayLead;

typedef struct {
  size_t size; /* sizeof(GatewayRequestFunctions) */
  /* Which ask is this? false = not understood: the host answers 400 and notes the node. */
  bool (*read)(const GatewaySettings *settings, const GatewayRequest *request, GatewayScratch *scratch,
               GatewayAsk *ret_ask);
  /* The reply to it. `answer` is NULL for GATEWAY_ASK_NOTHING. */
  void (*write)(const GatewaySettings *settings, const GatewayRequest *request, const GatewayAsk *ask,
                const GatewayAnswer *answer, GatewayScratch *scratch, GatewayReply *ret_reply);
  /* Optional: what a relayed reply teaches, before it goes to write(). true = `ret_lead` was filled. */
  bool (*learn)(const GatewaySettings *settings, const GatewayRequest *request, const GatewayAnswer *relayed,
                GatewayScratch *scratch, GatewayLead *ret_lead);
} GatewayRequestFunctions;

/* ---- session transports
 * ------------------------------------------------------------------------------------- */

typedef enum {
  GATEWAY_EVENT_OPEN = 1, /* the line is up; text = peer (the name of a serial line), text2 = local address,
                             number = local port */
  GATEWAY_EVENT_LINE,     /* text without its line end (CR, LF or CRLF) */
  GATEWAY_EVENT_LINE_TOO_LONG,
  GATEWAY_EVENT_BYTES,        /* text: in exact mode exactly n bytes, else 1..4096 */
  GATEWAY_EVENT_DATA_UP,      /* the peer is connected; with text (our numeric address, spelled as OPEN spells
                                 it) and number (port): it listens */
  GATEWAY_EVENT_DATA_DRAINED, /* the peer acknowledged every byte streamed to it, and the end. It is closed */
  GATEWAY_EVENT_DATA_FAILED,  /* it could not be opened, broke, or the time was up. It is closed */
  GATEWAY_EVENT_SENT,         /* a stream to the main channel was acknowledged to its last byte */
  GATEWAY_EVENT_TIMER,        /* number = the timer's id */
  GATEWAY_EVENT_BLOCK,        /* text: bytes of the image at `number`; absent text = cannot be read */
  GATEWAY_EVENT_ANSWER,       /* answer */
  GATEWAY_EVENT_WAKE,         /* an operator's verb or a due offer: text = verb, text2 = argument */
  GATEWAY_EVENT_HANGUP,       /* the last event */
} GatewayEventKind;

typedef struct {
  size_t size;
  GatewayEventKind kind;
  GatewayText text, text2;
  uint64_t number;
  const GatewayAnswer *answer; /* ANSWER only */
} GatewayEvent;

typedef enum {
  GATEWAY_ACTION_SEND = 1, /* text to the main channel */
  GATEWAY_ACTION_MODE, /* number: GATEWAY_MODE_LINES, _RAW, or n >= 2 = exactly (number - 2) bytes, then the
                          mode before it */
  GATEWAY_ACTION_READ_BLOCK, /* number = offset, count <= 4096: answered by BLOCK; needs a BYTES answer before
                              */
  GATEWAY_ACTION_STREAM, /* number = offset, count (0 = to the end), is_data: bytes of the image to main or
                            data channel (BLOCK without text: there are none); is_text: `text`, of up to the
                            scratch's size, to the data channel instead */
  GATEWAY_ACTION_DATA, /* open a data channel. text absent = passive (answered by DATA_UP with our address and
                          port before the peer connects), else active to that address, port = number */
  GATEWAY_ACTION_DATA_CLOSE,
  GATEWAY_ACTION_ARM,   /* timer id = number (0..7), count = milliseconds; 0 disarms */
  GATEWAY_ACTION_ASK,   /* ask; one at a time: answered by ANSWER, before which nothing more is read */
  GATEWAY_ACTION_RELAY, /* from now on bytes go both ways to the host named `text` of our table */
  GATEWAY_ACTION_CLOSE, /* after what was sent is acknowledged */
} GatewayActionKind;

#define GATEWAY_LINES 0u
#define GATEWAY_RAW 1u
#define GATEWAY_EXACTLY(n) ((uint64_t)(n) + 2u)
#define GATEWAY_MAX_ACTIONS 16

/* A data channel carries one stream, and ends with it. There is one at a time: DATA, DATA_CLOSE and the end
 * of the session close the one before, with a reset if a stream was cut by that, and nothing more is heard of
 * it.
 *  - Passive: DATA_UP says where it listens, at once; only the session's own peer (its address, any port)
 * gets in, and DATA_UP without text says that it came.
 *  - Active: only to the session's own peer, spelled as OPEN spelled it, and ports from 1024 on, else
 * DATA_FAILED at once; DATA_UP without text says that it is connected.
 *  - STREAM may come before the peer, who is waited for for 60 s from DATA or STREAM, whichever is later. Its
 * end is the end of the channel's output, so that the peer sees the end of the file; DATA_DRAINED follows
 * when all is acknowledged, also after an empty text. A second STREAM, or one without a channel, is
 * DATA_FAILED; so is a peer that takes nothing for 10 minutes. Bytes that move here keep the main channel
 * from being idle. What the peer sends is thrown away.
 *
 * Texts of a step are copied. On a serial line DATA is DATA_FAILED. Settings that the host applies itself
 * where a session's table holds them: "passive-ports" (TEXT, "FIRST-LAST", up to 1024 ports from 1024 on;
 * without it there are no passive channels). */
typedef struct {
  GatewayActionKind kind;
  GatewayText text;
  uint64_t number, count;
  bool is_data, is_text;
  const GatewayAsk *ask; /* ASK: points into the state or the scratch */
} GatewayAction;

typedef struct {
  size_t size;
  uint32_t state_size; /* bytes of one session's state, zeroed at OPEN; at most 4096 */
  uint32_t max_line;   /* longest line; 0 = 512 */
  /* One step: at most GATEWAY_MAX_ACTIONS actions are written to `actions`; returns how many. */
  uint32_t (*step)(const GatewaySettings *settings, void *state, const GatewayEvent *event,
                   GatewayScratch *scratch, GatewayAction actions[GATEWAY_MAX_ACTIONS]);
} GatewaySessionFunctions;

/* ---- upstreams
 * ---------------------------------------------------------------------------------------------- */

typedef struct {
  size_t size;
  const char *url;
  const char *etag;          /* If-None-Match, or NULL */
  const char *last_modified; /* If-Modified-Since, or NULL */
  uint64_t offset;           /* resume from here with If-Range: validator */
  const char *validator;     /* a strong one, or NULL */
  uint64_t max_size;         /* of the whole body; 0 = 1 MiB */
  const char *method;        /* NULL = GET */
  const char *content_type;
  const void *body;
  size_t body_size;
} GatewayFetch;

typedef struct {
  size_t size;
  uint32_t status;
  char etag[128], last_modified[64], location[512];
  uint64_t total;  /* 0 = unknown */
  uint64_t offset; /* where the body begins: 0 when the server ignored or refused the resume */
  uint32_t retry_after_s;
} GatewayFetched;

typedef enum {
  GATEWAY_OK = 0,
  GATEWAY_UNCHANGED,
  GATEWAY_FAILED_RETRY, /* try again with backoff */
  GATEWAY_FAILED_GIVE_UP,
  GATEWAY_STOPPED,
} GatewayResult;

/* Settings that the host applies itself where an upstream's table holds them under these names: "poll"
 * (DURATION), "url" (whose scheme, host and port alone see the credentials), "proxy" ("none" = not even that
 * of [wan]), "ca-file", "token-file", "user", "password-file", and "secret-file": what is posted to the
 * origin of "url" carries a Gateway-Signature header made with it (docs/integrator.md). */

/* What the host lends an upstream's or outlet's thread. Every call may block, and returns GATEWAY_STOPPED
 * soon after the host wants to stop. */
typedef struct GatewayWorker GatewayWorker;
typedef bool (*GatewaySink)(void *user, const GatewayFetched *head, const void *data, size_t size);
struct GatewayWorker {
  size_t size;
  const char *name; /* of the [upstream NAME] section */
  const GatewaySettings *settings;
  /* HTTP by the host's client: proxies, credentials, private CA, time-outs, slow and endless servers are its
   * business. The sink gets the body as it comes and returns false to stop. */
  GatewayResult (*http)(GatewayWorker *worker, const GatewayFetch *fetch, GatewayFetched *ret_fetched,
                        GatewaySink sink, void *user);
  /* Resolves @reference against @base into ret (size bytes); false if it does not fit or is no URL. */
  bool (*resolve)(GatewayWorker *worker, const char *base, const char *reference, char *ret, size_t size);
  /* A catalog document and its detached signature (NULL, 0 = unsigned), exact bytes. */
  GatewayResult (*announce)(GatewayWorker *worker, const char *base_url, const void *document,
                            size_t document_size, const void *signature, size_t signature_size);
  /* A bare file that appeared, without a catalog: becomes an unverified draft to be completed by the
   * operator. */
  GatewayResult (*found)(GatewayWorker *worker, const char *url, const char *file_name, uint64_t size);
  /* Bytes of the image being fetched; blocks while the store is slower than we. Only inside fetch(). */
  GatewayResult (*deliver)(GatewayWorker *worker, const void *data, size_t size);
  /* Sleeps up to @ms; GATEWAY_STOPPED when the host stops, GATEWAY_OK when time is up or poll was asked for.
   */
  GatewayResult (*sleep)(GatewayWorker *worker, uint32_t ms);
  /* One line for `gatewayctl upstreams`: what is going on, or went wrong; inside fetch(): why it failed. */
  void (*status)(GatewayWorker *worker, bool is_well, const char *text);
  /* The plugin's own for this worker, NULL at first. Polls and fetches run in threads of their own, several
   * at once, each with a worker of its own. */
  void *private_data;
  /* Inside fetch(), before the first deliver(): where the bytes begin (wanted->offset, or 0), and the strong
   * validator under which they may be resumed (weak ones are dropped), or NULL. Without it they begin at 0.
   */
  GatewayResult (*begin)(GatewayWorker *worker, uint64_t offset, const char *validator);
  /* Of an outlet: the text in the file that its setting @key (SECRET) names; false = there is none, or it
   * does not fit. Overwrite it when it was used. */
  bool (*secret)(GatewayWorker *worker, const char *key, char *ret, size_t size);
  /* Of an outlet, in deliver(): what devices read there from now on, shown to the operator as it is. */
  void (*text)(GatewayWorker *worker, GatewayText text);
};

typedef struct {
  size_t size;
  const char *url, *base_url;
  uint64_t offset;       /* so many bytes are there already */
  const char *validator; /* strong validator of those bytes, or NULL */
  uint64_t expected_size;
} GatewayWanted;

typedef struct {
  GatewayText id, type, source, subject, time, data_json; /* CloudEvents attributes; data is JSON */
} GatewayReport;

typedef struct {
  size_t size;
  /* Optional: looks once for something new. Called every `poll=` with jitter, and on demand. */
  GatewayResult (*poll)(GatewayWorker *worker);
  /* Optional: brings one image through worker->begin() and worker->deliver(). */
  GatewayResult (*fetch)(GatewayWorker *worker, const GatewayWanted *wanted);
  /* With GATEWAY_REPORTS: events for the cloud, oldest first, in a thread of their own; `ret_results[i]` for
   * each. OK: taken, and never sent again. FAILED_GIVE_UP: refused for good, an operator will look at it.
   * Others come again, with the same id, in the same order: where one of a subject was not taken, do not send
   * later ones of it. */
  void (*report)(GatewayWorker *worker, const GatewayReport *reports, uint32_t n_reports,
                 GatewayResult *ret_results);
  /* Optional: the last call for this worker; frees private_data. */
  void (*close)(GatewayWorker *worker);
} GatewayUpstreamFunctions;

/* ---- outlets
 * ------------------------------------------------------------------------------------------------ */

/* One [outlet NAME] section each. The host lends a worker with name, settings, sleep, status, secret and
 * text; its other members are NULL. One call at a time, in a thread of the outlet's own. */
typedef struct {
  size_t size;
  /* Reserved: asks a server to wake a node. */
  GatewayResult (*wake)(GatewayWorker *worker, GatewayText node);
  /* What an operator publishes. @image: what devices shall take, with the number of this publication as its
   * software_version; NULL = nothing is due. @image_fd: its bytes, whole and checked, which nobody can
   * change; -1 = the server has them from an earlier time: see that it does. @node: absent = whoever reads
   * there. Not OK: devices read what they read before, or that nothing is due; why goes to status(). */
  GatewayResult (*deliver)(GatewayWorker *worker, GatewayText node, const GatewayImage *image, int image_fd);
  void *reserved[8];
} GatewayOutletFunctions;

/* ---- datagram transports (reserved)
 * -------------------------------------------------------------------------- */

typedef struct {
  size_t size;
  uint32_t state_size;
  uint32_t (*step)(const GatewaySettings *settings, void *state, const GatewayEvent *event,
                   GatewayScratch *scratch, GatewayAction actions[GATEWAY_MAX_ACTIONS]);
  void *reserved[8];
} GatewayDatagramFunctions;

/* ---- formats
 * -------------------------------------------------------------------------------------------------- */

/* A file is looked into by a process of its own, which lives for this file only. It has no network, opens no
 * file, starts nothing, and ends after 5 s of CPU or 64 MiB of memory; whoever exceeds that is the reason why
 * the file is refused. Every format is asked whether it recognizes the file; the surest one unpacks it, and
 * where nobody is, the file is just bytes. unpack() tells images in the order in which they lie there:
 *  - the file itself, as it is, is the image without a name, and has no data;
 *  - each other image has the name that it has in there, and all its bytes, every time: they are taken, or
 *    only counted and hashed, as the host needs. Where nobody wants them, image() is false at the first.
 * Names that lead out of a folder, that come twice, and more than 256 of them are refused by the host. What
 * unpack() cannot make whole it refuses: half a file is nobody's image. */
typedef struct GatewayJob GatewayJob;
struct GatewayJob {
  size_t size;
  int input_fd; /* the file, readable and seekable */
  uint64_t input_size;
  const char *file_name;
  const GatewaySettings *settings;
  /* Begins an image; @size as far as it is known, else 0. false = stop, and return false. */
  bool (*image)(GatewayJob *job, GatewayText name, uint64_t size);
  bool (*data)(GatewayJob *job, const void *data, size_t size);
  /* A recognised fact of the image begun last. "product", "type", "hardware" and "version" fill the fields of
   * these names in the operator's form, or are compared with them; others become attributes. */
  void (*fact)(GatewayJob *job, const char *key, GatewayText value);
  /* What is wrong with the file, for the operator: the first word counts. */
  void (*refuse)(GatewayJob *job, const char *text);
  /* Exactly @size bytes of the file from @offset; false = it is shorter, or cannot be read. */
  bool (*read)(GatewayJob *job, uint64_t offset, void *ret_data, size_t size);
  /* The SHA-256 of a part of the file. */
  bool (*sha256)(GatewayJob *job, uint64_t offset, uint64_t size, uint8_t ret_sha256[32]);
  /* Did one of the keys make this signature over a SHA-256? ECDSA P-256 (DER), RSA-PSS with a salt of 32, or
   * Ed25519 over the 32 bytes. The keys are those of the setting "keys" (PATH) of the format's own table: the
   * host reads the files. 1 = yes, and @ret_key_sha256 is that of the public key (RSA: PKCS #1, else
   * SubjectPublicKeyInfo); 0 = no; -1 = no key is configured. */
  int (*verify)(GatewayJob *job, const uint8_t sha256[32], const void *signature, size_t size,
                uint8_t ret_key_sha256[32]);
};

typedef struct {
  size_t size;
  /* 0 = not mine, 100 = certainly mine. `head` holds the first 4096 bytes or the whole file. Pure. */
  uint32_t (*recognize)(GatewayText head, const char *file_name);
  /* false = stopped, or refused. */
  bool (*unpack)(GatewayJob *job);
} GatewayFormatFunctions;

#ifdef __cplusplus
}
#endif
#endif
