/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lan/transfers.h"
#include "base/error.h"
#include "lan/coverage.h"
#include "net/address.h"
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SEGMENT_SIZE 17 /* 8 bytes in hex */

typedef struct {
  char *token, *node;
  char segment[SEGMENT_SIZE];
  guint64 size;
  GwCoverage coverage;
  gboolean is_begun;  /* told */
  GPtrArray *running; /* GwRunning */
  int gauge;          /* slot, -1 = none free */
  guint64 used;       /* greater = later */
} Pin;

struct GwRunning {
  GwTransfers *transfers;
  Pin *pin;
  guint64 live; /* acknowledged of the running range, beyond the coverage */
  void (*stop)(gpointer user);
  gpointer user;
};

struct GwTransfers {
  GwCoreLink *core;
  GwTransferCaps caps;
  GHashTable *pins;     /* token -> Pin */
  GHashTable *segments; /* segment -> running */
  GHashTable *nodes;    /* node -> running */
  guint n_running;
  guint64 clock;
  int fd;
  GwGauge *gauges;
};

static void
pin_free(gpointer data)
{
  Pin *pin = data;
  g_ptr_array_unref(pin->running);
  g_free(pin->token);
  g_free(pin->node);
  g_free(pin);
}

/* ---- gauges ---- */

static gboolean
make_gauges(GwTransfers *transfers, GError **error)
{
  gsize size = GW_GAUGE_COUNT * sizeof(GwGauge);
  transfers->fd = memfd_create("gatewayd-gauges", MFD_CLOEXEC);
  if (transfers->fd < 0 || ftruncate(transfers->fd, (off_t)size) < 0)
    return gw_fail_errno(error, errno, "making the gauges");
  transfers->gauges = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, transfers->fd, 0);
  if (transfers->gauges == MAP_FAILED) {
    transfers->gauges = NULL;
    return gw_fail_errno(error, errno, "mapping the gauges");
  }
  return TRUE;
}

static int
take_gauge(GwTransfers *transfers, const Pin *pin)
{
  for (int i = 0; i < GW_GAUGE_COUNT; i++) {
    GwGauge *gauge = &transfers->gauges[i];
    if (gauge->is_used)
      continue;
    __atomic_add_fetch(&gauge->generation, 1, __ATOMIC_RELEASE);
    g_strlcpy(gauge->token, pin->token, sizeof gauge->token);
    __atomic_store_n(&gauge->size, pin->size, __ATOMIC_RELAXED);
    __atomic_store_n(&gauge->acked, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&gauge->is_used, 1, __ATOMIC_RELEASE);
    return i;
  }
  return -1; /* nobody sees its progress; nothing else changes */
}

static void
show(GwTransfers *transfers, const Pin *pin, guint64 live)
{
  if (pin->gauge >= 0)
    __atomic_store_n(&transfers->gauges[pin->gauge].acked,
                     MIN(gw_coverage_sum(&pin->coverage) + live, pin->size), __ATOMIC_RELAXED);
}

/* ---- pins ---- */

static void
drop_pin(GwTransfers *transfers, Pin *pin)
{
  if (pin->gauge >= 0)
    __atomic_store_n(&transfers->gauges[pin->gauge].is_used, 0, __ATOMIC_RELEASE);
  g_hash_table_remove(transfers->pins, pin->token);
}

static void
make_room(GwTransfers *transfers)
{
  Pin *oldest = NULL;
  GHashTableIter iter;
  gpointer value;
  if (g_hash_table_size(transfers->pins) < GW_TRANSFERS_MAX)
    return;
  g_hash_table_iter_init(&iter, transfers->pins);
  while (g_hash_table_iter_next(&iter, NULL, &value)) {
    Pin *pin = value;
    if (pin->running->len == 0 && (!oldest || pin->used < oldest->used))
      oldest = pin;
  }
  if (oldest)
    drop_pin(transfers, oldest);
}

