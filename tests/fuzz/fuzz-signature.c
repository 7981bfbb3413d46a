/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A signature file against a key of each algorithm: no mutation may verify something that was not signed. */
#include <stdint.h>
#include <string.h>

#include "base/error.h"
#include "base/sign.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The corpus holds their signatures over another message. */
static const char *const keys[] = {
  "-----BEGIN PUBLIC KEY-----\n"
  "MCowBQYDK2VwAyEA3b8CN+UbVXhjR/bo8CywAbVxrdnRs/zZb4B2h+lftFo=\n"
  "-----END PUBLIC KEY-----\n",
  "-----BEGIN PUBLIC KEY-----\n"
  "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE1XJf4PFI6BoVSEHIcG6PSpAfrYY0\n"
  "Idb8SLh/3HL3hIrOaBI5/dvIcicXqgA8fO5vqpFTgsjf9gEdX7aSA5wDIg==\n"
  "-----END PUBLIC KEY-----\n",
  "-----BEGIN PUBLIC KEY-----\n"
  "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA2ofqSis7vq2u1Pfui/26\n"
  "BeLtoO5tCwvwtqe0ydqGwh1H6c1e4LE00SvSMdaZsnLvlrpd4tog7353KS/ku7eu\n"
  "IdFvo+iEv75BUMKxcJyLlTHDBqxFi4VOZQwB5V2hSWHVZ9Oa4ahH8p0aj9IXJxf7\n"
  "NEaO3+nnLHXyO7aFSS/RgCY6FJogn1q2f1KxrA9C6n1U4q0Q+LL7wbD3o0Q2IjBj\n"
  "yRbecw6Lr2NjaFTUkBowLyux+865wVzONhJ0PQMZ8yOwuHxdpjZQrCVm/3IPzNMs\n"
  "QI2abrDwc7NrVRsPcTQtSqsI1YH5/VmdiWt93L3iHgnAbVS6HnO0gnONhAZHd4SX\n"
  "pwIDAQAB\n"
  "-----END PUBLIC KEY-----\n",
};

static GwKeyring *
make_keyring(void)
{
  GwKeyring *keyring = gw_keyring_new();

  for (guint i = 0; i < G_N_ELEMENTS(keys); i++)
    g_assert(gw_keyring_add(keyring, "key", keys[i], strlen(keys[i]), NULL, NULL));
  return keyring;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static GwKeyring *keyring;
  g_autoptr(GError) error = NULL;
  guint key;

  if (!keyring)
    keyring = make_keyring();
  g_assert(!gw_keyring_verify(keyring, "message", 7, (const char *)data, size, &key, &error));
  g_assert(error->code == GW_ERROR_UNTRUSTED);
  return 0;
}
