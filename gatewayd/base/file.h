/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files and descriptors. Nothing here takes a path from a peer. Any thread. */
#pragma once
#include <glib.h>
#include <sys/types.h>

/* Closes *fd if it is not negative and sets it to -1; for g_auto-like use: GW_AUTO_FD int fd = -1; */
void gw_close(int *fd);
#define GW_AUTO_FD __attribute__((cleanup(gw_close)))

/* Reads a whole regular file of at most @max bytes; larger is GW_ERROR_BAD_INPUT. NUL added, not counted. */
gboolean gw_file_read(int dir_fd, const char *name, gsize max, char **ret_data, gsize *ret_size,
                      GError **error);
/* The same from an open descriptor, from offset 0 by pread. @ret_size may be NULL in both. */
gboolean gw_fd_read(int fd, gsize max, char **ret_data, gsize *ret_size, GError **error);
/* @name is one file name without slashes. Temporary name, write, fsync, rename over @name, fsync of the
 * folder. */
gboolean gw_file_replace(int dir_fd, const char *name, const void *data, gsize size, mode_t mode,
                         GError **error);
gboolean gw_write_all(int fd, const void *data, gsize size, GError **error);
/* A sealed memfd (no write, no shrink, no grow) holding @data. -1 and error. */
int gw_memfd_sealed(const char *name, const void *data, gsize size, GError **error);
gboolean gw_fsync_dir(int dir_fd, GError **error);
