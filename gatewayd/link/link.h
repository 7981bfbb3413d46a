/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The link between the core and one worker: a Unix SOCK_SEQPACKET, versioned, non-blocking on both sides,
 * bounded queues (GW_LINK_MAX_QUEUE messages or 16 MiB). One message = an 8-byte head (version, type, serial)
 * and a GVariant of the type that link/messages.h names for it, checked for normal form before anybody sees
 * it; what comes by the thousand is a string of bytes (link/packed.h). Lives in one GMainContext; nothing
 * here blocks. */
#pragma once
#include <glib.h>

#define GW_LINK_VERSION 1
#define GW_LINK_MAX_MESSAGE (128 * 1024) /* larger things travel as a descriptor */
#define GW_LINK_MAX_QUEUE 4096 /* messages waiting to be sent; then gw_link_send() says FALSE: "later" */
#define GW_LINK_MAX_FDS 2

/* The numbers never change meaning; new ones are added. C = core, W = worker, N = lan, A = wan. */
typedef enum {
  GW_MESSAGE_HELLO = 1,       /* W>C, C>W  versions, role, plugin tables */
  GW_MESSAGE_CONFIG = 2,      /* C>W  sections of that worker, and the config epoch */
  GW_MESSAGE_ASK = 3,         /* N>C  gw_ask_pack() */
  GW_MESSAGE_ANSWER = 4,      /* C>N  gw_answer_pack() */
  GW_MESSAGE_OPEN = 5,        /* N>C  a blob is wanted */
  GW_MESSAGE_BLOB = 6,        /* C>N  + 1 descriptor, or busy / gone */
  GW_MESSAGE_TELL = 7,        /* N>C  a fact that must be durable */
  GW_MESSAGE_ACK = 8,         /* C>N  it is */
  GW_MESSAGE_CONTACTS = 9,    /* N>C  batch of contacts answered from cache */
  GW_MESSAGE_INVALIDATE = 10, /* C>N  an epoch, or nodes */
  GW_MESSAGE_WAKE = 11,       /* C>N  a node's session is to be woken */
  GW_MESSAGE_STOP = 12,       /* C>N  end the transfer of a pin */
  GW_MESSAGE_GAUGES = 13,     /* N>C  + 1 descriptor: the memfd of the gauges */
  GW_MESSAGE_TRANSFERS = 14,  /* N>C  after (re)connecting: what is still running */
  GW_MESSAGE_RELAY = 15,      /* N>C>A  ask the vendor's cloud */
  GW_MESSAGE_RELAYED = 16,    /* A>C>N */
  GW_MESSAGE_ANNOUNCE = 17,   /* A>C  + 1..2 descriptors: catalog document, signature */
  GW_MESSAGE_FOUND = 18,      /* A>C  a bare file appeared */
  GW_MESSAGE_FETCH = 19,      /* C>A  + 1 descriptor: the write end of the ingest pipe */
  GW_MESSAGE_FETCHED = 20,    /* A>C  the pipe is complete, or why not */
  GW_MESSAGE_POLL = 21,       /* C>A  look now */
  GW_MESSAGE_STATUS = 22,     /* A>C  one line for an upstream */
  GW_MESSAGE_REPORT = 23,     /* C>A  events for an upstream */
  GW_MESSAGE_REPORTED = 24,   /* A>C  what became of each */
  GW_MESSAGE_CANCEL = 25,     /* C>A  end a fetch */
  GW_MESSAGE_TRUST = 26,      /* reserved */
  GW_MESSAGE_PUBLISH = 27,    /* C>A  + 0..1 descriptor: a sealed blob; an outlet is to publish it */
  GW_MESSAGE_PUBLISHED = 28,  /* A>C  what became of it, or how an outlet is */
  GW_MESSAGE_LEAD = 29,       /* N>C  what a relayed reply taught */
} GwMessageType;

typedef struct GwLink GwLink;
typedef struct {
  GwMessageType type;
  guint32 serial;
  GVariant *payload; /* borrowed; of gw_message_format(type), in normal form */
  int *fds;          /* the receiver's to take (set to -1) or leave; what is left is closed after the call */
  guint n_fds;       /* 0 also if descriptors were sent and the kernel dropped any of them */
} GwMessage;
typedef struct {
  void (*message)(GwLink *link, const GwMessage *message, gpointer user);
  /* The other side is gone, or spoke nonsense (@error says which; NULL = closed). The last call. */
  void (*closed)(GwLink *link, const GError *error, gpointer user);
} GwLinkEvents;

/* Takes @fd. Messages are read from @context. */
GwLink *gw_link_new(int fd, GMainContext *context, const GwLinkEvents *events, gpointer user);
/* No event is called after this. */
void gw_link_free(GwLink *link);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwLink, gw_link_free)
/* Sinks @payload; @fds are duplicated. FALSE = the queue is full or the link is closed: nothing was sent. */
gboolean gw_link_send(GwLink *link, GwMessageType type, guint32 serial, GVariant *payload, const int *fds,
                      guint n_fds);
guint32 gw_link_next_serial(GwLink *link);
gsize gw_link_queued(const GwLink *link);

/* Both ends of the socket itself, non-blocking. @path: a path, or "@name" for the abstract namespace.
 * Listening replaces the socket of a process that was killed; its file is open to all users, so the listener
 * must look at gw_link_peer_uid(). Connecting while nobody listens is GW_ERROR_OFFLINE. */
int gw_link_listen(const char *path, GError **error);
int gw_link_connect(const char *path, GError **error);
/* Peer's uid by SO_PEERCRED, (uid_t)-1 on failure. */
guint gw_link_peer_uid(int fd);

/* One datagram's bytes to a message: the pure part, fuzzed. NULL and GW_ERROR_BAD_INPUT when it is no
 * message, GW_ERROR_UNSUPPORTED when its number is unknown (then a link passes over it: the other side is
 * newer). */
GVariant *gw_link_parse(const void *data, gsize size, GwMessageType *ret_type, guint32 *ret_serial,
                        GError **error);
/* The GVariant type string of a message; NULL for an unknown number. Static. */
const char *gw_message_format(GwMessageType type);
/* "hello"...; "unknown". Static. */
const char *gw_message_name(GwMessageType type);
