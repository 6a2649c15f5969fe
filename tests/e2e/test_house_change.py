#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""house.yaml changes while the hub is stopped: what an enrolled counterpart has stays as his bundle says, and the hub tells of it."""
import re

import kit


class HouseChange(kit.Test):
    PARTNERS = ("politie", "om")

    def test_a_door_outside_the_new_range_is_told(self):
        port = self.house.ask("partner", "list", "om")["partners"][0]["port"]
        path = self.house.house / "house.yaml"
        text = path.read_text()
        last = int(re.search(r"port_last: *(\d+)", text).group(1))
        path.write_text(re.sub(r"port_first: *\d+", f"port_first: {port + 1}", text))
        self.assertLess(port, last)
        self.house.hub.end()
        hub = self.house.start_hub()
        line = hub.lines[hub.wait_for("door.outside", match="counterpart=om")]
        self.assertIn(f"port={port} first={port + 1} last={last}", line)
        type(self).hub, type(self).pid = hub, hub.child.pid
        with self.session("om") as one:
            self.submit(one, kit.report("O-1", 1))


if __name__ == "__main__":
    kit.main()
