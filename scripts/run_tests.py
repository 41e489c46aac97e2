"""Runs pytest: what is safe in parallel on two processes, then the tests that start the whole product, one by one."""

import subprocess
import sys

PYTEST = [sys.executable, "-m", "pytest", "-q"]
ALONE = "browser or slow"


def main(arguments: list[str]) -> int:
    if arguments:
        return subprocess.call([*PYTEST, *arguments])
    parallel = subprocess.call([*PYTEST, "-n", "2", "--dist", "loadscope", "-m", f"not ({ALONE})"])
    alone = subprocess.call([*PYTEST, "-m", ALONE])
    return parallel or (0 if alone == 5 else alone)  # 5: no such test


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
