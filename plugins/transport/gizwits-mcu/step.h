/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One step of a session while it is written, and what its parts share. Private to the plugin. */
#pragma once
#include "session.h"

#define TIMER 0
#define ORDINARY_MS 600      /* the module's own 200 ms, and what a serial server may add */
#define PIECE_MS 3000        /* an acknowledgement may come as late; a piece sent twice is counted twice */
#define READY_MS (60 * 1000) /* to erase its flash */
#define SETTLE_MS 3000       /* between two questions after the last piece */
#define SETTLE_TRIES 20      /* so often it may still answer with the old version */
#define BACK_TRIES 100       /* and so often with nothing at all */
#define PING_MS (55 * 1000)
#define ABSENT_MS (10 * 1000)
#define PINGS_PER_CHECK 11 /* a check in ten minutes */
#define BLOCK_RETRY_MS 250
#define BLOCK_TRIES 40
#define TRIES 3
#define PIECES_MAX 65535
#define HEX_LINE_MAX 263 /* with its end */
#define HEX_HEAD 3       /* ":LL" */
#define SENDS_MAX 12     /* of one step; the other actions always have room */

/* Commands; what acknowledges them is one greater. */
enum {
  INFO = 0x01,
  PING = 0x07,
  ILLEGAL = 0x11,
  ANNOUNCE = 0x19,
  READY = 0x1B,
  PIECE = 0x1D,
  WE_STOP = 0x1F,
  MODULE_INFO = 0x21,
  TRANSACTION = 0x23,
  IT_STOPS = 0x27,
  RESTART = 0x29,
};
#define ACK(command) ((uint8_t)((command) + 1))
enum { BAD_SUM = 1, UNKNOWN_COMMAND = 2, WRONG_FILE_TYPE = 4 };
#define FLAG_HEX 1u
#define FLAG_LAST 2u

/* One step that is being written: at most one block, one question and one time. */
typedef struct {
  GizState *state;
  GatewayScratch *scratch;
  GatewayAction *actions;
  uint32_t n;
  uint64_t wait_ms; /* 0 = as before */
  bool is_question;
  uint32_t block; /* bytes to read from the state's offset, 0 = none */
} GizStep;

void giz_send_frame(GizStep *step, GizFrame frame, GatewayText rest);
void giz_acknowledge(GizStep *step, const GizFrame *frame);
void giz_send_illegal(GizStep *step, const GizFrame *frame, char why);
/* A command of ours; its acknowledgement is awaited. */
void giz_send_command(GizStep *step, uint8_t command, GatewayText payload);
/* FALSE: too long, or it holds a NUL. */
bool giz_keep(GatewayText text, char *ret, size_t size);

/* The gateway is asked when the step is over. */
void giz_ask(GizStep *step, GatewayAskKind kind);
void giz_tell(GizStep *step, GatewayTellState told, const char *code, const char *detail);

/* Nothing is going on. */
void giz_rest(GizStep *step);

/* ---- the image ---- */

/* What is told of an image that did not get there: the device is asked for nothing more. */
void giz_image_fail(GizStep *step, const char *code, const char *why);
/* The same, and the device is told too. */
void giz_image_stop(GizStep *step, const char *code, const char *why);
/* It has every piece: what does it run? */
void giz_image_settle(GizStep *step, bool is_acknowledged);
void giz_image_judge(GizStep *step);
void giz_image_announce(GizStep *step);
void giz_image_read_piece(GizStep *step);
/* It has the piece, as far as can be known. */
void giz_image_advance(GizStep *step);
void giz_image_on_block(GizStep *step, const GatewayEvent *event);
/* Nothing came for a piece in time. */
void giz_image_on_late(GizStep *step);
void giz_image_on_answer(GizStep *step, const GatewayAnswer *answer);
void giz_image_on_ready(GizStep *step, const GizFrame *frame);
void giz_image_refuse_type(GizStep *step, const GizFrame *frame);
