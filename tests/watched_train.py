"""`asuka.train`, with a line `RANK PATH` in the file $WATCHED for everything that this process changes on the disk."""

import os
import runpy
import sys

RECORD = os.open(os.environ["WATCHED"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)


def watch(event: str, arguments: tuple) -> None:
    writing = event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
    if writing or event in ("os.mkdir", "os.rename", "os.remove"):
        os.write(RECORD, f"{os.environ.get('RANK', '0')} {arguments[0]}\n".encode())


sys.addaudithook(watch)
runpy.run_module("asuka.train", run_name="__main__", alter_sys=True)
