"""How far a study is: a bar in a terminal, a line for each piece of work elsewhere."""

from __future__ import annotations

from time import perf_counter

from rich.console import Console

from benchmarks.running.progress import bars, duration, duration_left


class StudyProgress:
    """Shows how many pieces of a study are done; use it as a context manager.

    Args:
        unit: what is counted, in the plural.
        total: how many pieces there are.
        console: where to show it.
        done: how many pieces are done already.
    """

    def __init__(self, unit: str, total: int, console: Console, done: int = 0) -> None:
        self.total, self.done = total, done
        self._console, self._began = console, perf_counter()
        self._bar = bars(console)
        self._task = self._bar.add_task(unit, total=total, completed=done, note="")

    def __enter__(self) -> StudyProgress:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    @property
    def seconds(self) -> float:
        """The time since the beginning."""
        return perf_counter() - self._began

    def advance(self, piece: str, seconds_left: float | None = None) -> None:
        """Count one more piece, and say which one it was.

        Args:
            piece: it in a few words.
            seconds_left: what the others will take; where nobody knows, the time so far is shown.
        """
        note = f"{duration(self.seconds)} so far" if seconds_left is None else duration_left(seconds_left)
        self.move(self.done + 1, note)
        self.line("; ".join(filter(None, (piece, note))))

    def move(self, done: int, note: str = "") -> None:
        """Show that so many pieces are done, on the bar alone."""
        self.done = done
        self._bar.update(self._task, completed=done, note=note)

    def line(self, text: str) -> None:
        """Print a line with the count where there is no bar."""
        if not self._console.is_terminal:
            self._print(f"[{self.done:,}/{self.total:,}] {text}", None)

    def warn(self, text: str) -> None:
        """Print a line everywhere."""
        self._print(text, "yellow")

    def _print(self, text: str, style: str | None) -> None:
        self._console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)
