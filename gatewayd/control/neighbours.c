/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control/neighbours.h"

#include <arpa/inet.h>
#include <errno.h>
#include <glib-unix.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"

#define REPLY_MAX 8192
#define CHANGES_PER_TURN 64
#define REMEMBERED 4096

/* What the kernel said of an address; it holds until the kernel tells of a change. */
typedef struct {
  char mac[18]; /* "" = none */
  char interface[];
} Word;

struct GwNeighbours {
  int query_fd, listen_fd;
  GHashTable *words; /* address -> Word */
  guint32 serial;
  GSource *source;
  GwNeighbourChanged changed;
  gpointer user;
};

typedef struct {
  int family;
  guint8 bytes[16];
  gsize size;
} Address;

/* A request: a head, the message's own struct, then attributes. */
typedef struct {
  struct nlmsghdr head;
  union {
    struct ndmsg neighbour;
    struct rtmsg route;
    struct ifinfomsg link;
  } body;
  char attributes[64];
} Request;

static gboolean
parse_address(const char *text, Address *ret_address)
{
  g_autofree char *plain = g_strdup(text);
  Address address = { 0 };
  char *scope = strchr(plain, '%');

  if (scope)
    *scope = '\0';
  address.family = strchr(plain, ':') ? AF_INET6 : AF_INET;
  address.size = address.family == AF_INET6 ? 16 : 4;
  if (inet_pton(address.family, plain, address.bytes) != 1)
    return FALSE;
  *ret_address = address;
  return TRUE;
}

static int
open_socket(guint32 groups, GError **error)
{
  GW_AUTO_FD int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
  struct sockaddr_nl local = { .nl_family = AF_NETLINK, .nl_groups = groups };

  if (fd < 0 || bind(fd, (struct sockaddr *)&local, sizeof(local)) < 0) {
    gw_fail_errno(error, errno, "cannot open netlink");
    return -1;
  }
  return g_steal_fd(&fd);
}

static void
request_init(Request *request, guint16 type, gsize body_size)
{
  memset(request, 0, sizeof(*request));
  request->head.nlmsg_len = NLMSG_LENGTH(body_size);
  request->head.nlmsg_type = type;
  request->head.nlmsg_flags = NLM_F_REQUEST;
}

static void
request_add(Request *request, guint16 type, const void *data, gsize size)
{
  struct rtattr *attribute = (void *)((char *)request + NLMSG_ALIGN(request->head.nlmsg_len));

  g_assert(NLMSG_ALIGN(request->head.nlmsg_len) + RTA_SPACE(size) <= sizeof(*request));
  attribute->rta_type = type;
  attribute->rta_len = (unsigned short)RTA_LENGTH(size);
  memcpy(RTA_DATA(attribute), data, size);
  request->head.nlmsg_len = NLMSG_ALIGN(request->head.nlmsg_len) + (guint32)RTA_SPACE(size);
}

/* Sends and takes the one reply, which the kernel has queued before send() returned. */
static const struct nlmsghdr *
ask_kernel(GwNeighbours *neighbours, Request *request, char reply[REPLY_MAX])
{
  struct sockaddr_nl from = { 0 };
  socklen_t from_size = sizeof(from);

  request->head.nlmsg_seq = ++neighbours->serial;
  if (send(neighbours->query_fd, request, request->head.nlmsg_len, 0) < 0)
    return NULL;
  for (int tries = 0; tries < 8; tries++) {
    ssize_t size = recvfrom(neighbours->query_fd, reply, REPLY_MAX, 0, (struct sockaddr *)&from, &from_size);
    const struct nlmsghdr *head = (const void *)reply;

    if (size < 0)
      return NULL;
    if (from.nl_pid == 0 && NLMSG_OK(head, (gsize)size) && head->nlmsg_seq == neighbours->serial)
      return head->nlmsg_type == NLMSG_ERROR ? NULL : head;
  }
  return NULL;
}

