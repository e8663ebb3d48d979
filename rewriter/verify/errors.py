"""What ends a verification."""


class VerifyError(Exception):
    """What keeps the two sides from being compared; the message says why."""


class Differs(Exception):
    """What would be written does not compute the same; the message says what differs."""
