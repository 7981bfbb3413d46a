/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A target with one fault of each kind, to prove that the driver and the sanitizers see them; see
 * self-test.py. */
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static void *volatile leak;
  volatile int number = INT_MAX;

  if (size < 2 || data[0] != 'X')
    return 0;
  switch (data[1]) {
  case 'o': /* read beyond the end */
    return ((const volatile uint8_t *)data)[size] & 0;
  case 'u': /* undefined arithmetic */
    number = number + 1;
    break;
  case 'a': /* failed assertion */
    abort();
  case 'l':
    leak = malloc(10);
    leak = size > 2 ? leak : NULL;
    break;
  }
  return 0;
}