static const struct rtattr *
find_attribute(const struct nlmsghdr *head, gsize body_size, guint16 type)
{
  const struct rtattr *attribute = (const void *)((const char *)NLMSG_DATA(head) + NLMSG_ALIGN(body_size));
  int left = (int)head->nlmsg_len - (int)NLMSG_SPACE(body_size);

  for (; RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left))
    if (attribute->rta_type == type)
      return attribute;
  return NULL;
}

static int
find_interface(GwNeighbours *neighbours, const char *name)
{
  char reply[REPLY_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));
  const struct nlmsghdr *head;
  Request request;

  if (strlen(name) >= IFNAMSIZ)
    return 0;
  request_init(&request, RTM_GETLINK, sizeof(request.body.link));
  request_add(&request, IFLA_IFNAME, name, strlen(name) + 1);
  head = ask_kernel(neighbours, &request, reply);
  if (!head || head->nlmsg_type != RTM_NEWLINK)
    return 0;
  return ((const struct ifinfomsg *)NLMSG_DATA(head))->ifi_index;
}

/* The interface through which @address is reached directly; 0 = through a router, or not at all. */
static int
find_route(GwNeighbours *neighbours, const Address *address)
{
  char reply[REPLY_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));
  const struct nlmsghdr *head;
  const struct rtattr *out;
  Request request;

  request_init(&request, RTM_GETROUTE, sizeof(request.body.route));
  request.body.route.rtm_family = (guchar)address->family;
  request.body.route.rtm_dst_len = (guchar)(address->size * 8);
  request_add(&request, RTA_DST, address->bytes, address->size);
  head = ask_kernel(neighbours, &request, reply);
  if (!head || head->nlmsg_type != RTM_NEWROUTE || find_attribute(head, sizeof(struct rtmsg), RTA_GATEWAY) ||
      !(out = find_attribute(head, sizeof(struct rtmsg), RTA_OIF)))
    return 0;
  return *(const int *)RTA_DATA(out);
}

/* FALSE: the entry names no usable MAC. */
static gboolean
read_mac(const struct nlmsghdr *head, char ret_mac[18])
{
  const struct ndmsg *neighbour = NLMSG_DATA(head);
  const struct rtattr *link = find_attribute(head, sizeof(*neighbour), NDA_LLADDR);
  const guint8 *mac;

  if (!link || RTA_PAYLOAD(link) != 6 || (neighbour->ndm_state & (NUD_INCOMPLETE | NUD_FAILED | NUD_NOARP)))
    return FALSE;
  mac = RTA_DATA(link);
  g_snprintf(ret_mac, 18, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
  return TRUE;
}

static gboolean
ask_mac(GwNeighbours *neighbours, const char *address, const char *interface, char ret_mac[18])
{
  char reply[REPLY_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));
  const struct nlmsghdr *head;
  Address parsed;
  Request request;

  if (!parse_address(address, &parsed))
    return FALSE;
  request_init(&request, RTM_GETNEIGH, sizeof(request.body.neighbour));
  request.body.neighbour.ndm_family = (guchar)parsed.family;
  request.body.neighbour.ndm_ifindex =
      *interface ? find_interface(neighbours, interface) : find_route(neighbours, &parsed);
  if (request.body.neighbour.ndm_ifindex == 0)
    return FALSE;
  request_add(&request, NDA_DST, parsed.bytes, parsed.size);
  head = ask_kernel(neighbours, &request, reply);
  return head && head->nlmsg_type == RTM_NEWNEIGH && read_mac(head, ret_mac);
}

