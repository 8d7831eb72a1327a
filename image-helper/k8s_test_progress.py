"""Notes each finished test on disk as it happens, so that a run which is killed can still be told.

A pytest plugin, mounted read-only into the test container and found through PYTHONPATH by its entry point: where that
path is dropped, or pytest is not there at all, nothing happens. It needs nothing but the standard library, and works on
Python 3.7 and pytest 6 and later.

It must change no result: whatever goes wrong in here is written to `helper-error.txt` beside the notes and forgotten. It
starts no thread, opens nothing that a child inherits, and sets no environment variable.

Notes are lines of JSON in `progress.jsonl`, one write each, told apart by `type`:

    session    a pytest session begins           run, pid, at
    collected  some of what it will run          ids
    start      a test begins                     id, at, file, line
    end        a test has ended (or: rerun)      id, outcome, start, stop, message, details, file, line, peak
    problem    a module could not be collected   id, message, details
    finish     the session ended by itself       exit

Times are seconds of the epoch; lines are counted from 1; `peak` is the most memory that the container has used, in
bytes. On SIGTERM the stacks of all threads go to `stacks.txt`, and then happens what would have happened without us.
"""

import json
import os
import time

import pytest

_MAX_MESSAGE = 4000
_MAX_DETAILS = 16000
_IDS_PER_LINE = 200
_MAX_ERRORS = 5

# cgroup v2, then v1: the peak of the container that we run in.
_PEAK_FILES = (
    "/sys/fs/cgroup/memory.peak",
    "/sys/fs/cgroup/memory/memory.max_usage_in_bytes",
)

# Read once and taken out of the environment: a pytest that the tests start is not the run that we tell of.
_directory = os.environ.pop("K8S_TEST_PROGRESS_DIR", "")
_run = os.environ.pop("K8S_TEST_PROGRESS_RUN", "")
_active = None


def _cut(text, limit):
    if len(text) <= limit:
        return text
    half = limit // 2
    return "%s\n… %d characters left out …\n%s" % (text[:half], len(text) - 2 * half, text[-half:])


