#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""Backup while the hub works, the state made anew from snapshot and journal, and a restore elsewhere: the same digest.
And what fails makes nothing, leaves nothing, and says what to do.
"""
import json
import os
import pathlib
import shutil
import subprocess
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


def offline(house, *words, expect=0):
    """A command on the data of a hub that does not run: (stdout, stderr)."""
    done = subprocess.run([house.bin / "knooppunt", *words], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          check=False, timeout=120)
    assert done.returncode == expect, (words, done)
    return done.stdout, done.stderr


def found_below(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def damage(backup, part):
    """A copy of the backup in which one byte in each page of one part is another."""
    bad = backup.with_name(f"bad-{part}")
    shutil.copytree(backup, bad)
    path = bad / part / "data.mdb"
    data = bytearray(path.read_bytes())
    for at in range(2 * 4096 + 2048, len(data), 4096):
        data[at] ^= 1
    path.write_bytes(data)
    return bad


def check_no_data(house):
    """Data that is gone is not good, and looking makes none."""
    for words in (("store", "check"), ("store", "rebuild"), ("store", "rebuild", "--replace")):
        out, error = offline(house, *words, house.house, expect=1)
        assert "restore a backup" in error and "NOT_FOUND" in error and out == "", (out, error)
        assert not (house.house / "data").exists()
    told = json.loads(offline(house, "store", "check", house.house, "--json", expect=1)[0])
    assert (told["code"], told["name"]) == (4, "NOT_FOUND") and "restore a backup" in told["text"], told


def check_failed_restores(house, backup):
    """What is no good backup is told so, and nothing of it stays in the way of the right one."""
    _, error = offline(house, "restore", house.dir / "bacup", house.house, expect=1)
    assert "bacup is not a backup" in error and "NOT_FOUND" in error, error
    assert not (house.house / "data").exists()
    for part in ("state", "journal", "persons"):
        out, error = offline(house, "restore", damage(backup, part), house.house, expect=4)
        assert "restored" not in out and "restore another" in error, (out, error)
        assert not (house.house / "data").exists()
    # A data folder that was there stays, as a disk's mount point must.
    (house.house / "data").mkdir(mode=0o700)
    offline(house, "restore", house.dir / "bad-state", house.house, expect=4)
    assert found_below(house.house / "data") in ([], ["lock"])
    (house.house / "data/snapshots").mkdir()  # of the data that was lost: not this backup's
    _, error = offline(house, "restore", backup, house.house, expect=1)
    assert "data/snapshots is there" in error, error
    (house.house / "data/snapshots").rmdir()
    (house.house / "data/restoring/state").mkdir(parents=True)  # one that was cut off
    (house.house / "data/restoring/state/data.mdb").write_text("half")
    hub = house.start_hub(wait=False)  # an empty house must not take its place
    hub.wait_for("hub.not_started", match="cut off: run that again")
    hub.child.wait(30)
    assert found_below(house.house / "data") == ["lock", "restoring", "restoring/state", "restoring/state/data.mdb"]


def check_keys_elsewhere(house):
    """The keys of a systemd house are not there while the hub is stopped: they are given."""
    (house.house / "keys").rename(house.dir / "keys")
    _, error = offline(house, "store", "check", house.house, expect=4)
    assert "--keys DIR" in error, error
    for words in (("store", "check"), ("store", "rebuild")):
        offline(house, *words, house.house, "--keys", house.dir / "keys")
    told = json.loads(offline(house, "store", "check", house.house, "--keys", house.dir / "keys", "--json")[0])
    assert told["name"] == "OK" and told["verify"][0]["verify"] == "good" and told["verify"][0]["bad_rows"] == 0, told
    told = json.loads(offline(house, "store", "rebuild", house.house, "--json", "--keys", house.dir / "keys")[0])
    assert told["same"] == [{"same": "yes"}] and len(told["rebuilt"][0]["digest"]) == 64, told
    told = json.loads(offline(house, "store", "check", house.dir, "--json", expect=2)[0])
    assert told["name"] == "CONFIG", told
    (house.dir / "keys").rename(house.house / "keys")


def check_owner(house, backup):
    """As root, what is made belongs to the hub's user: the owner of the data, or of the house where there is none."""
    if os.geteuid() != 0:
        print("not root: whose the restored files are was not tried")
        return
    owner = 65534
    for folder in (pathlib.Path(tempfile.gettempdir()), house.dir, house.house):
        folder.chmod(folder.stat().st_mode | 0o011)  # the other user must be able to pass
    data = house.house / "data"

    def owners():
        return {(path.stat().st_uid, path.stat().st_gid) for path in (data, *data.rglob("*"))}
    for path in (data, *data.rglob("*")):
        os.chown(path, owner, owner)
    offline(house, "store", "check", house.house)
    offline(house, "store", "rebuild", house.house, "--replace")
    assert owners() == {(owner, owner)}, owners()
    shutil.rmtree(data)
    os.chown(house.house, owner, owner)
    offline(house, "restore", backup, house.house)
    assert owners() == {(owner, owner)}, owners()
    os.chown(house.house, 0, 0)
    for path in (data, *data.rglob("*")):
        os.chown(path, 0, 0)


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
        # A folder that is not there is a disk that is not mounted: the backup is not made elsewhere.
        told = house.ask("backup", house.dir / "disk/backup", expect=1)
        assert told["name"] == "NOT_FOUND" and "mounted" in told["text"], told
        assert not (house.dir / "disk").exists()
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
        run(house.bin / "knooppunt", "restore", house.dir / "backup", house.house, expect=1)
        check_keys_elsewhere(house)
        shutil.rmtree(house.house / "data")
        check_no_data(house)
        check_failed_restores(house, house.dir / "backup")
        house.cli("restore", house.dir / "backup", house.house, hub=False)
        assert not (house.house / "data/restoring").exists()
        check_owner(house, house.dir / "backup")
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
