"""The machine named, and results written between their markers in benchmarks/README.md."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = ["README", "machine", "markdown_table", "version_of", "write_section"]

README = Path(__file__).with_name("README.md")


def version_of(package: str) -> str | None:
    """The installed version of a package, or None."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    """The processor's name, from Linux's list where there is one."""
    listing = Path("/proc/cpuinfo")
    if listing.exists():
        for line in listing.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def machine(*packages: str) -> str:
    """One line: processor, cores, Python, and the versions of some packages; missing ones are said to be missing."""
    parts = [_processor(), f"{os.cpu_count()} cores", f"Python {platform.python_version()}"]
    parts += [f"{package} {version_of(package) or 'missing'}" for package in packages]
    return ", ".join(parts)


def markdown_table(header: list[str], rows: list[list[str]]) -> str:
    """A table in Markdown, the first column to the left and the others to the right."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def write_section(name: str, title: str, text: str) -> None:
    """Put a text between the markers called `name` in the README, or at its end where there are none."""
    start, end = f"<!-- {name}:start -->", f"<!-- {name}:end -->"
    old = README.read_text("utf-8") if README.exists() else "# Benchmarks\n"
    if start not in old:
        old = f"{old.rstrip()}\n\n## {title}\n\n{start}\n{end}\n"
    before, rest = old.split(start, 1)
    README.write_text(f"{before}{start}\n{text}\n{end}{rest.split(end, 1)[1]}", "utf-8")
