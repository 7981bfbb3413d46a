/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A small site to decide about: one node, two rules, three firmwares. Each test changes what it is about. */
#pragma once
#include "model/policy.h"

#define MINUTE ((gint64)60 * 1000)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

/* Noon of some day. */
#define NOON ((gint64)20000 * DAY + 12 * HOUR)

typedef struct {
  GwNode *node;
  GwProduct *product;
  GwFirmware *firmware[3]; /* ids 1..3, versions 5, 6, 7, verified and sealed */
  GwRule *rules[2];        /* ids 1, 2: running, to firmware 2 and 3; the second is newer */
  GwUpdate *open;          /* of rule 1 and firmware 2; in the question only after open_in() */
  GwUpdate *ended;         /* of rule 2; known only after end_in() */
  GwCatalogView catalog;
  GwQuestion question;
  GwNow now;
} Site;

/* For g_test_add(). */
void site_up(Site *site, gconstpointer data);
void site_down(Site *site, gconstpointer data);

void set(char **text, const char *value);
/* A set of one text. */
GHashTable *set_of(const char *member);
/* The open update, in this state. */
void open_in(Site *site, GwUpdateState state);
/* The update of rule 2 has ended so. */
void end_in(Site *site, GwUpdateState state);
/* Rule 1, to firmware 2, alone. */
void only_first(Site *site);
GwVerdict decide(Site *site);
void assert_offer(Site *site, gint64 firmware_id, gint64 rule_id);
GwVerdict assert_no(Site *site, GwReason reason);
void assert_text(GwVerdict verdict, const char *part);
