#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""`knooppunt-adapter` as its operator uses it: a full list that waits is confirmed or rejected, and what stands in the way (no hub, a
home of somebody else, no bundle, no configuration) is said with its reason. Real processes, the example house's own lists.
"""
import csv
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import house  # noqa: E402

LIST = house.EXAMPLE / "exports/om/compas-20260928.csv"
DONE, NO, USAGE, LATER, BROKEN = range(5)


class Test(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="knooppunt-e2e-", dir=os.environ.get("TMPDIR"))
        self.addCleanup(folder.cleanup)
        self.house = house.House(folder.name)
        self.addCleanup(self.house.stop)
        self.hub = self.house.start_hub()
        self.home = self.house.enrol("om")

    def adapter(self, *arguments, name="om", home=None, expect=DONE):
        """One command to its end: (stdout, stderr)."""
        done = subprocess.run([str(self.house.bin / "knooppunt-adapter"), name, "--home", str(home or self.home), *arguments],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False,
                              timeout=120)
        self.assertEqual(done.returncode, expect, (arguments, done.stdout, done.stderr))
        return done.stdout, done.stderr

    def configure(self, text="{}"):
        (self.home / "adapter.yaml").write_text(text + "\n")


class FullList(Test):
    def drop_short(self, name):
        """Half of the list, whole by its trailer; it waits then."""
        rows = LIST.read_text(encoding="latin-1").splitlines()
        path = self.house.dir / name
        path.write_text("\r\n".join(rows[:19] + ["EINDE;18", ""]), encoding="latin-1")
        self.house.drop("om", path)
        self.om.wait_for("list.waiting", match=name)
        self.assertTrue((self.home / "waiting" / name).exists())

    def result(self, name):
        with open(self.home / "done" / f"{name}.result.csv", newline="", encoding="utf-8-sig") as file:
            return list(csv.DictReader(file))

    def test_a_person_decides(self):
        self.om = self.house.start_adapter("om")
        self.house.drop("om", LIST)
        self.om.wait_for("file.done", match=LIST.name)

        self.drop_short("short-1.csv")
        out, _ = self.adapter("reject", "short-1.csv")
        self.assertIn("short-1.csv: rejected", out)
        self.om.wait_for("file.done", match="short-1.csv")
        self.assertEqual([(row["status"], row["reason"]) for row in self.result("short-1.csv")],
                         [("refused", "rejected by a person")])

        self.drop_short("short-2.csv")
        _, error = self.adapter("confirm", "short-3.csv", expect=BROKEN)
        self.assertIn("waiting/short-3.csv", error)
        out, _ = self.adapter("confirm", "short-2.csv")
        self.assertIn("short-2.csv: confirmed", out)
        self.om.wait_for("list.confirmed", match="short-2.csv")
        self.om.wait_for("file.done", match="short-2.csv")
        statuses = [row["status"] for row in self.result("short-2.csv")]
        self.assertGreater(statuses.count("withdrawn"), 10)
        self.assertEqual(list((self.home / "waiting").iterdir()), [])
        self.assertEqual(self.om.count("hub.unreachable"), 0)


class Enrolment(Test):
    def test_the_readme_leads_from_keygen_to_a_running_adapter(self):
        """Its commands as they stand; those that go on running are left to, until they are welcome."""
        text = (house.ROOT / "adapters/README.md").read_text()
        lines = [line for block in re.findall(r"(?s)\n```sh\n(.*?)```", text) for line in block.splitlines()]
        env = {**os.environ, "PATH": f"{self.house.bin.resolve()}:{os.environ['PATH']}"}
        running = []
        for line in lines:
            start = re.fullmatch(r"knooppunt-adapter (\w+) --home (\w+)", line)
            if start is None:
                house.run("/bin/sh", "-c", line, cwd=self.house.dir, env=env)
                continue
            one = house.Process(start[2], [self.house.bin / "knooppunt-adapter", start[1], "--home", self.house.dir / start[2]],
                                self.house.dir / f"{start[2]}.log")
            self.house.processes.append(one)
            one.wait_for("hub.welcome")
            running.append(start[2])
        self.assertEqual(running, ["om", "ketenmanager"])
        connected = {row["counterpart"] for row in self.house.ask("status")["doors"] if row["connected"]}
        self.assertEqual(connected, set(running))


class Held(Test):
    def test_what_the_operator_decides_of_a_held_signal_reaches_the_partner(self):
        home = self.house.enrol("reclassering")
        adapter = self.house.start_adapter("reclassering")
        record = {"id": "R1", "versie": 1, "soort": "EINDE", "datum": "2026-03-01", "geregistreerd": "2026-03-01T09:00:00+01:00",
                  "organisatie": "SVG", "client": {"achternaam": "Verzonnen", "voorletters": "V.", "geboortedatum": "1980-02-03"}}
        for name, day in (("one.jsonl", "2026-03-01"), ("two.jsonl", "2026-03-02")):  # the same version of it, told otherwise
            path = self.house.dir / name
            path.write_text(json.dumps({**record, "datum": day}) + "\n")
            self.house.drop("reclassering", path)
            adapter.wait_for("file.done", match=name)
        held = self.house.ask("held", "list", "reclassering")["held"]
        self.assertEqual([(row["reference"], row["code"]) for row in held], [("R1", "CONFLICT")])
        before = set(os.listdir(home / "inbox"))
        self.house.cli("held", "drop", held[0]["position"], "--yes")
        self.house.wait_until("the decision is in the inbox", lambda: set(os.listdir(home / "inbox")) - before)
        [name] = set(os.listdir(home / "inbox")) - before
        text = (home / "inbox" / name).read_text()
        self.assertIn("R1", text)
        self.assertIn('"resultaat":"vervallen"', text)


class InTheWay(Test):
    def test_no_hub_answers(self):
        self.configure()
        self.hub.end()
        shutil.copytree(LIST.parent, self.home / "drop")
        _, error = self.adapter("once", "--wait", "1", expect=NO)
        endpoint = f"tcp://127.0.0.1:{self.house.first_port}"
        self.assertRegex(error, f'hub.unreachable .*text="no hub answers at {endpoint}')
        om = self.house.start_adapter("om")
        om.wait_for("hub.unreachable", match=endpoint)
        self.house.start_hub()
        om.wait_for("hub.welcome")
        om.wait_for("file.done")
        self.assertEqual(om.count("hub.unreachable"), 1)

    def test_a_home_is_one_adapters(self):
        self.configure()
        shutil.copytree(house.EXAMPLE / "exports/politie", self.home / "drop")
        _, error = self.adapter("once", name="politie", expect=BROKEN)
        self.assertRegex(error, "err=CONFIG .*is the bundle of om, and this is the adapter politie")
        self.assertEqual(len(list((self.home / "drop").iterdir())), 3)  # nothing was taken
        shutil.rmtree(self.home / "drop")
        self.adapter("once")
        self.adapter("once")
        other = self.house.enrol("reclassering")
        (other / "adapter.yaml").write_text("spool: ../om/spool\n")
        _, error = self.adapter("once", name="reclassering", home=other, expect=BROKEN)
        self.assertRegex(error, "err=CONFIG .*om/spool/owner says that the adapter om for om works here")

    def test_a_file_that_is_missing_or_another_is_named(self):
        _, error = self.adapter("once", expect=USAGE)
        self.assertRegex(error, r"om/adapter.yaml: there is no such file; write \{\} into it")
        self.configure()
        bundle = self.home / "bundle"
        bundle.write_bytes((self.home / "request.kpr").read_bytes())
        _, error = self.adapter("once", expect=BROKEN)
        self.assertRegex(error, "om/bundle: .*; is it what the hub's operator gave you")
        bundle.unlink()
        _, error = self.adapter("once", expect=BROKEN)
        self.assertRegex(error, "om/bundle: there is no bundle; put there what the hub's operator made of your request")


if __name__ == "__main__":
    unittest.main()
