"""Causes from exits and silences, as a table of what programs really print."""

from __future__ import annotations

import pytest

from runtime import diagnosis
from runtime.diagnosis import Expectations, Findings
from spaceport.cause import Cause, Failure
from spaceport.engine import Exit, Listening

EXPECTED = Expectations(port=7860, path="/", startup_seconds=1800, memory="16Gi")

MODULE = """
Traceback (most recent call last):
  File "/home/user/app/app.py", line 1, in <module>
    import cv2
ModuleNotFoundError: No module named 'cv2'
"""
SUBMODULE = """
Traceback (most recent call last):
  File "/home/user/app/app.py", line 4, in <module>
    from sklearn.linear_model import Ridge
ModuleNotFoundError: No module named 'sklearn'
"""
CHAINED = """
Traceback (most recent call last):
  File "/opt/env/lib/python3.11/site-packages/transformers/utils.py", line 99, in get
    return importlib.import_module("." + name)
ModuleNotFoundError: No module named 'tensorflow'

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/home/user/app/app.py", line 3, in <module>
    from transformers import pipeline
  File "/opt/env/lib/python3.11/site-packages/transformers/utils.py", line 102, in get
    raise RuntimeError(
    ^^^^^^^^^^^^^^^^^^^
RuntimeError: Failed to import transformers.pipelines because of the following error:
No module named 'tensorflow'
"""
SYNTAX = """
  File "/home/user/app/app.py", line 3
    def greet(name:
             ^
SyntaxError: '(' was never closed
"""
SYNTAX_IN_IMPORT = """
Traceback (most recent call last):
  File "/home/user/app/app.py", line 2, in <module>
    import helpers.text
  File "/home/user/app/helpers/text.py", line 17
    return x
    ^
IndentationError: expected an indented block after function definition on line 16
"""
KEY = """
* Loading
Traceback (most recent call last):
  File "/home/user/app/app.py", line 5, in <module>
    token = os.environ["API_KEY"]
            ~~~~~~~~~~^^^^^^^^^^^
  File "<frozen os>", line 679, in __getitem__
KeyError: 'API_KEY'
"""
GRADIO_OWN = """
Traceback (most recent call last):
  File "/home/user/app/app.py", line 5, in <module>
    demo.launch()
gradio.exceptions.Error: 'bad'
"""
PICKLE = """
Traceback (most recent call last):
  File "/home/user/app/app.py", line 6, in <module>
    model = pickle.load(open("models/iris.pkl", "rb"))
            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
_pickle.UnpicklingError: invalid load key, 'v'.
"""
SAFETENSORS = """
  File "/home/user/app/app.py", line 9, in <module>
    weights = load_file("model.safetensors")
safetensors_rust.SafetensorError: Error while deserializing header: HeaderTooLarge
"""
LIBRARY = """
Traceback (most recent call last):
  File "/home/user/app/app.py", line 1, in <module>
    import cv2
ImportError: libGL.so.1: cannot open shared object file: No such file or directory
"""
NODE = """
node:internal/modules/cjs/loader:1080
  throw err;
  ^

Error: Cannot find module 'express'
Require stack:
- /app/index.js
    at Module._resolveFilename (node:internal/modules/cjs/loader:1077:15)
    at Module._load (node:internal/modules/cjs/loader:922:27)

Node.js v18.19.0
"""
GO = """
panic: runtime error: index out of range [3] with length 2

goroutine 1 [running]:
main.main()
\t/src/main.go:9 +0x1d
exit status 2
"""
GROUP = """
  + Exception Group Traceback (most recent call last):
  |   File "/home/user/app/app.py", line 4, in <module>
  |     asyncio.run(main())
  | ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception)
  +-+---------------- 1 ----------------
"""
COLOURED = "\x1b[31mRuntimeError: no colour here\x1b[0m"
MEMORY = """
Traceback (most recent call last):
  File "/home/user/app/app.py", line 2, in <module>
    x = bytearray(1 << 40)
MemoryError
"""
HEAP = """
FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory
 1: 0xb7b3e0 node::Abort() [node]
"""


