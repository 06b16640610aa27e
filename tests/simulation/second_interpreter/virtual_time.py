"""Threads, events and pauses of moto's interpreter in the time of a simulated world.

Each thread is a greenlet, and only one runs at a time. One that waits gives control back to the world, which goes on
with it when its event is set or its time is over. So an hour takes no time, and every run has the same order.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timezone, tzinfo
from types import SimpleNamespace
from typing import Any, Protocol

from greenlet import GreenletExit, getcurrent, greenlet  # type: ignore[import-untyped]


class World(Protocol):
    """A clock with its events."""

    def time(self) -> datetime: ...
    def after(self, low: float, high: float, act: Callable[[], None], /) -> None: ...


class VirtualTime:
    """The parts of `threading`, `time` and `datetime` that moto's interpreter uses."""

    def __init__(self, world: World, on_end: Callable[[], None]) -> None:
        self._world, self._on_end = world, on_end
        self._hub = getcurrent()
        self._threads: list[greenlet] = []

    def thread(self, target: Callable[..., Any], args: Iterable[Any] = (), **_: Any) -> "_Thread":
        return _Thread(self, target, tuple(args))

    def event(self) -> "Event":
        return Event(self)

    def sleep(self, seconds: float) -> None:
        self.event().wait(seconds)

    def clock(self) -> SimpleNamespace:
        """Return a stand-in of the module datetime whose class datetime knows the world's time."""
        return SimpleNamespace(datetime=SimpleNamespace(now=self._now), timezone=timezone)

    def _now(self, tz: tzinfo | None = None) -> datetime:
        return self._world.time().astimezone(tz)

    def spawn(self, run: Callable[[], None]) -> None:
        def ran() -> None:
            run()
            self._threads.remove(getcurrent())
            self._on_end()

        made = greenlet(ran, parent=self._hub)
        self._threads.append(made)
        self.later(0, lambda: self.resume(made))

    def later(self, seconds: float, act: Callable[[], None]) -> None:
        self._world.after(seconds, seconds, act)

    def pause(self) -> None:
        """Give control back to the world, until something resumes this thread."""
        self._hub.switch()

    def resume(self, thread: greenlet) -> None:
        """Go on with a thread; the world does this from one of its events."""
        if not thread.dead:
            thread.switch()

    def close(self) -> None:
        """End every thread that still waits."""
        for each in list(self._threads):
            each.throw(GreenletExit)
        self._threads.clear()


class Event:
    """threading.Event. A `wait` ends when it is set, or with False after its time."""

    def __init__(self, of: VirtualTime) -> None:
        self._of = of
        self._set = False
        self._waiting: list[Callable[[], None]] = []

    def is_set(self) -> bool:
        return self._set

    def clear(self) -> None:
        self._set = False

    def set(self) -> None:
        self._set = True
        waiting, self._waiting = self._waiting, []
        for resume in waiting:
            self._of.later(0, resume)

    def wait(self, timeout: float | None = None) -> bool:
        if self._set or timeout == 0:
            return self._set
        thread, resumed = getcurrent(), False

        def resume() -> None:
            nonlocal resumed
            if not resumed:
                resumed = True
                self._of.resume(thread)

        self._waiting.append(resume)
        if timeout is not None:
            self._of.later(timeout, resume)
        self._of.pause()
        return self._set


class _Thread:
    """threading.Thread, started, joined and asked whether it still runs."""

    def __init__(self, of: VirtualTime, target: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self._of, self._target, self._args = of, target, args
        self._ended = of.event()

    def start(self) -> None:
        self._of.spawn(self._run)

    def _run(self) -> None:
        self._target(*self._args)
        self._ended.set()

    def join(self, timeout: float | None = None) -> None:
        self._ended.wait(timeout)

    def is_alive(self) -> bool:
        return not self._ended.is_set()


def stand_ins(time: VirtualTime, threading: Any) -> Mapping[str, Any]:
    """Return what replaces the names `threading`, `Thread`, `Event`, `time` and `datetime` in a module."""
    virtual = SimpleNamespace(
        Thread=time.thread,
        Event=time.event,
        Lock=threading.Lock,
        RLock=threading.RLock,
        Condition=threading.Condition,
    )
    return {
        "threading": virtual,
        "Thread": time.thread,
        "Event": time.event,
        "time": SimpleNamespace(sleep=time.sleep, time=lambda: time.clock().datetime.now().timestamp()),
        "datetime": time.clock(),
    }
