/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bus/pulse.h"

gint64
gw_pulse_wait_ms(const GwPulse *pulse, gint64 boot_ms)
{
  return MAX(pulse->next_boot_ms - boot_ms, 0);
}

void
gw_pulse_beat(GwPulse *pulse, gint64 boot_ms)
{
  pulse->next_boot_ms = boot_ms + GW_PULSE_MS;
}
