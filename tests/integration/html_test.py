#!/usr/bin/env python3
"""The page of reporter html in headless Chromium: nothing in the console, nothing asked of any network, charts drawn,
filters and keys at work, at the width of a desk and of a phone, in light and dark, and on paper.

    html_test.py BUILD_ROOT FAULT_SERVER [FOLDER_FOR_SCREENSHOTS]

Speaks the DevTools protocol through --remote-debugging-pipe, which needs neither a port nor a package.
"""

import base64
import fcntl
import json
import os
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

SKIPPED = 77  # as meson understands it
BUILD, SERVER = Path(sys.argv[1]), sys.argv[2]
SHOTS = Path(sys.argv[3]) if len(sys.argv) > 3 else None
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
DESK, PHONE = (1280, 900, False), (390, 844, True)
SECONDS = 60  # for one answer of the browser, which takes milliseconds


class Browser:
    def __init__(self, folder):
        to_browser, self._out = os.pipe()
        self._in, from_browser = os.pipe()
        # Chromium reads from 3 and writes to 4, which may be taken by the pipes themselves.
        ends = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (to_browser, from_browser)]

        def place():
            os.dup2(ends[0], 3)
            os.dup2(ends[1], 4)

        self._process = subprocess.Popen(
            [CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
             "--disable-extensions", "--disable-background-networking", "--hide-scrollbars", "--remote-debugging-pipe",
             f"--user-data-dir={folder}", "about:blank"],
            preexec_fn=place, close_fds=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, env={**os.environ, "HOME": str(folder)})
        for end in (to_browser, from_browser, *ends):
            os.close(end)
        self._buffer, self._number, self._session = b"", 0, None
        self.events = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(domain + ".enable")

    def _read(self):
        end = time.monotonic() + SECONDS
        while b"\0" not in self._buffer:
            if not select.select([self._in], [], [], max(0, end - time.monotonic()))[0]:
                raise TimeoutError("the browser does not answer")
            got = os.read(self._in, 1 << 20)
            if not got:
                raise EOFError("the browser ended")
            self._buffer += got
        line, self._buffer = self._buffer.split(b"\0", 1)
        return json.loads(line)

    def call(self, method, **parameters):
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            got = self._read()
            if got.get("id") == self._number:
                if "error" in got:
                    raise RuntimeError(f"{method}: {got['error']['message']}")
                return got["result"]
            self.events.append(got)

    def open(self, page, width, height, mobile, dark=False, media=""):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=mobile)
        self.call("Emulation.setEmulatedMedia", media=media, features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce"}])
        self.call("Page.navigate", url="about:blank")  # a change of the fragment alone would not load anew
        self.events.clear()
        self.call("Page.navigate", url=page.as_uri())
        # A page that never gets ready, because its script is broken, says so in the console.
        self.value("""new Promise((done, fail) => { const look = () =>
            document.readyState === 'complete' && (document.getElementById('main').getAttribute('aria-busy') === 'false'
            || !document.getElementById('trouble').hidden) ? done()
            : performance.now() > 30000 ? fail(new Error('the page does not get ready')) : requestAnimationFrame(look);
            look(); })""")

    def value(self, expression):
        got = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in got:
            raise RuntimeError(json.dumps(got["exceptionDetails"])[:1000])
        return got["result"].get("value")

    def settle(self):
        """Until what was put off to the next task and the next frame has been done."""
        self.value("new Promise((done) => requestAnimationFrame(() => setTimeout(() => requestAnimationFrame(done))))")

    def press(self, key):
        for kind in ("keyDown", "keyUp"):
            text = {"text": key} if len(key) == 1 and kind == "keyDown" else {}
            self.call("Input.dispatchKeyEvent", type=kind, key=key, **text)
        self.settle()

    def fill(self, field, value):
        self.value(f"""(() => {{ const field = document.getElementById({json.dumps(field)});
            field.value = {json.dumps(value)}; field.dispatchEvent(new Event('input', {{bubbles: true}})); }})()""")
        self.settle()

    def shoot(self, name):
        if SHOTS:
            SHOTS.mkdir(parents=True, exist_ok=True)
            (SHOTS / f"{name}.png").write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))

    def complaints(self):
        """What stands in the console, and what was asked of anyone but the file."""
        found = []
        for event in self.events:
            method, details = event.get("method"), event.get("params")
            if method in ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded"):
                found.append(json.dumps(details)[:500])
            elif method == "Network.requestWillBeSent":
                url = details["request"]["url"]
                if not url.startswith(("file:", "data:", "about:")):
                    found.append("asked for " + url[:200])
        return found

    def close(self):
        self._session = None
        self.call("Browser.close")
        self._process.wait(SECONDS)
        os.close(self._in)
        os.close(self._out)


