/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A core in a folder of its own, with a clock that the test moves and workers that the test plays: they speak
 * the real link over real sockets. Only public headers. */
#pragma once
#include "control/core.h"
#include "gateway-plugin.h"
#include "link/messages.h"

#define RIG_SILENT "fake-silent" /* never-cut, never says its version; 3 requests, 30 s apart, 5 min, 7 d */
#define RIG_TOLD "fake-told"     /* can be cut, says its version, which is proof */
#define RIG_NUMBERED                                                                                         \
  "fake-numbered" /* silent, can be cut; is told NUMBER 1 to 255: "last" 254, "old" 127 for radio=old */
#define RIG_SESSION "fake-session" /* the same as told, and can be woken */
#define RIG_CLOUD "fake-cloud"     /* an upstream that takes reports */
#define RIG_DAY_MS G_GINT64_CONSTANT(86400000)

typedef struct {
  char *folder;
  int state_fd, cache_fd;
  char *config;
  GwCore *core;
  gint64 boot_ms, wall_ms;
  gboolean is_trusted;
  GwLink *lan, *wan;
  GQueue *lan_messages, *wan_messages; /* RigMessage, oldest first */
  gboolean is_broken;                  /* the core asked to be ended */
} Rig;

typedef struct {
  GwMessageType type;
  guint32 serial;
  GVariant *payload;
  int fd; /* -1 = none */
} RigMessage;
void rig_message_free(RigMessage *message);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RigMessage, rig_message_free)

/* @config: text of gatewayd.conf, or NULL. Core and both workers are up; the clock is trusted. */
Rig *rig_new(const char *config);
/* The same in this folder, which may hold an earlier run; NULL = a new one. */
Rig *rig_new_at(const char *folder, const char *config);
void rig_remove_tree(const char *path);
void rig_free(Rig *rig);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Rig, rig_free)
/* The core alone: stopped, and started on the same folder. */
void rig_stop_core(Rig *rig);
void rig_start_core(Rig *rig);
void rig_connect_lan(Rig *rig);
/* What that worker says of its plugins: aa{sv}, floating. */
GVariant *rig_plugins(void);
GVariant *rig_upstream_plugins(void);
void rig_connect_wan(Rig *rig);
/* A connection to the LAN's door without a word. */
void rig_connect_mute(Rig *rig);
/* Flips a byte of every file below the folder. */
void rig_spoil_files(const char *folder);
/* Time passes on both clocks; what became due is done and on disk. */
void rig_pass(Rig *rig, gint64 ms);
/* Runs until nothing waits any more: what was asked for is on disk. */
void rig_settle(Rig *rig);

/* ---- the disk (rig-disk.c) ---- */
/* Work for the database waits until it is released: nothing is committed meanwhile. */
void rig_hold_database(Rig *rig);
void rig_release_database(Rig *rig);
/* The process gets mounts of its own. First of all. */
void rig_own_mounts(void);
/* A rig whose database has a disk of its own, of 16 MiB, in a folder that is given back. */
Rig *rig_new_on_disk(void);
void rig_free_on_disk(Rig *rig);
/* Leaves not one byte of it; and gives it back. */
void rig_fill_disk(Rig *rig);
void rig_empty_disk(Rig *rig);
/* A verified firmware whose image is not here, and as large as the whole cache. */
gint64 rig_announce_too_large(Rig *rig, const char *product);
/* The core is stopped: what it wrote becomes that of an earlier boot. */
void rig_forget_boot(Rig *rig);
/* A batch that cannot be written. */
void rig_break_database(Rig *rig);

/* ---- commands: TRUE and *ret_result (or NULL wanted), or the error ---- */
extern const GwCaller rig_caller;
GwThen rig_then(void);
/* Waits for the command begun with rig_then(). */
GVariant *rig_result(Rig *rig, GError **error);
#define rig_run(rig, ...)                                                                                    \
  G_STMT_START                                                                                               \
  {                                                                                                          \
    g_autoptr(GError) rig_error = NULL;                                                                      \
    g_autoptr(GVariant) rig_value = ((__VA_ARGS__), rig_result((rig), &rig_error));                          \
    g_assert_no_error(rig_error);                                                                            \
  }                                                                                                          \
  G_STMT_END
/* It must fail with this code and a text that holds @words. */
#define rig_refused(rig, error_code, words, ...)                                                             \
  G_STMT_START                                                                                               \
  {                                                                                                          \
    g_autoptr(GError) rig_error = NULL;                                                                      \
    g_autoptr(GVariant) rig_value = ((__VA_ARGS__), rig_result((rig), &rig_error));                          \
    g_assert_error(rig_error, GW_ERROR, error_code);                                                         \
    g_assert_nonnull(strstr(rig_error->message, words));                                                     \
  }                                                                                                          \
  G_STMT_END
