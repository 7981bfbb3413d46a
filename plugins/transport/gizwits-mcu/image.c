/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One image on its way: announced, sent in pieces, and judged by what runs afterwards. */
#include "step.h"

/* ---- the end of an image ---- */

void
giz_image_fail(GizStep *step, const char *code, const char *why)
{
  giz_tell(step, GATEWAY_TELL_FAILED, code, why);
  giz_rest(step);
}

void
giz_image_stop(GizStep *step, const char *code, const char *why)
{
  giz_send_command(step, WE_STOP, GATEWAY_NO_TEXT);
  giz_image_fail(step, code, why);
}

void
giz_image_settle(GizStep *step, bool is_acknowledged)
{
  GizState *state = step->state;
  state->phase = GIZ_SETTLING;
  state->n_tries = 0;
  state->is_back = false;
  step->wait_ms = SETTLE_MS;
  if (is_acknowledged)
    giz_tell(step, GATEWAY_TELL_INSTALLING, NULL, "it has the image and updates itself");
}

/* It said what it runs. Before it started anew, that may still be the old one. */
void
giz_image_judge(GizStep *step)
{
  GizState *state = step->state;
  if (strcmp(state->software, state->target) == 0) {
    giz_rest(step);
    giz_ask(step, GATEWAY_ASK_OFFER);
  } else if (state->is_back || state->n_tries >= SETTLE_TRIES) {
    giz_image_fail(step, NULL, "it has the image, and still runs the version before");
  }
}

/* ---- pieces ---- */

void
giz_image_read_piece(GizStep *step)
{
  GizState *state = step->state;
  uint32_t left = state->size - state->offset;
  uint32_t size = state->is_hex ? HEX_HEAD : state->piece_max;
  state->piece = 0;
  state->is_damaged = false;
  step->block = size < left ? size : left;
}

static void
next_piece(GizStep *step)
{
  GizState *state = step->state;
  state->number++;
  state->n_tries = 0;
  state->serial++;
  if (state->number > PIECES_MAX)
    giz_image_stop(step, NULL, "the image has more pieces than the protocol can count");
  else
    giz_image_read_piece(step);
}

/* It has the piece, as far as can be known. */
void
giz_image_advance(GizStep *step)
{
  GizState *state = step->state;
  state->offset += state->piece;
  state->piece = 0;
  if (state->offset == state->size)
    giz_image_settle(step, true);
  else
    next_piece(step);
}

static int
digit(char c)
{
  return c >= '0' && c <= '9'   ? c - '0'
         : c >= 'A' && c <= 'F' ? c - 'A' + 10
         : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                : -1;
}

/* Of a line with its end, which begins with ":LL"; 0 = it is none. */
static uint32_t
line_size(GatewayText head)
{
  int high = head.size == HEX_HEAD && head.data[0] == ':' ? digit(head.data[1]) : -1;
  int low = high >= 0 ? digit(head.data[2]) : -1;
  uint32_t size = low >= 0 ? 11 + 2 * (uint32_t)(high * 16 + low) + 2 : 0;
  return size <= HEX_LINE_MAX ? size : 0;
}

static void
send_piece(GizStep *step, GatewayText data)
{
  GizState *state = step->state;
  bool is_last = state->offset + data.size == state->size;
  uint32_t count = state->is_hex ? 0 : (state->size + state->piece_max - 1) / state->piece_max;
  uint32_t flags = state->is_hex ? FLAG_HEX | (is_last ? FLAG_LAST : 0) : 0;
  char head[4] = { (char)(state->number >> 8), (char)state->number, (char)(count >> 8), (char)count };
  GizFrame frame = { PIECE, state->serial, flags, { head, sizeof head } };
  state->piece = (uint32_t)data.size;
  state->n_tries++;
  giz_send_frame(step, frame, data);
  step->wait_ms = PIECE_MS;
}

/* First its head, then the line: never a byte more than is sent, but for one where lines end with LF only. */
static void
on_hex_block(GizStep *step, GatewayText block)
{
  GizState *state = step->state;
  uint32_t left = state->size - state->offset;
  uint32_t size = line_size((GatewayText){ block.data, block.size < HEX_HEAD ? block.size : HEX_HEAD });
  if (size == 0 || left < size - 2)
    giz_image_stop(step, NULL, "a line of the image is no Intel HEX, or longer than 263 characters");
  else if (block.size == HEX_HEAD)
    step->block = size < left ? size : left;
  else if (block.size == size && block.data[size - 2] == '\n')
    send_piece(step, (GatewayText){ block.data, size - 1 });
  else
    send_piece(step, block);
}

void
giz_image_on_block(GizStep *step, const GatewayEvent *event)
{
  GizState *state = step->state;
  if (state->phase != GIZ_SENDING || state->piece > 0 || event->number != state->offset)
    return;
  if (event->text.size == 0 && ++state->n_blocks_lost < BLOCK_TRIES)
    step->wait_ms = BLOCK_RETRY_MS;
  else if (event->text.size == 0)
    giz_image_stop(step, NULL, "the gateway cannot read the image");
  else if (state->is_hex)
    on_hex_block(step, event->text);
  else
    send_piece(step, event->text);
}

