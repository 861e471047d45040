"""Worker processes for what is uploaded: started when needed, ended when idle, killed when a file takes too long."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from contextlib import suppress

from post_service import metrics
from post_service.errors import BrokenFile, FileTooLarge, UnsupportedType
from post_service.imaging.formats import Kind
from post_service.imaging.frames import LENGTH, Refusal, decode_answer, join
from post_service.models import ProcessedMedia, Purpose
from rookery_common.errors import DeadlineExceeded, Unavailable
from rookery_common.logs import get_logger
from rookery_common.rpc.deadline import within

JOB_SECONDS = 20
IDLE_SECONDS = 60.0
JOBS_PER_WORKER = 200
TRIES = 2
MAX_ANSWER_BYTES = 128 * 1024 * 1024

_REFUSALS = {error.reason: error for error in (FileTooLarge, UnsupportedType)}

log = get_logger()


class _Worker:
    """One process; it does one file at a time."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self.jobs = 0
        self.retirement: asyncio.TimerHandle | None = None

    def is_alive(self) -> bool:
        stdin = self._process.stdin
        return self._process.returncode is None and stdin is not None and not stdin.is_closing()

    async def work(self, data: bytes, kind: Kind, purpose: Purpose) -> ProcessedMedia | Refusal:
        assert self._process.stdin is not None  # noqa: S101 - it was started with pipes
        self.jobs += 1
        try:
            self._process.stdin.write(join(kind.encode(), b"%d" % purpose, data))
            await self._process.stdin.drain()
        except RuntimeError as error:  # uvloop's word for a pipe whose other end is gone
            raise ConnectionResetError from error
        return decode_answer(await self._read(), await self._read(), await self._read())

    async def _read(self) -> bytes:
        assert self._process.stdout is not None  # noqa: S101
        (size,) = LENGTH.unpack(await self._process.stdout.readexactly(LENGTH.size))
        if size > MAX_ANSWER_BYTES:
            raise ValueError("the answer is too long")
        return await self._process.stdout.readexactly(size)

    async def end(self) -> None:
        if self.retirement is not None:
            self.retirement.cancel()
        with suppress(ProcessLookupError):  # It has ended by itself.
            self._process.kill()
        await self._process.communicate()


class ImageWorkers:
    """Processes files, a few at a time. Idle, it holds no process at all."""

    def __init__(self, workers: int = 2, *, job_seconds: int = JOB_SECONDS, idle_seconds: float = IDLE_SECONDS) -> None:
        self._free = asyncio.Semaphore(workers)
        self._idle: list[_Worker] = []
        self._ending: set[asyncio.Task[None]] = set()
        self._job_seconds = job_seconds
        self._idle_seconds = idle_seconds

    async def start(self) -> None:
        """Nothing: a worker starts with the first picture."""

    async def stop(self) -> None:
        idle, self._idle = self._idle, []
        for worker in idle:
            await worker.end()
        await asyncio.gather(*self._ending)

    async def process(self, data: bytes, kind: Kind, purpose: Purpose = Purpose.POST) -> ProcessedMedia:
        """The file, made anew. Raises BrokenFile, FileTooLarge, UnsupportedType; DeadlineExceeded if none is free."""
        try:
            async with asyncio.timeout(within(self._job_seconds)):
                await self._free.acquire()
        except TimeoutError:
            raise DeadlineExceeded("too many files are being processed") from None
        try:
            with metrics.IMAGE_SECONDS.time():
                answer = await self._run(data, kind, purpose)
        finally:
            self._free.release()
        if isinstance(answer, ProcessedMedia):
            return answer
        raise _REFUSALS.get(answer.reason, BrokenFile)(answer.description)

    async def _run(self, data: bytes, kind: Kind, purpose: Purpose) -> ProcessedMedia | Refusal:
        for _ in range(TRIES):
            worker = self._take_idle() or await self._spawn()
            try:
                return await self._job(worker, data, kind, purpose)
            except (asyncio.IncompleteReadError, ConnectionError):
                # Of this picture, or of something else: killed for memory, or while it rested. A second one tells.
                log.warning("post.image_worker_died", bytes=len(data), kind=kind)
        return Refusal(BrokenFile.reason, "is broken: it can't be decoded")

    async def _job(self, worker: _Worker, data: bytes, kind: Kind, purpose: Purpose) -> ProcessedMedia | Refusal:
        reusable = False
        try:
            async with asyncio.timeout(self._job_seconds):
                answer = await worker.work(data, kind, purpose)
            reusable = worker.jobs < JOBS_PER_WORKER
            return answer
        except TimeoutError:
            return Refusal(FileTooLarge.reason, "takes too long to decode")
        except (ValueError, KeyError):
            log.warning("post.image_worker_answered_nonsense", bytes=len(data), kind=kind)
            return Refusal(BrokenFile.reason, "is broken: it can't be decoded")
        finally:
            if reusable:
                self._rest(worker)
            else:
                self._end_soon(worker)

    def _take_idle(self) -> _Worker | None:
        while self._idle:
            worker = self._idle.pop()
            if worker.retirement is not None:
                worker.retirement.cancel()
            if worker.is_alive():
                return worker
            self._end_soon(worker)
        return None

    async def _spawn(self) -> _Worker:
        # Without our environment, where the secrets are, but for the way to the same packages.
        environment = {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}
        command = (sys.executable, "-P", "-s", "-m", "post_service.imaging.worker", str(self._job_seconds))
        try:
            process = await asyncio.create_subprocess_exec(
                *command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env=environment
            )
        except OSError as error:
            raise Unavailable("files can't be processed right now", retry_after=1.0) from error
        return _Worker(process)

    def _rest(self, worker: _Worker) -> None:
        self._idle.append(worker)
        worker.retirement = asyncio.get_running_loop().call_later(self._idle_seconds, self._retire, worker)

    def _retire(self, worker: _Worker) -> None:
        self._idle.remove(worker)
        self._end_soon(worker)

    def _end_soon(self, worker: _Worker) -> None:
        task = asyncio.get_running_loop().create_task(worker.end())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
