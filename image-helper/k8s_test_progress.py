"""Notes each finished test on disk as it happens, so that a run which is killed can still be told.

A pytest plugin, mounted read-only into the test container and found through PYTHONPATH by its entry point: where that
path is dropped, or pytest is not there at all, nothing happens. It needs nothing but the standard library, and works on
Python 3.7 and pytest 6 and later.

It must change no result: whatever goes wrong in here is written to `helper-error.txt` beside the notes and forgotten. It
starts no thread, opens nothing that a child inherits, and sets no environment variable.

Notes are lines of JSON in `progress.jsonl`, one write each, told apart by `type`; `s` names the session of each:

    session    a pytest session begins           run, pid, at, variant, cgroup
    undivided  some of what all shards together will run: all that was collected   ids
    collected  some of what it will run          ids, workers: 1 where processes of xdist share them
    start      a test begins                     id, at, file, line
    end        a test has ended (or: rerun)      id, outcome, start, stop, message, details, file, line, used
    problem    a module could not be collected   id, message, details
    finish     the session ended by itself       exit

With K8S_TEST_SPLIT, the path of a plan, it divides the tests over the pods of a suite in shards: each pod collects all of
them, and leaves out those of other shards, as if they had been deselected. What stays together is a class, or the functions of
a module. This and the next are all in here that changes what runs; where it fails, nothing is left out, and the run shows that
all shards ran everything.

Lists of ids select among the tests of this pod: with K8S_TEST_ONLY, the path of one, only these tests run: those that failed
before, and that run again alone. With K8S_TEST_DONE all but these run: they finished in a pod of this shard that was lost. With
K8S_TEST_ORDER these run, in the order of the list: what had run up to a test that failed. Each of them, too, leaves out the
others as if they had been deselected.

A session begins before pytest reads conftest files and options, so that one which dies there is known. Sessions of one
`variant` run in the same directory, Python, environment and with the same options of the project: only then is a test
that failed in one and passed in a later one a flaky test. The last `finish` of a session counts.

Times are seconds of the epoch; lines are counted from 1; `used` is the memory that the container uses without the page
cache, in bytes; `cgroup` is the version of its cgroup. On SIGTERM the stacks of all threads go to `stacks.txt`, and then happens what would have happened without us.
"""

import hashlib
import json
import os
import sys
import time

import pytest

_MAX_MESSAGE = 4000
_MAX_DETAILS = 16000
_IDS_PER_LINE = 200
_MAX_ERRORS = 5

# What the container uses, and its statistics with the keys of the page cache and of shared memory in them: cgroup v2, then
# v1. The kernel gives the page cache back before it kills, so that it says nothing about how near the limit is. Shared memory
# (/dev/shm, an emptyDir in memory), which it counts among it, it cannot give back.
_MEMORY_FILES = (
    (2, "/sys/fs/cgroup/memory.current", "/sys/fs/cgroup/memory.stat", "file", "shmem"),
    (1, "/sys/fs/cgroup/memory/memory.usage_in_bytes", "/sys/fs/cgroup/memory/memory.stat", "total_cache", "total_shmem"),
)

# Options that show something and run no test.
_INFORMATION = ("collectonly", "help", "version", "markers", "showfixtures", "show_fixtures_per_test", "cacheshow")

# Options that say which tests run, in which order, and how they are shown: the same test is the same with any of them.
_FLAGS = set(
    "--lf --last-failed --ff --failed-first --nf --new-first --sw --stepwise --sw-skip --stepwise-skip --cache-clear"
    " --verbose --quiet --exitfirst --showlocals --no-header --no-summary --full-trace --no-cov".split()
)
_VALUED = set(
    "-n -p -k -m -r -W --maxfail --tb --color --junitxml --junit-xml --junitprefix --junit-prefix --report-log --html"
    " --capture --show-capture --durations --durations-min --numprocesses --maxprocesses --dist --reruns --reruns-delay"
    " --timeout --lfnf --last-failed-no-failures --deselect --ignore --ignore-glob --cov --cov-report --log-file".split()
)
# Environment variables that differ between two commands of one shell.
_VOLATILE = ("_", "SHLVL", "PWD", "OLDPWD")

# Read once and taken out of the environment: a pytest that the tests start is not the run that we tell of.
_directory = os.environ.pop("K8S_TEST_PROGRESS_DIR", "")
_run = os.environ.pop("K8S_TEST_PROGRESS_RUN", "")
_split = os.environ.pop("K8S_TEST_SPLIT", "")
_lists = {
    way: os.environ.pop(name, "")
    for way, name in (("only", "K8S_TEST_ONLY"), ("done", "K8S_TEST_DONE"), ("order", "K8S_TEST_ORDER"))
}
_active = None


