import json
import re
import shutil
import subprocess

import pytest

from viz.findings import Settings
from viz.reports import report

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
addEventListener("load", () => {
  const box = element => { const r = element.getBoundingClientRect(); return [r.width, r.height]; };
  const found = {
    formulas: [...document.querySelectorAll("math")].filter(m => !m.closest("details")).map(box),
    fractions: [...document.querySelectorAll("mfrac")].map(box),
    marks: [...document.querySelectorAll("svg g.node")].map(box),
    gradients: document.querySelectorAll("svg g.grad").length,
    images: [...document.images].map(image => image.naturalWidth),
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
    probed = text.replace("default-src 'none';", "default-src 'none'; script-src 'unsafe-inline';")
    assert probed != text
    (directory / "probed.html").write_text(probed.replace("</head>", PROBE + "</head>"), encoding="utf-8")
    return directory / "probed.html"


def look(page, profile, *flags):
    """What the probe saw."""
    browser = next(path for name in NAMES if (path := shutil.which(name)))
    command = [browser, *FLAGS, f"--user-data-dir={profile}", *flags, "--dump-dom", page.as_uri()]
    done = subprocess.run(command, capture_output=True, timeout=120, check=True)
    found = re.search(r'<pre id="probe">(.*?)</pre>', done.stdout.decode(), re.DOTALL)
    return json.loads(found[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))


def test_a_browser_lays_it_out(page, tmp_path):
    """Formulas and pictures have a size, nothing is fetched, nothing fails, and the page is not too wide."""
    pytest.importorskip("latex2mathml", reason="formulas are plain text without latex2mathml")
    seen = look(page, tmp_path / "profile")

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


def test_dark_mode(page, tmp_path):
    """Where a reader prefers dark pages, the page is dark."""
    light = look(page, tmp_path / "one")["background"]
    dark = look(page, tmp_path / "two", "--blink-settings=preferredColorScheme=0")["background"]

    assert sum(map(int, re.findall(r"\d+", light)[:3])) > 600
    assert sum(map(int, re.findall(r"\d+", dark)[:3])) < 200
