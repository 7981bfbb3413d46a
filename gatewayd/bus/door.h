/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What every call passes through, in this order: is there room, may the sender do this, are its options
 * known, do it, answer. There is no other way from the bus to a command. Main thread. */
#pragma once
#include <gio/gio.h>

#include "control/commands.h"

/* Calls being decided or carried out at once; more are answered Busy. */
#define GW_DOOR_CALLS_MAX 256
#define GW_DOOR_SENDER_CALLS_MAX 32
/* Of these, calls that wait for a person to type a password; more are decided without asking anybody. */
#define GW_DOOR_PROMPTS_MAX 16
/* Bytes of the arguments of one call. */
#define GW_DOOR_MESSAGE_MAX (4u * 1024 * 1024)

typedef struct GwDoor GwDoor; /* reference-counted: open calls keep it */
GwDoor *gw_door_new(GwCore *core, gboolean is_foreground);
/* No command is called after this; calls that wait for a decision are answered Stopped. */
void gw_door_close(GwDoor *door);
void gw_door_unref(GwDoor *door);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwDoor, gw_door_unref)
/* Answers @invocation (taken), later. */
void gw_door_call(GwDoor *door, GDBusMethodInvocation *invocation);
