"""The page of a batch: everything is in it, nothing in it is taken for markup, and it works in a browser."""

import json
import re
import shutil
import subprocess

import pytest
from fake_batch import FakeEngine

from audiostyle.batch import report
from audiostyle.batch.results import write_all

EVIL = "</script><script>alert(1)</script>"
FAILED = {"event": "failed", "kind": "run", "sentence": "It failed <b>badly</b>."}


@pytest.fixture
def page(planned, conducted, tmp_path):
    text = "content,style,content_label,style_label\n" + "\n".join(
        f"clips/{a}/{a}.0000{n}.wav,clips/{b}/{b}.0000{n}.wav,{a},{EVIL if b == 'jazz' else b}"
        for a in ("jazz", "reggae", "rock")
        for b in ("jazz", "reggae", "rock")
        for n in range(3)
        if a != b
    )
    plan = planned(text, [{"seed": "0", "rowac": "true"}, {"seed": "1", "rowac": "true"}, {"rowac": "false"}])
    entries = conducted(plan, FakeEngine({"rock.00000+jazz.00000": [dict(FAILED)]}))
    write_all(tmp_path / "batch", plan, entries)
    return tmp_path / "batch" / "report.html"


def data_of(page):
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page.read_text())[1])


def test_everything_is_in_it(page):
    text, data = page.read_text(), data_of(page)
    assert len(data["rows"]) == data["finished"] == 53
    assert len(data["cells"]) == 6 * 2
    name, content, _, point, settings, sound, values = data["rows"][0]
    assert (name, content, point, settings) == ("jazz.00000+reggae.00000", "jazz", "rowac true", ["0", "true"])
    assert (page.parent / sound.replace("%2B", "+")).is_file()
    assert len(values) == len(data["numbers"])
    median, count = data["cells"][0][3][data["numbers"].index("row_ac_r_style")]
    found = sorted(row[6][data["numbers"].index("row_ac_r_style")] for row in data["rows"] if row[3] == "rowac true"
                   and row[1] == "jazz" and row[2] == "reggae")  # fmt: skip
    assert count == len(found) == 6
    assert median == pytest.approx((found[2] + found[3]) / 2, rel=1e-5)
    assert "It failed &lt;b&gt;badly&lt;/b&gt;." in text
    assert "53 of 54 transfers are finished" in text


def test_it_needs_nothing_else_and_nothing_is_markup(page):
    text = page.read_text()
    assert "://" not in re.sub(r'<script type="application/json".*?</script>', "", text, flags=re.S)
    assert not re.search(r"<link|<img|@import|url\(", text)
    assert text.count("</script>") == 2
    assert EVIL in [row[2] for row in data_of(page)["rows"]]


def test_a_large_batch_shows_as_many_of_each_pair(planned, conducted, tmp_path, monkeypatch):
    monkeypatch.setattr(report, "_MOST_ROWS", 6)
    plan = planned(points=[{"seed": str(seed)} for seed in range(5)])
    write_all(tmp_path / "batch", plan, conducted(plan))
    page = tmp_path / "batch" / "report.html"
    assert len(data_of(page)["rows"]) == 6
    assert "The table has 6 of them" in page.read_text()


PROBE = """
<script>
const all = (what) => [...document.querySelectorAll(what)];
const said = [`${all("#transfers tbody tr").length} rows`, `${all("#pairs td button").length} cells`];
all("#pairs td button")[0].click();
said.push(byId("count").textContent, `${all("td.chosen").length} chosen`);
byId("all").click();
const head = (name) => all("#transfers thead button").find((button) => button.textContent.startsWith(name)).click();
const first = () => all("#transfers tbody tr")[0].querySelector("td.number").textContent;
head("row_ac_r_style");
const lowest = Number(first());
head("row_ac_r_style");
said.push(lowest < Number(first()) ? "sorted" : "not sorted");
byId("find").value = "REGGAE.00001"; byId("find").dispatchEvent(new Event("input"));
said.push(byId("count").textContent);
all("#transfers tbody button")[0].click();
said.push(`${all("audio").length} player`, document.documentElement.scrollWidth <= innerWidth ? "fits" : "too wide");
document.title = said.join("; ");
</script>
"""


@pytest.mark.slow
@pytest.mark.parametrize("width", [500, 1400])
def test_it_works_in_a_browser(page, width):
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("needs Chromium")
    probe = page.with_name("probe.html")
    probe.write_text(page.read_text().replace("</main>", f"{PROBE}</main>"))
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", f"--window-size={width},900", "--dump-dom"]
    done = subprocess.run([*command, probe.as_uri()], capture_output=True, text=True, timeout=120, check=False)
    title = re.search("<title>(.*?)</title>", done.stdout)
    assert title, done.stderr
    assert title[1] == (
        "53 rows; 6 cells; 9 shown: jazz in the style of reggae; 1 chosen; sorted; 12 shown; 1 player; fits"
    )