def crashed(code: int, problem: str) -> Failure:
    return Failure(Cause.APP_CRASHED, {"exit_code": code, "problem": problem})


EXITS = [
    (Exit(137, out_of_memory=True), "", Failure(Cause.OUT_OF_MEMORY, {"limit": "16Gi"})),
    (Exit(1), MEMORY, Failure(Cause.OUT_OF_MEMORY, {"limit": "16Gi"})),
    (Exit(134), HEAP, Failure(Cause.OUT_OF_MEMORY, {"limit": "16Gi"})),
    (Exit(0), "hello\n", Failure(Cause.APP_FINISHED)),
    (Exit(0), KEY, Failure(Cause.APP_FINISHED)),
    (
        Exit(1),
        MODULE,
        Failure(Cause.MODULE_NOT_FOUND, {"module": "cv2", "package": "opencv-python-headless"}),
    ),
    (
        Exit(1),
        SUBMODULE,
        Failure(Cause.MODULE_NOT_FOUND, {"module": "sklearn", "package": "scikit-learn"}),
    ),
    (
        Exit(1),
        CHAINED,
        crashed(
            1,
            "RuntimeError: Failed to import transformers.pipelines because of the following error:",
        ),
    ),
    (
        Exit(1),
        SYNTAX,
        Failure(
            Cause.SYNTAX_ERROR, {"file": "app.py", "line": 3, "problem": "'(' was never closed"}
        ),
    ),
    (
        Exit(1),
        SYNTAX_IN_IMPORT,
        Failure(
            Cause.SYNTAX_ERROR,
            {
                "file": "helpers/text.py",
                "line": 17,
                "problem": "expected an indented block after function definition on line 16",
            },
        ),
    ),
    (Exit(1), KEY, crashed(1, "KeyError: 'API_KEY'")),
    (Exit(1), GRADIO_OWN, crashed(1, "gradio.exceptions.Error: 'bad'")),
    (Exit(1), PICKLE, Failure(Cause.LFS_POINTER, {"path": "models/iris.pkl"})),
    (Exit(1), SAFETENSORS, Failure(Cause.LFS_POINTER, {"path": "model.safetensors"})),
    (
        Exit(1),
        LIBRARY,
        crashed(1, "the library libGL.so.1 is missing; add libgl1 to packages.txt"),
    ),
    (Exit(1), NODE, crashed(1, "Error: Cannot find module 'express'")),
    (Exit(2), GO, crashed(2, "panic: runtime error: index out of range [3] with length 2")),
    (
        Exit(1),
        GROUP,
        crashed(1, "ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception)"),
    ),
    (Exit(1), COLOURED, crashed(1, "RuntimeError: no colour here")),
    (Exit(3), "ready\nbye\n", crashed(3, "bye")),
    (Exit(3), "", crashed(3, "it wrote nothing")),
    (Exit(139), "", crashed(139, "it was ended by SIGSEGV")),
    (
        Exit(2),
        "python: can't open file '/app/app.py': [Errno 2] No such file or directory",
        crashed(2, "python: can't open file '/app/app.py': [Errno 2] No such file or directory"),
    ),
    (
        Exit(127),
        "/bin/sh: 1: uvicorn: not found",
        Failure(Cause.COMMAND_NOT_FOUND, {"problem": "/bin/sh: 1: uvicorn: not found"}),
    ),
    (
        Exit(127),
        "[FATAL tini (7)] exec no-such-program failed: No such file or directory",
        Failure(
            Cause.COMMAND_NOT_FOUND,
            {"problem": "[FATAL tini (7)] exec no-such-program failed: No such file or directory"},
        ),
    ),
    (
        Exit(127, error='exec: "no-such-program": executable file not found in $PATH'),
        "",
        Failure(
            Cause.COMMAND_NOT_FOUND,
            {"problem": 'exec: "no-such-program": executable file not found in $PATH'},
        ),
    ),
]


@pytest.mark.req("RUN-11")
@pytest.mark.parametrize(("ended", "output", "cause"), EXITS)
def test_the_cause_of_an_exit(ended: Exit, output: str, cause: Failure) -> None:
    assert diagnosis.of_exit(ended, output.splitlines(), EXPECTED) == cause


