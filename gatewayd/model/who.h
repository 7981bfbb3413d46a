/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which nodes a rule is for. What the node says of itself and the operator of it decides, as far as it is
 * known: what is not known does not match, unless the rule says so. Pure. */
#pragma once
#include "model/firmware.h"
#include "model/node.h"

#define GW_WHO_LIST_MAX 100000

/* Each list is a set of texts, or NULL = any. Of those that are set, one text must fit. */
typedef struct {
  /* By name; a node that fits one of these four lists is named. */
  GHashTable *nodes;    /* ids */
  GHashTable *prefixes; /* what an id begins with */
  GHashTable *macs;     /* normalised: of the node, or its alias "mac=" */
  GHashTable *imeis;    /* 15 digits: its id, or its alias "imei=" */
  /* By what it is; each list that is set must hold. */
  GHashTable *products;   /* of those that the rule has a firmware for */
  GHashTable *locations;  /* paths with a glob per level, "Guangdong / *" */
  GHashTable *labels;     /* it bears one of these */
  GHashTable *hardware;   /* hardware versions of the part that the firmware is for */
  GHashTable *transports; /* plugins */
  GHashTable *versions;   /* that it runs: "1.2", or a range with both ends, "1.2..1.9", "..1.9", "1.2.." */
  gboolean is_unknown_included; /* nodes whose version is unknown, or of no place in the range */
  /* By how it is. */
  gint64 heard_within_ms;          /* 0 = any. See gw_who_was_heard(). */
  gint64 min_battery;              /* attribute "battery", percent; 0 = any */
  gint64 min_signal;               /* attribute "signal", dBm; 0 = any */
  gboolean is_unmeasured_included; /* nodes that do not say how their battery or signal is */
} GwWho;
void gw_who_clear(GwWho *who);

/* The lists, by their names in the written form; ended by key NULL. */
typedef struct {
  const char *key;
  gsize offset; /* in GwWho, of a GHashTable * */
} GwWhoList;
extern const GwWhoList gw_who_lists[];
GHashTable **gw_who_list(const GwWho *who, const GwWhoList *list);
GHashTable *gw_who_set_new(void);

/* All but the version, the product of the firmware and when it was heard; @component is the part that the
 * firmware is for, or NULL. @ret_reason (static text) when not. */
gboolean gw_who_fits(const GwWho *who, const GwNode *node, const GwComponent *component,
                     const char **ret_reason);
/* What runs on the node now is one of the versions, by its product's scheme. */
gboolean gw_who_takes_version(const GwWho *who, const GwComponent *component, GwVersionScheme scheme,
                              const char **ret_reason);
/* Heard recently enough to be counted, told and put into a group; without a trusted clock all are. A node
 * that asks has just been heard, so no answer depends on this. */
gboolean gw_who_was_heard(const GwWho *who, const GwNode *node, const GwNow *now);
/* NULL = @text is a version, or a range whose ends are versions with an order, by @scheme; else why not. */
const char *gw_who_check_version(const char *text, GwVersionScheme scheme);
/* All of it in one line, "nodes sensor-1, macs (120), battery-at-least 30"; "" = everybody. Caller frees. */
char *gw_who_text(const GwWho *who);
/* Path match, level by level; * and ? within a level; a last level of two stars is any rest, also none. Case
 * and blanks count. A pattern of no characters matches everything; a node without a location matches that
 * and two stars only. */
gboolean gw_location_match(const char *pattern, const char *location);
