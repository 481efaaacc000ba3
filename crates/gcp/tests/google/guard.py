"""Runs a command and ends it, with all it started, when standard input ends: a test that is
killed leaves no emulator behind."""

import os
import signal
import subprocess
import sys

child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, start_new_session=True)
sys.stdin.buffer.read()
os.killpg(child.pid, signal.SIGKILL)
