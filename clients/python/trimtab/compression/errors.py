"""What is refused when weights are compressed or read back."""

from __future__ import annotations

from trimtab.errors import TrimtabError


class InvalidWeights(TrimtabError, ValueError):
    """The weights can't be compressed."""

    code = "invalid_weights"


class InvalidCompression(TrimtabError, ValueError):
    """The settings of a compression make no sense, or not for these weights."""

    code = "invalid_compression"


class CorruptStream(TrimtabError, ValueError):
    """The bytes are no compressed weights, or no longer. offset: the byte at which what is broken begins."""

    code = "corrupt_stream"

    def __init__(self, detail: str, offset: int = 0) -> None:
        super().__init__(f"{detail} (at byte {offset:,})", extras={"offset": offset})

    @property
    def offset(self) -> int:
        """The byte of the stream."""
        return int(self.extras["offset"])
