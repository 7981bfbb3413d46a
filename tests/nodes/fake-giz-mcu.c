/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The program of an MCU behind a Gizwits Wi-Fi module, with the vendor's OTA code in it: it adds every piece
 * that comes to its digest, also one that comes twice; it has room for 26 KB and for frames of 900 bytes; and
 * with a digest that holds it starts anew without acknowledging the last piece. It prints one line per event;
 * tests/nodes/test_fake_giz_mcu.py proves that it fails on what it must not be sent. */
#include "device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROOM (26 * 1024)
#define BUFFER 900
#define TRIES 3
#define ANSWER_MS 200

typedef struct {
  guint command, serial, flags;
  GByteArray *payload;
} Frame;

typedef struct {
  Device device;
  const char *hardware, *product, *lie, *out, *line;
  char *version;
  int fd, piece, is_hex, pieces_lost;
  guint serial;
  GByteArray *input;
  GByteArray *image; /* as it came */
  char md5[33];
  guint size, n_pieces;
} Mcu;

static gboolean
lies(const Mcu *mcu, const char *kind)
{
  return mcu->lie && strcmp(mcu->lie, kind) == 0;
}

/* ---- frames ---- */

static void
put(GByteArray *bytes, guint8 byte, guint8 *sum)
{
  const guint8 stuffed[] = { byte, 0x55 };
  g_byte_array_append(bytes, stuffed, byte == 0xFF ? 2 : 1);
  *sum = (guint8)(*sum + byte);
}

static void
send_frame(const Mcu *mcu, guint command, guint serial, guint flags, const void *payload, guint size)
{
  g_autoptr(GByteArray) bytes = g_byte_array_new();
  const guint head[] = { 0, size + 5, command, serial, 0, flags };
  guint8 sum = 0, start[] = { 0xFF, 0xFF };

  g_byte_array_append(bytes, start, 2);
  for (guint i = 0; i < G_N_ELEMENTS(head); i++)
    put(bytes, (guint8)(i == 0 ? head[1] >> 8 : head[i]), &sum);
  for (guint i = 0; i < size; i++)
    put(bytes, ((const guint8 *)payload)[i], &sum);
  put(bytes, sum, &sum);
  (void)!write(mcu->fd, bytes->data, bytes->len);
}

static void
acknowledge(const Mcu *mcu, const Frame *frame)
{
  send_frame(mcu, frame->command + 1, frame->serial, 0, NULL, 0);
}

static void
more(Mcu *mcu)
{
  guint8 buffer[512];
  ssize_t n = read(mcu->fd, buffer, sizeof buffer);

  if (n <= 0) {
    device_say(&mcu->device, "the line is gone");
    exit(1);
  }
  g_byte_array_append(mcu->input, buffer, (guint)n);
}

/* How many bytes of input make up the frame that begins there, 0 = more must come; its content without the
 * stuffing. */
static guint
unstuff(const GByteArray *input, GByteArray *frame)
{
  guint length = 0;

  for (guint i = 2; i < input->len; i++) {
    g_byte_array_append(frame, &input->data[i], 1);
    if (input->data[i] == 0xFF && i + 1 == input->len)
      return 0;
    if (input->data[i] == 0xFF && input->data[i + 1] != 0x55)
      return g_byte_array_set_size(frame, 0),
             i + (input->data[i + 1] != 0xFF); /* broken; two FF begin anew */
    i += input->data[i] == 0xFF;
    if (frame->len == 2)
      length = (guint)(frame->data[0] << 8 | frame->data[1]) + 2;
    if (frame->len == length)
      return i + 1;
  }
  return 0;
}

static gboolean
has_good_sum(const GByteArray *frame)
{
  guint8 sum = 0;
  for (guint i = 0; i + 1 < frame->len; i++)
    sum = (guint8)(sum + frame->data[i]);
  return sum == frame->data[frame->len - 1];
}

static void
judge_buffer(const Mcu *mcu, guint size)
{
  if (size <= BUFFER)
    return;
  device_say(&mcu->device, "crashed: a frame of %u bytes", size);
  exit(70);
}