class _Notes(object):
    """The file of notes. Its descriptor is not inherited by children (PEP 446)."""

    def __init__(self, directory):
        self._directory = directory
        self._errors = 0
        self._peak_file = next((name for name in _PEAK_FILES if os.access(name, os.R_OK)), None)
        os.makedirs(directory, exist_ok=True)
        self._file = os.open(
            os.path.join(directory, "progress.jsonl"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644
        )

    def write(self, note):
        line = json.dumps(note, ensure_ascii=True, separators=(",", ":")) + "\n"
        data = line.encode("ascii")
        while data:
            data = data[os.write(self._file, data) :]

    def peak(self):
        if self._peak_file is None:
            return None
        with open(self._peak_file) as file:
            return int(file.read())

    def failed(self, error):
        """A fault of ours is told in a file of its own, a few times at most, and never to pytest."""
        self._errors += 1
        if self._errors > _MAX_ERRORS:
            return
        try:
            with open(os.path.join(self._directory, "helper-error.txt"), "a") as file:
                file.write("%s: %s\n" % (type(error).__name__, error))
        except Exception:
            pass

    def close(self):
        os.close(self._file)


class _Stacks(object):
    """Python's own stacks at SIGTERM, by a handler that hands the signal on to whatever was there before."""

    def __init__(self, directory):
        import faulthandler
        import signal

        self._path = os.path.join(directory, "stacks.txt")
        self._file = open(self._path, "a")
        self._unregister = lambda: faulthandler.unregister(signal.SIGTERM)
        faulthandler.register(signal.SIGTERM, file=self._file, all_threads=True, chain=True)

    def close(self):
        self._unregister()
        self._file.close()
        if os.path.getsize(self._path) == 0:
            os.remove(self._path)


class _Progress(object):
    """The hooks; registered in the process that tells of the tests, which under xdist is the controller alone."""

    def __init__(self, notes, stacks):
        self._notes = notes
        self._stacks = stacks
        self._open = {}
        self._is_collection_known = False

    def note_session(self):
        self._notes.write({"type": "session", "run": _run, "pid": os.getpid(), "at": time.time()})

    def _note_collected(self, ids):
        self._is_collection_known = True
        for first in range(0, max(len(ids), 1), _IDS_PER_LINE):
            self._notes.write({"type": "collected", "ids": ids[first : first + _IDS_PER_LINE]})

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session):
        try:
            # The controller of xdist collects nothing; its workers tell it.
            if not session.config.pluginmanager.hasplugin("dsession"):
                self._note_collected([item.nodeid for item in session.items])
        except Exception as error:
            self._notes.failed(error)

    @pytest.hookimpl(trylast=True, optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node, ids):
        try:
            if not self._is_collection_known:
                self._note_collected(list(ids))
        except Exception as error:
            self._notes.failed(error)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(self, nodeid, location):
        try:
            now = time.time()
            self._open[nodeid] = {"start": now, "outcome": "passed", "location": location}
            note = {"type": "start", "id": nodeid, "at": now}
            note.update(_place(location))
            self._notes.write(note)
        except Exception as error:
            self._notes.failed(error)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report):
        try:
            self._add_report(report)
        except Exception as error:
            self._notes.failed(error)

    def _add_report(self, report):
        known = report.nodeid in self._open
        entry = self._open.setdefault(
            report.nodeid, {"start": time.time(), "outcome": "passed", "location": report.location}
        )
        if report.outcome == "rerun":
            # pytest-rerunfailures: this run of the test counts no more, another one follows.
            entry.update(outcome="rerun", message="", details="", stop=time.time())
            return
        if entry["outcome"] == "rerun":
            if report.when != "setup":
                return
            entry["outcome"] = "passed"
        outcome = report.outcome
        if outcome == "failed" and report.when != "call":
            outcome = "error"
        rank = ("passed", "skipped", "error", "failed")
        if rank.index(outcome) > rank.index(entry["outcome"]):
            entry["outcome"] = outcome
            entry["message"], entry["details"] = _explain(report)
        entry["stop"] = getattr(report, "stop", None) or time.time()
        # What no phase of a test is: xdist's word for a worker that died, and nothing comes after it.
        if report.when not in ("setup", "call", "teardown") or not known:
            self._end(report.nodeid)

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logfinish(self, nodeid, location):
        try:
            self._end(nodeid)
        except Exception as error:
            self._notes.failed(error)

    def _end(self, nodeid):
        entry = self._open.pop(nodeid, None)
        if entry is None:
            return
        note = {
            "type": "end",
            "id": nodeid,
            "outcome": entry["outcome"],
            "start": entry["start"],
            "stop": entry.get("stop", time.time()),
        }
        note.update(_place(entry["location"]))
        if entry.get("message"):
            note["message"] = entry["message"]
        if entry.get("details"):
            note["details"] = entry["details"]
        peak = self._notes.peak()
        if peak is not None:
            note["peak"] = peak
        self._notes.write(note)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collectreport(self, report):
        try:
            if report.failed:
                message, details = _explain(report)
                self._notes.write(
                    {"type": "problem", "id": report.nodeid, "message": message, "details": details}
                )
        except Exception as error:
            self._notes.failed(error)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, exitstatus):
        try:
            self._notes.write({"type": "finish", "exit": int(exitstatus)})
        except Exception as error:
            self._notes.failed(error)

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self):
        global _active
        _active = None
        try:
            if self._stacks is not None:
                self._stacks.close()
            self._notes.close()
        except Exception as error:
            self._notes.failed(error)


def _place(location):
    file, line, _ = location
    place = {"file": file}
    if isinstance(line, int):
        place["line"] = line + 1
    return place


def _explain(report):
    """Message and details of a report, bounded, as pytest's own JUnit report would tell them."""
    longrepr = report.longrepr
    if longrepr is None:
        return getattr(report, "wasxfail", "") or "", ""
    if isinstance(longrepr, tuple) and len(longrepr) == 3:
        reason = str(longrepr[2])
        return _cut(reason[len("Skipped: ") :] if reason.startswith("Skipped: ") else reason, _MAX_MESSAGE), ""
    crash = getattr(longrepr, "reprcrash", None)
    text = str(longrepr)
    message = getattr(report, "wasxfail", "") or getattr(crash, "message", "") or text.strip().split("\n")[-1]
    return _cut(message, _MAX_MESSAGE), _cut(text, _MAX_DETAILS)


@pytest.hookimpl(trylast=True)
def pytest_configure(config):
    global _active
    # A worker of xdist is told of by its controller; a session inside a session is part of a test.
    if not _directory or _active is not None or hasattr(config, "workerinput"):
        return
    try:
        if config.getoption("collectonly", False) or config.getoption("help", False):
            return
        notes = _Notes(_directory)
    except Exception:
        # Nowhere to write, and nobody to tell.
        return
    try:
        stacks = _Stacks(_directory)
    except Exception as error:
        stacks = None
        notes.failed(error)
    try:
        _active = _Progress(notes, stacks)
        _active.note_session()
        config.pluginmanager.register(_active, "k8s-test-progress-notes")
    except Exception as error:
        notes.failed(error)