/* A product of that plugin. */
void rig_product(Rig *rig, const char *name, const char *plugin);
/* A descriptor of @size bytes, all @fill. Yours. */
int rig_image(gsize size, char fill);
/* Such an image, imported: the firmware's id. */
gint64 rig_import(Rig *rig, const char *product, const char *version, gsize size, char fill);
/* Imported, proven on a node of its own, confirmed: verified. */
gint64 rig_verified(Rig *rig, const char *product, const char *version);
/* The same for one that was imported. */
void rig_prove(Rig *rig, gint64 firmware, const char *product, const char *version);
void rig_prove_on(Rig *rig, gint64 firmware, const char *node, const char *product, const char *version);
void rig_adopt(Rig *rig, const char *node, const char *product);
gint64 rig_push(Rig *rig, gint64 firmware, const char *node);
/* @options: text of an a{sv}. The second only begins it, for rig_refused(). */
gint64 rig_push_as(Rig *rig, gint64 firmware, const char *node, const char *options);
void rig_begin_push(Rig *rig, gint64 firmware, const char *node, const char *options);
/* A running rule; @form: text of an a{sv} beside name and firmware, or NULL. */
gint64 rig_rule(Rig *rig, const char *name, gint64 firmware, const char *form);
/* One column of a row, as text; the row whose @key is @value. NULL = there is none. Caller frees. */
char *rig_column(Rig *rig, const char *kind, const char *key, const char *value, const char *column);
#define rig_assert_column(rig, kind, key, value, column, expected)                                           \
  G_STMT_START                                                                                               \
  {                                                                                                          \
    g_autofree char *rig_text = rig_column((rig), (kind), (key), (value), (column));                         \
    g_assert_cmpstr(rig_text, ==, (expected));                                                               \
  }                                                                                                          \
  G_STMT_END
/* How many events of that type (glob) there are, of this run and earlier ones. */
guint rig_count_events(Rig *rig, const char *type);
/* All lines of explain. Caller frees. */
char *rig_explain(Rig *rig, const char *node);

/* ---- the LAN worker ---- */
/* A claimed name asks over a plugin; @version NULL = does not say. The core's answer; clear it. */
typedef struct {
  const char *plugin, *node, *version, *token, *address;
  gboolean is_group;
  const char *radio;              /* its attribute of that name */
  const char *type;               /* the part that version and question are about */
  int update;                     /* that it tells about; 0 = it does not say */
  const char *credential, *image; /* shown with the name; asked for by name */
  const char *imei, *chip;        /* an alias, and an attribute */
} RigAsker;
GwAnswer rig_ask(Rig *rig, const RigAsker *asker);
GwAnswer rig_ask_bytes(Rig *rig, const RigAsker *asker);
GwAnswer rig_introduce(Rig *rig, const RigAsker *asker);
/* Without waiting for the answer. */
void rig_send_ask(Rig *rig, const RigAsker *asker);
void rig_send_tell(Rig *rig, GwToldKind kind, const char *token, guint64 acked);
void rig_expect_nothing(Rig *rig, const RigAsker *asker, int reason);
/* The offer's token. Caller frees. */
char *rig_expect_offer(Rig *rig, const RigAsker *asker, const char *version);
/* The kind of the ACK. */
int rig_tell(Rig *rig, GwToldKind kind, const char *token, guint64 acked);
/* The same of a group of which @n_members are being sent it then. */
int rig_tell_of_group(Rig *rig, GwToldKind kind, const char *token, guint64 acked, guint n_members);
int rig_report(Rig *rig, const RigAsker *asker, int state, const char *code);
/* Offer, bytes, begun, complete: the node has it. Returns the token. Caller frees. */
char *rig_download(Rig *rig, const RigAsker *asker, const char *version);

/* ---- messages: waits for the first of that type; NULL = none comes although everything is settled ---- */
RigMessage *rig_take(Rig *rig, gboolean is_lan, GwMessageType type);
/* The reply of a LAN message: it must come. */
RigMessage *rig_take_reply(Rig *rig, GwMessageType type, guint32 serial);
void rig_forget_messages(Rig *rig);

/* ---- the WAN worker ---- */
/* The catalog of upstream "cloud". @signature: base64 text, or NULL. */
void rig_announce(Rig *rig, const char *document, const char *signature);
/* One release as JSON; @url "fw.bin". Caller frees. */
char *rig_release(const char *product, const char *version, const void *image, gsize size);
/* A document of these releases (texts, NULL-terminated), valid for a day. Caller frees. */
char *rig_catalog(Rig *rig, gint64 sequence, const char *const *releases);
/* The report under way to @upstream, waited for; NULL = there is none. Clear it with rig_report_free(). */
GwReport *rig_take_report(Rig *rig, const char *upstream);
void rig_report_free(GwReport *report);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwReport, rig_report_free)
/* What became of it: the same GatewayResult for each event. */
void rig_answer_report(Rig *rig, const GwReport *report, int result, const char *text);
/* Writes @image into the pipe of @fetch and says so; result: GatewayResult. */
void rig_deliver(Rig *rig, RigMessage *fetch, const void *image, gsize size, int result);
/* The worker has sent so much of it, and goes on. */
void rig_begin_to_deliver(Rig *rig, const RigMessage *fetch, const char *bytes, gsize size);
