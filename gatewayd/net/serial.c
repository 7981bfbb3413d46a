/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/serial.h"

#include "base/error.h"
#include "base/file.h"
#include "base/reader.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <termios.h>

static const struct {
  guint baud;
  speed_t speed;
} speeds[] = {
  { 1200, B1200 },       { 2400, B2400 },       { 4800, B4800 },       { 9600, B9600 },
  { 19200, B19200 },     { 38400, B38400 },     { 57600, B57600 },     { 115200, B115200 },
  { 230400, B230400 },   { 460800, B460800 },   { 500000, B500000 },   { 576000, B576000 },
  { 921600, B921600 },   { 1000000, B1000000 }, { 1152000, B1152000 }, { 1500000, B1500000 },
  { 2000000, B2000000 }, { 2500000, B2500000 }, { 3000000, B3000000 }, { 3500000, B3500000 },
  { 4000000, B4000000 },
};

static gboolean
find_speed(guint baud, speed_t *ret_speed)
{
  for (guint i = 0; i < G_N_ELEMENTS(speeds); i++)
    if (speeds[i].baud == baud) {
      *ret_speed = speeds[i].speed;
      return TRUE;
    }
  return FALSE;
}

/* "8n1" */
static gboolean
parse_framing(const char *text, GwSerialLine *line)
{
  if (strlen(text) != 3 || (text[0] != '7' && text[0] != '8') || !strchr("neo", text[1]) ||
      (text[2] != '1' && text[2] != '2'))
    return FALSE;
  line->data_bits = (guint)(text[0] - '0');
  line->parity = text[1];
  line->stop_bits = (guint)(text[2] - '0');
  return TRUE;
}

gboolean
gw_serial_parse(const char *text, GwSerialLine *ret_line, GError **error)
{
  g_auto(GStrv) words = g_strsplit_set(text, " \t", -1);
  GwSerialLine line = { .data_bits = 8, .parity = 'n', .stop_bits = 1 };
  GwSlice digits = { (const guint8 *)words[0], words[0] ? strlen(words[0]) : 0 };
  guint64 baud;
  speed_t speed;

  if (!gw_slice_decimal(digits, G_MAXUINT, &baud) || !find_speed((guint)baud, &speed))
    return gw_fail(error, GW_ERROR_BAD_INPUT,
                   "\"%s\" is no serial line: it begins with a standard speed, 115200", text);
  line.baud = (guint)baud;
  for (guint i = 1; words[i]; i++) {
    if (strcmp(words[i], "rtscts") == 0)
      line.has_hardware_flow = TRUE;
    else if (*words[i] && !parse_framing(words[i], &line))
      return gw_fail(error, GW_ERROR_BAD_INPUT,
                     "\"%s\" is no serial line: \"%s\" is neither a framing (8n1, 8e1, 7o2) nor rtscts", text,
                     words[i]);
  }
  *ret_line = line;
  return TRUE;
}

static tcflag_t
framing_flags(const GwSerialLine *line)
{
  tcflag_t flags = CLOCAL | CREAD | (line->data_bits == 7 ? CS7 : CS8);

  if (line->parity == 'e' || line->parity == 'o')
    flags |= PARENB | (line->parity == 'o' ? PARODD : 0);
  if (line->stop_bits == 2)
    flags |= CSTOPB;
  if (line->has_hardware_flow)
    flags |= CRTSCTS;
  return flags;
}

gboolean
gw_serial_configure(int fd, const GwSerialLine *line, GError **error)
{
  struct termios terminal;
  speed_t speed;

  if (!find_speed(line->baud, &speed))
    return gw_fail(error, GW_ERROR_BAD_INPUT, "%u is no standard speed", line->baud);
  if (tcgetattr(fd, &terminal) < 0)
    return gw_fail_errno(error, errno, "cannot read the settings of the serial line");
  cfmakeraw(&terminal);
  terminal.c_cflag &= ~(tcflag_t)(CSIZE | PARENB | PARODD | CSTOPB | CRTSCTS);
  terminal.c_cflag |= framing_flags(line);
  terminal.c_iflag |= IGNBRK;
  terminal.c_cc[VMIN] = 1;
  terminal.c_cc[VTIME] = 0;
  cfsetispeed(&terminal, speed);
  cfsetospeed(&terminal, speed);
  if (tcsetattr(fd, TCSANOW, &terminal) < 0)
    return gw_fail_errno(error, errno, "cannot set up the serial line");
  tcflush(fd, TCIOFLUSH);
  return TRUE;
}

int
gw_serial_open(const char *path, const GwSerialLine *line, GError **error)
{
  GW_AUTO_FD int fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);

  if (fd < 0 && (errno == ENOENT || errno == ENXIO || errno == ENODEV || errno == EIO)) {
    gw_fail(error, GW_ERROR_NOT_FOUND, "no device at %s", path);
    return -1;
  }
  /* TIOCEXCL does not stop root, who may be us: the lock does. */
  if ((fd < 0 && errno == EBUSY) || (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)) {
    gw_fail(error, GW_ERROR_BUSY, "another program holds %s", path);
    return -1;
  }
  if (fd < 0) {
    gw_fail_errno(error, errno, "cannot open %s", path);
    return -1;
  }
  if (ioctl(fd, TIOCEXCL) < 0) {
    gw_fail(error, GW_ERROR_BAD_INPUT, "%s is no serial line", path);
    return -1;
  }
  if (!gw_serial_configure(fd, line, error)) {
    g_prefix_error(error, "%s: ", path);
    return -1;
  }
  return g_steal_fd(&fd);
}
