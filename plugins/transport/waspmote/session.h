/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One FTP session as a state machine: events in, actions out, all memory in FtpState. It serves two names
 * that are made up from the gateway's answers (UPGRADE.TXT and the image named in it) and knows no file, no
 * socket and no clock. RFC 959, 1123, 2428, 3659, and RFC 2577 for what is refused. */
#pragma once
#include "address.h"
#include "line.h"
#include "path.h"
#include "upgrade.h"

#define FTP_LOGIN_MS 15000 /* from the greeting to a login that holds */
#define FTP_IDLE_MS 900000 /* without a command, while nothing is transferred */
#define FTP_FRESH_MS 60000 /* SIZE, RETR and SIZE again see one UPGRADE.TXT */
#define FTP_FAILED_LOGINS_MAX 3
#define FTP_USER_MAX 64
#define FTP_PASSWORD_MAX 128
#define FTP_ADDRESS_MAX 64

#define FTP_TIMER_IDLE 0
#define FTP_TIMER_FRESH 1

/* What the next command has to wait for. */
typedef enum {
  FTP_WAIT_NONE,
  FTP_WAIT_LOGIN,   /* is the password right? */
  FTP_WAIT_OFFER,   /* what stands in UPGRADE.TXT? */
  FTP_WAIT_REFUSAL, /* the offer could not be worded: recorded? */
  FTP_WAIT_BYTES,   /* may the image be sent? */
  FTP_WAIT_PASSIVE, /* our address and port */
  FTP_WAIT_ACTIVE,  /* connected to the client */
  FTP_WAIT_DRAINED, /* all acknowledged */
} FtpWait;

typedef enum { FTP_DATA_NONE, FTP_DATA_PASSIVE, FTP_DATA_ACTIVE } FtpData;

/* The command that waits. */
typedef enum { FTP_NO_VERB, FTP_SIZE, FTP_LIST, FTP_NLST, FTP_RETR, FTP_PASV, FTP_EPSV } FtpVerb;

typedef struct {
  char peer[FTP_ADDRESS_MAX];
  char user[FTP_USER_MAX + 1], password[FTP_PASSWORD_MAX + 1];
  bool is_named;     /* USER came */
  bool is_logged_in; /* and PASS held */
  bool is_closed;    /* nothing more is said */
  bool is_in_alias;  /* the current directory is ".gprs" */
  bool is_gprs;      /* only one modem looks there */
  bool is_epsv_only; /* EPSV ALL came */
  bool is_fresh;     /* `upgrade` is what was answered a moment ago */
  bool is_connected; /* the data channel's peer is there */
  bool is_aborted;   /* ABOR came while an answer is awaited */
  uint8_t n_failed_logins;
  FtpWait wait;
  FtpVerb verb;
  FtpTarget target;
  FtpData data;
  uint16_t data_port; /* ACTIVE */
  uint64_t rest;      /* REST: where the next RETR begins */
  uint64_t size;      /* of the image that is sent */
  Upgrade upgrade;    /* what the node is pinned to: from the login, then from the offer */
  FtpQueue queue;
} FtpState;

/* What one step has said so far. */
typedef struct {
  const GatewaySettings *settings;
  FtpState *state;
  GatewayScratch *scratch;
  GatewayAction *actions;
  uint32_t n;
} FtpStep;

uint32_t ftp_session_step(const GatewaySettings *settings, void *state, const GatewayEvent *event,
                          GatewayScratch *scratch, GatewayAction actions[GATEWAY_MAX_ACTIONS]);

/* commands.c: one line of a client. */
void ftp_command_run(FtpStep *step, GatewayText line);
bool ftp_command_is_abort(GatewayText line);

/* session.c, for the commands. Replies of one step leave in one action. */
__attribute__((format(printf, 2, 3))) void ftp_say(FtpStep *step, const char *format, ...);
void ftp_act(FtpStep *step, GatewayAction action);
void ftp_arm(FtpStep *step, uint64_t timer, uint64_t ms);
void ftp_close(FtpStep *step);
/* Asks as the node that logged in; `wait` says for what. */
void ftp_ask(FtpStep *step, GatewayAskKind kind, FtpWait wait);
void ftp_forget_login(FtpStep *step);
void ftp_login_failed(FtpStep *step);

/* transfer.c: the data channel, and what goes over it. */
void ftp_data_drop(FtpStep *step);
/* The command in `verb` and `target` goes on, its answers being there. */
void ftp_transfer_go_on(FtpStep *step);
/* Ends it with that reply. */
void ftp_transfer_fail(FtpStep *step, const char *reply);
void ftp_transfer_abort(FtpStep *step);
void ftp_transfer_on_data(FtpStep *step, const GatewayEvent *event);
