"""What the commands write: every code page, control characters, words that are misspelled, exit codes."""

import io
import json
import subprocess
import sys

import pytest
from command_line import assert_one_line, minigrad
from hypothesis import given
from hypothesis import strategies as st

from cells.analysis.texts import decoded, likely_encoding
from viz.cli.formulas import MAKERS
from viz.cli.terminal import for_stream, say_json
from viz.errors import ReportInputError

QUICK = ["--steps", "3", "--hidden", "3", "--updates", "2", "--batch", "2"]
ENCODINGS = ["ascii", "gbk", "cp1252", "cp437", "koi8-r", "utf-8", "utf-16"]


@pytest.fixture
def stream(monkeypatch):
    """Puts standard streams of some encoding in the place of those there are; gives what is written to stdout."""

    def put(encoding):
        written = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding))
        monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(io.BytesIO(), encoding))
        return lambda: written.getvalue().decode(encoding)

    return put


@given(st.text(), st.sampled_from(ENCODINGS))
def test_every_text_can_be_written_in_every_encoding(text, encoding):
    """What is written can be encoded, holds no control characters, and is the text itself where that is possible."""
    shown = for_stream(text, encoding)

    assert shown.encode(encoding).decode(encoding) == shown
    assert all(c.isprintable() or c in "\n\t" or (c.isspace() and c > "\x9f") or c in "\u200c\u200d" for c in shown)
    if text.isascii() and text.isprintable():
        assert shown == text


@given(st.dictionaries(st.text(), st.text()), st.sampled_from(["ascii", "gbk", "utf-8"]))
def test_json_stays_json_in_every_encoding(found, encoding):
    """JSON on standard output is read back as what it was."""
    written, before = io.BytesIO(), sys.stdout
    sys.stdout = shown = io.TextIOWrapper(written, encoding)
    try:
        say_json(json.dumps(found, ensure_ascii=False, indent=2))
    finally:
        sys.stdout = before

    shown.flush()
    assert json.loads(written.getvalue().decode(encoding)) == found


