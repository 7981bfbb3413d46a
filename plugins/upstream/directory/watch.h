/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who is writing in the folder just now: what a look at sizes and times cannot tell of a slow writer that
 * pauses. Only a help: where the system says nothing (a network share), files are judged by staying
 * unchanged. Holds no descriptor of the folder, so that it can be unmounted. */
#ifndef WATCH_H
#define WATCH_H

#include <stdbool.h>
#include <sys/stat.h>

typedef struct {
  int fd, descriptor; /* of inotify; -1 = none */
  dev_t device;
  ino_t inode;
} Watch;

#define WATCH_NONE ((Watch){ -1, -1, 0, 0 })

/* Watches the folder that @path leads to now; @folder is its stat. true: it is another one than before. */
bool watch_follow(Watch *watch, const char *path, const struct stat *folder);
/* Calls @tell for each file that began (@is_writing) or ended to be written; with name NULL: forget all. */
void watch_read(Watch *watch, void (*tell)(void *user, const char *name, bool is_writing), void *user);
void watch_close(Watch *watch);

#endif
