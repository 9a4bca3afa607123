import json
import os
import re
import shlex
import subprocess
import sys
import xml.etree.ElementTree as ET
from html import unescape
from html.parser import HTMLParser

import pytest
from command_line import assert_one_line, minigrad
from hypothesis import given
from hypothesis import strategies as st

from cells import claims
from cells.analysis.training import POEM_CREDIT, read_corpus
from viz.errors import ReportInputError

QUICK = ["--steps", "3", "--hidden", "3", "--updates", "2", "--batch", "2"]
PARTS = [
    "derivation.tex",
    "derivation.txt",
    "diagnosis.json",
    "flow.svg",
    "graph.svg",
    "lags.svg",
    "report.html",
    "routes.svg",
]


class Page(HTMLParser):
    """What a browser would fetch or run."""

    def __init__(self, text):
        super().__init__()
        self.addresses, self.tags, self.ids = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        """Collect one tag; called by the parser."""
        self.tags.append(tag)
        self.addresses += [value for key, value in attrs if key in ("src", "href", "xlink:href") and value]
        self.ids += [value for key, value in attrs if key == "id"]


@pytest.fixture(scope="module", params=["rnn", "lstm", "gru"])
def written(request, tmp_path_factory):
    """The name of a cell, and the directory with its report."""
    directory = tmp_path_factory.mktemp("report") / "out"
    assert minigrad("report", "--cell", request.param, "--out", directory, *QUICK) == 0
    return request.param, directory


@pytest.mark.quick("lstm")
def test_report_writes_everything(written):
    """The command writes the page and its parts, and exits with 0."""
    cell, directory = written

    assert sorted(os.listdir(directory)) == PARTS
    page = (directory / "report.html").read_text(encoding="utf-8")
    assert f"in a{'n' if cell != 'gru' else ''} {cell.upper()}</h1>" in page
    assert "Rossetti" in page
    for name in ("graph.svg", "lags.svg", "flow.svg", "routes.svg"):
        ET.parse(directory / name)


def test_report_is_self_contained(written):
    """The page fetches nothing, runs nothing but the script in it, and no id on it is used twice."""
    page = Page((written[1] / "report.html").read_text(encoding="utf-8"))

    assert all(address.startswith(("data:", "#")) for address in page.addresses)
    assert page.tags.count("script") == 1
    assert len(page.ids) == len(set(page.ids))


@pytest.mark.nightly
@pytest.mark.nightly
def test_report_is_the_same_bytes_twice(tmp_path):
    """The same seed gives the same files, also in another process; another seed gives others."""
    text = tmp_path / "text"
    text.write_text("abcab" * 4, encoding="utf-8")
    assert minigrad("report", text, "--out", tmp_path / "a", *QUICK) == 0
    command = [sys.executable, "-m", "viz", "report", str(text), "--out", str(tmp_path / "b"), *QUICK]
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "PYTHONHASHSEED": "3"})
    minigrad("draw", text, "--out", tmp_path / "c.svg", "--seed", "1", *QUICK)

    for name in PARTS:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert (tmp_path / "a" / "graph.svg").read_bytes() != (tmp_path / "c.svg").read_bytes()


def test_formulas_are_text_where_mathml_cannot_be_made(tmp_path, monkeypatch):
    """Without latex2mathml the page has the same formulas as text, escaped."""
    monkeypatch.setattr("cells.analysis.bounds.find_spec", lambda name: None)

    assert minigrad("report", "--cell", "rnn", "--out", tmp_path, *QUICK) == 0

    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<math" not in page
    assert "<code>∂h_t/∂h_{t-1} = diag(1 − h_t²) W</code>" in page
    assert "&lt; tanh&#x27;(x)" in page


def test_report_reads_a_text(tmp_path):
    """Markup in the text and in its name stays text on the page."""
    text = tmp_path / "<b>&amp;.txt"
    text.write_text("\ufeff<script>alert('Ω')</script>&amp;\r\n" * 2, encoding="utf-8")

    assert minigrad("report", text, "--out", tmp_path / "out", *QUICK, "--steps", "30") == 0

    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert page.count("<script") == 1
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page
    assert "\ufeff" not in page


