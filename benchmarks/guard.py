"""What half a standard error to spare saves, and what it costs: descents whose truth is known.

    python -m benchmarks.guard [--jobs 1000] [--edge 0.2]

A made-up network loses a point at a share of its units, the edge, and more below it
(`(edge / share) ** 1.5`). Every level is tried up to three times, as in a job; each try differs by
0.4 points, and is measured with the noise of paired examples, half of which all levels share with
the dense network. The steps, the limit of a point and the choice are the engine's own.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np

from prunery.specs.presets import resolve
from worker.engine.lottery import descent
from worker.engine.lottery.descent import Made
from worker.engine.lottery.objectives import DOUBT, Limit

STEEPNESS, RETRAINING, TRIES = 1.5, 0.004, 3
LIMIT = Limit(0.9, 0.01, higher_is_better=True, relative=False)
HEADINGS = ("examples", "differ", "spare", "lost", "above 1", "above 1.5", "above 3", "size")


@dataclass(frozen=True)
class Data:
    """Validation examples, and the share of them that two good networks answer differently."""

    examples: int
    differ: float


def main() -> None:
    """Print a table of mean losses in points, of how often they exceed some, and of sizes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--edge", type=float, default=0.2)
    arguments = parser.parse_args()
    jobs, edge = arguments.jobs, arguments.edge
    _print(HEADINGS)
    _print(("---",) * len(HEADINGS))
    few = Data(200, 0.1), Data(100, 0.1)
    for data in (Data(720, 0.02), Data(300, 0.03), Data(500, 0.1), Data(300, 0.15), *few):
        for spare in (0.0, 0.5, 1.0):
            draw = np.random.default_rng(0)
            found = np.array([_job(draw, data, spare, edge) for _ in range(jobs)])
            lost, share = 100 * found[:, 0], found[:, 1]
            _print(
                (
                    f"{data.examples}",
                    f"{data.differ:.0%}",
                    f"{spare:g}",
                    f"{lost.mean():.2f}",
                    *(f"{(lost > most).mean():.0%}" for most in (1, 1.5, 3)),
                    f"{np.exp(2 * np.log(share / edge).mean()):.2f}",
                )
            )


def _job(draw: np.random.Generator, data: Data, spare: float, edge: float) -> tuple[float, float]:
    """What the chosen level really loses, and the share of the units that it has."""
    recipe = resolve({"preset": "balanced"})
    luck = draw.normal() * np.sqrt(data.differ / 2 / data.examples)
    made: list[Made] = []
    shares, lost = [1.0], [0.0]
    while len(made) < recipe.schedule.rounds and (step := descent.next_step(recipe, made)):
        share = shares[step.basis] * (1 - step.fraction)
        for _ in range(TRIES):
            loss = 0.01 * (edge / share) ** STEEPNESS + draw.normal() * RETRAINING
            variance = (data.differ + max(0.0, loss)) / data.examples
            own = variance - data.differ / 2 / data.examples
            seen = LIMIT.dense - loss - luck - draw.normal() * np.sqrt(own)
            within = LIMIT.holds(seen, spare / DOUBT * np.sqrt(variance))
            if within:
                break
        made.append(Made(step, within))
        shares.append(share)
        lost.append(loss)
    good = [0, *(k for k, one in enumerate(made, 1) if one.within)]
    best = min(good, key=lambda k: shares[k])
    return lost[best], shares[best]


def _print(cells: tuple[str, ...]) -> None:
    print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
