/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/body.h"

#include "base/error.h"
#include "base/file.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAP_MAX (16u << 20)

struct GwBody {
  int n_refs;
  int fd;
  guint64 size;
  guint8 *bytes;    /* mapped if there is a descriptor, else our copy */
  gboolean is_safe; /* to be touched */
  char *etag;
  GDestroyNotify notify;
  gpointer notify_user;
};

/* Only what can neither shrink nor change under us may be touched as memory: a page that is gone kills the
 * process, while a read merely fails. */
static gboolean
is_sealed(int fd)
{
  int seals = fcntl(fd, F_GET_SEALS);

  return seals >= 0 && (seals & F_SEAL_SHRINK) && (seals & F_SEAL_WRITE);
}

GwBody *
gw_body_new_fd(int fd, guint64 size, const char *etag, GError **error)
{
  struct stat status;
  GwBody *body;

  if (fstat(fd, &status) < 0) {
    gw_fail_errno(error, errno, "cannot look at an image's descriptor");
    gw_close(&fd);
    return NULL;
  }
  body = gw_body_new_bytes(NULL, 0, etag);
  body->fd = fd;
  body->size = size;
  body->is_safe = FALSE;
  if (size == 0 || size > G_MAXSIZE || (guint64)status.st_size < size)
    return body; /* reads will tell */
  body->bytes = mmap(NULL, (gsize)size, PROT_READ, MAP_SHARED, fd, 0);
  if (body->bytes == MAP_FAILED)
    body->bytes = NULL; /* no room in the address space: it can still be read */
  body->is_safe = body->bytes && size <= MAP_MAX && is_sealed(fd);
  return body;
}

GwBody *
gw_body_new_bytes(const void *data, gsize size, const char *etag)
{
  GwBody *body = g_new0(GwBody, 1);

  body->n_refs = 1;
  body->fd = -1;
  body->size = size;
  body->bytes = g_memdup2(data, size);
  body->is_safe = TRUE;
  body->etag = g_strdup(etag);
  return body;
}

GwBody *
gw_body_ref(GwBody *body)
{
  body->n_refs++;
  return body;
}

void
gw_body_unref(GwBody *body)
{
  if (!body || --body->n_refs > 0)
    return;
  if (body->fd < 0)
    g_free(body->bytes);
  else if (body->bytes)
    munmap(body->bytes, body->size);
  gw_close(&body->fd);
  g_free(body->etag);
  if (body->notify)
    body->notify(body->notify_user);
  g_free(body);
}

void
gw_body_on_free(GwBody *body, GDestroyNotify notify, gpointer user)
{
  body->notify = notify;
  body->notify_user = user;
}

guint64
gw_body_size(const GwBody *body)
{
  return body->size;
}

const char *
gw_body_etag(const GwBody *body)
{
  return body->etag;
}

int
gw_body_fd(const GwBody *body)
{
  return body->fd;
}

const guint8 *
gw_body_map(const GwBody *body)
{
  return body->is_safe ? body->bytes : NULL;
}

const guint8 *
gw_body_lend(const GwBody *body)
{
  return body->bytes;
}

gssize
gw_body_read(const GwBody *body, guint64 offset, void *ret_data, gsize size)
{
  gsize n = offset < body->size ? MIN(size, body->size - offset) : 0;
  gssize n_read;

  if (n == 0)
    return 0;
  if (body->is_safe) {
    memcpy(ret_data, body->bytes + offset, n);
    return (gssize)n;
  }
  do
    n_read = pread(body->fd, ret_data, n, (off_t)offset);
  while (n_read < 0 && errno == EINTR);
  return n_read;
}