/* IPv4: the /24; IPv6: the /64. */
static void
find_segment(const char *text, char ret_segment[SEGMENT_SIZE])
{
  GwAddress address = { 0 };
  memset(ret_segment, 0, SEGMENT_SIZE);
  g_autofree char *full = strchr(text, ':') ? g_strdup_printf("[%s]", text) : g_strdup(text);
  if (!gw_address_parse(full, 1, &address, NULL))
    return;
  gboolean is_ipv4 = gw_address_is_ipv4(&address);
  g_autofree char *hex = g_malloc(2 * sizeof address.bytes + 1);
  gw_hex(is_ipv4 ? address.bytes + 12 : address.bytes, is_ipv4 ? 3 : 8, hex);
  g_snprintf(ret_segment, SEGMENT_SIZE, "%s", hex);
}

static Pin *
find_pin(GwTransfers *transfers, const GwTransferWho *who)
{
  Pin *pin = g_hash_table_lookup(transfers->pins, who->token);
  if (pin)
    return pin;
  make_room(transfers);
  pin = g_new0(Pin, 1);
  pin->token = g_strdup(who->token);
  pin->node = g_strdup(who->node);
  pin->size = who->size;
  pin->running = g_ptr_array_new();
  find_segment(who->address, pin->segment);
  pin->gauge = take_gauge(transfers, pin);
  g_hash_table_insert(transfers->pins, pin->token, pin);
  return pin;
}

/* ---- counts ---- */

static guint
count(GHashTable *table, const char *key)
{
  return GPOINTER_TO_UINT(g_hash_table_lookup(table, key));
}

static void
add(GHashTable *table, const char *key, int n)
{
  guint sum = count(table, key) + (guint)n;
  if (sum == 0)
    g_hash_table_remove(table, key);
  else
    g_hash_table_insert(table, g_strdup(key), GUINT_TO_POINTER(sum));
}

static gboolean
has_room(const GwTransfers *transfers, const Pin *pin)
{
  const GwTransferCaps *caps = &transfers->caps;
  return (!caps->max_total || transfers->n_running < caps->max_total) &&
         (!caps->max_per_segment || count(transfers->segments, pin->segment) < caps->max_per_segment) &&
         (!caps->max_per_node || count(transfers->nodes, pin->node) < caps->max_per_node);
}

/* ---- facts ---- */

static void
tell(GwTransfers *transfers, const Pin *pin, GwToldKind kind)
{
  GwTold told = { .kind = kind, .token = pin->token, .node = pin->node, .size = pin->size };
  told.acked = gw_coverage_sum(&pin->coverage);
  gw_core_link_tell(transfers->core, &told, NULL, NULL);
}

static void
tell_begun(GwTransfers *transfers, Pin *pin)
{
  if (!pin->is_begun)
    tell(transfers, pin, GW_TOLD_BEGUN);
  pin->is_begun = TRUE;
}

static void
arrived(GwTransfers *transfers, Pin *pin, guint64 offset, guint64 size)
{
  pin->used = ++transfers->clock;
  gw_coverage_add(&pin->coverage, offset, size);
  show(transfers, pin, 0);
  if (!gw_coverage_is_complete(&pin->coverage, pin->size))
    return;
  tell(transfers, pin, GW_TOLD_COMPLETE);
  pin->coverage = (GwCoverage){ 0 }; /* whoever fetches again begins again */
  pin->is_begun = FALSE;
}

/* ---- requests ---- */

GwRunning *
gw_transfers_begin(GwTransfers *transfers, const GwTransferWho *who, void (*stop)(gpointer user),
                   gpointer user)
{
  Pin *pin = find_pin(transfers, who);
  if (!who->is_never_cut && !has_room(transfers, pin)) {
    if (pin->running->len == 0 && pin->coverage.n == 0)
      drop_pin(transfers, pin);
    return NULL;
  }
  GwRunning *running = g_new0(GwRunning, 1);
  *running = (GwRunning){ transfers, pin, 0, stop, user };
  g_ptr_array_add(pin->running, running);
  pin->used = ++transfers->clock;
  transfers->n_running++;
  add(transfers->segments, pin->segment, 1);
  add(transfers->nodes, pin->node, 1);
  return running;
}

static void
on_progress(gpointer user, const GwTransferGauge *gauge)
{
  GwRunning *running = user;
  tell_begun(running->transfers, running->pin);
  running->live = gauge->acked;
  show(running->transfers, running->pin, gauge->acked);
}