/* One that changes interfaces all the time is asked about each time. */
gboolean
gw_neighbours_find(GwNeighbours *neighbours, const char *address, const char *interface, char ret_mac[18])
{
  g_autofree char *plain = g_strndup(address, strcspn(address, "%"));
  Word *word = g_hash_table_lookup(neighbours->words, plain);
  gsize size = strlen(interface) + 1;

  if (!word || strcmp(word->interface, interface) != 0) {
    word = g_malloc0(sizeof *word + size);
    memcpy(word->interface, interface, size);
    (void)ask_mac(neighbours, address, interface, word->mac);
    if (g_hash_table_size(neighbours->words) >= REMEMBERED)
      g_hash_table_remove_all(neighbours->words);
    g_hash_table_replace(neighbours->words, g_steal_pointer(&plain), word);
  }
  if (!*word->mac)
    return FALSE;
  memcpy(ret_mac, word->mac, sizeof word->mac);
  return TRUE;
}

static void
tell_change(GwNeighbours *neighbours, const struct nlmsghdr *head)
{
  const struct ndmsg *neighbour = NLMSG_DATA(head);
  const struct rtattr *address;
  char text[INET6_ADDRSTRLEN], mac[18] = "";

  if (head->nlmsg_len < NLMSG_LENGTH(sizeof(*neighbour)) ||
      (neighbour->ndm_family != AF_INET && neighbour->ndm_family != AF_INET6))
    return;
  address = find_attribute(head, sizeof(*neighbour), NDA_DST);
  if (!address || RTA_PAYLOAD(address) != (neighbour->ndm_family == AF_INET ? 4u : 16u))
    return;
  if (!inet_ntop(neighbour->ndm_family, RTA_DATA(address), text, sizeof(text)))
    return;
  g_hash_table_remove(neighbours->words, text);
  if (head->nlmsg_type == RTM_NEWNEIGH && !read_mac(head, mac))
    return; /* being looked for: nothing is known yet */
  neighbours->changed(text, mac, neighbours->user);
}

static gboolean
on_change(int fd, GIOCondition condition, gpointer user)
{
  GwNeighbours *neighbours = user;
  char buffer[REPLY_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));

  for (int i = 0; i < CHANGES_PER_TURN; i++) {
    ssize_t size = recv(fd, buffer, sizeof(buffer), 0);

    if (size < 0 && errno == ENOBUFS) {
      g_hash_table_remove_all(neighbours->words); /* changes were lost: the next questions find them */
      continue;
    }
    if (size <= 0)
      return G_SOURCE_CONTINUE;
    gsize left = (gsize)size;
    for (const struct nlmsghdr *head = (const void *)buffer; NLMSG_OK(head, left);
         head = NLMSG_NEXT(head, left))
      if (head->nlmsg_type == RTM_NEWNEIGH || head->nlmsg_type == RTM_DELNEIGH)
        tell_change(neighbours, head);
  }
  return G_SOURCE_CONTINUE;
}

GwNeighbours *
gw_neighbours_new(GMainContext *context, GwNeighbourChanged changed, gpointer user, GError **error)
{
  g_autoptr(GwNeighbours) neighbours = g_new0(GwNeighbours, 1);

  neighbours->changed = changed;
  neighbours->user = user;
  neighbours->listen_fd = -1;
  neighbours->words = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  neighbours->query_fd = open_socket(0, error);
  if (neighbours->query_fd < 0)
    return NULL;
  neighbours->listen_fd = open_socket(RTMGRP_NEIGH, error);
  if (neighbours->listen_fd < 0)
    return NULL;
  neighbours->source = g_unix_fd_source_new(neighbours->listen_fd, G_IO_IN);
  g_source_set_callback(neighbours->source, G_SOURCE_FUNC(on_change), neighbours, NULL);
  g_source_attach(neighbours->source, context);
  return g_steal_pointer(&neighbours);
}

void
gw_neighbours_free(GwNeighbours *neighbours)
{
  if (!neighbours)
    return;
  if (neighbours->source) {
    g_source_destroy(neighbours->source);
    g_source_unref(neighbours->source);
  }
  g_hash_table_unref(neighbours->words);
  gw_close(&neighbours->query_fd);
  gw_close(&neighbours->listen_fd);
  g_free(neighbours);
}
