"""What every test finds."""

import signal

# Whoever starts the suite in the background hands down that Ctrl-C is ignored; some tests send it.
signal.signal(signal.SIGINT, signal.default_int_handler)
