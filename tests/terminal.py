"""Runs a command in a terminal of its own: terminal.py INPUT COMMAND...

INPUT is typed at once, with \\n for Enter and \\x04 for the end of input. Prints what the command wrote and ends as it did.
"""
import os
import pty
import sys


def main():
    typed = sys.argv[1].encode().decode("unicode_escape").encode()
    child, terminal = pty.fork()
    if child == 0:
        os.execvp(sys.argv[2], sys.argv[2:])
    os.write(terminal, typed)
    shown = b""
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:  # Linux: the other side has closed
            break
        if not piece:
            break
        shown += piece
    status = os.waitpid(child, 0)[1]
    sys.stdout.buffer.write(shown.replace(b"\r\n", b"\n"))
    return os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128


sys.exit(main())