def test_a_long_problem_is_cut_and_has_no_escapes() -> None:
    words = ["\x1b]0;title\x07ValueError: " + "x" * 5000]
    found = diagnosis.of_exit(Exit(1), words, EXPECTED)
    problem = found.detail["problem"]
    assert problem.startswith("ValueError: xxx")
    assert len(problem) == 300
    assert "\x1b" not in problem


def listens(*sockets: tuple[str, int]) -> tuple[Listening, ...]:
    return tuple(Listening(address, port) for address, port in sockets)


@pytest.mark.req("RUN-11")
@pytest.mark.parametrize(
    ("listening", "cause"),
    [
        (listens(), None),
        (listens(("127.0.0.11", 39001)), None),
        (listens(("0.0.0.0", 7860)), None),
        (listens(("::", 7860), ("127.0.0.1", 9000)), None),
        (listens(("127.0.0.1", 7860)), Failure(Cause.LOOPBACK_ONLY, {"expected": 7860})),
        (listens(("::1", 7860)), Failure(Cause.LOOPBACK_ONLY, {"expected": 7860})),
        (
            listens(("127.0.0.1", 7000), ("0.0.0.0", 8000), ("127.0.0.11", 3)),
            Failure(Cause.WRONG_PORT, {"found": 8000, "expected": 7860, "docker_hint": ""}),
        ),
        (
            listens(("127.0.0.1", 5000)),
            Failure(Cause.WRONG_PORT, {"found": 5000, "expected": 7860, "docker_hint": ""}),
        ),
    ],
)
def test_listening_where_nobody_looks(
    listening: tuple[Listening, ...], cause: Failure | None
) -> None:
    assert diagnosis.misplaced(listening, EXPECTED) == cause


def test_a_docker_space_is_told_of_app_port() -> None:
    expected = Expectations(port=7860, app_port_setting=True)
    found = diagnosis.misplaced(listens(("0.0.0.0", 8000)), expected)
    assert found is not None
    assert found.explain().hint == (
        "Let it listen on the port in the PORT variable (7860), or set app_port: 8000 in README.md."
    )


SILENCES = [
    (Findings(), Failure(Cause.NEVER_LISTENED, {"limit": "30 min", "expected": 7860})),
    (
        Findings(connected=True, problem="it answered 500"),
        Failure(
            Cause.NEVER_ANSWERED,
            {"limit": "30 min", "expected": 7860, "problem": "it answered 500", "path": "/"},
        ),
    ),
    (
        Findings(listening=listens(("127.0.0.1", 7860))),
        Failure(Cause.LOOPBACK_ONLY, {"expected": 7860}),
    ),
]


@pytest.mark.req("RUN-11")
@pytest.mark.parametrize(("findings", "cause"), SILENCES)
def test_the_cause_of_a_silence(findings: Findings, cause: Failure) -> None:
    assert diagnosis.of_silence(findings, EXPECTED) == cause


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ('could not select device driver "" with capabilities: [[gpu]]', Cause.NO_GPU),
        ('exec: "x": executable file not found in $PATH: unknown', Cause.COMMAND_NOT_FOUND),
        ("exec /start.sh: exec format error", Cause.COMMAND_NOT_FOUND),
        ("No such image: spaceport/abc:latest", Cause.START_FAILED),
    ],
)
def test_the_cause_of_a_refusal(text: str, cause: Cause) -> None:
    assert diagnosis.of_refusal(text).cause is cause


@pytest.mark.parametrize(
    ("seconds", "text"), [(1800, "30 min"), (60, "60 s"), (90.2, "90 s"), (7200, "120 min")]
)
def test_durations_read_well(seconds: float, text: str) -> None:
    assert diagnosis.duration_text(seconds) == text


def test_every_cause_that_is_told_has_all_its_words() -> None:
    for _, _, cause in EXITS:
        explained = cause.explain()
        assert "{" not in explained.sentence
        assert "  " not in explained.sentence
