/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/error.h"
#include "base/file.h"
#include "net/serial.h"
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

static void
test_parse(void)
{
  GwSerialLine line;

  g_assert_true(gw_serial_parse("115200", &line, NULL));
  g_assert_cmpuint(line.baud, ==, 115200);
  g_assert_cmpuint(line.data_bits, ==, 8);
  g_assert_cmpint(line.parity, ==, 'n');
  g_assert_cmpuint(line.stop_bits, ==, 1);
  g_assert_false(line.has_hardware_flow);
  g_assert_true(gw_serial_parse("9600 7e2 rtscts", &line, NULL));
  g_assert_cmpuint(line.baud, ==, 9600);
  g_assert_cmpuint(line.data_bits, ==, 7);
  g_assert_cmpint(line.parity, ==, 'e');
  g_assert_cmpuint(line.stop_bits, ==, 2);
  g_assert_true(line.has_hardware_flow);
}

static void
test_parse_refuses(void)
{
  static const char *const texts[] = { "",          "fast",         "115201",   "8n1",
                                       "9600 9n1",  "9600 8x1",     "9600 8n3", "9600 8n",
                                       "9600 8n10", "9600 xonxoff", "-9600" };

  for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
    g_autoptr(GError) error = NULL;
    GwSerialLine line;

    g_test_message("%s", texts[i]);
    g_assert_false(gw_serial_parse(texts[i], &line, &error));
    g_assert_error(error, GW_ERROR, GW_ERROR_BAD_INPUT);
  }
}

static int
make_pty(void)
{
  int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

  g_assert_cmpint(fd, >=, 0);
  g_assert_cmpint(grantpt(fd), ==, 0);
  g_assert_cmpint(unlockpt(fd), ==, 0);
  return fd;
}

static void
test_open(void)
{
  const GwSerialLine line = { .baud = 19200, .data_bits = 8, .parity = 'o', .stop_bits = 2 };
  g_autoptr(GError) error = NULL;
  GW_AUTO_FD int master = make_pty();
  GW_AUTO_FD int fd = gw_serial_open(ptsname(master), &line, &error);
  struct termios terminal;
  char byte;

  g_assert_no_error(error);
  g_assert_cmpint(tcgetattr(fd, &terminal), ==, 0);
  g_assert_cmpuint(cfgetospeed(&terminal), ==, B19200);
  g_assert_cmpuint(cfgetispeed(&terminal), ==, B19200);
  g_assert_cmpuint(terminal.c_lflag & (ICANON | ECHO | ISIG), ==, 0);
  g_assert_cmpuint(terminal.c_oflag & OPOST, ==, 0);
  g_assert_cmpuint(terminal.c_cflag & CSTOPB, ==, CSTOPB);
  g_assert_cmpint(fcntl(fd, F_GETFL) & O_NONBLOCK, ==, O_NONBLOCK);
  g_assert_cmpint(write(master, "\003", 1), ==, 1); /* no signal, no line: a byte */
  g_assert_cmpint(read(fd, &byte, 1), ==, 1);
  g_assert_cmpint(byte, ==, 3);
}

/* Two programs on one line destroy each other's frames. */
static void
test_exclusive(void)
{
  const GwSerialLine line = { .baud = 9600 };
  g_autoptr(GError) error = NULL;
  GW_AUTO_FD int master = make_pty();
  GW_AUTO_FD int first = gw_serial_open(ptsname(master), &line, NULL);
  GW_AUTO_FD int second = gw_serial_open(ptsname(master), &line, &error);

  g_assert_cmpint(first, >=, 0);
  g_assert_cmpint(second, ==, -1);
  g_assert_error(error, GW_ERROR, GW_ERROR_BUSY);
}

static void
test_no_serial_line(void)
{
  const GwSerialLine line = { .baud = 9600 };
  g_autoptr(GError) missing = NULL;
  g_autoptr(GError) other = NULL;

  g_assert_cmpint(gw_serial_open("/dev/no-such-line", &line, &missing), ==, -1);
  g_assert_error(missing, GW_ERROR, GW_ERROR_NOT_FOUND);
  g_assert_cmpint(gw_serial_open("/dev/null", &line, &other), ==, -1);
  g_assert_error(other, GW_ERROR, GW_ERROR_BAD_INPUT);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/net/serial/parse", test_parse);
  g_test_add_func("/net/serial/parse-refuses", test_parse_refuses);
  g_test_add_func("/net/serial/open", test_open);
  g_test_add_func("/net/serial/exclusive", test_exclusive);
  g_test_add_func("/net/serial/no-line", test_no_serial_line);
  return g_test_run();
}
