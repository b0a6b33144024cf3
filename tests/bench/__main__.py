"""`make bench`: every figure as a ratio measured within one run."""

from __future__ import annotations

import os
import platform
import sys
import time

from tests.bench import bench_ami, bench_pop


def main() -> int:
    print(f"{time.strftime('%Y-%m-%d %H:%M')}, {os.cpu_count()} cores, {platform.python_implementation()} "
          f"{platform.python_version()}, load {os.getloadavg()[0]:.1f}\n")  # fmt: skip
    print("Reading a switch's events\n", flush=True)
    print(bench_ami.table(bench_ami.run()))
    print("\nFrom the switch to the agent's screen\n", flush=True)
    pops = bench_pop.run()
    print(bench_pop.table(pops))
    if lost := bench_pop.lost(pops):
        print(f"\n{lost} never arrived", file=sys.stderr)
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
