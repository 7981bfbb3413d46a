/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/gate.h"

#include "base/file.h"
#include <fcntl.h>
#include <unistd.h>

/* Strangers, however many their addresses, leave a quarter of all places to adopted nodes. */
#define STRANGERS_SHARE(total) ((total) - (total) / 4)

typedef struct {
  GwAddress address;
  guint n_inside;
} Visitor;

struct GwGate {
  GwGateLimits limits;
  GwGateCounters counters;
  GHashTable *visitors; /* of Visitor, by address */
  int reserve_fd;
  int n_refs;
};

static guint
hash_host(gconstpointer key)
{
  return gw_address_hash_host(key);
}

static gboolean
equal_host(gconstpointer a, gconstpointer b)
{
  return gw_address_equal_host(a, b);
}

static int
open_reserve(void)
{
  return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

GwGate *
gw_gate_new(const GwGateLimits *limits)
{
  GwGate *gate = g_new0(GwGate, 1);

  gate->n_refs = 1;
  gate->visitors = g_hash_table_new_full(hash_host, equal_host, g_free, NULL);
  gate->reserve_fd = open_reserve();
  gw_gate_set_limits(gate, limits);
  return gate;
}

GwGate *
gw_gate_ref(GwGate *gate)
{
  gate->n_refs++;
  return gate;
}

void
gw_gate_unref(GwGate *gate)
{
  if (!gate || --gate->n_refs > 0)
    return;
  gw_close(&gate->reserve_fd);
  g_hash_table_unref(gate->visitors);
  g_free(gate);
}

void
gw_gate_set_limits(GwGate *gate, const GwGateLimits *limits)
{
  gate->limits = *limits;
  if (gate->limits.max_total == 0)
    gate->limits.max_total = 8192;
  if (gate->limits.max_per_stranger == 0)
    gate->limits.max_per_stranger = 8;
  if (gate->limits.max_per_adopted == 0)
    gate->limits.max_per_adopted = 32;
}

static gboolean
is_adopted(const GwGate *gate, const GwAddress *address)
{
  return gate->limits.is_adopted && gate->limits.is_adopted(address, gate->limits.user);
}

gboolean
gw_gate_enter(GwGate *gate, const GwAddress *address)
{
  const GwGateLimits *limits = &gate->limits;
  Visitor *visitor = g_hash_table_lookup(gate->visitors, address);
  guint n = visitor ? visitor->n_inside : 0;
  gboolean is_crowded = gate->counters.n_inside >= STRANGERS_SHARE(limits->max_total);

  if (gate->counters.n_inside >= limits->max_total || (is_crowded && !is_adopted(gate, address))) {
    gate->counters.n_refused_total++;
    return FALSE;
  }
  if (n >= limits->max_per_stranger && (n >= limits->max_per_adopted || !is_adopted(gate, address))) {
    gate->counters.n_refused_address++;
    return FALSE;
  }
  if (!visitor) {
    visitor = g_new0(Visitor, 1);
    visitor->address = *address;
    g_hash_table_add(gate->visitors, visitor);
  }
  visitor->n_inside++;
  gate->counters.n_inside++;
  gate->counters.n_entered++;
  return TRUE;
}

void
gw_gate_leave(GwGate *gate, const GwAddress *address)
{
  Visitor *visitor = g_hash_table_lookup(gate->visitors, address);

  g_assert(visitor && gate->counters.n_inside > 0);
  gate->counters.n_inside--;
  if (--visitor->n_inside == 0)
    g_hash_table_remove(gate->visitors, address);
}

const GwGateCounters *
gw_gate_counters(const GwGate *gate)
{
  return &gate->counters;
}

void
gw_gate_turn_away(int fd, const void *refusal, gsize refusal_size)
{
  char unread[2048];

  /* What lies unread would turn our close into a reset that overtakes the refusal. */
  for (guint i = 0; i < 8 && recv(fd, unread, sizeof unread, MSG_DONTWAIT) == sizeof unread;)
    i++;
  if (refusal_size > 0)
    send(fd, refusal, refusal_size, MSG_NOSIGNAL | MSG_DONTWAIT);
  shutdown(fd, SHUT_WR);
  close(fd);
}

gboolean
gw_gate_refuse_one(GwGate *gate, int listen_fd, const void *refusal, gsize refusal_size)
{
  int fd;

  if (gate->reserve_fd < 0)
    gate->reserve_fd = open_reserve();
  if (gate->reserve_fd < 0)
    return FALSE;
  gw_close(&gate->reserve_fd);
  fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd >= 0) {
    gate->counters.n_refused_descriptors++;
    gw_gate_turn_away(fd, refusal, refusal_size);
  }
  gate->reserve_fd = open_reserve();
  return fd >= 0;
}
