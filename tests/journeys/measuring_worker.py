"""A process at the board: measures latencies LAG trials late. Writes down which jobs it took and told.

Arguments: address, key, study, device, file for the lines, how many trials there will be.
"""

from __future__ import annotations

import sys
from pathlib import Path

import trimtab
from trimtab.jobs import Job

LAG = 20


def latency(params: dict[str, float]) -> float:
    """What a model takes on the board, in ms."""
    return 0.5 * params["width"] + 3.0


def main(url: str, key: str, name: str, device: str, lines: Path, trials: int) -> None:
    """Hold each job until LAG more trials are complete, or all are."""
    with trimtab.Client(url, key) as client:
        study = client.study(name)
        held: list[Job] = []

        def say(line: str) -> None:
            with lines.open("a") as file:
                file.write(f"{line}\n")

        def tell_the_late_ones() -> None:
            complete = study.counts.get("complete", 0)
            for job in [one for one in held if complete >= min(one.number + LAG, trials)]:
                held.remove(job)
                job.tell((latency(job.params), 0.25))
                say(f"told {job.number}")

        for job in client.measure_jobs("latency_ms", device, study=name, wait=8):
            held.append(job)
            say(f"took {job.number}")
            tell_the_late_ones()
        tell_the_late_ones()


if __name__ == "__main__":
    address, secret, of, board, file, total = sys.argv[1:]
    main(address, secret, of, board, Path(file), int(total))
