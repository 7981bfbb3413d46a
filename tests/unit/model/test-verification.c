/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every step and fact of a verification, told and silent. */
#include "model/firmware.h"
#include "model/verification.h"
#include <string.h>

#define O GW_VERIFICATION_OPEN
#define B GW_VERIFICATION_BRINGING
#define S GW_VERIFICATION_STAYING
#define W GW_VERIFICATION_STAYED /* waits for a word */
#define P GW_VERIFICATION_PROVEN
#define C GW_VERIFICATION_CLOSED

/* Written out: rows are facts, columns the steps open, bringing, staying, stayed, proven, closed. */
typedef struct {
  GwProof proof;
  GwVerificationStep told[6], silent[6];
} Row;

static const Row TABLE[] = {
  { GW_PROOF_STARTED, { B, B, S, W, P, C }, { B, B, S, W, P, C } },
  { GW_PROOF_HEARD, { O, S, S, W, P, C }, { O, B, S, W, P, C } },
  { GW_PROOF_HEARD_OTHER, { O, B, O, O, P, C }, { O, B, O, O, P, C } },
  { GW_PROOF_INFERRED, { O, B, S, W, P, C }, { O, B, S, W, P, C } },
  { GW_PROOF_STAYED, { O, B, W, W, P, C }, { O, B, W, W, P, C } },
  { GW_PROOF_LOST, { O, B, O, O, P, C }, { O, B, O, O, P, C } },
  { GW_PROOF_ENDED, { O, O, S, W, P, C }, { O, O, S, W, P, C } },
  { GW_PROOF_LATE, { O, O, S, W, P, C }, { O, O, S, W, P, C } },
  { GW_PROOF_SEEN, { O, B, S, P, P, C }, { P, P, P, P, P, C } },
  { GW_PROOF_ALLOWED, { O, B, S, P, P, C }, { O, B, S, W, P, C } },
  { GW_PROOF_TRUSTED, { P, B, S, W, P, C }, { P, B, S, W, P, C } },
  { GW_PROOF_GIVEN_UP, { O, O, O, O, P, C }, { O, O, O, O, P, C } },
};

static void
test_table(void)
{
  g_assert_cmpuint(G_N_ELEMENTS(TABLE), ==, GW_N_PROOFS);
  for (guint i = 0; i < G_N_ELEMENTS(TABLE); i++) {
    g_assert_cmpint(TABLE[i].proof, ==, i + 1);
    for (GwVerificationStep step = O; step <= C; step++) {
      g_assert_cmpint(gw_verification_next(step, TABLE[i].proof, FALSE), ==, TABLE[i].told[step - 1]);
      g_assert_cmpint(gw_verification_next(step, TABLE[i].proof, TRUE), ==, TABLE[i].silent[step - 1]);
    }
  }
}

static void
test_nonsense_changes_nothing(void)
{
  g_assert_cmpint(gw_verification_next(O, 0, FALSE), ==, O);
  g_assert_cmpint(gw_verification_next(O, GW_N_PROOFS + 1, TRUE), ==, O);
  g_assert_cmpint(gw_verification_next(0, GW_PROOF_SEEN, TRUE), ==, 0);
  g_assert_cmpint(gw_verification_next(GW_N_VERIFICATION_STEPS + 1, GW_PROOF_SEEN, TRUE), ==,
                  GW_N_VERIFICATION_STEPS + 1);
}

/* Whatever the order of facts: proven is entered by a word alone; of a make that tells its version only after
 * the node itself was heard with it and has stayed; of a silent one never by anything but a person's eyes. */
