/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What goes between the core and the program that looks into files: a job one way, what was found the other.
 * What comes back was made of foreign bytes by a program that may have been taken over, so every count and
 * length of it is bounded here. Pure. */
#pragma once
#include "base/digest.h"

#define GW_JOB_VERSION 1
#define GW_JOB_MESSAGE_MAX ((gsize)192 * 1024) /* of either side */
#define GW_JOB_LOOK G_MAXUINT32                /* at the file itself, and not at what is packed in it */
#define GW_JOB_LIST (G_MAXUINT32 - 1)          /* all members, each read to its end */
#define GW_JOB_CPU_SECONDS 5                   /* of one job */
#define GW_JOB_WALL_SECONDS 60                 /* of one job, whoever is slow */

typedef struct {
  char *file_name;    /* as whoever brought the file called it */
  guint32 member;     /* the one that is wanted, GW_JOB_LOOK, or GW_JOB_LIST */
  guint64 max_size;   /* bytes of one member, and of the file */
  GVariant *settings; /* a{sa{ss}}: what the configuration says to each format */
} GwJob;
/* Floating. */
GVariant *gw_job_pack(const GwJob *job);
/* @ret_job owns what is in it. */
gboolean gw_job_unpack(const void *data, gsize size, GwJob *ret_job, GError **error);
void gw_job_clear(GwJob *job);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(GwJob, gw_job_clear)

#define GW_MEMBERS_MAX 256
#define GW_FACTS_MAX 16
#define GW_MEMBER_NAME_MAX 255

/* One image of a file. */
typedef struct {
  char *name; /* "" = the file itself, as it is */
  guint64 size;
  guint8 sha256[GW_SHA256_LEN]; /* zero for the file itself */
  GHashTable *facts;            /* char * -> char * */
} GwMember;
GwMember *gw_member_new(const char *name, guint64 size);
void gw_member_free(GwMember *member);

typedef struct {
  char *format;       /* name of the plugin; "" = nobody knew it */
  char *refusal;      /* what is wrong with the file; "" = nothing */
  GPtrArray *members; /* of GwMember */
} GwFindings;
GwFindings *gw_findings_new(void);
void gw_findings_free(GwFindings *findings);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwFindings, gw_findings_free)
/* The file itself, or NULL. */
const GwMember *gw_findings_itself(const GwFindings *findings);
/* The one member whose name, or its part behind the last slash, fits the glob. NOT_FOUND = none, BAD_INPUT =
 * several; the error names what there is. */
gboolean gw_findings_choose(const GwFindings *findings, const char *glob, guint32 *ret_index, GError **error);
/* May a member be called so? No way out of a folder, nothing that a terminal would act upon. */
gboolean gw_member_name_check(const char *name, GError **error);

/* What the program says. First HELLO: its plugins are loaded (aa{sv} of them) and it begins; then FINDINGS.
 */
typedef enum { GW_SAYS_HELLO = 1, GW_SAYS_FINDINGS } GwSaysKind;
/* Floating. */
GVariant *gw_says_hello(GVariant *tables);
GVariant *gw_says_findings(const GwFindings *findings);
typedef struct {
  GwSaysKind kind;
  GVariant *tables;     /* HELLO */
  GwFindings *findings; /* FINDINGS */
} GwSays;
gboolean gw_says_unpack(const void *data, gsize size, GwSays *ret_says, GError **error);
void gw_says_clear(GwSays *says);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(GwSays, gw_says_clear)
