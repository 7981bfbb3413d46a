/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unpack/port.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/error.h"
#include "base/file.h"

#define MAX_FDS 2

void
gw_errand_clear(GwErrand *errand)
{
  gw_job_clear(&errand->job);
  gw_close(&errand->input_fd);
  gw_close(&errand->output_fd);
}

static void
take_fds(struct msghdr *message, int fds[MAX_FDS])
{
  struct cmsghdr *control = CMSG_FIRSTHDR(message);

  if (control && control->cmsg_level == SOL_SOCKET && control->cmsg_type == SCM_RIGHTS)
    memcpy(fds, CMSG_DATA(control), MIN(control->cmsg_len - CMSG_LEN(0), MAX_FDS * sizeof(int)));
}

gboolean
gw_port_receive(int fd, GwErrand *ret_errand, GError **error)
{
  g_autofree char *data = g_malloc(GW_JOB_MESSAGE_MAX);
  g_auto(GwErrand) errand = { .input_fd = -1, .output_fd = -1 };
  union {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(MAX_FDS * sizeof(int))];
  } control = { 0 };
  struct iovec part = { data, GW_JOB_MESSAGE_MAX };
  struct msghdr message = {
    .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes
  };
  int fds[MAX_FDS] = { -1, -1 };
  ssize_t n;

  while ((n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR)
    continue;
  if (n <= 0)
    return gw_fail(error, GW_ERROR_OFFLINE, "nobody has a job");
  take_fds(&message, fds);
  errand.input_fd = fds[0];
  errand.output_fd = fds[1];
  if (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
    return gw_fail(error, GW_ERROR_BAD_INPUT, "a job beyond its limits");
  if (!gw_job_unpack(data, (gsize)n, &errand.job, error))
    return FALSE;
  *ret_errand = errand;
  errand = (GwErrand){ .input_fd = -1, .output_fd = -1 };
  return TRUE;
}

gboolean
gw_port_send(int fd, GVariant *says, GError **error)
{
  g_autoptr(GVariant) owned = g_variant_ref_sink(says);
  struct iovec part = { (gpointer)g_variant_get_data(owned), g_variant_get_size(owned) };
  const struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
  ssize_t n;

  while ((n = sendmsg(fd, &message, MSG_NOSIGNAL)) < 0 && errno == EINTR)
    continue;
  return n >= 0 || gw_fail_errno(error, errno, "nobody hears what was found");
}
