"""The front matter of README.md: what is accepted, refused, and in which words."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaceport.card import Card, CardReading, read_card
from spaceport.sdk import Sdk

SEED_EXAMPLE = """title: My lovely space
emoji: 🤗
colorFrom: blue
colorTo: green
sdk: docker
pinned: false
models:
- reach-vb/musicgen-large-fp16-endpoint
- reach-vb/wav2vec2-large-xls-r-1B-common_voice7-lt-ft
"""


def read(block: str) -> CardReading:
    return read_card(f"---\n{block}\n---\n# Hello\n".encode())


def card(block: str) -> Card:
    reading = read(block)
    assert reading.problems == ()
    assert reading.card is not None
    return reading.card


@pytest.mark.req("S63")
def test_the_seed_example_is_accepted_as_it_is() -> None:
    reading = read(SEED_EXAMPLE.rstrip())
    assert (reading.problems, reading.warnings) == ((), ())
    assert reading.card is not None
    assert reading.card.title == "My lovely space"
    assert reading.card.emoji == "🤗"
    assert (reading.card.color_from, reading.card.color_to) == ("blue", "green")
    assert reading.card.sdk is Sdk.DOCKER
    assert reading.card.pinned is False
    assert len(reading.card.models) == 2
    assert reading.card.app_file_or_default == "Dockerfile"


@pytest.mark.req("S63")
def test_the_seed_example_without_dashes_is_no_block_but_no_error_either() -> None:
    reading = read_card(f"```py\n{SEED_EXAMPLE}```\n".encode())
    assert reading.missing
    assert reading.problems == ()
    assert "only the '---' lines are missing" in reading.warnings[0]


def test_defaults() -> None:
    found = card("sdk: gradio")
    assert found.app_file_or_default == "app.py"
    assert (found.python_version, found.app_port, found.base_path) == ("3.10", 7860, "/")
    assert (found.full_width, found.header, found.pinned) == (True, "default", False)
    assert found.startup_seconds == 1800
    assert found.hf_oauth_expiration_minutes == 480
    assert card("sdk: static").app_file_or_default == "index.html"


def test_versions_are_kept_as_they_were_written() -> None:
    found = card("sdk: gradio\nsdk_version: 5.10\npython_version: 3.10")
    assert (found.sdk_version, found.python_version) == ("5.10", "3.10")


@pytest.mark.req("WEB-07")
@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("1:30", "1:30"),
        ("2024-01-02", "2024-01-02"),
        ("0755", "0755"),
        ("0x1F", "0x1F"),
        ("1_000", "1_000"),
        ("yes", "yes"),
        ("'5'", "5"),
        ("5", 5),
        ("-3", -3),
        ("1.5", 1.5),
        ("true", True),
        (".inf", ".inf"),
        ("9" * 4301, "9" * 4301),
        ("{a: [1, x]}", {"a": [1, "x"]}),
    ],
)
def test_unknown_keys_are_kept_with_their_plain_meaning(written: str, meant: object) -> None:
    found = card(f"sdk: gradio\nmine: {written}")
    assert found.to_json()["mine"] == meant


@pytest.mark.req("WEB-07")
@pytest.mark.parametrize(
    ("block", "word"),
    [
        ("a: &x 1\nb: *x", "anchors"),
        ("b: *x", "aliases"),
        ("a: !!python/object/apply:os.system ['id']", "tags"),
        ("a: !!str 5", "tags"),
        ("a: &a [*a]", "anchors"),
        ("<<: {a: 1}", "merge"),
        ("a: 1\na: 2", "twice"),
        ("1: a", "text"),
        ("[1]: a", "text"),
        ("? {a: b}\n: c", "text"),
        ("null: a", "text"),
        ("a: " + "[" * 3000, "nest"),
        ("a: " + "{b: " * 30 + "1" + "}" * 30, "nest"),
        ("a: [" + "1, " * 6000 + "]", "5000"),
        ("a: 'x", "YAML"),
        ("a: b: c", "YAML"),
        ("a: \x00", "YAML"),
        ("a: \x1b[31m", "YAML"),
        ("%YAML 1.1", "YAML"),
        ("a: 1\n--- {b: 2}", "second document"),
        ("- a\n- b", "'key: value'"),
        ("just words", "'key: value'"),
        ("a: " + "x" * 65_536, "64 KiB"),
    ],
)
def test_what_yaml_can_do_but_a_card_may_not(block: str, word: str) -> None:
    reading = read(block)
    assert reading.card is None
    assert len(reading.problems) == 1
    assert word in reading.problems[0]


@pytest.mark.req("WEB-07")
def test_an_alias_bomb_costs_nothing() -> None:
    layers = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    bomb = "\n".join(["a0: &a0 [x, x]", *layers])
    before = time.process_time()
    assert "anchors" in read(bomb).problems[0]
    assert time.process_time() - before < 0.05


@pytest.mark.req("WEB-07")
@pytest.mark.parametrize(
    "block",
    [
        "sdk: gradio\nmine: [" + "[a, b], " * 1600 + "]",
        "\n".join(f"coloFrom{n}: {n}" for n in range(2400)),
        "sdk: gradio\ntitle: " + "a" * 64_000,
        "sdk: gradio\nmine: " + "[{" * 9 + "x" + "}]" * 9,
        "[" * 65_000,
        "a: '" + "''" * 32_000 + "'",
        "x: " + "? " * 30_000,
        "x:\n" + "- " * 30_000,
    ],
)
def test_the_largest_blocks_take_at_most_50_ms_of_cpu(block: str) -> None:
    def spent() -> float:
        before = time.process_time()
        read(block)
        return time.process_time() - before

    assert min(spent() for _ in range(5)) < 0.05


@pytest.mark.req("WEB-07")
def test_bom_crlf_and_leading_blank_lines_are_fine() -> None:
    readme = b"\xef\xbb\xbf\r\n---\r\nsdk: gradio\r\ntitle: Hi\r\n---\r\ntext"
    found = read_card(readme).card
    assert found is not None
    assert found.title == "Hi"


@pytest.mark.req("WEB-07")
def test_a_block_without_end_is_a_problem() -> None:
    assert "not closed" in read_card(b"---\nsdk: gradio\n").problems[0]
    assert "64 KiB" in read_card(b"---\n" + b"a: b\n" * 40_000).problems[0]


def test_bytes_that_are_not_utf8() -> None:
    assert "UTF-8" in read_card(b"---\ntitle: \xff\n---\n").problems[0]
    assert read_card(b"---\nsdk: gradio\n---\n\xff").card is not None


def test_problems_name_the_line_of_the_readme() -> None:
    assert "Line 4 " in read_card(b"\n---\na: 1\nb: *x\n---\n").problems[0]


@pytest.mark.req("2.4")
def test_no_block_and_no_sdk_are_warnings() -> None:
    for readme in (b"", b"# Hello", b"text\n---\nsdk: gradio\n---\n"):
        reading = read_card(readme)
        assert (reading.card, reading.problems, reading.missing) == (None, (), True)
        assert reading.warnings
    reading = read("title: x")
    assert reading.card is not None
    assert "sdk" in reading.warnings[0]
    assert not reading.missing
    assert read_card(b"---\n---\n").card is not None


@pytest.mark.req("2")
@pytest.mark.parametrize(
    ("block", "sentence"),
    [
        (
            "colorFrom: orange",
            "colorFrom must be one of red, yellow, green, blue, indigo, purple, pink, gray, "
            "not 'orange'.",
        ),
        ("sdk: flask", "sdk must be one of gradio, streamlit, docker, static, not 'flask'."),
        (
            "short_description: " + "x" * 61,
            "short_description must have at most 60 characters, not 61.",
        ),
        ("app_port: 0", "app_port must be a whole number from 1 to 65535, not '0'."),
        ("app_port: 65536", "app_port must be a whole number from 1 to 65535, not '65536'."),
        ("app_port: true", "app_port must be a whole number from 1 to 65535, not 'true'."),
        ("pinned: maybe", "pinned must be true or false, not 'maybe'."),
        ("models: a/b", "models must be a list, not 'a/b'; write one '- ' line for each."),
        ("license: mit2", None),
        ("license: [mit, no]", None),
        ("emoji: hi", "emoji must be one emoji and nothing else, not 'hi'."),
        ("emoji: 🤗🤗", None),
        ("header: maxi", "header must be one of default, mini, not 'maxi'."),
        ("hf_oauth_expiration_minutes: 50000", None),
        ("hf_oauth_scopes: [everything]", None),
        ("custom_headers: {x-evil: 1}", None),
        ("custom_headers: {cross-origin-opener-policy: Same-Origin}", None),
        ("custom_headers: x", None),
        ("suggested_storage: huge", None),
        ("startup_duration_timeout: 0s", None),
        ("startup_duration_timeout: '30'", None),
        ("startup_duration_timeout: 25h", None),
        ("title: [x]", "title must be text."),
        ('title: "a\\0b"', "title must not hold control characters."),
        ("sdk: streamlit\nsdk_version: 0.78.1", None),
        ("thumbnail: javascript:alert(1)", None),
        ("preload_from_hub: ['a b c']", None),
    ],
)
def test_each_problem_is_one_sentence_with_the_key(block: str, sentence: str | None) -> None:
    reading = read(block)
    assert reading.card is None
    assert len(reading.problems) == 1
    if sentence is not None:
        assert reading.problems[0] == sentence
    key = next(line for line in block.split("\n")[::-1]).partition(":")[0]
    assert reading.problems[0].startswith(key)


def test_all_problems_are_told_at_once() -> None:
    assert len(read("colorFrom: orange\nsdk: x\napp_port: y\n").problems) == 3


@pytest.mark.req("WEB-08")
@pytest.mark.parametrize(
    "key", ["app_file", "base_path", "app_port", "sdk", "sdk_version", "python_version", "colorTo"]
)
@pytest.mark.parametrize(
    "value",
    ['"a\\nb"', "'a''b'", "'a\"b'", "'a;b'", "'/$(id)'", "'../x'", "'/a/../b'", "'a\\b'", "'//e.x'",
     "'" + "9" * 60_000 + "'", "'-c'", "'`id`'", "'1 && id'", "'#{x}'", "'1\u202e'"],
)  # fmt: skip
def test_hostile_values_are_refused_with_the_key(key: str, value: str) -> None:
    reading = read(f"{key}: {value}")
    assert reading.card is None
    assert reading.problems[0].startswith(key)
    assert len(reading.problems[0]) < 400


@pytest.mark.parametrize("path", ["src/main.py", "a b.py", "./app.py", ".hidden/x.py", "día.py"])
def test_ordinary_paths_are_accepted(path: str) -> None:
    assert card(f"sdk: gradio\napp_file: {path}").app_file == path.removeprefix("./")


@pytest.mark.parametrize("path", ["/docs", "/", "/a/b?x=1&y=2", "/a.html#top", "/%20"])
def test_ordinary_base_paths_are_accepted(path: str) -> None:
    assert card(f"sdk: gradio\nbase_path: {path}").base_path == path


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("90s", 90), ("45m", 2700), ("1h", 3600), ("1h30m", 5400), ("24h", 86400)],
)
def test_durations(written: str, seconds: int) -> None:
    assert card(f"startup_duration_timeout: {written}").startup_seconds == seconds


@pytest.mark.parametrize("emoji", ["🤗", "❤️", "👩‍🚀", "🇨🇭", "1️⃣", "👍🏽", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "⚡", "☕"])
def test_every_kind_of_emoji(emoji: str) -> None:
    assert card(f"emoji: {emoji}").emoji == emoji


def test_headers_and_lists() -> None:
    found = card(
        "custom_headers:\n  cross-origin-embedder-policy: require-corp\n"
        "license: [mit, apache-2.0]\nhf_oauth_authorized_org: acme\n"
        "preload_from_hub:\n- org/repo\n- org/repo a.bin,b.bin\n- gpt2 a.bin " + "0" * 40
    )
    assert found.custom_headers == {"cross-origin-embedder-policy": "require-corp"}
    assert found.license == ("mit", "apache-2.0")
    assert found.hf_oauth_authorized_org == ("acme",)
    assert len(found.preload_from_hub) == 3


def test_empty_values_count_as_absent() -> None:
    found = card("sdk: gradio\nmodels:\npython_version: ~\ntitle:")
    assert (found.models, found.python_version, found.title) == ((), "3.10", None)


@pytest.mark.req("2.1")
def test_unknown_keys_are_ignored_and_near_misses_are_told() -> None:
    reading = read("sdk: gradio\nhardware: a100-large\nfoo: bar\ncolorfrom: red\ncolor_to: red")
    assert reading.card is not None
    assert reading.card.color_from is None
    assert reading.card.color_to is None
    assert reading.card.to_json()["hardware"] == "a100-large"
    assert len(reading.warnings) == 1
    assert "did you mean 'colorFrom'?" in reading.warnings[0]


def test_json_round_trip_holds_what_the_readme_said_and_no_more() -> None:
    found = card("sdk: gradio\ncolorFrom: red\nlicense: mit\nmine: {a: 1}\napp_port: 80")
    stored = found.to_json()
    assert stored == {
        "sdk": "gradio", "colorFrom": "red", "license": "mit", "mine": {"a": 1}, "app_port": 80,
    }  # fmt: skip
    assert Card.from_json(stored) == found


def test_a_stored_value_that_is_no_longer_valid_counts_as_absent() -> None:
    found = Card.from_json({"sdk": "gradio", "colorFrom": "orange", "title": "x"})
    assert (found.sdk, found.color_from, found.title) == (Sdk.GRADIO, None, "x")


@given(st.binary(max_size=400))
def test_any_bytes_give_an_answer(body: bytes) -> None:
    reading = read_card(b"---\n" + body + b"\n---\n")
    assert (reading.card is None) == bool(reading.problems)


_LEAF = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
_VALUE = (
    _LEAF | st.lists(_LEAF, max_size=2) | st.dictionaries(st.text(max_size=3), _LEAF, max_size=2)
)
_STORED = st.dictionaries(st.sampled_from(["title", "sdk", "app_file", "tags", "mine"]), _VALUE)


@given(_STORED)
def test_any_stored_card_can_be_read(stored: dict[str, object]) -> None:
    assert isinstance(Card.from_json(stored).to_json(), dict)
