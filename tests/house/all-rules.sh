#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# all-rules.sh HOUSE MESON: every rule that HOUSE knows is listed in MESON.
for rule in $("$1"); do
  grep -q "'$rule'" "$2" || { echo "$2 does not run the rule $rule"; exit 1; }
done
