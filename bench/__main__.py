"""`python -m bench [NAME]`: measure, print a table, and write it to bench/results/latest.json."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import django

django.setup()

from bench import alerts, api, batch, desk, fleet, impact, imports, lists, revocation  # noqa: E402  Django is set up first
from bench.figure import Figure  # noqa: E402

RESULTS = Path(__file__).parent / "results" / "latest.json"
BENCHES: dict[str, Callable[[], Iterator[Figure]]] = {
    "desk": desk.measure,
    "impact": impact.measure,
    "batch": batch.measure,
    "fleet": fleet.measure,
    "imports": imports.measure,
    "revocation": revocation.measure,
    "lists": lists.measure,
    "api": api.measure,
    "alerts": alerts.measure,
}


def main(only: str = "") -> int:
    if only and only not in BENCHES:
        print(f"There is no bench {only}; there are: {', '.join(BENCHES)}.")
        return 2
    figures = [figure for name, measure in BENCHES.items() if only in ("", name) for figure in measure()]
    _write(figures)
    _print(figures)
    return 0


def _write(figures: Iterable[Figure]) -> None:
    known = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for each in figures:
        known[each.name] = {
            "ours": round(each.ours, 3),
            "beside": round(each.beside, 3),
            "ratio": each.ratio,
            "goal": each.goal,
            "unit": each.unit,
            "met": each.met,
        }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(known, indent=2) + "\n")


def _print(figures: Iterable[Figure]) -> None:
    print(f"{'figure':<48} {'ours':>10} {'beside':>10} {'ratio':>8} {'goal':>8}  unit")
    for each in figures:
        sign = "<=" if each.is_most else ">="
        line = f"{each.name:<48} {each.ours:>10.2f} {each.beside:>10.2f} {each.ratio:>8.2f} {sign}{each.goal:>6g}"
        print(f"{line}  {each.unit}{'' if each.met else '   NOT MET'}")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
