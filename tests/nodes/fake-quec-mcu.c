/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The program of an MCU behind a QuecThing module, as trusting as the real ones: it scans events with
 * %d,%d,%s, reads an answer as the second line, and waits for the bytes of a block for ever, whatever else
 * the module says. It prints one line per event and fails where the real program fails;
 * tests/nodes/test_fake_quec_mcu.py proves that. */
#include "device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK 974 /* 1024 - 50 */

typedef struct {
  Device device;
  const char *component, *lie, *out;
  char *version;
  int fd;
  GByteArray *input;
  gboolean is_planned; /* said yes to a plan */
  unsigned total, start, piece;
  char md5[64];
  GByteArray *image;
} Mcu;

static gboolean
lies(const Mcu *mcu, const char *kind)
{
  return mcu->lie && strcmp(mcu->lie, kind) == 0;
}

static void put(const Mcu *mcu, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void
put(const Mcu *mcu, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  g_autofree char *text = g_strdup_vprintf(format, args);
  va_end(args);
  (void)!write(mcu->fd, text, strlen(text));
}

/* More input; the program ends when nobody is there any more. */
static void
more(Mcu *mcu, const char *waiting_for)
{
  guint8 buffer[512];
  if (!device_wait(&mcu->device, mcu->fd)) {
    device_say(&mcu->device, "frozen: waits for %s for ever", waiting_for);
    exit(75);
  }
  ssize_t n = read(mcu->fd, buffer, sizeof buffer);
  if (n <= 0) {
    device_say(&mcu->device, "the line is gone");
    exit(1);
  }
  g_byte_array_append(mcu->input, buffer, (guint)n);
}

/* The next line, without its end. Caller frees. */
static char *
take_line(Mcu *mcu, const char *waiting_for)
{
  for (;;) {
    guint8 *end = mcu->input->len ? memchr(mcu->input->data, '\n', mcu->input->len) : NULL;
    if (end) {
      guint size = (guint)(end - mcu->input->data);
      char *line = g_strndup((char *)mcu->input->data, size);
      g_byte_array_remove_range(mcu->input, 0, size + 1);
      line[strcspn(line, "\r")] = 0;
      return line;
    }
    more(mcu, waiting_for);
  }
}

/* ---- reading a piece ---- */

static void
read_block(Mcu *mcu, unsigned offset, unsigned size)
{
  unsigned at = 0, n = 0;
  g_autofree char *header = NULL;

  put(mcu, "AT+QIOTOTARD=%u,%u\r\n", offset, size);
  do { /* ERROR is not looked for */
    g_free(header);
    header = take_line(mcu, "a block");
  } while (sscanf(header, "+QIOTOTARD: %u,%u", &at, &n) != 2);
  while (mcu->input->len < size) /* so many as it asked for */
    more(mcu, "the bytes of a block");
  g_byte_array_append(mcu->image, mcu->input->data, size);
  g_byte_array_remove_range(mcu->input, 0, size);
}

static void
read_piece(Mcu *mcu)
{
  unsigned end = mcu->start + mcu->piece;

  while (mcu->start + mcu->image->len < end) {
    unsigned offset = mcu->start + mcu->image->len;
    read_block(mcu, offset, MIN(BLOCK, end - offset));
    if (lies(mcu, "die-in-middle") && mcu->image->len > mcu->piece / 2) {
      device_say(&mcu->device, "lost power in mid-image");
      exit(75);
    }
  }
}

/* ---- after it ---- */

static void
install(Mcu *mcu)
{
  g_autofree char *md5 = g_compute_checksum_for_data(G_CHECKSUM_MD5, mcu->image->data, mcu->image->len);
  g_autofree char *version = device_boot("MCU", 3, mcu->image->data, mcu->image->len);

  if (mcu->out)
    g_file_set_contents(mcu->out, (const char *)mcu->image->data, mcu->image->len, NULL);
  put(mcu, "AT+QIOTUPDATE=3\r\n");
  if (lies(mcu, "die-at-end")) {
    device_say(&mcu->device, "lost power after the last byte");
    exit(75);
  }
  if (strcmp(md5, mcu->md5) != 0) {
    device_say(&mcu->device, "MD5 mismatch: stays at %s", mcu->version);
  } else if (!version) {
    device_say(&mcu->device, "bricked: %u bytes that are no program", mcu->image->len);
    exit(70);
  } else if (!lies(mcu, "loop")) {
    g_free(mcu->version);
    mcu->version = g_steal_pointer(&version);
  }
  device_say(&mcu->device, "running version %s", mcu->version);
  put(mcu, "AT+QIOTMCUVER=\"%s\",\"%s\"\r\n", mcu->component, mcu->version);
}

/* ---- events ---- */

static void
on_plan(Mcu *mcu, const char *data)
{
  device_say(&mcu->device, "plan %s", data);
  mcu->is_planned = !lies(mcu, "refuse");
  put(mcu, "AT+QIOTUPDATE=%d\r\n", mcu->is_planned ? 1 : 0);
}

static void
on_started(Mcu *mcu, const char *data)
{
  g_auto(GStrv) parts = g_strsplit(data, ",", 0);

  if (g_strv_length(parts) >= 4 && strlen(parts[2]) == 34)
    memcpy(mcu->md5, parts[2] + 1, 32);
}

static void
on_piece(Mcu *mcu, const char *data)
{
  const char *numbers = strchr(data, ',');

  if (!mcu->is_planned || !numbers ||
      sscanf(numbers, ",%u,%u,%u", &mcu->total, &mcu->start, &mcu->piece) != 3)
    return;
  g_byte_array_set_size(mcu->image, 0);
  read_piece(mcu);
  if (mcu->start + mcu->piece < mcu->total)
    put(mcu, "AT+QIOTUPDATE=2\r\n");
  else
    install(mcu);
}

static void
on_event(Mcu *mcu, int code, const char *data)
{
  switch (code) {
  case 10700:
    on_plan(mcu, data);
    break;
  case 10701:
    on_started(mcu, data);
    break;
  case 10703:
    on_piece(mcu, data);
    break;
  case 10705:
  case 10706:
    mcu->is_planned = FALSE;
    device_say(&mcu->device, code == 10705 ? "upgrade succeeded" : "upgrade failed");
    break;
  default:
    break;
  }
}

/* "%s" ends at a blank, and overruns at 255 characters. */
static void
read_event(Mcu *mcu, const char *line)
{
  int type = 0, code = 0;
  char data[256] = "";

  if (strlen(line) > 280) {
    device_say(&mcu->device, "crashed: event of %zu characters", strlen(line));
    exit(70);
  }
  if (sscanf(line, "+QIOTEVT: %d,%d,%255s", &type, &code, data) >= 2 && type == 7)
    on_event(mcu, code, data);
}

/* ---- a life ---- */

/* It waits for an answer for a second and a half, and goes on without. */
static gboolean
is_answered(Mcu *mcu)
{
  Device hasty = mcu->device;
  hasty.stall_ms = 1500;
  return (mcu->input->len && memchr(mcu->input->data, '\n', mcu->input->len)) || device_wait(&hasty, mcu->fd);
}

static void
command(Mcu *mcu, const char *text)
{
  put(mcu, "%s\r\n", text);
  while (is_answered(mcu)) {
    g_autofree char *line = take_line(mcu, text);
    if (strcmp(line, "OK") == 0 || strcmp(line, "ERROR") == 0)
      return;
    if (g_str_has_prefix(line, "+QIOTEVT"))
      read_event(mcu, line);
  }
}

static void
set_up(Mcu *mcu)
{
  static const char *const COMMANDS[] = {
    "AT",           "AT+QSCLK=0",   "ATE0", "AT+CGSN=1", "AT+CSQ", "AT+CEREG?", "AT+QIOTCFG=\"productinfo\"",
    "AT+QIOTREG=1", "AT+QIOTSTATE?"
  };
  g_autofree char *version = g_strdup_printf("AT+QIOTMCUVER=\"%s\",\"%s\"", mcu->component, mcu->version);

  for (guint i = 0; i < G_N_ELEMENTS(COMMANDS); i++)
    command(mcu, COMMANDS[i]);
  command(mcu, version);
  command(mcu, "AT+QIOTOTAREQ=0");
}

int
main(int argc, char **argv)
{
  const char *version = "1_0_0";
  Mcu mcu = { .device = { .name = "mcu", .stall_ms = 60000 }, .component = "STM32", .fd = -1 };
  const DeviceOption options[] = {
    { "name", &mcu.device.name, NULL },
    { "component", &mcu.component, NULL },
    { "version", &version, NULL },
    { "lie", &mcu.lie, NULL },
    { "out", &mcu.out, NULL },
    { "fd", NULL, &mcu.fd },
    { "stall-ms", NULL, &mcu.device.stall_ms },
    { NULL, NULL, NULL },
  };

  device_options(options, argc, argv);
  mcu.version = g_strdup(version);
  mcu.input = g_byte_array_new();
  mcu.image = g_byte_array_new();
  set_up(&mcu);
  for (;;) {
    g_autofree char *line = take_line(&mcu, "an event");
    if (g_str_has_prefix(line, "+QIOTEVT"))
      read_event(&mcu, line);
  }
}
