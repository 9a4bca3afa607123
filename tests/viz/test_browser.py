import json
import re
import shutil
import subprocess

import pytest

from cells.analysis.findings import Settings
from viz.report.report import report

pytestmark = pytest.mark.browser

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1200,2400",
]
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")

#: Measures the page from inside: what was laid out, how large, and what went wrong.
PROBE = """
<script>
const wrong = [];
addEventListener("error", event => wrong.push(String(event.message)));
addEventListener("securitypolicyviolation", event => wrong.push(event.violatedDirective + " " + event.blockedURI));
const highlighted = () => {
  const svg = document.querySelector(".picture svg");
  const marks = [...svg.querySelectorAll("g.node[data-mark]")];
  const [first, last] = [marks.find(m => m.querySelector("text")?.textContent === "c₀"), marks.at(-1)];
  const see = () => ({
    lit: svg.classList.contains("lit"),
    marks: svg.querySelectorAll("g.node.on").length,
    lines: svg.querySelectorAll("g.edge.on:not(.grad)").length,
    gradients: svg.querySelectorAll("g.grad.on").length,
    faint: marks.filter(m => getComputedStyle(m).opacity < 0.5).length,
  });
  const point = (what, mark) => mark.dispatchEvent(new MouseEvent(what, {bubbles: what !== "mouseleave"}));
  const seen = {all: marks.length, before: see()};
  point("mouseover", first);
  seen.hovered = see();
  point("mouseleave", svg);
  seen.after = see();
  first.focus();
  seen.focused = see();
  seen.active = document.activeElement === first;
  point("mouseover", last);
  seen.both = see();
  point("mouseleave", svg);
  seen.back = see();
  first.dispatchEvent(new KeyboardEvent("keydown", {key: "Escape", bubbles: true}));
  seen.escaped = see();
  first.blur();
  seen.label = first.getAttribute("aria-label");
  point("mouseover", svg.querySelector("g.grad"));
  seen.line = see();
  point("mouseleave", svg);
  return seen;
};
addEventListener("load", () => {
  const box = element => { const r = element.getBoundingClientRect(); return [r.width, r.height]; };
  const found = {
    formulas: [...document.querySelectorAll("math")].filter(m => !m.closest("details")).map(box),
    fractions: [...document.querySelectorAll("mfrac")].map(box),
    marks: [...document.querySelectorAll("svg g.node")].map(box),
    gradients: document.querySelectorAll("svg g.grad").length,
    images: [...document.images].map(image => image.naturalWidth),
    lit: highlighted(),
    tooltips: [...document.querySelectorAll("svg a")].filter(a => a.getAttribute("xlink:title")).length,
    overflow: document.documentElement.scrollWidth - innerWidth,
    fetched: performance.getEntriesByType("resource").map(r => r.name).filter(n => !n.startsWith("data:")),
    background: getComputedStyle(document.body).backgroundColor,
    wrong: wrong,
  };
  const out = document.createElement("pre");
  out.id = "probe";
  out.textContent = JSON.stringify(found);
  document.body.append(out);
});
</script>
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A small report, and the same with a probe in it (for which scripts have to be allowed)."""
    directory = tmp_path_factory.mktemp("browser")
    path = report(None, directory / "out", Settings(cell="lstm", steps=4, hidden=3, updates=2, batch=2))
    text = path.read_text(encoding="utf-8")
    probed, count = re.subn(r"script-src 'sha256-[^']*'", "script-src 'unsafe-inline'", text)
    assert count == 1
    (directory / "probed.html").write_text(probed.replace("</head>", PROBE + "</head>"), encoding="utf-8")
    return directory / "probed.html"


def dump(page, profile, *flags):
    """The page after all scripts that are allowed to run have run."""
    browser = next(path for name in NAMES if (path := shutil.which(name)))
    command = [browser, *FLAGS, f"--user-data-dir={profile}", *flags, "--dump-dom", page.as_uri()]
    return subprocess.run(command, capture_output=True, timeout=120, check=True).stdout.decode()


def look(page, profile, *flags):
    """What the probe saw."""
    found = re.search(r'<pre id="probe">(.*?)</pre>', dump(page, profile, *flags), re.DOTALL)
    return json.loads(found[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))


@pytest.fixture(scope="module")
def seen(page, tmp_path_factory):
    """What the probe saw in a browser with ordinary settings."""
    return look(page, tmp_path_factory.mktemp("browser") / "profile")


def test_a_browser_lays_it_out(seen):
    """Formulas and pictures have a size, nothing is fetched, nothing fails, and the page is not too wide."""
    pytest.importorskip("latex2mathml", reason="formulas are plain text without latex2mathml")
    assert seen["wrong"] == []
    assert seen["fetched"] == []
    assert len(seen["formulas"]) > 20
    assert all(width > 5 and height > 5 for width, height in seen["formulas"])
    assert all(height > 15 for _, height in seen["fractions"] if height)
    assert len(seen["marks"]) > 40
    assert all(width > 5 and height > 5 for width, height in seen["marks"])
    assert seen["gradients"] > 50
    assert seen["tooltips"] > seen["gradients"]
    assert len(seen["images"]) == 3
    assert all(width > 200 for width in seen["images"])
    assert seen["overflow"] <= 0


def test_all_paths_through_a_mark_stand_out(seen):
    """Pointing at c₀ or going to it by keyboard dims all that is on no path through it; leaving restores everything."""
    lit = seen["lit"]
    rest = {"lit": False, "marks": 0, "lines": 0, "gradients": 0, "faint": 0}

    assert lit["before"] == lit["after"] == lit["escaped"] == rest
    assert lit["hovered"]["lit"]
    assert 10 < lit["hovered"]["marks"] < lit["all"] - 4
    assert lit["hovered"]["faint"] == lit["all"] - lit["hovered"]["marks"]
    assert lit["hovered"]["lines"] > lit["hovered"]["marks"] - 2
    assert lit["hovered"]["lines"] - 1 <= lit["hovered"]["gradients"] <= lit["hovered"]["lines"]
    assert lit["active"]
    assert lit["focused"] == lit["back"] == lit["hovered"] != lit["both"]
    assert lit["label"].startswith("c\nshape (3,)")
    assert lit["line"]["marks"] > 1


def test_the_script_is_allowed_to_run(page, tmp_path):
    """The page itself, without a probe, lets its own script run."""
    text = dump(page.with_name("out") / "report.html", tmp_path / "profile")

    assert 'data-ready=""' in text


def test_dark_mode(page, seen, tmp_path):
    """Where a reader prefers dark pages, the page is dark."""
    light = seen["background"]
    dark = look(page, tmp_path / "two", "--blink-settings=preferredColorScheme=0")["background"]

    assert sum(map(int, re.findall(r"\d+", light)[:3])) > 600
    assert sum(map(int, re.findall(r"\d+", dark)[:3])) < 200