@pytest.mark.nightly
@pytest.mark.nightly
def test_the_command_on_the_page_makes_it_again(tmp_path, monkeypatch):
    """The page of a text names it in its command, quoted for a shell; run where the text is, it gives the same page."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my text").write_text("abcab" * 4, encoding="utf-8")
    assert minigrad("report", "my text", "--learning-rate", "0.02", "--out", "first", *QUICK) == 0
    page = (tmp_path / "first" / "report.html").read_text(encoding="utf-8")

    (command,) = re.findall(r"<code>(minigrad report.*)</code></p>", page)
    program, *arguments = shlex.split(unescape(command))

    assert program == "minigrad"
    assert minigrad(*arguments, "--out", "second") == 0
    assert (tmp_path / "second" / "report.html").read_text(encoding="utf-8") == page


BAD_FILES = {
    "empty": (b"", "is empty"),
    "blank": (b" \n\t", "is empty"),
    "binary": (b"\x7fELF\x00\x00\x01", "binary"),
    "latin1": ("schön".encode("latin-1") * 9, "is not UTF-8: byte 0xf6 at position 3"),
    "utf16": ("some words".encode("utf-16"), "it looks like utf-16: pass --encoding utf-16"),
    "short": (b"abc", "too few for 3 steps"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_texts(tmp_path, capsys, name):
    """A text that cannot be used is one clear line on stderr, exit code 2, and nothing is written."""
    content, words = BAD_FILES[name]
    path = tmp_path / f"{name}.txt"
    path.write_bytes(content)

    assert minigrad("report", path, "--out", tmp_path / "out", *QUICK) == 2

    assert_one_line(capsys, words)
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["no-such-file.txt"], "no such file: no-such-file.txt"),
        (["."], "is a directory"),
        (["--steps", "0"], "expected an integer from 1 to 100,000, got '0'"),
        (["--steps", "2.5"], "expected an integer from 1 to 100,000, got '2.5'"),
        (["--hidden", "-1"], "expected an integer from 1 to 4,096, got '-1'"),
        (["--hidden", "1000000000"], "expected an integer from 1 to 4,096, got '1000000000'"),
        (["--updates", "-1"], "expected an integer from 0 to 10,000,000, got '-1'"),
        (["--seed", "9" * 5000], "expected an integer from 0 to "),
        (["--learning-rate", "nan"], "expected a number above 0, at most 1000, got 'nan'"),
        (["--learning-rate", "x"], "expected a number above 0, at most 1000, got 'x'"),
        (["--cell", "cnn"], "invalid choice: 'cnn'"),
        (["--steps", "5000"], "use at most 214 steps"),
        (["--nonsense"], "unrecognized arguments"),
    ],
)
def test_bad_options(tmp_path, monkeypatch, capsys, arguments, words):
    """An option that cannot be used is one clear line on stderr, exit code 2, and nothing is written."""
    monkeypatch.chdir(tmp_path)

    assert minigrad("report", *arguments) == 2

    assert_one_line(capsys, words)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "sizes",
    [["--hidden", "4096"], ["--batch", "100000", "--hidden", "512"], ["--hidden", "4000", "--steps", "100"]],
)
def test_sizes_that_do_not_fit_into_memory(tmp_path, monkeypatch, capsys, sizes):
    """Sizes that would need more than 4 GB are refused before anything of that size is allocated."""
    monkeypatch.chdir(tmp_path)

    for command in ("report", "draw", "flow", "diagnose"):
        assert minigrad(command, *sizes) == 2
        assert_one_line(capsys, "GB of memory")
    assert os.listdir(tmp_path) == []


def test_out_that_is_a_file(tmp_path, capsys):
    """A directory that cannot be made is said before the training, and the file in its place is left alone."""
    (tmp_path / "out").write_text("mine", encoding="utf-8")

    assert minigrad("report", "--out", tmp_path / "out", *QUICK) == 2

    assert_one_line(capsys, "is not a directory")
    assert (tmp_path / "out").read_text(encoding="utf-8") == "mine"


def test_a_failing_engine_leaves_nothing(tmp_path, monkeypatch, capsys):
    """If Graphviz is missing, the report is not begun."""
    monkeypatch.setenv("MINIGRAD_DOT", "no-such-dot")

    assert minigrad("report", "--out", tmp_path / "out", *QUICK) == 2

    assert_one_line(capsys, "no executable 'no-such-dot'")
    assert os.listdir(tmp_path) == []


def test_draw(tmp_path, capsys):
    """The picture alone, in any of the formats."""
    for name in ("g.svg", "g.dot", "g.png"):
        assert minigrad("draw", "--out", tmp_path / name, *QUICK) == 0
    assert minigrad("draw", "--out", tmp_path / "g.gif", *QUICK) == 2

    assert sorted(os.listdir(tmp_path)) == ["g.dot", "g.png", "g.svg"]
    assert "class=grad" in (tmp_path / "g.dot").read_text(encoding="utf-8")
    assert minigrad("draw", "--no-gradients", "--out", tmp_path / "g.dot", *QUICK) == 0
    assert "class=grad" not in (tmp_path / "g.dot").read_text(encoding="utf-8")


def test_flow(tmp_path):
    """The cells side by side, each with a heat strip of its own, or one of them."""
    assert minigrad("flow", "--out", tmp_path / "all.svg", *QUICK) == 0
    assert minigrad("flow", "--cell", "gru", "--out", tmp_path / "one.svg", *QUICK) == 0

    assert sorted(os.listdir(tmp_path)) == ["all.svg", "one.svg"]
    strips = {name: (tmp_path / name).read_text(encoding="utf-8").count("<image") for name in ("all.svg", "one.svg")}
    assert strips["all.svg"] == strips["one.svg"] + 2


def test_diagnose(capsys):
    """The sentences for readers, or the same as JSON."""
    assert minigrad("diagnose", *QUICK) == 0
    assert "Over 3 steps the norm of the Jacobian, in its worst direction, goes from 1" in capsys.readouterr().out

    assert minigrad("diagnose", "--json", *QUICK) == 0
    assert json.loads(capsys.readouterr().out)["steps"] == 3


@pytest.mark.parametrize("command", [[], ["report"], ["draw"], ["flow"], ["diagnose"]])
def test_help(command, capsys):
    """Every command explains itself."""
    assert minigrad(*command, "--help") == 0
    assert "usage: minigrad" in capsys.readouterr().out


@given(st.one_of(st.binary(max_size=60), st.text(max_size=60).map(str.encode)))
def test_any_file_is_read_or_refused(tmp_path_factory, content):
    """Whatever a file holds, it becomes a corpus whose codes give its text back, with plain line ends, or our error."""
    path = tmp_path_factory.mktemp("texts") / "text"
    path.write_bytes(content)
    try:
        corpus = read_corpus(path)
    except ReportInputError:
        return

    assert "".join(corpus.alphabet[code] for code in corpus.codes) == corpus.text
    assert corpus.text.encode() == content.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n")


def test_the_poem():
    """The text that is read when none is given comes with its author and year."""
    assert read_corpus().text.startswith("Who has seen the wind?\n")
    assert "Rossetti" in POEM_CREDIT
    assert "1872" in POEM_CREDIT


def test_each_claim_stands_with_its_badge(written):
    """On the page each textbook claim is a section of its own: badge and statement, reason, proof, in this order."""
    page = (written[1] / "report.html").read_text(encoding="utf-8")

    sections = re.findall(r'<section class="claim">(.*?)</section>', page, re.DOTALL)

    assert len(sections) == len(claims.examine())
    assert page.count('class="verdict ') == len(sections)
    for section, claim in zip(sections, claims.examine(), strict=True):
        parts = [section.index(part) for part in (f">{claim.verdict}</span>", 'aria-label="claim"', "<p>", "<details>")]
        assert parts == sorted(parts)