def run_program(*arguments, code=0):
    done = subprocess.run([BUILD / "tdamm-synth", *arguments], capture_output=True, text=True,
                          env={**os.environ, "OPENAI_API_KEY": "sk-page-test-0123456789"})
    if done.returncode != code:
        raise RuntimeError(f"exit code {done.returncode}: {done.stderr[-2000:]}")
    return done


# Texts of charts and marks aside, what is read by people: colour and ground of each, and their contrast by WCAG 2.
CONTRASTS = """(() => {
    const probe = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
    const rgba = (colour) => { probe.clearRect(0, 0, 1, 1); probe.fillStyle = colour; probe.fillRect(0, 0, 1, 1);
        return [...probe.getImageData(0, 0, 1, 1).data]; };
    const light = (c) => c.slice(0, 3).map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
        .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
    const ground = (element) => { for (let at = element; at; at = at.parentElement) {
        const c = rgba(getComputedStyle(at).backgroundColor); if (c[3] === 255) return c; } return [255, 255, 255, 255]; };
    const out = [];
    for (const element of document.querySelectorAll('h1,h2,h3,p,a,summary,td,th,dt,dd,small,span,b,button,select,input,.legend li,mark,.chart text')) {
        if (!element.checkVisibility() || !element.textContent.trim() && !element.value) continue;
        const style = getComputedStyle(element), svg = element.namespaceURI.endsWith('svg');
        const fill = svg ? (style.fill === 'none' ? null : style.fill) : style.color;
        if (!fill) continue;
        const [a, b] = [light(rgba(fill)), light(ground(element))];
        const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (ratio < 4.5) out.push(element.tagName + '.' + (element.getAttribute('class') || '') + ' ' + ratio.toFixed(2) + ' ' + element.textContent.slice(0, 30));
    }
    return [...new Set(out)].slice(0, 20);
})()"""

DRAWN = """[...document.querySelectorAll('.chart')].filter((chart) => chart.checkVisibility()).map((chart) => {
    const marks = [...chart.querySelectorAll('svg [aria-label="bar"] rect, svg [aria-label="rect"] rect, svg [aria-label="cell"] rect, svg [aria-label="line"] path')]
        .filter((mark) => { const box = mark.getBoundingClientRect(); return box.width > 0 || box.height > 0; });
    return [chart.dataset.chart, marks.length, chart.innerHTML.includes('NaN')];
})"""

LISTED = "[...document.querySelectorAll('#list button')].map((button) => button.textContent)"
COUNT = "document.getElementById('f-count').textContent"
TITLE = "document.querySelector('#document h3').textContent"


class PageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp(prefix="page-"))
        # Offline: texts that speak of their labels. Faulty: failures, waits, findings, cost, samples missing.
        run_program("generate", "--provider", "offline", "--num-samples", "60", "--seed", "5", "--run-name", "offline",
                    "--output-dir", cls.folder, "--reporter", "html", "--quiet", "-o", "prompt.target_words=400",
                    "-o", "validator.length.max_words=405")
        # Strict: texts that are rejected for their length; some samples come to be at a later attempt, some never.
        run_program("generate", "--provider", "offline", "--num-samples", "40", "--seed", "5", "--run-name", "strict",
                    "--output-dir", cls.folder, "--reporter", "html", "--quiet", "-o", "prompt.target_words=400",
                    "-o", "validator.length.min_words=403", "-o", "validator.length.reject_short=true",
                    "-o", "validator.length.max_words=410", "-o", "validator.length.reject_long=true", code=3)
        script = {"seed": 3, "words": 90, "cycle": ["none"] * 3 + ["server_error"], "rules": [
            {"fault": "refusal", "probability": 0.1}, {"fault": "content_filter", "probability": 0.05, "sticky": True},
            {"fault": "rate_limited", "retry_after_ms": "20", "calls": [20, 21, 22]}]}
        server = subprocess.Popen([SERVER, json.dumps(script)], stdout=subprocess.PIPE, text=True)
        try:
            port = int(server.stdout.readline())
            run_program("generate", "--num-samples", "200", "--seed", "7", "--run-name", "faulty", "--output-dir", cls.folder,
                        "--reporter", "html", "--quiet", "--max-attempts", "2", "-o", "prompt.target_words=100",
                        "-o", f"provider.base_url=http://127.0.0.1:{port}/v1", code=3)
        finally:
            server.terminate()
            server.wait()
            server.stdout.close()
        cls.browser = Browser(cls.folder / "profile")

    @classmethod
    def tearDownClass(cls):
        cls.browser.close()
        shutil.rmtree(cls.folder, ignore_errors=True)

    def page(self, name):
        return self.folder / f"{name}.report.html"

    def show(self, name, *size, **how):
        self.browser.open(self.page(name), *size, **how)

    def tearDown(self):
        self.assertEqual(self.browser.complaints(), [])
        self.assertEqual(self.browser.value("document.getElementById('trouble').textContent"), "")

    def test_charts_are_drawn(self):
        expected = {"offline": {"labels", "pairs", "words", "findings", "progress"},
                    "faulty": {"labels", "pairs", "words", "findings", "progress", "cost", "tokens", "window", "limits",
                               "reasons"}}
        for name, charts in expected.items():
            for size in (DESK, PHONE):
                for dark in (False, True):
                    with self.subTest(name=name, size=size, dark=dark):
                        self.show(name, *size, dark=dark)
                        drawn = self.browser.value(DRAWN)
                        self.assertEqual({chart for chart, _, _ in drawn}, charts)
                        for chart, marks, broken in drawn:
                            self.assertGreater(marks, 0, chart)
                            self.assertFalse(broken, chart)
                        self.assertEqual(self.browser.value(CONTRASTS), [])
                        self.assertLessEqual(self.browser.value("document.documentElement.scrollWidth"), size[0])
                        self.assertEqual(self.browser.complaints(), [])
                        scheme = f"{name}-{size[0]}-{'dark' if dark else 'light'}"
                        for part in ("tiles", "labels", "length", "findings", "cost", "failures", "reader"):
                            self.browser.value(f"document.getElementById('{part}').scrollIntoView()")
                            self.browser.shoot(f"{scheme}-{part}")

    def test_charts_follow_the_width(self):
        self.show("offline", *DESK)
        wide = self.browser.value("document.querySelector('[data-chart=words] svg').getBoundingClientRect().width")
        self.browser.call("Emulation.setDeviceMetricsOverride", width=600, height=900, deviceScaleFactor=1, mobile=False)
        self.browser.settle()
        self.assertLess(self.browser.value("document.querySelector('[data-chart=words] svg').getBoundingClientRect().width"),
                        min(600, wide))

    def test_filters_choose_what_is_listed(self):
        self.show("offline", *DESK)
        value = self.browser.value
        self.assertEqual(value(COUNT), "60 samples")
        self.assertEqual(len(value(LISTED)), 60)

        code, shown = value("(() => { const o = document.getElementById('f-label').options[1]; return [o.value, o.text]; })()")
        label, count = re.fullmatch(r"(.*) \((\d+)\)", shown).groups()
        self.browser.fill("f-label", code)
        listed = value(LISTED)
        self.assertEqual(len(listed), int(count))
        self.assertTrue(all(label in entry for entry in listed))
        self.browser.fill("f-label", "")

        lengths = [int(re.search(r"· ([\d,]+) word", entry)[1].replace(",", "")) for entry in value(LISTED)]
        middle = sorted(lengths)[30]
        self.browser.fill("f-min", str(middle))
        self.assertEqual(len(value(LISTED)), sum(length >= middle for length in lengths))
        self.browser.fill("f-min", "")

        self.browser.fill("f-finding", "+")
        found = value(LISTED)
        self.assertTrue(0 < len(found) < 60)
        self.assertTrue(all("finding" in entry for entry in found))
        self.browser.fill("f-finding", "-")
        self.assertEqual(len(value(LISTED)), 60 - len(found))
        self.browser.fill("f-finding", "length/too_long")
        self.assertEqual(value(LISTED), found)
        self.browser.fill("f-finding", "")

        word = value("document.querySelector('#text mark').textContent.toLowerCase()")
        self.browser.fill("f-text", f'"{word}"')
        self.assertIn(word, value("document.getElementById('text').textContent.toLowerCase()"))
        self.assertGreater(value("CSS.highlights.get('search').size"), 0)
        self.assertTrue(0 < len(value(LISTED)) <= 60)
        self.browser.fill("f-text", "no text says this")
        self.assertEqual(value(LISTED), [])
        self.assertIn("0 of 60", value(COUNT))

        value("document.querySelector('#filters [type=reset]').click()")
        self.browser.settle()
        self.assertEqual(value(COUNT), "60 samples")
        self.browser.fill("f-order", "words")
        ordered = [int(re.search(r"· ([\d,]+) word", entry)[1].replace(",", "")) for entry in value(LISTED)]
        self.assertEqual(ordered, sorted(lengths))

    def test_a_bar_leads_to_its_samples(self):
        self.show("offline", *DESK)
        self.browser.value("document.querySelector('[data-chart=labels] [aria-label=bar] rect')"
                           ".dispatchEvent(new MouseEvent('click', {bubbles: true}))")
        self.assertNotEqual(self.browser.value("document.getElementById('f-label').value"), "")
        self.assertIn(" of 60 samples", self.browser.value(COUNT))

    def test_keys_are_enough(self):
        self.show("offline", *DESK)
        value = self.browser.value
        first = value(TITLE)
        self.browser.press("j")
        second = value(TITLE)
        self.assertNotEqual(first, second)
        self.browser.press("k")
        self.assertEqual(value(TITLE), first)
        self.browser.press("/")
        self.assertEqual(value("document.activeElement.id"), "f-text")
        self.browser.press("j")  # is typed now
        self.assertEqual(value("document.getElementById('f-text').value"), "j")
        self.browser.fill("f-text", "")
        self.browser.press("Escape")
        self.browser.press("Escape")
        self.assertTrue(value("document.getElementById('list').contains(document.activeElement)"))
        self.browser.press("ArrowDown")
        self.assertEqual(value(TITLE), second)
        self.assertTrue(value("document.activeElement.getAttribute('aria-current') === 'true'"))
        self.assertRegex(value("location.hash"), r"^#sample-\d+$")

    def test_a_text_has_its_spans_prompt_and_provenance(self):
        self.show("offline", *DESK)
        value = self.browser.value
        self.assertGreater(value("document.querySelectorAll('#text mark').length"), 3)
        record = json.loads((self.folder / "offline.json").read_text())[0]
        # Marks say their number by style only: the text is what it was.
        self.assertEqual(value("document.getElementById('text').textContent"), record["full_text"])
        for label in record["labels"]:
            self.assertIn(label, value("document.querySelector('.legend').textContent"))
        value("document.querySelector('#document details').open = true")
        self.browser.settle()
        self.assertIn("[user]", value("document.querySelector('#document pre').textContent"))
        for fact in (record["link"], "offline", "form", "Seed"):
            self.assertIn(fact, value("document.querySelector('.facts').textContent"))

    def test_failures_are_accounted_for(self):
        self.show("faulty", *DESK)
        report = json.loads((self.folder / "faulty.report.json").read_text())
        whole = run_program("report", self.folder / "faulty.ledger.sqlite", "--json", "--reporter", "statistics",
                            "--reporter", "cost")
        figures = json.loads(whole.stdout)
        text = self.browser.value("document.getElementById('failures').textContent")
        self.assertIn(f"{figures['samples']['missing']} missing sample", text)
        rows = dict(self.browser.value("[...document.querySelectorAll('#reasons-table tbody tr')]"
                                       ".map((row) => [row.cells[0].textContent, row.cells[2].textContent])"))
        for reason, times in figures["samples"]["failures"].items():
            self.assertEqual(rows[reason.replace("_", " ")], str(times), reason)
        self.assertEqual(len(self.browser.value("[...document.querySelectorAll('#unusable-table tbody tr')].map(() => 1)")),
                         sum(figures["samples"]["failures"].values()))
        self.assertEqual(report["page"]["samples_shown"], figures["samples"]["accepted"])

    def test_rejected_texts_can_be_read(self):
        self.show("strict", *DESK)
        value = self.browser.value
        report = json.loads((self.folder / "strict.report.json").read_text())["page"]
        self.assertTrue(0 < report["rejected_shown"] == report["rejected"])
        self.assertEqual(value("document.getElementById('f-reason').checkVisibility()"), False)
        accepted = value(LISTED)
        self.browser.press("r")
        self.assertEqual(value(COUNT), f"{report['rejected']} rejected texts")
        self.assertEqual(len(value(LISTED)), report["rejected"])
        self.assertTrue(all("attempt" in entry for entry in value(LISTED)))

        # By reason, label and finding.
        reasons = value("[...document.getElementById('f-reason').options].slice(1).map((one) => [one.value, one.text])")
        self.assertEqual({reason for reason, _ in reasons}, {"too_long", "too_short"})
        for reason, shown in reasons:
            self.browser.fill("f-reason", reason)
            self.assertEqual(len(value(LISTED)), int(re.search(r"\((\d+)\)", shown)[1]))
            self.assertTrue(all(reason.replace("_", " ") in entry for entry in value(LISTED)))
        code, shown = value("(() => { const o = document.getElementById('f-label').options[1]; return [o.value, o.text]; })()")
        self.browser.fill("f-reason", "")
        self.browser.fill("f-label", code)
        label, count = re.fullmatch(r"(.*) \((\d+)\)", shown).groups()
        self.assertEqual(len(value(LISTED)), int(count))
        self.browser.fill("f-label", "")
        self.browser.fill("f-finding", "length/too_long")
        self.assertTrue(0 < len(value(LISTED)) < report["rejected"])

        # One of them: what was wrong, its marks, its prompt, and the way to the text that was accepted instead.
        for place in range(len(value(LISTED))):
            value(f"document.querySelectorAll('#list button')[{place}].click()")
            self.browser.settle()
            if "accepted" in value("document.querySelector('#document .attempts')?.textContent || ''"):
                break
        self.assertRegex(value("location.hash"), r"^#sample-\d+-attempt-1$")
        self.assertIn("Rejected: too long", value("document.querySelector('#document .note').textContent"))
        self.assertIn("length: too long", value("document.querySelector('#document .found').textContent"))
        self.assertGreater(value("document.querySelectorAll('#text mark').length"), 0)
        self.assertEqual(value(CONTRASTS), [])
        value("document.querySelector('#document details').open = true")
        self.browser.settle()
        self.assertIn("[user]", value("document.querySelector('#document pre').textContent"))
        value("document.getElementById('reader').scrollIntoView()")
        self.browser.shoot("strict-1280-rejected")
        sample = re.match(r"#sample-(\d+)", value("location.hash"))[1]
        value("document.querySelector('.attempts button:last-child').click()")
        self.browser.settle()
        self.assertEqual(value("location.hash"), f"#sample-{sample}")
        self.assertEqual(value(LISTED), accepted)
        self.assertIn("accepted", value("document.querySelector('.attempts [aria-current=true]').textContent"))
        self.assertEqual(value("document.querySelectorAll('#document .note').length"), 0)
        self.browser.shoot("strict-1280-accepted")

        # From the charts and tables; an address opens it; reset leads back to what was accepted.
        value("[...document.querySelectorAll('#reasons-table button')].find((one) => one.textContent === 'too long').click()")
        self.browser.settle()
        self.assertEqual(value("document.getElementById('f-reason').value"), "too_long")
        value("document.querySelector('#filters [type=reset]').click()")
        self.browser.settle()
        self.assertEqual(value(LISTED), accepted)
        value(f"location.hash = '#sample-{sample}-attempt-1'")
        self.browser.settle()
        self.assertIn("Rejected", value("document.querySelector('#document .note').textContent"))
        self.assertEqual(value("document.getElementById('f-show').value"), "rejected")

    def test_rejected_texts_on_a_phone_and_on_paper(self):
        self.show("strict", *PHONE, dark=True)
        value = self.browser.value
        self.browser.fill("f-show", "rejected")
        self.browser.value("document.getElementById('reader').scrollIntoView()")
        self.browser.shoot("strict-390-rejected-list")
        self.assertLessEqual(value("document.documentElement.scrollWidth"), PHONE[0])
        value("document.querySelector('#list button').click()")
        self.browser.settle()
        self.assertEqual(value("document.getElementById('document').checkVisibility()"), True)
        self.assertLessEqual(value("document.documentElement.scrollWidth"), PHONE[0])
        self.assertEqual(value(CONTRASTS), [])
        self.browser.shoot("strict-390-rejected-text")
        self.show("strict", *DESK, media="print")
        self.browser.press("r")
        self.assertEqual(value("['.note.bad', '.attempts'].map((one) => document.querySelector('#document ' + one).checkVisibility())"),
                         [True, False])

    def test_on_a_phone_list_and_text_take_turns(self):
        self.show("offline", *PHONE)
        value = self.browser.value
        visible = "['list', 'document'].map((id) => document.getElementById(id).checkVisibility())"
        self.assertEqual(value(visible), [True, False])
        value("document.querySelectorAll('#list button')[2].click()")
        self.browser.settle()
        self.assertEqual(value(visible), [False, True])
        self.browser.shoot("offline-390-text")
        self.assertEqual(self.browser.value(CONTRASTS), [])
        value("new Promise((done) => { addEventListener('popstate', done, {once: true}); history.back(); }).then(() => 1)")
        self.browser.settle()
        self.assertEqual(value(visible), [True, False])

    def test_an_address_opens_its_sample(self):
        self.show("offline", *DESK)
        self.browser.value("location.hash = '#sample-8'")
        self.browser.settle()
        self.assertIn("sample_8", self.browser.value("document.querySelector('.facts').textContent"))
        self.assertLess(self.browser.value("document.querySelector('#document').getBoundingClientRect().top"), DESK[1])

    def test_everything_that_takes_input_has_a_name(self):
        self.show("faulty", *DESK)
        nodes = self.browser.call("Accessibility.getFullAXTree")["nodes"]
        roles = {"button", "combobox", "searchbox", "spinbutton", "link", "textbox", "region"}
        nameless = [node["role"]["value"] for node in nodes
                    if not node["ignored"] and node.get("role", {}).get("value") in roles
                    and not node.get("name", {}).get("value")]
        self.assertEqual(nameless, [])

    def test_paper_has_charts_and_the_open_text_on_white(self):
        self.show("offline", *DESK, dark=True, media="print")
        self.assertEqual(self.browser.value("getComputedStyle(document.body).backgroundColor"), "rgb(255, 255, 255)")
        self.assertEqual(self.browser.value("['filters', 'list', 'text'].map((id) => document.getElementById(id).checkVisibility())"),
                         [False, False, True])
        self.assertGreater(len(self.browser.call("Page.printToPDF")["data"]), 10_000)

    def test_dark_and_light_can_be_chosen(self):
        self.show("offline", *DESK)
        ground = "getComputedStyle(document.body).backgroundColor"
        light = self.browser.value(ground)
        self.browser.value("document.getElementById('theme').click()")
        self.assertNotEqual(self.browser.value(ground), light)
        self.assertEqual(self.browser.value(CONTRASTS), [])


if __name__ == "__main__":
    if not CHROMIUM:
        print("skipped: there is no Chromium here (Debian: apt-get install chromium)")
        sys.exit(SKIPPED)
    unittest.main(argv=sys.argv[:1], verbosity=2, failfast=True)