/* One frame of the input, or FALSE. */
static gboolean
take_frame(Mcu *mcu, Frame *ret)
{
  const guint8 start[] = { 0xFF, 0xFF };
  while (mcu->input->len >= 2 && memcmp(mcu->input->data, start, 2) != 0)
    g_byte_array_remove_index(mcu->input, 0);
  g_autoptr(GByteArray) frame = g_byte_array_new();
  guint used = mcu->input->len >= 2 ? unstuff(mcu->input, frame) : 0;

  judge_buffer(mcu, frame->len);
  if (used == 0)
    return FALSE;
  g_byte_array_remove_range(mcu->input, 0, used);
  if (frame->len < 7) {
    device_say(&mcu->device, "a broken frame");
    return take_frame(mcu, ret);
  }
  *ret = (Frame){ frame->data[2], frame->data[3], frame->data[5], g_byte_array_new() };
  g_byte_array_append(ret->payload, frame->data + 6, frame->len - 7);
  if (!has_good_sum(frame)) {
    const guint8 why = 1;
    device_say(&mcu->device, "a wrong sum");
    send_frame(mcu, 0x11, ret->serial, 0, &why, 1);
    g_byte_array_unref(ret->payload);
    return FALSE;
  }
  return TRUE;
}

/* ---- the image ---- */

static guint
number(const GByteArray *payload, guint offset)
{
  return offset + 2 <= payload->len ? (guint)(payload->data[offset] << 8 | payload->data[offset + 1]) : 0;
}

static void
stop(Mcu *mcu, const char *why)
{
  device_say(&mcu->device, "stops: %s", why);
  send_frame(mcu, 0x27, ++mcu->serial, 0, NULL, 0);
  mcu->size = 0;
}

static void
on_announce(Mcu *mcu, const Frame *frame)
{
  guint8 ready[2 + 32 + 2] = { 0, 32 };

  acknowledge(mcu, frame);
  if (frame->payload->len < 38)
    return;
  mcu->size = number(frame->payload, 0) << 16 | number(frame->payload, 2);
  memcpy(mcu->md5, frame->payload->data + 6, 32);
  device_say(&mcu->device, "an image of %u bytes is announced", mcu->size);
  if (mcu->size > ROOM) {
    stop(mcu, "no room for it");
    return;
  }
  g_byte_array_set_size(mcu->image, 0);
  mcu->n_pieces = 0;
  memcpy(ready + 2, mcu->md5, 32);
  if (lies(mcu, "other-digest"))
    ready[2] ^= 1;
  ready[34] = (guint8)(mcu->piece >> 8);
  ready[35] = (guint8)mcu->piece;
  send_frame(mcu, 0x1B, ++mcu->serial, mcu->is_hex ? 1 : 0, ready, sizeof ready);
}

/* What lies in the flash: in HEX mode, the bytes of the data lines. */
static GByteArray *
flashed(const Mcu *mcu)
{
  GByteArray *bytes = g_byte_array_new();
  g_autofree char *text = g_strndup((const char *)mcu->image->data, mcu->image->len);
  g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

  if (!mcu->is_hex)
    g_byte_array_append(bytes, mcu->image->data, mcu->image->len);
  for (char **line = lines; mcu->is_hex && *line; line++) {
    guint size = 0, address = 0, type = 1;
    if (sscanf(*line, ":%2x%4x%2x", &size, &address, &type) != 3 || type != 0 ||
        strlen(*line) < 11 + 2 * size)
      continue;
    for (guint i = 0; i < size; i++) {
      guint value = 0;
      (void)!sscanf(*line + 9 + 2 * i, "%2x", &value);
      g_byte_array_append(bytes, &(guint8){ (guint8)value }, 1);
    }
  }
  return bytes;
}

static void
start_anew(Mcu *mcu)
{
  g_autoptr(GByteArray) bytes = flashed(mcu);
  g_autofree char *version = device_boot("GIZ", 3, bytes->data, bytes->len);

  if (mcu->out)
    g_file_set_contents(mcu->out, (const char *)mcu->image->data, mcu->image->len, NULL);
  mcu->size = 0;
  if (!version) {
    device_say(&mcu->device, "bricked: %u bytes that are no program", bytes->len);
    exit(70);
  }
  if (!lies(mcu, "loop")) {
    g_free(mcu->version);
    mcu->version = g_steal_pointer(&version);
  }
  device_say(&mcu->device, "running version %s", mcu->version);
  send_frame(mcu, 0x29, ++mcu->serial, 0, NULL, 0);
}