static void
test_U10_random_orders(void)
{
  for (int run = 0; run < 20000; run++) {
    gboolean is_silent = g_test_rand_bit(), is_heard = FALSE, has_stayed = FALSE;
    GwVerificationStep step = O;

    for (int i = 0; i < 12; i++) {
      GwProof proof = (GwProof)g_test_rand_int_range(GW_PROOF_STARTED, GW_N_PROOFS + 1);
      GwVerificationStep next = gw_verification_next(step, proof, is_silent);

      if (proof == GW_PROOF_TRUSTED)
        continue;
      is_heard = (is_heard || next == S) && next != O;
      has_stayed = (has_stayed || (is_heard && next == W)) && next != O;
      if (next == P && step != P && is_silent)
        g_assert_cmpint(proof, ==, GW_PROOF_SEEN);
      if (next == P && step != P && !is_silent) {
        g_assert_true(proof == GW_PROOF_SEEN || proof == GW_PROOF_ALLOWED);
        g_assert_true(is_heard && has_stayed);
      }
      step = next;
    }
  }
}

static void
test_names(void)
{
  for (GwVerificationStep step = O; step <= C; step++) {
    GwVerificationStep back = 0;

    g_assert_true(gw_verification_step_parse(gw_verification_step_name(step), &back));
    g_assert_cmpint(back, ==, step);
  }
  g_assert_cmpstr(gw_verification_step_name(0), ==, "none");
  g_assert_false(gw_verification_step_parse("none", &(GwVerificationStep){ 0 }));
  for (GwProof proof = GW_PROOF_STARTED; proof <= GW_N_PROOFS; proof++)
    g_assert_cmpstr(gw_proof_name(proof), !=, "none");
  g_assert_cmpstr(gw_proof_name(0), ==, "none");
}

/* The proof is of one image and one version: under another it is none. */
static void
test_U10_proof_is_of_its_image(void)
{
  g_autoptr(GwFirmware) firmware = gw_firmware_new();

  memset(firmware->sha256, 'a', GW_SHA256_HEX_LEN);
  g_free(firmware->software_version);
  firmware->software_version = g_strdup("5");
  firmware->state = GW_FIRMWARE_VERIFIED;
  g_assert_false(gw_firmware_is_for_rules(firmware));
  gw_firmware_prove(firmware, "somebody saw it");
  g_assert_true(gw_firmware_is_for_rules(firmware));
  firmware->sha256[63] = 'b';
  g_assert_false(gw_firmware_is_for_rules(firmware));
  firmware->sha256[63] = 'a';
  g_assert_true(gw_firmware_is_for_rules(firmware));
  g_free(firmware->software_version);
  firmware->software_version = g_strdup("5.1");
  g_assert_false(gw_firmware_is_for_rules(firmware));
}

static void
test_where_a_firmware_stands(void)
{
  g_autoptr(GwFirmware) firmware = gw_firmware_new();
  const GwVerificationStep steps[] = { C, O, W, P, C, C };

  firmware->verification.step = W;
  for (GwFirmwareState state = GW_FIRMWARE_DRAFT; state <= GW_FIRMWARE_REJECTED; state++) {
    firmware->state = state;
    g_assert_cmpint(gw_firmware_step(firmware), ==, steps[state - 1]);
  }
}

static void
test_version_names(void)
{
  const char *const good[] = { "", "V1_beta", "a", "0" };
  const char *const bad[] = { "a b", "1.2", "ä", "a-b",
                              "0123456789012345678901234567890123456789012345678901234567890123x" };

  for (guint i = 0; i < G_N_ELEMENTS(good); i++)
    g_assert_true(gw_version_name_check(good[i], NULL));
  for (guint i = 0; i < G_N_ELEMENTS(bad); i++)
    g_assert_false(gw_version_name_check(bad[i], NULL));
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/model/verification/table", test_table);
  g_test_add_func("/model/verification/nonsense", test_nonsense_changes_nothing);
  g_test_add_func("/model/verification/names", test_names);
  g_test_add_func("/model/verification/where-a-firmware-stands", test_where_a_firmware_stands);
  g_test_add_func("/model/verification/version-names", test_version_names);
  g_test_add_func("/promise/U10/proven-by-the-node-and-a-word", test_U10_random_orders);
  g_test_add_func("/promise/U10/proof-is-of-its-image", test_U10_proof_is_of_its_image);
  return g_test_run();
}