def _cut(text, limit):
    if len(text) <= limit:
        return text
    half = limit // 2
    return "%s\n… %d characters left out …\n%s" % (text[:half], len(text) - 2 * half, text[-half:])


def _project_options(args):
    """Options that may change what a test does: those that are not known to be harmless, with their values."""
    kept = []
    skip = keep = False
    for arg in args:
        if not arg.startswith("-"):
            if keep:
                kept.append(arg)
            skip = keep = False
            continue
        name = arg.split("=", 1)[0]
        has_value = "=" in arg
        skip = name in _VALUED and not has_value
        keep = False
        if name in _FLAGS or name in _VALUED or arg[1:].strip("vqxsl") == "":
            continue
        if not arg.startswith("--") and arg[:2] in _VALUED:
            continue
        kept.append(arg)
        keep = not has_value
    return kept


def _variant(config):
    """16 bits of a digest: enough to tell two sessions apart, too few to tell anything about the environment."""
    environment = sorted(
        "%s=%s" % (name, value)
        for name, value in os.environ.items()
        if name not in _VOLATILE and not name.startswith("PYTEST_")
    )
    root = str(getattr(config, "rootpath", None) or config.rootdir)
    options = _project_options([str(arg) for arg in config.invocation_params.args])
    parts = [root, sys.executable or ""] + options + environment
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()[:4]


class _Notes(object):
    """The file of notes. Its descriptor is not inherited by children (PEP 446)."""

    def __init__(self, directory, session=None):
        self._directory = directory
        self._errors = 0
        self._memory = next((files for files in _MEMORY_FILES if os.access(files[1], os.R_OK)), None)
        self.cgroup = None if self._memory is None else self._memory[0]
        self.session = session or "%d-%d" % (os.getpid(), int(time.time() * 1e6))
        os.makedirs(directory, exist_ok=True)
        self._path = os.path.join(directory, "progress.jsonl")
        self._file = self._open()

    def _open(self):
        return os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def write(self, note):
        line = json.dumps(dict(note, s=self.session), ensure_ascii=True, separators=(",", ":")) + "\n"
        data = line.encode("ascii")
        while data:
            data = data[os.write(self._file, data) :]

    def write_late(self, note):
        """After `close`, too."""
        if self._file is not None:
            self.write(note)
            return
        self._file = self._open()
        try:
            self.write(note)
        finally:
            self.close()

    def used(self):
        if self._memory is None:
            return None
        _, usage, statistics, cache, shared = self._memory
        with open(usage) as file:
            bytes_used = int(file.read())
        with open(statistics) as file:
            values = dict(line.split(" ", 1) for line in file)
        if cache not in values:
            return None
        return max(bytes_used - max(int(values[cache]) - int(values.get(shared, 0)), 0), 0)

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
        if self._file is not None:
            os.close(self._file)
            self._file = None


class _Splitter(object):
    """Leaves to this shard its share of what is collected, by a plan that all shards have and the same sums in each of them."""

    def __init__(self, shard, shards, plan, notes, remembered, tells=True):
        self._tells = tells
        self._shard = shard
        self._shards = shards
        self._plan = plan
        self._notes = notes
        self._remembered = remembered

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(self, config, items):
        # After all others, who may have deselected some.
        yield
        try:
            self._divide(config, items)
        except Exception as error:
            self._notes.failed(error)

    def _divide(self, config, items):
        if _divides_itself(config.option):
            return
        counts = {}
        for item in items:
            group = _group(item.nodeid)
            counts[group] = counts.get(group, 0) + 1
        ids = [item.nodeid for item in items]
        for first in range(0, max(len(ids), 1) if self._tells else 0, _IDS_PER_LINE):
            self._notes.write({"type": "undivided", "ids": ids[first : first + _IDS_PER_LINE]})
        shard_of = self._assign(counts)
        others = [item for item in items if shard_of[_group(item.nodeid)] != self._shard]
        if others:
            items[:] = [item for item in items if shard_of[_group(item.nodeid)] == self._shard]
            config.hook.pytest_deselected(items=others)

    def _assign(self, counts):
        """The shard of each group: as an earlier session of this pod had it, as planned, or where least is to be done."""
        shard_of = self._recall()
        planned = self._plan.get("groups", {})
        typical = self._plan.get("typical") or 1.0
        loads = [0.0] * self._shards
        unknown = []
        for group in sorted(counts):
            shard, seconds = planned.get(group, (None, counts[group] * typical))
            shard = shard_of.get(group, shard)
            if shard is None:
                unknown.append((-seconds, group))
            else:
                shard_of[group] = shard
                loads[shard] += seconds
        for seconds, group in sorted(unknown):
            shard_of[group] = loads.index(min(loads))
            loads[shard_of[group]] -= seconds
        self._remember(shard_of)
        return shard_of

    def _recall(self):
        """`pytest || pytest --lf` is one division: the second session collects but the failed tests of this shard."""
        try:
            with open(self._remembered) as file:
                return json.load(file)
        except OSError:
            return {}

    def _remember(self, shard_of):
        draft = "%s.%d" % (self._remembered, os.getpid())
        with open(draft, "w") as file:
            json.dump(shard_of, file)
        os.replace(draft, self._remembered)