/* Nothing came for a piece. The last one often is not acknowledged: the MCU starts anew instead. */
void
giz_image_on_late(GizStep *step)
{
  GizState *state = step->state;
  if (state->piece == 0)
    giz_image_read_piece(step);
  else if (state->offset + state->piece == state->size)
    giz_image_settle(step, false);
  else if (state->is_damaged)
    giz_image_advance(step);
  else if (state->n_tries < TRIES)
    giz_image_read_piece(step);
  else
    giz_image_stop(step, NULL, "it did not acknowledge a piece, three times");
}

/* ---- beginning ---- */

void
giz_image_announce(GizStep *step)
{
  GizState *state = step->state;
  char payload[6 + 32] = {
    (char)(state->size >> 24), (char)(state->size >> 16), (char)(state->size >> 8), (char)state->size, 0, 32
  };
  memcpy(payload + 6, state->md5, 32);
  state->phase = GIZ_ANNOUNCED;
  state->n_tries++;
  giz_send_command(step, ANNOUNCE, (GatewayText){ payload, sizeof payload });
  step->wait_ms = PIECE_MS;
}

static bool
is_hex_name(GatewayText name)
{
  if (name.size < 4 || name.data[name.size - 4] != '.')
    return false;
  const char *end = name.data + name.size - 3;
  return (end[0] | 32) == 'h' && (end[1] | 32) == 'e' && (end[2] | 32) == 'x';
}

static void
on_offer(GizStep *step, const GatewayImage *image)
{
  GizState *state = step->state;
  bool is_usable = image->size > 0 && image->size <= UINT32_MAX && image->md5.size == 32 &&
                   image->software_version.size == GIZ_VERSION_CHARS &&
                   giz_keep(image->software_version, state->target, sizeof state->target) &&
                   giz_keep(image->token, state->token, sizeof state->token) &&
                   giz_keep(image->md5, state->md5, sizeof state->md5);
  if (!is_usable)
    return;
  state->size = (uint32_t)image->size;
  state->is_hex_image = is_hex_name(image->name);
  giz_ask(step, GATEWAY_ASK_BYTES);
}

void
giz_image_on_answer(GizStep *step, const GatewayAnswer *answer)
{
  GizState *state = step->state;
  state->is_asking = false;
  if (answer->kind == GATEWAY_ANSWER_LATER) {
    state->n_ticks = PINGS_PER_CHECK - 1;
    step->wait_ms = 1000 * (uint64_t)(answer->wait_s > 5 ? answer->wait_s < 600 ? answer->wait_s : 600 : 5);
  } else if (state->ask.kind == GATEWAY_ASK_OFFER && answer->kind == GATEWAY_ANSWER_OFFER) {
    on_offer(step, &answer->image);
  } else if (state->ask.kind == GATEWAY_ASK_BYTES && answer->kind == GATEWAY_ANSWER_BYTES &&
             state->phase == GIZ_IDLE) {
    state->n_tries = 0;
    giz_image_announce(step);
  }
}

/* Length and digest of the image as it understood them, and its piece size. */
void
giz_image_on_ready(GizStep *step, const GizFrame *frame)
{
  GizState *state = step->state;
  size_t digest = giz_number(frame->payload, 0);
  bool is_whole = frame->payload.size >= digest + 4;
  bool is_ours = is_whole && digest == 32 && memcmp(frame->payload.data + 2, state->md5, 32) == 0;
  uint32_t piece = is_whole ? giz_number(frame->payload, digest + 2) : 0;
  giz_acknowledge(step, frame);
  if (state->phase == GIZ_SENDING)
    return; /* our acknowledgement was lost */
  if (state->phase != GIZ_ANNOUNCED) {
    giz_send_command(step, WE_STOP, GATEWAY_NO_TEXT); /* of an image from before we came */
    return;
  }
  state->is_hex = frame->flags & FLAG_HEX;
  state->piece_max = piece ? piece : 256;
  state->offset = state->number = state->n_blocks_lost = 0;
  state->phase = GIZ_SENDING;
  if (!is_ours)
    giz_image_stop(step, NULL, "it is ready for an image with another digest");
  else if (!state->is_hex && state->piece_max > GIZ_PIECE_MAX)
    giz_image_stop(step, NULL, "it wants pieces of more than 4096 bytes");
  else
    next_piece(step);
}

/* Text in its flash, or bytes where it expects lines: it would not start any more. */
void
giz_image_refuse_type(GizStep *step, const GizFrame *frame)
{
  giz_send_illegal(step, frame, WRONG_FILE_TYPE);
  giz_tell(step, GATEWAY_TELL_REFUSED, "0x11/4",
           frame->flags & FLAG_HEX ? "it wants Intel HEX, and the image is binary"
                                   : "it wants a binary, and the image is Intel HEX");
  giz_rest(step);
}
