#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""Backup while the hub works, the state made anew from snapshot and journal, and a restore elsewhere: the same digest."""
import pathlib
import shutil
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from house import EXAMPLE, House, run

PARTNERS = ["politie", "reclassering"]


def feed(house, name, pattern, total):
    for path in sorted((EXAMPLE / "exports" / name).glob(pattern)):
        house.drop(name, path)
    done = house.counterpart_dir(name) / "done"
    house.wait_until("results", lambda: len(list(done.glob("*.result.csv"))) >= total)


def wait_snapshots(house, count):
    house.wait_until(f"{count} snapshots", lambda: len(list((house.house / "data/snapshots").glob("*"))) >= count)


def digest_line(text, word):
    return next(line.split("digest=")[1] for line in text.splitlines() if line.startswith(word))


def main():
    directory = tempfile.mkdtemp(prefix="knooppunt-rebuild-")
    # A snapshot every 40 positions, so that the journal is trimmed too.
    house = House(directory, settings={"snapshot_every": 40})
    try:
        house.start_hub()
        for name in PARTNERS:
            house.enrol(name)
            house.start_adapter(name)
        feed(house, "politie", "bps-20260831*", 1)
        # The keeper looks once a second: all files together could be one snapshot.
        wait_snapshots(house, 1)
        # "Later" is an answer while the hub takes a snapshot of its own.
        house.wait_until("a backup", lambda: run(house.bin / "knooppunt", "backup", house.dir / "backup", "--socket",
                                                 house.house / "run/hub.sock", expect=None) != "" or (house.dir / "backup").exists())
        feed(house, "politie", "bps-20260930*", 2)
        feed(house, "politie", "bps-20261026*", 3)
        feed(house, "reclassering", "*", 2)
        wait_snapshots(house, 2)
        house.stop()
        text = house.cli("store", "rebuild", house.house, hub=False)
        assert "from=" in text and "same=yes" in text, text
        assert "/snapshots/" in text, text
        house.cli("store", "check", house.house, hub=False)
        want = digest_line(text, "rebuilt")

        # The state is lost; snapshot and journal bring it back.
        shutil.rmtree(house.house / "data/state")
        text = house.cli("store", "rebuild", house.house, "--replace", hub=False)
        assert digest_line(text, "rebuilt") == want
        text = house.cli("store", "rebuild", house.house, hub=False)
        assert "same=yes" in text

        # The disk is lost: the backup is put in place, and only where nothing is.
        refused = run(house.bin / "knooppunt", "restore", house.dir / "backup", house.house, expect=1)
        shutil.rmtree(house.house / "data")
        house.cli("restore", house.dir / "backup", house.house, hub=False)
        house.start_hub()
        assert house.ask("store", "verify")["verify"][0]["bad_rows"] == 0
        # The partner holds receipts that this journal does not have: it is noticed.
        house.start_adapter("politie")
        house.hub.wait_for("journal.behind_receipts")
        house.stop()
    finally:
        house.stop()
    shutil.rmtree(directory)
    print("backup, rebuild and restore: the same state")


if __name__ == "__main__":
    main()
