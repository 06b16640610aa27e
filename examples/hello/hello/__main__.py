"""Start the service with `HOST=127.0.0.1 PORT=8080 python3 -m hello`. SIGTERM ends it after the last answer."""

import os
import signal
import sys
import threading
from pathlib import Path

from hello.greeting import Greeter
from hello.server import Service
from hello.switches import read_switches

STOP_SIGNALS = {signal.SIGTERM, signal.SIGINT}


def main(environ):
    identity = {
        "service": environ.get("LIFECYCLE_SERVICE", "hello"),
        "version": environ.get("LIFECYCLE_VERSION", "0.0.0"),
        "host": environ.get("LIFECYCLE_HOST", "local"),
    }
    motto = {"motto": environ["MOTTO"]} if environ.get("MOTTO") else {}
    own_switches = Path(__file__).parent.parent / "switches.toml"
    try:
        switches = read_switches(Path(environ.get("HELLO_SWITCHES", own_switches)))
        if not switches.starts:
            return "switches.toml says that the service does not start"
        address = environ.get("HOST", "127.0.0.1"), int(environ.get("PORT", "8080"))
        service = Service(address, Greeter(environ.get("GREETING", "Hello")), switches, identity, motto)
    except (OSError, ValueError, OverflowError) as error:
        return f"hello cannot start: {error}"
    # Block these signals in every thread, so that sigwait below receives them.
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    running = threading.Thread(target=service.run)
    running.start()
    print(f"hello {identity['version']} serves on {address[0]}:{service.server_port}", flush=True)
    signal.sigwait(STOP_SIGNALS)
    service.shutdown()
    running.join()
    print("hello has ended", flush=True)
    return 0


sys.exit(main(os.environ))