class _Selector(object):
    """Leaves the tests that a list selects, by their ids, as if all others had been deselected."""

    def __init__(self, way, ids, notes):
        self._way = way
        self._places = {nodeid: place for place, nodeid in enumerate(ids)}
        self._notes = notes

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(self, config, items):
        yield
        try:
            is_wanted = [(item.nodeid in self._places) != (self._way == "done") for item in items]
            others = [item for item, wanted in zip(items, is_wanted) if not wanted]
            kept = [item for item, wanted in zip(items, is_wanted) if wanted]
            if self._way == "order":
                kept.sort(key=lambda item: self._places[item.nodeid])
            items[:] = kept
            if others:
                config.hook.pytest_deselected(items=others)
        except Exception as error:
            self._notes.failed(error)


def _register_selectors(config, notes, lists):
    for way, path in lists.items():
        try:
            if path:
                with open(path) as file:
                    ids = json.load(file)
                config.pluginmanager.register(_Selector(way, ids, notes), "k8s-test-" + way)
        except Exception as error:
            notes.failed(error)


def _select_in_worker(config):
    """As for shards: of the processes of xdist the workers collect."""
    share = getattr(config, "workerinput", {}).get("k8s_test_lists")
    if share is None:
        return
    try:
        notes = _Notes(share["directory"], share["session"])
        config.add_cleanup(notes.close)
    except Exception:
        return
    _register_selectors(config, notes, share["lists"])


def _divides_itself(options):
    """Whether a plugin of the suite's own divides it: pytest-split, pytest-shard."""
    return bool(getattr(options, "splits", None)) or (getattr(options, "num_shards", None) or 1) > 1


def _group(nodeid):
    """The class of a test, or its module, by the name that pytest's JUnit report has for it."""
    parts = nodeid.split("[", 1)[0].split("::")
    parts[0] = parts[0].replace("/", ".")
    if parts[0].endswith(".py"):
        parts[0] = parts[0][:-3]
    return ".".join(parts[:-1])


def _register_splitter(config, notes, share, tells=True):
    """Has a process that collects take its share. A fault is told as those of the notes are."""
    try:
        with open(share["plan"]) as file:
            plan = json.load(file)
        remembered = os.path.join(share["directory"], "split.json")
        splitter = _Splitter(share["shard"], share["shards"], plan, notes, remembered, tells)
        config.pluginmanager.register(splitter, "k8s-test-split")
    except Exception as error:
        notes.failed(error)


def _share(notes):
    """What this pod is of a suite in shards."""
    return {
        "plan": _split,
        "directory": _directory,
        "session": notes.session,
        "shard": int(os.environ["TEST_SHARD_INDEX"]),
        "shards": int(os.environ["TEST_TOTAL_SHARDS"]),
    }


def _divide_in_worker(config):
    """Of the processes of xdist the workers collect, all of them the same; the controller has told them what to leave out."""
    share = getattr(config, "workerinput", {}).get("k8s_test_split")
    if share is None:
        return
    try:
        notes = _Notes(share["directory"], share["session"])
        config.add_cleanup(notes.close)
    except Exception:
        return
    _register_splitter(config, notes, share, config.workerinput.get("workerid") == "gw0")


