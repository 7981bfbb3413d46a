/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "watch.h"

#include <sys/inotify.h>
#include <unistd.h>

#define EVENTS (IN_MODIFY | IN_CLOSE_WRITE | IN_MOVED_TO | IN_ONLYDIR)

bool
watch_follow(Watch *watch, const char *path, const struct stat *folder)
{
  if (watch->descriptor >= 0 && watch->device == folder->st_dev && watch->inode == folder->st_ino)
    return false;
  watch_close(watch);
  watch->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  if (watch->fd >= 0)
    watch->descriptor = inotify_add_watch(watch->fd, path, EVENTS);
  watch->device = folder->st_dev;
  watch->inode = folder->st_ino;
  return true;
}

void
watch_read(Watch *watch, void (*tell)(void *user, const char *name, bool is_writing), void *user)
{
  _Alignas(struct inotify_event) char buffer[4096];
  ssize_t size;

  while (watch->fd >= 0 && (size = read(watch->fd, buffer, sizeof buffer)) > 0) {
    for (ssize_t at = 0; at < size;) {
      const struct inotify_event *event = (const struct inotify_event *)(buffer + at);

      at += (ssize_t)(sizeof *event + event->len);
      if (event->mask & IN_Q_OVERFLOW)
        tell(user, NULL, false);
      else if (event->mask & IN_IGNORED) /* unmounted or removed */
        watch->descriptor = -1;
      else if (event->len > 0)
        tell(user, event->name, (event->mask & IN_MODIFY) != 0);
    }
  }
}

void
watch_close(Watch *watch)
{
  if (watch->fd >= 0)
    (void)close(watch->fd);
  *watch = WATCH_NONE;
}