@pytest.mark.quick(
    "derive-lstm-gbk",
    "derive-rnn-ascii",
    "derive-gru-cp1252",
    "claims-gbk",
    "check-rnn0-ascii",
    "check-rnn1-gbk",
    "diagnose---steps-gbk",
    "draw---steps-cp1252",
    "report---help-gbk",
)
@pytest.mark.parametrize("encoding", ["ascii", "gbk", "cp1252"])
@pytest.mark.parametrize(
    "arguments",
    [
        *(["derive", cell] for cell in MAKERS),
        ["claims"],
        ["claims", "--latex"],
        ["check", "rnn", "正.txt"],
        ["check", "rnn", "正.txt", "--latex"],
        ["diagnose", *QUICK],
        ["diagnose", "--json", *QUICK],
        ["draw", *QUICK, "--out", "正\udcff.svg"],
        ["report", "--help"],
        ["report", "没有\x1b[31m.txt"],
        ["derive", "正\x9b"],
    ],
    ids=lambda words: "-".join(words[:2]) if isinstance(words, list) else words,
)
def test_every_command_in_a_code_page(stream, tmp_path, monkeypatch, encoding, arguments):
    """No command ends in a traceback where standard output is in a code page, nor does an error message."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "正.txt").write_text("δa_t = δh_t ⊙ (1 − h_t²)\n∂h/∂正 = 1\x1b[31m\n", encoding="utf-8")
    written = stream(encoding)

    code = minigrad(*arguments)

    unusable = arguments[-1] in ("没有\x1b[31m.txt", "正\x9b")
    assert code == (2 if unusable or "正.txt" in arguments else 0)
    assert bool(written()) != unusable
    assert "\x1b" not in written()


@pytest.mark.nightly
@pytest.mark.nightly
@pytest.mark.parametrize("encoding", ["ascii", "gbk", "cp1252"])
def test_what_derive_prints_in_a_code_page_is_read_again(stream, tmp_path, capsys, encoding):
    """The Jacobians, adjoints and gradients of a derivation in a code page are formulas that `check` proves."""
    starts = ("  dh_t/", "  dc_t/", "  dE/d", "  d_", "  δ", "  ∂h_t/", "  ∂c_t/", "  ∂E/", "  f_t", "  s_t")
    for cell, count in (("rnn", 8), ("lstm", 26)):
        written = stream(encoding)
        assert minigrad("derive", cell) == 0
        lines = [line for line in written().splitlines() if line.startswith(starts)]
        assert len(lines) >= count
        path = tmp_path / "lines.txt"
        path.write_text("\n".join(lines), encoding=encoding)

        assert minigrad("check", cell, path, "--encoding", encoding, "--strict") == 0
    if encoding == "gbk":
        assert likely_encoding(path.read_bytes()) == "gbk"


def test_control_characters_are_shown_and_not_sent(tmp_path, capsys):
    """Escapes of the terminal and reversed reading directions in names and lines arrive as escapes."""
    path = tmp_path / "lines"
    path.write_text("h = h\x1b]0;title\x07\ndh/dh_prev = W # \u202e\x9b31m\ndh/dh_prev = W", encoding="utf-8")

    assert minigrad("check", "rnn", path) == 2
    assert minigrad("report", "a\x1b[2J\u202eb") == 2
    assert minigrad("report", "--seed", "\x1b[2J") == 2

    said = capsys.readouterr()
    assert not set("\x1b\x07\x9b\u202e") & set(said.out + said.err)
    assert "\\u001b[2J\\u202eb" in said.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["dervie", "lstm"], "did you mean derive?"),
        (["derive", "ltsm"], "did you mean lstm?"),
        (["derive", "LSTM"], "did you mean lstm?"),
        (["report", "--hiden", "3"], "did you mean --hidden?"),
        (["derive", "--activaton", "relu", "rnn"], "did you mean --activation?"),
        (["derive", "rnn", "--activation", "thanh"], "did you mean tanh?"),
        (["report", "--cell", "gur"], "did you mean gru?"),
        (["claims", "tanhslope"], "did you mean tanh_slope?"),
        (["draw", "--encoding", "gkb"], "did you mean gbk?"),
    ],
)
def test_misspelled_words(capsys, arguments, words):
    """A misspelled command, cell, option, choice or claim is answered with the nearest one."""
    assert minigrad(*arguments) == 2
    assert_one_line(capsys, words)


def test_version(capsys):
    """--version says the name and the version."""
    assert minigrad("--version") == 0
    assert capsys.readouterr().out.startswith("minigrad 0.")


def test_an_error_within_minigrad_is_not_a_refuted_line(monkeypatch, capsys):
    """What nobody expected is exit code 3 and one line: a grader that reads 1 as "refuted" fails nobody by mistake."""

    def broken(*args):
        raise IndexError("list index out of range")

    monkeypatch.setattr("viz.cli.formulas.check_derivation", broken)
    monkeypatch.setattr("sys.stdin", io.StringIO("h = h"))

    assert minigrad("check", "rnn", "-") == 3
    assert_one_line(capsys, "IndexError within minigrad: list index out of range")


POEM = {
    "gbk": "床前明月光，疑是地上霜。举头望明月，低头思故乡。",
    "big5": "床前明月光，疑是地上霜。舉頭望明月，低頭思故鄉。這是一首很有名的詩，學生都會背誦。",
    "shift_jis": "古池や蛙飛びこむ水の音。これはとても有名な俳句である。",
    "euc_kr": "나 보기가 역겨워 가실 때에는 말없이 고이 보내 드리우리다 영변에 약산 진달래꽃",
    "cp1252": "Über allen Gipfeln ist Ruh, in allen Wipfeln spürest du kaum einen Hauch",
    "utf-16": "Who has seen the wind?",
}


@pytest.mark.parametrize("encoding", POEM)
def test_the_encoding_of_a_text_is_recognised(tmp_path, capsys, encoding):
    """A text in another encoding is not read as something else: its encoding is named, and with it the text is read."""
    content = (POEM[encoding] * 3).encode(encoding)
    path = tmp_path / "poem.txt"
    path.write_bytes(content)

    assert likely_encoding(content) == encoding
    assert decoded(content, "poem", encoding) == POEM[encoding] * 3
    with pytest.raises(ReportInputError, match=f"it looks like {encoding}: pass --encoding {encoding}"):
        decoded(content, "poem")
    assert minigrad("diagnose", path, *QUICK) == 2
    assert_one_line(capsys, f"--encoding {encoding}")
    assert minigrad("diagnose", path, "--encoding", encoding, *QUICK) == 0


@given(st.binary(max_size=40))
def test_any_bytes_are_decoded_or_refused(content):
    """Bytes are UTF-8, or refused in one line; the guess at their encoding decodes them or is none."""
    plain = content.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n")
    try:
        text = decoded(content, "name")
    except ReportInputError:
        likely = likely_encoding(content)
        assert likely is None or content.decode(likely, "ignore") is not None
    else:
        assert text.encode() == plain


@pytest.mark.parametrize("name", ["rot13", "hex", "no-such", "", "idna\0"])
def test_what_is_no_text_encoding(capsys, name):
    """A name that is no encoding of texts is one clear line."""
    assert minigrad("draw", "--encoding", name) == 2
    assert_one_line(capsys, "there is no text encoding")


def test_python_m_minigrad_is_the_command():
    """``python -m minigrad`` runs the command, and importing the engine alone imports no pictures."""
    said = subprocess.run([sys.executable, "-m", "minigrad", "--version"], capture_output=True, text=True, check=True)
    assert said.stdout.startswith("minigrad 0.")
    alone = "import sys, minigrad, minigrad.__main__; sys.exit('viz' in sys.modules or 'cells' in sys.modules)"
    subprocess.run([sys.executable, "-c", alone], check=True)
