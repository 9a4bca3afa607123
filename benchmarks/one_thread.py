"""One thread of one processor for all libraries; import it before NumPy, which reads these settings once."""

import os

__all__ = ["load"]

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"):
    os.environ[_name] = "1"
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
if hasattr(os, "sched_setaffinity"):
    # The last processor that is allowed: the first one has the system's interrupts.
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def load() -> str:
    """The load of the machine by other processes."""
    return f"load average {os.getloadavg()[0]:.1f} at the end"
