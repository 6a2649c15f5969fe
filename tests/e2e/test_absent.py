#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""Who never comes costs nobody else anything: the ketenmanager is away for the whole run, and reclassering sends but takes nothing.

The others' events come complete and in order, round after round, with nothing left behind; `status` names the two mailboxes that
wait and says how far they are behind; and when their owners come, after a restart of the hub too, each gets everything, in order.
"""
import contextlib
import re

import kit
from kit import event, house, signal

ROUNDS = 20
PERSONS = 5  # a round; each becomes ripe in it
PRESENT, ABSENT = ("politie", "om"), ("reclassering", "ketenmanager")
EVENTS = 1 + PERSONS  # a round brings each partner the outcomes of its batch, and "known elsewhere" of each person


class Absent(kit.Test):
    USERS = ("ketenmanager",)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.positions = {name: [] for name in cls.PARTNERS}

    def send(self, one, number):
        """One batch about the persons of round @number."""
        name = one.bundle.counterpart
        made = [kit.report(f"{name}-{number}-{i}", number * PERSONS + i, kind=signal.SIGNAL_KIND_RECIDIVELIJST)
                for i in range(PERSONS)]
        lines = self.submit(one, *made).signals
        self.assertEqual([line.held_code for line in lines], [0] * PERSONS)
        self.positions[name] += [line.position for line in lines]

    def take(self, one, first, count, credit):
        """The next @count events, which have the numbers from @first on; all acknowledged."""
        name, found = one.bundle.counterpart, []
        for seq in range(first, first + count):
            if (seq - first) % credit == 0:
                one.credit(name, min(credit, first + count - seq))
            box, got, content = one.wait_event()
            self.assertEqual((box, got), (name, seq))
            found.append(content)
            if (seq - first) % credit == credit - 1 or seq == first + count - 1:
                one.ack(name, seq)
        return found

    def check_partner(self, name, number, found):
        """A round's events of a partner: the outcomes of its batch, and each of its signals known elsewhere (for the last of
        the three before, for the others after it)."""
        mine = [f"{name}-{number}-{i}" for i in range(PERSONS)]
        outcomes = found.pop(0 if name in PRESENT else -1).outcomes.outcomes
        self.assertEqual([(line.reference, line.kind) for line in outcomes],
                         [(reference, event.OUTCOME_KIND_NEW) for reference in mine])
        self.assertEqual([content.known_elsewhere.reference for content in found], mine)

    def lags(self):
        return {row["mailbox"]: row["lag"] for row in self.status()["mailboxes"]}

    def check_lags(self, rounds):
        with contextlib.suppress(house.Failure):  # an acknowledgement is journalled like everything else
            self.house.wait_until("no lag", lambda: not any(self.lags()[name] for name in PRESENT), 20)
        lags = self.lags()
        self.assertEqual({name: lag for name, lag in lags.items() if name not in ABSENT and lag != 0}, {})
        self.assertEqual([lags[name] for name in ABSENT], [rounds * EVENTS, rounds * PERSONS])

    def test_nobody_else_notices(self):
        with contextlib.ExitStack() as stack:
            one = {name: stack.enter_context(self.session(name)) for name in self.PARTNERS}
            for number in range(ROUNDS):
                for name in self.PARTNERS:
                    self.send(one[name], number)
                for name in PRESENT:
                    self.check_partner(name, number, self.take(one[name], number * EVENTS + 1, EVENTS, credit=EVENTS))
                self.check_lags(number + 1)
        self.check_told(ROUNDS)
        self.hub.end()
        type(self).hub = self.house.start_hub()
        self.check_told(ROUNDS)
        with self.session("reclassering") as late:
            found = self.take(late, 1, ROUNDS * EVENTS, credit=64)
            late.wait_acked("reclassering", ROUNDS * EVENTS)
            for number in range(ROUNDS):
                self.check_partner("reclassering", number, found[number * EVENTS:][:EVENTS])
        with self.session("ketenmanager") as late:
            found = self.take(late, 1, ROUNDS * PERSONS, credit=7)
            late.wait_acked("ketenmanager", ROUNDS * PERSONS)
        # In the order in which they became ripe, each by the third partner's signal and with those of all three.
        self.assertEqual([content.casus_ready.caused_by_position for content in found], self.positions["reclassering"])
        self.assertEqual([sorted(line.position for line in content.casus_ready.counted) for content in found],
                         [sorted(three) for three in zip(*self.positions.values())])
        self.assertEqual(len({content.event_id for content in found}), ROUNDS * PERSONS)
        self.assertEqual(set(self.lags().values()), {0})
        for words in (("status",), ("mailbox", "list")):
            self.assertEqual(self.lag_in_text(*words, name="ketenmanager"), 0)

    def check_told(self, rounds):
        """A person who asks sees whose mailbox waits, and how far it is behind."""
        self.check_lags(rounds)
        for words in (("status",), ("mailbox", "list")):
            self.assertEqual([self.lag_in_text(*words, name=name) for name in (*ABSENT, *PRESENT)],
                             [rounds * EVENTS, rounds * PERSONS, 0, 0])

    def lag_in_text(self, *words, name):
        text = self.house.cli(*words)
        table = re.search(r"(?m)^mailboxes\n((?:  .*\n)+)", text)[1].splitlines()
        column = table[0].split().index("lag")
        return next(int(line.split()[column]) for line in table if line.split()[0] == name)


if __name__ == "__main__":
    kit.main()