static void
on_last_piece(Mcu *mcu, const Frame *frame)
{
  g_autofree char *md5 = g_compute_checksum_for_data(G_CHECKSUM_MD5, mcu->image->data, mcu->image->len);

  if (strcmp(md5, mcu->md5) != 0) {
    acknowledge(mcu, frame);
    stop(mcu, "the digest does not hold");
    return;
  }
  if (lies(mcu, "acknowledge-last"))
    acknowledge(mcu, frame);
  if (lies(mcu, "die-at-end")) {
    device_say(&mcu->device, "lost power after the last byte");
    exit(75);
  }
  start_anew(mcu);
}

/* It does not look at the number of a piece: whatever comes is appended. */
static void
on_piece(Mcu *mcu, const Frame *frame)
{
  guint count = number(frame->payload, 2);
  gboolean is_last = mcu->is_hex ? (frame->flags & 2) != 0 : number(frame->payload, 0) == count;

  if (mcu->size == 0 || frame->payload->len <= 4 || (mcu->is_hex && !(frame->flags & 1)))
    return;
  if (mcu->pieces_lost > 0) {
    mcu->pieces_lost--;
    return;
  }
  g_byte_array_append(mcu->image, frame->payload->data + 4, frame->payload->len - 4);
  mcu->n_pieces++;
  if (lies(mcu, "die-in-middle") && mcu->image->len > mcu->size / 2) {
    device_say(&mcu->device, "lost power in mid-image");
    exit(75);
  }
  if (is_last)
    on_last_piece(mcu, frame);
  else if (!lies(mcu, "swallow-acknowledgement") || mcu->n_pieces != 2)
    acknowledge(mcu, frame);
}

/* ---- everything else ---- */

static void
say_who(const Mcu *mcu, const Frame *frame)
{
  g_autofree char *info = g_strdup_printf("0000000400000002%.8s%.8s%.32s%c%c%c%c%c%c%c%c%c%c", mcu->hardware,
                                          mcu->version, mcu->product, 0, 60, 0, 0, 0, 0, 0, 0, 0, 4);
  send_frame(mcu, 0x02, frame->serial, 0, info, 32 + 32 + 2 + 8);
}

static void
on_frame(Mcu *mcu, const Frame *frame)
{
  switch (frame->command) {
  case 0x01:
    say_who(mcu, frame);
    break;
  case 0x07:
  case 0x0D:
    acknowledge(mcu, frame);
    break;
  case 0x11:
    device_say(&mcu->device, "not understood: %u", frame->payload->len ? frame->payload->data[0] : 0);
    acknowledge(mcu, frame);
    mcu->size = 0;
    break;
  case 0x19:
    on_announce(mcu, frame);
    break;
  case 0x1D:
    on_piece(mcu, frame);
    break;
  case 0x1F:
    device_say(&mcu->device, "the module stopped");
    acknowledge(mcu, frame);
    mcu->size = 0;
    break;
  default: /* acknowledgements; what it sent is not sent again */
    break;
  }
}

int
main(int argc, char **argv)
{
  const char *version = "03030006";
  Mcu mcu = { .device = { .name = "mcu", .stall_ms = 60000 },
              .hardware = "03010100",
              .piece = 256,
              .fd = -1,
              .product = "0123456789abcdef0123456789abcdef" };
  const DeviceOption options[] = {
    { "name", &mcu.device.name, NULL },
    { "hardware", &mcu.hardware, NULL },
    { "version", &version, NULL },
    { "product", &mcu.product, NULL },
    { "piece", NULL, &mcu.piece },
    { "hex", NULL, &mcu.is_hex },
    { "lose", NULL, &mcu.pieces_lost },
    { "lie", &mcu.lie, NULL },
    { "out", &mcu.out, NULL },
    { "line", &mcu.line, NULL },
    { "fd", NULL, &mcu.fd },
    { "stall-ms", NULL, &mcu.device.stall_ms },
    { NULL, NULL, NULL },
  };

  device_options(options, argc, argv);
  if (mcu.line)
    mcu.fd = device_open_line(&mcu.device, mcu.line);
  mcu.version = g_strdup(version);
  mcu.input = g_byte_array_new();
  mcu.image = g_byte_array_new();
  while (device_wait(&mcu.device, mcu.fd)) {
    Frame frame;
    more(&mcu);
    while (take_frame(&mcu, &frame)) {
      on_frame(&mcu, &frame);
      g_byte_array_unref(frame.payload);
    }
  }
  device_say(&mcu.device, "nothing more came");
  return 75;
}
