/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the helper says, and what it is told. */
#include <stdint.h>

#include "model/findings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_findings(const GwFindings *findings)
{
  g_assert(findings->members->len <= GW_MEMBERS_MAX);
  for (guint i = 0; i < findings->members->len; i++) {
    const GwMember *member = findings->members->pdata[i];

    g_assert(g_hash_table_size(member->facts) <= GW_FACTS_MAX);
    g_assert(*member->name == '\0' || gw_member_name_check(member->name, NULL));
  }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  g_auto(GwSays) says = { 0 };
  g_auto(GwJob) job = { 0 };

  if (gw_says_unpack(data, size, &says, NULL) && says.findings)
    check_findings(says.findings);
  (void)gw_job_unpack(data, size, &job, NULL);
  return 0;
}