class _Stacks(object):
    """Python's own stacks at SIGTERM, by a handler that hands the signal on to whatever was there before."""

    def __init__(self, directory):
        import faulthandler
        import signal

        self._pid = os.getpid()
        self._path = os.path.join(directory, "stacks.txt")
        self._file = open(self._path, "a")
        self._unregister = lambda: faulthandler.unregister(signal.SIGTERM)
        faulthandler.register(signal.SIGTERM, file=self._file, all_threads=True, chain=True)

    def close(self):
        self._unregister()
        self._file.close()
        # Another session beside this one may have removed it.
        if os.getpid() == self._pid and os.path.exists(self._path) and os.path.getsize(self._path) == 0:
            os.remove(self._path)


class _Progress(object):
    """The hooks; registered in the process that tells of the tests, which under xdist is the controller alone."""

    def __init__(self, config, notes):
        self.config = config
        self.notes = notes
        self._notes = notes
        self._stacks = None
        self._open = {}
        self._is_collection_known = False
        self._pid = os.getpid()
        self._exit = None

    def note_session(self):
        note = {"type": "session", "run": _run, "pid": self._pid, "at": time.time()}
        try:
            note["variant"] = _variant(self.config)
        except Exception as error:
            self._notes.failed(error)
        if self._notes.cgroup is not None:
            note["cgroup"] = self._notes.cgroup
        self._notes.write(note)

    def watch_signals(self, stacks):
        self._stacks = stacks

    def note_exit(self, status):
        """Only by the process that began the session: a child that a test has forked ends on its own."""
        status = int(status)
        if os.getpid() == self._pid and status != self._exit:
            self._exit = status
            self._notes.write_late({"type": "finish", "exit": status})

    def _note_collected(self, ids, **more):
        self._is_collection_known = True
        for first in range(0, max(len(ids), 1), _IDS_PER_LINE):
            self._notes.write(dict(more, type="collected", ids=ids[first : first + _IDS_PER_LINE]))

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node):
        try:
            if _split:
                node.workerinput["k8s_test_split"] = _share(self._notes)
            if any(_lists.values()):
                node.workerinput["k8s_test_lists"] = {
                    "lists": _lists,
                    "directory": _directory,
                    "session": self._notes.session,
                }
        except Exception as error:
            self._notes.failed(error)

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
                self._note_collected(list(ids), workers=1)
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
        try:
            used = self._notes.used()
        except Exception as error:
            used = None
            self._notes.failed(error)
        if used is not None:
            note["used"] = used
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
            self.note_exit(exitstatus)
        except Exception as error:
            self._notes.failed(error)

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self):
        self.close()

    def close(self):
        """What pytest calls when it is done with its configuration, however far it came."""
        global _active
        if _active is self:
            _active = None
        try:
            if self._stacks is not None:
                self._stacks.close()
                self._stacks = None
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


def _begin(config, options):
    """Begins to note a session, unless there is nothing to note. A session inside a session is part of a test."""
    global _active
    # A worker of xdist is told of by its controller.
    if not _directory or _active is not None or hasattr(config, "workerinput"):
        return
    try:
        if any(getattr(options, name, False) for name in _INFORMATION):
            return
        notes = _Notes(_directory)
    except Exception:
        # Nowhere to write, and nobody to tell.
        return
    try:
        _active = _Progress(config, notes)
        _active.note_session()
        # pytest calls it even if it fails before it is configured.
        config.add_cleanup(_active.close)
    except Exception as error:
        notes.failed(error)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config):
    _begin(early_config, getattr(early_config, "known_args_namespace", early_config.option))


@pytest.hookimpl(trylast=True)
def pytest_configure(config):
    # Where pytest found this plugin too late for the hook above.
    _begin(config, config.option)
    _divide_in_worker(config)
    _select_in_worker(config)
    progress = _active
    if progress is None or progress.config is not config:
        return
    try:
        progress.watch_signals(_Stacks(_directory))
    except Exception as error:
        progress.notes.failed(error)
    try:
        config.pluginmanager.register(progress, "k8s-test-progress-notes")
        if _split:
            _register_splitter(config, progress.notes, _share(progress.notes))
        # After the division, of which these tests are a part.
        _register_selectors(config, progress.notes, _lists)
    except Exception as error:
        progress.notes.failed(error)


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_cmdline_main(config):
    progress = _active
    outcome = yield
    if progress is None or progress.config is not config:
        return
    try:
        # Plugins may have changed the status after the session told it; commands that run no session tell it here alone.
        if outcome.excinfo is None and outcome.get_result() is not None:
            progress.note_exit(outcome.get_result())
    except Exception as error:
        progress.notes.failed(error)
