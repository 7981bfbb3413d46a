/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Immutable bytes that can be sent: a descriptor with a size, or memory. What is behind it is the owner's
 * business (lan makes one from a sealed blob's descriptor); the network only reads. Reference-counted, any
 * one thread. */
#pragma once
#include <glib.h>

typedef struct GwBody GwBody;
/* Takes @fd, also on failure. @size: what stands there; a file that turns out shorter ends transfers with a
 * reset. @etag: a strong validator with its quotes, or NULL. */
GwBody *gw_body_new_fd(int fd, guint64 size, const char *etag, GError **error);
/* A copy of @data. */
GwBody *gw_body_new_bytes(const void *data, gsize size, const char *etag);
GwBody *gw_body_ref(GwBody *body);
void gw_body_unref(GwBody *body);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwBody, gw_body_unref)
/* notify(user) runs when the last reference goes: a lease can be returned then. Once per body. */
void gw_body_on_free(GwBody *body, GDestroyNotify notify, gpointer user);

guint64 gw_body_size(const GwBody *body);
const char *gw_body_etag(const GwBody *body);
/* The descriptor, or -1 for memory. */
int gw_body_fd(const GwBody *body);
/* The bytes in memory, if they can neither change nor vanish (sealed, up to 16 MiB, or our own copy), else
 * NULL. */
const guint8 *gw_body_map(const GwBody *body);
/* Where the bytes are mapped, for the kernel alone: handed to sendmsg() a page that has vanished is an error,
 * but who touches it himself is killed. NULL if they are not. */
const guint8 *gw_body_lend(const GwBody *body);
/* Up to @size bytes at @offset; returns how many were copied, 0 at the end, -1 if they cannot be read. */
gssize gw_body_read(const GwBody *body, guint64 offset, void *ret_data, gsize size);
