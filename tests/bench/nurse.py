#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""nurse.py COMMAND...: runs it and waits for all of its descendants, also those that outlive their parents, so that
nothing of what they used is lost: it stands in the nurse's own account of ended children. TERM ends the command."""
import ctypes
import os
import signal
import subprocess
import sys

PR_SET_CHILD_SUBREAPER = 36

if ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
    sys.exit('cannot adopt orphans')
child = subprocess.Popen(sys.argv[1:])
signal.signal(signal.SIGTERM, lambda *_: child.send_signal(signal.SIGTERM))
while True:
    try:
        os.wait()
    except ChildProcessError:
        break