static void
on_done(gpointer user, const GwTransferGauge *gauge, gboolean is_complete)
{
  g_autofree GwRunning *running = user;
  GwTransfers *transfers = running->transfers;
  Pin *pin = running->pin;
  g_ptr_array_remove_fast(pin->running, running);
  transfers->n_running--;
  add(transfers->segments, pin->segment, -1);
  add(transfers->nodes, pin->node, -1);
  if (gauge->size > 0)
    tell_begun(transfers, pin);
  if (gauge->acked > 0)
    arrived(transfers, pin, gauge->offset, gauge->acked);
  if (gauge->size > 0 && !is_complete && pin->running->len == 0 && pin->is_begun)
    tell(transfers, pin, GW_TOLD_INTERRUPTED);
  if (pin->running->len == 0 && pin->coverage.n == 0)
    drop_pin(transfers, pin);
}

const GwTransferObserver GW_TRANSFER_OBSERVER = { on_progress, on_done };

void
gw_transfers_arrived(GwTransfers *transfers, const GwTransferWho *who, guint64 offset, guint64 size)
{
  Pin *pin = find_pin(transfers, who);
  tell_begun(transfers, pin);
  arrived(transfers, pin, offset, size);
  if (pin->running->len == 0 && pin->coverage.n == 0)
    drop_pin(transfers, pin);
}

void
gw_transfers_left(GwTransfers *transfers, const char *token)
{
  Pin *pin = g_hash_table_lookup(transfers->pins, token);
  if (!pin || pin->running->len > 0)
    return;
  tell(transfers, pin, GW_TOLD_INTERRUPTED);
  drop_pin(transfers, pin);
}

void
gw_transfers_stop(GwTransfers *transfers, const char *token)
{
  Pin *pin = g_hash_table_lookup(transfers->pins, token);
  guint n = pin ? pin->running->len : 0;
  g_autofree GwRunning **list = n ? g_memdup2(pin->running->pdata, n * sizeof(gpointer)) : NULL;
  for (guint i = 0; i < n; i++) {
    /* a stop may end others of the list: ask the pin again, if it is still there */
    pin = g_hash_table_lookup(transfers->pins, token);
    if (pin && list[i]->stop && g_ptr_array_find(pin->running, list[i], NULL))
      list[i]->stop(list[i]->user);
  }
}

char **
gw_transfers_running(const GwTransfers *transfers)
{
  g_autoptr(GStrvBuilder) tokens = g_strv_builder_new();
  GHashTableIter iter;
  gpointer value;
  g_hash_table_iter_init(&iter, transfers->pins);
  while (g_hash_table_iter_next(&iter, NULL, &value)) {
    if (((Pin *)value)->running->len > 0)
      g_strv_builder_add(tokens, ((Pin *)value)->token);
  }
  return g_strv_builder_end(tokens);
}

guint
gw_transfers_count(const GwTransfers *transfers)
{
  return transfers->n_running;
}

/* ---- life ---- */

GwTransfers *
gw_transfers_new(GError **error)
{
  g_autoptr(GwTransfers) transfers = g_new0(GwTransfers, 1);
  transfers->fd = -1;
  transfers->pins = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, pin_free);
  transfers->segments = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  transfers->nodes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  if (!make_gauges(transfers, error))
    return NULL;
  return g_steal_pointer(&transfers);
}

void
gw_transfers_free(GwTransfers *transfers)
{
  if (!transfers)
    return;
  g_hash_table_unref(transfers->pins);
  g_hash_table_unref(transfers->segments);
  g_hash_table_unref(transfers->nodes);
  if (transfers->gauges)
    munmap(transfers->gauges, GW_GAUGE_COUNT * sizeof(GwGauge));
  if (transfers->fd >= 0)
    close(transfers->fd);
  g_free(transfers);
}

int
gw_transfers_gauges_fd(const GwTransfers *transfers)
{
  return transfers->fd;
}

void
gw_transfers_set_core(GwTransfers *transfers, GwCoreLink *core)
{
  transfers->core = core;
}

void
gw_transfers_set_caps(GwTransfers *transfers, const GwTransferCaps *caps)
{
  transfers->caps = *caps;
}
