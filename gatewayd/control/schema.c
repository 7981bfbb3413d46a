/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every option of gatewayd.conf, with its default and its help: the one table that the parser, the commented
 * default file and its test read. Sections marked open take the keys that plugins declare themselves. */
#include "control/core.h"

#define MINUTE_MS G_GINT64_CONSTANT(60000)
#define DAY_MS (24 * 60 * MINUTE_MS)
#define YEAR_MS (366 * DAY_MS)

static const GwOption OPTIONS[] = {
  { "daemon", "state", GW_OPTION_PATH, "/var/lib/gatewayd", 0, 0, NULL,
    "folder of the database and its snapshots" },
  { "daemon", "cache", GW_OPTION_PATH, "/var/cache/gatewayd", 0, 0, NULL, "folder of the firmware images" },
  { "daemon", "link-dir", GW_OPTION_PATH, "/run/gatewayd", 0, 0, NULL,
    "folder of the sockets to the workers" },
  { "daemon", "bus", GW_OPTION_STRING, "system", 0, 0, NULL, "\"system\" or the address of a D-Bus" },
  { "daemon", "lan-user", GW_OPTION_STRING, "gatewayd-lan", 0, 0, NULL,
    "user of the LAN workers; besides it only root and the core's own user may be one" },
  { "daemon", "wan-user", GW_OPTION_STRING, "gatewayd-wan", 0, 0, NULL, "likewise of the WAN worker" },
  { "daemon", "log-level", GW_OPTION_CHOICE, "info", 0, 0, "err|warning|notice|info|debug",
    "least important line that is logged" },

  { "clock", "trust", GW_OPTION_CHOICE, "auto", 0, 0, "auto|always",
    "auto: no update begins before the clock is synchronised; always: it is right from the start" },

  { "limits", "transfers", GW_OPTION_INTEGER, "64", 1, 100000, NULL, "downloads by nodes at once" },
  { "limits", "location-transfers", GW_OPTION_LIST, "", 0, 0, NULL,
    "PATH:N separated by commas: at most N downloads at once by nodes whose location begins with PATH" },
  { "limits", "attempts", GW_OPTION_INTEGER, "3", 1, 100, NULL,
    "attempts of one update before it has failed" },
  { "limits", "failures", GW_OPTION_INTEGER, "5", 0, 1000, NULL,
    "updates of a node that failed one after the other before it is set aside; 0: never" },
  { "limits", "retry-first", GW_OPTION_DURATION, "1h", 1, YEAR_MS, NULL,
    "wait after the first failed attempt; doubles with each" },
  { "limits", "retry-max", GW_OPTION_DURATION, "24h", 1, YEAR_MS, NULL, "longest wait between attempts" },
  { "limits", "slot", GW_OPTION_DURATION, "10min", 1, DAY_MS, NULL,
    "how long a node that was offered an image keeps its place before it asks for a byte" },
  { "limits", "never-asked", GW_OPTION_DURATION, "30d", 1, YEAR_MS, NULL,
    "an offer whose bytes are never asked for ends its update after this" },
  { "limits", "stalled", GW_OPTION_DURATION, "15min", 1, DAY_MS, NULL,
    "a download of which no byte moves for so long is a failed attempt" },
  { "limits", "not-back", GW_OPTION_DURATION, "24h", 1, YEAR_MS, NULL,
    "a node not heard again for so long after its download has failed; silent makes have their own" },
  { "limits", "verification", GW_OPTION_DURATION, "60d", MINUTE_MS, YEAR_MS, NULL,
    "a firmware whose one node is not heard with it within this is unverified again" },
  { "limits", "verification-stay", GW_OPTION_DURATION, "1h", 0, YEAR_MS, NULL,
    "how long that node must stay in contact before the firmware can be confirmed" },
  { "limits", "online", GW_OPTION_DURATION, "1h", 1, YEAR_MS, NULL,
    "a node heard within this is online, and may be named to verify a firmware" },
  { "limits", "pin-idle", GW_OPTION_DURATION, "90d", MINUTE_MS, 10 * YEAR_MS, NULL,
    "a promise to serve an image lapses after so long without a word from the node" },
  { "limits", "preseed", GW_OPTION_DURATION, "6h", 0, 30 * DAY_MS, NULL,
    "so long before a rule's window opens its images are fetched" },
  { "limits", "strangers", GW_OPTION_INTEGER, "10000", 1, 1000000, NULL,
    "nodes that are remembered without being adopted; the longest unheard is forgotten first" },
  { "limits", "timeline-rows", GW_OPTION_INTEGER, "200", 10, 100000, NULL,
    "rows of history kept for a node" },
  { "limits", "timeline-age", GW_OPTION_DURATION, "400d", DAY_MS, 10 * YEAR_MS, NULL,
    "how long the history of a node is kept" },
  { "limits", "events", GW_OPTION_INTEGER, "200000", 1000, 10000000, NULL,
    "events kept; final states of updates go last" },

  { "limits", "wan-month", GW_OPTION_SIZE, "0", 0, 0, NULL,
    "bytes of images from the clouds in a calendar month (UTC), told at 80 %; catalogs and reports pass; 0 = "
    "unlimited" },
  { "limits", "outbox", GW_OPTION_INTEGER, "20000", 16, 10000000, NULL,
    "events kept for an upstream that does not take them; final states of updates are kept beyond it" },

  { "cache", "size", GW_OPTION_SIZE, "0", 0, 0, NULL, "bytes of images kept; 0 = 80 % of the partition" },
  { "cache", "image", GW_OPTION_SIZE, "256MiB", 1, G_MAXINT64, NULL, "largest image that is accepted" },
  { "cache", "memory", GW_OPTION_SIZE, "64MiB", 0, 0, NULL, "bytes of images served from memory" },
  { "cache", "memory-image", GW_OPTION_SIZE, "16MiB", 0, 0, NULL,
    "largest image served from memory; larger ones are hashed again when opened" },

  { "lan", "connections", GW_OPTION_INTEGER, "8192", 8, 1000000, NULL, "connections of nodes at once" },
  { "lan", "stranger-connections", GW_OPTION_INTEGER, "8", 1, 100000, NULL,
    "connections from the address of a node that is not adopted" },
  { "lan", "adopted-connections", GW_OPTION_INTEGER, "32", 1, 100000, NULL,
    "connections from the address of an adopted node" },
  { "lan", "segment-transfers", GW_OPTION_INTEGER, "8", 1, 100000, NULL,
    "downloads at once by nodes of one network segment" },
  { "lan", "node-transfers", GW_OPTION_INTEGER, "2", 1, 1000, NULL, "downloads at once by one node" },
  { "lan", "rate", GW_OPTION_SIZE, "0", 0, 0, NULL, "bytes per second to all nodes together; 0 = unlimited" },
  { "lan", "rate-hours", GW_OPTION_LIST, "", 0, 0, NULL,
    "another rate at some hours (UTC), like \"22:00-06:00 4MiB, 06:00-08:00 0\"; the first that fits" },
  { "lan", "segment-rate", GW_OPTION_SIZE, "0", 0, 0, NULL,
    "bytes per second to the nodes of one network segment (an IPv4 /24 or an IPv6 /64); 0 = unlimited" },
  { "lan", "segment-rate-hours", GW_OPTION_LIST, "", 0, 0, NULL,
    "another segment-rate at some hours, like rate-hours" },
  { "lan", "node-rate", GW_OPTION_SIZE, "0", 0, 0, NULL,
    "bytes per second to the address of one node; 0 = unlimited" },
  { "lan", "node-rate-hours", GW_OPTION_LIST, "", 0, 0, NULL,
    "another node-rate at some hours, like rate-hours" },
  { "lan", "transfer-rate", GW_OPTION_SIZE, "0", 0, 0, NULL,
    "bytes per second of one download; 0 = unlimited" },
  { "lan", "transfer-rate-hours", GW_OPTION_LIST, "", 0, 0, NULL,
    "another transfer-rate at some hours, like rate-hours" },
  { "lan", "tls-certificate", GW_OPTION_PATH, NULL, 0, 0, NULL, "PEM chain for listeners with TLS" },
  { "lan", "tls-key", GW_OPTION_STRING, "tls-key", 0, 0, NULL,
    "systemd credential of the LAN worker that holds its key" },

  { "wan", "proxy", GW_OPTION_STRING, "", 0, 0, NULL, "URL of the proxy to the clouds; empty: none" },
  { "wan", "ca-file", GW_OPTION_PATH, NULL, 0, 0, NULL,
    "PEM file of the authorities to trust in place of the system's" },
  { "wan", "rate", GW_OPTION_SIZE, "0", 0, 0, NULL,
    "bytes per second of all downloads together; 0 = unlimited" },
  { "wan", "rate-hours", GW_OPTION_LIST, "", 0, 0, NULL,
    "another rate at some hours (UTC), like \"22:00-06:00 4MiB, 06:00-08:00 0\"; the first that fits" },
  { "wan", "connect-timeout", GW_OPTION_DURATION, "15s", 100, DAY_MS, NULL,
    "how long name, connection and TLS may take" },
  { "wan", "slow-window", GW_OPTION_DURATION, "60s", 100, DAY_MS, NULL,
    "a cloud slower than slow-rate over this is given up and tried again later" },
  { "wan", "slow-rate", GW_OPTION_SIZE, "1KiB", 0, 1 << 30, NULL, "bytes per second, see slow-window" },
  { "wan", "report-timeout", GW_OPTION_DURATION, "10min", 100, DAY_MS, NULL,
    "a plugin that sits in one report for longer is held back; other upstreams go on" },
  { "wan", "passthrough-resolver", GW_OPTION_STRING, "", 0, 0, NULL,
    "address of a DNS server, not the site's, that knows where the vendors' own hosts are" },
  { "wan", "passthrough-address", GW_OPTION_STRING, "", 0, 0, NULL,
    "\"HOST ADDRESS\", separated by commas: where vendors' own hosts are, without asking" },

  { "upstream", "type", GW_OPTION_STRING, NULL, 0, 0, NULL, "plugin that speaks to it" },
  { "upstream", "require-signature", GW_OPTION_BOOLEAN, "yes", 0, 0, NULL,
    "refuse a catalog that no key of the keyring signed" },
  { "upstream", "keyring", GW_OPTION_STRING, NULL, 0, 0, NULL,
    "keyring that its catalogs are checked with; default: the one of the upstream's own name" },
  { "upstream", "trust-verification", GW_OPTION_CHOICE, "site", 0, 0, "site|cloud",
    "site: what it announces waits until one node here has proven it; cloud: it arrives verified" },
  { "upstream", "prefetch", GW_OPTION_BOOLEAN, "no", 0, 0, NULL,
    "fetch every image when it is announced, not when it is needed" },
  { "upstream", "poll", GW_OPTION_DURATION, NULL, 10, YEAR_MS, NULL,
    "how often to look for news; default: the plugin's" },

  { "upstream", "rate", GW_OPTION_SIZE, "0", 0, 0, NULL,
    "bytes per second of its downloads, beside that of [wan]; 0 = unlimited" },
  { "upstream", "rate-hours", GW_OPTION_LIST, "", 0, 0, NULL,
    "another rate at some hours (UTC), like \"22:00-06:00 4MiB, 06:00-08:00 0\"; the first that fits" },
  { "upstream", "events", GW_OPTION_LIST, "*", 0, 0, NULL,
    "types of events that it is told, where its plugin reports: update.*, node.*" },
  { "upstream", "report-batch", GW_OPTION_INTEGER, "100", 1, 256, NULL, "events in one report" },
  { "upstream", "report-interval", GW_OPTION_DURATION, "1s", 0, DAY_MS, NULL,
    "least time between two reports" },

  { "outlet", "type", GW_OPTION_STRING, NULL, 0, 0, NULL, "plugin that speaks to it" },

  { "keyring", "file", GW_OPTION_LIST, NULL, 0, 0, NULL,
    "PEM files of public keys (Ed25519, P-256 or RSA), separated by commas" },
  { "keyring", "products", GW_OPTION_LIST, "*", 0, 0, NULL, "products that these keys may sign for" },

  { "plugin", "enabled", GW_OPTION_BOOLEAN, "yes", 0, 0, NULL, "no: nobody is served by it, or asked" },
  { "plugin", "listen", GW_OPTION_LISTEN, NULL, 0, 0, NULL,
    "ADDRESS:PORT or :PORT, with \"tls:\" in front for TLS, or the name of a line; default: the plugin's "
    "ports" },
  { "plugin", "inference-requests", GW_OPTION_INTEGER, NULL, 1, 1000, NULL,
    "silent makes: so many metadata requests without bytes mean success; default: the plugin's" },
  { "plugin", "inference-apart", GW_OPTION_DURATION, NULL, 0, YEAR_MS, NULL,
    "silent makes: least time between two requests that count; default: the plugin's" },
  { "plugin", "inference-bytes", GW_OPTION_DURATION, NULL, 1, YEAR_MS, NULL,
    "silent makes: bytes asked for within this make a request not count; default: the plugin's" },
  { "plugin", "inference-not-back", GW_OPTION_DURATION, NULL, 1, YEAR_MS, NULL,
    "silent makes: not heard for so long after a download is a failure; default: the plugin's, or 7d" },
  { "plugin", "transfers", GW_OPTION_INTEGER, "0", 0, 100000, NULL,
    "downloads at once by nodes that it serves; 0: only the gateway's limit" },
  { "plugin", "pin", GW_OPTION_DURATION, NULL, 1, YEAR_MS, NULL,
    "a new metadata request after so long without bytes may get newer firmware; default: the plugin's" },

  { "line", "device", GW_OPTION_STRING, NULL, 0, 0, NULL,
    "serial device, or a TCP serial server: tcp://ADDRESS:PORT (raw), rfc2217://ADDRESS:PORT" },
  { "line", "speed", GW_OPTION_INTEGER, "9600", 50, 4000000, NULL, "baud" },

  { NULL },
};

static const char *const INSTANCED[] = { "upstream", "outlet", "keyring", "plugin", "line", NULL };
static const char *const OPEN[] = { "upstream", "outlet", "plugin", "line", NULL };

const GwConfigSchema *
gw_core_schema(void)
{
  static const GwConfigSchema SCHEMA = { OPTIONS, INSTANCED, OPEN };

  return &SCHEMA;
}
