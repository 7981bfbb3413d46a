/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/verification.h"

#include <string.h>

const char *
gw_verification_step_name(GwVerificationStep step)
{
  static const char *const names[] = {
    [GW_VERIFICATION_OPEN] = "open",       [GW_VERIFICATION_BRINGING] = "bringing",
    [GW_VERIFICATION_STAYING] = "staying", [GW_VERIFICATION_STAYED] = "stayed",
    [GW_VERIFICATION_PROVEN] = "proven",   [GW_VERIFICATION_CLOSED] = "closed",
  };

  return (guint)step < G_N_ELEMENTS(names) && names[step] ? names[step] : "none";
}

gboolean
gw_verification_step_parse(const char *name, GwVerificationStep *ret_step)
{
  for (GwVerificationStep step = GW_VERIFICATION_OPEN; step <= GW_VERIFICATION_CLOSED; step++)
    if (strcmp(name, gw_verification_step_name(step)) == 0) {
      *ret_step = step;
      return TRUE;
    }
  return FALSE;
}

const char *
gw_proof_name(GwProof proof)
{
  static const char *const names[] = {
    [GW_PROOF_STARTED] = "started",   [GW_PROOF_HEARD] = "heard",     [GW_PROOF_HEARD_OTHER] = "heard-other",
    [GW_PROOF_INFERRED] = "inferred", [GW_PROOF_STAYED] = "stayed",   [GW_PROOF_LOST] = "lost",
    [GW_PROOF_ENDED] = "ended",       [GW_PROOF_LATE] = "late",       [GW_PROOF_SEEN] = "seen",
    [GW_PROOF_ALLOWED] = "allowed",   [GW_PROOF_TRUSTED] = "trusted", [GW_PROOF_GIVEN_UP] = "given-up",
  };

  return (guint)proof < G_N_ELEMENTS(names) && names[proof] ? names[proof] : "none";
}

#define OPEN GW_VERIFICATION_OPEN
#define PROVEN GW_VERIFICATION_PROVEN

/* 0 = nothing changes. INFERRED changes nothing anywhere: it is no proof. */
static const GwVerificationStep NEXT[GW_N_VERIFICATION_STEPS + 1][GW_N_PROOFS + 1] = {
  [GW_VERIFICATION_OPEN] = { [GW_PROOF_STARTED] = GW_VERIFICATION_BRINGING, [GW_PROOF_TRUSTED] = PROVEN },
  [GW_VERIFICATION_BRINGING] = { [GW_PROOF_HEARD] = GW_VERIFICATION_STAYING,
                                 [GW_PROOF_ENDED] = OPEN,
                                 [GW_PROOF_LATE] = OPEN,
                                 [GW_PROOF_GIVEN_UP] = OPEN },
  [GW_VERIFICATION_STAYING] = { [GW_PROOF_HEARD_OTHER] = OPEN,
                                [GW_PROOF_STAYED] = GW_VERIFICATION_STAYED,
                                [GW_PROOF_LOST] = OPEN,
                                [GW_PROOF_GIVEN_UP] = OPEN },
  [GW_VERIFICATION_STAYED] = { [GW_PROOF_HEARD_OTHER] = OPEN,
                               [GW_PROOF_LOST] = OPEN,
                               [GW_PROOF_SEEN] = PROVEN,
                               [GW_PROOF_ALLOWED] = PROVEN,
                               [GW_PROOF_GIVEN_UP] = OPEN },
};

GwVerificationStep
gw_verification_next(GwVerificationStep step, GwProof proof, gboolean is_silent)
{
  GwVerificationStep next;

  if (step < GW_VERIFICATION_OPEN || step > GW_VERIFICATION_CLOSED || proof < GW_PROOF_STARTED ||
      proof > GW_PROOF_GIVEN_UP)
    return step;
  if (is_silent && (proof == GW_PROOF_HEARD || proof == GW_PROOF_ALLOWED))
    return step;
  if (is_silent && proof == GW_PROOF_SEEN)
    return step == GW_VERIFICATION_CLOSED ? step : PROVEN;
  next = NEXT[step][proof];
  return next ? next : step;
}
